/* packet - iq, message and presence seen on an element; error replies
 *
 * Openfire: org.xmpp.packet.Packet, IQ, Message, Presence, PacketError. RFC 6120 8. Pure.
 */
#ifndef XML_PACKET_H
#define XML_PACKET_H

#include <stdbool.h>

#include "xml/element.h"

enum packet_kind { PACKET_NONE, PACKET_IQ, PACKET_MESSAGE, PACKET_PRESENCE };

/* packet_kind - by name and namespace (jabber:server only: jabber:client is no stanza here, RFC
 * 6120 4.8.3) */
enum packet_kind packet_kind(const struct element *element);

/* RFC 6120 8.3.3. Name and type ("cancel", "modify", "wait", "auth") of each stand in packet.c's
 * table. */
enum packet_error {
    PACKET_BAD_REQUEST,
    PACKET_CONFLICT,
    PACKET_FEATURE_NOT_IMPLEMENTED,
    PACKET_FORBIDDEN,
    PACKET_INTERNAL_SERVER_ERROR,
    PACKET_ITEM_NOT_FOUND,
    PACKET_JID_MALFORMED,
    PACKET_NOT_ACCEPTABLE,
    PACKET_NOT_ALLOWED,
    PACKET_NOT_AUTHORIZED,
    PACKET_POLICY_VIOLATION,
    PACKET_REMOTE_SERVER_NOT_FOUND,
    PACKET_REMOTE_SERVER_TIMEOUT,
    PACKET_RESOURCE_CONSTRAINT,
    PACKET_SERVICE_UNAVAILABLE,
    PACKET_UNDEFINED_CONDITION
};

const char *packet_error_name(enum packet_error error); /* "bad-request" */
const char *packet_error_type(enum packet_error error); /* "modify" */
/* packet_error_find - by condition name; PACKET_UNDEFINED_CONDITION when it is none of RFC 6120's
 */
enum packet_error packet_error_find(const char *name);

/* packet_wants_reply - may an error be sent back for it? False for errors, iq results, presence
 * of type unavailable/error, message of type error (RFC 6120 8.3.1: an error is never answered
 * by an error) */
bool packet_wants_reply(const struct element *packet);
/* packet_iq_is_request - an iq of type get or set */
bool packet_iq_is_request(const struct element *packet);

/* packet_reply - an empty stanza of the same kind and id with from and to swapped; `type` is set */
struct element *packet_reply(struct arena *arena, const struct element *packet, const char *type);
/* packet_error_reply - the same with type error, the original payload of an iq, and <error/>;
 * `text` (English) may be NULL. NULL when packet_wants_reply says no. */
struct element *packet_error_reply(struct arena *arena, const struct element *packet,
                                   enum packet_error error, const char *text);
/* packet_add_error - append <error type><condition/><text/></error> to `element` (also used for
 * dialback errors) */
void packet_add_error(struct arena *arena, struct element *element, enum packet_error error,
                      const char *text);
/* packet_read_error - the condition inside <error/> of an error stanza or dialback error, and
 * its text (in the arena, "" if none) through `text` unless NULL */
enum packet_error packet_read_error(struct arena *arena, const struct element *packet,
                                    const char **text);

#endif
