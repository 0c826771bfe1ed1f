/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_xmpp_packet_reader - the stream reader against itself, libxml2's DOM and expat
 *
 * Input: a byte of choices, a byte of chance, then the bytes of the stream, or those that stanzas
 * are grown from. What must hold:
 *   - fed whole, in pieces where chance has it, or byte by byte, the stream gives the same
 *     elements and the same end (but of two faults that stand close together, one reading may
 *     find the one, and another the other);
 *   - behind an error or the end nothing is handed over, and the answer stays the same;
 *   - what is handed over is within the limits, and written out it is the same tree for libxml2's
 *     DOM and for expat, alone as well as in a stream (CVE-2022-22784 and others of its class: no
 *     smuggling by a second parser);
 *   - a copy is written as the original is;
 *   - memory stays below a factor of what was read (CVE-2026-43507's class).
 */
#include <sanitizer/allocator_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/fuzz/grow.h"
#include "test/fuzz/tree.h"
#include "xml/xmlns.h"
#include "xml/xmpp_packet_reader.h"

/* The byte of choices */
enum {
    WITH_HEADER = 1,   /* the input begins behind a header */
    CHOOSE_LIMITS = 6, /* which limits */
    OF_COMPONENT = 8,  /* a stream of another content namespace */
    MANY_NAMES = 16,   /* so many names first that the parser is renewed */
    GROWN = 128        /* the bytes are what well-formed stanzas are grown from */
};

#define ARENA_FACTOR 12 /* bytes in the arena for a byte of a packet (a=''), and */
#define ARENA_BASE 1024
#define ARENA_ELEMENT 256 /* for each of the elements that it may have (<a/>x) */
#define HEAP_FACTOR 32    /* bytes of memory for a byte read, and */
#define HEAP_BASE 65536

#define HEADER                                                                            \
    "<stream:stream xmlns='%s' xmlns:stream='http://etherx.jabber.org/streams' "          \
    "xmlns:db='jabber:server:dialback' xmlns:p='urn:p' from='remote.test' to='s2s.test' " \
    "version='1.0'>"

static const struct xmpp_packet_limits all_limits[] = {{65536, 16, 64, 32, 16, 65536},
                                                       {1024, 8, 16, 8, 4, 512},
                                                       {1048576, 128, 20000, 256, 64, 1048576},
                                                       {10000, 16, 64, 8, 8, 300}};

/* The end of whatever is not finished: libxml2 looks for an end before it looks for faults, and
 * where it looks differs with the pieces, so that what is not finished may be known as a fault in
 * one reading and not yet in another. */
#define UNFINISHED "'>\">-->?>]]></x></x>"

/* One reading of the stream */
struct reading {
    const struct xmpp_packet_limits *limits;
    struct xmpp_packet_reader *reader;
    struct text events; /* what was handed over */
    int stop_after;     /* packets; 0: never */
    int packets;
    bool over;   /* nothing may come any more */
    bool judged; /* are written packets compared with other parsers? */
    bool measured;
    bool filling; /* the parser's dictionary: what comes is not looked at */
    size_t fed, heap;
    enum xmpp_packet_result result;
    enum stream_error error;
};

/* --- what is handed over --- */

static void check_text(const char *bytes, size_t length)
{
    insist(is_xml_text(bytes, length), "handed over: no characters of XML");
}

static void check_limits(const struct element *element, const struct xmpp_packet_limits *limits,
                         unsigned depth, unsigned *elements)
{
    unsigned count = 0;
    insist(depth <= limits->depth && ++*elements <= limits->elements, "more than the limits");
    for (const struct attribute *each = element->attributes; each != NULL; each = each->next) {
        count++;
        insist((each->prefix == NULL) == (each->ns == NULL), "prefix and namespace disagree");
        insist(strlen(each->value) == each->value_length, "a value with a NUL");
        check_text(each->value, each->value_length);
    }
    insist(count <= limits->attributes, "%u attributes", count);
    count = 0;
    for (const struct namespace_declaration *each = element->declarations; each != NULL;
         each = each->next)
        count++;
    insist(count <= limits->namespaces, "%u namespaces", count);
    for (const struct element *each = element->children; each != NULL; each = each->next) {
        insist(each->parent == element, "a child has another parent");
        if (each->name == NULL)
            check_text(each->text, each->text_length);
        else
            check_limits(each, limits, depth + 1, elements);
    }
}

/* check_written - alone, then in a stream, and a copy of it */
static void check_written(struct element *packet)
{
    static const struct element_style style = {XMLNS_SERVER, XMLNS_SERVER};
    struct text alone = TEXT_EMPTY, in_stream = TEXT_EMPTY, copied = TEXT_EMPTY;
    element_write(packet, NULL, &alone);
    tree_check(packet, &alone);
    struct arena *arena = arena_new(0);
    struct element *copy = element_copy(arena, packet);
    element_write(copy, NULL, &copied);
    insist(strcmp(text_string(&alone), text_string(&copied)) == 0, "a copy is written otherwise");
    struct element *stream = element_new(arena, "stream", XMLNS_SERVER);
    text_append_string(&in_stream, "<stream xmlns=\"" XMLNS_SERVER "\">");
    element_write(packet, &style, &in_stream);
    text_append_string(&in_stream, "</stream>");
    element_append(stream, copy);
    tree_check(stream, &in_stream);
    arena_free(arena);
    text_free(&alone);
    text_free(&in_stream);
    text_free(&copied);
}

/* for_elements - what as many elements as may come in so many bytes may cost */
static size_t for_elements(const struct reading *reading, size_t bytes)
{
    size_t most = bytes / 4;
    return ARENA_ELEMENT * (most < reading->limits->elements ? most : reading->limits->elements);
}

static void check_arena(const struct reading *reading, size_t bytes)
{
    size_t used = arena_used(xmpp_packet_reader_arena(reading->reader));
    insist(used <= ARENA_FACTOR * bytes + for_elements(reading, bytes) + ARENA_BASE,
           "%zu bytes in the arena for %zu read", used, bytes);
}

static void note(struct reading *reading, const char *what, const struct element *element)
{
    text_append_string(&reading->events, what);
    if (element != NULL)
        tree_of_element(element, &reading->events);
    text_append_char(&reading->events, '\n');
}

static int stream_opened(void *owner, const struct element *header)
{
    struct reading *reading = owner;
    insist(!reading->over && reading->packets == 0, "a header where none may come");
    check_arena(reading, reading->fed);
    if (!reading->measured)
        note(reading, "header ", header);
    return 0;
}

static int packet_read(void *owner, struct element *packet)
{
    struct reading *reading = owner;
    if (reading->filling)
        return 0;
    unsigned elements = 0;
    size_t bytes = xmpp_packet_reader_packet_bytes(reading->reader);
    insist(!reading->over, "a packet behind the end");
    insist(xmpp_packet_reader_in_stream(reading->reader), "a packet without a header");
    insist(packet->parent == NULL && packet->name != NULL, "a packet in another one");
    insist(!element_is(packet, "stream", XMLNS_STREAM), "a header as a packet");
    insist(bytes >= 4 && bytes <= reading->limits->bytes, "a packet of %zu bytes", bytes);
    check_arena(reading, bytes);
    if (!reading->measured) {
        check_limits(packet, reading->limits, 1, &elements);
        note(reading, "packet ", packet);
        text_appendf(&reading->events, "bytes %zu\n", bytes);
    }
    if (reading->judged)
        check_written(packet);
    reading->over = ++reading->packets == reading->stop_after;
    return reading->over ? -1 : 0;
}

static int stream_closed(void *owner)
{
    struct reading *reading = owner;
    insist(!reading->over, "closed behind the end");
    if (!reading->measured)
        note(reading, "closed", NULL);
    reading->over = true;
    return 0;
}

static const struct xmpp_packet_handler handler = {stream_opened, packet_read, stream_closed};

/* --- feeding --- */

static void feed(struct reading *reading, const char *bytes, size_t length)
{
    char *exact = input_exact(bytes, length);
    reading->fed += length;
    reading->result = xmpp_packet_reader_feed(reading->reader, exact, length);
    free(exact);
    reading->error = xmpp_packet_reader_error(reading->reader, NULL);
    insist((reading->result == XMPP_PACKET_ERROR) == (reading->error != STREAM_ERROR_NONE),
           "result and error disagree");
    reading->over |= reading->result != XMPP_PACKET_MORE;
    size_t heap = __sanitizer_get_current_allocated_bytes();
    if (reading->measured && heap > reading->heap)
        insist(heap - reading->heap <=
                   HEAP_FACTOR * reading->fed + 2 * for_elements(reading, reading->fed) + HEAP_BASE,
               "%zu bytes of memory for %zu read", heap - reading->heap, reading->fed);
}

/* feed_names - packets with names of their own, more than the parser's dictionary is to hold */
static void feed_names(struct reading *reading)
{
    struct text packet = TEXT_EMPTY;
    reading->filling = true;
    for (int i = 0; i < 90; i++) {
        text_clear(&packet);
        text_appendf(&packet, "<n%0800d/>", i);
        feed(reading, packet.bytes, packet.length);
    }
    reading->filling = false;
    text_free(&packet);
}

/* The size of the next piece: all, one byte, or by chance (a linear congruence) */
enum pieces { WHOLE, BY_CHANCE, BYTES };

static size_t next_piece(enum pieces pieces, unsigned *chance, size_t left)
{
    if (pieces == WHOLE || left == 0)
        return left;
    *chance = *chance * 1103515245u + 12345u;
    size_t size = pieces == BYTES ? 1 : 1 + (*chance >> 16) % ((*chance >> 12) % 4 ? 13 : 400);
    return size < left ? size : left;
}

static void read_in(enum pieces pieces, unsigned choices, unsigned chance,
                    const struct input *input, struct reading *reading)
{
    const char *content_ns = choices & OF_COMPONENT ? XMLNS_COMPONENT_ACCEPT : XMLNS_SERVER;
    reading->limits = &all_limits[(choices & CHOOSE_LIMITS) / 2];
    reading->stop_after = chance % 8 == 7 ? 1 + (int)chance / 64 : 0;
    reading->heap = __sanitizer_get_current_allocated_bytes();
    reading->reader = xmpp_packet_reader_new(reading->limits, &handler, reading);
    if (choices & OF_COMPONENT)
        xmpp_packet_reader_set_content_ns(reading->reader, XMLNS_COMPONENT_ACCEPT);
    if (choices & WITH_HEADER) {
        struct text header = TEXT_EMPTY;
        text_appendf(&header, HEADER, content_ns);
        feed(reading, header.bytes, header.length);
        text_free(&header);
        if (choices & MANY_NAMES && chance % 16 == 0)
            feed_names(reading);
    }
    for (size_t at = 0, size; at < input->length; at += size) {
        size = next_piece(pieces, &chance, input->length - at);
        feed(reading, input->bytes + at, size);
    }
    if (reading->result == XMPP_PACKET_MORE)
        feed(reading, UNFINISHED, sizeof UNFINISHED - 1);
    enum xmpp_packet_result result = reading->result;
    enum stream_error error = reading->error;
    if (result != XMPP_PACKET_MORE) {
        feed(reading, "<iq/></stream:stream>", 21);
        insist(reading->result == result && reading->error == error, "the end did not last");
    }
    xmpp_packet_reader_free(reading->reader);
}

/* is_of_two - faults that are found here, not by libxml2, which may tell of a fault behind them
 * first: a limit that was exceeded, and text between two packets */
static bool is_of_two(enum stream_error error)
{
    return error == STREAM_POLICY_VIOLATION || error == STREAM_BAD_FORMAT;
}

static void compare(const struct reading *whole, const struct reading *other, const char *how)
{
    insist(strcmp(text_string(&whole->events), text_string(&other->events)) == 0,
           "%s it reads otherwise:\n%s---\n%s", how, text_string(&whole->events),
           text_string(&other->events));
    bool may_differ = is_of_two(whole->error) || is_of_two(other->error);
    insist(whole->result == other->result && (may_differ || whole->error == other->error),
           "%s it ends otherwise: %s, not %s", how, stream_error_name(other->error),
           stream_error_name(whole->error));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {(const char *)data, size};
    unsigned choices = input_byte(&input), chance = input_byte(&input);
    struct text grown = TEXT_EMPTY;
    if (choices & GROWN) {
        grow_stanzas(&input, &grown);
        input = (struct input){text_string(&grown), grown.length};
    }
    struct reading whole = {.judged = true}, pieces = {0}, bytes = {0},
                   measured = {.measured = true};
    read_in(WHOLE, choices, chance, &input, &whole);
    read_in(BY_CHANCE, choices, chance, &input, &pieces);
    read_in(BYTES, choices, chance, &input, &bytes);
    read_in(BY_CHANCE, choices, chance, &input, &measured);
    compare(&whole, &pieces, "in pieces");
    compare(&whole, &bytes, "byte by byte");
    text_free(&grown);
    text_free(&whole.events);
    text_free(&pieces.events);
    text_free(&bytes.events);
    text_free(&measured.events);
    return 0;
}
