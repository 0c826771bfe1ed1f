/* SPDX-License-Identifier: Apache-2.0 */
/* dialback_element - build and read db:result and db:verify
 *
 * XEP-0220 2.1 to 2.5. What we write always has the prefix db, which every header of ours declares
 * (conformance 24); what we read may have any prefix that is bound to jabber:server:dialback. The
 * white space around a key is removed, as a peer that indents its XML means the key, not the
 * spaces. Pure: threads share nothing here.
 */
#include "dialback/dialback_element.h"

#include <string.h>

#include "xml/xmlns.h"

enum dialback_kind dialback_element_kind(const struct element *element)
{
    if (element_is(element, "result", XMLNS_DIALBACK))
        return DIALBACK_RESULT;
    if (element_is(element, "verify", XMLNS_DIALBACK))
        return DIALBACK_VERIFY;
    return DIALBACK_NONE;
}

static enum dialback_type read_type(const char *type)
{
    static const struct {
        const char *name;
        enum dialback_type type;
    } types[] = {
        {"valid", DIALBACK_VALID}, {"invalid", DIALBACK_INVALID}, {"error", DIALBACK_ERROR}};
    if (type == NULL)
        return DIALBACK_REQUEST;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(type, types[i].name) == 0)
            return types[i].type;
    return DIALBACK_UNKNOWN_TYPE;
}

/* read_domain - the prepared domain of an attribute that must hold a bare domain */
static bool read_domain(const struct element *element, const char *name, char out[JID_PART_MAX + 1])
{
    const struct attribute *attribute = element_get_attribute(element, name);
    return attribute != NULL &&
           jid_prepare_domain(attribute->value, attribute->value_length, out) > 0;
}

static const char *trim(struct arena *arena, const char *text)
{
    static const char space[] = " \t\r\n";
    text += strspn(text, space);
    size_t length = strlen(text);
    while (length > 0 && strchr(space, text[length - 1]) != NULL)
        length--;
    return arena_copy(arena, text, length);
}

void dialback_element_read(struct dialback_element *dialback, const struct element *element,
                           struct arena *arena)
{
    dialback->kind = dialback_element_kind(element);
    dialback->type = read_type(element_get(element, "type"));
    dialback->addressed =
        read_domain(element, "from", dialback->from) && read_domain(element, "to", dialback->to);
    if (!dialback->addressed)
        dialback->from[0] = dialback->to[0] = '\0';
    dialback->id = element_get(element, "id");
    dialback->key = trim(arena, element_text(element, arena));
    dialback->error = PACKET_UNDEFINED_CONDITION;
    dialback->error_text = "";
    if (dialback->type == DIALBACK_ERROR)
        dialback->error = packet_read_error(arena, element, &dialback->error_text);
}

static void write_attribute(struct text *out, const char *name, const char *value)
{
    text_append_char(out, ' ');
    text_append_string(out, name);
    text_append_string(out, "=\"");
    text_append_escaped(out, value, strlen(value), true);
    text_append_char(out, '"');
}

/* write_start - "<db:result from to id", the tag still open */
static void write_start(struct text *out, enum dialback_kind kind, const char *from, const char *to,
                        const char *id)
{
    text_append_string(out, kind == DIALBACK_RESULT ? "<db:result" : "<db:verify");
    write_attribute(out, "from", from);
    write_attribute(out, "to", to);
    if (id != NULL)
        write_attribute(out, "id", id);
}

static void write_end(struct text *out, enum dialback_kind kind)
{
    text_append_string(out, kind == DIALBACK_RESULT ? "</db:result>" : "</db:verify>");
}

void dialback_element_write_request(struct text *out, enum dialback_kind kind, const char *from,
                                    const char *to, const char *id, const char *key)
{
    write_start(out, kind, from, to, id);
    text_append_char(out, '>');
    text_append_escaped(out, key, strlen(key), false);
    write_end(out, kind);
}

void dialback_element_write_answer(struct text *out, enum dialback_kind kind, const char *from,
                                   const char *to, const char *id, enum dialback_type type,
                                   enum packet_error error, const char *text)
{
    write_start(out, kind, from, to, id);
    if (type != DIALBACK_ERROR) {
        text_append_string(out,
                           type == DIALBACK_VALID ? " type=\"valid\"/>" : " type=\"invalid\"/>");
        return;
    }
    /* declared here too: a header of ours says nothing of dialback while it is switched off */
    text_append_string(out, " xmlns:db=\"" XMLNS_DIALBACK "\" type=\"error\"><error type=\"");
    text_append_string(out, packet_error_type(error));
    text_append_string(out, "\"><");
    text_append_string(out, packet_error_name(error));
    text_append_string(out, " xmlns=\"" XMLNS_STANZA_ERRORS "\"/>");
    if (text != NULL && text[0] != '\0') {
        text_append_string(out, "<text xmlns=\"" XMLNS_STANZA_ERRORS "\" xml:lang=\"en\">");
        text_append_escaped(out, text, strlen(text), false);
        text_append_string(out, "</text>");
    }
    text_append_string(out, "</error>");
    write_end(out, kind);
}
