/* touched_connections - the connections that this thread has written to and not flushed
 *
 * Append now, flush before you block: a thread notes each connection that it delivers to and sends what it has appended anywhere
 * before it waits, so that one send(2) carries many stanzas. Stanzas go into a batch of the thread's own first, for each connection,
 * and the connection's lock is taken once for many of them. A batch that its connection does not take any more, since it has ended, goes to
 * the connection's refused handler. A list for each thread, with a reference of each connection; no locks.
 */
#ifndef SERVER_TOUCHED_CONNECTIONS_H
#define SERVER_TOUCHED_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct element;
struct element_style;
struct socket_connection;

/* touched_connections_add - note it (socket_connection_deliver does). When there are too many, they are flushed first. */
void touched_connections_add(struct socket_connection *connection);
/* touched_connections_write - write a stanza into this thread's batch for it. Hands a large batch over, which may wait for a slow peer
 * (socket_connection_deliver). False: it is larger than `most` bytes (0: any), and was taken out again. */
bool touched_connections_write(struct socket_connection *connection, const struct element *packet,
                               const struct element_style *style, size_t most);
/* touched_connections_hand_over - give this thread's batch to it, so that what is appended next stands behind it */
void touched_connections_hand_over(struct socket_connection *connection, bool wait);
/* touched_connections_flush - send what this thread has written to each, waiting for each peer up to the write timeout. Without `wait`,
 * what is not taken at once goes when the connection's own reader is next about to wait: for the housekeeping. */
void touched_connections_flush(bool wait);

#endif
