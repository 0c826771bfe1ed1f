/* component_socket_reader - reads the stream of a component
 *
 * Openfire: ComponentSocketReader, ComponentStanzaHandler. The kind of socket_reader for the port xmpp.component.socket.port.
 */
#ifndef SESSION_COMPONENT_SOCKET_READER_H
#define SESSION_COMPONENT_SOCKET_READER_H

#include "server/connection_manager.h"

/* component_socket_reader_create - a connection_manager_reader_factory for CONNECTION_COMPONENT */
int component_socket_reader_create(int fd, const struct sockaddr *peer, enum connection_kind kind,
                                   struct socket_reader_task *task);

#endif
