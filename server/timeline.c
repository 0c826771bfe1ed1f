/* SPDX-License-Identifier: Apache-2.0 */
/* timeline - the story of one connection, step by step
 *
 * Openfire: FailedOutgoingServerSessionAttempt, and what its classes write to their debug logs, joined to
 * the connection it is about.
 *
 * A ring of the last TIMELINE_STEPS steps; how many went before them is told, so that a story whose
 * beginning is lost is not taken for a whole one. Times come from the monotonic clock; each step keeps its
 * distance to the one before, which is why it stays right when older ones are gone.
 *
 * Threads: any that works on the connection, and whoever shows it. The lock is a leaf: nothing is called
 * under it. Freed by timeline_free, by the connection's owner.
 */
#include "server/timeline.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/log.h"
#include "server/printable.h"
#include "server/trace.h"

struct step {
    const char *actor, *clause; /* constants */
    char *sentence;             /* escaped */
    int64_t after;              /* microseconds since the step before */
};

struct timeline {
    pthread_mutex_t lock;              /* guards all below */
    struct step steps[TIMELINE_STEPS]; /* step n stands at n % TIMELINE_STEPS */
    unsigned long count;               /* steps ever added */
    int64_t last;                      /* microseconds, monotonic clock */
    char name[24];                     /* of the connection */
    char *domains; /* that it concerns, a line feed behind each; NULL: none yet */
    _Atomic int references;
};

static int64_t microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

struct timeline *timeline_new(void)
{
    struct timeline *timeline = text_calloc(1, sizeof *timeline);
    pthread_mutex_init(&timeline->lock, NULL);
    timeline->last = microseconds();
    timeline->references = 1;
    return timeline;
}

struct timeline *timeline_ref(struct timeline *timeline)
{
    atomic_fetch_add(&timeline->references, 1);
    return timeline;
}

void timeline_free(struct timeline *timeline)
{
    if (timeline == NULL || atomic_fetch_sub(&timeline->references, 1) != 1)
        return;
    for (int i = 0; i < TIMELINE_STEPS; i++)
        free(timeline->steps[i].sentence);
    pthread_mutex_destroy(&timeline->lock);
    free(timeline->domains);
    free(timeline);
}

void timeline_set_name(struct timeline *timeline, const char *name)
{
    if (timeline == NULL)
        return;
    pthread_mutex_lock(&timeline->lock);
    snprintf(timeline->name, sizeof timeline->name, "%s", name);
    pthread_mutex_unlock(&timeline->lock);
}

/* add_domain - false: it was there. With the lock held. */
static bool add_domain(struct timeline *timeline, const char *domain)
{
    size_t length = strlen(domain);
    int count = 0;
    const char *old = timeline->domains != NULL ? timeline->domains : "";
    for (const char *at = old, *end; (end = strchr(at, '\n')) != NULL; at = end + 1, count++)
        if ((size_t)(end - at) == length && memcmp(at, domain, length) == 0)
            return false;
    if (count == TIMELINE_DOMAINS)
        old = strchr(old, '\n') + 1;
    char *fresh = text_format("%s%s\n", old, domain);
    free(timeline->domains);
    timeline->domains = fresh;
    return true;
}

/* replay - what is kept already, for who follows the domain */
static void replay(struct timeline *timeline, const char *domain)
{
    char *line = text_format("%s\n", domain);
    struct step steps[TIMELINE_STEPS];
    int64_t ago[TIMELINE_STEPS], passed = 0;
    int count = 0;
    pthread_mutex_lock(&timeline->lock);
    passed = microseconds() - timeline->last;
    for (unsigned long i = timeline->count; i > 0 && count < TIMELINE_STEPS; i--, count++) {
        steps[count] = timeline->steps[(i - 1) % TIMELINE_STEPS];
        steps[count].sentence = text_copy(steps[count].sentence);
        ago[count] = passed;
        passed += steps[count].after;
    }
    char name[sizeof timeline->name];
    memcpy(name, timeline->name, sizeof name);
    pthread_mutex_unlock(&timeline->lock);
    while (count-- > 0) {
        trace_step(line, name, ago[count], steps[count].actor, steps[count].clause,
                   steps[count].sentence);
        free(steps[count].sentence);
    }
    free(line);
}

void timeline_concern(struct timeline *timeline, const char *domain)
{
    if (timeline == NULL)
        return;
    pthread_mutex_lock(&timeline->lock);
    bool added = add_domain(timeline, domain);
    pthread_mutex_unlock(&timeline->lock);
    if (added && trace_is_on())
        replay(timeline, domain);
}

static void log_step(const char *actor, const char *clause, const char *sentence)
{
    log_debug("%s%s%s%s%s%s", actor != NULL ? actor : "", actor != NULL ? ": " : "", sentence,
              clause != NULL ? " [" : "", clause != NULL ? clause : "", clause != NULL ? "]" : "");
}

/* keep - into the ring, in the place of the oldest */
static void keep(struct timeline *timeline, const char *actor, const char *clause,
                 const char *sentence)
{
    char *copy = text_copy(sentence);
    pthread_mutex_lock(&timeline->lock);
    struct step *step = &timeline->steps[timeline->count % TIMELINE_STEPS];
    char *old = step->sentence;
    int64_t now = microseconds();
    *step = (struct step){actor, clause, copy, now - timeline->last};
    timeline->last = now;
    timeline->count++;
    pthread_mutex_unlock(&timeline->lock);
    free(old);
}

/* follow - the step goes to who follows one of the domains */
static void follow(struct timeline *timeline, const char *actor, const char *clause,
                   const char *sentence)
{
    char name[sizeof timeline->name];
    pthread_mutex_lock(&timeline->lock);
    char *domains = text_copy(timeline->domains);
    memcpy(name, timeline->name, sizeof name);
    pthread_mutex_unlock(&timeline->lock);
    if (domains != NULL)
        trace_step(domains, name, 0, actor, clause, sentence);
    free(domains);
}

void timeline_step(struct timeline *timeline, const char *actor, const char *clause,
                   const char *format, ...)
{
    char raw[TIMELINE_SENTENCE + 8], sentence[TIMELINE_SENTENCE + 1];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(raw, sizeof raw, format, arguments);
    va_end(arguments);
    if (length < 0)
        length = snprintf(raw, sizeof raw, "(a step that can't be printed)");
    size_t used = (size_t)length < sizeof raw ? (size_t)length : sizeof raw - 1;
    printable_escape(sentence, sizeof sentence, raw, used, false);
    if (timeline != NULL)
        keep(timeline, actor, clause, sentence);
    if (timeline != NULL && trace_is_on())
        follow(timeline, actor, clause, sentence);
    if (log_enabled(LOG_LEVEL_DEBUG))
        log_step(actor, clause, sentence);
}

static void write_step(const struct step *step, struct text *out)
{
    text_appendf(out, "+%lld.%lld ms  ", (long long)(step->after / 1000),
                 (long long)(step->after % 1000 / 100));
    if (step->actor != NULL)
        text_appendf(out, "%s  ", step->actor);
    text_append_string(out, step->sentence);
    if (step->clause != NULL)
        text_appendf(out, "  [%s]", step->clause);
    text_append_char(out, '\n');
}

void timeline_write(struct timeline *timeline, struct text *out)
{
    if (timeline == NULL)
        return;
    pthread_mutex_lock(&timeline->lock);
    unsigned long first = timeline->count > TIMELINE_STEPS ? timeline->count - TIMELINE_STEPS : 0;
    if (first > 0)
        text_appendf(out, "(%lu earlier steps are not kept)\n", first);
    for (unsigned long i = first; i < timeline->count; i++)
        write_step(&timeline->steps[i % TIMELINE_STEPS], out);
    pthread_mutex_unlock(&timeline->lock);
}
