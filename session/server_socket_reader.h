/* server_socket_reader - reads a stream that another server opened to us
 *
 * Openfire: ServerSocketReader. Model, statements 6 to 11: made by the ConnectionManager for an
 * accepted socket, run on a thread of its own.
 */
#ifndef SESSION_SERVER_SOCKET_READER_H
#define SESSION_SERVER_SOCKET_READER_H

#include "server/connection_manager.h"

/* server_socket_reader_create - the connection_manager_reader_factory of the S2S listener: wraps
 * the socket; refuses it when connection_limiter does */
int server_socket_reader_create(int fd, const struct sockaddr *peer, enum connection_kind kind,
                                struct socket_reader_task *task);

#endif
