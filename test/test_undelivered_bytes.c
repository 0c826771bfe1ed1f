/* SPDX-License-Identifier: Apache-2.0 */
/* test_undelivered_bytes - what a connection gives back at its end: all that did not arrive, and nothing else
 *
 * Of server/socket_connection, over loopback TCP.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server/socket_connection.h"
#include "server/touched_connections.h"
#include "server/xmpp_server.h"
#include "test/support/ends.h"

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

static void returns_exactly_what_did_not_arrive(void **state)
{
    (void)state;
    struct ends ends = connect_sized(300, 20000, 4096, 4096);
    struct sender sender = {.connection = ends.connection, .count = 1000000};
    struct returned returned = {0};
    socket_connection_set_undelivered_handler(ends.connection, take_back, &returned);
    send_numbered(&sender); /* until it is closed as stalled */
    size_t taken = (size_t)sender.delivered * 100, length;
    assert_in_range(sender.delivered, 1, sender.count - 1);
    socket_connection_return_undelivered(ends.connection);
    assert_int_equal(returned.calls, 1);
    char *got = read_all(ends.peer, &length);
    size_t unsent = returned.bytes.length - returned.sent;
    assert_int_equal(length + unsent, taken);
    check_numbered(got, length, 0);
    check_numbered(returned.bytes.bytes + returned.sent, unsent, length);
    socket_connection_return_undelivered(ends.connection); /* the handler is forgotten */
    assert_int_equal(returned.calls, 1);
    free(got);
    text_free(&returned.bytes);
    drop_pair(&ends);
}

static void returns_what_stood_in_our_kernel_when_the_peer_was_killed(void **state)
{
    (void)state;
    struct ends ends = connect_sized(300, 20000, 200000, 4096);
    struct sender sender = {.connection = ends.connection, .count = 1000};
    struct returned returned = {0};
    int arrived = 0, before = -1;
    socket_connection_set_undelivered_handler(ends.connection, take_back, &returned);
    send_numbered(&sender);
    touched_connections_flush(
        true); /* all of it is with our kernel, and little with the peer's */
    assert_int_equal(sender.delivered, 1000);
    while (ioctl(ends.peer, FIONREAD, &arrived) == 0 && arrived != before) {
        before = arrived;
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    assert_in_range(arrived, 1, 50000);
    close(ends.peer); /* with bytes unread: a reset */
    ends.peer = -1;
    char byte;
    size_t length;
    assert_int_equal(
        socket_connection_read(ends.connection, &byte, 1, xmpp_server_now() + 5000, &length),
        SOCKET_READ_FAILED);
    socket_connection_abort(ends.connection);
    socket_connection_return_undelivered(ends.connection);
    size_t back = returned.bytes.length - returned.sent;
    assert_int_equal((size_t)arrived + back, 100000);
    check_numbered(returned.bytes.bytes + returned.sent, back, (size_t)arrived);
    text_free(&returned.bytes);
    drop_pair(&ends);
}

static void forgets_what_has_arrived(void **state)
{
    (void)state;
    struct ends ends = connect_sized(5000, 1 << 20, 0, 0);
    struct returned returned = {0};
    char piece[5000];
    size_t got = 0;
    memset(piece, 'a', sizeof piece);
    socket_connection_set_undelivered_handler(ends.connection, take_back, &returned);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(socket_connection_deliver(ends.connection, piece, sizeof piece), 0);
        touched_connections_flush(true);
        while (got < (size_t)(i + 1) * sizeof piece)
            got += (size_t)recv(ends.peer, piece, sizeof piece, 0);
    }
    socket_connection_tick(ends.connection, xmpp_server_now() + 10000);
    close(ends.peer);
    ends.peer = -1;
    socket_connection_abort(ends.connection);
    socket_connection_return_undelivered(ends.connection);
    assert_int_equal(returned.calls, 0);
    drop_pair(&ends);
}

static void returns_nothing_when_all_was_sent(void **state)
{
    (void)state;
    struct ends ends = connect_pair(5000, 20000);
    struct returned returned = {0};
    socket_connection_set_undelivered_handler(ends.connection, take_back, &returned);
    assert_int_equal(socket_connection_deliver(ends.connection, "<a/>", 4), 0);
    touched_connections_flush(true);
    socket_connection_abort(ends.connection);
    socket_connection_return_undelivered(ends.connection);
    assert_int_equal(returned.calls, 0);
    drop_pair(&ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_what_a_stalled_peer_did_not_take),
        cmocka_unit_test(returns_exactly_what_did_not_arrive),
        cmocka_unit_test(returns_what_stood_in_our_kernel_when_the_peer_was_killed),
        cmocka_unit_test(forgets_what_has_arrived),
        cmocka_unit_test(returns_nothing_when_all_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
