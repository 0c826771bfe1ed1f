/* SPDX-License-Identifier: Apache-2.0 */
/* socket_connection - one TCP connection: read, deliver whole stanzas, close once
 *
 * Openfire: SocketConnection. RFC 6120 4.4 (closing), 4.6.1 (dead connections).
 *
 * Threads: the connection's reader reads, ends and frees; any thread delivers and flushes. The
 * bytes are socket_channel's, what is to be sent stands in a send_queue.
 */
#include "server/socket_connection.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server/log.h"
#include "server/metrics.h"
#include "server/send_queue.h"
#include "server/socket_channel.h"
#include "server/socket_util.h"
#include "server/timeline.h"
#include "server/tls_stream_handler.h"
#include "server/touched_connections.h"
#include "server/xmpp_server.h"

#define SPARE_MS 1000          /* memory that was not needed for so long is given back */
#define LINGER_BYTES (1 << 20) /* read and dropped after our end, at most */

struct socket_connection {
    _Atomic int references;
    struct socket_channel channel; /* closed with the last reference */
    char name[32];
    char peer[80];
    struct timeline *timeline;
    _Atomic int64_t last_active;
    bool drained;            /* the last read took all there was; the reader's own */
    bool dropping;           /* what comes is of no interest any more; the reader's own */
    _Atomic bool woken;      /* the receiving side was shut by socket_connection_wake */
    _Atomic int64_t expires; /* of the peer's certificate, seconds since 1970; 0: does not matter */
    struct send_queue queue;
    _Atomic size_t packet_bytes;            /* of the largest that may be appended; 0: any */
    socket_connection_undelivered *refused; /* set before start */
    void *refused_owner;
};

struct socket_connection *socket_connection_new(int fd, const char *name,
                                                const struct send_limits *limits,
                                                struct timeline *timeline)
{
    struct socket_connection *connection = text_calloc(1, sizeof *connection);
    connection->references = 1;
    connection->channel.fd = fd;
    snprintf(connection->name, sizeof connection->name, "%s", name);
    connection->timeline = timeline;
    timeline_set_name(timeline, name);
    connection->last_active = xmpp_server_now();
    socket_util_peer_name(fd, connection->peer, sizeof connection->peer);
    send_queue_init(&connection->queue, &connection->channel, connection->name, connection->peer,
                    limits);
    metrics_add(connections_open, 1);
    return connection;
}

struct socket_connection *socket_connection_ref(struct socket_connection *connection)
{
    atomic_fetch_add_explicit(&connection->references, 1, memory_order_relaxed);
    return connection;
}

void socket_connection_unref(struct socket_connection *connection)
{
    if (connection == NULL ||
        atomic_fetch_sub_explicit(&connection->references, 1, memory_order_acq_rel) != 1)
        return;
    socket_channel_close(&connection->channel);
    metrics_add(connections_open, -1);
    timeline_free(connection->timeline);
    send_queue_free(&connection->queue);
    free(connection);
}

const char *socket_connection_name(const struct socket_connection *connection)
{
    return connection->name;
}

const char *socket_connection_peer(const struct socket_connection *connection)
{
    return connection->peer;
}

int socket_connection_fd(const struct socket_connection *connection)
{
    return connection->channel.fd;
}

struct timeline *socket_connection_timeline(const struct socket_connection *connection)
{
    return connection->timeline;
}

enum socket_read socket_connection_read_now(struct socket_connection *connection, char *buffer,
                                            size_t size, size_t *length)
{
    if (atomic_load_explicit(&connection->channel.stopped, memory_order_relaxed))
        return SOCKET_READ_FAILED;
    if (connection->drained) {
        connection->drained = false;
        return SOCKET_READ_NONE;
    }
    ssize_t got = socket_channel_read(&connection->channel, buffer, size);
    if (got == 0)
        return SOCKET_READ_END;
    if (got < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? SOCKET_READ_NONE : SOCKET_READ_FAILED;
    *length = (size_t)got;
    connection->drained = (size_t)got < size && connection->channel.tls == NULL;
    metrics_add(bytes_in, got);
    atomic_store_explicit(&connection->last_active, xmpp_server_now_about(), memory_order_relaxed);
    if (!connection->dropping)
        log_wire(connection->name, "<<", buffer, (unsigned long)got);
    return SOCKET_READ_SOME;
}

enum socket_read socket_connection_wait(struct socket_connection *connection, int64_t deadline)
{
    touched_connections_flush(true);
    socket_connection_flush(connection, true); /* what others left to us */
    int ready = socket_channel_wait(&connection->channel, POLLIN, deadline);
    return ready > 0 ? SOCKET_READ_SOME : ready == 0 ? SOCKET_READ_TIMEOUT : SOCKET_READ_FAILED;
}

enum socket_read socket_connection_read(struct socket_connection *connection, char *buffer,
                                        size_t size, int64_t deadline, size_t *length)
{
    enum socket_read result;
    while ((result = socket_connection_read_now(connection, buffer, size, length)) ==
           SOCKET_READ_NONE) {
        result = socket_connection_wait(connection, deadline);
        if (result != SOCKET_READ_SOME)
            break;
    }
    return result;
}

/* --- TLS --- */

int socket_connection_start_tls(struct socket_connection *connection,
                                struct tls_stream_handler *handler, const char *last,
                                int64_t deadline, struct text *why)
{
    touched_connections_flush(true);
    if (!send_queue_become_flusher(&connection->queue)) {
        text_append_string(why, "the connection was closed before the handshake");
        tls_stream_handler_free(handler);
        return -1;
    }
    bool good = last == NULL || send_queue_send_last(&connection->queue, last) == 0;
    if (!good)
        text_append_string(why, "the connection broke before the handshake");
    good = good && tls_stream_handler_run(handler, connection->channel.fd,
                                          &connection->channel.stopped, deadline, why) == 0;
    connection->drained = false;
    if (good) {
        connection->channel.tls = handler;
        atomic_store(&connection->expires, tls_stream_handler_verdict(handler)->expires);
    } else {
        tls_stream_handler_free(handler);
    }
    send_queue_no_longer_flusher(&connection->queue, good);
    return good ? 0 : -1;
}

const struct tls_stream_handler *socket_connection_tls(const struct socket_connection *connection)
{
    return connection->channel.tls;
}

bool socket_connection_has_expired(const struct socket_connection *connection)
{
    int64_t expires = atomic_load_explicit(&connection->expires, memory_order_relaxed);
    return expires > 0 && (int64_t)time(NULL) >= expires;
}

static int append(struct socket_connection *connection, const struct send_item *item, bool wait)
{
    touched_connections_hand_over(connection,
                                  wait); /* what this thread wrote before stands before it */
    atomic_store_explicit(&connection->last_active, xmpp_server_now_about(), memory_order_relaxed);
    int result = send_queue_append(&connection->queue, item, wait);
    if (wait && result == 0)
        touched_connections_add(connection);
    return result;
}

int socket_connection_deliver(struct socket_connection *connection, const char *bytes,
                              size_t length)
{
    return append(connection, &(struct send_item){.bytes = bytes, .length = length}, true);
}

int socket_connection_deliver_now(struct socket_connection *connection, const char *bytes,
                                  size_t length)
{
    return append(connection, &(struct send_item){.bytes = bytes, .length = length}, false);
}

int socket_connection_deliver_packet(struct socket_connection *connection,
                                     const struct element *packet,
                                     const struct element_style *style)
{
    size_t most = atomic_load_explicit(&connection->packet_bytes, memory_order_relaxed);
    if (connection->refused == NULL)
        return append(connection,
                      &(struct send_item){.packet = packet, .style = style, .most = most}, true);
    if (!send_queue_is_open(&connection->queue)) {
        touched_connections_hand_over(
            connection, false); /* those before look for another way before this one */
        return -1;
    }
    return touched_connections_write(connection, packet, style, most) ? 0 : 1;
}

int socket_connection_deliver_packet_now(struct socket_connection *connection,
                                         const struct element *packet,
                                         const struct element_style *style)
{
    size_t most = atomic_load_explicit(&connection->packet_bytes, memory_order_relaxed);
    return append(connection, &(struct send_item){.packet = packet, .style = style, .most = most},
                  false);
}

int socket_connection_deliver_batch(struct socket_connection *connection, struct text *batch,
                                    int stanzas, bool wait)
{
    atomic_store_explicit(&connection->last_active, xmpp_server_now_about(), memory_order_relaxed);
    return send_queue_append_batch(&connection->queue, batch, stanzas, wait);
}

void socket_connection_refuse(struct socket_connection *connection, const struct text *batch)
{
    connection->refused(connection->refused_owner, batch->bytes, batch->length, 0);
}

void socket_connection_set_refused_handler(struct socket_connection *connection,
                                           socket_connection_undelivered *handler, void *owner)
{
    connection->refused = handler;
    connection->refused_owner = owner;
}

void socket_connection_tick(struct socket_connection *connection, int64_t now)
{
    send_queue_tick(&connection->queue,
                    now >= socket_connection_last_active(connection) + SPARE_MS);
}

void socket_connection_flush(struct socket_connection *connection, bool wait)
{
    send_queue_flush(&connection->queue, wait);
}

int socket_connection_wait_room(struct socket_connection *connection)
{
    return send_queue_wait_room(&connection->queue);
}

bool socket_connection_end(struct socket_connection *connection, const char *last, size_t length)
{
    touched_connections_hand_over(connection, false);
    return send_queue_end(&connection->queue, last, length);
}

void socket_connection_wake(struct socket_connection *connection)
{
    atomic_store(&connection->woken, true);
    shutdown(connection->channel.fd,
             SHUT_RD); /* the kernel wakes poll; what was received can still be read */
}

static void drop_input(struct socket_connection *connection, int64_t deadline)
{
    char dropped[4096];
    size_t length;
    connection->dropping = true;
    for (size_t total = 0; total < LINGER_BYTES; total += length)
        if (socket_connection_read(connection, dropped, sizeof dropped, deadline, &length) !=
            SOCKET_READ_SOME)
            break;
}

void socket_connection_finish(struct socket_connection *connection, int64_t linger)
{
    if (send_queue_drain(&connection->queue) && connection->channel.tls != NULL)
        tls_stream_handler_shutdown(connection->channel.tls);
    shutdown(connection->channel.fd, SHUT_WR);
    int64_t deadline = xmpp_server_now() + linger;
    if (!atomic_load(&connection->woken))
        drop_input(connection, deadline);
    socket_util_wait_acknowledged(connection->channel.fd,
                                  deadline); /* no reset before our last bytes have arrived */
    socket_connection_abort(connection);
}

void socket_connection_abort(struct socket_connection *connection)
{
    send_queue_close(&connection->queue);
}

bool socket_connection_is_open(struct socket_connection *connection)
{
    return send_queue_is_open(&connection->queue);
}

void socket_connection_measure(struct socket_connection *connection,
                               struct socket_connection_measures *measures)
{
    measures->open = send_queue_is_open(&connection->queue);
    measures->unsent = send_queue_unsent(&connection->queue);
    measures->bytes_in = connection->channel.bytes_in;
    measures->bytes_out = connection->channel.bytes_out;
}

void socket_connection_set_packet_limit(struct socket_connection *connection, size_t bytes)
{
    atomic_store_explicit(&connection->packet_bytes, bytes, memory_order_relaxed);
}

void socket_connection_set_undelivered_handler(struct socket_connection *connection,
                                               socket_connection_undelivered *handler, void *owner)
{
    send_queue_set_undelivered_handler(&connection->queue, handler, owner);
}

void socket_connection_return_undelivered(struct socket_connection *connection)
{
    send_queue_return_undelivered(&connection->queue);
}

void socket_connection_count_stanzas(struct socket_connection *connection, int64_t *metric)
{
    send_queue_count_stanzas(&connection->queue, metric);
}

int64_t socket_connection_stanzas(const struct socket_connection *connection)
{
    return send_queue_stanzas(&connection->queue);
}

int64_t socket_connection_last_active(const struct socket_connection *connection)
{
    return atomic_load_explicit(&connection->last_active, memory_order_relaxed);
}

void socket_connection_keep_alive(struct socket_connection *connection)
{
    send_queue_keep_alive(&connection->queue);
}
