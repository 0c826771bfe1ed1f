/* socket_util - a TCP connection to the server of a domain
 *
 * Openfire: SocketUtil with HappyEyeballsResolver. RFC 6120 3.2, RFC 8305: the hosts of dns_util in
 * their order, the addresses of each started `xmpp.server.connection-attempt-delay` apart (or as
 * soon as the one before failed), the first that answers wins. Each attempt has a socket of its own
 * (Openfire 3.7.1 shared one, D10). Blocks up to the deadline, no locks, no thread of its own:
 * non-blocking sockets and poll.
 */
#ifndef SERVER_SOCKET_UTIL_H
#define SERVER_SOCKET_UTIL_H

#include <stdbool.h>
#include <stdint.h>

#include "server/dns_util.h"

enum socket_util_result {
    SOCKET_CONNECTED,
    SOCKET_NOT_FOUND,  /* DNS says there is no such server */
    SOCKET_UNREACHABLE /* addresses exist, none took the connection; or DNS did not answer in time */
};

#define SOCKET_UTIL_TRIED 8
/* Connections that are begun to one domain until its set-up is over: its DNS may name hundreds of addresses, and whoever
 * claims the domain would have us try them all. */
#define SOCKET_UTIL_STARTED 16

/* What was connected to, and before. Zeroed for the first attempt; kept between attempts, so that each goes to
 * another address. */
struct socket_util_target {
    char host[256]; /* A-label, as the DNS named it */
    int port;
    bool direct_tls; /* TLS begins with the first byte */
    bool secure;     /* DNSSEC vouches for the way there: its TLSA records count */
    char tried[SOCKET_UTIL_TRIED][80];
    int tried_count;
    int started; /* connections that were begun; at most SOCKET_UTIL_STARTED */
};

/* socket_util_connect - connect to `domain` (prepared), `tls`: also where only direct TLS is spoken. On
 * SOCKET_CONNECTED `*fd` is a connected non-blocking close-on-exec socket of the caller's. Otherwise `why` tells what was tried and
 * how each ended. An address and port that one of our own listeners has is never connected to (a
 * loop), see socket_util_set_listener. */
enum socket_util_result socket_util_connect(const char *domain, bool tls, int64_t deadline,
                                            struct timeline *timeline,
                                            struct socket_util_target *target, int *fd,
                                            struct text *why);
#define SOCKET_UTIL_LISTENERS 4
/* socket_util_set_listener - the address and port of our own listener number `which`, never to be connected to;
 * NULL: none. A wildcard address stands for every address of this machine. Any thread. */
void socket_util_set_listener(int which, const struct sockaddr *address, socklen_t length);
/* socket_util_refuse_reason - why nobody should connect to this address: our own listener, or no address of a server; NULL: all right */
const char *socket_util_refuse_reason(const struct sockaddr_storage *address);
/* socket_util_peer_name - the same of the other end of a connection, "?" when there is none */
void socket_util_peer_name(int fd, char *out, size_t size);
/* socket_util_set_options - TCP_NODELAY and SO_KEEPALIVE of a socket, as the settings say;
 * and what was sent and not acknowledged for twice `write_timeout` ms breaks the connection: a
 * host that went away without a word is found out then, not after the kernel's quarter of an
 * hour (RFC 6120 4.6.1, RFC 5482) */
void socket_util_set_options(int fd, bool nodelay, bool keepalive, int64_t write_timeout);
/* socket_util_wait - poll one event (POLLIN, POLLOUT) of a socket until `deadline` (negative: none). 1 ready,
 * 0 deadline, -1 `stopped` has become true (whoever sets it also shuts the socket down) or poll failed. */
int socket_util_wait(int fd, const _Atomic bool *stopped, short event, int64_t deadline);
/* socket_util_wait_acknowledged - with our sending side shut: wait until the peer's kernel has acknowledged all
 * that we sent, our FIN too, or `deadline` */
void socket_util_wait_acknowledged(int fd, int64_t deadline);
/* socket_util_unacknowledged - of the bytes handed to the kernel, those that the peer's has not acknowledged; a FIN does not
 * count. Also of a connection that is broken: as it was then. */
uint64_t socket_util_unacknowledged(int fd);
/* socket_util_discard - reset the connection: what has not arrived shall not arrive later */
void socket_util_discard(int fd);
/* socket_util_name - "192.0.2.1:5269" or "[2001:db8::1]:5269" */
void socket_util_name(const struct sockaddr *address, char *out, size_t size);

#endif
