/* outgoing_session_state - what a LocalOutgoingServerSession is made of
 *
 * For the two files that work on it: local_outgoing_server_session (how it is made, found and ended) and
 * outgoing_dialback (what is asked and answered on it). Nobody else includes this.
 */
#ifndef SESSION_OUTGOING_SESSION_STATE_H
#define SESSION_OUTGOING_SESSION_STATE_H

#include "dialback/originating_server.h"
#include "dialback/receiving_server.h"
#include "session/outgoing_line.h"
#include "session/session.h"

enum outgoing_state { WAITING_FOR_THREAD, SETTING_UP, OPENED, RETIRED };

struct wanted {
    struct wanted *next;
    char *local;
};

struct local_outgoing_server_session {
    struct session session; /* first: a struct session * is one of these */
    char *local, *remote;   /* set before start */
    char name[32];          /* set before start */
    int64_t deadline;       /* of the set-up, waiting for its turn included; guarded by session.lock
                                  until its thread starts, then constant */
    int64_t setup_time;     /* from which it is made; set before start */
    int64_t read_timeout;   /* set before start */
    _Atomic int64_t keep_alive; /* ms without sending before a blank is sent; 0: never */
    int64_t sent, sent_at;     /* packets, and when their number last changed; housekeeping's own */
    struct timeline *timeline; /* a reference; each connection has its own */
    enum outgoing_state state; /* guarded by session.lock */
    char *stream_id;           /* the peer's, from opened on; guarded by session.lock */
    struct wanted *wanted;     /* pairs to be proved once it is opened; guarded by session.lock */
    struct originating_server originating; /* guarded by session.lock */
    struct receiving_server receiving;     /* guarded by session.lock */
    int domains;                           /* pairs proved; guarded by session.lock */
    bool
        exact; /* stands in the table under its own domain, not for all of ours; set before start */
    bool external; /* SASL EXTERNAL: for its own domain only; guarded by session.lock */
    struct outgoing_line_place place; /* in line for a thread; the line's */
};

#endif
