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
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "admin/control_server.h"
#include "admin/control_socket.h"
#include "admin/live_samples.h"
#include "admin/metrics_server.h"
#include "admin/reload.h"
#include "admin/remote_software.h"
#include "admin/web_console.h"
#include "admin/web_jobs.h"
#include "dialback/dialback_key.h"
#include "server/certificate_manager.h"
#include "server/config.h"
#include "server/connection_limiter.h"
#include "server/connection_manager.h"
#include "server/dns_util.h"
#include "server/external_component_manager.h"
#include "server/limit_log.h"
#include "server/log.h"
#include "server/memory.h"
#include "server/metrics.h"
#include "server/remote_server_manager.h"
#include "server/service_notify.h"
#include "server/socket_connection.h"
#include "server/thread.h"
#include "server/timeline_store.h"
#include "server/touched_connections.h"
#include "server/upstream_manager.h"
#include "server/xmpp_server.h"
#include "session/component_routes.h"
#include "session/component_socket_reader.h"
#include "session/domain_limits.h"
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

/* create_reader - who reads a connection depends on where it came in */
static int create_reader(int fd, const struct sockaddr *peer, enum connection_kind kind,
                         struct socket_reader_task *task)
{
    return kind == CONNECTION_COMPONENT ? component_socket_reader_create(fd, peer, kind, task)
                                        : server_socket_reader_create(fd, peer, kind, task);
}

/* read_settings_again - SIGHUP */
static void read_settings_again(void)
{
    struct text why = TEXT_EMPTY;
    service_notify_reloading();
    if (reload_settings(&why) < 0) {
        log_error_lines(text_string(&why));
        log_error("SIGHUP: the settings stay as they were");
    } else {
        if (why.length > 0)
            log_warn("SIGHUP: changed, but only a restart makes them count: %s", text_string(&why));
        const struct config *config = config_get();
        log_info("SIGHUP: settings read again from %s", config->file);
        config_unref(config);
    }
    service_notify_ready();
    text_free(&why);
}

static void do_housekeeping(void)
{
    int64_t now = xmpp_server_now();
    session_manager_tick(now);
    retry_pause_tick(now);
    iq_router_tick(now);
    metrics_server_tick(now);
    domain_limits_tick(now);
    outgoing_session_promise_tick(now);
    limit_log_tick(now);
    live_samples_tick(now);
    web_console_tick(now);
    touched_connections_flush(false);
    memory_tick(now);
    service_notify_status("sessions: %lld incoming, %lld outgoing; components: %lld",
                          (long long)metrics_get(incoming_sessions),
                          (long long)metrics_get(outgoing_sessions),
                          (long long)metrics_get(component_sessions));
    service_notify_tick(now);
}

/* end_thread - the last act of each thread: what it has written at its very end goes out, and what OpenSSL keeps for it is freed now.
 * Freed by the C library, it would be after this thread was counted as gone, when the end of the program frees OpenSSL itself. */
static void end_thread(void)
{
    touched_connections_flush(true);
    OPENSSL_thread_stop();
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

static void serve(const sigset_t *signals)
{
    int64_t next = xmpp_server_now() + 1000;
    for (;;) {
        int got = wait_for_signal(signals, next);
        if (got == SIGHUP) {
            read_settings_again();
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
    service_notify_stopping();
    control_socket_stop();
    web_jobs_stop();
    iq_router_stop();
    reload_stop();
    session_manager_end_all(STREAM_SYSTEM_SHUTDOWN, NULL);
    int left;
    while ((left = thread_wait_all(xmpp_server_now() + 200)) > 0 && xmpp_server_now() < deadline &&
           !control_server_ends_at_once()) {
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
    web_console_stop();
    metrics_server_stop();
    remote_software_stop();
    touched_connections_flush(false);
    outgoing_session_promise_stop();
    local_outgoing_server_session_stop();
    routing_table_stop();
    component_routes_stop();
    retry_pause_stop();
    timeline_store_stop();
    domain_limits_stop();
    connection_limiter_stop();
    dns_util_stop();
    certificate_manager_stop();
    remote_server_manager_stop();
    external_component_manager_stop();
    upstream_manager_stop();
    dialback_key_stop();
    xmpp_server_stop();
    config_stop();
    service_notify_stop();
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
    thread_set_last_act(end_thread);
    connection_manager_set_reader_factory(create_reader);
    routing_table_set_no_route_handler(outgoing_session_promise_process);
    if (reload_make_home(config, &why) < 0 || control_socket_open(config->s2s_home, &why) < 0 ||
        reload_apply(config, &why) < 0 || reload_listeners(config, &why) < 0 ||
        control_socket_start(&why) < 0)
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
    memory_start(argv);
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
    service_notify_start();
    start_rooms(&options);
    service_notify_ready();
    serve(&signals);
    if (drain(&signals) > 0)
        _exit(0); /* threads are left: nothing that they use may be freed */
    stop_rooms();
    log_info("ended");
    return 0;
}
