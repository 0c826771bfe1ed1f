/* socket_accept_thread - the thread that listens on one port
 *
 * Openfire: SocketAcceptThread. Model, statement 4: address and port wrapped in a thread of its
 * own, which holds a BlockingAcceptingMode.
 */
#ifndef SERVER_SOCKET_ACCEPT_THREAD_H
#define SERVER_SOCKET_ACCEPT_THREAD_H

#include <sys/socket.h>

#include "server/connection_kind.h"
#include "xml/text.h"

struct socket_accept_thread;

/* socket_accept_thread_new - the port is bound when this returns; nothing is accepted before
 * start. `kind` is that of its connections. NULL with a sentence in `why`. */
struct socket_accept_thread *socket_accept_thread_new(const struct sockaddr *address,
                                                      socklen_t length, int backlog,
                                                      enum connection_kind kind, struct text *why);
/* socket_accept_thread_start - run it. 0, or -1 with `why`. */
int socket_accept_thread_start(struct socket_accept_thread *thread, struct text *why);
/* socket_accept_thread_shutdown - close the port, wait for the thread, free. The connections it
 * accepted live on. */
void socket_accept_thread_shutdown(struct socket_accept_thread *thread);

#endif
