/* send_queue - what is to be sent on one connection: append, flush, wait, give back
 *
 * Openfire: SocketConnection.deliver, deliverRawText. The sending half of server/socket_connection.h, which says what it means to others:
 * any thread appends whole stanzas under the lock; one thread at a time is the flusher and sends without the lock; a queue over its bound
 * makes those who append wait; what did not arrive is given back at the end. First OPEN, then CLOSING (nothing more can be appended,
 * the last bytes may still be on their way), then CLOSED.
 *
 * Locks: its own, a leaf but for log and metrics, never held across send or poll.
 */
#ifndef SERVER_SEND_QUEUE_H
#define SERVER_SEND_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/retained_bytes.h"
#include "xml/element.h"

struct socket_channel;

enum send_state { SEND_OPEN, SEND_CLOSING, SEND_CLOSED };

struct send_limits {
    int64_t write_timeout; /* ms in which the peer must take half of queue_bytes, or all there is */
    size_t queue_bytes;    /* unsent bytes before senders wait */
};

/* who gets what did not arrive: `arrived` of the `length` bytes did; without locks */
typedef void send_queue_undelivered(void *owner, const char *bytes, size_t length, size_t arrived);

/* Embedded in the connection; the fields are send_queue.c's own. */
struct send_queue {
    struct socket_channel *channel; /* borrowed, as are name and peer */
    const char *name, *peer;
    struct send_limits limits;
    pthread_mutex_t lock;
    pthread_cond_t drained; /* the buffer went below its bound, the flusher left, or the end */
    _Atomic enum send_state state;       /* written under lock */
    bool flushing;                       /* guarded by lock */
    _Atomic bool retains;                /* there is an undelivered handler */
    struct text pending;                 /* appended, not yet taken by a flusher; guarded by lock */
    struct text sending;                 /* the flusher's piece; touched by the flusher only */
    size_t sent;                         /* bytes of `sending` that the kernel took; flusher only */
    uint64_t mark;                       /* where `sending` began on the wire; flusher only */
    struct retained_bytes retained;      /* sent, not yet acknowledged; flusher only */
    size_t unsent;                       /* bytes in pending and sending; guarded by lock */
    int64_t *metric;                     /* where stanzas are counted; guarded by lock */
    int64_t uncounted;                   /* stanzas not yet there; guarded by lock */
    _Atomic int64_t stanzas;             /* appended; written under lock */
    send_queue_undelivered *undelivered; /* guarded by lock */
    void *undelivered_owner;
};

/* What is appended: bytes, or an element with its style. */
struct send_item {
    const char *bytes;
    size_t length;
    const struct element *packet; /* instead of bytes unless NULL */
    const struct element_style *style;
    size_t most; /* bytes that the packet may have; 0: any number */
};

void send_queue_init(struct send_queue *queue, struct socket_channel *channel, const char *name,
                     const char *peer, const struct send_limits *limits);
void send_queue_free(struct send_queue *queue);

/* send_queue_append - 0, or -1 when the queue is no longer open: nothing was taken. With `wait`, a full queue makes the caller wait, and a
 * large one is flushed at once; without, nothing waits, over the bound if need be. 1: the packet is larger than it may be, nothing was
 * taken. */
int send_queue_append(struct send_queue *queue, const struct send_item *item, bool wait);
/* send_queue_append_batch - the same for `stanzas` stanzas written already; takes the bytes, and may leave memory for the next batch
 * in their place. When -1 they are still the caller's. */
int send_queue_append_batch(struct send_queue *queue, struct text *batch, int stanzas, bool wait);
/* send_queue_flush - send what is appended, waiting for the peer up to the write timeout; without `wait`, what the socket takes now */
void send_queue_flush(struct send_queue *queue, bool wait);
/* send_queue_tick - the housekeeping: flush without waiting, forget what has arrived; of an idle connection, give the memory back */
void send_queue_tick(struct send_queue *queue, bool idle);
/* send_queue_wait_room - wait as append would. 0, or -1 when it is no longer open. */
int send_queue_wait_room(struct send_queue *queue);
/* send_queue_keep_alive - one space when nothing is unsent, without waiting */
void send_queue_keep_alive(struct send_queue *queue);

/* send_queue_become_flusher - once everything appended so far is sent, nobody else sends until no_longer_flusher: for a handshake.
 * False: it is open no more. */
bool send_queue_become_flusher(struct send_queue *queue);
/* send_queue_send_last - as the flusher: these bytes alone, waiting. 0, or -1 when the connection broke. */
int send_queue_send_last(struct send_queue *queue, const char *last);
/* send_queue_no_longer_flusher - back to normal; what others appended meanwhile goes out, or (not `good`) is given up */
void send_queue_no_longer_flusher(struct send_queue *queue, bool good);

/* send_queue_end - append the last bytes (NULL: none) and close for what follows; never waits. True when this call did it. */
bool send_queue_end(struct send_queue *queue, const char *last, size_t length);
/* send_queue_drain - wait until all is sent or nothing moves for the write timeout. True: nobody is sending, and it is not broken. */
bool send_queue_drain(struct send_queue *queue);
/* send_queue_close - nothing more is sent; wakes who waits, and stops the channel */
void send_queue_close(struct send_queue *queue);
bool send_queue_is_open(struct send_queue *queue);
/* send_queue_unsent - bytes that are appended and not with the kernel */
size_t send_queue_unsent(struct send_queue *queue);

/* as socket_connection's functions of the same names */
void send_queue_set_undelivered_handler(struct send_queue *queue, send_queue_undelivered *handler,
                                        void *owner);
void send_queue_return_undelivered(struct send_queue *queue);
void send_queue_count_stanzas(struct send_queue *queue, int64_t *metric);
int64_t send_queue_stanzas(const struct send_queue *queue);

#endif
