/* trace - follow, live, what happens with a domain
 *
 * Openfire: none; the nearest is its debug log while a connection is tested. Somebody follows a domain: each step of the
 * timelines that concern it, and its stanzas if asked for, are put into a queue of his own as they happen, and read from
 * there at his own speed. A queue that is full loses what comes next, and says how much.
 *
 * While nobody follows anything, a step or stanza costs one relaxed load. One lock, a leaf. Any thread.
 */
#ifndef SERVER_TRACE_H
#define SERVER_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xml/text.h"

struct element;
struct trace;

#define TRACE_MAX 16            /* who follow at once */
#define TRACE_QUEUE 1000        /* events of one */
#define TRACE_STANZA_BYTES 4096 /* of a stanza; the rest is cut */

enum trace_kind { TRACE_STEP, TRACE_STANZA_IN, TRACE_STANZA_OUT };

struct trace_event {
    enum trace_kind kind;
    int64_t time;               /* microseconds since 1970 */
    char connection[32];        /* "s2sin-4f" */
    const char *actor, *clause; /* of a step: constants, or NULL */
    char *text;                 /* the sentence, or the stanza; owned */
};

extern int trace_count; /* who follow now; only through trace_is_on */
static inline bool trace_is_on(void)
{
    return __atomic_load_n(&trace_count, __ATOMIC_RELAXED) > 0;
}

/* trace_start - follow a prepared domain from now on, until trace_stop. NULL: too many do. */
struct trace *trace_start(const char *domain, bool stanzas);
void trace_stop(struct trace *trace);
/* trace_next - the next event, waiting until `deadline` (xmpp_server_now's clock). false: there is none. Free its text. */
bool trace_next(struct trace *trace, int64_t deadline, struct trace_event *event);
/* trace_lost - how many were lost since this was asked last */
unsigned long trace_lost(struct trace *trace);

/* trace_step - for timeline: a step of a story that concerns these domains (a line feed behind each), now or `ago`
 * microseconds ago. Only while trace_is_on. */
void trace_step(const char *domains, const char *connection, int64_t ago, const char *actor,
                const char *clause, const char *sentence);
/* trace_stanza - one that comes from or goes to this domain, on a stream of that namespace. Only while trace_is_on. */
void trace_stanza(struct span domain, enum trace_kind kind, const char *connection,
                  const char *content_ns, const struct element *stanza);

#endif
