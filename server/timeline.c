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
    pthread_mutex_t lock; /* guards all below */
    struct step *steps;   /* step n stands at n % TIMELINE_STEPS */
    unsigned long room;   /* steps that there is memory for; most timelines have few */
    unsigned long count;  /* steps ever added */
    int64_t first, last;  /* microseconds, monotonic clock */
    int64_t began;        /* seconds since 1970 */
    char name[24];        /* of the connection */
    char *domains;        /* that it concerns, a line feed behind each; NULL: none yet */
    enum failure failure; /* noted by timeline_fail */
    char *why;            /* its words, escaped; NULL without */
    bool led_by_us;
    _Atomic bool filed;
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
    timeline->first = timeline->last = microseconds();
    timeline->began = (int64_t)time(NULL);
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
    for (unsigned long i = 0; i < timeline->count && i < TIMELINE_STEPS; i++)
        free(timeline->steps[i].sentence);
    free(timeline->steps);
    free(timeline->why);
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
    if (timeline->count == timeline->room && timeline->room < TIMELINE_STEPS) {
        timeline->room = timeline->room > 0 ? 2 * timeline->room : TIMELINE_STEPS / 8;
        timeline->steps = text_realloc(timeline->steps, timeline->room * sizeof *timeline->steps);
    }
    struct step *step = &timeline->steps[timeline->count % TIMELINE_STEPS];
    char *old = timeline->count >= TIMELINE_STEPS ? step->sentence : NULL;
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

/* print - the sentence, escaped and cut */
static void print(char sentence[TIMELINE_SENTENCE + 1], const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void print(char sentence[TIMELINE_SENTENCE + 1], const char *format, va_list arguments)
{
    char raw[TIMELINE_SENTENCE + 8];
    int length = vsnprintf(raw, sizeof raw, format, arguments);
    if (length < 0)
        length = snprintf(raw, sizeof raw, "(a step that can't be printed)");
    size_t used = (size_t)length < sizeof raw ? (size_t)length : sizeof raw - 1;
    printable_escape(sentence, TIMELINE_SENTENCE + 1, raw, used, false);
}

void timeline_step(struct timeline *timeline, const char *actor, const char *clause,
                   const char *format, ...)
{
    char sentence[TIMELINE_SENTENCE + 1];
    va_list arguments;
    va_start(arguments, format);
    print(sentence, format, arguments);
    va_end(arguments);
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

/* --- the cause of a failure --- */

/* judge - a port that our own settings named is ours to correct */
static enum failure judge(const struct timeline *timeline, enum failure failure)
{
    bool port =
        failure == FAILURE_REFUSED || failure == FAILURE_NOT_XMPP || failure == FAILURE_DNS_NO_SRV;
    return timeline->led_by_us && port ? FAILURE_WRONG_PORT_HERE : failure;
}

enum failure timeline_fail(struct timeline *timeline, enum failure failure, const char *format, ...)
{
    char sentence[TIMELINE_SENTENCE + 1];
    if (timeline == NULL)
        return failure;
    va_list arguments;
    va_start(arguments, format);
    print(sentence, format, arguments);
    va_end(arguments);
    char *copy = text_copy(sentence), *old = copy;
    pthread_mutex_lock(&timeline->lock);
    failure = judge(timeline, failure);
    if (timeline->failure == FAILURE_NONE ||
        failure_step(failure) > failure_step(timeline->failure)) {
        old = timeline->why;
        timeline->failure = failure;
        timeline->why = copy;
    }
    pthread_mutex_unlock(&timeline->lock);
    free(old);
    return failure;
}

void timeline_led_by_us(struct timeline *timeline, bool led)
{
    if (timeline == NULL)
        return;
    pthread_mutex_lock(&timeline->lock);
    timeline->led_by_us = led;
    pthread_mutex_unlock(&timeline->lock);
}

enum failure timeline_failure(struct timeline *timeline, struct text *why)
{
    if (timeline == NULL)
        return FAILURE_NONE;
    pthread_mutex_lock(&timeline->lock);
    enum failure failure = timeline->failure;
    if (why != NULL && timeline->why != NULL)
        text_append_string(why, timeline->why);
    pthread_mutex_unlock(&timeline->lock);
    return failure;
}

void timeline_file(struct timeline *timeline)
{
    if (timeline != NULL)
        atomic_store(&timeline->filed, true);
}

bool timeline_was_filed(const struct timeline *timeline)
{
    return timeline != NULL && atomic_load(&timeline->filed);
}

void timeline_settle(struct timeline *timeline)
{
    if (timeline == NULL)
        return;
    pthread_mutex_lock(&timeline->lock);
    char *old = timeline->why;
    timeline->failure = FAILURE_NONE;
    timeline->why = NULL;
    pthread_mutex_unlock(&timeline->lock);
    free(old);
}

/* --- the story told --- */

/* copy_lines - all kept steps into a story of one piece: lines first, sentences behind them; under the lock */
static struct timeline_story *copy_lines(const struct timeline *timeline)
{
    unsigned long lost = timeline->count > TIMELINE_STEPS ? timeline->count - TIMELINE_STEPS : 0;
    int count = (int)(timeline->count - lost);
    struct timeline_story *story;
    size_t bytes = sizeof *story + (size_t)count * sizeof story->lines[0], used = bytes;
    for (unsigned long i = lost; i < timeline->count; i++)
        bytes += strlen(timeline->steps[i % TIMELINE_STEPS].sentence) + 1;
    story = text_calloc(1, bytes);
    story->references = 1;
    story->began = timeline->began;
    story->took = (timeline->last - timeline->first) / 1000;
    story->lost = lost;
    story->count = count;
    story->bytes = bytes;
    for (int i = 0; i < count; i++) {
        const struct step *step = &timeline->steps[(lost + (unsigned long)i) % TIMELINE_STEPS];
        char *sentence = (char *)story + used;
        size_t length = strlen(step->sentence) + 1;
        memcpy(sentence, step->sentence, length);
        used += length;
        story->lines[i] = (struct timeline_line){step->after, step->actor, step->clause, sentence};
    }
    return story;
}

struct timeline_story *timeline_tell(struct timeline *timeline)
{
    if (timeline == NULL)
        return NULL;
    pthread_mutex_lock(&timeline->lock);
    struct timeline_story *story = copy_lines(timeline);
    pthread_mutex_unlock(&timeline->lock);
    return story;
}

struct timeline_story *timeline_story_ref(struct timeline_story *story)
{
    atomic_fetch_add(&story->references, 1);
    return story;
}

void timeline_story_unref(struct timeline_story *story)
{
    if (story != NULL && atomic_fetch_sub(&story->references, 1) == 1)
        free(story);
}
