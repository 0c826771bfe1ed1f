/* SPDX-License-Identifier: Apache-2.0 */
/* session - what incoming and outgoing sessions have in common
 *
 * Openfire: LocalSession. An incoming session has its connection from its first moment; an outgoing
 * one gets it when it is connected, and until then housekeeping or a shutdown finds none. That is
 * why the pointer is read under the session's lock by all threads but its own.
 */
#include "session/session.h"

#include <stdatomic.h>

#include "server/log.h"
#include "server/metrics.h"
#include "server/xmpp_server.h"
#include "xml/stream_header.h"

void session_init(struct session *session, const struct session_operations *operations)
{
    session->operations = operations;
    session->references = 1;
    session->created = xmpp_server_now();
    pthread_mutex_init(&session->lock, NULL);
}

void session_destroy(struct session *session)
{
    socket_connection_unref(session->connection);
    pthread_mutex_destroy(&session->lock);
}

struct session *session_ref(struct session *session)
{
    atomic_fetch_add_explicit(&session->references, 1, memory_order_relaxed);
    return session;
}

void session_unref(struct session *session)
{
    if (session != NULL &&
        atomic_fetch_sub_explicit(&session->references, 1, memory_order_acq_rel) == 1)
        session->operations->free(session);
}

struct socket_connection *session_connection(struct session *session)
{
    pthread_mutex_lock(&session->lock);
    struct socket_connection *connection = session->connection;
    if (connection != NULL)
        socket_connection_ref(connection);
    pthread_mutex_unlock(&session->lock);
    return connection;
}

struct session_standing session_stand(struct session *session)
{
    struct session_standing standing = session->operations->stand(session);
    struct socket_connection *connection = session_connection(session);
    if (connection != NULL && !socket_connection_is_open(connection))
        standing.state = SESSION_CLOSING;
    socket_connection_unref(connection);
    return standing;
}

bool session_end(struct session *session, enum stream_error error, const char *text)
{
    struct socket_connection *connection = session_connection(session);
    if (connection == NULL)
        return false;
    struct text last = TEXT_EMPTY;
    stream_error_write(&last, error, text);
    text_append_string(&last, STREAM_FOOTER);
    bool ended = socket_connection_end(connection, last.bytes, last.length);
    if (ended) {
        socket_connection_wake(connection);
        if (error != STREAM_ERROR_NONE)
            metrics_add(stream_errors[METRICS_OUTGOING][error], 1);
        log_debug("%s: ended by us: %s%s%s", socket_connection_name(connection),
                  stream_error_name(error), text != NULL ? ", " : "", text != NULL ? text : "");
    }
    text_free(&last);
    socket_connection_unref(connection);
    return ended;
}
