/* SPDX-License-Identifier: Apache-2.0 */
/* test_web_form - forms and cookies that a browser sends, and those that no browser would
 *
 * What is refused is refused with a sentence, and whole: there is no form of half of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/web_form.h"

static struct web_form form;
static struct text why;

static int close_form(void **state)
{
    (void)state;
    web_form_free(&form);
    text_free(&why);
    return 0;
}

static int read_bytes(const char *bytes, size_t length)
{
    web_form_free(&form);
    text_clear(&why);
    return web_form_read(bytes, length, &form, &why);
}

static void assert_field(const char *name, const char *value)
{
    const char *found = web_form_get(&form, name);
    assert_non_null(found);
    assert_string_equal(found, value);
}

static void assert_refused(const char *bytes, size_t length, const char *sentence)
{
    assert_int_equal(read_bytes(bytes, length), -1);
    assert_string_equal(text_string(&why), sentence);
}

#define REFUSED(literal, sentence) assert_refused(literal, sizeof literal - 1, sentence)

static void fields_are_decoded(void **state)
{
    (void)state;
    static const char body[] = "domain=b%C3%BCcher.example&port=&note=a+b%2Bc%26d%3De&flag&x==";
    assert_int_equal(read_bytes(body, sizeof body - 1), 0);
    assert_int_equal(form.count, 5);
    assert_field("domain", "b\xc3\xbc"
                           "cher.example");
    assert_field("port", "");
    assert_field("note", "a b+c&d=e");
    assert_field("flag", "");
    assert_field("x", "=");
    assert_null(web_form_get(&form, "y"));
    assert_null(web_form_given(&form, "port"));
    assert_string_equal(web_form_given(&form, "x"), "=");
}

static void nothing_is_an_empty_form(void **state)
{
    (void)state;
    assert_int_equal(read_bytes("", 0), 0);
    assert_int_equal(form.count, 0);
    assert_int_equal(read_bytes("&&a=1&", 6), 0);
    assert_int_equal(form.count, 1);
}

static void what_is_no_text_is_refused(void **state)
{
    (void)state;
    REFUSED("a=%", "'%' stands without two hexadecimal digits");
    REFUSED("a=%4", "'%' stands without two hexadecimal digits");
    REFUSED("a=%zz", "'%' stands without two hexadecimal digits");
    REFUSED("a%=1", "'%' stands without two hexadecimal digits");
    REFUSED("a=%u002e", "'%' stands without two hexadecimal digits");
    REFUSED("a=x%00y", "a field is no text");
    REFUSED("a=x\0y", "a field is no text");
    REFUSED("a=%1b[2J", "a field is no text");
    REFUSED("a=%7f", "a field is no text");
    REFUSED("a=%c0%ae", "a field is no text"); /* '.' in two bytes: no UTF-8 */
    REFUSED("a=%ed%a0%80", "a field is no text");
    REFUSED("a=%ff", "a field is no text");
    REFUSED("%00=1", "a field is no text");
}

static void what_has_two_meanings_is_refused(void **state)
{
    (void)state;
    REFUSED("a=1&a=2", "a field is there twice");
    REFUSED("a=1&%61=2", "a field is there twice");
    REFUSED("=1", "a field has no name, or a long one");
}

static void all_is_bounded(void **state)
{
    (void)state;
    struct text body = TEXT_EMPTY;
    for (int i = 0; i < WEB_FORM_FIELDS; i++)
        text_appendf(&body, "f%d=%d&", i, i);
    assert_int_equal(read_bytes(text_string(&body), body.length), 0);
    assert_int_equal(form.count, WEB_FORM_FIELDS);
    text_append_string(&body, "one-more=1");
    assert_refused(text_string(&body), body.length, "too many fields");
    text_clear(&body);
    for (int i = 0; i < WEB_FORM_NAME; i++)
        text_append_char(&body, 'n');
    assert_int_equal(read_bytes(text_string(&body), body.length), 0);
    text_append_char(&body, 'n');
    assert_refused(text_string(&body), body.length, "a field has no name, or a long one");
    text_free(&body);
}

static bool cookie(const char *header, const char *name, const char *expected)
{
    struct text value = TEXT_EMPTY;
    bool found = web_form_cookie(header, name, &value);
    if (found)
        assert_string_equal(text_string(&value), expected);
    else
        assert_int_equal(value.length, 0);
    text_free(&value);
    return found;
}

static void a_cookie_is_found_by_its_whole_name(void **state)
{
    (void)state;
    assert_true(cookie("id=1", "id", "1"));
    assert_true(cookie("a=2; id=1;b=3", "id", "1"));
    assert_true(cookie("id=", "id", ""));
    assert_true(cookie("xid=2; id=1=2", "id", "1=2"));
    assert_false(cookie("xid=1; idx=2; id", "id", ""));
    assert_false(cookie("", "id", ""));
    assert_false(cookie(NULL, "id", ""));
    assert_false(cookie(";;;= ; ", "id", ""));
}

/* somebody else on this host has set one of our name for another path */
static void a_cookie_that_is_there_twice_is_none(void **state)
{
    (void)state;
    assert_false(cookie("id=1; id=1", "id", ""));
    assert_false(cookie("id=1; a=2; id=3", "id", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(fields_are_decoded, close_form),
        cmocka_unit_test_teardown(nothing_is_an_empty_form, close_form),
        cmocka_unit_test_teardown(what_is_no_text_is_refused, close_form),
        cmocka_unit_test_teardown(what_has_two_meanings_is_refused, close_form),
        cmocka_unit_test_teardown(all_is_bounded, close_form),
        cmocka_unit_test(a_cookie_is_found_by_its_whole_name),
        cmocka_unit_test(a_cookie_that_is_there_twice_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
