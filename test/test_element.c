/* SPDX-License-Identifier: Apache-2.0 */
/* test_element - write and read again: the same tree
 *
 * The tree is written, read by the packet reader in a stream of the target namespace, and written
 * again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xml/packet.h"
#include "xml/xmlns.h"
#include "xml/xmpp_packet_reader.h"

struct round {
    const struct element_style *style;
    struct text out;
};

static int opened(void *owner, const struct element *header)
{
    (void)owner;
    (void)header;
    return 0;
}

static int packet(void *owner, struct element *element)
{
    struct round *round = owner;
    struct arena *arena = arena_new(0);
    element_write(element_copy(arena, element), round->style,
                  &round->out); /* a copy writes the same */
    struct text direct = TEXT_EMPTY;
    element_write(element, round->style, &direct);
    assert_string_equal(text_string(&direct), text_string(&round->out));
    text_free(&direct);
    arena_free(arena);
    return 0;
}

static int closed(void *owner)
{
    (void)owner;
    return 0;
}

/* rewrite - `xml`, read in a stream whose default namespace is `ns` and that declares far, written
 * in `style` */
static char *rewrite(const char *ns, const char *xml, const struct element_style *style)
{
    static const struct xmpp_packet_handler handler = {opened, packet, closed};
    static const struct xmpp_packet_limits limits = {1000000, 100, 10000, 100, 100, 1000};
    struct round round = {.style = style};
    struct xmpp_packet_reader *reader = xmpp_packet_reader_new(&limits, &handler, &round);
    struct text input = TEXT_EMPTY;
    text_appendf(
        &input,
        "<s:stream xmlns='%s' xmlns:s='http://etherx.jabber.org/streams' xmlns:far='urn:far'>%s",
        ns, xml);
    assert_int_equal(xmpp_packet_reader_feed(reader, input.bytes, input.length), XMPP_PACKET_MORE);
    xmpp_packet_reader_free(reader);
    text_free(&input);
    return text_take(&round.out);
}

static void check(const char *xml, const char *expected)
{
    static const struct element_style style = {XMLNS_SERVER, XMLNS_SERVER};
    char *once = rewrite(XMLNS_SERVER, xml, &style);
    assert_string_equal(once, expected);
    char *twice = rewrite(XMLNS_SERVER, once, &style);
    assert_string_equal(twice, once);
    free(once);
    free(twice);
}

static void writes_stanzas_canonically(void **state)
{
    (void)state;
    check("<message to='a' from=\"b\"><body>x</body></message>",
          "<message to=\"a\" from=\"b\"><body>x</body></message>");
    check("<iq></iq>", "<iq/>");
    check("<a b='&lt;&quot;&apos;&#9;&#10;&#13;'>&lt;&gt;&amp;\"'&#13;\n\t</a>",
          "<a b=\"&lt;&quot;&apos;&#9;&#10;&#13;\">&lt;&gt;&amp;&quot;&apos;&#13;\n\t</a>");
    check("<a b='x&amp;y&#38;z&lt;'>&amp;&#38;</a>", "<a b=\"x&amp;y&amp;z&lt;\">&amp;&amp;</a>");
    check("<a xml:lang='de'/>", "<a xml:lang=\"de\"/>");
}

static void keeps_namespaces(void **state)
{
    (void)state;
    check("<iq><q xmlns='urn:q'><r/><s xmlns=''/></q></iq>",
          "<iq><q xmlns=\"urn:q\"><r/><s xmlns=\"\"/></q></iq>");
    check("<far:x far:a='1'/>", "<far:x xmlns:far=\"urn:far\" far:a=\"1\"/>");
    check("<iq><far:x/><far:x/></iq>",
          "<iq><far:x xmlns:far=\"urn:far\"/><far:x xmlns:far=\"urn:far\"/></iq>");
    check("<iq><x xmlns:q='urn:q'>q:name</x></iq>", "<iq><x xmlns:q=\"urn:q\">q:name</x></iq>");
    check("<a xmlns:p='urn:1'><p:b xmlns:p='urn:2'/><p:c/></a>",
          "<a xmlns:p=\"urn:1\"><p:b xmlns:p=\"urn:2\"/><p:c/></a>");
    check("<srv:iq xmlns:srv='jabber:server'><srv:a/></srv:iq>",
          "<iq xmlns:srv=\"jabber:server\"><a/></iq>");
}

static void moves_stanzas_to_another_content_namespace(void **state)
{
    (void)state;
    static const struct element_style style = {XMLNS_SERVER, XMLNS_COMPONENT_ACCEPT};
    char *out = rewrite(XMLNS_SERVER,
                        "<iq><q xmlns='urn:q'/><error><x xmlns='urn:x'/></error></iq>", &style);
    assert_string_equal(out, "<iq><q xmlns=\"urn:q\"/><error><x xmlns=\"urn:x\"/></error></iq>");
    free(out);
    out = rewrite(XMLNS_SERVER, "<iq/>", NULL);
    assert_string_equal(out, "<iq xmlns=\"jabber:server\"/>");
    free(out);
}

static unsigned seed = 1;

static unsigned dice(unsigned sides)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % sides;
}

/* write_random - a random element in XML, with every kind of declaration, prefix and character */
static void write_random(struct text *out, int depth)
{
    static const char *const prefixes[] = {"", "", "far:", "p:"};
    static const char *const texts[] = {"x",   "&amp;",           "&lt;",  "\xc3\xbc",
                                        "'\"", "<![CDATA[<&>]]>", "&#13;", " "};
    const char *prefix = prefixes[dice(4)];
    text_appendf(out, "<%sn%u xmlns:p='urn:p%u'", prefix, dice(3), dice(3));
    if (dice(3) == 0)
        text_appendf(out, " xmlns='urn:%u'", dice(2));
    if (dice(2) == 0)
        text_appendf(out, " a%u='%u&lt;'", dice(3), dice(9));
    if (dice(3) == 0)
        text_append_string(out, " far:z='\xe2\x82\xac' xml:lang='en'");
    text_append_char(out, '>');
    const char *name = strrchr(text_string(out), '<') + 1;
    char *end = text_copy_n(name, strcspn(name, " >"));
    for (unsigned i = dice(4); i > 0; i--) {
        if (depth > 0 && dice(2) == 0)
            write_random(out, depth - 1);
        else
            text_append_string(out, texts[dice(8)]);
    }
    text_appendf(out, "</%s>", end);
    free(end);
}

static void reads_back_what_it_wrote(void **state)
{
    (void)state;
    static const struct element_style style = {XMLNS_SERVER, XMLNS_SERVER};
    for (int i = 0; i < 2000; i++) {
        struct text xml = TEXT_EMPTY;
        write_random(&xml, 5);
        char *once = rewrite(XMLNS_SERVER, xml.bytes, &style);
        char *twice = rewrite(XMLNS_SERVER, once, &style);
        assert_string_equal(twice, once);
        free(once);
        free(twice);
        text_free(&xml);
    }
}

static void builds_elements(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    struct element *iq = element_new(arena, "iq", XMLNS_SERVER);
    element_set(arena, iq, "id", "1");
    element_set(arena, iq, "to", "a");
    element_set(arena, iq, "id", NULL);
    element_set(arena, iq, "from", "b");
    assert_null(element_get(iq, "id"));
    assert_string_equal(element_get(iq, "from"), "b");
    struct element *query = element_add(arena, iq, "query", "urn:q");
    element_add_text(arena, query, "one", 3);
    element_add(arena, query, "x", NULL);
    element_add_text(arena, query, "two", 3);
    assert_string_equal(element_text(query, arena), "onetwo");
    assert_ptr_equal(element_child(iq, "query", "urn:q"), query);
    assert_null(element_child(iq, "query", "urn:r"));
    assert_null(element_next(element_first(query)));
    struct text out = TEXT_EMPTY;
    static const struct element_style style = {XMLNS_SERVER, XMLNS_SERVER};
    element_write(iq, &style, &out);
    assert_string_equal(out.bytes,
                        "<iq to=\"a\" from=\"b\"><query xmlns=\"urn:q\">one<x/>two</query></iq>");
    text_free(&out);
    arena_free(arena);
}

static void answers_packets_as_they_may_be_answered(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    static const struct {
        const char *name, *type;
        bool wants;
    } rows[] = {
        {"iq", "get", true},         {"iq", "set", true},      {"iq", "result", false},
        {"iq", "error", false},      {"message", NULL, true},  {"message", "chat", true},
        {"message", "error", false}, {"presence", NULL, true}, {"presence", "unavailable", false},
        {"presence", "error", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct element *packet_ = element_new(arena, rows[i].name, XMLNS_SERVER);
        element_set(arena, packet_, "type", rows[i].type);
        element_set(arena, packet_, "from", "a@b");
        element_set(arena, packet_, "to", "c");
        element_set(arena, packet_, "id", "7");
        struct element *reply = packet_error_reply(arena, packet_, PACKET_ITEM_NOT_FOUND, "no");
        assert_int_equal(reply != NULL, rows[i].wants);
        if (reply == NULL)
            continue;
        assert_string_equal(element_get(reply, "to"), "a@b");
        assert_string_equal(element_get(reply, "from"), "c");
        assert_string_equal(element_get(reply, "id"), "7");
        const char *text;
        assert_int_equal(packet_read_error(arena, reply, &text), PACKET_ITEM_NOT_FOUND);
        assert_string_equal(text, "no");
    }
    assert_int_equal(packet_kind(element_new(arena, "iq", XMLNS_CLIENT)), PACKET_NONE);
    assert_int_equal(packet_kind(element_new(arena, "iqx", XMLNS_SERVER)), PACKET_NONE);
    arena_free(arena);
}

/* libxml2 gives a text with line ends or entities in many pieces: a node for each would cost a hundred
 * bytes for one that a peer sent */
static void joins_text_that_comes_in_pieces(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    struct element *parent = element_new(arena, "a", "");
    unsigned nodes = 0;
    for (int i = 0; i < 3000; i++)
        element_add_text(arena, parent, i % 2 ? "\n" : "xy", i % 2 ? 1 : 2);
    for (const struct element *each = parent->children; each != NULL; each = each->next)
        nodes++;
    assert_in_range(nodes, 1, 4);
    assert_in_range(arena_used(arena), 4500, 6000);
    const char *text = element_text(parent, arena);
    assert_int_equal(strlen(text), 4500);
    assert_memory_equal(text, "xy\nxy\n", 6);
    assert_string_equal(text + 4494, "xy\nxy\n");
    element_add(arena, parent, "b", NULL);
    element_add_text(arena, parent, "z", 1);
    assert_null(parent->last_child->name); /* never joined over an element */
    assert_int_equal(parent->last_child->text_length, 1);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_text_that_comes_in_pieces),
        cmocka_unit_test(writes_stanzas_canonically),
        cmocka_unit_test(keeps_namespaces),
        cmocka_unit_test(moves_stanzas_to_another_content_namespace),
        cmocka_unit_test(reads_back_what_it_wrote),
        cmocka_unit_test(builds_elements),
        cmocka_unit_test(answers_packets_as_they_may_be_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
