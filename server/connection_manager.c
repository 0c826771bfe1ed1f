/* SPDX-License-Identifier: Apache-2.0 */
/* connection_manager - the listeners: enable, disable, move; and the reader of each new connection
 *
 * Openfire: ConnectionManagerImpl. The order of calls is Openfire's: the page (here: SIGHUP after a
 * change of the settings) calls enableServerListener and setServerListenerPort, the first works by
 * createServerListener and startServerListener. DIFFERS: when the port changes, Openfire stops the
 * old listener first and reports nothing when the new port can't be had; here the new port is bound
 * before the old one is let go.
 *
 * Threads: main. Only create_socket_reader is called by the accept threads; it reads a pointer that
 * was set before the first of them started.
 */
#include "server/connection_manager.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/config.h"
#include "server/log.h"
#include "server/socket_accept_thread.h"
#include "server/socket_util.h"

static connection_manager_reader_factory *reader_factory; /* set before start */
static struct socket_accept_thread *server_listener;      /* NULL while disabled */
static int server_port = 5269;
static struct sockaddr_storage server_bound; /* of the listener made last */
static socklen_t server_bound_length;
static struct text server_address; /* `network.interface` when the listener was made */

void connection_manager_set_reader_factory(connection_manager_reader_factory *factory)
{
    reader_factory = factory;
}

int connection_manager_create_socket_reader(int fd, const struct sockaddr *peer,
                                            struct socket_reader_task *task)
{
    return reader_factory(fd, peer, task);
}

/* has_ipv6 - can this machine listen on :: at all? */
static bool has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* make_address - a socket address of the setting's text */
static int make_address(const char *text, int port, struct sockaddr_storage *address,
                        socklen_t *length, struct text *why)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    memset(address, 0, sizeof *address);
    bool any = text == NULL || text[0] == '\0';
    if ((any && !has_ipv6()) || (!any && inet_pton(AF_INET, text, &v4->sin_addr) == 1)) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        *length = sizeof *v4;
        return 0;
    }
    if (any || inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        *length = sizeof *v6;
        return 0;
    }
    text_appendf(why,
                 "network.interface = %s: an IPv4 or IPv6 address was expected, or nothing for all",
                 text);
    return -1;
}

int connection_manager_create_server_listener(const char *address, struct text *why)
{
    struct sockaddr_storage bound;
    socklen_t length;
    if (make_address(address, server_port, &bound, &length, why) < 0)
        return -1;
    const struct config *config = config_get();
    struct socket_accept_thread *created = socket_accept_thread_new(
        (struct sockaddr *)&bound, length, (int)config->xmpp_socket_backlog, why);
    config_unref(config);
    if (created == NULL)
        return -1;
    server_listener = created;
    text_clear(&server_address);
    text_append_string(&server_address, address != NULL ? address : "");
    server_bound = bound;
    server_bound_length = length;
    return 0;
}

int connection_manager_start_server_listener(struct text *why)
{
    if (socket_accept_thread_start(server_listener, why) < 0) {
        socket_accept_thread_shutdown(server_listener);
        server_listener = NULL;
        return -1;
    }
    socket_util_set_listener((struct sockaddr *)&server_bound, server_bound_length);
    log_info("Started server (unencrypted) socket on port: %d%s%s", server_port,
             server_address.length > 0 ? ", address: " : "", text_string(&server_address));
    return 0;
}

/* open_listener - create and start, with the address that the settings name now */
static int open_listener(struct text *why)
{
    const struct config *config = config_get();
    int result = connection_manager_create_server_listener(config->network_interface, why);
    config_unref(config);
    return result < 0 ? -1 : connection_manager_start_server_listener(why);
}

static void close_listener(struct socket_accept_thread *listener, int port)
{
    socket_accept_thread_shutdown(listener);
    log_info("Stopped server socket on port: %d; live sessions stay", port);
}

int connection_manager_enable_server_listener(bool enabled, struct text *why)
{
    if (enabled == (server_listener != NULL))
        return 0;
    if (enabled)
        return open_listener(why);
    struct socket_accept_thread *old = server_listener;
    server_listener = NULL;
    socket_util_set_listener(NULL, 0);
    close_listener(old, server_port);
    return 0;
}

int connection_manager_set_server_listener_port(int port, struct text *why)
{
    if (port == server_port)
        return 0;
    int old_port = server_port;
    server_port = port;
    if (server_listener == NULL)
        return 0;
    struct socket_accept_thread *old = server_listener;
    server_listener = NULL;
    if (open_listener(why) < 0) {
        server_port = old_port;
        server_listener = old;
        return -1;
    }
    close_listener(old, old_port);
    return 0;
}

bool connection_manager_is_server_listener_enabled(void)
{
    return server_listener != NULL;
}

int connection_manager_server_listener_port(void)
{
    return server_port;
}

void connection_manager_stop(void)
{
    if (server_listener != NULL) {
        struct text why = TEXT_EMPTY;
        connection_manager_enable_server_listener(false, &why);
        text_free(&why);
    }
    text_free(&server_address);
}
