/* SPDX-License-Identifier: Apache-2.0 */
/* test_jid - addresses: parse, prepare, compare
 *
 * RFC 7622; under AddressSanitizer the truncated sequences show immunity to CVE-2015-2059.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xml/jid.h"

static void check_domain(const char *text, const char *expected)
{
    char prepared[JID_PART_MAX + 1];
    char *exact = malloc(strlen(text) + 1); /* so that a read behind the end is seen */
    memcpy(exact, text, strlen(text));
    int length = jid_prepare_domain(exact, strlen(text), prepared);
    free(exact);
    if (expected == NULL) {
        if (length >= 0)
            fail_msg("'%s' was taken for a domain", text);
        return;
    }
    if (length < 0)
        fail_msg("'%s' was not taken for a domain", text);
    assert_string_equal(prepared, expected);
    assert_int_equal(length, (int)strlen(expected));
}

static void prepares_domains(void **state)
{
    (void)state;
    check_domain("example.org", "example.org");
    check_domain("EXAMPLE.Org", "example.org");
    check_domain("example.org.", "example.org");
    check_domain("B\xc3\x9c"
                 "CHER.example",
                 "b\xc3\xbc"
                 "cher.example");
    check_domain("xn--bcher-kva.example", "b\xc3\xbc"
                                          "cher.example");
    check_domain("XN--BCHER-KVA.example", "b\xc3\xbc"
                                          "cher.example");
    check_domain("192.0.2.1", "192.0.2.1");
    check_domain("[2001:DB8::1]", "[2001:db8::1]");
    check_domain("localhost", "localhost");
}

/* "shalom", written from right to left, beside labels that are not */
#define SHALOM "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"

static void prepares_each_label_for_itself(void **state)
{
    (void)state;
    check_domain(SHALOM ".example", SHALOM ".example");
    check_domain("xn--9dbne9b.example", SHALOM ".example");
    check_domain(SHALOM "a.example", NULL); /* both directions in one label */
}

static void takes_a_full_stop_for_what_idna_says_it_is(void **state)
{
    (void)state;
    static const char *const good[] = {"a\xe3\x80\x82"
                                       "b",
                                       "a\xef\xbc\x8e"
                                       "b.",
                                       "a\xef\xbd\xa1"
                                       "b\xe3\x80\x82"};
    static const char *const bad[] = {"a..",
                                      "a.\xe3\x80\x82",
                                      "a\xe3\x80\x82.",
                                      "\xe3\x80\x82",
                                      "a\xe2\x80\xa4"
                                      "b", /* U+2024, which nameprep makes a dot */
                                      "a\xe2\x92\x88"
                                      "b",                    /* U+2488: a digit and a dot */
                                      "xn--ab-r13a.example"}; /* U+3002 inside of an A-label */
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        check_domain(good[i], "a.b");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_domain(bad[i], NULL);
}

static void refuses_a_nul_in_an_address_literal(void **state)
{
    (void)state;
    char prepared[JID_PART_MAX + 1];
    assert_int_equal(jid_prepare_domain("[::1\0x]", 7, prepared), -1);
    assert_int_equal(jid_prepare_domain("[::1]", 5, prepared), 5);
}

static void refuses_what_is_no_domain(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",       ".",      "a..b",         "a b",        "u@a.b",       "a.b/r",
        "-a.b",   "a-.b",   "[::1",         "[zz]",       "a_b.example", "a\x01.b",
        "\xc3.b", "a.\xff", "\xed\xa0\x80", "\xc0\xaf.b", ".a",          "a&b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check_domain(bad[i], NULL);
    char label[80], text[1100];
    memset(label, 'a', 64);
    snprintf(label + 64, 16, ".example");
    check_domain(label, NULL);
    check_domain(label + 1, label + 1);
    memset(text, 'a', 1024);
    text[1024] = '\0';
    check_domain(text, NULL);
}

static int parse(const char *text)
{
    struct jid jid;
    char *exact = malloc(strlen(text) + 1);
    memcpy(exact, text, strlen(text));
    int result = jid_parse(&jid, exact, strlen(text));
    free(exact);
    return result;
}

static void takes_addresses_apart(void **state)
{
    (void)state;
    struct jid jid;
    static const char text[] = "User@EXAMPLE.org/a@b/c d";
    assert_int_equal(jid_parse(&jid, text, sizeof text - 1), 0);
    assert_true(span_equals(jid.local, "User", 4));
    assert_true(span_equals(jid.domain, "example.org", 11));
    assert_true(span_equals(jid.resource, "a@b/c d", 7));
    assert_int_equal(jid_parse(&jid, "example.org", 11), 0);
    assert_int_equal(jid.local.length, 0);
    assert_int_equal(jid.resource.length, 0);
    assert_int_equal(parse("b\xc3\xbc@x.org"), 0);
}

static void refuses_malformed_addresses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",       "@a.b",  "u@",     "u@a.b/",   "a.b/",         "u v@a.b",    "u\"@a.b",
        "u<@a.b", "a@b@c", "u@a..b", "\xc3@a.b", "a.b/\xe2\x82", "u@a.b/\x01", "u\xc2\xad\x80@a"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (parse(bad[i]) == 0)
            fail_msg("'%s' was taken for an address", bad[i]);
}

static void refuses_truncated_utf8_at_each_byte(void **state)
{
    (void)state;
    static const char *const whole[] = {"\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < 3; i++)
        for (size_t cut = 1; cut < strlen(whole[i]); cut++) {
            char text[40];
            snprintf(text, sizeof text, "u@a.b/x%.*s", (int)cut, whole[i]);
            assert_int_equal(parse(text), -1);
            snprintf(text, sizeof text, "x%.*s@a.b", (int)cut, whole[i]);
            assert_int_equal(parse(text), -1);
            snprintf(text, sizeof text, "x%.*s", (int)cut, whole[i]);
            check_domain(text, NULL);
        }
}

static void bounds_each_part(void **state)
{
    (void)state;
    char text[1200];
    for (int length = 1023; length <= 1024; length++) {
        snprintf(text, sizeof text, "%0*d@a.b", length, 0);
        assert_int_equal(parse(text), length == 1023 ? 0 : -1);
        snprintf(text, sizeof text, "a.b/%0*d", length, 0);
        assert_int_equal(parse(text), length == 1023 ? 0 : -1);
    }
}

static void gives_the_dns_a_labels(void **state)
{
    (void)state;
    char ascii[256];
    assert_int_equal(jid_domain_to_ascii("b\xc3\xbc"
                                         "cher.example",
                                         ascii),
                     0);
    assert_string_equal(ascii, "xn--bcher-kva.example");
    assert_int_equal(jid_domain_to_ascii("a.example", ascii), 0);
    assert_string_equal(ascii, "a.example");
    assert_true(jid_domain_is_ip("192.0.2.1"));
    assert_true(jid_domain_is_ip("[::1]"));
    assert_false(jid_domain_is_ip("192.0.2.example"));
}

static void knows_what_is_below_a_domain(void **state)
{
    (void)state;
    assert_true(jid_domain_is_below("a.b.example", "b.example"));
    assert_true(jid_domain_is_below("x.a.b.example", "b.example"));
    assert_false(jid_domain_is_below("b.example", "b.example"));
    assert_false(jid_domain_is_below("ab.example", "b.example"));
    assert_false(jid_domain_is_below(".b.example", "b.example"));
    assert_false(jid_domain_is_below("b.example", "a.b.example"));
    assert_false(jid_domain_is_below("b.example", ""));
    assert_false(jid_domain_is_below("b.", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prepares_domains),
        cmocka_unit_test(prepares_each_label_for_itself),
        cmocka_unit_test(takes_a_full_stop_for_what_idna_says_it_is),
        cmocka_unit_test(refuses_a_nul_in_an_address_literal),
        cmocka_unit_test(refuses_what_is_no_domain),
        cmocka_unit_test(takes_addresses_apart),
        cmocka_unit_test(refuses_malformed_addresses),
        cmocka_unit_test(refuses_truncated_utf8_at_each_byte),
        cmocka_unit_test(bounds_each_part),
        cmocka_unit_test(gives_the_dns_a_labels),
        cmocka_unit_test(knows_what_is_below_a_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
