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

/* One listening port; main's alone. */
struct listener {
    const char *words;         /* for the log */
    enum connection_kind kind; /* also its place in socket_util's loop guard */
    int port;
    _Atomic int open_port;               /* 0: closed; anybody may look */
    struct socket_accept_thread *thread; /* NULL while disabled */
    struct sockaddr_storage bound;       /* of the thread made last */
    socklen_t bound_length;
    struct text address; /* `network.interface` when it was made */
};

static struct listener server = {.words = "(unencrypted)", .kind = CONNECTION_SERVER, .port = 5269};
static struct listener server_ssl = {
    .words = "(direct TLS)", .kind = CONNECTION_SERVER_SSL, .port = 5270};
static struct listener component = {
    .words = "component", .kind = CONNECTION_COMPONENT, .port = 5275};
static struct listener upstream = {
    .words = "private (upstream)", .kind = CONNECTION_UPSTREAM, .port = 5268};

void connection_manager_set_reader_factory(connection_manager_reader_factory *factory)
{
    reader_factory = factory;
}

int connection_manager_create_socket_reader(int fd, const struct sockaddr *peer,
                                            enum connection_kind kind,
                                            struct socket_reader_task *task)
{
    return reader_factory(fd, peer, kind, task);
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

static int create(struct listener *listener, const char *address, struct text *why)
{
    struct sockaddr_storage bound;
    socklen_t length;
    if (make_address(address, listener->port, &bound, &length, why) < 0)
        return -1;
    const struct config *config = config_get();
    struct socket_accept_thread *created = socket_accept_thread_new(
        (struct sockaddr *)&bound, length, (int)config->xmpp_socket_backlog, listener->kind, why);
    config_unref(config);
    if (created == NULL)
        return -1;
    listener->thread = created;
    text_clear(&listener->address);
    text_append_string(&listener->address, address != NULL ? address : "");
    listener->bound = bound;
    listener->bound_length = length;
    return 0;
}

static int start(struct listener *listener, struct text *why)
{
    if (socket_accept_thread_start(listener->thread, why) < 0) {
        socket_accept_thread_shutdown(listener->thread);
        listener->thread = NULL;
        return -1;
    }
    socket_util_set_listener((int)listener->kind, (struct sockaddr *)&listener->bound,
                             listener->bound_length);
    listener->open_port = listener->port;
    log_info("Started server %s socket on port: %d%s%s", listener->words, listener->port,
             listener->address.length > 0 ? ", address: " : "", text_string(&listener->address));
    return 0;
}

/* open_listener - create and start, with the address that the settings name now */
static int open_listener(struct listener *listener, struct text *why)
{
    const struct config *config = config_get();
    const char *address = listener->kind == CONNECTION_COMPONENT  ? config->xmpp_component_interface
                          : listener->kind == CONNECTION_UPSTREAM ? config->s2s_upstream_interface
                                                                  : config->network_interface;
    int result = create(listener, address, why);
    config_unref(config);
    return result < 0 ? -1 : start(listener, why);
}

static void close_listener(struct socket_accept_thread *thread, int port)
{
    socket_accept_thread_shutdown(thread);
    log_info("Stopped server socket on port: %d; live sessions stay", port);
}

static int enable(struct listener *listener, bool enabled, struct text *why)
{
    if (enabled == (listener->thread != NULL))
        return 0;
    if (enabled)
        return open_listener(listener, why);
    struct socket_accept_thread *old = listener->thread;
    listener->thread = NULL;
    listener->open_port = 0;
    socket_util_set_listener((int)listener->kind, NULL, 0);
    close_listener(old, listener->port);
    return 0;
}

static int set_port(struct listener *listener, int port, struct text *why)
{
    if (port == listener->port)
        return 0;
    int old_port = listener->port;
    listener->port = port;
    if (listener->thread == NULL)
        return 0;
    struct socket_accept_thread *old = listener->thread;
    listener->thread = NULL;
    if (open_listener(listener, why) < 0) {
        listener->port = old_port;
        listener->thread = old;
        return -1;
    }
    close_listener(old, old_port);
    return 0;
}

int connection_manager_create_server_listener(const char *address, struct text *why)
{
    return create(&server, address, why);
}

int connection_manager_start_server_listener(struct text *why)
{
    return start(&server, why);
}

int connection_manager_enable_server_listener(bool enabled, struct text *why)
{
    return enable(&server, enabled, why);
}

int connection_manager_set_server_listener_port(int port, struct text *why)
{
    return set_port(&server, port, why);
}

int connection_manager_enable_server_ssl_listener(bool enabled, struct text *why)
{
    return enable(&server_ssl, enabled, why);
}

int connection_manager_set_server_ssl_listener_port(int port, struct text *why)
{
    return set_port(&server_ssl, port, why);
}

int connection_manager_enable_component_listener(bool enabled, struct text *why)
{
    return enable(&component, enabled, why);
}

int connection_manager_set_component_listener_port(int port, struct text *why)
{
    return set_port(&component, port, why);
}

int connection_manager_enable_upstream_listener(bool enabled, struct text *why)
{
    return enable(&upstream, enabled, why);
}

int connection_manager_set_upstream_listener_port(int port, struct text *why)
{
    return set_port(&upstream, port, why);
}

int connection_manager_open_port(enum connection_kind kind)
{
    const struct listener *const listeners[] = {[CONNECTION_SERVER] = &server,
                                                [CONNECTION_SERVER_SSL] = &server_ssl,
                                                [CONNECTION_COMPONENT] = &component,
                                                [CONNECTION_UPSTREAM] = &upstream};
    return listeners[kind]->open_port;
}

bool connection_manager_is_server_listener_enabled(void)
{
    return server.thread != NULL;
}

int connection_manager_server_listener_port(void)
{
    return server.port;
}

void connection_manager_stop(void)
{
    struct text why = TEXT_EMPTY;
    enable(&server, false, &why);
    enable(&server_ssl, false, &why);
    enable(&component, false, &why);
    enable(&upstream, false, &why);
    text_free(&upstream.address);
    text_free(&component.address);
    text_free(&server.address);
    text_free(&server_ssl.address);
    text_free(&why);
}
