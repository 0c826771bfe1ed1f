/* SPDX-License-Identifier: Apache-2.0 */
/* test_network_prefix - addresses, the networks they are in, and the bucket that limits a rate
 *
 * Both are values: the text and the clock are the test's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "server/network_prefix.h"
#include "server/token_bucket_rate_limiter.h"

/* of - the network of an address of either family */
static struct network_prefix of(const char *text, unsigned bits4, unsigned bits6)
{
    struct sockaddr_storage address = {.ss_family = AF_INET};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
    if (inet_pton(AF_INET, text, &v4->sin_addr) != 1) {
        address.ss_family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
    }
    return network_prefix_of((struct sockaddr *)&address, bits4, bits6);
}

static void assert_written(struct network_prefix prefix, const char *expected)
{
    struct text out = TEXT_EMPTY;
    network_prefix_write(&prefix, &out);
    assert_string_equal(text_string(&out), expected);
    text_free(&out);
}

static struct network_prefix parsed(const char *text)
{
    struct network_prefix prefix;
    if (!network_prefix_parse(text, strlen(text), &prefix))
        fail_msg("%s is refused", text);
    return prefix;
}

static bool contains(const char *outer, const char *inner)
{
    struct network_prefix a = parsed(outer), b = of(inner, 32, 128);
    return network_prefix_contains(&a, &b);
}

static void cuts_addresses_to_their_network(void **state)
{
    (void)state;
    assert_written(of("192.0.2.77", 24, 64), "192.0.2.0/24");
    assert_written(of("192.0.2.77", 32, 64), "192.0.2.77");
    assert_written(of("192.0.2.255", 25, 64), "192.0.2.128/25");
    assert_written(of("192.0.2.77", 0, 64), "0.0.0.0/0");
    assert_written(of("2001:db8:1:2:3:4:5:6", 24, 64), "2001:db8:1:2::/64");
    assert_written(of("2001:db8:1:2:3:4:5:6", 24, 128), "2001:db8:1:2:3:4:5:6");
    assert_written(of("2001:db8:1:2ff:3:4:5:6", 24, 57), "2001:db8:1:280::/57");
    assert_written(of("::1", 24, 128), "::1");
}

static void takes_ipv4_for_ipv4_by_whatever_socket_it_came(void **state)
{
    (void)state;
    struct network_prefix plain = of("192.0.2.77", 24, 64);
    struct network_prefix mapped = of("::ffff:192.0.2.1", 24, 64);
    struct network_prefix translated = of("64:ff9b::192.0.2.2", 24, 64);
    struct network_prefix similar = of("64:ff9b:1::192.0.2.2", 24, 64);
    assert_true(network_prefix_equals(&plain, &mapped));
    assert_true(network_prefix_equals(&plain, &translated));
    assert_false(network_prefix_equals(&plain, &similar));
    struct network_prefix other = of("::ffff:192.0.3.1", 24, 64);
    assert_false(network_prefix_equals(&plain, &other));
}

static void reads_networks_as_people_write_them(void **state)
{
    (void)state;
    assert_written(parsed("127.0.0.0/8"), "127.0.0.0/8");
    assert_written(parsed("127.1.2.3/8"),
                   "127.0.0.0/8"); /* what is behind the prefix does not count */
    assert_written(parsed("::1/128"), "::1");
    assert_written(parsed("2001:db8::/32"), "2001:db8::/32");
    assert_written(parsed("192.0.2.7"), "192.0.2.7");
    assert_written(parsed("0.0.0.0/0"), "0.0.0.0/0");
    assert_written(parsed("::/0"), "::/0");
    assert_written(parsed("::ffff:192.0.2.0/120"), "192.0.2.0/24");
    assert_written(parsed("64:ff9b::192.0.2.0/120"), "192.0.2.0/24");
    static const char *const bad[] = {
        "",        "192.0.2",      "192.0.2.0/33", "192.0.2.0/-1",   "192.0.2.0/", "192.0.2.0/8x",
        "::1/129", "::1/0128",     "host.test",    "192.0.2.0/24/8", "/8",         "fe80::1%lo",
        "::g/64",  "192.0.2.0 /24"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct network_prefix prefix = {.bits = 77};
        if (network_prefix_parse(bad[i], strlen(bad[i]), &prefix) || prefix.bits != 77)
            fail_msg("'%s' is taken", bad[i]);
    }
}

static void knows_what_is_inside(void **state)
{
    (void)state;
    assert_true(contains("127.0.0.0/8", "127.255.0.1"));
    assert_true(contains("127.0.0.0/8", "::ffff:127.0.0.1"));
    assert_false(contains("127.0.0.0/8", "128.0.0.1"));
    assert_true(contains("::1/128", "::1"));
    assert_false(contains("::1/128", "::2"));
    assert_true(contains("0.0.0.0/0", "203.0.113.1"));
    assert_false(contains("0.0.0.0/0", "2001:db8::1")); /* all of IPv4 is not all */
    assert_true(contains("::/0", "203.0.113.1"));
    assert_true(contains("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(contains("2001:db8::/33", "2001:db8:8000::1"));
    struct network_prefix wide = parsed("10.0.0.0/8"), narrow = parsed("10.1.0.0/16");
    assert_true(network_prefix_contains(&wide, &narrow));
    assert_false(network_prefix_contains(&narrow, &wide));
}

static void refills_as_time_passes_and_no_further_than_the_burst(void **state)
{
    (void)state;
    struct token_bucket bucket;
    int64_t now = 1000000;
    token_bucket_init(&bucket, 3, now);
    for (int i = 0; i < 3; i++)
        assert_true(token_bucket_try_take(&bucket, 2, 3, now));
    assert_false(token_bucket_try_take(&bucket, 2, 3, now));
    assert_false(token_bucket_try_take(&bucket, 2, 3, now + 499)); /* 2 a second: one in 500 ms */
    assert_true(token_bucket_try_take(&bucket, 2, 3, now + 500));
    assert_false(token_bucket_try_take(&bucket, 2, 3, now + 999));
    assert_true(token_bucket_try_take(&bucket, 2, 3, now + 1000));
    now += 1000000000;
    for (int i = 0; i < 3; i++)
        assert_true(token_bucket_try_take(&bucket, 2, 3, now));
    assert_false(token_bucket_try_take(&bucket, 2, 3, now));
    assert_false(token_bucket_try_take(&bucket, 2, 3,
                                       now - 5000)); /* a clock that went back gives nothing */
    assert_int_equal(token_bucket_refill_time(2, 3), 1501);
}

static void tells_how_long_a_debt_takes(void **state)
{
    (void)state;
    struct token_bucket bucket;
    token_bucket_init(&bucket, 1000, 0);
    assert_int_equal(token_bucket_spend(&bucket, 500, 1000, 1000, 0), 0);
    assert_int_equal(token_bucket_spend(&bucket, 500, 1000, 1, 0), 2);
    assert_int_equal(token_bucket_spend(&bucket, 500, 1000, 499, 0), 1000);
    assert_int_equal(token_bucket_spend(&bucket, 500, 1000, 0, 400), 600);
    assert_int_equal(token_bucket_spend(&bucket, 500, 1000, 0, 1000), 0);
    assert_int_equal(token_bucket_spend(&bucket, 500, 1000, 0, 1000000), 0);
    assert_int_equal(token_bucket_spend(&bucket, 500, 1000, 2000, 1000000), 2000);
    /* the greatest that the settings allow, for a long time */
    token_bucket_init(&bucket, 2147483647, 0);
    assert_int_equal(token_bucket_spend(&bucket, 2147483647, 2147483647, 268435456, INT64_MAX / 2),
                     0);
    /* a burst that has become smaller counts at once */
    token_bucket_init(&bucket, 1000, 0);
    assert_int_equal(token_bucket_spend(&bucket, 10, 10, 20, 1), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_addresses_to_their_network),
        cmocka_unit_test(takes_ipv4_for_ipv4_by_whatever_socket_it_came),
        cmocka_unit_test(reads_networks_as_people_write_them),
        cmocka_unit_test(knows_what_is_inside),
        cmocka_unit_test(refills_as_time_passes_and_no_further_than_the_burst),
        cmocka_unit_test(tells_how_long_a_debt_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
