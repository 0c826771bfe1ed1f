/* SPDX-License-Identifier: Apache-2.0 */
/* xmpp_packet_reader - bytes in, elements out
 *
 * Openfire: XMPPPacketReader, MXParser. RFC 6120 11 (restricted XML), 4.9.3 (which error for what);
 * XEP-0205 4.5.
 *
 * libxml2's SAX2 push parser calls start_element, end_element and add_text while xmlParseChunk
 * runs. Names come interned from its dictionary and are used as they are; attribute values and text
 * are copied into the arena.
 *
 * What is counted where:
 *   bytes of an element    in end_element (exactly) and after each feed (what has come of an
 *   unfinished one)
 *   an unfinished tag      after each feed: libxml2 buffers it whole and compares its attributes
 *   pairwise,
 *                          so it is bounded by TAG_BYTES whatever the element may have (but for sections)
 *   depth, elements, attributes, namespaces    in start_element
 *   names in the dictionary    after a feed that ends between two elements: the parser is renewed
 * A parser takes some twenty kilobytes, so there is none while nothing comes (xmpp_packet_reader_rest): the next feed makes one, lets it
 * read the header once more, muted, and goes on. Positions are bytes since the start of the stream; `origin` makes up for a parser
 * that starts anew.
 *
 * One thread; errors are values; nothing here logs.
 */
#include "xml/xmpp_packet_reader.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "xml/xmlns.h"

#define TAG_BYTES 16384        /* of a tag, a comment, or whatever libxml2 must see whole */
#define DICTIONARY_BYTES 65536 /* of names, before the parser is renewed */

struct xmpp_packet_reader {
    xmlParserCtxtPtr parser; /* owned; NULL: it rests */
    struct xmpp_packet_limits limits;
    const struct xmpp_packet_handler *handler;
    void *owner;
    const char *content_ns; /* handed over as XMLNS_SERVER; NULL: that itself is it */
    const char
        *interned_content_ns; /* the same as the parser's dictionary has it; NULL: not seen yet */
    struct arena *arena;      /* owned; holds the element being built */
    struct element *current;  /* the open element; NULL between two first-level elements */
    unsigned depth, elements;
    bool opened;  /* the header has been read */
    bool muted;   /* the synthetic header of a renewed parser is being read */
    bool stopped; /* a handler said so, or the stream was closed */
    enum stream_error error;
    char why[160];
    struct text header;   /* what a renewed parser must have seen: the root with its declarations */
    struct text unread;   /* of a parser that rests: what it had and had not read */
    long long at;         /* of a parser that rests: its position */
    long long origin;     /* position in the stream of the parser's position 0 */
    long long fed;        /* position behind the last byte fed */
    long long last_end;   /* position behind the last first-level element or the header */
    long long whitespace; /* bytes of it since last_end */
    size_t packet_bytes;
};

/* fail - the first error counts; nothing is read after it */
static void fail(struct xmpp_packet_reader *reader, enum stream_error error, const char *why)
{
    if (reader->error != STREAM_ERROR_NONE || reader->stopped)
        return;
    reader->error = error;
    snprintf(reader->why, sizeof reader->why, "%.*s", (int)strcspn(why, "\r\n"), why);
    if (reader->parser != NULL)
        xmlStopParser(reader->parser);
}

static void stop(struct xmpp_packet_reader *reader)
{
    reader->stopped = true;
    xmlStopParser(reader->parser);
}

static bool is_over(const struct xmpp_packet_reader *reader)
{
    return reader->error != STREAM_ERROR_NONE || reader->stopped;
}

/* position - of the parser's next unread byte in the stream */
static long long position(const struct xmpp_packet_reader *reader)
{
    const xmlParserInput *input = reader->parser->input;
    return reader->origin + (long long)input->consumed + (input->cur - input->base);
}

/* --- building elements
 * ---------------------------------------------------------------------------- */

/* is_content - is this, an interned name, the content namespace? */
static bool is_content(struct xmpp_packet_reader *reader, const char *ns)
{
    if (ns == reader->interned_content_ns)
        return true;
    if (strcmp(ns, reader->content_ns != NULL ? reader->content_ns : XMLNS_SERVER) != 0)
        return false;
    reader->interned_content_ns = ns;
    return true;
}

/* translate_content - the content namespace becomes the constant, which is then known by its address. Of a stream whose
 * content namespace is another one without a prefix: what that prefix was bound to is still the namespace of attributes that have
 * it. */
static void translate_content(struct xmpp_packet_reader *reader, struct element *element)
{
    if (!is_content(reader, element->ns))
        return;
    element->ns = XMLNS_SERVER;
    if (reader->content_ns != NULL)
        element->prefix = NULL;
}

static void add_declarations(struct arena *arena, struct element *element, int count,
                             const xmlChar **list)
{
    struct namespace_declaration **at = &element->declarations;
    for (int i = 0; i < count; i++) {
        struct namespace_declaration *declaration = arena_alloc(arena, sizeof *declaration);
        declaration->prefix = (const char *)list[2 * i];
        declaration->uri = list[2 * i + 1] != NULL ? (const char *)list[2 * i + 1] : "";
        *at = declaration;
        at = &declaration->next;
    }
    *at = NULL;
}

/* count_name - its length; names are short, so without a call */
static inline unsigned count_name(const xmlChar *name)
{
    unsigned length = 0;
    while (name[length] != '\0')
        length++;
    return length;
}

/* make_element - with its attributes and their values in one piece of the arena. libxml2's list has five pointers for each: name,
 * prefix, namespace, value, its end. */
static struct element *make_element(struct arena *arena, const xmlChar *name, const xmlChar *prefix,
                                    const xmlChar *ns, int count, const xmlChar **list)
{
    size_t size = sizeof(struct element) + (size_t)count * sizeof(struct attribute);
    for (int i = 0; i < count; i++)
        size += (size_t)(list[5 * i + 4] - list[5 * i + 3]) + 1;
    struct element *element = arena_alloc(arena, size);
    element_init(element, (const char *)name, (const char *)ns);
    element->prefix = (const char *)prefix;
    element->name_length = count_name(name);
    struct attribute *attribute = (struct attribute *)(element + 1), *end = attribute + count;
    char *value = (char *)end;
    if (count > 0) {
        element->attributes = attribute;
        element->last_attribute = end - 1;
    }
    for (; attribute < end; attribute++, list += 5) {
        size_t length = (size_t)(list[4] - list[3]);
        *attribute = (struct attribute){.next = attribute + 1,
                                        .name = (const char *)list[0],
                                        .prefix = (const char *)list[1],
                                        .ns = (const char *)list[2],
                                        .value = value,
                                        .value_length = length,
                                        .name_length = count_name(list[0])};
        sixteen_copy(value, (const char *)list[3], length);
        value[length] = '\0';
        value += length + 1;
    }
    if (count > 0)
        element->last_attribute->next = NULL;
    return element;
}

/* check_limits - of the element that starts */
static bool check_limits(struct xmpp_packet_reader *reader, int attributes, int namespaces)
{
    if ((unsigned)attributes > reader->limits.attributes)
        fail(reader, STREAM_POLICY_VIOLATION, "an element has too many attributes");
    else if ((unsigned)namespaces > reader->limits.namespaces)
        fail(reader, STREAM_POLICY_VIOLATION, "an element declares too many namespaces");
    else if (reader->opened && reader->depth >= reader->limits.depth)
        fail(reader, STREAM_POLICY_VIOLATION, "elements are nested too deep");
    else if (reader->opened && reader->elements >= reader->limits.elements)
        fail(reader, STREAM_POLICY_VIOLATION, "a stanza has too many elements");
    return reader->error == STREAM_ERROR_NONE;
}

/* record_header - the root's tag with its declarations, for a renewed parser */
static void record_header(struct xmpp_packet_reader *reader, const struct element *root)
{
    struct text *header = &reader->header;
    text_clear(header);
    text_append_char(header, '<');
    if (root->prefix != NULL)
        text_appendf(header, "%s:", root->prefix);
    text_append_string(header, root->name);
    for (const struct namespace_declaration *each = root->declarations; each != NULL;
         each = each->next) {
        text_append_string(header, " xmlns");
        if (each->prefix != NULL)
            text_appendf(header, ":%s", each->prefix);
        text_append_string(header, "=\"");
        text_append_escaped(header, each->uri, strlen(each->uri), true);
        text_append_char(header, '"');
    }
    text_append_char(header, '>');
}

static void open_stream(struct xmpp_packet_reader *reader, const struct element *root)
{
    reader->opened = true;
    reader->last_end = position(reader) + 1; /* the parser stands before the > */
    record_header(reader, root);
    if (reader->handler->stream_opened(reader->owner, root) < 0)
        stop(reader);
    arena_reset(reader->arena);
}

static void start_element(void *given, const xmlChar *name, const xmlChar *prefix,
                          const xmlChar *uri, int namespace_count, const xmlChar **namespaces,
                          int attribute_count, int defaulted, const xmlChar **attributes)
{
    struct xmpp_packet_reader *reader = given;
    (void)defaulted;
    if (reader->muted || is_over(reader) || !check_limits(reader, attribute_count, namespace_count))
        return;
    struct element *element =
        make_element(reader->arena, name, prefix, uri, attribute_count, attributes);
    if (namespace_count > 0)
        add_declarations(reader->arena, element, namespace_count, namespaces);
    if (!reader->opened) {
        open_stream(reader, element);
        return;
    }
    translate_content(reader, element);
    if (reader->current == NULL && element_is(element, "stream", XMLNS_STREAM)) {
        fail(reader, STREAM_BAD_FORMAT, "a second stream header");
        return;
    }
    if (reader->current != NULL)
        element_append(reader->current, element);
    reader->current = element;
    reader->depth++;
    reader->elements++;
}

/* finish_packet - a first-level element is whole */
static void finish_packet(struct xmpp_packet_reader *reader, struct element *packet)
{
    long long end = position(reader);
    reader->packet_bytes = (size_t)(end - reader->last_end - reader->whitespace);
    if (reader->packet_bytes > reader->limits.bytes) {
        fail(reader, STREAM_POLICY_VIOLATION, "a stanza is too large");
        return;
    }
    reader->last_end = end;
    reader->whitespace = 0;
    reader->elements = 0;
    if (reader->handler->packet_read(reader->owner, packet) < 0)
        stop(reader);
    arena_reset(reader->arena);
}

static void end_element(void *given, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct xmpp_packet_reader *reader = given;
    (void)name;
    (void)prefix;
    (void)uri;
    if (is_over(reader))
        return;
    struct element *element = reader->current;
    if (element == NULL) {
        reader->handler->stream_closed(reader->owner);
        stop(reader);
        return;
    }
    reader->current = element->parent;
    reader->depth--;
    if (reader->current == NULL)
        finish_packet(reader, element);
}

/* add_space - between two first-level elements only white space may stand */
static void add_space(struct xmpp_packet_reader *reader, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (strchr(" \t\r\n", bytes[i]) != NULL && bytes[i] != '\0')
            continue;
        fail(reader, STREAM_BAD_FORMAT, "text between two stanzas");
        return;
    }
    reader->whitespace += (long long)length;
    if ((size_t)reader->whitespace > reader->limits.whitespace)
        fail(reader, STREAM_POLICY_VIOLATION, "too much white space between two stanzas");
}

static void add_text(void *given, const xmlChar *bytes, int length)
{
    struct xmpp_packet_reader *reader = given;
    if (reader->muted || is_over(reader) || !reader->opened || length <= 0)
        return;
    if (reader->current == NULL)
        add_space(reader, (const char *)bytes, (size_t)length);
    else
        element_add_text(reader->arena, reader->current, (const char *)bytes, (size_t)length);
}

static void add_cdata(void *given, const xmlChar *bytes, int length)
{
    struct xmpp_packet_reader *reader = given;
    if (reader->current == NULL)
        fail(reader, STREAM_BAD_FORMAT, "text between two stanzas");
    else
        add_text(given, bytes, length);
}

/* --- what RFC 6120 11 forbids
 * ---------------------------------------------------------------------- */

static void refuse_comment(void *given, const xmlChar *text)
{
    (void)text;
    fail(given, STREAM_RESTRICTED_XML, "a comment");
}

static void refuse_instruction(void *given, const xmlChar *target, const xmlChar *data)
{
    (void)target;
    (void)data;
    fail(given, STREAM_RESTRICTED_XML, "a processing instruction");
}

static void refuse_dtd(void *given, const xmlChar *name, const xmlChar *external,
                       const xmlChar *system)
{
    (void)name;
    (void)external;
    (void)system;
    fail(given, STREAM_RESTRICTED_XML, "a document type declaration");
}

/* check_declaration - called behind the XML declaration, or without one at the first element */
static void check_declaration(void *given)
{
    struct xmpp_packet_reader *reader = given;
    const xmlChar *encoding = reader->parser->encoding;
    if (encoding == NULL)
        encoding = reader->parser->input->encoding;
    if (encoding != NULL && strcasecmp((const char *)encoding, "UTF-8") != 0)
        fail(reader, STREAM_UNSUPPORTED_ENCODING,
             "the XML declaration names another encoding than UTF-8");
    if (reader->parser->version != NULL &&
        strcmp((const char *)reader->parser->version, "1.0") != 0)
        fail(reader, STREAM_UNSUPPORTED_VERSION,
             "the XML declaration names another version than 1.0");
}

/* note_error - libxml2 found the input not well-formed. Its namespace errors are fatal here as
 * well. */
static void note_error(void *given, xmlErrorPtr error)
{
    struct xmpp_packet_reader *reader = given;
    if (error->level < XML_ERR_ERROR || error->code == XML_ERR_USER_STOP)
        return;
    if (error->code == XML_WAR_NS_URI || error->code == XML_WAR_NS_URI_RELATIVE)
        return; /* a namespace is a name here: what is no URI is compared like any other */
    enum stream_error condition = STREAM_NOT_WELL_FORMED;
    switch (error->code) {
    case XML_ERR_UNDECLARED_ENTITY:
    case XML_WAR_UNDECLARED_ENTITY:
        condition = STREAM_RESTRICTED_XML;
        break;
    case XML_ERR_UNSUPPORTED_ENCODING:
    case XML_ERR_UNKNOWN_ENCODING:
        condition = STREAM_UNSUPPORTED_ENCODING;
        break;
    case XML_ERR_INVALID_ENCODING: /* also: a declaration of UTF-16 in bytes that are none */
        if (!reader->opened)
            condition = STREAM_UNSUPPORTED_ENCODING;
        break;
    case XML_ERR_UNKNOWN_VERSION:
        condition = STREAM_UNSUPPORTED_VERSION;
        break;
    default:
        break;
    }
    fail(reader, condition, error->message != NULL ? error->message : "not well-formed");
}

/* --- the parser
 * ------------------------------------------------------------------------------------ */

static const xmlSAXHandler sax = {
    .initialized = XML_SAX2_MAGIC,
    .startDocument = check_declaration,
    .startElementNs = start_element,
    .endElementNs = end_element,
    .characters = add_text,
    .cdataBlock = add_cdata,
    .comment = refuse_comment,
    .processingInstruction = refuse_instruction,
    .internalSubset = refuse_dtd,
    .serror = note_error,
};

static void make_parser(struct xmpp_packet_reader *reader)
{
    xmlSAXHandler handler = sax; /* libxml2 copies it */
    reader->interned_content_ns = NULL;
    reader->parser = xmlCreatePushParserCtxt(&handler, reader, NULL, 0, NULL);
    if (reader->parser == NULL)
        text_out_of_memory();
    /* NOENT: else libxml2 leaves &amp; in attribute values as a reference for its tree builder. There are
     * no entities but the five, as a DTD ends the stream. */
    xmlCtxtUseOptions(reader->parser, XML_PARSE_NONET | XML_PARSE_NOENT);
}

static void free_parser(struct xmpp_packet_reader *reader)
{
    if (reader->parser == NULL)
        return;
    if (reader->parser->myDoc != NULL)
        xmlFreeDoc(reader->parser->myDoc);
    xmlFreeParserCtxt(reader->parser);
    reader->parser = NULL;
}

struct xmpp_packet_reader *xmpp_packet_reader_new(const struct xmpp_packet_limits *limits,
                                                  const struct xmpp_packet_handler *handler,
                                                  void *owner)
{
    struct xmpp_packet_reader *reader = text_calloc(1, sizeof *reader);
    reader->limits = *limits;
    reader->handler = handler;
    reader->owner = owner;
    reader->arena = arena_new(0);
    return reader;
}

void xmpp_packet_reader_free(struct xmpp_packet_reader *reader)
{
    if (reader == NULL)
        return;
    free_parser(reader);
    arena_free(reader->arena);
    text_free(&reader->header);
    text_free(&reader->unread);
    free(reader);
}

void xmpp_packet_reader_set_content_ns(struct xmpp_packet_reader *reader, const char *ns)
{
    reader->content_ns = ns;
}

void xmpp_packet_reader_restart(struct xmpp_packet_reader *reader)
{
    free_parser(reader);
    arena_reset(reader->arena);
    text_clear(&reader->header);
    struct xmpp_packet_reader fresh = {.limits = reader->limits,
                                       .handler = reader->handler,
                                       .owner = reader->owner,
                                       .content_ns = reader->content_ns,
                                       .arena = reader->arena,
                                       .header = reader->header};
    text_free(&reader->unread);
    *reader = fresh;
}

/* put_away - the parser, but for what it had not read yet; between two elements */
static void put_away(struct xmpp_packet_reader *reader)
{
    const xmlParserInput *input = reader->parser->input;
    text_append(&reader->unread, (const char *)input->cur, (size_t)(input->end - input->cur));
    reader->at = position(reader);
    free_parser(reader);
}

/* wake - a parser that has seen the header only, if that has been read, and what was unread */
static void wake(struct xmpp_packet_reader *reader)
{
    make_parser(reader);
    if (reader->opened) {
        reader->muted = true;
        xmlParseChunk(reader->parser, reader->header.bytes, (int)reader->header.length, 0);
        reader->muted = false;
    }
    reader->origin = 0;
    reader->origin = reader->at - position(reader);
    struct text unread = reader->unread;
    reader->unread = TEXT_EMPTY;
    if (unread.length > 0)
        xmlParseChunk(reader->parser, unread.bytes, (int)unread.length, 0);
    text_free(&unread);
}

void xmpp_packet_reader_rest(struct xmpp_packet_reader *reader)
{
    bool between = reader->opened ? reader->current == NULL : reader->fed == 0;
    if (reader->parser == NULL || is_over(reader) || !between)
        return;
    put_away(reader);
    arena_rest(reader->arena);
}

/* check_start - bytes that begin a stream in UTF-16 or UTF-32 are no stream (libxml2 would
 * convert them) */
static void check_start(struct xmpp_packet_reader *reader, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length && reader->fed + (long long)i < 4; i++)
        if (bytes[i] == '\0' || (unsigned char)bytes[i] >= 0xfe)
            fail(reader, STREAM_UNSUPPORTED_ENCODING, "the stream is not in UTF-8");
}

/* is_in_section - of CDATA: libxml2 hands it over whole, so it may be as long as the stanza */
static bool is_in_section(const struct xmpp_packet_reader *reader)
{
    return reader->parser->instate == XML_PARSER_CDATA_SECTION;
}

/* check_unfinished - what has come of an element or tag that is not whole yet */
static void check_unfinished(struct xmpp_packet_reader *reader)
{
    if ((size_t)(reader->fed - reader->last_end - reader->whitespace) > reader->limits.bytes)
        fail(reader, STREAM_POLICY_VIOLATION,
             reader->opened ? "a stanza is too large" : "the header is too large");
    else if (reader->fed - position(reader) > TAG_BYTES && !is_in_section(reader))
        fail(reader, STREAM_POLICY_VIOLATION, "a tag is too large");
}

enum xmpp_packet_result xmpp_packet_reader_feed(struct xmpp_packet_reader *reader,
                                                const char *bytes, size_t length)
{
    if (!is_over(reader) && reader->fed < 4)
        check_start(reader, bytes, length);
    if (!is_over(reader) && reader->parser == NULL)
        wake(reader);
    if (!is_over(reader)) {
        reader->fed += (long long)length;
        xmlParseChunk(reader->parser, bytes, (int)length, 0);
    }
    if (!is_over(reader))
        check_unfinished(reader);
    if (!is_over(reader) && reader->opened && reader->current == NULL &&
        xmlDictGetUsage(reader->parser->dict) > DICTIONARY_BYTES) {
        /* it has collected too many names: they go with it */
        put_away(reader);
        wake(reader);
    }
    return reader->error != STREAM_ERROR_NONE ? XMPP_PACKET_ERROR
           : reader->stopped                  ? XMPP_PACKET_STOPPED
                                              : XMPP_PACKET_MORE;
}

enum stream_error xmpp_packet_reader_error(const struct xmpp_packet_reader *reader,
                                           const char **why)
{
    if (why != NULL)
        *why = reader->why;
    return reader->error;
}

void xmpp_packet_reader_set_limits(struct xmpp_packet_reader *reader,
                                   const struct xmpp_packet_limits *limits)
{
    reader->limits = *limits;
}

struct arena *xmpp_packet_reader_arena(struct xmpp_packet_reader *reader)
{
    return reader->arena;
}

int xmpp_packet_reader_in_stream(const struct xmpp_packet_reader *reader)
{
    return reader->opened;
}

size_t xmpp_packet_reader_packet_bytes(const struct xmpp_packet_reader *reader)
{
    return reader->packet_bytes;
}
