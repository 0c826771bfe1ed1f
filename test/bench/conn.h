/* SPDX-License-Identifier: Apache-2.0 */
/* conn - the connections of the load generator: one thread, epoll, plain or TLS 1.3
 *
 * A connection tells its owner through `struct conn_events` what happens. Short texts are copied and
 * queued (conn_send); a block of stanzas is lent (conn_lend) and must stay as it is until it has gone,
 * when conn->block_left is 0. Only one block at a time; texts wait for its end. A connection ends by
 * conn_close or by itself (`ended`); its memory goes at the end of the round of the loop.
 */
#ifndef TEST_BENCH_CONN_H
#define TEST_BENCH_CONN_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn;

struct conn_events {
    /* connected, or the TLS handshake is done */
    void (*opened)(struct conn *conn);
    /* bytes, with those left over last time in front; returns how many are done with */
    size_t (*bytes)(struct conn *conn, const char *at, const char *end);
    /* the end by the other side or a fault, in `why`; not after conn_close */
    void (*ended)(struct conn *conn, const char *why);
};

struct conn {
    int fd;
    SSL *ssl; /* NULL while plain */
    bool is_connecting, is_shaking, is_armed, is_dead;
    char *text; /* queued, text_length bytes of which text_sent are gone */
    size_t text_length, text_sent;
    const char *block;
    size_t block_left;
    char *rest; /* bytes read and not done with */
    size_t rest_length;
    const struct conn_events *events;
    struct conn *next_dead;
};

/* conn_setup - once: the epoll instance; certificate and key (PEM) for TLS, or NULL */
void conn_setup(const char *certificate);

/* conn_init - a connection of zeroed memory (malloc'ed, its address is freed at the end) over an open
 * socket, or, with fd -1, connects to `to` from the address `from` (NULL: any). false: could not. */
bool conn_init(struct conn *conn, int fd, const struct conn_events *events,
               const struct sockaddr_in *from, const struct sockaddr_in *to);

/* conn_watch - calls `readable` whenever there is something to read from this descriptor; a few at most */
void conn_watch(int fd, void (*readable)(int fd));
/* conn_listen - calls `accepted` with each new socket */
void conn_listen(const struct sockaddr_in *address, void (*accepted)(int fd));

void conn_start_tls(struct conn *conn, bool is_server, char *server_name);
void conn_send(struct conn *conn, const char *format, ...) __attribute__((format(printf, 2, 3)));
void conn_lend(struct conn *conn, const char *block, size_t length);
void conn_close(struct conn *conn);

/* conn_round - waits up to `timeout` ms (0: does not wait) and does what there is to do */
void conn_round(int timeout);

/* Bytes that went and came on all connections. */
extern uint64_t conn_bytes_out, conn_bytes_in;

/* die - the load can't go on: a sentence on standard error, exit 1 */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
