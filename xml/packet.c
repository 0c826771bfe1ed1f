/* SPDX-License-Identifier: Apache-2.0 */
/* packet - iq, message and presence seen on an element; error replies
 *
 * Openfire: Packet, IQ, Message, Presence, PacketError. RFC 6120 8.2.3, 8.3 (what may be answered,
 * the conditions and their types). Replies live in the arena that the caller gives; the payload of
 * an iq is copied into its error (8.3.1). Pure; one thread at a time.
 */
#include "xml/packet.h"

#include <string.h>

#include "xml/xmlns.h"

static const struct {
    const char *name, *type;
} conditions[] = {
    [PACKET_BAD_REQUEST] = {"bad-request", "modify"},
    [PACKET_CONFLICT] = {"conflict", "cancel"},
    [PACKET_FEATURE_NOT_IMPLEMENTED] = {"feature-not-implemented", "cancel"},
    [PACKET_FORBIDDEN] = {"forbidden", "auth"},
    [PACKET_INTERNAL_SERVER_ERROR] = {"internal-server-error", "cancel"},
    [PACKET_ITEM_NOT_FOUND] = {"item-not-found", "cancel"},
    [PACKET_JID_MALFORMED] = {"jid-malformed", "modify"},
    [PACKET_NOT_ACCEPTABLE] = {"not-acceptable", "modify"},
    [PACKET_NOT_ALLOWED] = {"not-allowed", "cancel"},
    [PACKET_NOT_AUTHORIZED] = {"not-authorized", "auth"},
    [PACKET_POLICY_VIOLATION] = {"policy-violation", "modify"},
    [PACKET_REMOTE_SERVER_NOT_FOUND] = {"remote-server-not-found", "cancel"},
    [PACKET_REMOTE_SERVER_TIMEOUT] = {"remote-server-timeout", "wait"},
    [PACKET_RESOURCE_CONSTRAINT] = {"resource-constraint", "wait"},
    [PACKET_SERVICE_UNAVAILABLE] = {"service-unavailable", "cancel"},
    [PACKET_UNDEFINED_CONDITION] = {"undefined-condition", "cancel"},
};

const char *packet_error_name(enum packet_error error)
{
    return conditions[error].name;
}

const char *packet_error_type(enum packet_error error)
{
    return conditions[error].type;
}

enum packet_error packet_error_find(const char *name)
{
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++)
        if (strcmp(conditions[i].name, name) == 0)
            return (enum packet_error)i;
    return PACKET_UNDEFINED_CONDITION;
}

enum packet_kind packet_kind(const struct element *element)
{
    if (element->name == NULL || !element_same(element->ns, XMLNS_SERVER))
        return PACKET_NONE;
    switch (element->name[0]) {
    case 'i':
        return strcmp(element->name, "iq") == 0 ? PACKET_IQ : PACKET_NONE;
    case 'm':
        return strcmp(element->name, "message") == 0 ? PACKET_MESSAGE : PACKET_NONE;
    case 'p':
        return strcmp(element->name, "presence") == 0 ? PACKET_PRESENCE : PACKET_NONE;
    default:
        return PACKET_NONE;
    }
}

static bool has_type(const struct element *packet, const char *type)
{
    const char *value = element_get(packet, "type");
    return value != NULL && strcmp(value, type) == 0;
}

bool packet_iq_is_request(const struct element *packet)
{
    return packet_kind(packet) == PACKET_IQ && (has_type(packet, "get") || has_type(packet, "set"));
}

bool packet_wants_reply(const struct element *packet)
{
    if (has_type(packet, "error"))
        return false;
    switch (packet_kind(packet)) {
    case PACKET_IQ:
        return !has_type(packet, "result");
    case PACKET_MESSAGE:
        return true;
    case PACKET_PRESENCE:
        return !has_type(packet, "unavailable");
    default:
        return false;
    }
}

struct element *packet_reply(struct arena *arena, const struct element *packet, const char *type)
{
    struct element *reply =
        element_new(arena, arena_copy(arena, packet->name, strlen(packet->name)), XMLNS_SERVER);
    element_set(arena, reply, "type", type);
    element_set(arena, reply, "id", element_get(packet, "id"));
    element_set(arena, reply, "from", element_get(packet, "to"));
    element_set(arena, reply, "to", element_get(packet, "from"));
    return reply;
}

void packet_add_error(struct arena *arena, struct element *element, enum packet_error error,
                      const char *text)
{
    struct element *child = element_add(arena, element, "error", XMLNS_SERVER);
    element_set(arena, child, "type", packet_error_type(error));
    element_add(arena, child, packet_error_name(error), XMLNS_STANZA_ERRORS);
    if (text == NULL || text[0] == '\0')
        return;
    struct element *words = element_add(arena, child, "text", XMLNS_STANZA_ERRORS);
    struct attribute *lang = arena_alloc(arena, sizeof *lang);
    *lang = (struct attribute){
        .name = "lang", .prefix = "xml", .ns = XMLNS_XML, .value = "en", .value_length = 2};
    words->attributes = words->last_attribute = lang;
    element_add_text(arena, words, text, strlen(text));
}

struct element *packet_error_reply(struct arena *arena, const struct element *packet,
                                   enum packet_error error, const char *text)
{
    if (!packet_wants_reply(packet))
        return NULL;
    struct element *reply = packet_reply(arena, packet, "error");
    if (packet_kind(packet) == PACKET_IQ)
        for (struct element *child = element_first(packet); child != NULL;
             child = element_next(child))
            element_append(reply, element_copy(arena, child));
    packet_add_error(arena, reply, error, text);
    return reply;
}

enum packet_error packet_read_error(struct arena *arena, const struct element *packet,
                                    const char **text)
{
    enum packet_error error = PACKET_UNDEFINED_CONDITION;
    const char *words = "";
    const struct element *child = element_child(packet, "error", NULL);
    for (const struct element *each = child != NULL ? element_first(child) : NULL; each != NULL;
         each = element_next(each)) {
        if (strcmp(each->ns, XMLNS_STANZA_ERRORS) != 0)
            continue;
        if (strcmp(each->name, "text") == 0)
            words = element_text(each, arena);
        else if (error == PACKET_UNDEFINED_CONDITION)
            error = packet_error_find(each->name);
    }
    if (text != NULL)
        *text = words;
    return error;
}
