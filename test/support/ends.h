/* ends - a connection of ours over loopback TCP, and the peer's socket, for tests
 *
 * The functions assert what they need; any thread.
 */
#ifndef TEST_SUPPORT_ENDS_H
#define TEST_SUPPORT_ENDS_H

#include "server/socket_connection.h"

struct ends {
    struct socket_connection *connection;
    int peer; /* blocking, with time limits of 15 s; -1: closed by the test */
};

/* connect_sized - with socket buffers of these sizes in bytes, 0: the system's */
struct ends connect_sized(int64_t write_timeout, size_t queue, int send_size, int receive_size);
/* connect_pair - with a small send buffer */
struct ends connect_pair(int64_t write_timeout, size_t queue);
void drop_pair(struct ends *ends);
/* read_all - what the peer gets until the end; free it with free() */
char *read_all(int peer, size_t *length);

/* A thread that delivers many numbered stanzas of 100 bytes. */
struct sender {
    struct socket_connection *connection;
    int count; /* to be delivered */
    _Atomic int delivered;
};

void write_numbered(char stanza[101], int number);
/* send_numbered - the life of such a thread; given a struct sender */
void *send_numbered(void *given);
/* check_numbered - all of `bytes` is the stanzas from byte `from` on, the last one perhaps cut */
void check_numbered(const char *bytes, size_t length, size_t from);

#endif
