/* SPDX-License-Identifier: Apache-2.0 */
/* test_session_manager - the list of live sessions, and its once-a-second look
 *
 * Sessions of the test over loopback TCP.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/log.h"
#include "server/timeline.h"
#include "server/xmpp_server.h"
#include "session/session_manager.h"

struct tested {
    struct session session; /* first */
    int peer, ticks, checks;
};

static int freed;

static void free_tested(struct session *session)
{
    session_destroy(session);
    free(session);
    freed++;
}

static void check(struct session *session)
{
    ((struct tested *)session)->checks++;
}

static void tick(struct session *session, int64_t now)
{
    (void)now;
    ((struct tested *)session)->ticks++;
}

static struct session_standing stand(struct session *session)
{
    (void)session;
    return (struct session_standing){SESSION_OUTGOING, SESSION_AUTHENTICATED, SESSION_BY_DIALBACK};
}

static const struct session_operations operations = {
    .kind = "tested", .free = free_tested, .check_permission = check, .tick = tick, .stand = stand};

static struct tested *make(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), size = 4096;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    int ours = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    assert_int_equal(connect(ours, (struct sockaddr *)&address, length), 0);
    struct tested *made = text_calloc(1, sizeof *made);
    made->peer = accept(listener, NULL, NULL);
    close(listener);
    fcntl(ours, F_SETFL, O_NONBLOCK);
    log_set_level(LOG_LEVEL_ERROR);
    session_init(&made->session, &operations);
    struct send_limits limits = {10000, 1000000};
    made->session.connection = socket_connection_new(ours, "test", &limits, timeline_new());
    session_manager_add(&made->session);
    return made;
}

static void drop(struct tested *tested)
{
    int peer = tested->peer, before = freed;
    session_manager_remove(&tested->session);
    session_unref(&tested->session);
    assert_int_equal(freed, before + 1);
    close(peer);
}

static void looks_at_every_session_and_keeps_none_too_long(void **state)
{
    (void)state;
    struct tested *a = make(), *b = make(), *c = make();
    assert_int_equal(session_manager_count(), 3);
    session_manager_tick(0);
    session_manager_check_permissions();
    assert_true(a->ticks == 1 && b->ticks == 1 && c->ticks == 1);
    assert_true(a->checks == 1 && b->checks == 1 && c->checks == 1);
    drop(b);
    session_manager_tick(0);
    assert_true(a->ticks == 2 && c->ticks == 2);
    drop(a);
    drop(c);
    assert_int_equal(session_manager_count(), 0);
    session_manager_tick(0);
}

static void *read_for_ever(void *given)
{
    char buffer[100];
    size_t length;
    while (socket_connection_read(given, buffer, sizeof buffer, -1, &length) == SOCKET_READ_SOME) {
    }
    return NULL;
}

/* A verdict is appended by another thread, and flushed without waiting, while the reader waits for input that does not come. */
static void sends_what_was_left_while_the_reader_was_waiting(void **state)
{
    (void)state;
    struct tested *tested = make();
    struct socket_connection *connection = tested->session.connection;
    pthread_t reader;
    assert_int_equal(pthread_create(&reader, NULL, read_for_ever, connection), 0);
    size_t size = 300000, got = 0;
    char *bytes = calloc(1, size), piece[65536];
    usleep(20000); /* the reader is likely to wait by now; if not, it sends the bytes itself */
    assert_int_equal(socket_connection_deliver_now(connection, bytes, size), 0);
    socket_connection_flush(connection, false);
    struct timeval limit = {.tv_usec = 10000};
    setsockopt(tested->peer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    for (int quiet = 0; got < size && quiet < 2000;) {
        ssize_t count = recv(tested->peer, piece, sizeof piece, 0);
        if (count > 0) {
            got += (size_t)count;
            continue;
        }
        quiet++;
        session_manager_tick(0); /* as housekeeping does, once a second */
    }
    assert_int_equal(got, size);
    free(bytes);
    session_manager_abort_all();
    pthread_join(reader, NULL);
    drop(tested);
}

static void ends_all_with_the_error_it_is_given(void **state)
{
    (void)state;
    struct tested *tested = make();
    session_manager_end_all(STREAM_SYSTEM_SHUTDOWN, NULL);
    assert_false(socket_connection_is_open(tested->session.connection));
    char got[400] = "";
    assert_true(recv(tested->peer, got, sizeof got - 1, 0) > 0);
    assert_non_null(strstr(got, "<system-shutdown"));
    assert_non_null(strstr(got, "</stream:stream>"));
    assert_false(session_end(&tested->session, STREAM_CONFLICT, NULL)); /* the first decides */
    drop(tested);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_at_every_session_and_keeps_none_too_long),
        cmocka_unit_test(sends_what_was_left_while_the_reader_was_waiting),
        cmocka_unit_test(ends_all_with_the_error_it_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
