/* SPDX-License-Identifier: Apache-2.0 */
/* test_socket_connection - one reader, many writers, one end
 *
 * Over loopback TCP; what a peer that never reads costs.
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
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server/log.h"
#include "server/socket_connection.h"
#include "server/timeline.h"
#include "server/touched_connections.h"
#include "server/xmpp_server.h"
#include "test/support/ends.h"
#include "xml/xmlns.h"

static void sends_what_was_appended_when_it_is_flushed(void **state)
{
    (void)state;
    struct ends ends = connect_pair(5000, 100000);
    char got[8] = "";
    assert_int_equal(socket_connection_deliver(ends.connection, "<a/>", 4), 0);
    assert_int_equal(recv(ends.peer, got, 4, MSG_DONTWAIT), -1); /* not before */
    assert_int_equal(socket_connection_deliver(ends.connection, "<b/>", 4), 0);
    touched_connections_flush(true);
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
    touched_connections_flush(true);
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

static void pause_shortly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

/* wait_until_it_waits - until nothing was delivered for 200 ms; how many had been */
static int wait_until_it_waits(struct sender *sender)
{
    int last = -1;
    int64_t since = xmpp_server_now();
    while (xmpp_server_now() < since + 200) {
        pause_shortly();
        if (atomic_load(&sender->delivered) != last)
            since = xmpp_server_now();
        last = atomic_load(&sender->delivered);
    }
    return last;
}

static void lets_senders_wait_for_a_slow_peer_and_nobody_else(void **state)
{
    (void)state;
    struct ends slow = connect_sized(20000, 20000, 4096, 4096);
    struct ends quick = connect_pair(20000, 20000);
    struct sender sender = {.connection = slow.connection, .count = 20000};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, send_numbered, &sender), 0);
    int waiting_at = wait_until_it_waits(&sender);
    assert_in_range(waiting_at, 1, sender.count - 1); /* 2 MB would fit nowhere */
    char got[100];
    assert_int_equal(socket_connection_deliver(quick.connection, "<quick/>", 8), 0);
    touched_connections_flush(true);
    assert_int_equal(recv(quick.peer, got, sizeof got, 0), 8);
    assert_int_equal(socket_connection_deliver_now(slow.connection, "", 0), 0); /* never waits */
    struct text all = TEXT_EMPTY;
    while (all.length < 2000000) {
        ssize_t count = recv(slow.peer, got, sizeof got, 0);
        assert_true(count > 0);
        text_append(&all, got, (size_t)count);
    }
    pthread_join(thread, NULL);
    assert_int_equal(sender.delivered, sender.count);
    check_numbered(all.bytes, all.length, 0);
    assert_true(socket_connection_is_open(slow.connection));
    text_free(&all);
    drop_pair(&slow);
    drop_pair(&quick);
}

static void wakes_senders_that_wait_when_it_is_aborted(void **state)
{
    (void)state;
    struct ends ends = connect_sized(60000, 20000, 4096, 4096);
    struct sender senders[3];
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        senders[i] = (struct sender){.connection = ends.connection, .count = 1000000};
        assert_int_equal(pthread_create(&threads[i], NULL, send_numbered, &senders[i]), 0);
    }
    for (int i = 0; i < 3; i++)
        wait_until_it_waits(&senders[i]);
    int64_t before = xmpp_server_now();
    socket_connection_abort(ends.connection);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_true(xmpp_server_now() - before < 20000);
    assert_int_equal(socket_connection_deliver(ends.connection, "<late/>", 7), -1);
    assert_int_equal(socket_connection_wait_room(ends.connection), -1);
    drop_pair(&ends);
}

static void lets_its_reader_have_what_is_there_before_the_end(void **state)
{
    (void)state;
    struct ends ends = connect_pair(5000, 1000);
    char buffer[10];
    size_t length = 0;
    assert_int_equal(send(ends.peer, "abc", 3, 0), 3);
    socket_connection_wake(ends.connection);
    assert_int_equal(socket_connection_read(ends.connection, buffer, 10, -1, &length),
                     SOCKET_READ_SOME);
    assert_int_equal(length, 3);
    assert_int_equal(socket_connection_read(ends.connection, buffer, 10, -1, &length),
                     SOCKET_READ_END);
    socket_connection_abort(ends.connection);
    assert_int_equal(socket_connection_read(ends.connection, buffer, 10, -1, &length),
                     SOCKET_READ_FAILED);
    drop_pair(&ends);
}

static void sends_what_was_appended_before_it_waits_for_input(void **state)
{
    (void)state;
    struct ends read = connect_pair(5000, 1000), other = connect_pair(5000, 1000);
    char buffer[10];
    size_t length;
    assert_int_equal(socket_connection_deliver(other.connection, "<a/>", 4), 0);
    assert_int_equal(socket_connection_deliver_now(read.connection, "<b/>", 4), 0);
    assert_int_equal(send(read.peer, "x", 1, 0), 1);
    socket_connection_read(read.connection, buffer, 10, -1, &length);
    assert_int_equal(recv(other.peer, buffer, 4, MSG_DONTWAIT), -1); /* there was input */
    assert_int_equal(socket_connection_read(read.connection, buffer, 10, 0, &length),
                     SOCKET_READ_TIMEOUT);
    assert_int_equal(recv(other.peer, buffer, 4, MSG_DONTWAIT), 4);
    assert_int_equal(recv(read.peer, buffer, 4, MSG_DONTWAIT), 4);
    drop_pair(&read);
    drop_pair(&other);
}

#define MANY 260 /* more than a thread keeps in mind */

static void keeps_more_connections_in_mind_than_fit(void **state)
{
    (void)state;
    struct ends ends[MANY];
    char got[8];
    for (int i = 0; i < MANY; i++) {
        ends[i] = connect_pair(5000, 1000);
        assert_int_equal(socket_connection_deliver(ends[i].connection, "<a/>", 4), 0);
    }
    assert_int_equal(recv(ends[0].peer, got, 4, MSG_DONTWAIT), 4);
    touched_connections_flush(true);
    for (int i = 1; i < MANY; i++)
        assert_int_equal(recv(ends[i].peer, got, 8, MSG_DONTWAIT), 4);
    for (int i = 0; i < MANY; i++)
        drop_pair(&ends[i]);
}

static void keeps_a_quiet_connection_alive_with_one_blank(void **state)
{
    (void)state;
    struct ends ends = connect_pair(5000, 1000);
    char got[8];
    socket_connection_keep_alive(ends.connection);
    assert_int_equal(recv(ends.peer, got, 8, MSG_DONTWAIT), 1);
    assert_int_equal(got[0], ' ');
    assert_int_equal(socket_connection_deliver(ends.connection, "<a/>", 4), 0);
    socket_connection_keep_alive(ends.connection); /* there is something to be sent anyway */
    touched_connections_flush(true);
    assert_int_equal(recv(ends.peer, got, 8, MSG_DONTWAIT), 4);
    assert_true(socket_connection_end(ends.connection, NULL, 0));
    socket_connection_keep_alive(ends.connection);
    assert_int_equal(recv(ends.peer, got, 8, MSG_DONTWAIT), -1);
    drop_pair(&ends);
}

static void writes_an_element_in_the_style_of_its_stream(void **state)
{
    (void)state;
    struct ends ends = connect_pair(5000, 1000);
    struct arena *arena = arena_new(0);
    struct element *message = element_new(arena, "message", XMLNS_SERVER);
    element_set(arena, message, "to", "a&b");
    static const struct element_style style = {XMLNS_SERVER, XMLNS_SERVER};
    char got[64] = "";
    assert_int_equal(socket_connection_deliver_packet(ends.connection, message, &style), 0);
    assert_int_equal(socket_connection_deliver_packet_now(ends.connection, message, &style), 0);
    arena_free(arena); /* borrowed for the call only */
    touched_connections_flush(true);
    assert_true(recv(ends.peer, got, sizeof got - 1, MSG_DONTWAIT) > 0);
    assert_string_equal(got, "<message to=\"a&amp;b\"/><message to=\"a&amp;b\"/>");
    drop_pair(&ends);
}

/* A peer that sends without a pause, and reads late and slowly. */
struct flood {
    int peer;
    _Atomic bool finished; /* our side gave up */
};

/* text_message - as our own style writes it, so many bytes */
static struct element *text_message(struct arena *arena, size_t size)
{
    struct element *message = element_new(arena, "message", XMLNS_SERVER);
    char *body = text_calloc(1, size);
    memset(body, 'b', size - strlen("<message></message>"));
    element_add_text(arena, message, body, strlen(body));
    free(body);
    return message;
}

static void refuse_nothing(void *owner, const char *bytes, size_t length, size_t arrived)
{
    (void)owner;
    (void)bytes;
    (void)length;
    (void)arrived;
}

/* check_packet_limit - with a batch of the thread's own, and without */
static void check_packet_limit(bool batch)
{
    static const struct element_style style = {XMLNS_SERVER, XMLNS_SERVER};
    struct ends ends = connect_pair(10000, 1000000);
    struct arena *arena = arena_new(0);
    if (batch)
        socket_connection_set_refused_handler(ends.connection, refuse_nothing, NULL);
    const struct element *fits = text_message(arena, 1000), *large = text_message(arena, 1001);
    assert_int_equal(socket_connection_deliver_packet(ends.connection, large, &style), 0);
    socket_connection_set_packet_limit(ends.connection, 1000);
    assert_int_equal(socket_connection_deliver_packet(ends.connection, large, &style), 1);
    assert_int_equal(socket_connection_deliver_packet(ends.connection, fits, &style), 0);
    assert_int_equal(socket_connection_deliver_packet_now(ends.connection, large, &style), 1);
    assert_int_equal(socket_connection_deliver_packet_now(ends.connection, fits, &style), 0);
    char *bytes = text_calloc(1, 2000); /* bytes are no element */
    memset(bytes, '.', 1999);
    assert_int_equal(socket_connection_deliver(ends.connection, bytes, 1999), 0);
    socket_connection_set_packet_limit(ends.connection, 0);
    assert_int_equal(socket_connection_deliver_packet(ends.connection, large, &style), 0);
    socket_connection_end(ends.connection, NULL, 0);
    socket_connection_finish(ends.connection, 0);
    size_t length;
    char *got = read_all(ends.peer, &length);
    assert_int_equal(length, 1001 + 1000 + 1000 + 1999 + 1001);
    assert_memory_equal(got + 1001, "<message>b", 10);
    assert_memory_equal(got + 3001, bytes, 1999);
    assert_int_equal(socket_connection_stanzas(ends.connection), 4);
    assert_int_equal(socket_connection_deliver_packet(ends.connection, large, &style), -1);
    free(got);
    free(bytes);
    arena_free(arena);
    drop_pair(&ends);
}

static void takes_an_element_that_is_too_large_back(void **state)
{
    (void)state;
    check_packet_limit(false);
    check_packet_limit(true);
}

static void *send_without_end(void *given)
{
    struct flood *flood = given;
    char noise[16384];
    memset(noise, 'n', sizeof noise);
    while (send(flood->peer, noise, sizeof noise, MSG_NOSIGNAL) > 0) {
    }
    return NULL;
}

static void *read_late(void *given)
{
    struct flood *flood = given;
    int64_t until = xmpp_server_now() + 500;
    while (!atomic_load(&flood->finished) && xmpp_server_now() < until)
        pause_shortly();
    size_t length;
    free(read_all(flood->peer, &length));
    return (void *)length;
}

static void delivers_the_last_bytes_to_a_slow_peer_that_never_stops_sending(void **state)
{
    (void)state;
    struct ends ends = connect_sized(20000, 1000000, 400000, 4096);
    struct flood flood = {.peer = ends.peer};
    pthread_t sender, reader;
    void *length;
    char *many = text_calloc(1, 100000); /* our kernel takes it at once, the peer's does not */
    assert_int_equal(socket_connection_deliver_now(ends.connection, many, 100000), 0);
    free(many);
    assert_true(socket_connection_end(ends.connection, "<bye/>", 6));
    assert_int_equal(pthread_create(&sender, NULL, send_without_end, &flood), 0);
    assert_int_equal(pthread_create(&reader, NULL, read_late, &flood), 0);
    socket_connection_finish(ends.connection, 10000);
    socket_connection_unref(ends.connection);
    atomic_store(&flood.finished, true);
    pthread_join(reader, &length);
    pthread_join(sender, NULL);
    close(ends.peer);
    assert_int_equal((size_t)length, 100006);
}

static void closes_the_socket_with_the_last_reference(void **state)
{
    (void)state;
    struct ends ends = connect_pair(5000, 1000);
    char byte;
    socket_connection_ref(ends.connection);
    socket_connection_unref(ends.connection);
    assert_int_equal(recv(ends.peer, &byte, 1, MSG_DONTWAIT), -1);
    socket_connection_unref(ends.connection);
    assert_int_equal(recv(ends.peer, &byte, 1, 0), 0);
    close(ends.peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_what_was_appended_when_it_is_flushed),
        cmocka_unit_test(keeps_stanzas_whole_and_each_writer_in_order),
        cmocka_unit_test(delivers_the_last_bytes_although_the_peer_goes_on_sending),
        cmocka_unit_test(wakes_its_reader),
        cmocka_unit_test(reads_until_its_deadline),
        cmocka_unit_test(lets_senders_wait_for_a_slow_peer_and_nobody_else),
        cmocka_unit_test(wakes_senders_that_wait_when_it_is_aborted),
        cmocka_unit_test(lets_its_reader_have_what_is_there_before_the_end),
        cmocka_unit_test(sends_what_was_appended_before_it_waits_for_input),
        cmocka_unit_test(keeps_more_connections_in_mind_than_fit),
        cmocka_unit_test(keeps_a_quiet_connection_alive_with_one_blank),
        cmocka_unit_test(writes_an_element_in_the_style_of_its_stream),
        cmocka_unit_test(takes_an_element_that_is_too_large_back),
        cmocka_unit_test(delivers_the_last_bytes_to_a_slow_peer_that_never_stops_sending),
        cmocka_unit_test(closes_the_socket_with_the_last_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
