/* touched_connections - the connections that this thread has appended to and not flushed
 *
 * Append now, flush before you block: a thread notes each connection that it delivers to and sends what it has appended anywhere
 * before it waits, so that one send(2) carries many stanzas. A list for each thread, with a reference of each connection; no locks.
 */
#ifndef SERVER_TOUCHED_CONNECTIONS_H
#define SERVER_TOUCHED_CONNECTIONS_H

#include <stdbool.h>

struct socket_connection;

/* touched_connections_add - note it (socket_connection_deliver does). When there are too many, they are flushed first. */
void touched_connections_add(struct socket_connection *connection);
/* touched_connections_flush - send what is appended to each, waiting for each peer up to the write timeout. Without `wait`, what is
 * not taken at once goes when the connection's own reader is next about to wait: for the housekeeping. */
void touched_connections_flush(bool wait);

#endif
