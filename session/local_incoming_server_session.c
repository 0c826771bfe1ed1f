/* SPDX-License-Identifier: Apache-2.0 */
/* local_incoming_server_session - a stream that another domain opened to us
 *
 * Openfire: LocalIncomingServerSession. RFC 6120 4.7, XEP-0220 2.1.2, 2.2.1, 2.4, XEP-0478.
 *
 * Action points:
 *   opening tag accepted  -> header with a fresh 128-bit id; features if the peer speaks 1.0
 *   db:result             -> validate_subsequent_domain: receiving_server_check; then a
 *   verification goes to the outgoing stream to that domain
 *   verdict valid         -> the pair joins the validated ones, then db:result valid is sent
 *   (OF-2626: in this order)
 *   verdict invalid       -> db:result invalid; the stream ends unless other pairs were proved or
 *   are being proved on it
 *   verdict error         -> db:result error; the stream stays
 *   db:result after the negotiation's deadline, nothing proved -> db:result error; those pending may still end well
 * DIFFERS: Openfire keeps remote names only; here a right belongs to one (local, remote) pair.
 * 3.7.1 tests it by substring (D3).
 */
#include "session/local_incoming_server_session.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "dialback/receiving_server.h"
#include "server/connection_limiter.h"
#include "server/limit_log.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/remote_server_manager.h"
#include "server/timeline.h"
#include "server/tls_policy.h"
#include "server/upstream_manager.h"
#include "server/xmpp_server.h"
#include "session/domain_limits.h"
#include "session/incoming_handshake.h"
#include "session/incoming_session_state.h"
#include "session/local_outgoing_server_session.h"
#include "session/retry_pause.h"
#include "session/server_session_description.h"
#include "session/session_manager.h"
#include "session/session_outcome.h"
#include "session/tls_negotiation.h"
#include "session/validated_domains.h"
#include "xml/jid.h"

static void free_session(struct session *base)
{
    struct local_incoming_server_session *session = (struct local_incoming_server_session *)base;
    domain_pair_table_free(&session->pairs);
    connection_limiter_unref(session->ticket);
    session_destroy(base);
    free(session->local);
    free(session->claimed);
    free(session);
}

/* check_permission - after a change of the settings: a pair that may no longer talk ends the
 * stream */
static void check_permission(struct session *base)
{
    struct local_incoming_server_session *session = (struct local_incoming_server_session *)base;
    struct text why = TEXT_EMPTY;
    enum stream_error error = STREAM_ERROR_NONE;
    size_t position = 0;
    pthread_mutex_lock(&base->lock);
    for (struct domain_pair *pair;
         error == STREAM_ERROR_NONE &&
         (pair = domain_pair_table_next(&session->pairs, &position)) != NULL;) {
        text_clear(&why);
        if (session->upstream) {
            if (!upstream_manager_admits((struct sockaddr *)&session->peer, pair->remote)) {
                error = STREAM_POLICY_VIOLATION;
                text_appendf(&why, "%s is not served behind us from there", pair->remote);
            }
        } else if (!remote_server_manager_can_access(pair->remote, &why))
            error = STREAM_POLICY_VIOLATION;
        else if (!xmpp_server_is_local(pair->local, pair->local_length)) {
            error = STREAM_HOST_GONE;
            text_clear(&why);
            text_appendf(&why, "%s is served here no more", pair->local);
        }
    }
    pthread_mutex_unlock(&base->lock);
    if (error != STREAM_ERROR_NONE && session_end(base, error, NULL))
        log_info("%s: ended after a change of the settings: %s, %s",
                 socket_connection_name(base->connection), stream_error_name(error),
                 text_string(&why));
    text_free(&why);
}

/* tick - the reader watches its own deadlines; left is the end of the peer's certificate (RFC 6120 13.7.2.3) */
static void tick(struct session *session, int64_t now)
{
    (void)now;
    if (socket_connection_has_expired(session->connection) &&
        session_end(session, STREAM_RESET, "your certificate has expired"))
        log_info("%s: ended: the certificate of %s has expired",
                 socket_connection_name(session->connection),
                 socket_connection_peer(session->connection));
}

static const struct session_operations operations = {
    .kind = "incoming",
    .free = free_session,
    .check_permission = check_permission,
    .tick = tick,
    .describe = server_session_description_incoming,
    .stand = server_session_description_stand_incoming,
};

struct local_incoming_server_session *local_incoming_server_session_create_session(
    struct socket_reader *reader, const char *local, const struct stream_header *header,
    const struct handshake_offer *offer)
{
    char claimed[JID_PART_MAX + 1];
    struct local_incoming_server_session *session = text_calloc(1, sizeof *session);
    session_init(&session->session, &operations);
    session->session.connection = socket_connection_ref(reader->connection);
    session->max_pending = reader->config->s2s_negotiation_verifications;
    session->max_pairs = reader->config->s2s_domains_per_stream;
    session->upstream = offer->upstream;
    session->local = text_copy(local);
    session->claimed = text_copy(
        header->from != NULL && jid_prepare_domain(header->from, strlen(header->from), claimed) > 0
            ? claimed
            : NULL);
    session->deadline = offer->deadline;
    session->ticket = connection_limiter_ref(reader->ticket);
    socklen_t size = sizeof session->peer;
    getpeername(socket_connection_fd(reader->connection), (struct sockaddr *)&session->peer, &size);
    socket_reader_make_stream_id(session->stream_id);
    session_manager_add(&session->session);
    metrics_add(incoming_sessions, 1);
    if (offer->authenticated != NULL && /* before the handshake: what follows it may come at once */
        validated_domains_believe(session, local, offer->authenticated, PAIR_BY_EXTERNAL)) {
        session_outcome_in(reader->connection, offer->authenticated, local, FAILURE_NONE, "");
        log_info("%s: %s proved itself to %s by its certificate, from %s",
                 socket_connection_name(reader->connection), offer->authenticated, local,
                 socket_connection_peer(reader->connection));
    }
    incoming_handshake_send(reader, local, session->stream_id, header, offer);
    return session;
}

void local_incoming_server_session_replace(struct local_incoming_server_session *session)
{
    metrics_add(incoming_sessions, -1);
    session_manager_remove(&session->session);
    session_unref(&session->session);
}

bool local_incoming_server_session_has_pairs(struct local_incoming_server_session *session)
{
    pthread_mutex_lock(&session->session.lock);
    bool has = session->pairs.count > 0 || session->pending > 0;
    pthread_mutex_unlock(&session->session.lock);
    return has;
}

void local_incoming_server_session_close(struct local_incoming_server_session *session,
                                         struct socket_reader *reader)
{
    struct text pairs = TEXT_EMPTY;
    size_t position = 0;
    validated_domains_over(session);
    pthread_mutex_lock(&session->session.lock);
    for (struct domain_pair *pair;
         pairs.length < 200 && (pair = domain_pair_table_next(&session->pairs, &position));)
        if (pair_is_proved(pair->value))
            text_appendf(&pairs, "%s%s to %s", pairs.length > 0 ? ", " : "", pair->remote,
                         pair->local);
    pthread_mutex_unlock(&session->session.lock);
    if (!reader->quiet)
        log_info("incoming session from %s ended: %s (%s); %lld stanzas in; proved: %s",
                 socket_connection_peer(reader->connection),
                 reader->end_word ? reader->end_word : "closed", text_string(&reader->end_reason),
                 (long long)atomic_load(&session->session.packets_in),
                 pairs.length > 0 ? text_string(&pairs) : "nothing");
    text_free(&pairs);
    metrics_add(incoming_sessions, -1);
    session_manager_remove(&session->session);
    session_unref(&session->session);
}

const char *local_incoming_server_session_stream_id(
    const struct local_incoming_server_session *session)
{
    return session->stream_id;
}

/* answer - a db:result to the originating server. `own` on the stream's own thread, which may
 * wait for a slow peer; a thread that brings a verdict must not: it serves the stream of another
 * domain. */
static void answer(struct local_incoming_server_session *session, bool own, const char *local,
                   const char *remote, enum dialback_type type, enum packet_error error,
                   const char *text)
{
    struct text out = TEXT_EMPTY;
    dialback_element_write_answer(&out, DIALBACK_RESULT, local, remote, NULL, type, error, text);
    struct socket_connection *connection = session->session.connection;
    if (own) {
        socket_connection_deliver(connection, out.bytes, out.length);
    } else {
        socket_connection_deliver_now(connection, out.bytes, out.length);
        socket_connection_flush(connection, false);
    }
    text_free(&out);
}

/* settle - the pair's pending state becomes its verdict, which may have to be another one: who has enough streams gets no
 * further. True when an invalid verdict leaves the stream with nothing. */
static bool settle(struct local_incoming_server_session *session,
                   const struct dialback_verification *verification,
                   struct dialback_verdict *verdict)
{
    struct span local = domain_span(verification->local),
                remote = domain_span(verification->remote);
    pthread_mutex_lock(&session->session.lock);
    session->pending--;
    domain_pair_table_remove(&session->pairs, local, remote);
    if (verdict->type == DIALBACK_VALID && !session->over &&
        !validated_domains_add(session, local, remote, PAIR_BY_DIALBACK))
        *verdict = (struct dialback_verdict){DIALBACK_ERROR, PACKET_RESOURCE_CONSTRAINT,
                                             "there are enough other streams of this domain"};
    bool nothing_left =
        verdict->type == DIALBACK_INVALID && session->pending == 0 && session->validated == 0;
    pthread_mutex_unlock(&session->session.lock);
    return nothing_left;
}

/* verified - the verdict on one verification, from whichever thread learnt it */
static void verified(void *owner, const struct dialback_verification *verification,
                     const struct dialback_verdict *answered)
{
    struct local_incoming_server_session *session = owner;
    struct socket_connection *connection = session->session.connection;
    struct dialback_verdict settled = *answered, *verdict = &settled;
    bool nothing_left = settle(session, verification, verdict);
    if (verdict->type != answered->type)
        validated_domains_log_enough(session, verification->local, verification->remote);
    if (verdict->type == DIALBACK_VALID)
        connection_limiter_proved(session->ticket);
    connection_limiter_end_verification(session->ticket);
    static const char *const words[] = {"?", "valid", "invalid", "error", "?"};
    timeline_step(
        socket_connection_timeline(connection), "ServerDialback.validateRemoteDomain",
        "XEP-0220 2.2.1", "verdict for %s to %s: %s%s%s; %s", verification->remote,
        verification->local, words[verdict->type], verdict->type == DIALBACK_ERROR ? " " : "",
        verdict->type == DIALBACK_ERROR ? packet_error_name(verdict->error) : "", verdict->why);
    if (verdict->type == DIALBACK_VALID) {
        metrics_add(domains_validated, 1);
        retry_pause_succeeded(
            verification->remote); /* it is alive: our answers to it need not wait */
        log_info("%s: %s proved itself to %s by dialback, from %s",
                 socket_connection_name(connection), verification->remote, verification->local,
                 socket_connection_peer(connection));
    } else {
        metrics_add(domains_refused, 1);
        log_info("%s: %s from %s did not prove itself to %s: %s",
                 socket_connection_name(connection), verification->remote,
                 socket_connection_peer(connection), verification->local, verdict->why);
    }
    session_outcome_in(connection, verification->remote, verification->local,
                       verdict->type == DIALBACK_VALID     ? FAILURE_NONE
                       : verdict->type != answered->type   ? FAILURE_LIMIT_HERE
                       : verdict->type == DIALBACK_INVALID ? FAILURE_THEIR_KEY_DENIED
                                                           : FAILURE_DIALBACK_UNVERIFIED,
                       verdict->why);
    /* what became of our connection is not for strangers: they would look through our network with our eyes */
    answer(session, false, verification->local, verification->remote, verdict->type, verdict->error,
           "the question about this key was not answered");
    if (nothing_left) /* XEP-0220 2.2.1: after an invalid result the stream is of no use */
        session_end(&session->session, STREAM_ERROR_NONE, NULL);
    session_unref(&session->session);
}

enum claim {
    CLAIM_NEW,
    CLAIM_VALIDATED,
    CLAIM_PENDING,
    CLAIM_TOO_MANY,
    CLAIM_ALL_TOO_MANY,
    CLAIM_ENOUGH,
    CLAIM_TOO_LATE
};

/* claim_pair - make the pair pending unless it is known, there are too many, or it comes too late: a stream that has proved
 * nothing lives on after its deadline for what is pending, so new claims would keep it, and us dialling, for ever */
static enum claim claim_pair(struct local_incoming_server_session *session,
                             const struct dialback_element *request)
{
    struct span local = domain_span(request->to), remote = domain_span(request->from);
    pthread_mutex_lock(&session->session.lock);
    void *state = domain_pair_table_get(&session->pairs, local, remote);
    enum claim claim = pair_is_proved(state)   ? CLAIM_VALIDATED
                       : state == PAIR_PENDING ? CLAIM_PENDING
                                               : CLAIM_NEW;
    if (claim == CLAIM_NEW && (session->pending >= session->max_pending ||
                               (int64_t)session->pairs.count >= session->max_pairs))
        claim = CLAIM_TOO_MANY;
    if (claim == CLAIM_NEW && session->validated == 0 && xmpp_server_now() >= session->deadline)
        claim = CLAIM_TOO_LATE;
    if (claim == CLAIM_NEW && !session->upstream && !domain_limits_may_have(local, remote))
        claim = CLAIM_ENOUGH;
    if (claim == CLAIM_NEW) {
        domain_pair_table_put(&session->pairs, local, remote, PAIR_PENDING);
        session->pending++;
    }
    pthread_mutex_unlock(&session->session.lock);
    return claim;
}

/* give_claim_up - nobody will be asked after all */
static void give_claim_up(struct local_incoming_server_session *session,
                          const struct dialback_element *request)
{
    pthread_mutex_lock(&session->session.lock);
    domain_pair_table_remove(&session->pairs, domain_span(request->to), domain_span(request->from));
    session->pending--;
    pthread_mutex_unlock(&session->session.lock);
}

/* certificate_proves - XEP-0344: dialback without dialling back. Judged for this very domain, now (CVE-2021-32919
 * was a judgement made elsewhere). */
static bool certificate_proves(struct socket_reader *reader, const struct dialback_element *request)
{
    const struct server_verdict *verdict = tls_negotiation_verdict(reader);
    if (verdict == NULL || !reader->config->s2s_dialback_certificate ||
        !tls_policy_get(reader->config, request->from).external)
        return false;
    struct text how = TEXT_EMPTY;
    bool proves = server_trust_manager_proves(verdict, request->from, &how);
    timeline_step(socket_connection_timeline(reader->connection),
                  "ServerDialback.validateRemoteDomain", "XEP-0344 2.2",
                  proves ? "the certificate proves %s already (%s): nobody need be asked"
                         : "the certificate does not prove %s (%s)",
                  request->from, text_string(&how));
    text_free(&how);
    return proves;
}

/* take_certificate - valid, without a question; the claim is settled */
static void take_certificate(struct local_incoming_server_session *session,
                             const struct dialback_element *request)
{
    if (!validated_domains_believe(session, request->to, request->from, PAIR_BY_CERTIFICATE)) {
        session_outcome_in(session->session.connection, request->from, request->to,
                           FAILURE_LIMIT_HERE, "there are enough other streams of this domain");
        answer(session, true, request->to, request->from, DIALBACK_ERROR,
               PACKET_RESOURCE_CONSTRAINT, "there are enough other streams of this domain");
        return;
    }
    retry_pause_succeeded(request->from);
    session_outcome_in(session->session.connection, request->from, request->to, FAILURE_NONE, "");
    log_info("%s: %s proved itself to %s by its certificate, asked by dialback, from %s",
             socket_connection_name(session->session.connection), request->from, request->to,
             socket_connection_peer(session->session.connection));
    answer(session, true, request->to, request->from, DIALBACK_VALID, PACKET_BAD_REQUEST, NULL);
}

/* answer_error - refused without a question */
static void answer_error(struct local_incoming_server_session *session,
                         struct socket_reader *reader, const struct dialback_element *request,
                         enum packet_error error, const char *why)
{
    enum failure failure = error == PACKET_ITEM_NOT_FOUND        ? FAILURE_NOT_SERVED_HERE
                           : error == PACKET_RESOURCE_CONSTRAINT ? FAILURE_LIMIT_HERE
                           : error == PACKET_POLICY_VIOLATION    ? tls_negotiation_failure(reader)
                                                                 : FAILURE_OTHER;
    timeline_step(socket_connection_timeline(reader->connection),
                  "ServerDialback.validateRemoteDomain", "XEP-0220 2.5", "refused: %s (%s)",
                  packet_error_name(error), why);
    session_outcome_in(reader->connection, request->from, request->to, failure, why);
    answer(session, true, request->to, request->from, DIALBACK_ERROR, error, why);
}

/* ask - send the question on its way, or say at once why not */
static void ask(struct local_incoming_server_session *session, struct socket_reader *reader,
                const struct dialback_element *request)
{
    struct timeline *timeline = socket_connection_timeline(reader->connection);
    enum claim claim = claim_pair(session, request);
    if (claim == CLAIM_NEW && certificate_proves(reader, request)) {
        take_certificate(session, request);
        return;
    }
    if (claim == CLAIM_NEW && !connection_limiter_begin_verification(session->ticket)) {
        give_claim_up(session, request);
        claim = CLAIM_ALL_TOO_MANY;
    }
    switch (claim) {
    case CLAIM_VALIDATED:
        timeline_step(timeline, "ServerDialback.validateRemoteDomain", "XEP-0220 2.2.1",
                      "%s is proved to %s already: valid again", request->from, request->to);
        answer(session, true, request->to, request->from, DIALBACK_VALID, PACKET_BAD_REQUEST, NULL);
        return;
    case CLAIM_PENDING:
        timeline_step(timeline, "ServerDialback.validateRemoteDomain", "XEP-0220 2.2.1",
                      "a verification of %s to %s is under way: this one is ignored", request->from,
                      request->to);
        return;
    case CLAIM_TOO_MANY:
        limit_log_bites(LIMIT_STREAM_CLAIMS, "%s from %s is not asked about", request->from,
                        socket_connection_peer(reader->connection));
        answer_error(session, reader, request, PACKET_RESOURCE_CONSTRAINT,
                     "too many domains on this stream");
        return;
    case CLAIM_ALL_TOO_MANY:
        limit_log_bites(LIMIT_VERIFICATIONS, "%s from %s is not asked about", request->from,
                        socket_connection_peer(reader->connection));
        answer_error(session, reader, request, PACKET_RESOURCE_CONSTRAINT,
                     "too many verifications for streams that have proved nothing");
        return;
    case CLAIM_ENOUGH:
        validated_domains_log_enough(session, request->to, request->from);
        answer_error(session, reader, request, PACKET_RESOURCE_CONSTRAINT,
                     "there are enough other streams of this domain");
        return;
    case CLAIM_TOO_LATE:
        answer_error(session, reader, request, PACKET_RESOURCE_CONSTRAINT,
                     "the time to prove a domain on this stream is over");
        return;
    case CLAIM_NEW:
        break;
    }
    timeline_step(
        timeline, "ServerDialback.validateRemoteDomain", "XEP-0220 2.1.2",
        "the authoritative server of %s is asked about the key; this stream goes on meanwhile",
        request->from);
    socket_connection_wait_room(
        reader->connection); /* who does not read its answers gets no further questions */
    enum outgoing_reason reason = connection_limiter_is_stranger(session->ticket)
                                      ? OUTGOING_FOR_STRANGERS
                                      : OUTGOING_FOR_PEERS;
    local_outgoing_server_session_verify_key(
        dialback_verification_new(request, session->stream_id, verified,
                                  session_ref(&session->session)),
        reason, connection_limiter_cause(session->ticket));
}

static enum receiving_place place_of(const struct local_incoming_server_session *session,
                                     const struct socket_reader *reader,
                                     const struct dialback_element *request)
{
    if (!session->upstream)
        return reader->config->xmpp_server_dialback_enabled ? RECEIVING_PUBLIC : RECEIVING_OFF;
    return upstream_manager_admits((const struct sockaddr *)&session->peer, request->from)
               ? RECEIVING_UPSTREAM
               : RECEIVING_NO_UPSTREAM;
}

/* meets_policy - does this connection do for the domain that now wants to prove itself? (XEP-0220 2.5) */
static bool meets_policy(struct socket_reader *reader, const struct dialback_element *request,
                         struct text *why)
{
    const struct server_verdict *verdict = tls_negotiation_verdict(reader);
    struct tls_policy policy = tls_policy_get(reader->config, request->from);
    if (verdict == NULL)
        return tls_policy_admits_plain(&policy, why);
    return tls_policy_admits(&policy, verdict, request->from,
                             reader->config->xmpp_server_cert_policy == CONFIG_CERT_NEEDED, why);
}

int local_incoming_server_session_validate_subsequent_domain(
    struct local_incoming_server_session *session, struct socket_reader *reader,
    const struct dialback_element *request)
{
    struct text why = TEXT_EMPTY;
    enum packet_error error = PACKET_UNDEFINED_CONDITION;
    enum stream_error stream_error = STREAM_ERROR_NONE;
    int result = 0;
    timeline_concern(socket_connection_timeline(reader->connection), request->from);
    timeline_step(socket_connection_timeline(reader->connection),
                  "LocalIncomingServerSession.validateSubsequentDomain", "XEP-0220 2.1.1",
                  "db:result received: \"I am %s, I want to talk to %s\"", request->from,
                  request->to);
    switch (receiving_server_check(request, place_of(session, reader, request), &error,
                                   &stream_error, &why)) {
    case RECEIVING_ASK:
        if (meets_policy(reader, request, &why))
            ask(session, reader, request);
        else
            answer_error(session, reader, request, PACKET_POLICY_VIOLATION, text_string(&why));
        break;
    case RECEIVING_ANSWER_ERROR:
        answer_error(session, reader, request, error, text_string(&why));
        break;
    case RECEIVING_END_STREAM:
        if (request->addressed)
            session_outcome_in(reader->connection, request->from, request->to,
                               reader->config->xmpp_server_dialback_enabled
                                   ? FAILURE_BLOCKED_HERE
                                   : FAILURE_DIALBACK_OFF_HERE,
                               text_string(&why));
        result = socket_reader_end(reader, stream_error, NULL, "%s", text_string(&why));
        break;
    }
    text_free(&why);
    return result;
}

/* is_last - the pair of the stanza before? Most streams carry one. */
static bool is_last(const struct domain_pair *last, struct span local, struct span remote)
{
    return last != NULL && span_equals(local, last->local, last->local_length) &&
           span_equals(remote, last->remote, last->remote_length);
}

/* find_right - under the session's lock */
static enum domain_right find_right(struct local_incoming_server_session *session,
                                    struct span local, struct span remote)
{
    const struct domain_pair *pair = domain_pair_table_find(&session->pairs, local, remote);
    if (pair != NULL && pair_is_proved(pair->value)) {
        session->last_pair = pair; /* validated pairs are never removed while the session lives */
        return DOMAIN_VALIDATED;
    }
    size_t position = 0;
    while ((pair = domain_pair_table_next(&session->pairs, &position)) != NULL)
        if (pair_is_proved(pair->value) && span_equals(remote, pair->remote, pair->remote_length))
            return DOMAIN_OTHER_PAIR;
    return DOMAIN_NOT_VALIDATED;
}

enum domain_right local_incoming_server_session_is_valid_domain(
    struct local_incoming_server_session *session, struct span local, struct span remote)
{
    if (is_last(session->last_pair, local, remote))
        return DOMAIN_VALIDATED;
    pthread_mutex_lock(&session->session.lock);
    enum domain_right right = find_right(session, local, remote);
    pthread_mutex_unlock(&session->session.lock);
    return right;
}

bool local_incoming_server_session_is_validated(struct local_incoming_server_session *session)
{
    return session != NULL && atomic_load_explicit(&session->validated, memory_order_acquire) > 0;
}

bool local_incoming_server_session_has_pending(struct local_incoming_server_session *session)
{
    if (session == NULL)
        return false;
    pthread_mutex_lock(&session->session.lock);
    bool pending = session->pending > 0;
    pthread_mutex_unlock(&session->session.lock);
    return pending;
}

void local_incoming_server_session_count_packet(struct local_incoming_server_session *session)
{
    session_count_packet(&session->session);
}
