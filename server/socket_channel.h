/* socket_channel - the bytes of one TCP connection, encrypted or not
 *
 * Openfire: SocketConnection's readers and writers, with its place for the TLSStreamHandler. What moves bytes, and nothing of who may
 * when: that is server/socket_connection.h, which holds one. No call waits but those with a deadline. One thread reads, one at a time
 * writes (the flusher); no locks but the TLSStreamHandler's own.
 */
#ifndef SERVER_SOCKET_CHANNEL_H
#define SERVER_SOCKET_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct tls_stream_handler;

struct socket_channel {
    int fd;               /* set before start; closed by socket_channel_close */
    _Atomic bool stopped; /* readers and senders give up */
    /* set once by the reader while it is the flusher; anybody may look */
    struct tls_stream_handler *_Atomic tls;
    _Atomic int64_t bytes_in, bytes_out; /* without TLS's own; anybody may look */
    uint64_t plain;                      /* bytes written without TLS; the flusher's */
};

/* socket_channel_read, _write - like recv and send without waiting: -1 with errno EAGAIN when nothing can be done now, another errno
 * when the connection is broken; read gives 0 at the end */
ssize_t socket_channel_read(struct socket_channel *channel, char *buffer, size_t size);
ssize_t socket_channel_write(struct socket_channel *channel, const char *bytes, size_t length);
/* socket_channel_written - where on the wire we stand: bytes of the TCP stream, those of TLS included. By the flusher. */
uint64_t socket_channel_written(struct socket_channel *channel);
/* socket_channel_acknowledged - the position that the other side's kernel has acknowledged. By the flusher. */
uint64_t socket_channel_acknowledged(struct socket_channel *channel);
/* socket_channel_wait - one event (POLLIN, POLLOUT) until `deadline`: socket_util_wait */
int socket_channel_wait(struct socket_channel *channel, short event, int64_t deadline);
/* socket_channel_stop - nothing more is sent or read; wakes who waits. Any thread. */
void socket_channel_stop(struct socket_channel *channel);
/* socket_channel_close - the end: TLS freed, descriptor closed */
void socket_channel_close(struct socket_channel *channel);

#endif
