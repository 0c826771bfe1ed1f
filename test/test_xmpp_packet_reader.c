/* SPDX-License-Identifier: Apache-2.0 */
/* test_xmpp_packet_reader - bytes in, elements out, and what is refused
 *
 * Every input is fed whole, in single bytes and in pieces of seven: the outcome must be the same.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "xml/xmlns.h"
#include "xml/xmpp_packet_reader.h"

#define HEADER                                                                              \
    "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' " \
    "xmlns:p='urn:p'>"

struct seen {
    struct text packets; /* each written as it stands alone, and a line feed */
    int headers, closes, count;
    int stop_after; /* packets; 0: never */
};

static int stream_opened(void *owner, const struct element *header)
{
    struct seen *seen = owner;
    seen->headers++;
    assert_string_equal(header->ns, XMLNS_STREAM);
    return 0;
}

static int packet_read(void *owner, struct element *packet)
{
    struct seen *seen = owner;
    static const struct element_style style = {XMLNS_SERVER, XMLNS_SERVER};
    element_write(packet, &style, &seen->packets);
    text_append_char(&seen->packets, '\n');
    return ++seen->count == seen->stop_after ? -1 : 0;
}

static int stream_closed(void *owner)
{
    ((struct seen *)owner)->closes++;
    return 0;
}

static const struct xmpp_packet_handler handler = {stream_opened, packet_read, stream_closed};
static const struct xmpp_packet_limits limits = {1000, 5, 20, 8, 4, 200};

/* feed_in - the outcome of the input in pieces of that size (0: whole) */
static enum xmpp_packet_result feed_in(size_t piece, const char *input, size_t length,
                                       struct seen *seen, enum stream_error *error)
{
    struct xmpp_packet_reader *reader = xmpp_packet_reader_new(&limits, &handler, seen);
    enum xmpp_packet_result result = XMPP_PACKET_MORE;
    for (size_t at = 0; at < length && result == XMPP_PACKET_MORE;
         at += piece > 0 ? piece : length) {
        size_t size = piece > 0 && length - at > piece ? piece : length - at;
        result = xmpp_packet_reader_feed(reader, input + at, size);
    }
    *error = xmpp_packet_reader_error(reader, NULL);
    xmpp_packet_reader_free(reader);
    return result;
}

static void check_bytes(const char *input, size_t length, enum stream_error expected,
                        const char *packets)
{
    static const size_t pieces[] = {0, 1, 7};
    for (size_t i = 0; i < 3; i++) {
        struct seen seen = {0};
        enum stream_error error;
        enum xmpp_packet_result result = feed_in(pieces[i], input, length, &seen, &error);
        if (error != expected)
            fail_msg("'%s' in pieces of %zu: %s instead of %s", input, pieces[i],
                     stream_error_name(error), stream_error_name(expected));
        assert_int_equal(result == XMPP_PACKET_ERROR, expected != STREAM_ERROR_NONE);
        if (packets != NULL)
            assert_string_equal(text_string(&seen.packets), packets);
        text_free(&seen.packets);
    }
}

static void check(const char *input, enum stream_error expected, const char *packets)
{
    check_bytes(input, strlen(input), expected, packets);
}

static void reads_stanzas_in_any_chunking(void **state)
{
    (void)state;
    check("<?xml version='1.0'?>" HEADER
          " <message to='a'><body>x &amp; y</body></message>\n<iq/><p:q a='1'/></stream:stream>",
          STREAM_ERROR_NONE,
          "<message to=\"a\"><body>x &amp; y</body></message>\n<iq/>\n<p:q xmlns:p=\"urn:p\" "
          "a=\"1\"/>\n");
    check("\n " HEADER "<message><![CDATA[<a>&]]></message>", STREAM_ERROR_NONE,
          "<message>&lt;a&gt;&amp;</message>\n");
    check("\xef\xbb\xbf" HEADER "<iq/>", STREAM_ERROR_NONE, "<iq/>\n");
}

static void refuses_restricted_xml(void **state)
{
    (void)state;
    check(HEADER "<iq/><!-- c -->", STREAM_RESTRICTED_XML, "<iq/>\n");
    check("<!-- c -->" HEADER, STREAM_RESTRICTED_XML, "");
    check(HEADER "<iq><!-- c --></iq>", STREAM_RESTRICTED_XML, "");
    check(HEADER "<?pi x?>", STREAM_RESTRICTED_XML, "");
    check("<!DOCTYPE x [<!ENTITY a 'b'>]>" HEADER, STREAM_RESTRICTED_XML, "");
    check(HEADER "<iq>&nbsp;</iq>", STREAM_RESTRICTED_XML, "");
}

static void refuses_what_is_not_well_formed_behind_good_packets(void **state)
{
    (void)state;
    check(HEADER "<iq/><a></b>", STREAM_NOT_WELL_FORMED, "<iq/>\n");
    check(HEADER "<a b='1' b='2'/>", STREAM_NOT_WELL_FORMED, "");
    check(HEADER "<a b=1/>", STREAM_NOT_WELL_FORMED, "");
    check(HEADER "<x:a/>", STREAM_NOT_WELL_FORMED, "");
    check(HEADER "<a x:b=''/>", STREAM_NOT_WELL_FORMED, "");
    check(HEADER "<a>&#0;</a>", STREAM_NOT_WELL_FORMED, "");
    check(HEADER "<a>\x01</a>", STREAM_NOT_WELL_FORMED, "");
    check(HEADER "<a>]]></a>", STREAM_NOT_WELL_FORMED, "");
    check("\n<?xml version='1.0'?>" HEADER, STREAM_NOT_WELL_FORMED, "");
    check(HEADER "text", STREAM_ERROR_NONE, "");
    check(HEADER "text<iq/>", STREAM_BAD_FORMAT, "");
    check(HEADER HEADER, STREAM_BAD_FORMAT, "");
    check(HEADER "<a><stream:stream><b/></stream:stream></a>", STREAM_ERROR_NONE, NULL);
}

static void refuses_other_encodings_and_versions(void **state)
{
    (void)state;
    check("<?xml version='1.0' encoding='ISO-8859-1'?>" HEADER, STREAM_UNSUPPORTED_ENCODING, "");
    check("<?xml version='1.0' encoding='UTF-16'?>" HEADER, STREAM_UNSUPPORTED_ENCODING, "");
    check("<?xml version='1.0' encoding='nonesuch'?>" HEADER, STREAM_UNSUPPORTED_ENCODING, "");
    check("<?xml version='1.0' encoding='utf-8'?>" HEADER, STREAM_ERROR_NONE, "");
    check("<?xml version='1.1'?>" HEADER, STREAM_UNSUPPORTED_VERSION, "");
    check_bytes("<\0?\0x\0m\0l\0", 10, STREAM_UNSUPPORTED_ENCODING, "");
    check_bytes("\xfe\xff\0<", 4, STREAM_UNSUPPORTED_ENCODING, "");
}

static void refuses_bad_utf8(void **state)
{
    (void)state;
    static const char *const bad[] = {"\xc0\xaf",     "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xe2\x82",     "\x80",         "\xf8\x88\x80\x80\x80",
                                      "\xe0\x80\x80", "\xff",         "\xef\xbf\xbe"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char input[300];
        snprintf(input, sizeof input, HEADER "<a>%s</a>", bad[i]);
        check(input, STREAM_NOT_WELL_FORMED, "");
        snprintf(input, sizeof input, HEADER "<a b='%s'/>", bad[i]);
        check(input, STREAM_NOT_WELL_FORMED, "");
    }
    check(HEADER "<a>\xf0\x9f\x98\x80</a>", STREAM_ERROR_NONE, "<a>\xf0\x9f\x98\x80</a>\n");
}

static void limits_to_the_byte(void **state)
{
    (void)state;
    char input[2000];
    for (int over = 0; over < 2; over++) {
        int body = 1000 - 7 + over;
        snprintf(input, sizeof input, HEADER "  <a>%0*d</a>", body, 0);
        check(input, over ? STREAM_POLICY_VIOLATION : STREAM_ERROR_NONE, NULL);
    }
    snprintf(input, sizeof input, HEADER "<a>%01010d", 0); /* unfinished */
    check(input, STREAM_POLICY_VIOLATION, "");
    snprintf(input, sizeof input, HEADER "<a b='%01010d", 0);
    check(input, STREAM_POLICY_VIOLATION, "");
}

static void limits_depth_elements_attributes_namespaces_and_space(void **state)
{
    (void)state;
    check(HEADER "<a><a><a><a><a/></a></a></a></a>", STREAM_ERROR_NONE, NULL);
    check(HEADER "<a><a><a><a><a><a/></a></a></a></a></a>", STREAM_POLICY_VIOLATION, "");
    check(HEADER
          "<a><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/></a>",
          STREAM_ERROR_NONE, NULL);
    check(HEADER
          "<a><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/><b/></a>",
          STREAM_POLICY_VIOLATION, "");
    check(HEADER "<a a='' b='' c='' d='' e='' f='' g='' h=''/>", STREAM_ERROR_NONE, NULL);
    check(HEADER "<a a='' b='' c='' d='' e='' f='' g='' h='' i=''/>", STREAM_POLICY_VIOLATION, "");
    check(HEADER "<a xmlns:a='a' xmlns:b='a' xmlns:c='a' xmlns:d='a' xmlns:e='a'/>",
          STREAM_POLICY_VIOLATION, "");
    char input[600];
    snprintf(input, sizeof input, HEADER "%201s<iq/>", "");
    check(input, STREAM_POLICY_VIOLATION, "");
}

static void stops_when_the_handler_says_so(void **state)
{
    (void)state;
    static const char input[] = HEADER "<a/><b/><c></d>";
    struct seen seen = {.stop_after = 1};
    enum stream_error error;
    assert_int_equal(feed_in(0, input, sizeof input - 1, &seen, &error), XMPP_PACKET_STOPPED);
    assert_int_equal(error, STREAM_ERROR_NONE);
    assert_string_equal(text_string(&seen.packets), "<a/>\n");
    text_free(&seen.packets);
}

static void tells_the_end_of_the_stream_once(void **state)
{
    (void)state;
    static const char input[] = HEADER "</stream:stream><iq/>";
    struct seen seen = {0};
    enum stream_error error;
    assert_int_equal(feed_in(0, input, sizeof input - 1, &seen, &error), XMPP_PACKET_STOPPED);
    assert_int_equal(seen.closes, 1);
    assert_int_equal(seen.count, 0);
}

static void keeps_memory_bounded_over_many_names(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct xmpp_packet_reader *reader = xmpp_packet_reader_new(&limits, &handler, &seen);
    assert_int_equal(xmpp_packet_reader_feed(reader, HEADER, sizeof HEADER - 1), XMPP_PACKET_MORE);
    size_t most = 0, base = mallinfo2().uordblks;
    char last[100] = "";
    for (int i = 0; i < 100000; i++) {
        char input[200];
        int length =
            snprintf(input, sizeof input, "%s<p:name%d xmlns:x='urn:%d'><stream:y/></p:name%d><na",
                     last, i, i, i);
        snprintf(last, sizeof last, "me%d/>", i); /* the chunk ends inside of a tag */
        assert_int_equal(xmpp_packet_reader_feed(reader, input, (size_t)length), XMPP_PACKET_MORE);
        if (i == 99999)
            break;
        text_clear(&seen.packets);
        size_t used = mallinfo2().uordblks;
        if (used > base && used - base > most)
            most = used - base;
    }
    assert_int_equal(seen.count, 2 * 100000 - 1);
    assert_non_null(strstr(text_string(&seen.packets),
                           "<p:name99999 xmlns:x=\"urn:99999\" xmlns:p=\"urn:p\">"));
    assert_true(most < 400000);
    xmpp_packet_reader_free(reader);
    text_free(&seen.packets);
}

/* with the namespace of a prefix translated, p:a and q:a would be one attribute twice, and p:b another */
static void translates_elements_of_components_not_attributes(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct xmpp_packet_reader *reader = xmpp_packet_reader_new(&limits, &handler, &seen);
    static const char input[] =
        "<stream:stream xmlns='jabber:component:accept' xmlns:p='jabber:component:accept' "
        "xmlns:stream='http://etherx.jabber.org/streams'>"
        "<iq xmlns:q='jabber:server' p:a='1' q:a='2'><p:x p:b='3'/><q:y/></iq>"
        "<p:iq xmlns:p='jabber:component:accept' p:a='4'/>";
    xmpp_packet_reader_set_content_ns(reader, XMLNS_COMPONENT_ACCEPT);
    assert_int_equal(xmpp_packet_reader_feed(reader, input, sizeof input - 1), XMPP_PACKET_MORE);
    assert_string_equal(
        text_string(&seen.packets),
        "<iq xmlns:q=\"jabber:server\" xmlns:p=\"jabber:component:accept\" p:a=\"1\" q:a=\"2\">"
        "<x p:b=\"3\"/><y/></iq>\n<iq xmlns:p=\"jabber:component:accept\" p:a=\"4\"/>\n");
    xmpp_packet_reader_free(reader);
    text_free(&seen.packets);
}

/* --- large ones */

#define LARGE (1 << 20)
static const struct xmpp_packet_limits large = {LARGE, 5, 20, 8, 4, 200};

/* feed_large - `before`, `length` times x, `behind`, so often, in pieces. Seconds of the processor that it took. */
static double feed_large(const char *before, size_t length, const char *behind, int count,
                         size_t piece, enum stream_error expected)
{
    struct seen seen = {0};
    struct text input = TEXT_EMPTY;
    struct xmpp_packet_reader *reader = xmpp_packet_reader_new(&large, &handler, &seen);
    text_append_string(&input, before);
    for (size_t i = 0; i < length; i++)
        text_append_char(&input, 'x');
    text_append_string(&input, behind);
    assert_int_equal(xmpp_packet_reader_feed(reader, HEADER, sizeof HEADER - 1), XMPP_PACKET_MORE);
    clock_t begun = clock();
    for (int i = 0; i < count; i++)
        for (size_t at = 0; at < input.length; at += piece)
            xmpp_packet_reader_feed(reader, input.bytes + at,
                                    input.length - at < piece ? input.length - at : piece);
    double took = (double)(clock() - begun) / CLOCKS_PER_SEC;
    if (xmpp_packet_reader_error(reader, NULL) != expected)
        fail_msg("%s of %zu bytes in pieces of %zu: %s", before, length, piece,
                 stream_error_name(xmpp_packet_reader_error(reader, NULL)));
    assert_int_equal(seen.count, expected == STREAM_ERROR_NONE ? count : 0);
    xmpp_packet_reader_free(reader);
    text_free(&input);
    text_free(&seen.packets);
    return took;
}

/* a section comes from libxml2 in one; that must not make a smaller stanza of what may be sent */
static void bounds_tags_at_16_kib_and_sections_at_the_stanza(void **state)
{
    (void)state;
    static const size_t pieces[] = {7, 1000, 16384};
    for (size_t i = 0; i < 3; i++) {
        feed_large("<iq><![CDATA[", LARGE - 100, "]]></iq>", 1, pieces[i], STREAM_ERROR_NONE);
        feed_large("<iq><![CDATA[", LARGE, "]]></iq>", 1, pieces[i], STREAM_POLICY_VIOLATION);
        feed_large("<iq>", LARGE - 100, "</iq>", 1, pieces[i], STREAM_ERROR_NONE);
        feed_large("<iq a='", 40000, "'/>", 1, pieces[i], STREAM_POLICY_VIOLATION);
        feed_large("<iq><!--", 40000, "--></iq>", 1, pieces[i], STREAM_POLICY_VIOLATION);
    }
}

/* CVE-2023-52425's kind: a token that drips must not be looked through anew for each byte that comes */
static void costs_of_a_token_that_drips_are_those_of_its_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *before, *behind;
        size_t small, factor;
    } tokens[] = {{"<", "/>", 900, 16},
                  {"<iq a='", "'/>", 900, 16},
                  {"<iq><", "/></iq>", 900, 16},
                  {"<iq>", "</iq>", 4000, 32},
                  {"<iq><![CDATA[", "]]></iq>", 4000, 32}};
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        size_t small = tokens[i].small, much = small * tokens[i].factor;
        int factor = (int)tokens[i].factor;
        double many = 0, one = 0;
        for (int tries = 0; tries < 3 && (tries == 0 || one > 3 * many); tries++) {
            many = feed_large(tokens[i].before, small, tokens[i].behind, 4 * factor, 1,
                              STREAM_ERROR_NONE);
            one = feed_large(tokens[i].before, much, tokens[i].behind, 4, 1, STREAM_ERROR_NONE);
        }
        if (one > 3 * many)
            fail_msg("%s: %.3f s in one, %.3f s in %d", tokens[i].before, one, many, factor);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_stanzas_in_any_chunking),
        cmocka_unit_test(refuses_restricted_xml),
        cmocka_unit_test(refuses_what_is_not_well_formed_behind_good_packets),
        cmocka_unit_test(refuses_other_encodings_and_versions),
        cmocka_unit_test(refuses_bad_utf8),
        cmocka_unit_test(limits_to_the_byte),
        cmocka_unit_test(limits_depth_elements_attributes_namespaces_and_space),
        cmocka_unit_test(stops_when_the_handler_says_so),
        cmocka_unit_test(tells_the_end_of_the_stream_once),
        cmocka_unit_test(keeps_memory_bounded_over_many_names),
        cmocka_unit_test(translates_elements_of_components_not_attributes),
        cmocka_unit_test(bounds_tags_at_16_kib_and_sections_at_the_stanza),
        cmocka_unit_test(costs_of_a_token_that_drips_are_those_of_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
