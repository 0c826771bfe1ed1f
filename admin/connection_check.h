/* connection_check - try a domain's server step by step, without touching live sessions
 *
 * Openfire: S2STestService and its page (DIFFERS: Openfire closes all sessions with the domain first; here a check has connections of its
 * own). DNS; then of every address: connect, stream, TLS, certificate, features, authentication by each way offered; and a ping, whose
 * answer comes back over a stream of theirs. The result is JSON, and a text made from it:
 *     {"domain", "local", "alone", "steps": [see check_report.h], "took_ms", "conclusion": as that of explain.h}
 * In a process of its own (`alone`, see check_alone.h) dialback and ping can't be tried, since what they ask comes to the server.
 *
 * Any thread; it blocks until its limit at most. No locks held.
 */
#ifndef ADMIN_CONNECTION_CHECK_H
#define ADMIN_CONNECTION_CHECK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "xml/text.h"

#define CONNECTION_CHECK_LIMIT_MS 60000 /* unless told otherwise */

struct connection_check {
    const char *domain; /* prepared or not */
    const char *local;  /* the domain of ours as which to go there; NULL: xmpp.domain */
    int64_t limit;      /* milliseconds; 0: CONNECTION_CHECK_LIMIT_MS */
    bool alone;
    void (*progress)(
        void *owner,
        const json_t *step);     /* each step as it ends (borrowed); NULL: nobody watches */
    bool (*wanted)(void *owner); /* asked several times a second: shall it go on? NULL: yes */
    void *owner;
};

/* connection_check_run - a new reference; NULL with `why`: a domain is none, or too many checks are under way */
json_t *connection_check_run(const struct connection_check *check, struct text *why);

#endif
