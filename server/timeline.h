/* timeline - the story of one connection, step by step
 *
 * Openfire: what FailedOutgoingServerSessionAttempt keeps for the admin page, for every connection and
 * both directions. Each step says what happened, how long after the one before, and the clause it
 * follows. Steps go to the log at debug level as they happen; the last TIMELINE_STEPS are kept. A leaf
 * lock inside; any thread.
 */
#ifndef SERVER_TIMELINE_H
#define SERVER_TIMELINE_H

#include <stdint.h>

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

#endif
