/* undelivered_stanzas - what a broken stream has not sent comes back to its senders
 *
 * Openfire: OutgoingSessionPromise.returnErrorToSender, for packets that were already given to a session (there they
 * are lost). RFC 6120 4.9.1.
 */
#ifndef SESSION_UNDELIVERED_STANZAS_H
#define SESSION_UNDELIVERED_STANZAS_H

#include <stddef.h>

/* undelivered_stanzas_return - a connection's undelivered handler (server/socket_connection.h) with the content namespace of
 * its stream, a constant, for its owner: what arrived
 * whole at the other host is done; each stanza of the rest comes back with remote-server-timeout */
void undelivered_stanzas_return(void *owner, const char *bytes, size_t length, size_t arrived);

/* undelivered_stanzas_route_again - a connection's refused handler: it had ended before these were given to it, so each looks for its way once
 * more. The owner likewise. */
void undelivered_stanzas_route_again(void *owner, const char *bytes, size_t length, size_t arrived);

#endif
