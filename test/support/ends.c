/* SPDX-License-Identifier: Apache-2.0 */
/* ends - a connection of ours over loopback TCP, and the peer's socket, for tests
 *
 * Small socket buffers make a peer that does not read felt after a few kilobytes.
 */
#include "test/support/ends.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/log.h"
#include "server/timeline.h"
#include "server/touched_connections.h"

/* connect_sized - with socket buffers of these sizes, 0: the system's */
struct ends connect_sized(int64_t write_timeout, size_t queue, int send_size, int receive_size)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (receive_size > 0) /* what it accepts inherits it */
        setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &receive_size, sizeof receive_size);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    int ours = socket(AF_INET, SOCK_STREAM, 0);
    if (send_size > 0)
        setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &send_size, sizeof send_size);
    assert_int_equal(connect(ours, (struct sockaddr *)&address, length), 0);
    int peer = accept(listener, NULL, NULL);
    close(listener);
    fcntl(ours, F_SETFL, O_NONBLOCK);
    struct timeval limit = {.tv_sec = 15};
    setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(peer, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    struct send_limits limits = {write_timeout, queue};
    log_set_level(LOG_LEVEL_ERROR);
    return (struct ends){socket_connection_new(ours, "test", &limits, timeline_new()), peer};
}

struct ends connect_pair(int64_t write_timeout, size_t queue)
{
    return connect_sized(write_timeout, queue, 4096, 0);
}

void drop_pair(struct ends *ends)
{
    touched_connections_flush(true);
    socket_connection_unref(ends->connection);
    if (ends->peer >= 0)
        close(ends->peer);
}

/* read_all - what the peer gets until the end */
char *read_all(int peer, size_t *length)
{
    struct text got = TEXT_EMPTY;
    char piece[4096];
    ssize_t count;
    while ((count = recv(peer, piece, sizeof piece, 0)) > 0)
        text_append(&got, piece, (size_t)count);
    *length = got.length;
    return text_take(&got);
}

void write_numbered(char stanza[101], int number)
{
    memset(stanza, '.', 100);
    char digits[16];
    int length = snprintf(digits, sizeof digits, "%d", number);
    memcpy(stanza, digits, (size_t)length);
    stanza[99] = '\n';
    stanza[100] = '\0';
}

void *send_numbered(void *given)
{
    struct sender *sender = given;
    char stanza[101];
    for (int i = 0; i < sender->count; i++) {
        write_numbered(stanza, i);
        if (socket_connection_deliver(sender->connection, stanza, 100) < 0)
            break;
        atomic_fetch_add(&sender->delivered, 1);
    }
    touched_connections_flush(true);
    return NULL;
}

/* check_numbered - all of `bytes` is the stanzas from `from` on, the last one perhaps cut */
void check_numbered(const char *bytes, size_t length, size_t from)
{
    char stanza[101];
    for (size_t at = 0; at < length;) {
        size_t inside = (from + at) % 100, left = length - at;
        size_t piece = 100 - inside < left ? 100 - inside : left;
        write_numbered(stanza, (int)((from + at) / 100));
        assert_memory_equal(bytes + at, stanza + inside, piece);
        at += piece;
    }
}
