/* SPDX-License-Identifier: Apache-2.0 */
/* socket_connection - one TCP connection: read, deliver whole stanzas, close once
 *
 * Openfire: SocketConnection. RFC 6120 4.4 (closing), 4.6.1 (dead connections).
 *
 * Threads: the connection's reader reads, ends and frees; any thread delivers and flushes.
 * write_lock is never held while a system call can wait.
 *
 * Who sends: `flushing` is true while one thread owns the pending piece. It swaps the buffer out
 * under the lock, sends it without the lock, and looks again. A thread that appends while another
 * flushes leaves its bytes to that one, unless the buffer is over its bound: then it waits on
 * `drained`.
 */
#include "server/socket_connection.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server/log.h"
#include "server/metrics.h"
#include "server/retained_bytes.h"
#include "server/socket_channel.h"
#include "server/socket_util.h"
#include "server/thread.h"
#include "server/timeline.h"
#include "server/tls_stream_handler.h"
#include "server/touched_connections.h"
#include "server/xmpp_server.h"

#define FLUSH_AT 65536         /* bytes: send before the input is used up */
#define SPARE_MS 1000          /* a buffer that was not needed for so long is given back */
#define LINGER_BYTES (1 << 20) /* read and dropped after our end, at most */

enum state { OPEN, CLOSING, CLOSED };

struct socket_connection {
    _Atomic int references;
    struct socket_channel channel; /* closed with the last reference */
    char name[32];
    char peer[80];
    struct timeline *timeline;
    struct socket_connection_limits limits;
    _Atomic int64_t last_active;
    bool dropping;           /* what comes is of no interest any more; the reader's own */
    _Atomic bool woken;      /* the receiving side was shut by socket_connection_wake */
    _Atomic int64_t expires; /* of the peer's certificate, seconds since 1970; 0: does not matter */

    pthread_mutex_t write_lock;
    pthread_cond_t drained; /* the buffer went below its bound, the flusher left, or the end */
    enum state state;       /* guarded by write_lock */
    bool flushing;          /* guarded by write_lock */
    struct text pending;    /* appended, not yet taken by a flusher; guarded by write_lock */
    struct text sending;    /* the flusher's piece; touched by the flusher only */
    size_t sent;            /* bytes of `sending` that the kernel took; flusher only */
    uint64_t mark;          /* where `sending` began on the wire; flusher only */
    struct retained_bytes retained; /* sent, not yet acknowledged; flusher only */
    size_t unsent;                  /* bytes in pending and sending; guarded by write_lock */
    int64_t *metric;                /* where stanzas are counted; guarded by write_lock */
    int64_t uncounted;              /* stanzas not yet there; guarded by write_lock */
    _Atomic int64_t stanzas;        /* appended; written under write_lock */
    _Atomic bool retains;           /* there is an undelivered handler */
    socket_connection_undelivered *undelivered; /* set before start */
    void *undelivered_owner;
};

struct socket_connection *socket_connection_new(int fd, const char *name,
                                                const struct socket_connection_limits *limits,
                                                struct timeline *timeline)
{
    struct socket_connection *connection = text_calloc(1, sizeof *connection);
    connection->references = 1;
    connection->channel.fd = fd;
    snprintf(connection->name, sizeof connection->name, "%s", name);
    connection->limits = *limits;
    connection->timeline = timeline;
    connection->last_active = xmpp_server_now();
    socket_util_peer_name(fd, connection->peer, sizeof connection->peer);
    pthread_mutex_init(&connection->write_lock, NULL);
    thread_condition_init(&connection->drained);
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
    text_free(&connection->pending);
    text_free(&connection->sending);
    retained_bytes_free(&connection->retained);
    pthread_cond_destroy(&connection->drained);
    pthread_mutex_destroy(&connection->write_lock);
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

/* release - what the other side's kernel has acknowledged by now need not be kept; by the flusher */
static void release(struct socket_connection *connection)
{
    if (!retained_bytes_is_empty(&connection->retained))
        retained_bytes_release(&connection->retained,
                               socket_channel_acknowledged(&connection->channel));
}

/* retire_piece - `sending` is with the kernel whole. By the flusher, without the lock. */
static void retire_piece(struct socket_connection *connection)
{
    release(connection);
    if (connection->retains)
        retained_bytes_add(&connection->retained, &connection->sending, connection->mark,
                           socket_channel_written(&connection->channel));
    else
        retained_bytes_recycle(&connection->retained, &connection->sending);
    connection->sent = 0;
}

enum socket_read socket_connection_read(struct socket_connection *connection, char *buffer,
                                        size_t size, int64_t deadline, size_t *length)
{
    for (;;) {
        if (atomic_load_explicit(&connection->channel.stopped, memory_order_relaxed))
            return SOCKET_READ_FAILED;
        ssize_t got = socket_channel_read(&connection->channel, buffer, size);
        if (got > 0) {
            *length = (size_t)got;
            metrics_add(bytes_in, got);
            atomic_store_explicit(&connection->last_active, xmpp_server_now_about(),
                                  memory_order_relaxed);
            if (!connection->dropping)
                log_wire(connection->name, "<<", buffer, (unsigned long)got);
            return SOCKET_READ_SOME;
        }
        if (got == 0)
            return SOCKET_READ_END;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return SOCKET_READ_FAILED;
        touched_connections_flush(true);
        socket_connection_flush(connection, true); /* what others left to us */
        int ready = socket_channel_wait(&connection->channel, POLLIN, deadline);
        if (ready == 0)
            return SOCKET_READ_TIMEOUT;
        if (ready < 0)
            return SOCKET_READ_FAILED;
    }
}

static void log_stalled(const struct socket_connection *connection)
{
    log_warn("%s: %s took next to nothing for %lld ms: closed as stalled", connection->name,
             connection->peer, (long long)connection->limits.write_timeout);
}

/* send_piece - send `sending` from `sent` on. `wait` false: only what the socket takes now. 0
 * all sent, 1 not all of it, -1 failed. The caller is the flusher and holds no lock. */
static int send_piece(struct socket_connection *connection, bool wait)
{
    int64_t deadline = 0;
    size_t mark = connection->sent; /* where the deadline was last set */
    if (mark == 0) {
        connection->mark = socket_channel_written(&connection->channel);
        log_wire(connection->name, ">>", connection->sending.bytes, connection->sending.length);
    }
    while (connection->sent < connection->sending.length) {
        ssize_t put =
            socket_channel_write(&connection->channel, connection->sending.bytes + connection->sent,
                                 connection->sending.length - connection->sent);
        if (put >= 0) {
            connection->sent += (size_t)put;
            metrics_add(bytes_out, put);
            if (connection->sent - mark >= connection->limits.queue_bytes / 2) {
                mark = connection->sent;
                deadline = 0;
            }
            continue;
        }
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return -1;
        if (!wait)
            return 1;
        if (deadline == 0)
            deadline = xmpp_server_now() + connection->limits.write_timeout;
        int ready = socket_channel_wait(&connection->channel, POLLOUT, deadline);
        if (ready == 0)
            log_stalled(connection);
        if (ready <= 0)
            return -1;
    }
    retire_piece(connection);
    return 0;
}

/* close_locked - with write_lock held: nothing more is sent or read */
static void close_locked(struct socket_connection *connection)
{
    connection->state = CLOSED;
    socket_channel_stop(&connection->channel);
    pthread_cond_broadcast(&connection->drained);
}

/* count_stanzas - with write_lock held: one addition to the metric for many stanzas */
static void count_stanzas(struct socket_connection *connection)
{
    if (connection->metric != NULL && connection->uncounted > 0)
        __atomic_fetch_add(connection->metric, connection->uncounted, __ATOMIC_RELAXED);
    connection->uncounted = 0;
}

/* flush_locked - be the flusher until all is sent. Called and left with write_lock held,
 * flushing false. A failure closes the connection; the unsent bytes stay for return_undelivered. */
static void flush_locked(struct socket_connection *connection, bool wait)
{
    connection->flushing = true;
    count_stanzas(connection);
    int result = 0;
    while (result == 0 && connection->state != CLOSED &&
           (connection->pending.length > 0 || connection->sending.length > 0)) {
        if (connection->sending.length == 0) {
            text_free(&connection->sending);
            connection->sending = connection->pending;
            connection->pending = retained_bytes_take_spare(&connection->retained);
        }
        size_t before = connection->sending.length - connection->sent;
        pthread_mutex_unlock(&connection->write_lock);
        result = send_piece(connection, wait);
        pthread_mutex_lock(&connection->write_lock);
        connection->unsent -= before - (connection->sending.length - connection->sent);
        pthread_cond_broadcast(&connection->drained);
    }
    connection->flushing = false;
    if (result < 0 && connection->state != CLOSED)
        close_locked(connection);
    pthread_cond_broadcast(&connection->drained);
}

/* wait_drained - wait for the flusher; false when the deadline passed. With the lock held. */
static bool wait_drained(struct socket_connection *connection, int64_t deadline)
{
    struct timespec until = {.tv_sec = deadline / 1000, .tv_nsec = (deadline % 1000) * 1000000};
    return pthread_cond_timedwait(&connection->drained, &connection->write_lock, &until) !=
           ETIMEDOUT;
}

/* make_room - when the buffer is at its bound, wait until it is half empty, at most for the
 * write timeout: then the peer is stalled and its connection closed. False when the connection
 * is not open any more. */
static bool make_room(struct socket_connection *connection)
{
    if (connection->unsent < connection->limits.queue_bytes)
        return connection->state == OPEN;
    int64_t deadline = xmpp_server_now() + connection->limits.write_timeout;
    while (connection->state == OPEN && connection->unsent >= connection->limits.queue_bytes / 2) {
        if (!connection->flushing) {
            flush_locked(connection, true);
        } else if (!wait_drained(connection, deadline) && connection->state == OPEN) {
            log_stalled(connection);
            close_locked(connection);
        }
    }
    return connection->state == OPEN;
}

/* --- TLS --- */

/* drain - until all that was appended is sent, the state is beyond `last`, or nothing moves for the write timeout. With
 * write_lock held. */
static void drain(struct socket_connection *connection, enum state last)
{
    int64_t deadline = xmpp_server_now() + connection->limits.write_timeout;
    while (connection->state <= last && (connection->flushing || connection->unsent > 0)) {
        if (!connection->flushing)
            flush_locked(connection, true);
        else if (!wait_drained(connection, deadline))
            return;
    }
}

/* become_flusher - once everything appended so far is sent. False: the connection is open no more. */
static bool become_flusher(struct socket_connection *connection)
{
    pthread_mutex_lock(&connection->write_lock);
    drain(connection, OPEN);
    bool alone = connection->state == OPEN && !connection->flushing;
    connection->flushing = connection->flushing || alone;
    pthread_mutex_unlock(&connection->write_lock);
    return alone;
}

/* no_longer_flusher - back to normal; what others appended meanwhile goes out, or is given up */
static void no_longer_flusher(struct socket_connection *connection, bool good)
{
    pthread_mutex_lock(&connection->write_lock);
    connection->flushing = false;
    if (good) {
        flush_locked(connection, false);
    } else {
        connection->state = connection->state == OPEN ? CLOSING : connection->state;
        connection->unsent -= connection->pending.length;
        text_clear(&connection->pending);
    }
    pthread_cond_broadcast(&connection->drained);
    pthread_mutex_unlock(&connection->write_lock);
}

int socket_connection_start_tls(struct socket_connection *connection,
                                struct tls_stream_handler *handler, const char *last,
                                int64_t deadline, struct text *why)
{
    touched_connections_flush(true);
    if (!become_flusher(connection)) {
        text_append_string(why, "the connection was closed before the handshake");
        tls_stream_handler_free(handler);
        return -1;
    }
    text_append_string(&connection->sending, last != NULL ? last : "");
    bool good = connection->sending.length == 0 || send_piece(connection, true) == 0;
    text_clear(&connection->sending);
    connection->sent = 0;
    if (!good)
        text_append_string(why, "the connection broke before the handshake");
    good = good && tls_stream_handler_run(handler, connection->channel.fd,
                                          &connection->channel.stopped, deadline, why) == 0;
    if (good) {
        connection->channel.tls = handler;
        atomic_store(&connection->expires, tls_stream_handler_verdict(handler)->expires);
    } else {
        tls_stream_handler_free(handler);
    }
    no_longer_flusher(connection, good);
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

/* What is appended: bytes, or an element with its style. */
struct item {
    const char *bytes;
    size_t length;
    const struct element *packet; /* instead of bytes unless NULL */
    const struct element_style *style;
};

static int append(struct socket_connection *connection, const struct item *item, bool wait)
{
    atomic_store_explicit(&connection->last_active, xmpp_server_now_about(), memory_order_relaxed);
    pthread_mutex_lock(&connection->write_lock);
    if (connection->state != OPEN || (wait && !make_room(connection))) {
        pthread_mutex_unlock(&connection->write_lock);
        return -1;
    }
    size_t before = connection->pending.length;
    if (item->packet != NULL) {
        element_write(item->packet, item->style, &connection->pending);
        atomic_store_explicit(&connection->stanzas, connection->stanzas + 1, memory_order_relaxed);
        connection->uncounted++;
    } else
        text_append(&connection->pending, item->bytes, item->length);
    connection->unsent += connection->pending.length - before;
    if (wait && connection->pending.length >= FLUSH_AT && !connection->flushing)
        flush_locked(connection, true);
    pthread_mutex_unlock(&connection->write_lock);
    if (wait)
        touched_connections_add(connection);
    return 0;
}

int socket_connection_deliver(struct socket_connection *connection, const char *bytes,
                              size_t length)
{
    return append(connection, &(struct item){.bytes = bytes, .length = length}, true);
}

int socket_connection_deliver_now(struct socket_connection *connection, const char *bytes,
                                  size_t length)
{
    return append(connection, &(struct item){.bytes = bytes, .length = length}, false);
}

int socket_connection_deliver_packet(struct socket_connection *connection,
                                     const struct element *packet,
                                     const struct element_style *style)
{
    return append(connection, &(struct item){.packet = packet, .style = style}, true);
}

int socket_connection_deliver_packet_now(struct socket_connection *connection,
                                         const struct element *packet,
                                         const struct element_style *style)
{
    return append(connection, &(struct item){.packet = packet, .style = style}, false);
}

void socket_connection_tick(struct socket_connection *connection, int64_t now)
{
    pthread_mutex_lock(&connection->write_lock);
    if (!connection->flushing && connection->state != CLOSED) {
        flush_locked(connection, false);
        release(connection);
        if (connection->pending.length == 0 &&
            now >= socket_connection_last_active(connection) + SPARE_MS) {
            struct text spare = retained_bytes_take_spare(&connection->retained);
            text_free(&spare);
            text_free(&connection->pending);
        }
    }
    pthread_mutex_unlock(&connection->write_lock);
}

void socket_connection_flush(struct socket_connection *connection, bool wait)
{
    pthread_mutex_lock(&connection->write_lock);
    if (!connection->flushing)
        flush_locked(connection, wait);
    pthread_mutex_unlock(&connection->write_lock);
}

int socket_connection_wait_room(struct socket_connection *connection)
{
    pthread_mutex_lock(&connection->write_lock);
    bool open = connection->state == OPEN && make_room(connection);
    pthread_mutex_unlock(&connection->write_lock);
    return open ? 0 : -1;
}

bool socket_connection_end(struct socket_connection *connection, const char *last, size_t length)
{
    pthread_mutex_lock(&connection->write_lock);
    bool first = connection->state == OPEN;
    if (first) {
        if (last != NULL && length > 0) {
            text_append(&connection->pending, last, length);
            connection->unsent += length;
        }
        connection->state = CLOSING;
        if (!connection->flushing)
            flush_locked(connection, false);
        pthread_cond_broadcast(&connection->drained);
    }
    pthread_mutex_unlock(&connection->write_lock);
    return first;
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
    pthread_mutex_lock(&connection->write_lock);
    drain(connection, CLOSING);
    bool quiet = connection->state != CLOSED && !connection->flushing;
    pthread_mutex_unlock(&connection->write_lock);
    if (quiet && connection->channel.tls != NULL)
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
    pthread_mutex_lock(&connection->write_lock);
    close_locked(connection);
    pthread_mutex_unlock(&connection->write_lock);
}

bool socket_connection_is_open(struct socket_connection *connection)
{
    pthread_mutex_lock(&connection->write_lock);
    bool open = connection->state == OPEN;
    pthread_mutex_unlock(&connection->write_lock);
    return open;
}

void socket_connection_set_undelivered_handler(struct socket_connection *connection,
                                               socket_connection_undelivered *handler, void *owner)
{
    pthread_mutex_lock(&connection->write_lock);
    connection->undelivered = handler;
    connection->undelivered_owner = owner;
    atomic_store(&connection->retains, handler != NULL);
    pthread_mutex_unlock(&connection->write_lock);
}

/* take_back - all that is not known to have arrived, in its order; `*arrived` of it may have. The connection is reset, so that the
 * rest does not arrive after all. As the flusher, or with none left. */
static struct text take_back(struct socket_connection *connection, size_t *arrived)
{
    struct text all = TEXT_EMPTY;
    uint64_t there = socket_channel_acknowledged(&connection->channel);
    if (there < socket_channel_written(&connection->channel))
        socket_util_discard(connection->channel.fd);
    struct text under_way = TEXT_EMPTY;
    text_append(&under_way, connection->sending.bytes, connection->sent);
    retained_bytes_add(&connection->retained, &under_way, connection->mark,
                       socket_channel_written(&connection->channel));
    retained_bytes_release(&connection->retained, there);
    *arrived = retained_bytes_append(&connection->retained, there, &all);
    text_append(&all, connection->sending.bytes + connection->sent,
                connection->sending.length - connection->sent);
    text_append(&all, connection->pending.bytes, connection->pending.length);
    retained_bytes_free(&connection->retained);
    text_free(&connection->sending);
    text_free(&connection->pending);
    connection->sent = connection->unsent = 0;
    return all;
}

void socket_connection_return_undelivered(struct socket_connection *connection)
{
    int64_t deadline = xmpp_server_now() + 2 * connection->limits.write_timeout;
    struct text all = TEXT_EMPTY;
    size_t arrived = 0;
    pthread_mutex_lock(&connection->write_lock);
    while (connection->flushing && wait_drained(connection, deadline)) {
    }
    socket_connection_undelivered *handler = connection->undelivered;
    if (!connection->flushing && handler != NULL) {
        all = take_back(connection, &arrived);
        connection->undelivered = NULL;
    }
    pthread_mutex_unlock(&connection->write_lock);
    if (arrived < all.length)
        handler(connection->undelivered_owner, all.bytes, all.length, arrived);
    text_free(&all);
}

void socket_connection_count_stanzas(struct socket_connection *connection, int64_t *metric)
{
    pthread_mutex_lock(&connection->write_lock);
    connection->metric = metric;
    pthread_mutex_unlock(&connection->write_lock);
}

int64_t socket_connection_stanzas(const struct socket_connection *connection)
{
    return atomic_load_explicit(&connection->stanzas, memory_order_relaxed);
}

int64_t socket_connection_last_active(const struct socket_connection *connection)
{
    return atomic_load_explicit(&connection->last_active, memory_order_relaxed);
}

void socket_connection_keep_alive(struct socket_connection *connection)
{
    pthread_mutex_lock(&connection->write_lock);
    if (connection->state == OPEN && connection->unsent == 0 && !connection->flushing) {
        text_append_char(&connection->pending, ' ');
        connection->unsent = 1;
        flush_locked(connection, false);
    }
    pthread_mutex_unlock(&connection->write_lock);
}
