/* SPDX-License-Identifier: Apache-2.0 */
/* test_web_html - no value gets out of its place in a page
 *
 * The hostile values are those of the issues that Openfire had, and of parsers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/web_html.h"

static void assert_text(const char *value, const char *expected)
{
    struct text out = TEXT_EMPTY;
    html_text(&out, value);
    assert_string_equal(text_string(&out), expected);
    text_free(&out);
}

static void markup_is_escaped(void **state)
{
    (void)state;
    assert_text("<script>alert('1' & \"2\")</script>",
                "&lt;script&gt;alert(&apos;1&apos; &amp; &quot;2&quot;)&lt;/script&gt;");
    assert_text("&lt;", "&amp;lt;");
    assert_text("]]>-->", "]]&gt;--&gt;");
    assert_text("", "");
    assert_text(NULL, "");
}

static void what_would_deceive_a_reader_is_shown(void **state)
{
    (void)state;
    assert_text("a\nb\tc\x1b[2J", "a\\x0ab\\x09c\\x1b[2J");
    assert_text("\xe2\x80\xae"
                "moc.elpmaxe",
                "\\xe2\\x80\\xaemoc.elpmaxe"); /* U+202E, right to left */
    assert_text("\xff\xfe<", "\\xff\\xfe&lt;");
    assert_text("\xc0\xbcscript", "\\xc0\\xbcscript"); /* '<' in two bytes */
    assert_text("b\xc3\xbc"
                "cher",
                "b\xc3\xbc"
                "cher");
}

static void a_long_value_is_whole(void **state)
{
    (void)state;
    size_t length = 100000;
    char *value = text_alloc(length + 1);
    memset(value, '<', length);
    value[length] = '\0';
    struct text out = TEXT_EMPTY;
    html_text(&out, value);
    assert_int_equal(out.length, 4 * length);
    for (size_t i = 0; i < length; i++)
        assert_memory_equal(out.bytes + 4 * i, "&lt;", 4);
    text_free(&out);
    free(value);
}

static void a_format_is_literal_and_its_values_are_not(void **state)
{
    (void)state;
    struct text out = TEXT_EMPTY;
    html(&out, "<p title=\"%s\">%d %lld %zu 100%% %s</p>", "\"><b>", -1, 1234567890123LL, (size_t)7,
         "%s%n");
    assert_string_equal(text_string(&out),
                        "<p title=\"&quot;&gt;&lt;b&gt;\">-1 1234567890123 7 100% %s%n</p>");
    text_free(&out);
}

static void assert_json(const char *json, const char *expected)
{
    struct text out = TEXT_EMPTY;
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    html_json(&out, value);
    assert_string_equal(text_string(&out), expected);
    json_decref(value);
    text_free(&out);
}

static void json_is_shown_to_people(void **state)
{
    (void)state;
    assert_json("null", "–");
    assert_json("\"\"", "–");
    assert_json("true", "yes");
    assert_json("-12", "-12");
    assert_json("[]", "–");
    assert_json("[\"<a>\", 2, [false]]", "&lt;a&gt;, 2, no");
    assert_json("{\"<k>\": \"<v>\", \"n\": null}", "&lt;k&gt;: &lt;v&gt;; n: –");
}

static void a_query_holds_nothing_but_letters(void **state)
{
    (void)state;
    struct text out = TEXT_EMPTY;
    html_query(&out, "domain", "a&b=c\"<\xc3\xbc/%.~_-9Z #");
    assert_string_equal(text_string(&out), "domain=a%26b%3Dc%22%3C%C3%BC%2F%25.~_-9Z%20%23");
    text_free(&out);
}

static void assert_bytes(int64_t bytes, const char *expected)
{
    struct text out = TEXT_EMPTY;
    html_bytes(&out, bytes);
    assert_string_equal(text_string(&out), expected);
    text_free(&out);
}

static void assert_seconds(int64_t seconds, const char *expected)
{
    struct text out = TEXT_EMPTY;
    html_seconds(&out, seconds);
    assert_string_equal(text_string(&out), expected);
    text_free(&out);
}

static void sizes_and_times_can_be_read(void **state)
{
    (void)state;
    assert_bytes(0, "0 B");
    assert_bytes(999, "999 B");
    assert_bytes(1500, "1.5 kB");
    assert_bytes(123456789, "123 MB");
    assert_seconds(59, "59 s");
    assert_seconds(61, "1 min 1 s");
    assert_seconds(7260, "2 h 1 min");
    assert_seconds(273600, "3 d 4 h");
}

static void a_moment_that_is_none_stays_in_its_place(void **state)
{
    (void)state;
    struct text out = TEXT_EMPTY;
    json_t *good = json_string("2026-11-24T04:15:02Z"), *bad = json_string("\"><script>");
    html_time(&out, good);
    html_time(&out, bad);
    html_time(&out, NULL);
    assert_string_equal(
        text_string(&out),
        "<time datetime=\"2026-11-24T04:15:02Z\">2026-11-24 04:15:02</time>"
        "<time datetime=\"&quot;&gt;&lt;script&gt;\">&quot;&gt;&lt;script&gt;</time>–");
    json_decref(good);
    json_decref(bad);
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(markup_is_escaped),
        cmocka_unit_test(what_would_deceive_a_reader_is_shown),
        cmocka_unit_test(a_long_value_is_whole),
        cmocka_unit_test(a_format_is_literal_and_its_values_are_not),
        cmocka_unit_test(json_is_shown_to_people),
        cmocka_unit_test(a_query_holds_nothing_but_letters),
        cmocka_unit_test(sizes_and_times_can_be_read),
        cmocka_unit_test(a_moment_that_is_none_stays_in_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
