/* SPDX-License-Identifier: Apache-2.0 */
/* test_reload - settings come into force, whole or not at all
 *
 * Real listeners on loopback; each failure must leave settings, listeners and settings.conf as they were.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
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

#include "admin/reload.h"
#include "dialback/dialback_key.h"
#include "server/certificate_manager.h"
#include "server/connection_manager.h"
#include "server/dns_util.h"
#include "server/external_component_manager.h"
#include "server/remote_server_manager.h"
#include "server/upstream_manager.h"
#include "server/xmpp_server.h"
#include "test/support/scratch.h"
#include "test/support/settings.h"

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* hold_port - a port of loopback, taken until the descriptor is closed */
static int hold_port(int *port)
{
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static int free_port(void)
{
    int port;
    close(hold_port(&port));
    return port;
}

static bool is_open(int port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool open = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return open;
}

static int refuse_all(int fd, const struct sockaddr *peer, enum connection_kind kind,
                      struct socket_reader_task *task)
{
    (void)fd;
    (void)peer;
    (void)kind;
    (void)task;
    return -1;
}

/* start - as main does; the port that is listened on */
static int start(const char *more)
{
    int port = free_port();
    char *content = text_format("[xmpp.server]\nsocket.port = %d\ncertificate.file = none\n"
                                "[network]\ninterface = 127.0.0.1\n[adminConsole]\nport = "
                                "0\nsecurePort = 0\n[s2s]\ndns.trust-anchor =\n%s",
                                port, more);
    config_publish(settings_load_good(content));
    free(content);
    connection_manager_set_reader_factory(refuse_all);
    struct text why = TEXT_EMPTY;
    const struct config *config = config_get();
    if (reload_make_home(config, &why) < 0 || reload_apply(config, &why) < 0 ||
        reload_listeners(config, &why) < 0)
        fail_msg("%s", text_string(&why));
    config_unref(config);
    assert_true(is_open(port));
    return port;
}

static int close_scratch(void **state)
{
    connection_manager_stop();
    dns_util_stop();
    certificate_manager_stop();
    remote_server_manager_stop();
    external_component_manager_stop();
    upstream_manager_stop();
    dialback_key_stop();
    xmpp_server_stop();
    return settings_close_scratch(state);
}

static void assert_kept(const char *expected)
{
    struct text content = TEXT_EMPTY;
    int found = scratch_read(scratch_path("settings.conf"), &content);
    if (expected == NULL)
        assert_int_equal(found, -1);
    else
        assert_non_null(strstr(text_string(&content), expected));
    text_free(&content);
}

static void assert_refused(const struct config_change *change, const char *expected)
{
    struct text why = TEXT_EMPTY;
    assert_int_equal(reload_changed(change, 1, &why), -1);
    if (strstr(text_string(&why), expected) == NULL)
        fail_msg("%s is not in '%s'", expected, text_string(&why));
    text_free(&why);
}

static int64_t port_in_force(void)
{
    const struct config *config = config_get();
    int64_t port = config->xmpp_server_socket_port;
    config_unref(config);
    return port;
}

static void set_port(int port)
{
    struct text why = TEXT_EMPTY;
    char *value = text_format("%d", port);
    struct config_change change = {"xmpp.server.socket.port", value};
    if (reload_changed(&change, 1, &why) < 0)
        fail_msg("%s", text_string(&why));
    assert_string_equal(text_string(&why), "");
    free(value);
}

static void a_changed_port_moves_the_listener_and_is_kept(void **state)
{
    (void)state;
    int old = start(""), fresh = free_port();
    set_port(fresh);
    assert_true(is_open(fresh));
    assert_false(is_open(old));
    char *line = text_format("[xmpp.server]\nsocket.port = %d\n", fresh);
    assert_kept(line);
    free(line);
    struct config_change back = {"xmpp.server.socket.port", NULL};
    struct text why = TEXT_EMPTY;
    assert_int_equal(reload_changed(&back, 1, &why), 0);
    assert_true(is_open(old));
    assert_false(is_open(fresh));
}

static void a_port_that_is_taken_changes_nothing(void **state)
{
    (void)state;
    int old = start(""), fresh = free_port(), taken;
    int holder = hold_port(&taken);
    char *value = text_format("%d", taken);
    assert_refused(&(struct config_change){"xmpp.server.socket.port", value}, "cannot listen");
    assert_kept(NULL);
    assert_int_equal(port_in_force(), old);
    assert_true(is_open(old));
    set_port(fresh);
    assert_refused(&(struct config_change){"xmpp.server.socket.port", value}, "cannot listen");
    char *line = text_format("socket.port = %d\n", fresh);
    assert_kept(line);
    assert_int_equal(port_in_force(), fresh);
    assert_true(is_open(fresh));
    close(holder);
    free(line);
    free(value);
}

static void what_a_room_refuses_changes_nothing(void **state)
{
    (void)state;
    int port = start("[xmpp.server]\npermission = blacklist\n");
    assert_refused(&(struct config_change){"xmpp.server.certificate.file", "/nowhere.pem"},
                   "/nowhere.pem");
    assert_refused(&(struct config_change){"dnsutil.dnsOverride", "{a.test"}, "dnsOverride");
    assert_refused(&(struct config_change){"s2s.log.level", "loud"}, "debug, info, warn or error");
    assert_kept(NULL);
    assert_int_equal(port_in_force(), port);
    /* and a room that had taken it already has given it back */
    struct config_change both[] = {{"xmpp.server.permission", "whitelist"},
                                   {"xmpp.server.certificate.file", "/nowhere.pem"}};
    struct text why = TEXT_EMPTY;
    assert_int_equal(reload_changed(both, 2, &why), -1);
    assert_true(remote_server_manager_can_access("any.test", NULL));
    text_free(&why);
}

static void a_file_that_can_not_be_written_changes_nothing(void **state)
{
    (void)state;
    int old = start(""), fresh = free_port();
    char *value = text_format("%d", fresh);
    assert_int_equal(mkdir(scratch_path("settings.conf"), 0700), 0);
    struct text why = TEXT_EMPTY;
    struct config_change change = {"xmpp.server.socket.port", value};
    assert_int_equal(reload_changed(&change, 1, &why), -1);
    assert_true(is_open(old));
    assert_false(is_open(fresh));
    assert_int_equal(port_in_force(), old);
    text_free(&why);
    free(value);
}

static void it_says_what_only_a_restart_brings_into_force(void **state)
{
    (void)state;
    start("");
    struct text why = TEXT_EMPTY;
    struct config_change change = {"network.interface", "127.0.0.2"};
    assert_int_equal(reload_changed(&change, 1, &why), 0);
    assert_string_equal(text_string(&why), "network.interface");
    text_free(&why);
}

static void nothing_changes_after_the_stop(void **state)
{
    (void)state;
    int port = start("");
    reload_stop();
    assert_false(is_open(port));
    assert_refused(&(struct config_change){"s2s.log.level", "debug"}, "about to end");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, settings_open_scratch, close_scratch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_changed_port_moves_the_listener_and_is_kept),
        TEST(a_port_that_is_taken_changes_nothing),
        TEST(what_a_room_refuses_changes_nothing),
        TEST(a_file_that_can_not_be_written_changes_nothing),
        TEST(it_says_what_only_a_restart_brings_into_force),
        TEST(nothing_changes_after_the_stop), /* last: it is for good */
    };
    return cmocka_run_group_tests_name("reload", tests, NULL, NULL);
}
