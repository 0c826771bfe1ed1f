/* session - what incoming and outgoing sessions have in common
 *
 * Openfire: Session, LocalSession. A session is counted: the session manager holds one reference,
 * its thread one, and every look-up gives one. Closing is a state of its connection; memory goes
 * with the last reference.
 *
 * Lock order of this room, outermost first:
 *   outgoing_session_promise (table) -> local_outgoing_server_session (table) -> session ->
 *   routing_table, session_manager, outgoing_line, retry_pause, iq_router, domain_limits
 *   (leaves of this room)
 * and only then those of server/ (connection write lock, rows, log). A later one is never held
 * when an earlier one is taken; none is held across a wait, a send, or a call through a function
 * pointer.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/socket_connection.h"
#include "xml/stream_error.h"

struct session;
struct session_description;

/* What there is to say of any session at a moment: counted by the metrics */
enum session_kind { SESSION_INCOMING, SESSION_OUTGOING, SESSION_COMPONENT, SESSION_KINDS };
enum session_state {
    SESSION_WAITING,     /* for a thread that sets it up */
    SESSION_NEGOTIATING, /* nothing was proved on it yet */
    SESSION_AUTHENTICATED,
    SESSION_CLOSING,
    SESSION_STATES
};
enum session_authentication {
    SESSION_BY_NOTHING,
    SESSION_BY_DIALBACK,
    SESSION_BY_CERTIFICATE, /* dialback, which the certificate answered (XEP-0344) */
    SESSION_BY_EXTERNAL,    /* SASL EXTERNAL */
    SESSION_BY_SECRET,      /* a component's */
    SESSION_AUTHENTICATIONS
};

struct session_standing {
    enum session_kind kind;
    enum session_state state;
    enum session_authentication authentication; /* of the first pair of domains */
};

struct session_operations {
    const char *kind; /* "incoming", "outgoing", "component" */
    void (*free)(struct session *session);
    /* end it because of the settings: is one of its domains no longer permitted or ours? */
    void (*check_permission)(struct session *session);
    /* once a second, by housekeeping */
    void (*tick)(struct session *session, int64_t now);
    /* copy out what only its kind knows; what all have is there already */
    void (*describe)(struct session *session, struct session_description *description);
    /* take no new work from now on; NULL: it has none that others could do. Idempotent. */
    void (*retire)(struct session *session);
    /* how it stands; any thread */
    struct session_standing (*stand)(struct session *session);
};

struct session {
    const struct session_operations *operations; /* set before start */
    _Atomic int references;
    struct session *next, *previous; /* guarded by the session manager's lock */
    struct socket_connection
        *connection; /* one reference; guarded by lock until it is set, then constant */
    pthread_mutex_t lock;
    int64_t created; /* xmpp_server_now's clock; set before start */
    _Atomic int64_t
        packets_in; /* written by the reader only; those sent: socket_connection_stanzas */
};

void session_init(struct session *session, const struct session_operations *operations);
/* session_destroy - the common part of an operations' free */
void session_destroy(struct session *session);
struct session *session_ref(struct session *session);
void session_unref(struct session *session);
/* session_count_packet - one more came in; by its reader */
static inline void session_count_packet(struct session *session)
{
    int64_t count = atomic_load_explicit(&session->packets_in, memory_order_relaxed);
    atomic_store_explicit(&session->packets_in, count + 1, memory_order_relaxed);
}
/* session_end - end its stream from any thread: the stream error (or none: a plain closing tag),
 * and wake its reader. False when it had ended already or has no connection yet. */
bool session_end(struct session *session, enum stream_error error, const char *text);
/* session_connection - its connection with a reference, or NULL when there is none yet */
struct socket_connection *session_connection(struct session *session);
/* session_stand - how it stands. Any thread; takes the session's lock and its connection's. */
struct session_standing session_stand(struct session *session);

#endif
