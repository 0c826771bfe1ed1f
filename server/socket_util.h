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

#include <stdint.h>

#include "server/dns_util.h"

enum socket_util_result {
    SOCKET_CONNECTED,
    SOCKET_NOT_FOUND,  /* DNS says there is no such server */
    SOCKET_UNREACHABLE /* addresses exist, none took the connection; or DNS did not answer in time */
};

/* socket_util_connect - connect to `domain` (prepared). On SOCKET_CONNECTED `*fd` is a connected
 * non-blocking close-on-exec socket of the caller's. Otherwise `why` tells what was tried and
 * how each ended. An address and port that one of our own listeners has is never connected to (a
 * loop), see socket_util_set_listener. */
enum socket_util_result socket_util_connect(const char *domain, int64_t deadline,
                                            struct timeline *timeline, int *fd, struct text *why);
/* socket_util_set_listener - our own listening address and port, never to be connected to; port
 * 0: none. A wildcard address stands for every address of this machine. Any thread. */
void socket_util_set_listener(const struct sockaddr *address, socklen_t length);
/* socket_util_name - "192.0.2.1:5269" or "[2001:db8::1]:5269" */
void socket_util_name(const struct sockaddr *address, char *out, size_t size);

#endif
