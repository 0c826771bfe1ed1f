/* SPDX-License-Identifier: Apache-2.0 */
/* trace - follow, live, what happens with a domain
 *
 * A few places, each with a ring of events. An event is made without the lock and moved into the rings under it; who
 * reads moves it out. The only wait is trace_next's, on the place's condition.
 */
#include "server/trace.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/thread.h"
#include "xml/element.h"

struct trace {
    char *domain; /* set before start, as is stanzas */
    bool stanzas;
    pthread_cond_t filled;
    struct trace_event events[TRACE_QUEUE]; /* guarded by lock, as is all below */
    size_t first, count;
    unsigned long lost;
};

int trace_count; /* written under lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct trace *traces[TRACE_MAX]; /* guarded by lock */

static void change_count(int by)
{
    __atomic_fetch_add(&trace_count, by, __ATOMIC_RELAXED);
}

struct trace *trace_start(const char *domain, bool stanzas)
{
    struct trace *trace = text_calloc(1, sizeof *trace);
    trace->domain = text_copy(domain);
    trace->stanzas = stanzas;
    thread_condition_init(&trace->filled);
    int place = 0;
    pthread_mutex_lock(&lock);
    while (place < TRACE_MAX && traces[place] != NULL)
        place++;
    if (place < TRACE_MAX) {
        traces[place] = trace;
        change_count(1);
    }
    pthread_mutex_unlock(&lock);
    if (place < TRACE_MAX)
        return trace;
    pthread_cond_destroy(&trace->filled);
    free(trace->domain);
    free(trace);
    return NULL;
}

void trace_stop(struct trace *trace)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < TRACE_MAX; i++)
        if (traces[i] == trace) {
            traces[i] = NULL;
            change_count(-1);
        }
    pthread_mutex_unlock(&lock);
    for (; trace->count > 0; trace->count--)
        free(trace->events[trace->first++ % TRACE_QUEUE].text);
    pthread_cond_destroy(&trace->filled);
    free(trace->domain);
    free(trace);
}

bool trace_next(struct trace *trace, int64_t deadline, struct trace_event *event)
{
    pthread_mutex_lock(&lock);
    while (trace->count == 0 && thread_condition_wait(&trace->filled, &lock, deadline)) {
    }
    bool some = trace->count > 0;
    if (some) {
        *event = trace->events[trace->first];
        trace->first = (trace->first + 1) % TRACE_QUEUE;
        trace->count--;
    }
    pthread_mutex_unlock(&lock);
    return some;
}

unsigned long trace_lost(struct trace *trace)
{
    pthread_mutex_lock(&lock);
    unsigned long lost = trace->lost;
    trace->lost = 0;
    pthread_mutex_unlock(&lock);
    return lost;
}

/* concerns - is it one of these lines? */
static bool concerns(const char *domains, const char *domain)
{
    size_t length = strlen(domain);
    for (const char *at = domains, *end; (end = strchr(at, '\n')) != NULL; at = end + 1)
        if ((size_t)(end - at) == length && memcmp(at, domain, length) == 0)
            return true;
    return false;
}

/* put - a copy for each who wants it */
static void put(const char *domains, const struct trace_event *event)
{
    for (int i = 0; i < TRACE_MAX; i++) {
        char *copy = text_copy(event->text); /* without the lock */
        pthread_mutex_lock(&lock);
        struct trace *trace = traces[i];
        bool wanted = trace != NULL && (event->kind == TRACE_STEP || trace->stanzas) &&
                      concerns(domains, trace->domain);
        if (wanted && trace->count == TRACE_QUEUE) {
            trace->lost++;
            wanted = false;
        }
        if (wanted) {
            struct trace_event *place = &trace->events[(trace->first + trace->count) % TRACE_QUEUE];
            *place = *event;
            place->text = copy;
            copy = NULL;
            trace->count++;
            pthread_cond_signal(&trace->filled);
        }
        pthread_mutex_unlock(&lock);
        free(copy);
    }
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

void trace_step(const char *domains, const char *connection, int64_t ago, const char *actor,
                const char *clause, const char *sentence)
{
    struct trace_event event = {.kind = TRACE_STEP,
                                .time = now() - ago,
                                .actor = actor,
                                .clause = clause,
                                .text = (char *)(uintptr_t)sentence}; /* copied by put */
    snprintf(event.connection, sizeof event.connection, "%s", connection);
    put(domains, &event);
}

/* somebody_wants - is it worth to write the stanza? */
static bool somebody_wants(const char *domains)
{
    bool wanted = false;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < TRACE_MAX && !wanted; i++)
        wanted = traces[i] != NULL && traces[i]->stanzas && concerns(domains, traces[i]->domain);
    pthread_mutex_unlock(&lock);
    return wanted;
}

/* cut - not within a character */
static void cut(struct text *text)
{
    static const char sign[] = "…";
    size_t length = TRACE_STANZA_BYTES;
    if (text->length <= length)
        return;
    while (length > 0 && ((unsigned char)text->bytes[length] & 0xc0) == 0x80)
        length--;
    text->length = length;
    text_append(text, sign, sizeof sign - 1);
}

void trace_stanza(struct span domain, enum trace_kind kind, const char *connection,
                  const char *content_ns, const struct element *stanza)
{
    struct text domains = TEXT_EMPTY, written = TEXT_EMPTY;
    text_append(&domains, domain.bytes, domain.length);
    text_append_char(&domains, '\n');
    if (somebody_wants(text_string(&domains))) {
        struct trace_event event = {.kind = kind, .time = now()};
        snprintf(event.connection, sizeof event.connection, "%s", connection);
        element_write(stanza, &(struct element_style){content_ns, content_ns}, &written);
        cut(&written);
        event.text = (char *)(uintptr_t)text_string(&written);
        put(text_string(&domains), &event);
    }
    text_free(&domains);
    text_free(&written);
}
