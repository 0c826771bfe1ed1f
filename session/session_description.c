/* SPDX-License-Identifier: Apache-2.0 */
/* session_description - what can be told of a live session, copied out of it
 *
 * The common part. Its connection is asked under the connection's own lock, the rest is atomic or constant; each kind adds
 * what it knows under the session's lock.
 */
#include "session/session_description.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "server/tls_stream_handler.h"

static int port_of(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

static void describe_connection(struct socket_connection *connection,
                                struct session_description *description)
{
    struct socket_connection_measures measures;
    const struct tls_stream_handler *tls = socket_connection_tls(connection);
    socket_connection_measure(connection, &measures);
    description->name = text_copy(socket_connection_name(connection));
    description->peer = text_copy(socket_connection_peer(connection));
    description->local_port = port_of(socket_connection_fd(connection));
    description->protocol = tls_stream_handler_protocol(tls);
    description->cipher = tls_stream_handler_cipher(tls);
    description->active = socket_connection_last_active(connection);
    description->packets_out = socket_connection_stanzas(connection);
    description->bytes_in = measures.bytes_in;
    description->bytes_out = measures.bytes_out;
    description->unsent = measures.unsent;
    if (!measures.open)
        description->state = "closing";
}

void session_describe(struct session *session, struct session_description *description)
{
    *description = (struct session_description){.kind = session->operations->kind};
    struct socket_connection *connection = session_connection(session);
    description->since = description->active = session->created;
    description->packets_in = atomic_load_explicit(&session->packets_in, memory_order_relaxed);
    session->operations->describe(session, description);
    if (connection != NULL) {
        free(description->name);
        describe_connection(connection, description);
    }
    socket_connection_unref(connection);
}

void session_description_add(struct session_description *description, const char *local,
                             const char *remote, const char *authentication)
{
    size_t count = description->pair_count;
    description->pair_total++;
    if (count == SESSION_DESCRIPTION_PAIRS)
        return;
    if ((count & (count - 1)) == 0) /* full at each power of two */
        description->pairs = text_realloc(description->pairs, (count == 0 ? 1 : 2 * count) *
                                                                  sizeof *description->pairs);
    description->pairs[description->pair_count++] =
        (struct session_description_pair){text_copy(local), text_copy(remote), authentication};
}

static bool equals(const char *a, const char *b)
{
    return a != NULL && strcmp(a, b) == 0;
}

bool session_description_is(const struct session_description *description, const char *what)
{
    if (equals(description->name, what) || equals(description->stream_id, what) ||
        equals(description->remote, what))
        return true;
    for (size_t i = 0; i < description->pair_count; i++)
        if (equals(description->pairs[i].remote, what))
            return true;
    return false;
}

void session_description_free(struct session_description *description)
{
    for (size_t i = 0; i < description->pair_count; i++) {
        free(description->pairs[i].local);
        free(description->pairs[i].remote);
    }
    free(description->pairs);
    free(description->name);
    free(description->stream_id);
    free(description->local);
    free(description->remote);
    free(description->peer);
    *description = (struct session_description){0};
}
