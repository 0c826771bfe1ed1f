/* SPDX-License-Identifier: Apache-2.0 */
/* receiving_server - "prove you are X": ask the authoritative server, pass its answer on
 *
 * Openfire: ServerDialback.validateRemoteDomain, verifyKey. XEP-0220 2.1.2, 2.2.1, 2.5.
 *
 * Action points:
 *   db:result from=X to=OURS key, on X's stream
 *     -> no proper addresses: improper-addressing      dialback off, X not permitted:
 *     policy-violation
 *     -> OURS not served: error item-not-found         X is one of ours: error not-allowed
 *     -> else a verification, on a stream to X: db:verify from=OURS to=X id=(our id of X's stream)
 *     key
 *   db:verify type=… on that stream
 *     -> pair and id of a verification sent on this very stream: its verdict    else nothing
 *     (XEP-0220 3.1)
 *   deadline, stream gone -> an error verdict: the originating server always gets an answer
 * DIFFERS: Openfire asks on the reader's thread and lets the stream wait; says nothing when no
 * authoritative
 * server is reachable (D11); and ends the stream of all domains when one fails (C4).
 */
#include "dialback/receiving_server.h"

#include <stdlib.h>
#include <string.h>

#include "server/metrics.h"
#include "server/remote_server_manager.h"
#include "server/xmpp_server.h"

enum receiving_check receiving_server_check(const struct dialback_element *request,
                                            enum receiving_place place, enum packet_error *error,
                                            enum stream_error *stream_error, struct text *why)
{
    *stream_error = STREAM_POLICY_VIOLATION;
    if (!request->addressed) {
        *stream_error = STREAM_IMPROPER_ADDRESSING;
        text_append_string(why, "db:result without proper from and to");
        return RECEIVING_END_STREAM;
    }
    if (place == RECEIVING_UPSTREAM)
        return RECEIVING_ASK;
    if (place == RECEIVING_NO_UPSTREAM) {
        *error = PACKET_FORBIDDEN;
        text_appendf(why, "no upstream at this address has the domain %s", request->from);
        return RECEIVING_ANSWER_ERROR;
    }
    if (place == RECEIVING_OFF) {
        text_append_string(why, "server dialback is switched off here");
        return RECEIVING_END_STREAM;
    }
    if (!remote_server_manager_can_access(request->from, why))
        return RECEIVING_END_STREAM;
    text_clear(why);
    if (!xmpp_server_is_local(request->to, strlen(request->to))) {
        *error = PACKET_ITEM_NOT_FOUND;
        text_appendf(why, "no such domain here: %s", request->to);
        return RECEIVING_ANSWER_ERROR;
    }
    if (xmpp_server_is_local(request->from, strlen(request->from))) {
        *error = PACKET_NOT_ALLOWED;
        text_appendf(why, "%s is a domain of this server", request->from);
        return RECEIVING_ANSWER_ERROR;
    }
    return RECEIVING_ASK;
}

struct dialback_verification *dialback_verification_new(const struct dialback_element *request,
                                                        const char *stream_id,
                                                        dialback_verification_done *done,
                                                        void *owner)
{
    struct dialback_verification *verification = text_calloc(1, sizeof *verification);
    verification->local = text_copy(request->to);
    verification->remote = text_copy(request->from);
    verification->stream_id = text_copy(stream_id);
    verification->key = text_copy(request->key);
    verification->deadline = INT64_MAX;
    verification->began = metrics_now();
    verification->done = done;
    verification->owner = owner;
    return verification;
}

void dialback_verification_finish(struct dialback_verification *verification,
                                  const struct dialback_verdict *verdict)
{
    enum metrics_verdict result = verdict->type == DIALBACK_VALID     ? VERDICT_VALID
                                  : verdict->type == DIALBACK_INVALID ? VERDICT_INVALID
                                                                      : VERDICT_ERROR;
    metrics_observe(&metrics.dialback[METRICS_INCOMING][result], verification->began);
    if (verdict->type == DIALBACK_VALID)
        metrics_add(proofs[METRICS_INCOMING][PROOF_DIALBACK], 1);
    verification->done(verification->owner, verification, verdict);
    free(verification->local);
    free(verification->remote);
    free(verification->stream_id);
    free(verification->key);
    free(verification);
}

void receiving_server_take(struct receiving_server *server,
                           struct dialback_verification *verification)
{
    struct dialback_verification **at = &server->verifications;
    while (*at != NULL)
        at = &(*at)->next;
    verification->next = NULL;
    *at = verification;
}

void receiving_server_verify_keys(struct receiving_server *server, int64_t deadline,
                                  struct text *out)
{
    for (struct dialback_verification *each = server->verifications; each != NULL;
         each = each->next) {
        if (each->sent)
            continue;
        dialback_element_write_request(out, DIALBACK_VERIFY, each->local, each->remote,
                                       each->stream_id, each->key);
        each->sent = true;
        each->deadline = deadline;
    }
}

static struct dialback_verification *take(struct dialback_verification **at)
{
    struct dialback_verification *verification = *at;
    *at = verification->next;
    verification->next = NULL;
    return verification;
}

/* judge - what the authoritative server's answer means for the originating server (XEP-0220 2.5) */
static void judge(const struct dialback_element *answer, struct dialback_verdict *verdict,
                  struct text *why)
{
    verdict->type = answer->type == DIALBACK_UNKNOWN_TYPE ? DIALBACK_ERROR : answer->type;
    verdict->error = PACKET_REMOTE_SERVER_TIMEOUT;
    if (answer->type == DIALBACK_VALID)
        text_appendf(why, "the authoritative server of %s says that the key is its own",
                     answer->from);
    else if (answer->type == DIALBACK_INVALID)
        text_appendf(why, "the authoritative server of %s says that the key is not its own",
                     answer->from);
    else {
        if (answer->error == PACKET_ITEM_NOT_FOUND ||
            answer->error == PACKET_REMOTE_SERVER_NOT_FOUND)
            verdict->error = PACKET_REMOTE_SERVER_NOT_FOUND;
        text_appendf(why, "the authoritative server of %s could not say: %s %s", answer->from,
                     packet_error_name(answer->error), answer->error_text);
    }
    verdict->why = text_string(why);
}

struct dialback_verification *receiving_server_take_answered(struct receiving_server *server,
                                                             const struct dialback_element *answer,
                                                             struct dialback_verdict *verdict,
                                                             struct text *why)
{
    if (answer->kind != DIALBACK_VERIFY || answer->type == DIALBACK_REQUEST || !answer->addressed ||
        answer->id == NULL)
        return NULL;
    for (struct dialback_verification **at = &server->verifications; *at != NULL;
         at = &(*at)->next) {
        struct dialback_verification *each = *at;
        if (!each->sent || strcmp(each->stream_id, answer->id) != 0 ||
            strcmp(each->remote, answer->from) != 0 || strcmp(each->local, answer->to) != 0)
            continue;
        judge(answer, verdict, why);
        return take(at);
    }
    return NULL;
}

struct dialback_verification *receiving_server_take_expired(struct receiving_server *server,
                                                            int64_t now)
{
    for (struct dialback_verification **at = &server->verifications; *at != NULL; at = &(*at)->next)
        if ((*at)->deadline <= now)
            return take(at);
    return NULL;
}
