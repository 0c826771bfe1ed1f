/* SPDX-License-Identifier: Apache-2.0 */
/* test_connection_limiter - who may connect, who has to go, and what strangers may cause
 *
 * Sockets of the test stand for connections; the time is what the test says.
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

#include "server/connection_limiter.h"
#include "server/limit_log.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/prefix_table.h"
#include "server/xmpp_server.h"
#include "test/support/scratch.h"
#include "test/support/settings.h"

static int64_t now;

/* One connection: the limiter has the first end. */
struct connected {
    int ends[2];
    struct connection_ticket *ticket;
};

static void configure(const char *settings)
{
    struct config *config = settings_load_good(settings);
    connection_limiter_configure(config);
    config_unref(config);
}

static int start(void **state)
{
    now = xmpp_server_now();
    log_set_level(LOG_LEVEL_ERROR);
    return settings_open_scratch(state);
}

static int stop(void **state)
{
    connection_limiter_stop();
    assert_int_equal(metrics_get(strangers), 0);
    assert_int_equal(metrics_get(stranger_verifications), 0);
    return settings_close_scratch(state);
}

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage address = {.ss_family = AF_INET};
    if (inet_pton(AF_INET, text, &((struct sockaddr_in *)&address)->sin_addr) == 1)
        return address;
    address.ss_family = AF_INET6;
    assert_int_equal(inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&address)->sin6_addr), 1);
    return address;
}

static struct connected try_from(const char *text, bool known)
{
    struct sockaddr_storage address = address_of(text);
    struct connected made;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, made.ends), 0);
    made.ticket = connection_limiter_admit(made.ends[0], (struct sockaddr *)&address, known, now);
    return made;
}

static void drop(struct connected *connected)
{
    connection_limiter_release(connected->ticket);
    connected->ticket = NULL;
    close(connected->ends[0]);
    close(connected->ends[1]);
}

static struct connected come(const char *text)
{
    struct connected made = try_from(text, false);
    if (made.ticket == NULL)
        fail_msg("%s is refused", text);
    return made;
}

static void refused(const char *text)
{
    struct connected made = try_from(text, false);
    if (made.ticket != NULL)
        fail_msg("%s is let in", text);
    close(made.ends[0]);
    close(made.ends[1]);
}

/* is_ended - has its reader been told the end of TCP? */
static bool is_ended(const struct connected *connected)
{
    char byte;
    return recv(connected->ends[0], &byte, 1, MSG_DONTWAIT) == 0;
}

#define NO_EXEMPT "[s2s]\nlimit.exempt =\n"

static void counts_for_each_address_and_each_network(void **state)
{
    (void)state;
    configure(NO_EXEMPT "limit.connections-per-address = 2\nlimit.connections-per-network = 3\n");
    int64_t before = metrics_get(limited_address), networks = metrics_get(limited_network);
    struct connected a = come("192.0.2.1"), b = come("::ffff:192.0.2.1");
    refused("192.0.2.1"); /* one address by two kinds of socket */
    assert_int_equal(metrics_get(limited_address), before + 1);
    struct connected c = come("192.0.2.2");
    refused("192.0.2.3");
    assert_int_equal(metrics_get(limited_network), networks + 1);
    struct connected d = come("192.0.3.1"); /* the others are not concerned */
    connection_limiter_proved(a.ticket);
    refused("192.0.2.3"); /* these two limits count the proved ones as well */
    drop(&c);
    struct connected e = come("192.0.2.3");
    drop(&a);
    drop(&b);
    drop(&d);
    drop(&e);
}

static void counts_for_each_ipv6_network(void **state)
{
    (void)state;
    configure(NO_EXEMPT "limit.connections-per-address = 1\nlimit.connections-per-network = 2\n");
    struct connected a = come("2001:db8:0:1::1"), b = come("2001:db8:0:1::2");
    refused("2001:db8:0:1:ffff::3");
    struct connected c = come("2001:db8:0:2::1");
    refused("2001:db8:0:2::1");
    drop(&a);
    drop(&b);
    drop(&c);
    configure(NO_EXEMPT "limit.connections-per-network = 1\nlimit.network-ipv6-bits = 48\n"
                        "limit.network-ipv4-bits = 16\n");
    a = come("2001:db8:0:1::1");
    refused("2001:db8:0:2::1");
    b = come("192.0.2.1");
    refused("192.0.3.1");
    drop(&a);
    drop(&b);
}

static void counts_strangers_only_until_something_is_proved(void **state)
{
    (void)state;
    configure(NO_EXEMPT "limit.strangers-per-address = 1\nlimit.strangers-per-network = 2\n");
    struct connected many[50];
    for (int i = 0; i < 50; i++) { /* a hoster: many domains behind one address */
        many[i] = come("192.0.2.1");
        assert_true(connection_limiter_is_stranger(many[i].ticket));
        refused("192.0.2.1");
        connection_limiter_proved(many[i].ticket);
        connection_limiter_proved(many[i].ticket);
        assert_false(connection_limiter_is_stranger(many[i].ticket));
    }
    struct connected a = come("192.0.2.1"), b = come("192.0.2.2");
    refused("192.0.2.3");
    drop(&a);
    a = come("192.0.2.3");
    drop(&a);
    drop(&b);
    for (int i = 0; i < 50; i++)
        drop(&many[i]);
}

static void limits_new_connections_a_second_of_a_network(void **state)
{
    (void)state;
    configure(NO_EXEMPT "limit.connections-per-second = 10\nlimit.connections-burst = 5\n");
    for (int i = 0; i < 5; i++) {
        struct connected made = come("192.0.2.1");
        drop(&made); /* that it is over gives nothing back */
    }
    refused("192.0.2.2");
    struct connected other = come("192.0.3.1");
    drop(&other);
    now += 99;
    refused("192.0.2.2");
    now += 1;
    struct connected next = come("192.0.2.2");
    drop(&next);
    refused("192.0.2.2");
    now += 500;
    for (int i = 0; i < 5; i++) {
        struct connected made = come("192.0.2.1");
        drop(&made);
    }
    refused("192.0.2.1");
}

static void limits_new_connections_as_openfire_does(void **state)
{
    (void)state;
    configure(NO_EXEMPT "[xmpp.ratelimit]\nnewconnections.s2s.enabled = true\n"
                        "newconnections.s2s.permits_per_second = 1\n"
                        "newconnections.s2s.max_burst = 2\n");
    now = xmpp_server_now();
    int64_t before = metrics_get(limited_new_connections);
    struct connected a = come("192.0.2.1"), b = come("198.51.100.1");
    refused("203.0.113.1");
    assert_int_equal(metrics_get(limited_new_connections), before + 1);
    now += 1000;
    struct connected c = come("203.0.113.1");
    drop(&a);
    drop(&b);
    drop(&c);
    configure(NO_EXEMPT);
    for (int i = 0; i < 10; i++) {
        a = come("192.0.2.1");
        drop(&a);
    }
}

static void leaves_the_exempt_alone(void **state)
{
    (void)state;
    configure("[s2s]\nlimit.connections-per-address = 1\nlimit.connections-per-network = 1\n"
              "limit.strangers-per-address = 1\nunauthenticated.max = 1\n"
              "limit.connections-per-second = 1\nlimit.connections-burst = 1\n");
    struct connected made[6];
    for (int i = 0; i < 2; i++) { /* loopback, unless told otherwise: both families, and mapped */
        made[3 * i] = come("127.1.2.3");
        made[3 * i + 1] = come("::1");
        made[3 * i + 2] = come("::ffff:127.0.0.1");
    }
    for (int i = 0; i < 6; i++)
        assert_false(connection_limiter_is_stranger(made[i].ticket));
    struct connected stranger = come("192.0.2.1");
    refused("198.51.100.1"); /* the one place is taken, too short a time ago */
    struct connected known = try_from("192.0.2.1", true);
    assert_non_null(known.ticket); /* on a port where only known addresses come */
    for (int i = 0; i < 6; i++)
        drop(&made[i]);
    drop(&stranger);
    drop(&known);
    configure("[s2s]\nlimit.exempt = 192.0.2.0/24, 2001:db8::/32\n"
              "limit.connections-per-address = 1\n");
    struct connected a = come("192.0.2.1"), b = come("192.0.2.1"), c = come("2001:db8::1"),
                     d = come("2001:db8::1"), e = come("127.0.0.1");
    refused("127.0.0.1");
    drop(&a);
    drop(&b);
    drop(&c);
    drop(&d);
    drop(&e);
}

static void makes_place_where_most_strangers_are(void **state)
{
    (void)state;
    configure(NO_EXEMPT "unauthenticated.max = 6\n");
    struct connected lone = come("198.51.100.1"); /* older than all of the flood */
    now += 10;
    struct connected flood[5];
    for (int i = 0; i < 5; i++, now += 10) {
        char text[20];
        snprintf(text, sizeof text, "192.0.2.%d", i + 1);
        flood[i] = come(text);
    }
    refused("203.0.113.1"); /* nobody has had its time yet */
    now += CONNECTION_LIMITER_GRACE_MS;
    int64_t before = metrics_get(limited_strangers);
    struct connected new = come("203.0.113.1");
    assert_int_equal(metrics_get(limited_strangers), before + 1);
    assert_true(is_ended(&flood[0])); /* the oldest of the network that has most */
    assert_true(connection_limiter_was_evicted(flood[0].ticket));
    assert_false(connection_limiter_begin_verification(flood[0].ticket));
    assert_false(is_ended(&flood[1]) || is_ended(&lone) || is_ended(&new));
    connection_limiter_proved(flood[1].ticket); /* nobody can take its place any more */
    struct connected more = come("203.0.114.1");
    assert_false(is_ended(&flood[1]) || is_ended(&flood[2])); /* that was a free one */
    struct connected own = come("192.0.2.6"); /* and from that network, too: at its own cost */
    assert_true(is_ended(&flood[2]));
    assert_false(is_ended(&lone));
    drop(&lone);
    drop(&new);
    drop(&more);
    drop(&own);
    for (int i = 0; i < 5; i++)
        drop(&flood[i]);
}

static void makes_place_of_the_oldest_where_all_have_as_many(void **state)
{
    (void)state;
    configure(NO_EXEMPT "unauthenticated.max = 4\n");
    static const char *const from[] = {"192.0.2.1", "192.0.3.1", "192.0.4.1", "192.0.5.1"};
    struct connected old[4], new[4];
    for (int i = 0; i < 4; i++, now += 10)
        old[i] = come(from[i]);
    now += CONNECTION_LIMITER_GRACE_MS;
    for (int i = 0; i < 4; i++, now += 10) {
        new[i] = come("2001:db8::1");
        assert_true(is_ended(&old[i]));
        assert_true(i == 3 || !is_ended(&old[i + 1]));
    }
    /* the newest come from the network that has most, and the oldest of all is among them: all too young */
    refused("198.51.100.1");
    for (int i = 0; i < 4; i++) {
        drop(&old[i]);
        drop(&new[i]);
    }
}

/* The network that has most renews its strangers all the time: then the oldest of all goes. */
static void young_ones_of_a_crowd_do_not_bar_the_way(void **state)
{
    (void)state;
    configure(NO_EXEMPT "unauthenticated.max = 4\n");
    struct connected lone = come("198.51.100.1");
    now += CONNECTION_LIMITER_GRACE_MS;
    struct connected crowd[3] = {come("192.0.2.1"), come("192.0.2.2"), come("192.0.2.3")};
    struct connected new = come("203.0.113.1");
    assert_true(is_ended(&lone));
    drop(&lone);
    drop(&new);
    for (int i = 0; i < 3; i++)
        drop(&crowd[i]);
}

static void bounds_all_connections_and_strangers_make_place_here_too(void **state)
{
    (void)state;
    configure("[s2s]\nconnections.max = 3\n");
    struct connected local = come("127.0.0.1"), proved = come("192.0.2.1"),
                     stranger = come("198.51.100.1");
    connection_limiter_proved(proved.ticket);
    int64_t before = metrics_get(limited_connections);
    refused("203.0.113.1");
    refused("127.0.0.1"); /* nobody is exempt from this one */
    assert_int_equal(metrics_get(limited_connections), before + 2);
    now += CONNECTION_LIMITER_GRACE_MS;
    struct connected new = come("203.0.113.1");
    assert_true(is_ended(&stranger));
    assert_false(is_ended(&proved) || is_ended(&local));
    drop(&local);
    drop(&proved);
    drop(&stranger);
    drop(&new);
}

static void whoever_holds_most_bytes_has_to_go(void **state)
{
    (void)state;
    configure(NO_EXEMPT "unauthenticated.bytes = 65536\n");
    struct connected a = come("192.0.2.1"), b = come("198.51.100.1"), c = come("203.0.113.1");
    assert_true(connection_limiter_charge(a.ticket, 40000));
    assert_true(connection_limiter_charge(b.ticket, 25536)); /* to the byte */
    assert_true(connection_limiter_charge(c.ticket, 1));
    assert_true(is_ended(&a)); /* not the one that was last */
    assert_false(is_ended(&b) || is_ended(&c));
    connection_limiter_proved(b.ticket); /* holds nothing any more */
    assert_true(connection_limiter_charge(b.ticket, 1000000));
    assert_true(connection_limiter_charge(c.ticket, 65535));
    assert_false(connection_limiter_charge(c.ticket, 1)); /* the caller's to end, with a word */
    assert_false(is_ended(&c));
    assert_true(connection_limiter_was_evicted(c.ticket));
    assert_true(connection_limiter_charge(NULL, 1000000));
    drop(&a);
    drop(&b);
    drop(&c);
    struct connected d = come("203.0.113.1");
    assert_true(connection_limiter_charge(d.ticket, 65536));
    drop(&d);
}

static void bounds_what_strangers_have_us_ask(void **state)
{
    (void)state;
    configure(NO_EXEMPT "unauthenticated.verifications = 4\nlimit.verifications-per-network = 3\n");
    struct connected a = come("192.0.2.1"), b = come("192.0.2.2"), c = come("198.51.100.1");
    assert_true(connection_limiter_begin_verification(a.ticket));
    assert_true(connection_limiter_begin_verification(a.ticket));
    assert_true(connection_limiter_begin_verification(b.ticket));
    assert_false(connection_limiter_begin_verification(b.ticket)); /* its network's share */
    assert_true(connection_limiter_begin_verification(c.ticket));
    assert_false(connection_limiter_begin_verification(c.ticket)); /* and that of all */
    struct connection_ticket *kept = connection_limiter_ref(a.ticket);
    drop(&a); /* its questions are still under way */
    assert_false(connection_limiter_begin_verification(c.ticket));
    connection_limiter_end_verification(kept);
    assert_true(connection_limiter_begin_verification(c.ticket));
    assert_false(connection_limiter_begin_verification(b.ticket));
    connection_limiter_end_verification(kept);
    connection_limiter_unref(kept);
    assert_true(connection_limiter_begin_verification(b.ticket));
    connection_limiter_proved(b.ticket); /* what it asked for is no stranger's any more */
    assert_true(connection_limiter_begin_verification(c.ticket));
    assert_true(connection_limiter_begin_verification(b.ticket));
    for (int i = 0; i < 3; i++) {
        connection_limiter_end_verification(b.ticket);
        connection_limiter_end_verification(c.ticket);
    }
    assert_int_equal(metrics_get(stranger_verifications), 0);
    drop(&b);
    drop(&c);
}

/* The test's own count of one origin: an address of a network. */
enum { MANY = 60, NETWORKS = 5, ADDRESSES = 3 };
static struct origin {
    int open, strange;
} origins[NETWORKS][ADDRESSES];

/* fits - by the limits of the next test */
static bool fits(const struct origin *network, int address)
{
    int open = 0, strange = 0;
    for (int i = 0; i < ADDRESSES; i++) {
        open += network[i].open;
        strange += network[i].strange;
    }
    return network[address].open < 6 && network[address].strange < 3 && open < 12 && strange < 7;
}

struct counted {
    struct connected connected;
    struct origin *origin;
    bool proved;
};

static void come_or_be_refused(struct counted *counted)
{
    int network = rand() % NETWORKS, address = rand() % ADDRESSES;
    char text[40];
    snprintf(text, sizeof text, network % 2 ? "2001:db8:0:%d::%d" : "192.0.%d.%d", network,
             address + 1);
    bool expected = fits(origins[network], address);
    counted->connected = try_from(text, false);
    assert_int_equal(counted->connected.ticket != NULL, expected);
    if (!expected) {
        close(counted->connected.ends[0]);
        close(counted->connected.ends[1]);
        return;
    }
    counted->origin = &origins[network][address];
    counted->proved = false;
    counted->origin->open++;
    counted->origin->strange++;
}

static void go_on(struct counted *counted)
{
    counted->origin->strange -= !counted->proved;
    if (rand() % 2) {
        counted->proved = true;
        connection_limiter_proved(counted->connected.ticket);
    } else {
        counted->origin->open--;
        drop(&counted->connected);
    }
}

static void counts_right_in_any_order(void **state)
{
    (void)state;
    static struct counted all[MANY];
    configure(NO_EXEMPT "limit.connections-per-address = 6\nlimit.connections-per-network = 12\n"
                        "limit.strangers-per-address = 3\nlimit.strangers-per-network = 7\n"
                        "limit.connections-per-second = 0\n");
    srand(7);
    for (int step = 0; step < 20000; step++) {
        struct counted *counted = &all[rand() % MANY];
        if (counted->connected.ticket == NULL)
            come_or_be_refused(counted);
        else
            go_on(counted);
    }
    for (int i = 0; i < MANY; i++)
        if (all[i].connected.ticket != NULL)
            drop(&all[i].connected);
}

static void forgets_networks_but_not_before_their_bucket_is_full(void **state)
{
    (void)state;
    struct prefix_table table = {0};
    struct network_prefix prefix = {.bits = 64};
    bool made;
    for (int i = 0; i < PREFIX_TABLE_RESTING_MAX + 1000; i++) {
        memcpy(prefix.bytes, &i, sizeof i);
        struct prefix_count *entry = prefix_table_get(&table, &prefix, true, &made);
        assert_true(made);
        prefix_table_rest(&table, entry, i);
    }
    assert_int_equal(table.count,
                     PREFIX_TABLE_RESTING_MAX); /* whatever comes, no more than these */
    struct prefix_count *last = prefix_table_get(&table, &prefix, true, &made);
    assert_false(made);
    assert_int_equal(table.resting_count, PREFIX_TABLE_RESTING_MAX - 1);
    assert_ptr_not_equal(prefix_table_get(&table, &prefix, false, &made), last);
    assert_true(made);
    prefix_table_expire(&table, 1999);
    assert_int_equal(table.resting_count, PREFIX_TABLE_RESTING_MAX - 1 - 1000);
    prefix_table_expire(&table, INT64_MAX);
    assert_int_equal(table.count, 2); /* those in use */
    prefix_table_remove(&table, last);
    prefix_table_free(&table);
}

static size_t count_lines(const char *text, const char *words)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, words)) != NULL; at++)
        count++;
    return count;
}

static void writes_one_line_a_second_and_the_count(void **state)
{
    (void)state;
    int64_t before = metrics_get(limited_stanza);
    log_set_level(LOG_LEVEL_WARN);
    limit_log_set_interval(LIMIT_STANZA, 600000);
    scratch_capture_log();
    for (int i = 0; i < 500; i++)
        limit_log_bites(LIMIT_STANZA, "stanza %d", i);
    limit_log_tick(xmpp_server_now());
    limit_log_bites(LIMIT_NEGOTIATION_BYTES, "another limit");
    limit_log_tick(xmpp_server_now() + 700000);
    limit_log_tick(xmpp_server_now() + 1500000);
    char *log = scratch_captured_log();
    log_set_level(LOG_LEVEL_ERROR);
    assert_non_null(
        strstr(log, "xmpp.parser.buffer.size, s2s.xml.*, s2s.negotiation.bytes: stanza 0\n"));
    assert_non_null(strstr(log, "499 times more"));
    assert_non_null(strstr(log, "another limit\n"));
    assert_int_equal(count_lines(log, "limit xmpp.parser.buffer.size"), 2);
    assert_int_equal(metrics_get(limited_stanza), before + 500);
    free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_for_each_address_and_each_network, start, stop),
        cmocka_unit_test_setup_teardown(counts_for_each_ipv6_network, start, stop),
        cmocka_unit_test_setup_teardown(counts_strangers_only_until_something_is_proved, start,
                                        stop),
        cmocka_unit_test_setup_teardown(limits_new_connections_a_second_of_a_network, start, stop),
        cmocka_unit_test_setup_teardown(limits_new_connections_as_openfire_does, start, stop),
        cmocka_unit_test_setup_teardown(leaves_the_exempt_alone, start, stop),
        cmocka_unit_test_setup_teardown(makes_place_where_most_strangers_are, start, stop),
        cmocka_unit_test_setup_teardown(makes_place_of_the_oldest_where_all_have_as_many, start,
                                        stop),
        cmocka_unit_test_setup_teardown(young_ones_of_a_crowd_do_not_bar_the_way, start, stop),
        cmocka_unit_test_setup_teardown(bounds_all_connections_and_strangers_make_place_here_too,
                                        start, stop),
        cmocka_unit_test_setup_teardown(whoever_holds_most_bytes_has_to_go, start, stop),
        cmocka_unit_test_setup_teardown(bounds_what_strangers_have_us_ask, start, stop),
        cmocka_unit_test_setup_teardown(counts_right_in_any_order, start, stop),
        cmocka_unit_test_setup_teardown(forgets_networks_but_not_before_their_bucket_is_full, start,
                                        stop),
        cmocka_unit_test_setup_teardown(writes_one_line_a_second_and_the_count, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
