/* SPDX-License-Identifier: Apache-2.0 */
/* test_dialback_element - db:result and db:verify, as they are read and as they are written
 *
 * XEP-0220 2 and its errors of 1.1.1. What is read comes out of the stream's own parser, so that prefixes
 * and namespaces are real ones; what is written is read back in the same way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dialback/dialback_element.h"
#include "xml/xmlns.h"
#include "xml/xmpp_packet_reader.h"

#define HEADER                                                                              \
    "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' " \
    "xmlns:db='jabber:server:dialback'>"

struct parse {
    struct arena *arena;
    struct element *element;
};

static int opened(void *owner, const struct element *header)
{
    (void)owner;
    (void)header;
    return 0;
}

static int keep(void *owner, struct element *packet)
{
    struct parse *parse = owner;
    parse->element = element_copy(parse->arena, packet);
    return 0;
}

static int closed(void *owner)
{
    (void)owner;
    return -1;
}

/* parse - the one element of `xml`, in `arena` */
static struct element *parse(struct arena *arena, const char *xml)
{
    static const struct xmpp_packet_handler handler = {opened, keep, closed};
    static const struct xmpp_packet_limits limits = {10000, 10, 100, 20, 10, 100};
    struct parse result = {.arena = arena};
    struct xmpp_packet_reader *reader = xmpp_packet_reader_new(&limits, &handler, &result);
    assert_int_equal(xmpp_packet_reader_feed(reader, HEADER, strlen(HEADER)), XMPP_PACKET_MORE);
    assert_int_equal(xmpp_packet_reader_feed(reader, xml, strlen(xml)), XMPP_PACKET_MORE);
    xmpp_packet_reader_free(reader);
    assert_non_null(result.element);
    return result.element;
}

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

static struct dialback_element read_xml(const char *xml)
{
    struct dialback_element dialback;
    dialback_element_read(&dialback, parse(arena, xml), arena);
    return dialback;
}

static void is_known_by_namespace_and_name_never_by_prefix(void **state)
{
    (void)state;
    static const struct {
        const char *xml;
        enum dialback_kind kind;
    } rows[] = {
        {"<db:result/>", DIALBACK_RESULT},
        {"<db:verify/>", DIALBACK_VERIFY},
        {"<x:result xmlns:x='jabber:server:dialback'/>", DIALBACK_RESULT},
        {"<verify xmlns='jabber:server:dialback'/>", DIALBACK_VERIFY},
        {"<db:result xmlns:db='urn:another'/>", DIALBACK_NONE},
        {"<db:result xmlns:db='jabber:server:dialback2'/>", DIALBACK_NONE},
        {"<result/>", DIALBACK_NONE},
        {"<db:Result/>", DIALBACK_NONE},
        {"<db:results/>", DIALBACK_NONE},
        {"<message><db:result/></message>", DIALBACK_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (dialback_element_kind(parse(arena, rows[i].xml)) != rows[i].kind)
            fail_msg("%s", rows[i].xml);
}

static void reads_prepared_domains_and_a_key_without_the_space_around_it(void **state)
{
    (void)state;
    struct dialback_element read = read_xml(
        "<db:verify from='EXAMPLE.org' to='xn--bcher-kva.example' id=' D6 '>\r\n\t 37c6 9b1c \n"
        "</db:verify>");
    assert_int_equal(read.kind, DIALBACK_VERIFY);
    assert_int_equal(read.type, DIALBACK_REQUEST);
    assert_true(read.addressed);
    assert_string_equal(read.from, "example.org");
    assert_string_equal(read.to, "b\xc3\xbc"
                                 "cher.example");
    assert_string_equal(read.id, " D6 "); /* an id is theirs: as written */
    assert_string_equal(read.key, "37c6 9b1c");
}

static void has_an_empty_key_and_no_id_when_there_are_none(void **state)
{
    (void)state;
    struct dialback_element read = read_xml("<db:result from='a.test' to='b.test'>  </db:result>");
    assert_string_equal(read.key, "");
    assert_null(read.id);
    assert_string_equal(read.error_text, "");
}

static void is_addressed_only_by_two_bare_domains(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "<db:result/>",
        "<db:result from='a.test'/>",
        "<db:result to='b.test'/>",
        "<db:result from='' to='b.test'/>",
        "<db:result from='a.test' to=''/>",
        "<db:result from='user@a.test' to='b.test'/>",
        "<db:result from='a.test' to='b.test/x'/>",
        "<db:result from='a test' to='b.test'/>",
        "<db:result db:from='a.test' db:to='b.test'/>",
    };
    assert_true(read_xml("<db:result from='a.test' to='b.test'/>").addressed);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct dialback_element read = read_xml(bad[i]);
        if (read.addressed || read.from[0] != '\0' || read.to[0] != '\0')
            fail_msg("%s", bad[i]);
    }
}

static void takes_the_type_for_what_it_is_letter_by_letter(void **state)
{
    (void)state;
    static const struct {
        const char *xml;
        enum dialback_type type;
    } rows[] = {
        {"<db:result type='valid'/>", DIALBACK_VALID},
        {"<db:result type='invalid'/>", DIALBACK_INVALID},
        {"<db:result type='error'/>", DIALBACK_ERROR},
        {"<db:result/>", DIALBACK_REQUEST},
        {"<db:result type=''/>", DIALBACK_UNKNOWN_TYPE},
        {"<db:result type='Valid'/>", DIALBACK_UNKNOWN_TYPE},
        {"<db:result type=' valid'/>", DIALBACK_UNKNOWN_TYPE},
        {"<db:result type='validated'/>", DIALBACK_UNKNOWN_TYPE},
        {"<db:result db:type='valid'/>", DIALBACK_REQUEST},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (read_xml(rows[i].xml).type != rows[i].type)
            fail_msg("%s", rows[i].xml);
}

static void reads_the_condition_of_an_error_and_survives_its_absence(void **state)
{
    (void)state;
    struct dialback_element read =
        read_xml("<db:result from='a.test' to='b.test' type='error'><error type='cancel'>"
                 "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
                 "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no such</text></error>"
                 "</db:result>");
    assert_int_equal(read.error, PACKET_ITEM_NOT_FOUND);
    assert_string_equal(read.error_text, "no such");
    read = read_xml("<db:result from='a.test' to='b.test' type='error'/>");
    assert_int_equal(read.type, DIALBACK_ERROR);
    assert_int_equal(read.error, PACKET_UNDEFINED_CONDITION);
    assert_string_equal(read.error_text, "");
}

static void writes_requests_that_read_back_as_they_were(void **state)
{
    (void)state;
    struct text out = TEXT_EMPTY;
    dialback_element_write_request(&out, DIALBACK_RESULT, "a.test", "b.test", NULL, "k<&>");
    assert_string_equal(text_string(&out),
                        "<db:result from=\"a.test\" to=\"b.test\">k&lt;&amp;&gt;</db:result>");
    text_clear(&out);
    dialback_element_write_request(&out, DIALBACK_VERIFY, "a.test", "b.test", "i'\"<&\t>", "k<&>");
    struct dialback_element read = read_xml(text_string(&out));
    assert_int_equal(read.kind, DIALBACK_VERIFY);
    assert_int_equal(read.type, DIALBACK_REQUEST);
    assert_string_equal(read.from, "a.test");
    assert_string_equal(read.to, "b.test");
    assert_string_equal(read.id, "i'\"<&\t>");
    assert_string_equal(read.key, "k<&>");
    text_free(&out);
}

static void writes_verdicts_without_a_key(void **state)
{
    (void)state;
    struct text out = TEXT_EMPTY;
    dialback_element_write_answer(&out, DIALBACK_RESULT, "b.test", "a.test", NULL, DIALBACK_VALID,
                                  PACKET_BAD_REQUEST, "not written");
    dialback_element_write_answer(&out, DIALBACK_VERIFY, "b.test", "a.test", "1", DIALBACK_INVALID,
                                  PACKET_BAD_REQUEST, NULL);
    assert_string_equal(text_string(&out),
                        "<db:result from=\"b.test\" to=\"a.test\" type=\"valid\"/>"
                        "<db:verify from=\"b.test\" to=\"a.test\" id=\"1\" type=\"invalid\"/>");
    text_free(&out);
}

static void writes_errors_with_condition_type_and_text(void **state)
{
    (void)state;
    struct text out = TEXT_EMPTY;
    dialback_element_write_answer(&out, DIALBACK_RESULT, "b.test", "a.test", NULL, DIALBACK_ERROR,
                                  PACKET_REMOTE_SERVER_TIMEOUT, "<late & \"sorry\">");
    struct dialback_element read = read_xml(text_string(&out));
    assert_int_equal(read.type, DIALBACK_ERROR);
    assert_int_equal(read.error, PACKET_REMOTE_SERVER_TIMEOUT);
    assert_string_equal(read.error_text, "<late & \"sorry\">");
    assert_non_null(strstr(text_string(&out), "<error type=\"wait\">"));
    text_clear(&out);
    dialback_element_write_answer(&out, DIALBACK_VERIFY, "b.test", "a.test", "1", DIALBACK_ERROR,
                                  PACKET_ITEM_NOT_FOUND, NULL);
    read = read_xml(text_string(&out));
    assert_int_equal(read.error, PACKET_ITEM_NOT_FOUND);
    assert_string_equal(read.id, "1");
    assert_null(strstr(text_string(&out), "<text"));
    text_free(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(is_known_by_namespace_and_name_never_by_prefix),
        TEST(reads_prepared_domains_and_a_key_without_the_space_around_it),
        TEST(has_an_empty_key_and_no_id_when_there_are_none),
        TEST(is_addressed_only_by_two_bare_domains),
        TEST(takes_the_type_for_what_it_is_letter_by_letter),
        TEST(reads_the_condition_of_an_error_and_survives_its_absence),
        TEST(writes_requests_that_read_back_as_they_were),
        TEST(writes_verdicts_without_a_key),
        TEST(writes_errors_with_condition_type_and_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
