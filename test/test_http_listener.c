/* SPDX-License-Identifier: Apache-2.0 */
/* test_http_listener - who is let in, who has to go, and what is no request
 *
 * Through real sockets on loopback. Time is what a tick says, so nothing waits for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "admin/http_listener.h"
#include "server/xmpp_server.h"

#define LIMIT_S 15

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* locked: the handler of /slow waits */
static _Atomic int begun;                                /* such handlers */

/* answer - the path, the query and the body, as they were sent */
static void answer(const struct http_request *request, struct http_response *response, void *owner)
{
    size_t length;
    const char *body = http_request_body(request, &length);
    (void)owner;
    if (strcmp(http_request_path(request), "/slow") == 0) {
        begun++;
        pthread_mutex_lock(&gate);
        pthread_mutex_unlock(&gate);
    }
    text_appendf(&response->body, "[%s %s %.*s]", http_request_path(request),
                 http_request_query(request), (int)length, body);
}

static struct http_listener *listen_with(size_t body_bytes)
{
    struct text why = TEXT_EMPTY;
    struct http_listener_options options = {.name = "test",
                                            .address = "127.0.0.1",
                                            .handler = answer,
                                            .threads = true,
                                            .body_bytes = body_bytes};
    struct http_listener *listener = http_listener_new(&options, &why);
    if (listener == NULL)
        fail_msg("%s", text_string(&why));
    text_free(&why);
    return listener;
}

/* call_from - a connection from this address of loopback */
static int call_from(struct http_listener *listener, const char *from)
{
    struct sockaddr_in source = {.sin_family = AF_INET}, target = {.sin_family = AF_INET};
    struct timeval limit = {.tv_sec = LIMIT_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    target.sin_port = htons((uint16_t)http_listener_port(listener));
    target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    inet_pton(AF_INET, from, &source.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(bind(fd, (struct sockaddr *)&source, sizeof source), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&target, sizeof target), 0);
    return fd;
}

static void say(int fd, const char *bytes, size_t length)
{
    assert_int_equal(send(fd, bytes, length, MSG_NOSIGNAL), length);
}

/* hear - all until the end; "" when there is nothing. Closes it. Borrowed until the next. */
static const char *hear(int fd)
{
    static char room[4096];
    size_t length = 0;
    ssize_t got;
    while ((got = recv(fd, room + length, sizeof room - 1 - length, 0)) > 0)
        length += (size_t)got;
    if (got < 0)
        assert_int_not_equal(errno, EAGAIN);
    room[length] = '\0';
    close(fd);
    return room;
}

static const char *ask(struct http_listener *listener, const char *bytes, size_t length)
{
    int fd = call_from(listener, "127.0.0.1");
    say(fd, bytes, length);
    return hear(fd);
}

#define ASK(listener, literal) ask(listener, literal, sizeof(literal) - 1)

static void assert_status(const char *heard, const char *status)
{
    if (strncmp(heard, "HTTP/1.1 ", 9) != 0 || strncmp(heard + 9, status, strlen(status)) != 0)
        fail_msg("not %s: %.200s", status, heard);
}

static void a_request_is_told_as_it_was_sent(void **state)
{
    (void)state;
    struct http_listener *listener = listen_with(100);
    const char *heard = ASK(
        listener, "POST /%2e%2E/a+b?c=%26&d HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n1%204");
    assert_status(heard, "200");
    assert_non_null(strstr(heard, "[/%2e%2E/a+b c=%26&d 1%204]"));
    http_listener_free(listener);
}

static void what_could_be_understood_in_two_ways_is_refused(void **state)
{
    (void)state;
    struct http_listener *listener = listen_with(100);
    assert_status(ASK(listener, "GET /a\0.css HTTP/1.1\r\nHost: x\r\n\r\n"), "400");
    assert_status(ASK(listener, "GET /a?b\0 HTTP/1.1\r\nHost: x\r\n\r\n"), "400");
    assert_status(ASK(listener, "GET /a HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\n"), "400");
    assert_status(ASK(listener, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                                "Transfer-Encoding : chunked\r\n\r\nabc"),
                  "400");
    assert_status(ASK(listener, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                                "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
                  "411");
    assert_status(ASK(listener, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                                "Content-Length: 3\r\n\r\nabc"),
                  "411");
    assert_status(ASK(listener, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\nabc"),
                  "413");
    assert_status(ASK(listener, "GET /a?b HTTP/1.1\r\nHost: x\r\nX-y: z\r\n\r\n"), "200");
    http_listener_free(listener);
}

/* However many say nothing: who comes is answered, and the oldest of those has gone. */
static void who_says_nothing_makes_room(void **state)
{
    (void)state;
    struct http_listener *listener = listen_with(0);
    int few = call_from(listener, "127.0.0.2"), silent[3 * HTTP_LISTENER_CONNECTIONS];
    size_t count = sizeof silent / sizeof silent[0];
    for (size_t i = 0; i < count; i++)
        silent[i] = call_from(listener, "127.0.0.3");
    for (int i = 0; i < 20; i++)
        assert_status(ASK(listener, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), "200");
    for (size_t i = 0; i < count; i++)
        if (i < count - HTTP_LISTENER_CONNECTIONS)
            assert_string_equal(hear(silent[i]), "");
        else
            close(silent[i]);
    say(few, "GET /few HTTP/1.1\r\nHost: x\r\n\r\n",
        31); /* older than all, and alone at its address */
    assert_status(hear(few), "200");
    http_listener_free(listener);
}

/* What is at work is not cut, even when all places are taken by such. */
static void a_handler_at_work_is_not_disturbed(void **state)
{
    (void)state;
    struct http_listener *listener = listen_with(0);
    int slow[HTTP_LISTENER_CONNECTIONS], more[8];
    pthread_mutex_lock(&gate);
    begun = 0;
    for (int i = 0; i < HTTP_LISTENER_CONNECTIONS; i++) {
        slow[i] = call_from(listener, "127.0.0.4");
        say(slow[i], "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n", 31);
    }
    for (int waited = 0; begun < HTTP_LISTENER_CONNECTIONS; waited++) {
        assert_true(waited < LIMIT_S * 100);
        usleep(10000);
    }
    for (int i = 0; i < 8; i++)
        more[i] = call_from(listener, "127.0.0.4");
    assert_status(ASK(listener, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), "200");
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < HTTP_LISTENER_CONNECTIONS; i++)
        assert_status(hear(slow[i]), "200");
    for (int i = 0; i < 8; i++)
        close(more[i]);
    http_listener_free(listener);
}

/* One byte now and then keeps nobody in for ever. */
static void a_connection_that_lasts_is_cut(void **state)
{
    (void)state;
    struct http_listener *listener = listen_with(100);
    int64_t before = xmpp_server_now();
    int head = call_from(listener, "127.0.0.1"), body = call_from(listener, "127.0.0.1");
    static const char begins[] = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc";
    say(head, "GET /", 5);
    say(body, begins, sizeof begins - 1);
    for (int waited = 0; http_listener_is_idle(listener) && waited < LIMIT_S * 100; waited++)
        usleep(10000);
    http_listener_tick(listener, before + HTTP_LISTENER_LAST_MS - 1);
    say(head, "a", 1);
    say(body, "d", 1);
    assert_status(ASK(listener, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), "200"); /* both are in */
    assert_false(http_listener_is_idle(listener));
    http_listener_tick(listener, xmpp_server_now() + HTTP_LISTENER_LAST_MS);
    assert_null(strstr(hear(head), "[/"));
    assert_null(strstr(hear(body), "[/"));
    for (int waited = 0; !http_listener_is_idle(listener); waited++) {
        assert_true(waited < LIMIT_S * 100);
        usleep(10000);
    }
    http_listener_free(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_told_as_it_was_sent),
        cmocka_unit_test(what_could_be_understood_in_two_ways_is_refused),
        cmocka_unit_test(who_says_nothing_makes_room),
        cmocka_unit_test(a_handler_at_work_is_not_disturbed),
        cmocka_unit_test(a_connection_that_lasts_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
