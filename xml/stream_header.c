/* SPDX-License-Identifier: Apache-2.0 */
/* stream_header - build and read <stream:stream> and its features
 *
 * RFC 6120 4.7 (attributes), 4.8 (namespaces); XEP-0220 2.4.1. Openfire: the header strings of its
 * two server sessions, here escaped (DIFFERS: D12). Reading judges nothing: which fault deserves
 * which error is the readers' matter. Pure; any thread.
 */
#include "xml/stream_header.h"

#include <string.h>

#include "xml/xmlns.h"

/* read_number - digits up to `end`; false when there is none, or too many */
static bool read_number(const char **at, unsigned *number)
{
    const char *start = *at;
    *number = 0;
    while (**at >= '0' && **at <= '9' && *at - start < 6)
        *number = *number * 10 + (unsigned)(*(*at)++ - '0');
    return *at > start;
}

/* read_version - RFC 6120 4.7.5: digits, a dot, digits */
static void read_version(struct stream_header *header, const char *version)
{
    header->has_version = version != NULL;
    if (version == NULL)
        return;
    const char *at = version;
    unsigned major, minor;
    header->version_valid =
        read_number(&at, &major) && *at++ == '.' && read_number(&at, &minor) && *at == '\0';
    if (header->version_valid) {
        header->major = major;
        header->minor = minor;
    }
}

void stream_header_read(struct stream_header *header, const struct element *element)
{
    *header = (struct stream_header){
        .to = element_get(element, "to"),
        .from = element_get(element, "from"),
        .id = element_get(element, "id"),
        .lang = element_lang(element),
        .is_stream = element_is(element, "stream", XMLNS_STREAM),
        .stream_ns = element->ns,
        .content_ns = "",
        .allows_multiple = element_get(element, "allowMultiple") != NULL,
    };
    for (const struct namespace_declaration *each = element->declarations; each != NULL;
         each = each->next) {
        if (each->prefix == NULL)
            header->content_ns = each->uri;
        else if (strcmp(each->uri, XMLNS_DIALBACK) == 0)
            header->declares_dialback = true;
    }
    read_version(header, element_get(element, "version"));
}

static void write_attribute(struct text *out, const char *name, const char *value)
{
    if (value == NULL)
        return;
    text_append_char(out, ' ');
    text_append_string(out, name);
    text_append_string(out, "=\"");
    text_append_escaped(out, value, strlen(value), true);
    text_append_char(out, '"');
}

void stream_header_write(struct text *out, const struct stream_header_fields *fields)
{
    text_append_string(out, "<?xml version=\"1.0\"?><stream:stream");
    write_attribute(out, "xmlns", fields->content_ns);
    write_attribute(out, "xmlns:stream", XMLNS_STREAM);
    write_attribute(out, "xmlns:db", fields->dialback ? XMLNS_DIALBACK : NULL);
    write_attribute(out, "from", fields->from);
    write_attribute(out, "to", fields->to);
    write_attribute(out, "id", fields->id);
    write_attribute(out, "xml:lang", fields->lang);
    write_attribute(out, "version", fields->version ? "1.0" : NULL);
    text_append_char(out, '>');
}
