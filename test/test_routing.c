/* SPDX-License-Identifier: Apache-2.0 */
/* test_routing - where a packet goes, waits, and comes back
 *
 * packet_router, routing_table, outgoing_session_promise and an outgoing session that is never answered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dialback/dialback_key.h"
#include "server/config.h"
#include "server/dns_util.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/remote_server_manager.h"
#include "server/thread.h"
#include "server/xmpp_server.h"
#include "session/local_outgoing_server_session.h"
#include "session/outgoing_session_promise.h"
#include "session/packet_router.h"
#include "session/retry_pause.h"
#include "session/routing_table.h"
#include "session/session_manager.h"
#include "xml/xmlns.h"

static struct text why;
static struct arena *arena;
static int listener; /* of mute.test: it takes connections and says nothing */
static char home[64], path[128];

static int listen_somewhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 8) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        return -1;
    return ntohs(address.sin_port);
}

static int start(void **state)
{
    (void)state;
    strcpy(home, "/tmp/routing-XXXXXX");
    if (mkdtemp(home) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/remote-servers.conf", home);
    FILE *rows = fopen(path, "w");
    fprintf(rows, "[blocked.test]\npermission = blocked\nremotePort = 0\n");
    fclose(rows);
    snprintf(path, sizeof path, "%s/conf", home);
    FILE *file = fopen(path, "w");
    fprintf(file,
            "[xmpp]\ndomain = ours.test\nserver.outgoing.queue = "
            "3\nserver.session.initialise-timeout = 1\n"
            "[dnsutil]\ndnsOverride = {mute.test,127.0.0.1:%d}\n[s2s]\nhome = %s\ndns.server = "
            "127.0.0.1@9\n",
            listen_somewhere(), home);
    fclose(file);
    log_set_level(LOG_LEVEL_ERROR);
    struct config *config = config_load(path, &why);
    if (config == NULL)
        return -1;
    config_publish(config);
    arena = arena_new(0);
    routing_table_set_no_route_handler(outgoing_session_promise_process);
    return xmpp_server_configure(config) < 0 || remote_server_manager_load(config, &why) < 0 ||
           dns_util_start(config, &why) < 0 || dialback_key_start(home, "a secret", &why) < 0;
}

static int stop(void **state)
{
    (void)state;
    int left = thread_wait_all(xmpp_server_now() + 20000);
    close(listener);
    outgoing_session_promise_stop();
    local_outgoing_server_session_stop();
    routing_table_stop();
    retry_pause_stop();
    dns_util_stop();
    remote_server_manager_stop();
    dialback_key_stop();
    xmpp_server_stop();
    config_stop();
    arena_free(arena);
    text_free(&why);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", home);
    return system(command) != 0 || left;
}

/* send_packet - from a user of ours (or `from`) */
static void send_packet(const char *name, const char *type, const char *from, const char *to)
{
    struct element *packet = element_new(arena, name, XMLNS_SERVER);
    element_set(arena, packet, "type", type);
    element_set(arena, packet, "id", "1");
    element_set(arena, packet, "from", from);
    element_set(arena, packet, "to", to);
    packet_router_route_reply(arena, packet);
}

static void returns_what_may_not_go_out(void **state)
{
    (void)state;
    int64_t bounced = metrics_get(stanzas_bounced), dropped = metrics_get(stanzas_dropped);
    send_packet("message", NULL, "u@ours.test", "x@blocked.test");
    send_packet("iq", "get", "ours.test", "sub.blocked.test");
    assert_int_equal(metrics_get(stanzas_bounced), bounced + 2);
    send_packet("iq", "result", "ours.test", "blocked.test"); /* nothing may answer it */
    send_packet("message", "error", "ours.test", "blocked.test");
    assert_int_equal(metrics_get(stanzas_bounced), bounced + 2);
    assert_int_equal(metrics_get(stanzas_dropped), dropped + 2);
    assert_int_equal(session_manager_count(), 0); /* and nobody was connected to */
}

static void relays_nothing_between_others(void **state)
{
    (void)state;
    int64_t dropped = metrics_get(stanzas_dropped);
    send_packet("message", NULL, "a@other.test", "b@mute.test");
    send_packet("message", NULL, "a@notours.test", "b@mute.test");
    send_packet("message", NULL, "a@ours.test", "b@@mute.test");
    send_packet("message", NULL, NULL, "b@mute.test");
    assert_int_equal(metrics_get(stanzas_dropped), dropped + 4);
    assert_int_equal(session_manager_count(), 0);
}

static void keeps_its_own_at_home(void **state)
{
    (void)state;
    int64_t out = metrics_get(stanzas_out), bounced = metrics_get(stanzas_bounced);
    send_packet("iq", "get", "u@ours.test", "ours.test");
    send_packet("message", NULL, "u@ours.test", "v@ours.test");
    assert_int_equal(metrics_get(stanzas_out), out);
    assert_int_equal(metrics_get(stanzas_bounced), bounced);
    assert_int_equal(session_manager_count(), 0);
}

static void bounds_what_waits_and_returns_it_when_nobody_answers(void **state)
{
    (void)state;
    int64_t bounced = metrics_get(stanzas_bounced);
    for (int i = 0; i < 5; i++)
        send_packet("message", NULL, "u@ours.test", "x@mute.test");
    assert_int_equal(metrics_get(stanzas_bounced),
                     bounced + 2);                /* over xmpp.server.outgoing.queue */
    assert_int_equal(session_manager_count(), 1); /* one stream for all */
    int64_t until = xmpp_server_now() + 20000;
    while (metrics_get(stanzas_bounced) < bounced + 5 && xmpp_server_now() < until)
        usleep(10000);
    assert_int_equal(metrics_get(stanzas_bounced), bounced + 5);
    send_packet("message", NULL, "u@ours.test", "x@mute.test"); /* left alone now: back at once */
    assert_int_equal(metrics_get(stanzas_bounced), bounced + 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(returns_what_may_not_go_out, start, stop),
        cmocka_unit_test_setup_teardown(relays_nothing_between_others, start, stop),
        cmocka_unit_test_setup_teardown(keeps_its_own_at_home, start, stop),
        cmocka_unit_test_setup_teardown(bounds_what_waits_and_returns_it_when_nobody_answers, start,
                                        stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
