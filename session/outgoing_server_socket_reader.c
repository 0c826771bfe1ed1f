/* SPDX-License-Identifier: Apache-2.0 */
/* outgoing_server_socket_reader - makes an outgoing stream and reads its return half
 *
 * Openfire: OutgoingServerSocketReader, LocalOutgoingServerSession.createOutgoingSession. RFC 6120
 * 3.2, 4.7, 4.3; XEP-0220 2.1, 2.4.
 *
 * Action points:
 *   start                      -> permission, DNS and TCP (socket_util), TLS at once where the DNS says so; our
 *   header: from, to, version 1.0, xmlns:db, no id
 *   their header, version 1.0  -> wait for features (OF-443: never take another element for the
 *   answer)
 *   their header, no version   -> dialback at once (RFC 6120 4.7.5)
 *   features, plain            -> <starttls/> if they and we can; else, unless TLS is required, dialback
 *   <proceed/>                 -> TLSA records, handshake, our header again
 *   features, encrypted        -> SASL EXTERNAL if they offer it and their certificate is for them; else dialback
 *   <success/>                 -> our header again, and with the features that follow the pair is proved
 *   <failure/> of SASL         -> dialback on the same stream
 *   db:result / db:verify with a type -> the session matches them to what was asked here
 *   any stanza                 -> not processed: this stream is ours to send on (RFC 6120 4.5)
 *   idle                       -> closing tag; what they still answer is processed
 *   the end                    -> who waits is told; what was appended and never sent is read back and bounced
 *   the end before any of it   -> the next address, while there is one and time; never without TLS for that reason (DIFFERS: D32)
 */
#include "session/outgoing_server_socket_reader.h"

#include <stdlib.h>
#include <string.h>

#include "dialback/dialback_element.h"
#include "server/certificate_identity.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/remote_server_manager.h"
#include "server/socket_util.h"
#include "server/timeline.h"
#include "server/tls_policy.h"
#include "server/xmpp_server.h"
#include "session/blocking_reading_mode.h"
#include "session/local_outgoing_server_session.h"
#include "session/outgoing_dialback.h"
#include "session/outgoing_session_promise.h"
#include "session/retry_pause.h"
#include "session/sasl_authentication.h"
#include "session/session_outcome.h"
#include "session/tls_negotiation.h"
#include "session/undelivered_stanzas.h"
#include "xml/xmlns.h"

#define UNPROVED_IDLE_MS 30000 /* of a stream that only asked questions */
#define CROWDED_IDLE_MS 1000   /* the same while there are many of them */
#define WAITING_RECHECK_MS 1000

struct outgoing_server_socket_reader {
    struct socket_reader reader;
    struct local_outgoing_server_session *session; /* borrowed: the thread holds a reference */
    char *stream_id;                               /* owned; theirs */
    bool declares_dialback;
    bool offers_dialback; /* in their features */
    bool modern;          /* their version is 1.0 or later: features will come */
    struct tls_policy policy;
    struct socket_util_target target;
    bool asked_tls, asked_sasl; /* the answer is awaited */
    bool no_external;           /* it ended the stream instead of an answer to it */
    bool succeeded;             /* SASL EXTERNAL did: the next features are the last */
    bool reached; /* the set-up went as far as keys or a certificate: no other address is tried */
    bool again;   /* another address, or the same in another way, is worth a try */
};

static struct outgoing_server_socket_reader *self_of(struct socket_reader *reader)
{
    return reader->owner;
}

static void write_header(struct socket_reader *reader, struct text *out)
{
    (void)reader; /* ours went out first */
    (void)out;
}

/* use_dialback - the stream is as far as it gets: keys and questions may go out, if they take them */
static int use_dialback(struct outgoing_server_socket_reader *self)
{
    const char *remote = local_outgoing_server_session_remote(self->session);
    /* COMPAT: MongooseIM and older servers announce dialback by the namespace on their header only */
    bool offered = self->offers_dialback || self->declares_dialback;
    self->reached = true;
    if (!offered || !(self->reader.config->xmpp_server_dialback_enabled || self->policy.upstream))
        return socket_reader_fail(
            &self->reader, offered ? FAILURE_DIALBACK_OFF_HERE : FAILURE_NO_WAY_OFFERED,
            STREAM_ERROR_NONE, NULL,
            offered ? "nothing but dialback would do with %s, and it is off here"
                    : "%s offers no way to authenticate that we know",
            remote);
    local_outgoing_server_session_opened(self->session, self->stream_id);
    return 0;
}

static int stream_opened(struct socket_reader *reader, const struct stream_header *header)
{
    struct outgoing_server_socket_reader *self = self_of(reader);
    const char *remote = local_outgoing_server_session_remote(self->session);
    if (strcmp(header->stream_ns, XMLNS_STREAM) != 0 ||
        strcmp(header->content_ns, XMLNS_SERVER) != 0)
        return socket_reader_fail(reader, FAILURE_NOT_XMPP, STREAM_INVALID_NAMESPACE, NULL,
                                  "%s answers with namespaces '%s' and '%s'", remote,
                                  header->stream_ns, header->content_ns);
    if (!header->is_stream)
        return socket_reader_fail(reader, FAILURE_NOT_XMPP, STREAM_BAD_FORMAT, NULL,
                                  "the root element of %s is not stream", remote);
    if (header->has_version && !header->version_valid)
        return socket_reader_fail(reader, FAILURE_BAD_STREAM, STREAM_UNSUPPORTED_VERSION, NULL,
                                  "the version of %s is not of the form 1.0", remote);
    self->modern = header->major >= 1;
    self->declares_dialback = header->declares_dialback;
    char from[JID_PART_MAX + 1];
    if (header->from != NULL && (jid_prepare_domain(header->from, strlen(header->from), from) < 0 ||
                                 strcmp(from, remote) != 0))
        log_warn("%s: we asked for %s, the header that came is from %s: answers count for %s only",
                 socket_connection_name(reader->connection), remote, header->from, remote);
    /* COMPAT: some servers open the stream that carries only an error without id, or with an empty one (Prosody's first
     * header on an outgoing stream); an id is missed when a key has to be made from it. */
    free(self->stream_id);
    self->stream_id = text_copy(header->id != NULL ? header->id : "");
    if (self->modern)
        return 0;
    if (self->stream_id[0] == '\0')
        return socket_reader_fail(reader, FAILURE_BAD_STREAM, STREAM_BAD_FORMAT, NULL,
                                  "the header of %s has no id", remote);
    timeline_step(socket_connection_timeline(reader->connection),
                  "LocalOutgoingServerSession.createOutgoingSession", "RFC 6120 4.7.5",
                  "%s is older than XMPP 1.0: no features will come, dialback at once", remote);
    struct text why = TEXT_EMPTY;
    bool plain = tls_negotiation_verdict(reader) == NULL;
    self->offers_dialback = true; /* there is nothing else */
    int result = !plain || tls_policy_admits_plain(&self->policy, &why)
                     ? use_dialback(self)
                     : socket_reader_fail(reader, FAILURE_TLS_MISSING, STREAM_POLICY_VIOLATION,
                                          NULL, "%s can't: %s", remote, text_string(&why));
    text_free(&why);
    return result;
}

/* open_stream - our header (conformance 11) */
static void open_stream(struct socket_reader *reader, struct local_outgoing_server_session *session)
{
    struct stream_header_fields fields = {.from = local_outgoing_server_session_local(session),
                                          .to = local_outgoing_server_session_remote(session),
                                          .lang = "en",
                                          .content_ns = XMLNS_SERVER,
                                          .dialback =
                                              reader->config->xmpp_server_dialback_enabled ||
                                              self_of(reader)->policy.upstream,
                                          .version = true};
    socket_reader_send_header(reader, &fields);
    timeline_step(socket_connection_timeline(reader->connection),
                  "LocalOutgoingServerSession.createOutgoingSession", "RFC 6120 4.7",
                  "stream opened: our header, from %s to %s", fields.from, fields.to);
}

/* ask_for_tls - RFC 6120 5.4.2.1 */
static int ask_for_tls(struct outgoing_server_socket_reader *self)
{
    static const char starttls[] = "<starttls xmlns=\"" XMLNS_TLS "\"/>";
    self->asked_tls = true;
    socket_connection_deliver(self->reader.connection, starttls, sizeof starttls - 1);
    return 0;
}

/* plain_features - they can be no end where TLS is to be had, or required */
static int plain_features(struct outgoing_server_socket_reader *self,
                          const struct element *features)
{
    struct socket_reader *reader = &self->reader;
    const char *remote = local_outgoing_server_session_remote(self->session);
    const struct element *starttls = element_child(features, "starttls", XMLNS_TLS);
    bool possible = self->policy.allowed && tls_negotiation_is_possible();
    if (starttls != NULL && possible)
        return ask_for_tls(self);
    if (starttls != NULL && element_child(starttls, "required", XMLNS_TLS) != NULL)
        return socket_reader_fail(reader, FAILURE_TLS_OFF_HERE, STREAM_POLICY_VIOLATION, NULL,
                                  "%s requires TLS, which %s", remote,
                                  self->policy.allowed
                                      ? "needs a certificate here, and there is none"
                                      : "is switched off here");
    if (self->policy.required)
        return socket_reader_fail(reader, FAILURE_TLS_MISSING, STREAM_POLICY_VIOLATION, NULL,
                                  "%s does not offer TLS, which is required (%s)", remote,
                                  self->policy.source);
    return use_dialback(self);
}

/* is_proved - is their certificate for the domain that we asked for (RFC 6120 13.7.2.1: not for the host that
 * SRV named, unless a secure record vouches for that too)? */
static bool is_proved(struct outgoing_server_socket_reader *self)
{
    const struct server_verdict *verdict = tls_negotiation_verdict(&self->reader);
    const char *remote = local_outgoing_server_session_remote(self->session);
    struct text how = TEXT_EMPTY;
    bool proved = server_trust_manager_proves(verdict, remote, &how);
    if (!proved && verdict->dane)
        proved = certificate_identity_matches(verdict->certificate, self->target.host, NULL);
    timeline_step(socket_connection_timeline(self->reader.connection),
                  "LocalOutgoingServerSession.secureAndAuthenticate", "RFC 6120 13.7.2.1",
                  proved ? "the certificate is for %s: %s"
                         : "the certificate does not prove %s: %s",
                  remote, text_string(&how));
    if (!proved)
        timeline_fail(socket_connection_timeline(self->reader.connection),
                      server_trust_manager_failure(verdict), "%s", text_string(&how));
    text_free(&how);
    return proved;
}

/* ask_for_external - XEP-0178 3, with our domain as the authorisation identity */
static int ask_for_external(struct outgoing_server_socket_reader *self)
{
    struct socket_reader *reader = &self->reader;
    const char *local = local_outgoing_server_session_local(self->session);
    bool skip = reader->config->xmpp_auth_external_server_skip_sending_authzid;
    struct text out = TEXT_EMPTY;
    sasl_authentication_ask(skip ? NULL : local, &out);
    self->asked_sasl = true;
    socket_connection_deliver(reader->connection, out.bytes, out.length);
    text_free(&out);
    timeline_step(socket_connection_timeline(reader->connection),
                  "LocalOutgoingServerSession.secureAndAuthenticate", "XEP-0178 3",
                  "SASL EXTERNAL asked for, as %s", local);
    return 0;
}

/* secure_features - inside TLS: the best way to prove ourselves that is offered */
static int secure_features(struct outgoing_server_socket_reader *self,
                           const struct element *features)
{
    struct socket_reader *reader = &self->reader;
    const char *remote = local_outgoing_server_session_remote(self->session);
    bool proved = is_proved(self);
    if (self->policy.certificate && !proved)
        return socket_reader_end(reader, STREAM_POLICY_VIOLATION, NULL,
                                 "%s must have a valid certificate (%s)", remote,
                                 self->policy.source);
    if (sasl_authentication_offers_external(features) && proved && self->policy.external &&
        tls_negotiation_shows_certificate() && !self->no_external)
        return ask_for_external(self);
    return use_dialback(self);
}

static int features_received(struct socket_reader *reader, const struct element *features)
{
    struct outgoing_server_socket_reader *self = self_of(reader);
    const char *remote = local_outgoing_server_session_remote(self->session);
    self->offers_dialback = element_child(features, "dialback", XMLNS_DIALBACK_FEATURE) != NULL;
    timeline_step(socket_connection_timeline(reader->connection),
                  "LocalOutgoingServerSession.createOutgoingSession", "RFC 6120 4.3.2",
                  "features received:%s%s%s",
                  element_child(features, "starttls", XMLNS_TLS) ? " starttls" : "",
                  self->offers_dialback ? " dialback" : "",
                  element_child(features, "mechanisms", XMLNS_SASL) ? " mechanisms" : "");
    local_outgoing_server_session_take_limits(self->session, features,
                                              xmpp_packet_reader_arena(reader->packets));
    if (self->asked_tls || self->asked_sasl)
        return 0; /* an answer is due, not these */
    if (self->stream_id[0] == '\0')
        return socket_reader_fail(reader, FAILURE_BAD_STREAM, STREAM_BAD_FORMAT, NULL,
                                  "the header of %s has no id", remote);
    if (self->succeeded) {
        self->reached = true;
        local_outgoing_server_session_authenticated(self->session, self->stream_id);
        return 0;
    }
    return tls_negotiation_verdict(reader) == NULL ? plain_features(self, features)
                                                   : secure_features(self, features);
}

/* begin_again - a stream anew on the same connection: nothing of the old one counts (RFC 6120 4.3.3) */
static int begin_again(struct socket_reader *reader)
{
    struct outgoing_server_socket_reader *self = self_of(reader);
    free(self->stream_id);
    self->stream_id = NULL;
    self->declares_dialback = self->offers_dialback = self->modern = false;
    open_stream(&self->reader, self->session);
    return 0;
}

/* secure - the handshake, on <proceed/> or at once */
static int secure(struct outgoing_server_socket_reader *self, bool direct)
{
    struct socket_reader *reader = &self->reader;
    struct dns_tlsa *tlsa = text_calloc(1, sizeof *tlsa);
    struct text why = TEXT_EMPTY;
    struct tls_request request = {
        .client = true,
        .local = local_outgoing_server_session_local(self->session),
        .remote = local_outgoing_server_session_remote(self->session),
        .strict = self->policy.strict || self->policy.certificate,
        .direct = direct,
        .tlsa = tlsa,
        .target = self->target.host,
    };
    int64_t until = local_outgoing_server_session_deadline(self->session);
    int result = tls_negotiation_find_tlsa(reader, &self->target, until, tlsa, &why);
    if (result < 0) {
        socket_reader_note_end(reader, "TLS failed", text_string(&why));
        timeline_fail(socket_connection_timeline(reader->connection), FAILURE_TLSA_SILENT, "%s",
                      text_string(&why));
        socket_connection_end(reader->connection, NULL, 0);
    } else {
        result = tls_negotiation_run(reader, &request, NULL, until, NULL);
    }
    text_free(&why);
    free(tlsa);
    return result;
}

static int start_tls(struct socket_reader *reader)
{
    struct outgoing_server_socket_reader *self = self_of(reader);
    return secure(self, false) == 0 ? begin_again(reader) : -1;
}

/* tls_answered - <proceed/> or <failure/>, if it was asked for */
static int tls_answered(struct outgoing_server_socket_reader *self, const struct element *element)
{
    struct socket_reader *reader = &self->reader;
    bool asked = self->asked_tls;
    self->asked_tls = false;
    if (!asked || !element_is(element, "proceed", XMLNS_TLS))
        return socket_reader_fail(
            reader, FAILURE_TLS_REFUSED, STREAM_ERROR_NONE, NULL, "%s answers <%s/> to starttls",
            local_outgoing_server_session_remote(self->session), element->name);
    reader->restart = start_tls;
    return -1;
}

/* sasl_answered - <success/> or <failure/>; unasked it counts for nothing (X11) */
static int sasl_answered(struct outgoing_server_socket_reader *self, const struct element *element)
{
    struct socket_reader *reader = &self->reader;
    bool asked = self->asked_sasl;
    if (!asked) {
        log_warn("%s: a <%s/> of SASL came that was not asked for: ignored",
                 socket_connection_name(reader->connection), element->name);
        return 0;
    }
    self->asked_sasl = false;
    if (element_is(element, "success", XMLNS_SASL)) {
        self->succeeded = true;
        reader->restart = begin_again;
        return -1;
    }
    const struct element *first = element_first(element);
    const char *condition = first != NULL ? first->name : "no reason given";
    session_outcome_external_refused(reader, condition);
    log_info("outgoing session to %s: it does not take our certificate for %s (%s)",
             local_outgoing_server_session_remote(self->session),
             local_outgoing_server_session_local(self->session), condition);
    return use_dialback(self);
}

static int dialback_received(struct socket_reader *reader, const struct element *element)
{
    struct outgoing_server_socket_reader *self = self_of(reader);
    struct dialback_element answer;
    dialback_element_read(&answer, element, xmpp_packet_reader_arena(reader->packets));
    if (answer.type ==
        DIALBACK_REQUEST) { /* XEP-0288 is not negotiated: requests do not come this way */
        log_warn("%s: a %s without type came on a stream that we opened: ignored",
                 socket_connection_name(reader->connection), element->name);
        return 0;
    }
    if (answer.kind == DIALBACK_VERIFY) {
        outgoing_dialback_verify_received(self->session, &answer);
        return 0;
    }
    if (outgoing_dialback_result_received(self->session, &answer) == 0)
        return 0;
    return socket_reader_end(reader, STREAM_ERROR_NONE, NULL,
                             "%s does not believe us, so the stream is of no use",
                             local_outgoing_server_session_remote(self->session));
}

static int process(struct socket_reader *reader, struct element *element)
{
    if (dialback_element_kind(element) != DIALBACK_NONE)
        return dialback_received(reader, element);
    if (element_is(element, "features", XMLNS_STREAM))
        return features_received(reader, element);
    if (strcmp(element->ns, XMLNS_TLS) == 0)
        return tls_answered(self_of(reader), element);
    if (element_is(element, "success", XMLNS_SASL) || element_is(element, "failure", XMLNS_SASL))
        return sasl_answered(self_of(reader), element);
    log_debug("<%s xmlns='%s'> came on a stream that we opened: not processed (RFC 6120 4.5)",
              element->name, element->ns);
    return 0;
}

/* idle_limit - milliseconds, or -1: never */
static int64_t idle_limit(struct socket_reader *reader)
{
    struct outgoing_server_socket_reader *self = self_of(reader);
    int64_t idle = reader->config->xmpp_server_session_idle;
    if (local_outgoing_server_session_has_domain(self->session))
        return idle > 0 ? idle : -1;
    int64_t most = outgoing_dialback_crowd() == CROWD_FEW ? UNPROVED_IDLE_MS : CROWDED_IDLE_MS;
    return idle < 0 || idle > most ? most : idle;
}

static int64_t deadline(struct socket_reader *reader)
{
    struct outgoing_server_socket_reader *self = self_of(reader);
    if (!local_outgoing_server_session_is_open(self->session))
        return local_outgoing_server_session_deadline(self->session);
    if (local_outgoing_server_session_is_waiting(self->session))
        return xmpp_server_now() + WAITING_RECHECK_MS; /* the answer has a deadline of its own */
    int64_t idle = idle_limit(reader);
    return idle < 0 ? -1 : socket_connection_last_active(reader->connection) + idle;
}

static int timed_out(struct socket_reader *reader)
{
    struct outgoing_server_socket_reader *self = self_of(reader);
    if (!local_outgoing_server_session_is_open(self->session))
        return socket_reader_fail(
            reader, self->stream_id == NULL ? FAILURE_NO_HEADER : FAILURE_NO_FEATURES,
            STREAM_CONNECTION_TIMEOUT, NULL, "%s did not complete the set-up in time: %s",
            local_outgoing_server_session_remote(self->session),
            self->stream_id == NULL ? "no stream header came" : "no features came");
    int64_t idle = idle_limit(reader);
    if (local_outgoing_server_session_is_waiting(self->session) || idle < 0 ||
        xmpp_server_now() < socket_connection_last_active(reader->connection) + idle)
        return 0;
    local_outgoing_server_session_retire(self->session);
    return socket_reader_end_gracefully(reader, "idle");
}

/* is_settled - all that was asked is answered: nothing but a question of ours makes something come */
static bool is_settled(struct socket_reader *reader)
{
    struct outgoing_server_socket_reader *self = self_of(reader);
    return local_outgoing_server_session_is_open(self->session) &&
           !local_outgoing_server_session_is_waiting(self->session);
}

static bool is_authenticated(struct socket_reader *reader)
{
    return local_outgoing_server_session_is_open(self_of(reader)->session);
}

/* --- the life of the stream
 * --------------------------------------------------------------------------------------- */

/* connect_to - DNS and TCP, to an address that was not tried yet. The connected socket, or -1 with what happened. */
static int connect_to(struct outgoing_server_socket_reader *self, enum packet_error *error,
                      struct text *why)
{
    struct local_outgoing_server_session *session = self->session;
    const char *remote = local_outgoing_server_session_remote(session);
    int fd = -1;
    enum socket_util_result result = SOCKET_NOT_FOUND;
    if (!remote_server_manager_can_access(remote, why)) {
        timeline_fail(local_outgoing_server_session_timeline(session), FAILURE_BLOCKED_HERE, "%s",
                      text_string(why));
    } else {
        text_clear(why);
        result = socket_util_connect(remote, self->policy.allowed && tls_negotiation_is_possible(),
                                     local_outgoing_server_session_deadline(session),
                                     local_outgoing_server_session_timeline(session), &self->target,
                                     &fd, why);
    }
    *error = result == SOCKET_UNREACHABLE ? PACKET_REMOTE_SERVER_TIMEOUT
                                          : PACKET_REMOTE_SERVER_NOT_FOUND;
    return result == SOCKET_CONNECTED ? fd : -1;
}

static void report_no_connection(struct outgoing_server_socket_reader *self,
                                 enum packet_error error, const char *why)
{
    const char *remote = local_outgoing_server_session_remote(self->session);
    log_info("outgoing session to %s refused: %s", remote, why);
    retry_pause_failed(RETRY_STANZAS, remote, error, why);
    local_outgoing_server_session_failed(self->session, error, why);
}

/* report_end - one line at info level, and a pause before the next attempt if nothing ever worked */
static void report_end(struct outgoing_server_socket_reader *self)
{
    struct socket_reader *reader = &self->reader;
    const char *remote = local_outgoing_server_session_remote(self->session);
    const char *why = text_string(&reader->end_reason);
    enum packet_error error =
        reader->peer_error == STREAM_HOST_UNKNOWN || reader->peer_error == STREAM_HOST_GONE
            ? PACKET_REMOTE_SERVER_NOT_FOUND
            : PACKET_REMOTE_SERVER_TIMEOUT;
    log_info("outgoing session to %s at %s ended: %s (%s)", remote,
             socket_connection_peer(reader->connection),
             reader->end_word ? reader->end_word : "closed", why);
    local_outgoing_server_session_retire(self->session);
    bool waiting =
        !reader->authenticated || local_outgoing_server_session_is_waiting(self->session);
    if (waiting && !local_outgoing_server_session_has_domain(self->session))
        retry_pause_failed(RETRY_STANZAS, remote, error, why);
    local_outgoing_server_session_failed(self->session, error, why);
}

/* goes_on - is it worth to try again? Another address, but not when this one knew us and said no. COMPAT: ejabberd (23.01, of
 * a certificate with an xmppAddr) ends the stream in the place of an answer to EXTERNAL: the same address, and dialback. */
static bool goes_on(struct outgoing_server_socket_reader *self)
{
    if (self->reached || self->reader.peer_error != STREAM_ERROR_NONE ||
        xmpp_server_now() >= local_outgoing_server_session_deadline(self->session) ||
        self->target.tried_count == SOCKET_UTIL_TRIED)
        return false;
    if (self->asked_sasl && self->reader.config->xmpp_server_dialback_enabled) {
        self->no_external = true;
        self->target.tried_count--;
    }
    return true;
}

/* over - nothing more is read: who waits is told now, not after the linger, unless there is more to try */
static void over(struct socket_reader *reader)
{
    struct outgoing_server_socket_reader *self = self_of(reader);
    session_outcome_unanswered(reader, self->asked_tls, self->asked_sasl);
    self->again = goes_on(self);
    if (!self->again)
        report_end(self);
}

static const struct socket_reader_operations operations = {
    .stream_opened = stream_opened,
    .process = process,
    .deadline = deadline,
    .timed_out = timed_out,
    .is_settled = is_settled,
    .is_authenticated = is_authenticated,
    .over = over,
    .write_header = write_header,
};

/* read_one - a stream on this socket, from its header to its end */
static void read_one(struct outgoing_server_socket_reader *self, int fd)
{
    struct timeline *timeline = local_outgoing_server_session_timeline(self->session);
    socket_reader_init(&self->reader, &operations, fd, log_id(), timeline_ref(timeline), self);
    struct socket_connection *connection = self->reader.connection;
    socket_connection_set_undelivered_handler(connection, undelivered_stanzas_return,
                                              (void *)(uintptr_t)XMLNS_SERVER);
    socket_connection_set_refused_handler(connection, undelivered_stanzas_route_again,
                                          (void *)(uintptr_t)XMLNS_SERVER);
    socket_connection_count_stanzas(connection, &metrics.stanzas_out);
    local_outgoing_server_session_connected(self->session, connection);
    if (self->target.direct_tls && secure(self, true) < 0) {
        over(&self->reader);
        socket_connection_finish(connection, SOCKET_READER_LINGER_MS);
        return;
    }
    open_stream(&self->reader, self->session);
    blocking_reading_mode_run(&self->reader);
}

static void forget_stream(struct outgoing_server_socket_reader *self)
{
    free(self->stream_id);
    *self = (struct outgoing_server_socket_reader){.session = self->session,
                                                   .policy = self->policy,
                                                   .target = self->target,
                                                   .no_external = self->no_external};
}

void outgoing_server_socket_reader_run(struct local_outgoing_server_session *session)
{
    struct outgoing_server_socket_reader self = {.session = session};
    struct text why = TEXT_EMPTY;
    enum packet_error error;
    const struct config *config = config_get();
    self.policy = tls_policy_get(config, local_outgoing_server_session_remote(session));
    config_unref(config);
    int fd = connect_to(&self, &error, &why);
    if (fd < 0)
        report_no_connection(&self, error, text_string(&why));
    while (fd >= 0) {
        read_one(&self, fd);
        text_clear(&why);
        fd = self.again ? connect_to(&self, &error, &why) : -1;
        if (fd >= 0)
            log_info("%s: %s is tried next, after: %s", log_id(),
                     self.target.tried[self.target.tried_count - 1],
                     text_string(&self.reader.end_reason));
        else if (self.again)
            report_end(&self);
        socket_connection_return_undelivered(self.reader.connection);
        socket_reader_free(&self.reader);
        forget_stream(&self);
    }
    text_free(&why);
}
