/* timeline - the story of one connection, step by step
 *
 * Openfire: what FailedOutgoingServerSessionAttempt keeps for the admin page, for every connection and
 * both directions. Each step says what happened, how long after the one before, and the clause it
 * follows. Steps go to the log at debug level as they happen; the last TIMELINE_STEPS are kept. Where the
 * code knows why it ends badly, it notes the cause (server/failure.h). A leaf lock inside; any thread.
 */
#ifndef SERVER_TIMELINE_H
#define SERVER_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "server/failure.h"
#include "xml/text.h"

#define TIMELINE_STEPS 64
#define TIMELINE_DOMAINS 16
#define TIMELINE_SENTENCE 400 /* bytes of a step's sentence; the rest is cut */

struct timeline;

struct timeline *timeline_new(void);
/* timeline_ref - one more owner */
struct timeline *timeline_ref(struct timeline *timeline);
/* timeline_free - by each owner; the memory goes with the last. NULL is allowed. */
void timeline_free(struct timeline *timeline);
/* timeline_set_name - the connection's name, for who follows it live (server/trace.h); copied, cut at 23 bytes */
void timeline_set_name(struct timeline *timeline, const char *name);
/* timeline_concern - what happens here concerns this remote domain (prepared) too: who follows the domain gets the steps, those
 * that are kept already as well. At most TIMELINE_DOMAINS; then the first makes room. NULL is allowed for the timeline. */
void timeline_concern(struct timeline *timeline, const char *domain);
/* timeline_step - add a step; with a NULL timeline it only goes to the log. `clause` is a constant such as
 * "XEP-0220 2.1.2" or NULL. `actor` is a constant naming Openfire's class and method
 * ("ServerDialback.validateRemoteDomain"), NULL when there is none. What the sentence quotes is escaped. */
void timeline_step(struct timeline *timeline, const char *actor, const char *clause,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));
/* timeline_write - append all kept steps, a line each: "+12.3 ms  actor  sentence  [clause]" */
void timeline_write(struct timeline *timeline, struct text *out);

/* timeline_fail - this is why it will not come to anything, unless something else helps: the cause, and what happened in words
 * (escaped and cut like a step). Of two, that of the later step counts; of one step, the first. It is no step of its own.
 * Returns the cause as it was taken: that a port is wrong is ours if timeline_led_by_us. */
enum failure timeline_fail(struct timeline *timeline, enum failure failure, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* timeline_led_by_us - where it connects to was said by our own settings, not by the other side: then a port where nothing
 * useful listens is our fault */
void timeline_led_by_us(struct timeline *timeline, bool led);
/* timeline_failure - the cause that was noted, with its words appended to `why` unless NULL; FAILURE_NONE when there is none */
enum failure timeline_failure(struct timeline *timeline, struct text *why);
/* timeline_file, timeline_was_filed - the store notes here that it has filed the outcome of something on this timeline */
void timeline_file(struct timeline *timeline);
bool timeline_was_filed(const struct timeline *timeline);
/* timeline_settle - forget the cause: it was helped, or has been told */
void timeline_settle(struct timeline *timeline);

/* What happened up to now, in one piece that never changes: shared, freed by the last timeline_story_unref. */
struct timeline_line {
    int64_t after;              /* microseconds since the line before */
    const char *actor, *clause; /* constants, NULL when there is none */
    const char *sentence;
};

struct timeline_story {
    _Atomic int references;
    int64_t began;      /* seconds since 1970, by the wall clock */
    int64_t took;       /* milliseconds from the beginning to the last step */
    unsigned long lost; /* steps before the first line */
    int count;
    size_t bytes; /* of memory, all in all */
    struct timeline_line lines[];
};

/* timeline_tell - a copy of all kept steps; one reference for the caller. NULL for NULL. */
struct timeline_story *timeline_tell(struct timeline *timeline);
struct timeline_story *timeline_story_ref(struct timeline_story *story);
/* timeline_story_unref - NULL is allowed */
void timeline_story_unref(struct timeline_story *story);

#endif
