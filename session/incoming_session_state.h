/* incoming_session_state - what a LocalIncomingServerSession is made of
 *
 * For the files that work on it: local_incoming_server_session (how it is made, proved and ended), validated_domains (what a proof
 * changes) and server_session_description (what is told of it). Nobody else includes this.
 */
#ifndef SESSION_INCOMING_SESSION_STATE_H
#define SESSION_INCOMING_SESSION_STATE_H

#include <sys/socket.h>

#include "session/domain_pair.h"
#include "session/session.h"

/* The value of a pair: being proved, or how it was */
#define PAIR_PENDING ((void *)1)
#define PAIR_BY_DIALBACK ((void *)2)
#define PAIR_BY_EXTERNAL ((void *)3)
#define PAIR_BY_CERTIFICATE \
    ((void *)4) /* asked for by dialback, proved by the certificate (XEP-0344) */

static inline bool pair_is_proved(const void *value)
{
    return value != NULL && value != PAIR_PENDING;
}

struct local_incoming_server_session {
    struct session session; /* first: a struct session * is one of these */
    char stream_id[33];     /* set before start */
    char *local, *claimed;  /* the header's to and from, prepared, or NULL; set before start */
    struct domain_pair_table pairs; /* value PAIR_...; guarded by session.lock */
    int pending;                    /* guarded by session.lock */
    bool over;                      /* its pairs count no longer; guarded by session.lock */
    _Atomic int validated;
    void *_Atomic first_proof;           /* PAIR_BY_... of the first that was validated */
    const struct domain_pair *last_pair; /* validated; the reader's own */
    int64_t max_pending, max_pairs;      /* set before start */
    int64_t deadline;                    /* of the negotiation; set before start */
    struct connection_ticket *ticket;    /* a reference */
    bool upstream;                       /* set before start: the private port */
    struct sockaddr_storage peer;        /* of it; set before start */
};

#endif
