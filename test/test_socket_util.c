/* SPDX-License-Identifier: Apache-2.0 */
/* test_socket_util - Happy Eyeballs over real sockets
 *
 * Addresses by overrides and literals, so that no DNS is needed; the time-outs are real ones.
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
#include <unistd.h>

#include "server/config.h"
#include "server/log.h"
#include "server/socket_util.h"
#include "server/timeline.h"
#include "server/xmpp_server.h"

static struct text why;
static int listener, port;

static int start(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 8) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        return -1;
    port = ntohs(address.sin_port);
    char path[] = "/tmp/socket-util-XXXXXX";
    int fd = mkstemp(path);
    dprintf(
        fd,
        "[dnsutil]\ndnsOverride = "
        "{live.test,127.0.0.1:%d},{dead.test,127.0.0.1:1},{any.test,0.0.0.0:%d},"
        "{many.test,224.0.0.1:%d},{mute.test,nowhere.example:1}\n[s2s]\ndns.server = 127.0.0.1@9\n"
        "dns.timeout = 400\n",
        port, port, port);
    close(fd);
    log_set_level(LOG_LEVEL_ERROR);
    struct config *config = config_load(path, &why);
    unlink(path);
    if (config == NULL)
        return -1;
    config_publish(config);
    return dns_util_start(config, &why);
}

static int stop(void **state)
{
    (void)state;
    close(listener);
    socket_util_set_listener(0, NULL, 0);
    dns_util_stop();
    config_stop();
    text_free(&why);
    return 0;
}

static enum socket_util_result dial(const char *domain, int64_t limit, int *fd)
{
    struct socket_util_target target = {0};
    struct timeline *timeline = timeline_new();
    text_clear(&why);
    *fd = -1;
    enum socket_util_result result =
        socket_util_connect(domain, false, xmpp_server_now() + limit, timeline, &target, fd, &why);
    timeline_free(timeline);
    return result;
}

static void connects_without_blocking_afterwards(void **state)
{
    (void)state;
    int fd;
    char byte;
    assert_int_equal(dial("live.test", 5000, &fd), SOCKET_CONNECTED);
    assert_int_equal(recv(fd, &byte, 1, 0), -1); /* non-blocking: at once */
    close(fd);
}

static void says_what_was_tried_and_how_it_ended(void **state)
{
    (void)state;
    int fd;
    assert_int_equal(dial("dead.test", 5000, &fd), SOCKET_UNREACHABLE);
    assert_non_null(strstr(text_string(&why), "127.0.0.1:1: Connection refused"));
    assert_int_equal(fd, -1);
}

static void connects_to_no_address_that_is_none(void **state)
{
    (void)state;
    int fd;
    assert_int_equal(dial("any.test", 5000, &fd), SOCKET_UNREACHABLE);
    assert_int_equal(dial("many.test", 5000, &fd), SOCKET_UNREACHABLE);
    assert_non_null(strstr(text_string(&why), "no address of a server"));
}

static void never_connects_to_our_own_listener(void **state)
{
    (void)state;
    int fd;
    struct sockaddr_in exact = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    socket_util_set_listener(0, (struct sockaddr *)&exact, sizeof exact);
    assert_int_equal(dial("live.test", 5000, &fd), SOCKET_UNREACHABLE);
    assert_non_null(strstr(text_string(&why), "our own listener"));
    socket_util_set_listener(0, (struct sockaddr *)&any, sizeof any);
    assert_int_equal(dial("live.test", 5000, &fd), SOCKET_UNREACHABLE);
    exact.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1); /* another address, the same port */
    socket_util_set_listener(0, (struct sockaddr *)&exact, sizeof exact);
    assert_int_equal(dial("live.test", 5000, &fd), SOCKET_CONNECTED);
    close(fd);
}

static void ends_at_its_deadline_when_the_dns_is_silent(void **state)
{
    (void)state;
    int fd;
    int64_t before = xmpp_server_now();
    assert_int_equal(dial("mute.test", 300, &fd), SOCKET_UNREACHABLE);
    assert_in_range(xmpp_server_now() - before, 0, 3000);
}

static void writes_addresses_as_people_do(void **state)
{
    (void)state;
    char name[80];
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(5269)};
    inet_pton(AF_INET6, "2001:db8::1", &address.sin6_addr);
    socket_util_name((struct sockaddr *)&address, name, sizeof name);
    assert_string_equal(name, "[2001:db8::1]:5269");
    inet_pton(AF_INET6, "::ffff:192.0.2.1", &address.sin6_addr);
    socket_util_name((struct sockaddr *)&address, name, sizeof name);
    assert_string_equal(name, "192.0.2.1:5269");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(connects_without_blocking_afterwards, start, stop),
        cmocka_unit_test_setup_teardown(says_what_was_tried_and_how_it_ended, start, stop),
        cmocka_unit_test_setup_teardown(connects_to_no_address_that_is_none, start, stop),
        cmocka_unit_test_setup_teardown(never_connects_to_our_own_listener, start, stop),
        cmocka_unit_test_setup_teardown(ends_at_its_deadline_when_the_dns_is_silent, start, stop),
        cmocka_unit_test(writes_addresses_as_people_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
