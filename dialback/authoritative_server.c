/* SPDX-License-Identifier: Apache-2.0 */
/* authoritative_server - "is this key yours?"
 *
 * Openfire: ServerDialback.verifyReceivedKey. XEP-0220 2.2.2, XEP-0185.
 *
 * Action points:
 *   db:verify from=RECEIVING to=OURS id=STREAM key
 *     -> addresses or id missing: nothing, the caller ends the stream
 *     -> OURS is not served here: error item-not-found, the stream stays
 *     -> key(RECEIVING, OURS, STREAM) is that key: valid, else invalid
 * The asking stream needs no proof of its own and gains no right by asking (conformance 87). It is
 * no oracle: who asks must
 * already hold the key; a guess costs 2^256.
 */
#include "dialback/authoritative_server.h"

#include <string.h>

#include "dialback/dialback_key.h"
#include "server/metrics.h"
#include "server/xmpp_server.h"

enum dialback_type authoritative_server_verify_received_key(const struct dialback_element *request,
                                                            const char *refused, bool for_all,
                                                            struct text *out, struct text *why)
{
    if (!request->addressed || request->id == NULL) {
        text_append_string(why, "db:verify without proper from, to and id");
        return DIALBACK_UNKNOWN_TYPE;
    }
    enum dialback_type type = DIALBACK_ERROR;
    enum packet_error error = PACKET_ITEM_NOT_FOUND;
    const char *text = NULL;
    if (refused != NULL) {
        error = PACKET_POLICY_VIOLATION;
        text = refused;
    } else if (!for_all && !xmpp_server_is_local(request->to, strlen(request->to))) {
        text = "no such domain here";
    } else {
        type = dialback_key_check(request->key, request->from, request->to, request->id)
                   ? DIALBACK_VALID
                   : DIALBACK_INVALID;
    }
    if (type == DIALBACK_VALID)
        metrics_add(verify_answered_valid, 1);
    else
        metrics_add(verify_answered_invalid, 1);
    text_appendf(why, "%s asked about the key that %s showed on its stream %s: %s", request->from,
                 request->to, request->id,
                 type == DIALBACK_VALID     ? "it is ours"
                 : type == DIALBACK_INVALID ? "it is not ours"
                                            : text);
    dialback_element_write_answer(out, DIALBACK_VERIFY, request->to, request->from, request->id,
                                  type, error, text);
    return type;
}
