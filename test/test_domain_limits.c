/* SPDX-License-Identifier: Apache-2.0 */
/* test_domain_limits - streams of a domain, its rate, and how a stream waits for it
 *
 * The time is what the test says, but for the waits, which are real and end early or last a fraction of a second.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/log.h"
#include "server/metrics.h"
#include "server/xmpp_server.h"
#include "session/domain_limits.h"
#include "session/domain_pair.h"
#include "session/stanza_pace.h"
#include "test/support/ends.h"
#include "test/support/settings.h"

static const struct span ours = {"ours.test", 9}, more = {"more.test", 9},
                         remote = {"remote.test", 11}, other = {"other.test", 10};

static int start(void **state)
{
    log_set_level(LOG_LEVEL_ERROR);
    return settings_open_scratch(state);
}

static int stop(void **state)
{
    domain_limits_stop();
    return settings_close_scratch(state);
}

static void configure(const char *settings)
{
    config_publish(settings_load_good(settings));
}

static void counts_streams_of_a_pair(void **state)
{
    (void)state;
    configure("[s2s]\nlimit.streams-per-domain = 2\n");
    assert_true(domain_limits_may_have(ours, remote));
    assert_true(domain_limits_take_stream(ours, remote));
    assert_true(domain_limits_may_have(ours, remote)); /* that asks only */
    assert_true(domain_limits_take_stream(ours, remote));
    assert_false(domain_limits_may_have(ours, remote));
    assert_false(domain_limits_take_stream(ours, remote));
    assert_true(domain_limits_take_stream(more, remote)); /* another pair each */
    assert_true(domain_limits_take_stream(ours, other));
    domain_limits_give_stream(ours, remote);
    assert_true(domain_limits_take_stream(ours, remote));
    assert_false(domain_limits_take_stream(ours, remote));
    domain_limits_give_stream(ours, remote);
    domain_limits_give_stream(ours, remote);
    domain_limits_give_stream(more, remote);
    domain_limits_give_stream(ours, other);
}

static void follows_the_settings(void **state)
{
    (void)state;
    configure(
        "[s2s]\nlimit.streams-per-domain = 1\nlimit.exempt-domains = other.test,remote.test\n");
    for (int i = 0; i < 5; i++)
        assert_true(domain_limits_take_stream(ours, remote));
    configure(
        "[s2s]\nlimit.streams-per-domain = 3\nlimit.exempt-domains = r.remote.test, emote.test\n");
    assert_false(domain_limits_may_have(ours, remote)); /* they were counted all the same */
    configure("[s2s]\nlimit.streams-per-domain = 0\n");
    assert_true(domain_limits_take_stream(ours, remote));
    configure("[s2s]\nlimit.streams-per-domain = 0\nlimit.exempt-domains = remote.test\n"
              "[xmpp.server]\nsession.allowmultiple = false\n");
    assert_false(domain_limits_may_have(ours, remote));
    for (int i = 0; i < 6; i++)
        domain_limits_give_stream(ours, remote);
    assert_true(domain_limits_take_stream(ours, remote));
    assert_false(domain_limits_take_stream(ours, remote));
    domain_limits_give_stream(ours, remote);
}

static void shares_a_rate_among_streams(void **state)
{
    (void)state;
    int64_t now = 1000000;
    struct domain_rate *one = domain_limits_get_rate(remote), *two = domain_limits_get_rate(remote),
                       *third = domain_limits_get_rate(other);
    assert_ptr_equal(one, two);
    assert_true(domain_limits_is_rate_of(one, remote));
    assert_false(domain_limits_is_rate_of(one, other) || domain_limits_is_rate_of(NULL, remote));
    for (int i = 0; i < 20; i++) /* 10 a second, 20 at once */
        assert_int_equal(domain_limits_spend(i % 2 ? one : two, 10, 0, 1000000, now), 0);
    assert_int_equal(domain_limits_spend(one, 10, 0, 1, now), 100);
    assert_int_equal(domain_limits_spend(two, 10, 0, 1, now), 200);
    assert_int_equal(domain_limits_spend(third, 10, 0, 1, now), 0);
    domain_limits_put_rate(one);
    domain_limits_put_rate(two);
    domain_limits_put_rate(third);
    /* a new stream is no new allowance, as long as the bucket is not full again */
    domain_limits_tick(now + 2000);
    one = domain_limits_get_rate(remote);
    assert_int_equal(domain_limits_spend(one, 10, 0, 1, now + 100), 200);
    domain_limits_put_rate(one);
    domain_limits_tick(now + 100 + 200 + 2000);
    one = domain_limits_get_rate(remote);
    for (int i = 0; i < 20; i++)
        assert_int_equal(domain_limits_spend(one, 10, 0, 1, now + 2300), 0);
    domain_limits_put_rate(one);
    domain_limits_put_rate(NULL);
}

static void limits_bytes_too_and_the_longer_wait_counts(void **state)
{
    (void)state;
    int64_t now = 1000000;
    struct domain_rate *rate = domain_limits_get_rate(remote);
    assert_int_equal(domain_limits_spend(rate, 10, 1000, 2000, now), 0);
    assert_int_equal(domain_limits_spend(rate, 10, 1000, 500, now), 500);
    assert_int_equal(domain_limits_spend(rate, 10, 1000, 0, now + 400), 100);
    assert_int_equal(domain_limits_spend(rate, 1, 1000, 0, now + 600), 0); /* 17 were left, now 2 */
    domain_limits_put_rate(rate);
}

/* A stream that waits, in a thread of its own. */
struct waiter {
    struct ends ends;
    struct stanza_pace pace;
    const struct config *config;
    pthread_t thread;
    int64_t took;
};

static void *wait_for_rate(void *given)
{
    struct waiter *waiter = given;
    int64_t begin = xmpp_server_now();
    for (int i = 0; i < 3; i++) /* two at once, and one too many */
        stanza_pace_keep(&waiter->pace, waiter->config, waiter->ends.connection, remote, 1);
    waiter->took = xmpp_server_now() - begin;
    return NULL;
}

/* begin_waiting - with one stanza a second; until it waits */
static void begin_waiting(struct waiter *waiter, const char *settings)
{
    int64_t before = metrics_get(limited_rate);
    waiter->ends = connect_pair(10000, 1000000);
    waiter->config = settings_load_good(settings);
    stanza_pace_init(&waiter->pace, waiter->config);
    assert_true(stanza_pace_is_on(&waiter->pace));
    /* of something that is appended and not flushed: it must not wait as well */
    assert_int_equal(socket_connection_deliver_now(waiter->ends.connection, "x", 1), 0);
    assert_int_equal(pthread_create(&waiter->thread, NULL, wait_for_rate, waiter), 0);
    char byte = 0;
    assert_int_equal(recv(waiter->ends.peer, &byte, 1, 0), 1);
    assert_int_equal(byte, 'x');
    assert_int_equal(metrics_get(limited_rate), before + 1);
}

static void end_waiting(struct waiter *waiter)
{
    pthread_join(waiter->thread, NULL);
    stanza_pace_free(&waiter->pace);
    config_unref(waiter->config);
    drop_pair(&waiter->ends);
    domain_limits_tick(INT64_MAX);
}

static void waits_as_long_as_it_has_to(void **state)
{
    (void)state;
    struct waiter waiter;
    begin_waiting(&waiter, "[s2s]\nlimit.stanzas-per-second = 1\n");
    shutdown(waiter.ends.peer, SHUT_WR); /* that the other side sends no more does not shorten it */
    end_waiting(&waiter);
    assert_true(waiter.took >= 1000);
}

static void is_woken_by_an_end(void **state)
{
    (void)state;
    struct waiter waiter;
    begin_waiting(&waiter, "[s2s]\nlimit.bytes-per-second = 1\n");
    socket_connection_end(waiter.ends.connection, NULL, 0);
    socket_connection_wake(waiter.ends.connection);
    end_waiting(&waiter);
    assert_true(waiter.took < 900);
    begin_waiting(&waiter, "[s2s]\nlimit.bytes-per-second = 1\n");
    socket_connection_abort(waiter.ends.connection);
    end_waiting(&waiter);
    assert_true(waiter.took < 900);
    begin_waiting(&waiter, "[s2s]\nlimit.bytes-per-second = 1\n");
    struct linger reset = {1, 0};
    setsockopt(waiter.ends.peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(waiter.ends.peer);
    waiter.ends.peer = -1;
    end_waiting(&waiter);
    assert_true(waiter.took < 900);
}

static void leaves_the_exempt_alone(void **state)
{
    (void)state;
    struct waiter waiter = {.ends = connect_pair(10000, 1000000)};
    waiter.config = settings_load_good(
        "[s2s]\nlimit.stanzas-per-second = 1\nlimit.exempt-domains = remote.test\n");
    stanza_pace_init(&waiter.pace, waiter.config);
    for (int i = 0; i < 1000; i++)
        stanza_pace_keep(&waiter.pace, waiter.config, waiter.ends.connection, remote, 1);
    int64_t before = metrics_get(limited_rate);
    for (int i = 0; i < 2; i++) /* by turns with another one */
        stanza_pace_keep(&waiter.pace, waiter.config, waiter.ends.connection, other, 1);
    stanza_pace_keep(&waiter.pace, waiter.config, waiter.ends.connection, remote, 1);
    assert_int_equal(metrics_get(limited_rate), before);
    stanza_pace_free(&waiter.pace);
    config_unref(waiter.config);
    drop_pair(&waiter.ends);
    struct stanza_pace off;
    configure("");
    const struct config *config = config_get();
    stanza_pace_init(&off, config);
    assert_false(stanza_pace_is_on(&off));
    config_unref(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_streams_of_a_pair, start, stop),
        cmocka_unit_test_setup_teardown(follows_the_settings, start, stop),
        cmocka_unit_test_setup_teardown(shares_a_rate_among_streams, start, stop),
        cmocka_unit_test_setup_teardown(limits_bytes_too_and_the_longer_wait_counts, start, stop),
        cmocka_unit_test_setup_teardown(waits_as_long_as_it_has_to, start, stop),
        cmocka_unit_test_setup_teardown(is_woken_by_an_end, start, stop),
        cmocka_unit_test_setup_teardown(leaves_the_exempt_alone, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
