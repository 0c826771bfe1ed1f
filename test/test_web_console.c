/* SPDX-License-Identifier: Apache-2.0 */
/* test_web_console - the ports of the web console: opened, moved, taken by others, closed; its first password
 *
 * The tests are one story: the console begins once in a process and ends once. Requests go through real sockets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "admin/web_console.h"
#include "admin/web_password.h"
#include "admin/web_session.h"
#include "server/certificate_manager.h"
#include "server/xmpp_server.h"
#include "test/support/scratch.h"
#include "test/support/settings.h"

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* occupy - a port that somebody else listens on; its socket */
static int occupy(int *port)
{
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    getsockname(fd, (struct sockaddr *)&address, &length);
    *port = ntohs(address.sin_port);
    return fd;
}

static int free_port(void)
{
    int port;
    close(occupy(&port));
    return port;
}

/* ask - the first line of the answer to a request with this path and Host; "" when nobody is there. Borrowed until the next. */
static const char *ask(int port, const char *path, const char *host)
{
    static char answer[4096];
    struct sockaddr_in address = loopback(port);
    struct timeval limit = {.tv_sec = 10};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t length = 0;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        char *request = text_format("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host);
        assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
        ssize_t got;
        while (length < sizeof answer - 1 &&
               (got = recv(fd, answer + length, sizeof answer - 1 - length, 0)) > 0)
            length += (size_t)got;
        free(request);
    }
    close(fd);
    answer[length] = '\0';
    answer[strcspn(answer, "\r")] = '\0';
    return answer;
}

/* configure - with these settings of [adminConsole]; what web_console_configure says */
static int configure(const char *settings, struct text *why)
{
    char *content = text_format("[xmpp]\ndomain = one.test\n[adminConsole]\n%s\n", settings);
    config_publish(settings_load_good(content));
    const struct config *config = config_get();
    int result = web_console_configure(config, why);
    config_unref(config);
    free(content);
    return result;
}

static int configure_ports(int port, int secure_port, struct text *why)
{
    char *settings = text_format("port = %d\nsecurePort = %d", port, secure_port);
    int result = configure(settings, why);
    free(settings);
    return result;
}

static int the_port; /* where it is, from one test to the next */

static void a_port_that_is_taken_is_a_warning_at_the_start(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    int fd = occupy(&the_port);
    scratch_capture_log();
    int result = configure_ports(the_port, 0, &why);
    char *log = scratch_captured_log();
    assert_int_equal(result, 0);
    assert_non_null(strstr(log, "warn"));
    assert_non_null(
        strstr(log, "the web console is not there: adminConsole.port: can't listen on"));
    json_t *places = web_console_places();
    assert_int_equal(json_array_size(places), 0);
    json_decref(places);
    /* the password was made all the same: the port is free at the next reload */
    const char *told = strstr(log, "user admin, password ");
    assert_non_null(told);
    char password[32];
    assert_int_equal(sscanf(told, "user admin, password %31s", password), 1);
    const struct config *config = config_get();
    struct stat status;
    assert_true(web_password_is_right(config->s2s_home, "admin", password));
    assert_int_equal(stat(scratch_path("admin-password.conf"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    struct text file = TEXT_EMPTY;
    assert_int_equal(scratch_read(scratch_path("admin-password.conf"), &file), 0);
    assert_null(strstr(text_string(&file), password));
    text_free(&file);
    config_unref(config);
    free(log);
    close(fd);
}

static void it_is_there_as_soon_as_the_port_is_free(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    scratch_capture_log();
    assert_int_equal(configure_ports(the_port, 0, &why), 0);
    char *log = scratch_captured_log();
    assert_null(strstr(log, "password")); /* shown once */
    assert_non_null(strstr(log, "web console at http://127.0.0.1:"));
    free(log);
    assert_string_equal(ask(the_port, "/login", "localhost"), "HTTP/1.1 200 OK");
}

static void a_request_needs_a_name_of_ours_and_a_log_in(void **state)
{
    (void)state;
    assert_string_equal(ask(the_port, "/", "localhost"), "HTTP/1.1 303 See Other");
    assert_string_equal(ask(the_port, "/", "one.test"), "HTTP/1.1 303 See Other");
    assert_string_equal(ask(the_port, "/login", "127.0.0.1:1"), "HTTP/1.1 200 OK");
    assert_string_equal(ask(the_port, "/login", "rebound.example"), "HTTP/1.1 400 Bad Request");
    assert_string_equal(ask(the_port, "/login/", "localhost"), "HTTP/1.1 404 Not Found");
    assert_string_equal(ask(the_port, "/%6cogin", "localhost"), "HTTP/1.1 404 Not Found");
    assert_string_equal(ask(the_port, "/logout", "localhost"), "HTTP/1.1 405 Method Not Allowed");
}

static void it_moves_and_stays_where_it_can_not(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    int taken, old = the_port, fd = occupy(&taken);
    assert_int_equal(configure_ports(taken, 0, &why), -1);
    assert_non_null(strstr(text_string(&why), "adminConsole.port: can't listen on 127.0.0.1"));
    assert_string_equal(ask(old, "/login", "localhost"), "HTTP/1.1 200 OK");
    close(fd);
    text_clear(&why);
    the_port = free_port();
    assert_int_equal(configure_ports(the_port, 0, &why), 0);
    web_console_tick(xmpp_server_now());
    assert_string_equal(ask(the_port, "/login", "localhost"), "HTTP/1.1 200 OK");
    assert_string_equal(ask(old, "/login", "localhost"), "");
    /* the same port at another address: the old one makes room */
    char *settings = text_format("interface = 127.0.0.3\nport = %d\nsecurePort = 0", the_port);
    assert_int_equal(configure(settings, &why), 0);
    free(settings);
    assert_string_equal(ask(the_port, "/login", "localhost"), "");
    assert_int_equal(configure_ports(the_port, 0, &why), 0);
    assert_string_equal(ask(the_port, "/login", "localhost"), "HTTP/1.1 200 OK");
    text_free(&why);
}

static void who_moves_it_all_the_time_must_wait(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    int result = 0, moved = 0;
    web_console_tick(xmpp_server_now());
    for (; result == 0 && moved < 20; moved++) {
        int port = free_port();
        result = configure_ports(port, 0, &why);
        if (result == 0)
            the_port = port;
    }
    assert_in_range(moved, 5, 10);
    assert_non_null(strstr(text_string(&why), "it was just moved; try again in some seconds"));
    assert_string_equal(ask(the_port, "/login", "localhost"), "HTTP/1.1 200 OK");
    /* other settings can be changed all the same */
    assert_int_equal(configure_ports(the_port, 0, &why), 0);
    web_console_tick(xmpp_server_now());
    the_port = free_port();
    assert_int_equal(configure_ports(the_port, 0, &why), 0);
    text_free(&why);
}

static void tls_needs_a_certificate_and_has_ours(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    int secure_port = free_port();
    web_console_tick(xmpp_server_now());
    assert_int_equal(configure_ports(the_port, secure_port, &why), 0);
    json_t *places = web_console_places();
    assert_int_equal(json_array_size(places), 1);
    json_decref(places);
    const struct config *config = config_get();
    assert_int_equal(certificate_manager_start(config, &why), 0); /* makes one */
    config_unref(config);
    assert_int_equal(configure_ports(the_port, secure_port, &why), 0);
    places = web_console_places();
    assert_int_equal(json_array_size(places), 2);
    json_decref(places);
    /* who speaks no TLS there gets no page */
    assert_null(strstr(ask(secure_port, "/login", "localhost"), "200"));
    text_free(&why);
}

static void beyond_this_machine_it_is_with_tls_only(void **state)
{
    (void)state;
    settings_assert_refused("[adminConsole]\ninterface = 192.0.2.1\n",
                            ":3: adminConsole.interface = 192.0.2.1: a loopback address, as long "
                            "as adminConsole.port is not 0 (that port is without TLS), was "
                            "expected");
    config_unref(settings_load_good("[adminConsole]\ninterface = 192.0.2.1\nport = 0\n"));
}

static void at_the_end_nothing_is_open_or_opened(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    web_console_stop();
    assert_string_equal(ask(the_port, "/login", "localhost"), "");
    assert_int_equal(configure_ports(the_port, 0, &why), -1);
    assert_non_null(strstr(text_string(&why), "about to end"));
    assert_string_equal(ask(the_port, "/login", "localhost"), "");
    text_free(&why);
}

static int open_rooms(void **state)
{
    settings_open_scratch(state);
    config_publish(settings_load_good("[xmpp]\ndomain = one.test\n"));
    const struct config *config = config_get();
    int result = xmpp_server_configure(config);
    config_unref(config);
    return result;
}

static int close_rooms(void **state)
{
    web_console_stop();
    web_session_close_all();
    certificate_manager_stop();
    xmpp_server_stop();
    return settings_close_scratch(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_that_is_taken_is_a_warning_at_the_start),
        cmocka_unit_test(it_is_there_as_soon_as_the_port_is_free),
        cmocka_unit_test(a_request_needs_a_name_of_ours_and_a_log_in),
        cmocka_unit_test(it_moves_and_stays_where_it_can_not),
        cmocka_unit_test(who_moves_it_all_the_time_must_wait),
        cmocka_unit_test(tls_needs_a_certificate_and_has_ours),
        cmocka_unit_test(beyond_this_machine_it_is_with_tls_only),
        cmocka_unit_test(at_the_end_nothing_is_open_or_opened),
    };
    return cmocka_run_group_tests_name("web_console", tests, open_rooms, close_rooms);
}
