/* socket_connection - one TCP connection: read, deliver whole stanzas, close once
 *
 * Openfire: SocketConnection (and its place for the TLSStreamHandler). One thread reads, any thread
 * delivers.
 *
 * Writing: deliver appends whole stanzas to the connection's buffer under the write lock and notes
 * the connection in a list of the calling thread; touched_connections_flush, called by a
 * reader before it blocks, sends what the thread has appended anywhere. So one send(2) carries many
 * stanzas. One thread at a time is the flusher of a connection; others that find one leave their
 * bytes to it. A buffer over `s2s.queue.bytes` makes senders wait, up to
 * `xmpp.socket.write-timeout-seconds`; then the connection is closed as stalled.
 *
 * Closing is a state: first OPEN, then CLOSING (nothing more can be appended; the last bytes may
 * still be on their way), then CLOSED. Memory goes with the last reference. Bytes that did not
 * arrive (server/retained_bytes.h) are given to the undelivered handler, by the thread that sees the connection end.
 *
 * Locks: that of its send_queue (server/send_queue.h), held for appending only, never across send or poll. A leaf but for log and
 * metrics; the TLSStreamHandler's is taken without it. TLS: socket_connection_start_tls puts a
 * TLSStreamHandler into its socket_channel (server/socket_channel.h), the only place that touches the descriptor's bytes.
 */
#ifndef SERVER_SOCKET_CONNECTION_H
#define SERVER_SOCKET_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/send_queue.h"
#include "xml/element.h"
#include "xml/text.h"

struct socket_connection;
struct timeline;
struct tls_stream_handler;

/* who gets stanzas that did not arrive, or were not taken */
typedef send_queue_undelivered socket_connection_undelivered;

/* socket_connection_new - take over a connected non-blocking socket. `name` ("s2sin-1f") is
 * copied, `timeline` is owned by the connection from now on. One reference for the caller. */
struct socket_connection *socket_connection_new(int fd, const char *name,
                                                const struct send_limits *limits,
                                                struct timeline *timeline);
struct socket_connection *socket_connection_ref(struct socket_connection *connection);
/* socket_connection_unref - NULL is allowed; the last one closes the socket */
void socket_connection_unref(struct socket_connection *connection);

const char *socket_connection_name(const struct socket_connection *connection);
/* socket_connection_peer - "192.0.2.1:5269", or "?" */
const char *socket_connection_peer(const struct socket_connection *connection);
/* socket_connection_fd - for a TLSStreamHandler that is to be put in its way */
int socket_connection_fd(const struct socket_connection *connection);
struct timeline *socket_connection_timeline(const struct socket_connection *connection);

enum socket_read {
    SOCKET_READ_SOME,    /* *length bytes are there; of _wait: there may be some */
    SOCKET_READ_NONE,    /* nothing is there now */
    SOCKET_READ_TIMEOUT, /* the deadline passed */
    SOCKET_READ_END,     /* the peer ended its side */
    SOCKET_READ_FAILED   /* reset, or closed by us from another thread */
};

/* The next three by the connection's own reader only. */

/* socket_connection_read_now - read what there is, at most `size` bytes; never waits. After a short read of a plain connection, the
 * next call says SOCKET_READ_NONE without asking the kernel. */
enum socket_read socket_connection_read_now(struct socket_connection *connection, char *buffer,
                                            size_t size, size_t *length);
/* socket_connection_wait - flush what this thread has appended anywhere, then wait for input until `deadline` (xmpp_server_now's
 * clock; negative: no deadline): SOCKET_READ_SOME, _TIMEOUT or _FAILED */
enum socket_read socket_connection_wait(struct socket_connection *connection, int64_t deadline);
/* socket_connection_read - the two together, until there is something */
enum socket_read socket_connection_read(struct socket_connection *connection, char *buffer,
                                        size_t size, int64_t deadline, size_t *length);

/* socket_connection_start_tls - by the reader: first `last` goes out (the last that is not encrypted;
 * NULL: nothing), then the handshake, until `deadline` at most. Meanwhile others may append; it goes
 * out encrypted. Takes the handler. 0, or -1 with a sentence in `why`: the connection then is of no use,
 * nothing more is sent on it. */
int socket_connection_start_tls(struct socket_connection *connection,
                                struct tls_stream_handler *handler, const char *last,
                                int64_t deadline, struct text *why);
/* socket_connection_tls - the handler, borrowed, or NULL while nothing is encrypted. Any thread, for what is constant after the
 * handshake. */
const struct tls_stream_handler *socket_connection_tls(const struct socket_connection *connection);
/* socket_connection_has_expired - has the peer's certificate run out since (by the wall clock)? Any thread. */
bool socket_connection_has_expired(const struct socket_connection *connection);

/* socket_connection_deliver - append one whole stanza (or a header, or several stanzas). 0, or
 * -1 when the connection is no longer open: nothing was taken. May wait for a slow peer (see
 * above). Holds no lock while it waits. */
int socket_connection_deliver(struct socket_connection *connection, const char *bytes,
                              size_t length);
/* socket_connection_deliver_now - the same without ever waiting, over the bound if need be, and
 * without noting it for touched_connections_flush: for what is bounded itself. Flush afterwards with one of
 * the next two. */
int socket_connection_deliver_now(struct socket_connection *connection, const char *bytes,
                                  size_t length);
/* socket_connection_deliver_packet, _packet_now - the same for an element, written straight into
 * the buffer in `style`; 1 when it is larger than the limit below: nothing was taken */
int socket_connection_deliver_packet(struct socket_connection *connection,
                                     const struct element *packet,
                                     const struct element_style *style);
int socket_connection_deliver_packet_now(struct socket_connection *connection,
                                         const struct element *packet,
                                         const struct element_style *style);
/* socket_connection_deliver_batch, _refuse - for touched_connections: stanzas that a thread has written (send_queue_append_batch); and what
 * becomes of them when they were not taken */
int socket_connection_deliver_batch(struct socket_connection *connection, struct text *batch,
                                    int stanzas, bool wait);
void socket_connection_refuse(struct socket_connection *connection, const struct text *batch);
/* socket_connection_set_refused_handler - with one, deliver_packet writes into a batch of the calling thread's, and takes the
 * connection's lock once for many stanzas (server/touched_connections.h). Those that it then does not take, since it has ended, go to
 * the handler, on that thread, without locks, `arrived` being 0. Once, before anything is delivered. */
void socket_connection_set_refused_handler(struct socket_connection *connection,
                                           socket_connection_undelivered *handler, void *owner);
/* socket_connection_flush - send what is appended, waiting for the peer up to the write timeout. Without `wait`: what the socket
 * takes at once; the rest goes when its own reader is next about to wait. */
void socket_connection_flush(struct socket_connection *connection, bool wait);
/* socket_connection_tick - the housekeeping of a connection, about once a second: sends what a flush without wait left while the
 * reader waited already, forgets what has arrived, and gives back the memory of a connection that has nothing to send. Never
 * waits. */
void socket_connection_tick(struct socket_connection *connection, int64_t now);
/* socket_connection_wait_room - wait as deliver would, append nothing. 0, or -1 when the
 * connection is no longer open. */
int socket_connection_wait_room(struct socket_connection *connection);
/* socket_connection_end - append the last bytes (a stream error and the closing tag; NULL: none)
 * and let nothing follow them. True when this call did it: the first caller decides how a
 * connection ends. Sends what the socket takes at once and never waits; the reader sends the
 * rest. */
bool socket_connection_end(struct socket_connection *connection, const char *last, size_t length);
/* socket_connection_wake - make the reader see SOCKET_READ_END once it has read what is there:
 * for a thread that has ended the connection of another */
void socket_connection_wake(struct socket_connection *connection);
/* socket_connection_finish - for the reader, after end: flush, end our side of TCP, and read on
 * (dropping what comes) until the peer ended its side or `linger` ms passed, so that the last
 * bytes are not lost to a reset (RFC 6120 4.4) */
void socket_connection_finish(struct socket_connection *connection, int64_t linger);
/* socket_connection_abort - close both directions at once; wakes the reader and every waiting
 * sender */
void socket_connection_abort(struct socket_connection *connection);
bool socket_connection_is_open(struct socket_connection *connection);

/* socket_connection_set_packet_limit - no larger element may be appended from now on; 0: any. Any thread. */
void socket_connection_set_packet_limit(struct socket_connection *connection, size_t bytes);

/* socket_connection_set_undelivered_handler - who gets bytes that were appended while the
 * connection was open and did not arrive: `arrived` of the `length` bytes were acknowledged by the other side's kernel, the
 * rest, which begins inside or before a stanza, was not when the connection ended, or was never sent. Called at most once,
 * without locks. */
void socket_connection_set_undelivered_handler(struct socket_connection *connection,
                                               socket_connection_undelivered *handler, void *owner);
/* socket_connection_return_undelivered - give everything that did not arrive on an ended connection to the
 * handler, then forget the handler. By the thread that ran the connection, once, after finish or
 * abort. */
void socket_connection_return_undelivered(struct socket_connection *connection);

/* socket_connection_count_stanzas - from now on each stanza that is appended counts in the metric (&metrics.stanzas_out) as well,
 * a little later. Once, before anything is appended. */
void socket_connection_count_stanzas(struct socket_connection *connection, int64_t *metric);
/* socket_connection_stanzas - packets appended so far */
int64_t socket_connection_stanzas(const struct socket_connection *connection);
/* What is counted of a connection. */
struct socket_connection_measures {
    bool open;                   /* nothing has ended it yet */
    size_t unsent;               /* bytes that are appended and not with the kernel */
    int64_t bytes_in, bytes_out; /* of XML, TLS and TCP not counted */
};
void socket_connection_measure(struct socket_connection *connection,
                               struct socket_connection_measures *measures);
/* socket_connection_idle_since - xmpp_server_now of the last byte received or stanza appended */
int64_t socket_connection_last_active(const struct socket_connection *connection);
/* socket_connection_keep_alive - append one space when nothing is unsent (RFC 6120 4.6.1), sent
 * without waiting */
void socket_connection_keep_alive(struct socket_connection *connection);

#endif
