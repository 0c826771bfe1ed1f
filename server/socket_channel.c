/* SPDX-License-Identifier: Apache-2.0 */
/* socket_channel - the bytes of one TCP connection, encrypted or not
 *
 * The only place where the bytes of a stream pass a system call. Never blocks; see the header for who may call.
 */
#include "server/socket_channel.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/socket_util.h"
#include "server/tls_stream_handler.h"

/* add - to a number that one thread at a time writes to */
static void add(_Atomic int64_t *number, ssize_t bytes)
{
    int64_t before = atomic_load_explicit(number, memory_order_relaxed);
    atomic_store_explicit(number, before + bytes, memory_order_relaxed);
}

ssize_t socket_channel_read(struct socket_channel *channel, char *buffer, size_t size)
{
    struct tls_stream_handler *tls = channel->tls;
    ssize_t got;
    if (tls != NULL)
        got = tls_stream_handler_read(tls, buffer, size);
    else
        do
            got = recv(channel->fd, buffer, size, MSG_DONTWAIT);
        while (got < 0 && errno == EINTR);
    if (got > 0)
        add(&channel->bytes_in, got);
    return got;
}

ssize_t socket_channel_write(struct socket_channel *channel, const char *bytes, size_t length)
{
    struct tls_stream_handler *tls = channel->tls;
    ssize_t put;
    if (tls != NULL) {
        put = tls_stream_handler_write(tls, bytes, length);
    } else {
        do
            put = send(channel->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        while (put < 0 && errno == EINTR);
        if (put > 0)
            channel->plain += (uint64_t)put;
    }
    if (put > 0)
        add(&channel->bytes_out, put);
    return put;
}

uint64_t socket_channel_written(struct socket_channel *channel)
{
    struct tls_stream_handler *tls = channel->tls;
    return channel->plain + (tls != NULL ? tls_stream_handler_wire(tls) : 0);
}

uint64_t socket_channel_acknowledged(struct socket_channel *channel)
{
    uint64_t written = socket_channel_written(channel);
    uint64_t missing = socket_util_unacknowledged(channel->fd);
    return missing < written ? written - missing : 0;
}

int socket_channel_wait(struct socket_channel *channel, short event, int64_t deadline)
{
    return socket_util_wait(channel->fd, &channel->stopped, event, deadline);
}

void socket_channel_stop(struct socket_channel *channel)
{
    atomic_store(&channel->stopped, true);
    shutdown(channel->fd, SHUT_RDWR);
}

void socket_channel_close(struct socket_channel *channel)
{
    tls_stream_handler_free(channel->tls);
    close(channel->fd);
}
