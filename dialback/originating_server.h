/* originating_server - "let me in as X"
 *
 * Openfire: ServerDialback.authenticateDomain. XEP-0220 2.1.1. The first role: on a stream that we
 * opened we show a key for one of our domains and await the verdict. One `struct
 * originating_server` per outgoing stream keeps what was asked on it; only an answer to that
 * counts. No locks: the session that owns it guards it.
 */
#ifndef DIALBACK_ORIGINATING_SERVER_H
#define DIALBACK_ORIGINATING_SERVER_H

#include <stdint.h>

#include "dialback/dialback_element.h"

struct originating_request {
    struct originating_request *next;
    char *local, *remote;
    int64_t deadline; /* xmpp_server_now's clock */
    int64_t began;    /* metrics_now's clock */
};

struct originating_server {
    struct originating_request *requests; /* owned: shown, not answered yet */
};

/* originating_server_authenticate_domain - append the db:result that proves `local` to `remote`
 * on the stream `stream_id` (the peer's id), and remember it until `deadline` */
void originating_server_authenticate_domain(struct originating_server *server, const char *local,
                                            const char *remote, const char *stream_id,
                                            int64_t deadline, struct text *out);
/* originating_server_is_pending - was `local` shown to `remote` and not answered yet? */
bool originating_server_is_pending(const struct originating_server *server, const char *local,
                                   const char *remote);
/* originating_server_take_answered - the request that this db:result answers, now the caller's
 * (originating_request_free), or NULL: it was not asked, or names another pair, and must change
 * nothing */
struct originating_request *originating_server_take_answered(struct originating_server *server,
                                                             const struct dialback_element *answer);
/* originating_server_take_expired - a request whose deadline is over at `now` (INT64_MAX: any),
 * or NULL */
struct originating_request *originating_server_take_expired(struct originating_server *server,
                                                            int64_t now);
void originating_request_free(struct originating_request *request);

#endif
