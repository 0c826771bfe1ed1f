/* SPDX-License-Identifier: Apache-2.0 */
/* test_sequence_diagram - every step is drawn, in the right direction; the picture is well-formed whatever is in the story
 *
 * Stories are made by hand here, with the sentences that real handshakes leave; admin.py draws those of real ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>

#include "admin/json_words.h"
#include "admin/sequence_diagram.h"
#include "admin/svg.h"

static struct text svg;
static xmlDoc *document;
static xmlXPathContext *paths;

static int start(void **state)
{
    (void)state;
    text_init(&svg);
    document = NULL;
    paths = NULL;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    xmlXPathFreeContext(paths);
    xmlFreeDoc(document);
    text_free(&svg);
    return 0;
}

/* --- stories --- */

struct line {
    double after;
    const char *actor, *clause, *sentence;
};

#define CREATE_OUT "LocalOutgoingServerSession.createOutgoingSession"
#define SECURE "LocalOutgoingServerSession.secureAndAuthenticate"
#define CREATE_IN "LocalIncomingServerSession.createSession"
#define VALIDATE "ServerDialback.validateRemoteDomain"
#define HEADER \
    "stream header received: from=a.test to=b.test id=- version=1.0, xmlns:db is declared"

static const struct line external_out[] = {
    {3.1, "DNSUtil.resolveXMPPDomain", "RFC 6120 3.2.1",
     "SRV of b.test, in the order tried: host.b.test:5269 (priority 0, weight 0)"},
    {0.2, "DNSUtil.resolveXMPPDomain", "RFC 6120 3.2", "host.b.test has 1 address"},
    {0.2, "SocketUtil.createSocketToXmppDomain", "RFC 6120 3.2", "connected to 192.0.2.1:5269"},
    {0, CREATE_OUT, "RFC 6120 4.7", "stream opened: our header, from a.test to b.test"},
    {0.4, "BlockingReadingMode.run", "RFC 6120 4.7", HEADER},
    {0, CREATE_OUT, "RFC 6120 4.3.2", "features received: starttls dialback"},
    {4.1, "TLSStreamHandler.start", "RFC 6120 5.4.3.3", "encrypted: TLSv1.3, SNI b.test"},
    {0, "ServerTrustManager.checkServerTrusted", "RFC 6120 13.7.2",
     "the other side showed a valid certificate: a chain of 2 up to /CN=Test CA"},
    {0, CREATE_OUT, "RFC 6120 4.7", "stream opened: our header, from a.test to b.test"},
    {0.1, "BlockingReadingMode.run", "RFC 6120 4.7", HEADER},
    {0, CREATE_OUT, "RFC 6120 4.3.2", "features received: dialback mechanisms"},
    {0, SECURE, "RFC 6120 13.7.2.1", "the certificate is for b.test: dNSName b.test"},
    {0, SECURE, "XEP-0178 3", "SASL EXTERNAL asked for, as a.test"},
    {0.3, CREATE_OUT, "RFC 6120 4.7", "stream opened: our header, from a.test to b.test"},
    {0.1, "BlockingReadingMode.run", "RFC 6120 4.7", HEADER},
};

static const struct line denied_in[] = {
    {0.6, "BlockingAcceptingMode.run", "",
     "connection accepted from 192.0.2.1:4711; this thread is its SocketReader"},
    {0, "BlockingReadingMode.run", "RFC 6120 4.7", HEADER},
    {0, CREATE_IN, "RFC 6120 4.3.2",
     "handshake sent: our header with id 1, then features: dialback"},
    {1, "LocalIncomingServerSession.validateSubsequentDomain", "XEP-0220 2.1.1",
     "db:result received: \"I am a.test, I want to talk to b.test\""},
    {0, VALIDATE, "XEP-0220 2.1.2",
     "the authoritative server of a.test is asked about the key; this stream goes on meanwhile"},
    {2.7, VALIDATE, "XEP-0220 2.2.1",
     "verdict for a.test to b.test: invalid; the authoritative server of a.test says that the key "
     "is not its own"},
};

#define COUNT(lines) (sizeof lines / sizeof lines[0])

/* story_of - with these steps; the caller's */
static json_t *story_of(const char *direction, const struct line *lines, size_t count)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(steps, json_pack("{s:f, s:s, s:s, s:o}", "after_ms", lines[i].after,
                                               "actor", lines[i].actor, "clause", lines[i].clause,
                                               "sentence", json_words(lines[i].sentence)));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:o}", "domain", "b.test", "direction",
                     direction, "local", "a.test", "peer", "192.0.2.1:5269", "cause", "none",
                     "when", "2026-11-28T12:00:00Z", "took_ms", 8, "steps", steps);
}

static void refuse_error(void *context, const char *message, ...)
{
    (void)context, (void)message;
}

/* draw - takes the story; the picture is in `svg`, and parsed in `document` */
static void draw(json_t *story)
{
    stop(NULL);
    start(NULL);
    assert_int_equal(sequence_diagram_write(story, &svg), 0);
    json_decref(story);
    xmlSetGenericErrorFunc(NULL, refuse_error);
    document = xmlReadMemory(svg.bytes, (int)svg.length, "svg", NULL, XML_PARSE_NONET);
    if (document == NULL)
        fail_msg("not well-formed: %.2000s", svg.bytes);
    paths = xmlXPathNewContext(document);
    xmlXPathRegisterNs(paths, BAD_CAST "s", BAD_CAST "http://www.w3.org/2000/svg");
}

/* count - of what an XPath finds, or its number */
static int count(const char *path)
{
    xmlXPathObject *found = xmlXPathEvalExpression((const xmlChar *)path, paths);
    assert_non_null(found);
    int number = found->type == XPATH_NUMBER ? (int)found->floatval
                 : found->nodesetval == NULL ? 0
                                             : found->nodesetval->nodeNr;
    xmlXPathFreeObject(found);
    return number;
}

static bool is_true(const char *path)
{
    xmlXPathObject *found = xmlXPathEvalExpression((const xmlChar *)path, paths);
    assert_non_null(found);
    bool result = xmlXPathCastToBoolean(found);
    xmlXPathFreeObject(found);
    return result;
}

/* words_of - all that is written in the picture, without white space, as a line break may stand anywhere; the caller's */
static char *words_of(void)
{
    struct text words = TEXT_EMPTY;
    xmlXPathObject *found = xmlXPathEvalExpression(BAD_CAST "//s:text", paths);
    for (int i = 0; found->nodesetval != NULL && i < found->nodesetval->nodeNr; i++) {
        xmlChar *content = xmlNodeGetContent(found->nodesetval->nodeTab[i]);
        for (const char *c = (const char *)content; *c != '\0'; c++)
            if (*c != ' ')
                text_append_char(&words, *c);
        xmlFree(content);
    }
    xmlXPathFreeObject(found);
    return text_take(&words);
}

static const char *find_words(const char *from, const char *sentence)
{
    struct text words = TEXT_EMPTY;
    for (const char *c = sentence; *c != '\0'; c++)
        if (*c != ' ')
            text_append_char(&words, *c);
    const char *found = strstr(from, text_string(&words));
    if (found == NULL)
        fail_msg("'%s' does not stand in: %s", sentence, from);
    text_free(&words);
    return found;
}

/* assert_harmless - nothing but the marks of ours, nothing that runs, links or loads */
static void assert_harmless(void)
{
    assert_int_equal(count("//*[not(self::s:svg or self::s:title or self::s:desc or self::s:style "
                           "or self::s:rect or self::s:line or self::s:path or self::s:text)]"),
                     0);
    assert_int_equal(count("//@*[starts-with(name(), 'on') or contains(name(), 'href') or "
                           "name() = 'style' or name() = 'id' or contains(., 'url')]"),
                     0);
    assert_int_equal(count("//s:style"), 1);
    assert_int_equal(count("//comment() | //processing-instruction()"), 0);
}

/* --- what is drawn --- */

static void draws_every_step_in_its_order(void **state)
{
    (void)state;
    const struct {
        const char *direction;
        const struct line *lines;
        size_t count;
    } stories[] = {{"out", external_out, COUNT(external_out)}, {"in", denied_in, COUNT(denied_in)}};
    for (size_t i = 0; i < COUNT(stories); i++) {
        draw(story_of(stories[i].direction, stories[i].lines, stories[i].count));
        assert_harmless();
        char *words = words_of();
        const char *at = words;
        for (size_t k = 0; k < stories[i].count; k++) {
            at = find_words(at, stories[i].lines[k].sentence);
            find_words(at, stories[i].lines[k].clause);
            find_words(at, stories[i].lines[k].actor);
        }
        find_words(words, i == 0 ? "+4.1 ms" : "+2.7 ms");
        free(words);
    }
}

static void tells_who_can_not_see_it(void **state)
{
    (void)state;
    draw(story_of("out", external_out, COUNT(external_out)));
    assert_int_equal(count("/s:svg[@role = 'img']/s:title"), 1);
    assert_true(is_true("/s:svg/s:title = 'a.test \xe2\x86\x92 b.test'"));
    for (size_t i = 0; i < COUNT(external_out); i++) {
        char *path = text_format("contains(/s:svg/s:desc, '%s')", external_out[i].sentence);
        assert_true(is_true(path));
        free(path);
    }
    assert_true(is_true("contains(/s:svg/s:desc, 'It went well: a.test is proved')"));
    draw(story_of("in", denied_in, COUNT(denied_in)));
    assert_true(is_true("/s:svg/s:title = 'b.test \xe2\x86\x92 a.test'"));
}

static void scales_and_needs_no_style(void **state)
{
    (void)state;
    draw(story_of("out", external_out, COUNT(external_out)));
    assert_true(is_true("starts-with(/s:svg/@viewBox, '0 0 460 ')"));
    assert_int_equal(count("//s:text[not(@fill) or not(@font-size) or @font-size < 10.5]"), 0);
    assert_int_equal(count("//s:line[not(@stroke)] | //s:rect[not(@fill)] | //s:path[not(@fill)]"),
                     0);
    /* as wide as it may be by our own measure */
    xmlXPathObject *found = xmlXPathEvalExpression(BAD_CAST "//s:text", paths);
    assert_in_range(found->nodesetval->nodeNr, 40, 400);
    for (int i = 0; i < found->nodesetval->nodeNr; i++) {
        xmlNode *node = found->nodesetval->nodeTab[i];
        xmlChar *content = xmlNodeGetContent(node), *x = xmlGetProp(node, BAD_CAST "x");
        xmlChar *size = xmlGetProp(node, BAD_CAST "font-size");
        xmlChar *anchor = xmlGetProp(node, BAD_CAST "text-anchor");
        struct svg_face face = {.size = strtod((char *)size, NULL),
                                .mono = xmlHasProp(node, BAD_CAST "font-family") != NULL,
                                .bold = xmlHasProp(node, BAD_CAST "font-weight") != NULL};
        double width = svg_width(&face, (char *)content, strlen((char *)content));
        double left = strtod((char *)x, NULL) - (anchor != NULL ? width : 0);
        if (left < 0 || left + width > 460)
            fail_msg("'%s' from %f to %f", content, left, left + width);
        xmlFree(content), xmlFree(x), xmlFree(size), xmlFree(anchor);
    }
    xmlXPathFreeObject(found);
}

static void shows_who_takes_part(void **state)
{
    (void)state;
    draw(story_of("out", external_out, COUNT(external_out)));
    assert_int_equal(
        count("//s:text[. = 'this server' or . = 'name service' or . = 'other server']"), 3);
    assert_int_equal(count("//s:text[. = 'authoritative']"), 0);
    draw(story_of("in", denied_in, COUNT(denied_in)));
    assert_int_equal(count("//s:text[. = 'authoritative']"), 1);
    assert_int_equal(count("//s:text[. = 'name service']"), 0);
}

static void says_how_it_ended(void **state)
{
    (void)state;
    json_t *story = story_of("in", denied_in, COUNT(denied_in));
    json_object_set_new(story, "cause", json_string("dialback-key-denied"));
    json_object_set_new(story, "why", json_string("the key is not its own"));
    json_object_set_new(story, "step", json_string("dialback-key"));
    json_object_set_new(story, "side", json_string("theirs"));
    json_object_set_new(story, "remedy", json_string("they must share one secret"));
    draw(story);
    assert_int_equal(count("//s:text[. = 'Failed: dialback-key-denied']"), 1);
    char *words = words_of();
    find_words(
        words,
        "the key is not its own (step dialback-key, side theirs): they must share one secret");
    free(words);
    story = story_of("in", denied_in, 3);
    json_object_set_new(story, "live", json_true());
    json_object_set_new(story, "lost", json_integer(12));
    draw(story);
    assert_int_equal(count("//s:text[. = 'It goes on']"), 1);
    assert_int_equal(count("//s:text[. = '12 earlier steps are not kept']"), 1);
}

static void draws_a_step_that_it_does_not_know(void **state)
{
    (void)state;
    const struct line unknown = {1, "Something.new", "RFC 9999", "it happened"};
    draw(story_of("out", &unknown, 1));
    char *words = words_of();
    find_words(words, "it happenedRFC 9999, Something.new");
    free(words);
}

/* --- hostile stories --- */

static void hostile_text_stays_text(void **state)
{
    (void)state;
    static const char *const evil[] = {
        "</text><script>alert(1)</script>",
        "]]></style><style>*{display:none}</style>",
        "\" onload=\"alert(1)\" x=\"",
        "&amp;&#x0;<!-- <?php ?>",
        "<!DOCTYPE svg [<!ENTITY a 'b'>]>&a;",
        "a\n\r\t\x01\x1b[31m\x7f",
        ("\xe2\x80\xae"
         "evil\xe2\x81\xa6"),                       /* directions */
        "\xef\xbf\xbe\xef\xbf\xbf\xf0\x9f\xbf\xbf", /* no characters */
        "\xc3\xa4\xe4\xb8\xad\xf0\x9f\x98\x80\xd8\xa7",
        "<use href='http://evil.test/x.svg#a'/><image xlink:href='//evil.test'/>",
        "   ",
        "",
    };
    for (size_t i = 0; i < COUNT(evil); i++) {
        struct line line = {1, evil[i], evil[i], evil[i]};
        json_t *story = story_of("in", &line, 1);
        static const char *const members[] = {"domain", "local", "peer", "cause", "step",
                                              "side",   "why",   "when", "remedy"};
        for (size_t k = 0; k < COUNT(members); k++)
            json_object_set_new(story, members[k], json_string(evil[i]));
        draw(story);
        assert_harmless();
        assert_int_equal(
            count("//s:text[contains(., '\xe2\x80\xae') or contains(., '\xe2\x81\xa6')]"), 0);
        for (size_t k = 0; k < svg.length; k++)
            assert_true((unsigned char)svg.bytes[k] >= 0x20 || svg.bytes[k] == '\n');
    }
}

static void length_is_bounded(void **state)
{
    (void)state;
    char *endless = text_alloc(100001);
    for (int kind = 0; kind < 3; kind++) {
        static const char fill[] = {'x', ' ', '\x01'};
        memset(endless, fill[kind], 100000);
        endless[100000] = '\0';
        struct line line = {1e300, "BlockingReadingMode.run", "RFC 6120 4.7", endless};
        json_t *story = story_of("out", &line, 1);
        json_object_set_new(story, "domain", json_string(endless));
        json_object_set_new(story, "local", json_string(endless));
        json_object_set_new(story, "peer", json_string(endless));
        json_object_set_new(story, "why", json_string(endless));
        json_object_set_new(story, "cause", json_string(endless));
        draw(story);
        assert_harmless();
        assert_in_range(svg.length, 1000, 40000);
        assert_true(kind == 1 || strstr(svg.bytes, "\xe2\x80\xa6") != NULL);
    }
    free(endless);
    json_t *story = story_of("out", external_out, COUNT(external_out));
    json_t *steps = json_object_get(story, "steps");
    for (int i = 0; i < 1000; i++)
        json_array_append(steps, json_array_get(steps, 0));
    draw(story);
    assert_int_equal(count("//s:text[. = '887 further steps are not drawn']"), 1);
}

static void odd_stories_are_drawn_or_refused(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "{\"steps\":[]}",
        "{\"steps\":[null,1,\"x\",[],{}]}",
        "{\"steps\":[{\"actor\":1,\"sentence\":[],\"after_ms\":\"x\",\"clause\":null}]}",
        "{\"steps\":[{\"actor\":\"BlockingAcceptingMode.run\"}],\"lost\":-1,\"took_ms\":1.5}",
    };
    for (size_t i = 0; i < COUNT(odd); i++) {
        draw(json_loads(odd[i], 0, NULL));
        assert_harmless();
    }
    assert_true(is_true("starts-with(/s:svg/s:title, 'another server')")); /* it came in */
    static const char *const none[] = {"{}", "{\"steps\":{}}", "[]", "1"};
    for (size_t i = 0; i < COUNT(none); i++) {
        json_t *story = json_loads(none[i], JSON_DECODE_ANY, NULL);
        struct text out = TEXT_EMPTY;
        assert_int_equal(sequence_diagram_write(story, &out), -1);
        assert_int_equal(out.length, 0);
        json_decref(story);
    }
}

/* --- colours --- */

/* power_2_4 - x to the power of 2.4, for 0 < x <= 1: its square, and the fifth root of that by Newton's method */
static double power_2_4(double x)
{
    double root = 1, wanted = x * x;
    for (int i = 0; i < 60; i++)
        root -= (root * root * root * root * root - wanted) / (5 * root * root * root * root);
    return x * x * root; /* 2 + 2/5 */
}

/* light_of - the relative luminance of a class of the style sheet (WCAG 2.2); `dark`: behind the media query */
static double light_of(const char *style, const char *class, bool dark)
{
    char *rule = text_format(".%s{", class);
    const char *from = dark ? strstr(style, "@media") : style;
    const char *at = strstr(from, rule);
    assert_non_null(at);
    unsigned rgb = (unsigned)strtoul(strchr(at, '#') + 1, NULL, 16);
    double sum = 0;
    static const double weights[] = {0.2126, 0.7152, 0.0722};
    for (int i = 0; i < 3; i++) {
        double part = (double)(rgb >> (16 - 8 * i) & 0xff) / 255;
        sum += weights[i] * (part <= 0.04045 ? part / 12.92 : power_2_4((part + 0.055) / 1.055));
    }
    free(rule);
    return sum;
}

static void colours_can_be_read_in_light_and_in_dark(void **state)
{
    (void)state;
    static const struct {
        const char *ink, *ground;
    } pairs[] = {{"text", "ground"},    {"quiet", "ground"},  {"good", "ground"},
                 {"warn", "ground"},    {"bad", "ground"},    {"text", "box"},
                 {"quiet", "box"},      {"arrow", "box"},     {"text", "box-good"},
                 {"quiet", "box-good"}, {"good", "box-good"}, {"warn", "box-warn"},
                 {"quiet", "box-warn"}, {"bad", "box-bad"},   {"quiet", "box-bad"},
                 {"text", "box-bad"},   {"text", "box-warn"}};
    struct text style = TEXT_EMPTY;
    sequence_diagram_style(&style);
    for (int dark = 0; dark < 2; dark++)
        for (size_t i = 0; i < COUNT(pairs); i++) {
            char *ink = text_format("sd-fill-%s", pairs[i].ink);
            char *ground = text_format("sd-fill-%s", pairs[i].ground);
            double a = light_of(text_string(&style), ink, dark != 0);
            double b = light_of(text_string(&style), ground, dark != 0);
            double contrast = a > b ? (a + 0.05) / (b + 0.05) : (b + 0.05) / (a + 0.05);
            if (contrast < 4.5)
                fail_msg("%s on %s, %s: %f", pairs[i].ink, pairs[i].ground, dark ? "dark" : "light",
                         contrast);
            free(ink);
            free(ground);
        }
    text_free(&style);
}

#define TEST(test)                     \
    {                                  \
#test, test, start, stop, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(draws_every_step_in_its_order),
        TEST(tells_who_can_not_see_it),
        TEST(scales_and_needs_no_style),
        TEST(shows_who_takes_part),
        TEST(says_how_it_ended),
        TEST(draws_a_step_that_it_does_not_know),
        TEST(hostile_text_stays_text),
        TEST(length_is_bounded),
        TEST(odd_stories_are_drawn_or_refused),
        TEST(colours_can_be_read_in_light_and_in_dark),
    };
    return cmocka_run_group_tests_name("sequence_diagram", tests, NULL, NULL);
}
