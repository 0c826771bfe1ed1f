/* SPDX-License-Identifier: Apache-2.0 */
/* send_queue - what is to be sent on one connection: append, flush, wait, give back
 *
 * Openfire: SocketConnection.deliver, deliverRawText. RFC 6120 4.4, 4.6.1.
 *
 * Who sends: `flushing` is true while one thread owns the pending piece. It swaps the buffer out
 * under the lock, sends it without the lock, and looks again. A thread that appends while another
 * flushes leaves its bytes to that one, unless the buffer is over its bound: then it waits on
 * `drained`. The lock is never held while a system call can wait.
 */
#include "server/send_queue.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>

#include "server/log.h"
#include "server/metrics.h"
#include "server/socket_channel.h"
#include "server/socket_util.h"
#include "server/thread.h"
#include "server/xmpp_server.h"

#define FLUSH_AT 65536 /* bytes: send before the input is used up */

void send_queue_init(struct send_queue *queue, struct socket_channel *channel, const char *name,
                     const char *peer, const struct send_limits *limits)
{
    *queue = (struct send_queue){.channel = channel, .name = name, .peer = peer, .limits = *limits};
    pthread_mutex_init(&queue->lock, NULL);
    thread_condition_init(&queue->drained);
}

void send_queue_free(struct send_queue *queue)
{
    text_free(&queue->pending);
    text_free(&queue->sending);
    retained_bytes_free(&queue->retained);
    pthread_cond_destroy(&queue->drained);
    pthread_mutex_destroy(&queue->lock);
}

/* release - what the other side's kernel has acknowledged by now need not be kept; by the flusher */
static void release(struct send_queue *queue)
{
    if (!retained_bytes_is_empty(&queue->retained))
        retained_bytes_release(&queue->retained, socket_channel_acknowledged(queue->channel));
}

/* retire_piece - `sending` is with the kernel whole. By the flusher, without the lock. */
static void retire_piece(struct send_queue *queue)
{
    release(queue);
    if (queue->retains)
        retained_bytes_add(&queue->retained, &queue->sending, queue->mark,
                           socket_channel_written(queue->channel));
    else
        retained_bytes_recycle(&queue->retained, &queue->sending);
    queue->sent = 0;
}

static void log_stalled(const struct send_queue *queue)
{
    log_warn("%s: %s took next to nothing for %lld ms: closed as stalled", queue->name, queue->peer,
             (long long)queue->limits.write_timeout);
}

/* send_piece - send `sending` from `sent` on. `wait` false: only what the socket takes now. 0
 * all sent, 1 not all of it, -1 failed. The caller is the flusher and holds no lock. */
static int send_piece(struct send_queue *queue, bool wait)
{
    int64_t deadline = 0;
    size_t mark = queue->sent; /* where the deadline was last set */
    if (mark == 0) {
        queue->mark = socket_channel_written(queue->channel);
        log_wire(queue->name, ">>", queue->sending.bytes, queue->sending.length);
    }
    while (queue->sent < queue->sending.length) {
        ssize_t put = socket_channel_write(queue->channel, queue->sending.bytes + queue->sent,
                                           queue->sending.length - queue->sent);
        if (put >= 0) {
            queue->sent += (size_t)put;
            metrics_add(bytes_out, put);
            if (queue->sent - mark >= queue->limits.queue_bytes / 2) {
                mark = queue->sent;
                deadline = 0;
            }
            continue;
        }
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return -1;
        if (!wait)
            return 1;
        if (deadline == 0)
            deadline = xmpp_server_now() + queue->limits.write_timeout;
        int ready = socket_channel_wait(queue->channel, POLLOUT, deadline);
        if (ready == 0)
            log_stalled(queue);
        if (ready <= 0)
            return -1;
    }
    retire_piece(queue);
    return 0;
}

/* close_locked - with lock held: nothing more is sent or read */
static void close_locked(struct send_queue *queue)
{
    queue->state = SEND_CLOSED;
    socket_channel_stop(queue->channel);
    pthread_cond_broadcast(&queue->drained);
}

/* count_stanzas - with lock held: one addition to the metric for many stanzas */
static void count_stanzas(struct send_queue *queue)
{
    if (queue->metric != NULL && queue->uncounted > 0)
        __atomic_fetch_add(queue->metric, queue->uncounted, __ATOMIC_RELAXED);
    queue->uncounted = 0;
}

/* flush_locked - be the flusher until all is sent. Called and left with lock held,
 * flushing false. A failure closes the connection; the unsent bytes stay for return_undelivered. */
static void flush_locked(struct send_queue *queue, bool wait)
{
    queue->flushing = true;
    count_stanzas(queue);
    int result = 0;
    while (result == 0 && queue->state != SEND_CLOSED &&
           (queue->pending.length > 0 || queue->sending.length > 0)) {
        if (queue->sending.length == 0) {
            text_free(&queue->sending);
            queue->sending = queue->pending;
            queue->pending = retained_bytes_take_spare(&queue->retained);
        }
        size_t before = queue->sending.length - queue->sent;
        pthread_mutex_unlock(&queue->lock);
        result = send_piece(queue, wait);
        pthread_mutex_lock(&queue->lock);
        queue->unsent -= before - (queue->sending.length - queue->sent);
        pthread_cond_broadcast(&queue->drained);
    }
    queue->flushing = false;
    if (result < 0 && queue->state != SEND_CLOSED)
        close_locked(queue);
    pthread_cond_broadcast(&queue->drained);
}

/* make_room - when the buffer is at its bound, wait until it is half empty, at most for the
 * write timeout: then the peer is stalled and its connection closed. False when the connection
 * is not open any more. */
static bool make_room(struct send_queue *queue)
{
    if (queue->unsent < queue->limits.queue_bytes)
        return queue->state == SEND_OPEN;
    int64_t deadline = xmpp_server_now() + queue->limits.write_timeout;
    while (queue->state == SEND_OPEN && queue->unsent >= queue->limits.queue_bytes / 2) {
        if (!queue->flushing) {
            flush_locked(queue, true);
        } else if (!thread_condition_wait(&queue->drained, &queue->lock, deadline) &&
                   queue->state == SEND_OPEN) {
            log_stalled(queue);
            close_locked(queue);
        }
    }
    return queue->state == SEND_OPEN;
}

/* drain - until all that was appended is sent, the state is beyond `last`, or nothing moves for the write timeout. With
 * lock held. */
static void drain(struct send_queue *queue, enum send_state last)
{
    int64_t deadline = xmpp_server_now() + queue->limits.write_timeout;
    while (queue->state <= last && (queue->flushing || queue->unsent > 0)) {
        if (!queue->flushing)
            flush_locked(queue, true);
        else if (!thread_condition_wait(&queue->drained, &queue->lock, deadline))
            return;
    }
}

bool send_queue_become_flusher(struct send_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    drain(queue, SEND_OPEN);
    bool alone = queue->state == SEND_OPEN && !queue->flushing;
    queue->flushing = queue->flushing || alone;
    pthread_mutex_unlock(&queue->lock);
    return alone;
}

void send_queue_no_longer_flusher(struct send_queue *queue, bool good)
{
    pthread_mutex_lock(&queue->lock);
    queue->flushing = false;
    if (good) {
        flush_locked(queue, false);
    } else {
        queue->state = queue->state == SEND_OPEN ? SEND_CLOSING : queue->state;
        queue->unsent -= queue->pending.length;
        text_clear(&queue->pending);
    }
    pthread_cond_broadcast(&queue->drained);
    pthread_mutex_unlock(&queue->lock);
}

int send_queue_send_last(struct send_queue *queue, const char *last)
{
    text_append_string(&queue->sending, last);
    int result = send_piece(queue, true);
    text_clear(&queue->sending);
    queue->sent = 0;
    return result;
}

int send_queue_append(struct send_queue *queue, const struct send_item *item, bool wait)
{
    pthread_mutex_lock(&queue->lock);
    if (queue->state != SEND_OPEN || (wait && !make_room(queue))) {
        pthread_mutex_unlock(&queue->lock);
        return -1;
    }
    size_t before = queue->pending.length;
    if (item->packet != NULL) {
        element_write(item->packet, item->style, &queue->pending);
        if (item->most > 0 && queue->pending.length - before > item->most) {
            text_cut(&queue->pending, before);
            pthread_mutex_unlock(&queue->lock);
            return 1;
        }
        atomic_store_explicit(&queue->stanzas, queue->stanzas + 1, memory_order_relaxed);
        queue->uncounted++;
    } else
        text_append(&queue->pending, item->bytes, item->length);
    queue->unsent += queue->pending.length - before;
    if (wait && queue->pending.length >= FLUSH_AT && !queue->flushing)
        flush_locked(queue, true);
    pthread_mutex_unlock(&queue->lock);
    return 0;
}

int send_queue_append_batch(struct send_queue *queue, struct text *batch, int stanzas, bool wait)
{
    pthread_mutex_lock(&queue->lock);
    if (queue->state != SEND_OPEN || (wait && !make_room(queue))) {
        pthread_mutex_unlock(&queue->lock);
        return -1;
    }
    queue->unsent += batch->length;
    queue->uncounted += stanzas;
    atomic_store_explicit(&queue->stanzas, queue->stanzas + stanzas, memory_order_relaxed);
    if (queue->pending.length == 0) {
        struct text empty = queue->pending;
        queue->pending = *batch;
        *batch = empty;
    } else {
        text_append(&queue->pending, batch->bytes, batch->length);
    }
    text_clear(batch);
    if (wait && queue->pending.length >= FLUSH_AT && !queue->flushing)
        flush_locked(queue, true);
    pthread_mutex_unlock(&queue->lock);
    return 0;
}

void send_queue_tick(struct send_queue *queue, bool idle)
{
    pthread_mutex_lock(&queue->lock);
    if (!queue->flushing && queue->state != SEND_CLOSED) {
        flush_locked(queue, false);
        release(queue);
        if (idle && queue->pending.length == 0) {
            retained_bytes_drop_spares(&queue->retained);
            text_free(&queue->pending);
        }
    }
    pthread_mutex_unlock(&queue->lock);
}

void send_queue_flush(struct send_queue *queue, bool wait)
{
    pthread_mutex_lock(&queue->lock);
    if (!queue->flushing)
        flush_locked(queue, wait);
    pthread_mutex_unlock(&queue->lock);
}

int send_queue_wait_room(struct send_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool open = queue->state == SEND_OPEN && make_room(queue);
    pthread_mutex_unlock(&queue->lock);
    return open ? 0 : -1;
}

bool send_queue_end(struct send_queue *queue, const char *last, size_t length)
{
    pthread_mutex_lock(&queue->lock);
    bool first = queue->state == SEND_OPEN;
    if (first) {
        if (last != NULL && length > 0) {
            text_append(&queue->pending, last, length);
            queue->unsent += length;
        }
        queue->state = SEND_CLOSING;
        if (!queue->flushing)
            flush_locked(queue, false);
        pthread_cond_broadcast(&queue->drained);
    }
    pthread_mutex_unlock(&queue->lock);
    return first;
}

void send_queue_keep_alive(struct send_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    if (queue->state == SEND_OPEN && queue->unsent == 0 && !queue->flushing) {
        text_append_char(&queue->pending, ' ');
        queue->unsent = 1;
        flush_locked(queue, false);
    }
    pthread_mutex_unlock(&queue->lock);
}

bool send_queue_drain(struct send_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    drain(queue, SEND_CLOSING);
    bool quiet = queue->state != SEND_CLOSED && !queue->flushing;
    pthread_mutex_unlock(&queue->lock);
    return quiet;
}

void send_queue_close(struct send_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    close_locked(queue);
    pthread_mutex_unlock(&queue->lock);
}

size_t send_queue_unsent(struct send_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    size_t unsent = queue->unsent;
    pthread_mutex_unlock(&queue->lock);
    return unsent;
}

bool send_queue_is_open(struct send_queue *queue)
{
    return atomic_load_explicit(&queue->state, memory_order_relaxed) == SEND_OPEN;
}

void send_queue_set_undelivered_handler(struct send_queue *queue, send_queue_undelivered *handler,
                                        void *owner)
{
    pthread_mutex_lock(&queue->lock);
    queue->undelivered = handler;
    queue->undelivered_owner = owner;
    atomic_store(&queue->retains, handler != NULL);
    pthread_mutex_unlock(&queue->lock);
}

/* take_back - all that is not known to have arrived, in its order; `*arrived` of it may have. The connection is reset, so that the
 * rest does not arrive after all. As the flusher, or with none left. */
static struct text take_back(struct send_queue *queue, size_t *arrived)
{
    struct text all = TEXT_EMPTY;
    uint64_t there = socket_channel_acknowledged(queue->channel);
    if (there < socket_channel_written(queue->channel))
        socket_util_discard(queue->channel->fd);
    if (queue->sent > 0) { /* `mark` is that of this piece only then */
        struct text under_way = TEXT_EMPTY;
        text_append(&under_way, queue->sending.bytes, queue->sent);
        retained_bytes_add(&queue->retained, &under_way, queue->mark,
                           socket_channel_written(queue->channel));
    }
    retained_bytes_release(&queue->retained, there);
    *arrived = retained_bytes_append(&queue->retained, there, &all);
    text_append(&all, queue->sending.bytes + queue->sent, queue->sending.length - queue->sent);
    text_append(&all, queue->pending.bytes, queue->pending.length);
    retained_bytes_free(&queue->retained);
    text_free(&queue->sending);
    text_free(&queue->pending);
    queue->sent = queue->unsent = 0;
    return all;
}

void send_queue_return_undelivered(struct send_queue *queue)
{
    int64_t deadline = xmpp_server_now() + 2 * queue->limits.write_timeout;
    struct text all = TEXT_EMPTY;
    size_t arrived = 0;
    pthread_mutex_lock(&queue->lock);
    while (queue->flushing && thread_condition_wait(&queue->drained, &queue->lock, deadline)) {
    }
    send_queue_undelivered *handler = queue->undelivered;
    if (!queue->flushing && handler != NULL) {
        all = take_back(queue, &arrived);
        queue->undelivered = NULL;
    }
    pthread_mutex_unlock(&queue->lock);
    if (arrived < all.length)
        handler(queue->undelivered_owner, all.bytes, all.length, arrived);
    text_free(&all);
}

void send_queue_count_stanzas(struct send_queue *queue, int64_t *metric)
{
    pthread_mutex_lock(&queue->lock);
    queue->metric = metric;
    pthread_mutex_unlock(&queue->lock);
}

int64_t send_queue_stanzas(const struct send_queue *queue)
{
    return atomic_load_explicit(&queue->stanzas, memory_order_relaxed);
}
