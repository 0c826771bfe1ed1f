/* SPDX-License-Identifier: Apache-2.0 */
/* test_dns_util - overrides and the order of SRV records
 *
 * Look-ups against a real DNS server are in test/interop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/dns_override.h"
#include "server/dns_util.h"

static struct text why;

static void check(const char *overrides, const char *domain, int expected, const char *host,
                  int port)
{
    struct dns_overrides *parsed = dns_override_parse(overrides, &why);
    assert_non_null(parsed);
    char found[256] = "";
    int found_port = 0, result = dns_override_find(parsed, domain, found, &found_port);
    if (result != expected)
        fail_msg("%s in %s: %d", domain, overrides, result);
    if (expected == 1) {
        assert_string_equal(found, host);
        assert_int_equal(found_port, port);
    }
    dns_override_free(parsed);
}

static void prefers_exact_then_longest_suffix_then_star(void **state)
{
    (void)state;
    static const char all[] =
        "{a.org,10.0.0.1:5269}, {*.org,10.0.0.2:5270},{*.b.org,10.0.0.3:1},{*,10.0.0.4}";
    check(all, "a.org", 1, "10.0.0.1", 5269);
    check(all, "x.org", 1, "10.0.0.2", 5270);
    check(all, "x.b.org", 1, "10.0.0.3", 1);
    check(all, "b.org", 1, "10.0.0.3", 1); /* *.x is x as well, as in Openfire */
    check(all, "xb.org", 1, "10.0.0.2", 5270);
    check(all, "net", 1, "10.0.0.4", 0);
    check("{a.org,10.0.0.1}", "b.a.org", 0, NULL, 0);
    check("", "a.org", 0, NULL, 0);
}

static void compares_prepared_and_takes_ipv6(void **state)
{
    (void)state;
    check("{A.ORG,Host.Example:1}", "a.org", 1, "host.example", 1);
    check("{a.org,[2001:DB8::1]:5269}", "a.org", 1, "[2001:db8::1]", 5269);
    check("{a.org,[::1]}", "a.org", 1, "[::1]", 0);
    check("{b\xc3\xbc"
          "cher.org,10.0.0.1:1}",
          "b\xc3\xbc"
          "cher.org",
          1, "10.0.0.1", 1);
}

static void follows_targets_and_finds_circles(void **state)
{
    (void)state;
    check("{a.org,b.org:1},{b.org,c.org},{c.org,10.0.0.1:3}", "a.org", 1, "10.0.0.1", 3);
    check("{a.org,b.org:1},{b.org,c.org}", "a.org", 1, "c.org", 1);
    check("{a.org,a.org}", "a.org", -1, NULL, 0);
    check("{a.org,xn--bcher-kva.org},{xn--bcher-kva.org,10.0.0.1:3}", "a.org", 1, "10.0.0.1", 3);
    check("{a.org,b.org},{b.org,a.org}", "x.a.org", 0, NULL, 0);
    check("{a.org,b.org},{b.org,a.org}", "a.org", -1, NULL, 0);
    check("{*,x.org}", "x.org", 1, "x.org", 0);
}

static void refuses_other_texts(void **state)
{
    (void)state;
    static const char *const bad[] = {"a.org",
                                      "{a.org}",
                                      "{a.org,}",
                                      "{,b.org}",
                                      "{a.org,b:0}",
                                      "{a.org,b:65536}",
                                      "{a.org,b:x}",
                                      "{a.org,[::1}",
                                      "{a.org,b",
                                      "{*a.org,b}",
                                      "{a.org,b:1}x",
                                      "{a..org,b}",
                                      "{a.org,[::1]5269}",
                                      "{a.org,b c}",
                                      "{a.org,[::1]},{b.org,u@b}",
                                      "{a.org,10.0.0.1},{b.org,:1}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        text_clear(&why);
        if (dns_util_parse_overrides(bad[i], &why) == 0)
            fail_msg("'%s' was taken", bad[i]);
        assert_non_null(strstr(text_string(&why), "dnsutil.dnsOverride"));
    }
    text_free(&why);
}

static void orders_by_priority_and_draws_by_weight(void **state)
{
    (void)state;
    int first[4] = {0};
    for (int i = 0; i < 10000; i++) {
        struct dns_host hosts[4] = {{.name = "c", .priority = 20, .weight = 100},
                                    {.name = "a", .priority = 10, .weight = 75},
                                    {.name = "b", .priority = 10, .weight = 25},
                                    {.name = "z", .priority = 10, .weight = 0}};
        dns_util_order(hosts, 4);
        assert_string_equal(hosts[3].name, "c");
        first[hosts[0].name[0] == 'a' ? 0 : hosts[0].name[0] == 'b' ? 1 : 2]++;
    }
    assert_in_range(first[0], 7200, 7800);
    assert_in_range(first[1], 2200, 2800);
    assert_in_range(first[2], 0, 60); /* weight 0: a very small chance */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefers_exact_then_longest_suffix_then_star),
        cmocka_unit_test(compares_prepared_and_takes_ipv6),
        cmocka_unit_test(follows_targets_and_finds_circles),
        cmocka_unit_test(refuses_other_texts),
        cmocka_unit_test(orders_by_priority_and_draws_by_weight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
