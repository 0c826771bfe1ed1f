/* SPDX-License-Identifier: Apache-2.0 */
/* test_socket_connection - one reader, many writers, one end
 *
 * Over loopback TCP; what a peer that never reads costs, and where unsent bytes go.
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
#include "server/socket_connection.h"
#include "server/timeline.h"
#include "server/xmpp_server.h"

struct ends {
    struct socket_connection *connection;
    int peer;
};

static struct ends connect_pair(int64_t write_timeout, size_t queue)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), size = 4096;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    int ours = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    assert_int_equal(connect(ours, (struct sockaddr *)&address, length), 0);
    int peer = accept(listener, NULL, NULL);
    close(listener);
    fcntl(ours, F_SETFL, O_NONBLOCK);
    struct timeval limit = {.tv_sec = 15};
    setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    struct socket_connection_limits limits = {write_timeout, queue};
    log_set_level(LOG_LEVEL_ERROR);
    return (struct ends){socket_connection_new(ours, "test", &limits, timeline_new()), peer};
}

static void drop_pair(struct ends *ends)
{
    socket_connection_flush_touched();
    socket_connection_unref(ends->connection);
    if (ends->peer >= 0)
        close(ends->peer);
}

/* read_all - what the peer gets until the end */
static char *read_all(int peer, size_t *length)
{
    struct text got = TEXT_EMPTY;
    char piece[4096];
    ssize_t count;
    while ((count = recv(peer, piece, sizeof piece, 0)) > 0)
        text_append(&got, piece, (size_t)count);
    *length = got.length;
    return text_take(&got);
}

static void sends_what_was_appended_when_it_is_flushed(void **state)
{
    (void)state;
    struct ends ends = connect_pair(5000, 100000);
    char got[8] = "";
    assert_int_equal(socket_connection_deliver(ends.connection, "<a/>", 4), 0);
    assert_int_equal(recv(ends.peer, got, 4, MSG_DONTWAIT), -1); /* not before */
    assert_int_equal(socket_connection_deliver(ends.connection, "<b/>", 4), 0);
    socket_connection_flush_touched();
    assert_int_equal(recv(ends.peer, got, 8, MSG_WAITALL), 8);
    assert_memory_equal(got, "<a/><b/>", 8);
    drop_pair(&ends);
}

#define WRITERS 4
#define STANZAS 3000

struct writer {
    struct socket_connection *connection;
    int number;
};

static void *write_many(void *given)
{
    const struct writer *writer = given;
    char stanza[64];
    for (int i = 0; i < STANZAS; i++) {
        int length = snprintf(stanza, sizeof stanza, "<%d %d>\n", writer->number, i);
        if (socket_connection_deliver(writer->connection, stanza, (size_t)length) < 0)
            break;
    }
    socket_connection_flush_touched();
    return NULL;
}

static void *read_in_thread(void *given)
{
    size_t length;
    return read_all(*(int *)given, &length);
}

static void keeps_stanzas_whole_and_each_writer_in_order(void **state)
{
    (void)state;
    struct ends ends = connect_pair(20000, 5000); /* a small queue: writers wait for the reader */
    pthread_t threads[WRITERS], reader;
    struct writer writers[WRITERS];
    assert_int_equal(pthread_create(&reader, NULL, read_in_thread, &ends.peer), 0);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){ends.connection, i};
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    assert_true(socket_connection_end(ends.connection, "<end>\n", 6));
    socket_connection_finish(ends.connection, 100);
    void *got;
    pthread_join(reader, &got);
    int next[WRITERS] = {0}, lines = 0;
    char *rest = got;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && strcmp(line, "<end>") != 0; lines++) {
        int writer, number;
        assert_int_equal(sscanf(line, "<%d %d>", &writer, &number), 2);
        assert_in_range(writer, 0, WRITERS - 1);
        assert_int_equal(number, next[writer]++);
    }
    assert_int_equal(lines, WRITERS * STANZAS);
    free(got);
    drop_pair(&ends);
}

struct returned {
    struct text bytes;
    size_t sent;
    int calls;
};

static void take_back(void *owner, const char *bytes, size_t length, size_t sent)
{
    struct returned *returned = owner;
    text_append(&returned->bytes, bytes, length);
    returned->sent = sent;
    returned->calls++;
}

static void gives_back_what_a_stalled_peer_did_not_take(void **state)
{
    (void)state;
    struct ends ends = connect_pair(300, 200000);
    struct returned returned = {0};
    socket_connection_set_undelivered_handler(ends.connection, take_back, &returned);
    char stanza[1000];
    memset(stanza, 's', sizeof stanza);
    size_t appended = 0;
    int64_t before = xmpp_server_now();
    while (appended < 100000000 &&
           socket_connection_deliver(ends.connection, stanza, sizeof stanza) == 0)
        appended += sizeof stanza;
    int64_t took = xmpp_server_now() - before;
    assert_true(took >= 250 && took < 10000); /* it waited for the peer, and not for ever */
    assert_false(socket_connection_is_open(ends.connection));
    socket_connection_return_undelivered(ends.connection);
    assert_int_equal(returned.calls, 1);
    assert_true(returned.sent < returned.bytes.length);
    assert_int_equal(returned.bytes.length % sizeof stanza, 0); /* pieces begin at a stanza */
    size_t length;
    char *got = read_all(ends.peer, &length);
    free(got);
    assert_true(appended <= length + returned.bytes.length); /* nothing is lost between the two */
    text_free(&returned.bytes);
    drop_pair(&ends);
}

static void delivers_the_last_bytes_although_the_peer_goes_on_sending(void **state)
{
    (void)state;
    struct ends ends = connect_pair(5000, 100000);
    char noise[20000];
    memset(noise, 'n', sizeof noise);
    assert_int_equal(send(ends.peer, noise, sizeof noise, 0), (int)sizeof noise);
    assert_true(socket_connection_end(ends.connection, "<bye/>", 6));
    assert_false(socket_connection_end(ends.connection, "<again/>", 8)); /* the first decides */
    assert_int_equal(socket_connection_deliver(ends.connection, "<late/>", 7), -1);
    shutdown(ends.peer, SHUT_WR);
    socket_connection_finish(ends.connection, 2000);
    size_t length;
    char *got = read_all(ends.peer, &length);
    assert_string_equal(got, "<bye/>");
    free(got);
    drop_pair(&ends);
}

static void *read_until_end(void *given)
{
    char buffer[100];
    size_t length;
    enum socket_read result;
    while ((result = socket_connection_read(given, buffer, sizeof buffer, -1, &length)) ==
           SOCKET_READ_SOME) {
    }
    return (void *)(intptr_t)result;
}

static void wakes_its_reader(void **state)
{
    (void)state;
    void (*const how[])(struct socket_connection *) = {socket_connection_wake,
                                                       socket_connection_abort};
    for (int i = 0; i < 2; i++) {
        struct ends ends = connect_pair(5000, 1000);
        pthread_t reader;
        void *result;
        assert_int_equal(pthread_create(&reader, NULL, read_until_end, ends.connection), 0);
        how[i](ends.connection);
        pthread_join(reader, &result);
        assert_true((intptr_t)result == SOCKET_READ_END || (intptr_t)result == SOCKET_READ_FAILED);
        drop_pair(&ends);
    }
}

static void reads_until_its_deadline(void **state)
{
    (void)state;
    struct ends ends = connect_pair(5000, 1000);
    char buffer[10];
    size_t length = 0;
    int64_t before = xmpp_server_now();
    assert_int_equal(socket_connection_read(ends.connection, buffer, 10, before + 150, &length),
                     SOCKET_READ_TIMEOUT);
    assert_true(xmpp_server_now() - before >= 150);
    assert_int_equal(send(ends.peer, "abc", 3, 0), 3);
    assert_int_equal(socket_connection_read(ends.connection, buffer, 10, before + 20000, &length),
                     SOCKET_READ_SOME);
    assert_int_equal(length, 3);
    close(ends.peer);
    ends.peer = -1;
    assert_int_equal(socket_connection_read(ends.connection, buffer, 10, before + 20000, &length),
                     SOCKET_READ_END);
    drop_pair(&ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_what_was_appended_when_it_is_flushed),
        cmocka_unit_test(keeps_stanzas_whole_and_each_writer_in_order),
        cmocka_unit_test(gives_back_what_a_stalled_peer_did_not_take),
        cmocka_unit_test(delivers_the_last_bytes_although_the_peer_goes_on_sending),
        cmocka_unit_test(wakes_its_reader),
        cmocka_unit_test(reads_until_its_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
