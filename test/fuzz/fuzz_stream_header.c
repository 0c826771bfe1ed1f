/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_stream_header - headers: what is read is what stands there, what is written is read back
 *
 * Input: the bytes of a stream; or, behind a '=', the values of our own header with line feeds
 * between. What must hold:
 *   - what is read are the attributes, nothing else; a version counts when it is digits, a dot,
 *     digits;
 *   - a header that we write, whatever the values, is one element that libxml2's DOM and expat
 *     read, and stream_header_read gives the values back.
 */
#include <stdlib.h>
#include <string.h>

#include "test/fuzz/parse.h"
#include "test/fuzz/tree.h"
#include "xml/stream_header.h"
#include "xml/xmlns.h"

static bool same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* is_version - one to six digits, a dot, one to six digits */
static bool is_version(const char *version)
{
    size_t major = strspn(version, "0123456789");
    size_t minor = version[major] == '.' ? strspn(version + major + 1, "0123456789") : 0;
    return major >= 1 && major <= 6 && minor >= 1 && minor <= 6 &&
           strlen(version) == major + 1 + minor;
}

static void check_version(const struct stream_header *header, const char *version)
{
    insist(header->has_version == (version != NULL), "has a version");
    insist(header->version_valid == (version != NULL && is_version(version)), "version %s",
           version != NULL ? version : "-");
    unsigned long major = 0, minor = 0;
    if (header->version_valid) {
        major = strtoul(version, NULL, 10);
        minor = strtoul(strchr(version, '.') + 1, NULL, 10);
    }
    insist(header->major == major && header->minor == minor, "version %s is read as %u.%u",
           version != NULL ? version : "-", header->major, header->minor);
}

static const char *default_namespace(const struct element *element)
{
    for (const struct namespace_declaration *each = element->declarations; each != NULL;
         each = each->next)
        if (each->prefix == NULL)
            return each->uri;
    return "";
}

static void check_read(const struct element *element, const struct stream_header *header)
{
    insist(same(header->to, element_get(element, "to")) &&
               same(header->from, element_get(element, "from")) &&
               same(header->id, element_get(element, "id")) &&
               same(header->lang, element_lang(element)),
           "an attribute is another one");
    insist(header->is_stream == (same(element->name, "stream") && same(element->ns, XMLNS_STREAM)),
           "is a stream");
    insist(same(header->content_ns, default_namespace(element)), "content namespace");
    check_version(header, element_get(element, "version"));
}

/* check_written - write it, let three parsers read it */
static void check_written(const struct stream_header_fields *fields)
{
    struct text written = TEXT_EMPTY;
    struct stream_header header;
    struct arena *arena = arena_new(0);
    stream_header_write(&written, fields);
    struct element *element = parse_written_header(arena, &written);
    stream_header_read(&header, element);
    insist(header.is_stream && same(header.to, fields->to) && same(header.from, fields->from) &&
               same(header.id, fields->id) && same(header.lang, fields->lang) &&
               same(header.content_ns, fields->content_ns) &&
               header.declares_dialback == fields->dialback &&
               header.has_version == fields->version && header.version_valid == fields->version,
           "not read back: %s", text_string(&written));
    text_append_string(&written, STREAM_FOOTER);
    tree_check(element, &written);
    arena_free(arena);
    text_free(&written);
}

/* take_value - the next line, if it is something that a parser could have given us */
static const char *take_value(struct input *input, char **owner)
{
    *owner = input_field(input, '\n');
    bool good = (*owner)[0] != '\0' && is_xml_text(*owner, strlen(*owner));
    return good ? *owner : NULL;
}

static void write_values(struct input input)
{
    char *owners[4];
    unsigned choices = input_byte(&input);
    struct stream_header_fields fields = {.content_ns =
                                              choices & 1 ? XMLNS_COMPONENT_ACCEPT : XMLNS_SERVER,
                                          .dialback = choices & 2,
                                          .version = choices & 4};
    fields.to = take_value(&input, &owners[0]);
    fields.from = take_value(&input, &owners[1]);
    fields.id = take_value(&input, &owners[2]);
    fields.lang = take_value(&input, &owners[3]);
    check_written(&fields);
    for (int i = 0; i < 4; i++)
        free(owners[i]);
}

static void read_bytes(const struct input *input)
{
    struct stream_header header;
    struct arena *arena = arena_new(0);
    struct element *element = parse_header(arena, input->bytes, input->length);
    if (element != NULL) {
        stream_header_read(&header, element);
        check_read(element, &header);
        struct stream_header_fields fields = {.to = header.from,
                                              .from = header.to,
                                              .id = header.id,
                                              .lang = header.lang,
                                              .content_ns = XMLNS_SERVER,
                                              .dialback = header.declares_dialback,
                                              .version = header.has_version};
        check_written(&fields);
    }
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {(const char *)data, size};
    if (size > 0 && data[0] == '=') {
        input_byte(&input);
        write_values(input);
    } else {
        read_bytes(&input);
    }
    return 0;
}
