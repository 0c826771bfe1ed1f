/* connection_manager - the listeners: enable, disable, move; and the reader of each new connection
 *
 * Openfire: ConnectionManager, ConnectionManagerImpl. Model, statements 2, 3 and 6. All but
 * create_socket_reader and open_port are called by one thread at a time (admin/reload.h has the
 * lock).
 */
#ifndef SERVER_CONNECTION_MANAGER_H
#define SERVER_CONNECTION_MANAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "server/connection_kind.h"
#include "xml/text.h"

/* What runs on the thread of a new connection. */
struct socket_reader_task {
    char name[32];             /* of the thread and its log lines */
    size_t stack;              /* bytes */
    void (*run)(void *reader); /* takes the reader */
    void (*discard)(
        void *reader); /* instead of run, when there is no thread for it: closes and frees */
    void *reader;
};

/* A factory makes the reader of an accepted socket: 0 with `task` filled and the socket its own,
 * or -1: refused, the socket is still the caller's. main points it at the session layer (server/
 * never names a session). */
typedef int connection_manager_reader_factory(int fd, const struct sockaddr *peer,
                                              enum connection_kind kind,
                                              struct socket_reader_task *task);

void connection_manager_set_reader_factory(connection_manager_reader_factory *factory);
/* connection_manager_create_socket_reader - by the accept threads, for each socket */
int connection_manager_create_socket_reader(int fd, const struct sockaddr *peer,
                                            enum connection_kind kind,
                                            struct socket_reader_task *task);

/* connection_manager_set_server_listener_port - the port of the S2S listener. When it is another
 * one than now and the listener is enabled, the listener moves: the new port is opened first,
 * and if that fails the old one stays. Live sessions are not touched. 0, or -1 with `why`. */
int connection_manager_set_server_listener_port(int port, struct text *why);
/* connection_manager_enable_server_listener - on: createServerListener, startServerListener;
 * off: the listener ends, live sessions stay. 0, or -1 with `why`. Nothing happens when it is so
 * already. */
int connection_manager_enable_server_listener(bool enabled, struct text *why);
/* connection_manager_set_server_ssl_listener_port, _enable_server_ssl_listener - the same for the listener where
 * TLS begins with the first byte (XEP-0368) */
int connection_manager_set_server_ssl_listener_port(int port, struct text *why);
int connection_manager_enable_server_ssl_listener(bool enabled, struct text *why);
/* connection_manager_set_component_listener_port, _enable_component_listener - the same for components
 * (XEP-0114), on the address xmpp.component.interface */
int connection_manager_set_component_listener_port(int port, struct text *why);
int connection_manager_enable_component_listener(bool enabled, struct text *why);
/* connection_manager_set_upstream_listener_port, _enable_upstream_listener - and for the servers behind us, on the address
 * s2s.upstream.interface */
int connection_manager_set_upstream_listener_port(int port, struct text *why);
int connection_manager_enable_upstream_listener(bool enabled, struct text *why);
/* connection_manager_open_port - where that listener is open now, 0: it is not. Any thread. */
int connection_manager_open_port(enum connection_kind kind);
bool connection_manager_is_server_listener_enabled(void);
int connection_manager_server_listener_port(void);
/* connection_manager_create_server_listener - make and bind the SocketAcceptThread for `address`
 * (text; "" or NULL: all addresses) and the port. connection_manager_start_server_listener - and
 * let it accept. Both 0, or -1 with `why`. */
int connection_manager_create_server_listener(const char *address, struct text *why);
int connection_manager_start_server_listener(struct text *why);
/* connection_manager_stop - end all listeners */
void connection_manager_stop(void);

#endif
