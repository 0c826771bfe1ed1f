/* SPDX-License-Identifier: Apache-2.0 */
/* main - options, start order, wiring, signals, housekeeping, stop order
 *
 * Openfire: ServerStarter, XMPPServer.start. A root: nothing includes it, so it may include
 * everything, and the function pointers by
 * which the lower rooms reach the upper ones are set here and nowhere else:
 *   connection_manager  -> create_reader: server_ or component_socket_reader_create (who reads an accepted connection)
 *   routing_table       -> outgoing_session_promise_process (a packet without a route)
 *
 * Threads: this one waits for signals and, once a second, does the housekeeping. Signals are
 * blocked in all others.
 *   SIGHUP  read the settings again, SIGTERM and SIGINT drain and end (a second one: at once).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libxml/parser.h>
#include <libxml/xmlmemory.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dialback/dialback_key.h"
#include "server/certificate_manager.h"
#include "server/config.h"
#include "server/connection_manager.h"
#include "server/dns_util.h"
#include "server/external_component_manager.h"
#include "server/log.h"
#include "server/remote_server_manager.h"
#include "server/socket_connection.h"
#include "server/thread.h"
#include "server/touched_connections.h"
#include "server/upstream_manager.h"
#include "server/xmpp_server.h"
#include "session/component_routes.h"
#include "session/component_socket_reader.h"
#include "session/iq_router.h"
#include "session/local_outgoing_server_session.h"
#include "session/outgoing_session_promise.h"
#include "session/retry_pause.h"
#include "session/routing_table.h"
#include "session/server_socket_reader.h"
#include "session/session_manager.h"

#define DEFAULT_FILE "openfire-s2s.conf"
#define PINGS_MAX 64

struct options {
    const char *file;
    bool check_only;
    const char *pings[PINGS_MAX];
    int ping_count;
};

static void print_usage(FILE *to)
{
    fprintf(to, "usage: openfire-s2s [-c FILE] [-t] [-P DOMAIN]...\n"
                "  -c FILE    settings (default " DEFAULT_FILE ")\n"
                "  -t         check the settings and end\n"
                "  -P DOMAIN  once the listener is up, ping DOMAIN (XEP-0199) and log the outcome\n"
                "  -v, -h     version, this text\n"
                "SIGHUP reads the settings again; SIGTERM drains and ends.\n");
}

static void read_options(struct options *options, int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "c:tP:vh")) != -1) {
        switch (option) {
        case 'c':
            options->file = optarg;
            break;
        case 't':
            options->check_only = true;
            break;
        case 'P':
            if (options->ping_count == PINGS_MAX)
                log_fatal("more than %d pings", PINGS_MAX);
            options->pings[options->ping_count++] = optarg;
            break;
        case 'v':
            printf(XMPP_SERVER_SOFTWARE " " XMPP_SERVER_VERSION "\n");
            exit(0);
        case 'h':
            print_usage(stdout);
            exit(0);
        default:
            print_usage(stderr);
            exit(2);
        }
    }
    if (optind < argc) {
        print_usage(stderr);
        exit(2);
    }
}

/* fill_standard_descriptors - a socket must not get the number of a closed standard error */
static void fill_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* raise_descriptor_limit - each connection needs one: as many as we are allowed */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* make_home - `s2s.home` and what leads to it, for our eyes only */
static int make_home(const char *home, struct text *why)
{
    char *path = text_copy(home);
    int result = 0;
    for (char *at = path + 1; result == 0; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char kept = *at;
        *at = '\0';
        if (mkdir(path, 0700) < 0 && errno != EEXIST) {
            text_appendf(why, "s2s.home: cannot make %s: %s", path, strerror(errno));
            result = -1;
        }
        *at = kept;
        if (kept == '\0')
            break;
    }
    free(path);
    return result;
}

/* apply - what follows from settings, at the start and at each reload: what can fail on what the operator
 * wrote comes first. 0, or -1 with `why`: then the settings must not be published. */
static int apply(const struct config *config, struct text *why)
{
    if (dns_util_parse_overrides(config->dnsutil_dnsOverride, why) < 0 ||
        make_home(config->s2s_home, why) < 0 || remote_server_manager_load(config, why) < 0 ||
        dialback_key_start(config->s2s_home, config->xmpp_server_dialback_secret, why) < 0 ||
        certificate_manager_start(config, why) < 0 || dns_util_start(config, why) < 0)
        return -1;
    if (external_component_manager_load(config, why) < 0 || upstream_manager_load(config, why) < 0)
        return -1;
    if (xmpp_server_configure(config) < 0) {
        text_append_string(why, "xmpp.domain or s2s.domains: not a domain");
        return -1;
    }
    log_set_level((enum log_level)config->s2s_log_level);
    log_set_wire(config->s2s_log_wire);
    return 0;
}

/* check_only - -t: everything that can be checked without making anything */
static int check_only(const struct config *config, const char *file)
{
    struct text why = TEXT_EMPTY;
    int result = dns_util_parse_overrides(config->dnsutil_dnsOverride, &why);
    if (result == 0)
        result = remote_server_manager_load(config, &why);
    if (result == 0)
        result = external_component_manager_load(config, &why);
    if (result == 0)
        result = upstream_manager_load(config, &why);
    if (result == 0)
        result = certificate_manager_check(config, &why);
    if (result < 0)
        fprintf(stderr, "%s\n", text_string(&why));
    else
        printf("%s: good; domain %s, port %lld\n", file, config->xmpp_domain,
               (long long)config->xmpp_server_socket_port);
    text_free(&why);
    remote_server_manager_stop();
    external_component_manager_stop();
    upstream_manager_stop();
    xmpp_server_stop();
    config_stop();
    return result < 0 ? 1 : 0;
}

/* set_ssl_listener - where TLS begins with the first byte; never without a certificate */
static int set_ssl_listener(const struct config *config, struct text *why)
{
    struct certificates *certificates = certificate_manager_get();
    bool on = config->xmpp_server_socket_active && config->xmpp_server_socket_ssl_active &&
              certificates != NULL;
    certificates_unref(certificates);
    if (!on)
        return connection_manager_enable_server_ssl_listener(false, why);
    if (connection_manager_set_server_ssl_listener_port((int)config->xmpp_server_socket_ssl_port,
                                                        why) < 0)
        return -1;
    return connection_manager_enable_server_ssl_listener(true, why);
}

static int set_component_listener(const struct config *config, struct text *why)
{
    if (!config->xmpp_component_socket_active)
        return connection_manager_enable_component_listener(false, why);
    if (connection_manager_set_component_listener_port((int)config->xmpp_component_socket_port,
                                                       why) < 0)
        return -1;
    return connection_manager_enable_component_listener(true, why);
}

/* set_upstream_listener - the private port, while there is anybody for it */
static int set_upstream_listener(const struct config *config, struct text *why)
{
    if (upstream_manager_is_empty())
        return connection_manager_enable_upstream_listener(false, why);
    if (connection_manager_set_upstream_listener_port((int)config->s2s_upstream_socket_port, why) <
        0)
        return -1;
    return connection_manager_enable_upstream_listener(true, why);
}

/* create_reader - who reads a connection depends on where it came in */
static int create_reader(int fd, const struct sockaddr *peer, enum connection_kind kind,
                         struct socket_reader_task *task)
{
    return kind == CONNECTION_COMPONENT ? component_socket_reader_create(fd, peer, kind, task)
                                        : server_socket_reader_create(fd, peer, kind, task);
}

/* set_listener - Openfire's page: enableServerListener, setServerListenerPort */
static int set_listener(const struct config *config, struct text *why)
{
    if (connection_manager_enable_server_listener(
            config->xmpp_server_socket_active && connection_manager_is_server_listener_enabled(),
            why) < 0 ||
        connection_manager_set_server_listener_port((int)config->xmpp_server_socket_port, why) < 0)
        return -1;
    if (connection_manager_enable_server_listener(config->xmpp_server_socket_active, why) < 0)
        return -1;
    if (set_ssl_listener(config, why) < 0 || set_component_listener(config, why) < 0)
        return -1;
    return set_upstream_listener(config, why);
}

static void reload(const char *file)
{
    struct text why = TEXT_EMPTY;
    struct config *fresh = config_load(file, &why);
    if (fresh == NULL || apply(fresh, &why) < 0) {
        if (fresh != NULL)
            config_unref(fresh);
        log_error_lines(text_string(&why));
        log_error("SIGHUP: the settings stay as they were");
        text_free(&why);
        return;
    }
    const struct config *old = config_get();
    config_restart_needed(old, fresh, &why);
    if (why.length > 0)
        log_warn("SIGHUP: changed, but only a restart makes them count: %s", text_string(&why));
    config_unref(old);
    config_publish(fresh);
    const struct config *config = config_get();
    text_clear(&why);
    if (set_listener(config, &why) < 0)
        log_error("SIGHUP: %s", text_string(&why));
    else
        log_info("SIGHUP: settings read again from %s", file);
    config_unref(config);
    session_manager_check_permissions();
    text_free(&why);
}

static void do_housekeeping(void)
{
    int64_t now = xmpp_server_now();
    session_manager_tick(now);
    retry_pause_tick(now);
    iq_router_tick(now);
    touched_connections_flush(false);
}

/* flush_last - the last act of each thread: what it has written at its very end goes out */
static void flush_last(void)
{
    touched_connections_flush(true);
}

/* wait_for_signal - the next one of interest, or 0 when it is time for the housekeeping */
static int wait_for_signal(const sigset_t *signals, int64_t until)
{
    int64_t left = until - xmpp_server_now();
    if (left < 0)
        left = 0;
    struct timespec wait = {.tv_sec = left / 1000, .tv_nsec = (left % 1000) * 1000000};
    int got = sigtimedwait(signals, NULL, &wait);
    return got > 0 ? got : 0;
}

static void serve(const struct options *options, const sigset_t *signals)
{
    int64_t next = xmpp_server_now() + 1000;
    for (;;) {
        int got = wait_for_signal(signals, next);
        if (got == SIGHUP) {
            reload(options->file);
        } else if (got != 0) {
            log_info("signal %s: draining", strsignal(got));
            return;
        }
        if (xmpp_server_now() >= next) {
            do_housekeeping();
            next = xmpp_server_now() + 1000;
        }
    }
}

/* drain - no new connections; every stream is told; wait for their threads, within the limit or
 * until a second signal */
static int drain(const sigset_t *signals)
{
    const struct config *config = config_get();
    int64_t deadline = xmpp_server_now() + config->s2s_shutdown_timeout;
    config_unref(config);
    connection_manager_stop();
    session_manager_end_all(STREAM_SYSTEM_SHUTDOWN, NULL);
    int left;
    while ((left = thread_wait_all(xmpp_server_now() + 200)) > 0 && xmpp_server_now() < deadline) {
        int again = wait_for_signal(signals, 0);
        if (again == SIGTERM || again == SIGINT)
            break;
        do_housekeeping();
    }
    if (left == 0)
        return 0;
    log_warn("%d connections did not end in time and are cut", left);
    session_manager_abort_all();
    return thread_wait_all(xmpp_server_now() + 1000);
}

static void stop_rooms(void)
{
    touched_connections_flush(false);
    outgoing_session_promise_stop();
    local_outgoing_server_session_stop();
    routing_table_stop();
    component_routes_stop();
    retry_pause_stop();
    dns_util_stop();
    certificate_manager_stop();
    remote_server_manager_stop();
    external_component_manager_stop();
    upstream_manager_stop();
    dialback_key_stop();
    xmpp_server_stop();
    config_stop();
    xmlCleanupParser();
}

static void start_rooms(struct options *options)
{
    struct text why = TEXT_EMPTY;
    struct config *loaded = config_load(options->file, &why);
    if (loaded == NULL) {
        log_error_lines(text_string(&why));
        log_fatal("the settings can't be used");
    }
    config_publish(loaded);
    const struct config *config = config_get();
    if (options->check_only) {
        int result = check_only(config, options->file);
        config_unref(config);
        exit(result);
    }
    thread_set_last_act(flush_last);
    connection_manager_set_reader_factory(create_reader);
    routing_table_set_no_route_handler(outgoing_session_promise_process);
    if (apply(config, &why) < 0 || set_listener(config, &why) < 0)
        log_fatal("%s", text_string(&why));
    log_info(XMPP_SERVER_SOFTWARE " " XMPP_SERVER_VERSION " serves %s%s%s; settings: %s; home: %s",
             config->xmpp_domain, config->s2s_domains[0] != '\0' ? ", " : "", config->s2s_domains,
             options->file, config->s2s_home);
    if (!config->xmpp_server_socket_active)
        log_info("the listener is off: xmpp.server.socket.active is false");
    for (int i = 0; i < options->ping_count; i++)
        iq_router_ping(options->pings[i], config->xmpp_server_read_timeout);
    config_unref(config);
    text_free(&why);
}

int main(int argc, char **argv)
{
    struct options options = {.file = DEFAULT_FILE};
    fill_standard_descriptors();
    log_set_id("main");
    read_options(&options, argc, argv);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    umask(077);
    raise_descriptor_limit();
    xmlInitParser();
    start_rooms(&options);
    serve(&options, &signals);
    if (drain(&signals) > 0)
        _exit(0); /* threads are left: nothing that they use may be freed */
    stop_rooms();
    log_info("ended");
    return 0;
}
