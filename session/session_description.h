/* session_description - what can be told of a live session, copied out of it
 *
 * Openfire: what server-session-details.jsp shows of Session, IncomingServerSession, OutgoingServerSession. All is copied
 * while the session's lock is held, and told to whoever asks without any lock. Any thread.
 */
#ifndef SESSION_SESSION_DESCRIPTION_H
#define SESSION_SESSION_DESCRIPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session/session.h"

#define SESSION_DESCRIPTION_PAIRS 1000 /* of one session; further ones are counted only */

struct session_description_pair {
    char *local; /* NULL for a component's domain */
    char *remote;
    const char *authentication; /* a constant; NULL: being proved */
};

struct session_description {
    const char *kind; /* the operations' */
    char *name;       /* "s2sin-4f" */
    char *stream_id;  /* ours for streams opened to us, else the other side's; NULL: none yet */
    char *local;      /* of the header; NULL: no matter */
    char *remote;     /* likewise: who it says it is */
    bool behind;      /* the other side is a server behind us */
    const char *
        state; /* a constant: waiting, connecting, handshake, negotiating, verifying, open, retired, closing */
    char *peer;                    /* "192.0.2.1:5269", NULL: not connected yet */
    int local_port;                /* of the connection, at our side; 0: not known */
    const char *protocol, *cipher; /* of TLS, NULL without; constants */
    int64_t since, active; /* it began, something moved last: by the clock of xmpp_server_now */
    int64_t packets_in, packets_out, bytes_in, bytes_out;
    size_t unsent; /* bytes */
    struct session_description_pair *pairs;
    size_t pair_count; /* that are here */
    size_t pair_total; /* that there are */
};

/* session_describe - fill it; free it with session_description_free */
void session_describe(struct session *session, struct session_description *description);
void session_description_free(struct session_description *description);
/* session_description_add - one more pair, copied; for the operations' describe */
void session_description_add(struct session_description *description, const char *local,
                             const char *remote, const char *authentication);
/* session_description_is - is it about this stream (name or stream id) or this domain (prepared): the other side's, or one
 * of a component? */
bool session_description_is(const struct session_description *description, const char *what);

#endif
