/* SPDX-License-Identifier: Apache-2.0 */
/* test_stream_limits - what a peer says that it takes, and what of it makes sense
 *
 * XEP-0478; the least that a server must take is RFC 6120 13.12's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "xml/stream_limits.h"
#include "xml/xmlns.h"

static struct arena *arena;

static int start(void **state)
{
    (void)state;
    arena = arena_new(0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct element *features(void)
{
    return element_new(arena, "features", XMLNS_STREAM);
}

static void say(struct element *parent, const char *name, const char *ns, const char *text)
{
    struct element *child = element_add(arena, parent, name, ns);
    size_t length = 0;
    while (text[length] != '\0')
        length++;
    element_add_text(arena, child, text, length);
}

/* bytes_of - what is made of <max-bytes>TEXT</max-bytes>; and does it make sense? */
static int64_t bytes_of(const char *text, bool *good)
{
    struct stream_limits limits;
    struct element *made = features();
    say(element_add(arena, made, "limits", XMLNS_LIMITS), "max-bytes", XMLNS_LIMITS, text);
    *good = stream_limits_read(made, arena, &limits);
    assert_int_equal(limits.idle_seconds, 0);
    return limits.max_bytes;
}

static void expect(const char *text, int64_t bytes, bool sensible)
{
    bool good;
    if (bytes_of(text, &good) != bytes || good != sensible)
        fail_msg("'%s'", text);
}

static void reads_what_is_said(void **state)
{
    (void)state;
    struct stream_limits limits;
    struct element *made = features();
    struct element *said = element_add(arena, made, "limits", XMLNS_LIMITS);
    say(said, "max-bytes", XMLNS_LIMITS, "262144");
    say(said, "idle-seconds", XMLNS_LIMITS, "1800");
    assert_true(stream_limits_read(made, arena, &limits));
    assert_int_equal(limits.max_bytes, 262144);
    assert_int_equal(limits.idle_seconds, 1800);
}

static void takes_silence_for_no_limit(void **state)
{
    (void)state;
    struct stream_limits limits = {1, 1};
    assert_true(stream_limits_read(features(), arena, &limits));
    assert_int_equal(limits.max_bytes, 0);
    assert_int_equal(limits.idle_seconds, 0);
    struct element *made = features();
    struct element *said = element_add(arena, made, "limits", "urn:other");
    say(said, "max-bytes", XMLNS_LIMITS, "20000");
    assert_true(stream_limits_read(made, arena, &limits));
    assert_int_equal(limits.max_bytes, 0);
    said = element_add(arena, made, "limits", XMLNS_LIMITS);
    say(said, "max-bytes", "urn:other", "20000");
    assert_true(stream_limits_read(made, arena, &limits));
    assert_int_equal(limits.max_bytes, 0);
}

static void knows_numbers_by_what_xml_schema_says(void **state)
{
    (void)state;
    expect("10000", 10000, true);
    expect("  10001\n", 10001, true);
    expect("+00012000", 12000, true);
    expect("9223372036854775807", INT64_MAX, true);
    expect("9223372036854775808", INT64_MAX, true); /* more than we can count is no limit for us */
    expect("99999999999999999999999999999", INT64_MAX, true);
    static const char *const none[] = {"0",       "000", "-1",   "",      " ",
                                       "ten",     "12k", "1e9",  "0x99",  "1.5",
                                       "100 000", "+",   "- 20", "+-200", "20000x"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        expect(none[i], 0, false);
}

static void holds_nobody_to_less_than_the_least(void **state)
{
    (void)state;
    expect("9999", 10000, false);
    expect("1", 10000, false);
    struct stream_limits limits;
    struct element *made = features();
    struct element *said = element_add(arena, made, "limits", XMLNS_LIMITS);
    say(said, "idle-seconds", XMLNS_LIMITS, "1"); /* of time there is no least */
    assert_true(stream_limits_read(made, arena, &limits));
    assert_int_equal(limits.idle_seconds, 1);
    say(said, "max-bytes", XMLNS_LIMITS,
        "none"); /* one that makes no sense does not spoil the other */
    assert_false(stream_limits_read(made, arena, &limits));
    assert_int_equal(limits.idle_seconds, 1);
    assert_int_equal(limits.max_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_what_is_said, start, stop),
        cmocka_unit_test_setup_teardown(takes_silence_for_no_limit, start, stop),
        cmocka_unit_test_setup_teardown(knows_numbers_by_what_xml_schema_says, start, stop),
        cmocka_unit_test_setup_teardown(holds_nobody_to_less_than_the_least, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
