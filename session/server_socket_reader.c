/* SPDX-License-Identifier: Apache-2.0 */
/* server_socket_reader - reads a stream that another server opened to us
 *
 * Openfire: ServerSocketReader (createSession, packetReceived, processUnknowPacket) and the opening
 * tag checks of SocketReader. RFC 6120 4.7, 4.8, 8.1; XEP-0220. Runs wholly on the connection's
 * thread, stanzas in their order (DIFFERS: Openfire 3.7.1 gives them to a pool and loses it, D2).
 *
 * Action points:
 *   opening tag   -> invalid-namespace, bad-format, unsupported-version, improper-addressing,
 *   policy-violation, host-unknown, or createSession
 *   <starttls/>   -> <proceed/>, handshake, the stream begins anew; or <failure/> and the end
 *   <auth/>       -> EXTERNAL: <success/>, the stream begins anew as the pair that is proved; or <failure/>
 *   iq, message, presence -> packetReceived: addresses, then the pair's right, then the
 *   PacketRouter
 *   anything else -> processUnknownPacket: db:result -> the session's validateSubsequentDomain;
 *   db:verify -> the authoritative role
 *   silence       -> connection-timeout
 */
#include "session/server_socket_reader.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dialback/authoritative_server.h"
#include "server/connection_limiter.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/remote_server_manager.h"
#include "server/socket_util.h"
#include "server/timeline.h"
#include "server/trace.h"
#include "server/tls_policy.h"
#include "server/upstream_manager.h"
#include "server/xmpp_server.h"
#include "session/blocking_reading_mode.h"
#include "session/incoming_handshake.h"
#include "session/local_incoming_server_session.h"
#include "session/packet_router.h"
#include "session/sasl_authentication.h"
#include "session/session_outcome.h"
#include "session/stanza_pace.h"
#include "session/tls_negotiation.h"
#include "session/validated_domains.h"
#include "xml/jid.h"
#include "xml/packet.h"
#include "xml/xmlns.h"

#define PENDING_RECHECK_MS 1000 /* past the deadline while a verification is under way */

struct server_socket_reader {
    struct socket_reader reader;
    struct local_incoming_server_session *session; /* NULL before createSession */
    int64_t negotiation_deadline;
    bool direct_tls;
    bool upstream; /* on the private port: from a server behind us */
    char *local,
        *remote;   /* of the last acceptable header, prepared; owned; `remote` NULL without from */
    bool external; /* EXTERNAL is offered to `remote` */
    bool authenticated; /* it proved itself by SASL: headers that follow must say the same */
    int64_t failures;   /* of SASL */
    struct stanza_pace pace;
};

static _Atomic unsigned next_number;

static struct server_socket_reader *self_of(struct socket_reader *reader)
{
    return reader->owner;
}

/* read_domain - a header attribute that must be a bare domain. 0 absent, 1 good, -1 not a domain. */
static int read_domain(const char *value, char out[JID_PART_MAX + 1])
{
    if (value == NULL)
        return 0;
    return jid_prepare_domain(value, strlen(value), out) > 0 ? 1 : -1;
}

/* check_stream - RFC 6120 4.8 and 4.7.5: is this a server's stream at all? 0, or -1 ended. */
static int check_stream(struct socket_reader *reader, const struct stream_header *header)
{
    if (strcmp(header->stream_ns, XMLNS_STREAM) != 0)
        return socket_reader_end(reader, STREAM_INVALID_NAMESPACE, NULL,
                                 "the stream's namespace is '%s'", header->stream_ns);
    if (!header->is_stream)
        return socket_reader_end(reader, STREAM_BAD_FORMAT, NULL, "the root element is not stream");
    if (header->has_version && !header->version_valid)
        return socket_reader_end(reader, STREAM_UNSUPPORTED_VERSION, NULL,
                                 "the version is not of the form 1.0");
    return 0;
}

/* policy_of - for whom the last header was from; on the private port nobody need say so */
static struct tls_policy policy_of(const struct server_socket_reader *self)
{
    struct tls_policy policy = tls_policy_get(self->reader.config, self->remote);
    if (self->upstream && self->remote == NULL)
        policy.required = policy.strict = policy.external = false;
    return policy;
}

/* make_offer - what this stream is offered: STARTTLS while it is plain, then EXTERNAL if the certificate proves
 * the header's `from`, and dialback (DIFFERS: C8: listed whenever it is possible) */
static struct handshake_offer make_offer(struct server_socket_reader *self)
{
    const struct config *config = self->reader.config;
    const struct server_verdict *verdict = tls_negotiation_verdict(&self->reader);
    struct tls_policy policy = policy_of(self);
    struct handshake_offer offer = {.upstream = self->upstream,
                                    .deadline = self->negotiation_deadline};
    offer.dialback = config->xmpp_server_dialback_enabled || self->upstream;
    if (self->authenticated) {
        offer.authenticated = self->remote;
        offer.dialback = false;
    } else if (verdict == NULL) {
        offer.starttls = policy.allowed && tls_negotiation_is_possible();
        offer.starttls_required = policy.required || !offer.dialback;
        offer.dialback = offer.dialback && !policy.required;
    } else if (self->remote != NULL) {
        struct text how = TEXT_EMPTY;
        bool proves = server_trust_manager_proves(verdict, self->remote, &how);
        offer.external = policy.external && proves;
        timeline_step(socket_connection_timeline(self->reader.connection),
                      "SASLAuthentication.verifyCertificates", "RFC 9525 6",
                      proves ? "the certificate is for %s: %s"
                             : "the certificate does not prove %s: %s",
                      self->remote, text_string(&how));
        text_free(&how);
    }
    self->external = offer.external;
    return offer;
}

/* create_session - Openfire's createSession(namespace): a session for jabber:server, none for
 * anything else. On a stream that begins anew it takes the place of the one before. */
static struct local_incoming_server_session *create_session(struct server_socket_reader *self,
                                                            const struct stream_header *header)
{
    if (strcmp(header->content_ns, XMLNS_SERVER) != 0)
        return NULL;
    struct local_incoming_server_session *old = self->session;
    struct handshake_offer offer = make_offer(self);
    self->session =
        local_incoming_server_session_create_session(&self->reader, self->local, header, &offer);
    if (old != NULL)
        local_incoming_server_session_replace(old);
    return self->session;
}

/* check_upstream - the private port: any `to`, and no `from` but those of the upstream at this address */
static int check_upstream(struct socket_reader *reader, const char *from)
{
    struct sockaddr_storage peer = {0};
    socklen_t size = sizeof peer;
    getpeername(socket_connection_fd(reader->connection), (struct sockaddr *)&peer, &size);
    if (upstream_manager_admits((struct sockaddr *)&peer, from))
        return 0;
    return socket_reader_end(
        reader, STREAM_POLICY_VIOLATION, NULL, "no upstream at %s has the domain %s",
        socket_connection_peer(reader->connection), from != NULL ? from : "(none)");
}

/* check_names - RFC 6120 4.7.1: domains, one of ours, and a sender that is permitted */
static int check_names(struct socket_reader *reader, const char *to, const char *from)
{
    if (self_of(reader)->upstream)
        return check_upstream(reader, from);
    if (!xmpp_server_is_local(to, strlen(to)))
        return socket_reader_fail(
            reader, FAILURE_NOT_SERVED_HERE,
            xmpp_server_was_local(to, strlen(to)) ? STREAM_HOST_GONE : STREAM_HOST_UNKNOWN, NULL,
            "the header is addressed to %s, which is not served here", to);
    struct text why = TEXT_EMPTY;
    int result = 0;
    if (from != NULL && !remote_server_manager_can_access(from, &why))
        result = socket_reader_fail(reader, FAILURE_BLOCKED_HERE, STREAM_POLICY_VIOLATION, NULL,
                                    "%s: %s", from, text_string(&why));
    text_free(&why);
    return result;
}

/* check_same - a stream that begins anew after SASL must be the same one (RFC 6120 6.4.6; CVE-2018-10847) */
static int check_same(struct server_socket_reader *self, const char *to, const char *from)
{
    if (from != NULL && strcmp(from, self->remote) != 0)
        return socket_reader_end(&self->reader, STREAM_INVALID_FROM, NULL,
                                 "%s proved itself, and the new header is from %s", self->remote,
                                 from);
    if (to != NULL && strcmp(to, self->local) != 0)
        return socket_reader_end(&self->reader, STREAM_IMPROPER_ADDRESSING, NULL,
                                 "%s proved itself to %s, and the new header is to %s",
                                 self->remote, self->local, to);
    return 0;
}

/* check_tls - does the connection, as it is, do for this peer? What can still become TLS is let go on. */
static int check_tls(struct server_socket_reader *self, const struct stream_header *header)
{
    struct socket_reader *reader = &self->reader;
    const struct server_verdict *verdict = tls_negotiation_verdict(reader);
    struct tls_policy policy = policy_of(self);
    struct text why = TEXT_EMPTY;
    bool good = true;
    if (verdict != NULL)
        good =
            tls_policy_admits(&policy, verdict, self->remote,
                              reader->config->xmpp_server_cert_policy == CONFIG_CERT_NEEDED, &why);
    else if (header->major < 1) /* it can't start TLS */
        good = tls_policy_admits_plain(&policy, &why);
    int result =
        good ? 0
             : socket_reader_fail(reader, tls_negotiation_failure(reader), STREAM_POLICY_VIOLATION,
                                  text_string(&why), "%s", text_string(&why));
    text_free(&why);
    return result;
}

static void keep_name(char **name, const char *value)
{
    free(*name);
    *name = text_copy(value);
}

static int stream_opened(struct socket_reader *reader, const struct stream_header *header)
{
    struct server_socket_reader *self = self_of(reader);
    char to[JID_PART_MAX + 1], from[JID_PART_MAX + 1];
    if (check_stream(reader, header) < 0)
        return -1;
    int has_to = read_domain(header->to, to), has_from = read_domain(header->from, from);
    if (has_to < 0 || has_from < 0)
        return socket_reader_end(reader, STREAM_IMPROPER_ADDRESSING, NULL,
                                 "%s of the header is no domain", has_to < 0 ? "to" : "from");
    const char *remote = has_from > 0 ? from : NULL;
    if (remote != NULL)
        timeline_concern(socket_connection_timeline(reader->connection), remote);
    if (self->authenticated) {
        if (check_same(self, has_to > 0 ? to : NULL, remote) < 0)
            return -1;
    } else {
        /* Openfire takes a header without `to` as meant for xmpp.domain; so do we (RFC 6120 4.7.2) */
        keep_name(&self->local, has_to > 0 ? to : reader->config->xmpp_domain);
        keep_name(&self->remote, remote);
    }
    if (check_names(reader, self->local, self->remote) < 0 || check_tls(self, header) < 0)
        return -1;
    if (create_session(self, header) == NULL)
        return socket_reader_end(reader, STREAM_INVALID_NAMESPACE, NULL,
                                 "the default namespace is '%s'", header->content_ns);
    if (self->authenticated && !local_incoming_server_session_is_validated(self->session))
        return socket_reader_end(reader, STREAM_RESOURCE_CONSTRAINT, NULL,
                                 "there are enough other streams of %s", self->remote);
    return 0;
}

/* --- TLS and SASL: the stream begins anew --- */

/* start_tls - after <starttls/>, out of the parser: <proceed/>, the handshake */
static int start_tls(struct socket_reader *reader)
{
    struct server_socket_reader *self = self_of(reader);
    struct tls_request request = {.local = self->local};
    return tls_negotiation_run(reader, &request, "<proceed xmlns=\"" XMLNS_TLS "\"/>",
                               self->negotiation_deadline, NULL);
}

/* negotiate_tls - <starttls/>. What can't be had fails, and the stream with it (RFC 6120 5.4.2.2). */
static int negotiate_tls(struct socket_reader *reader)
{
    struct server_socket_reader *self = self_of(reader);
    const char *why = NULL;
    if (tls_negotiation_verdict(reader) != NULL)
        why = "starttls asked for inside TLS";
    else if (!policy_of(self).allowed)
        why = "starttls asked for, and xmpp.server.tls.policy is disabled";
    else if (!tls_negotiation_is_possible())
        why = "starttls asked for, and no certificate is configured";
    else if (local_incoming_server_session_has_pairs(self->session))
        why = "starttls asked for after dialback had begun"; /* nothing may be carried over */
    if (why != NULL)
        return tls_negotiation_refuse(reader, why);
    reader->restart = start_tls;
    return -1;
}

static int begin_authenticated(struct socket_reader *reader)
{
    self_of(reader)->authenticated = true;
    return 0;
}

/* sasl_success - the pair is authorised with the new header, not before (RFC 6120 6.4.6) */
static int sasl_success(struct server_socket_reader *self)
{
    struct socket_reader *reader = &self->reader;
    timeline_step(
        socket_connection_timeline(reader->connection), "SASLAuthentication.handle", "XEP-0178 3",
        "SASL EXTERNAL: %s is proved by its certificate; the stream begins anew", self->remote);
    sasl_authentication_answer(reader->connection, NULL);
    reader->restart = begin_authenticated;
    return -1;
}

static int sasl_failure(struct server_socket_reader *self, const char *condition)
{
    struct socket_reader *reader = &self->reader;
    session_outcome_sasl_refused(reader, condition);
    sasl_authentication_answer(reader->connection, condition);
    if (++self->failures < reader->config->xmpp_auth_retries)
        return 0;
    return socket_reader_end(reader, STREAM_POLICY_VIOLATION, "too many authentication failures",
                             "SASL failed %lld times", (long long)self->failures);
}

/* authenticate - an element of SASL. The permission list is asked again: rows may have changed (DIFFERS: C3). */
static int authenticate(struct socket_reader *reader, const struct element *element)
{
    struct server_socket_reader *self = self_of(reader);
    struct sasl_offer offer = {
        .encrypted = tls_negotiation_verdict(reader) != NULL,
        .external = self->external && !local_incoming_server_session_has_pairs(self->session),
        .require_authzid = reader->config->xmpp_auth_external_server_require_authzid,
        .from = self->remote,
    };
    const char *condition =
        sasl_authentication_handle(element, &offer, xmpp_packet_reader_arena(reader->packets));
    if (condition == NULL && !remote_server_manager_can_access(self->remote, NULL))
        condition = "not-authorized";
    if (condition == NULL && !validated_domains_may_have(self->session, self->local, self->remote))
        condition = "temporary-auth-failure";
    return condition == NULL ? sasl_success(self) : sasl_failure(self, condition);
}

/* refuse_packet - a stanza that may not come: it is not processed, and its stream ends */
static int refuse_packet(struct socket_reader *reader, const struct element *packet,
                         enum stream_error error, const char *why)
{
    metrics_add(stanzas_refused, 1);
    const char *from = element_get(packet, "from"), *to = element_get(packet, "to");
    return socket_reader_fail(reader, FAILURE_UNPROVED_STANZA, error, NULL, "%s from=%s to=%s: %s",
                              packet->name, from ? from : "-", to ? to : "-", why);
}

/* check_right - RFC 6120 8.1.1.2, 8.1.2.2: may this sender's domain write to this domain of
 * ours, on this stream? */
static int check_right(struct socket_reader *reader, struct element *packet, const struct jid *to,
                       const struct jid *from)
{
    struct server_socket_reader *self = self_of(reader);
    enum domain_right right =
        local_incoming_server_session_is_valid_domain(self->session, to->domain, from->domain);
    if (right == DOMAIN_VALIDATED)
        return 0;
    if (!local_incoming_server_session_is_validated(self->session))
        return refuse_packet(reader, packet, STREAM_NOT_AUTHORIZED,
                             "no domain has proved itself on this stream");
    if (right == DOMAIN_NOT_VALIDATED)
        return refuse_packet(reader, packet, STREAM_INVALID_FROM,
                             "its domain has not proved itself on this stream");
    if (!xmpp_server_is_local(to->domain.bytes, to->domain.length))
        return refuse_packet(reader, packet, STREAM_HOST_UNKNOWN,
                             "it is addressed to a domain not served here");
    return refuse_packet(reader, packet, STREAM_INVALID_FROM,
                         "its domain has not proved itself to that domain of ours");
}

/* packet_received - Openfire's packetReceived: the gate, then the router */
static int packet_received(struct socket_reader *reader, struct element *packet)
{
    struct server_socket_reader *self = self_of(reader);
    const struct attribute *to = element_get_attribute(packet, "to");
    const struct attribute *from = element_get_attribute(packet, "from");
    struct jid to_jid, from_jid;
    if (to == NULL || from == NULL)
        return refuse_packet(reader, packet, STREAM_IMPROPER_ADDRESSING, "without to or from");
    if (jid_parse(&to_jid, to->value, to->value_length) < 0 ||
        jid_parse(&from_jid, from->value, from->value_length) < 0)
        return refuse_packet(reader, packet, STREAM_IMPROPER_ADDRESSING, "an address is malformed");
    if (check_right(reader, packet, &to_jid, &from_jid) < 0)
        return -1;
    if (trace_is_on())
        trace_stanza(from_jid.domain, TRACE_STANZA_IN, socket_connection_name(reader->connection),
                     XMLNS_SERVER, packet);
    local_incoming_server_session_count_packet(self->session);
    reader->uncounted++;
    if (stanza_pace_is_on(&self->pace))
        stanza_pace_keep(&self->pace, reader->config, reader->connection, from_jid.domain,
                         xmpp_packet_reader_packet_bytes(reader->packets));
    packet_router_route(xmpp_packet_reader_arena(reader->packets), packet, &to_jid, &from_jid);
    return 0;
}

/* answer_verify - the authoritative role, on whatever stream asks */
static int answer_verify(struct socket_reader *reader, const struct dialback_element *request)
{
    struct text out = TEXT_EMPTY, why = TEXT_EMPTY;
    int result = 0;
    struct tls_policy policy =
        tls_policy_get(reader->config, request->addressed ? request->from : NULL);
    bool plain = tls_negotiation_verdict(reader) == NULL;
    bool upstream = self_of(reader)->upstream;
    const char *refused = upstream ? NULL
                          : !reader->config->xmpp_server_dialback_enabled
                              ? "server dialback is switched off here"
                          : plain && policy.required ? "TLS is required here"
                                                     : NULL;
    enum dialback_type type =
        authoritative_server_verify_received_key(request, refused, upstream, &out, &why);
    session_outcome_asked(reader, request, upstream ? DIALBACK_UNKNOWN_TYPE : type);
    timeline_step(socket_connection_timeline(reader->connection),
                  "ServerDialback.verifyReceivedKey", "XEP-0220 2.2.2", "db:verify received: %s",
                  text_string(&why));
    if (type == DIALBACK_UNKNOWN_TYPE)
        result =
            socket_reader_end(reader, STREAM_IMPROPER_ADDRESSING, NULL, "%s", text_string(&why));
    else
        socket_connection_deliver(reader->connection, out.bytes, out.length);
    text_free(&out);
    text_free(&why);
    return result;
}

/* process_unknown_packet - Openfire's processUnknowPacket: what is no stanza may be verification
 * data */
static int process_unknown_packet(struct socket_reader *reader, struct element *element)
{
    struct server_socket_reader *self = self_of(reader);
    if (dialback_element_kind(element) == DIALBACK_NONE)
        return socket_reader_end(reader, STREAM_UNSUPPORTED_STANZA_TYPE, NULL,
                                 "the element <%s xmlns='%s'>", element->name, element->ns);
    struct dialback_element dialback;
    dialback_element_read(&dialback, element, xmpp_packet_reader_arena(reader->packets));
    if (dialback.type != DIALBACK_REQUEST) {
        /* XEP-0220 2.2, CVE-2012-3525: a verdict on a stream where nothing was asked proves
         * nothing */
        timeline_step(socket_connection_timeline(reader->connection),
                      "ServerSocketReader.processUnknownPacket", "XEP-0220 3.1",
                      "%s with type='%s' from %s, which nobody here asked for: ignored",
                      element->name, element_get(element, "type"), dialback.from);
        log_warn("a %s with type='%s' came unasked from %s for %s to %s: ignored", element->name,
                 element_get(element, "type"), socket_connection_peer(reader->connection),
                 dialback.from, dialback.to);
        return 0;
    }
    if (dialback.kind == DIALBACK_VERIFY)
        return answer_verify(reader, &dialback);
    return local_incoming_server_session_validate_subsequent_domain(self->session, reader,
                                                                    &dialback);
}

static int process(struct socket_reader *reader, struct element *element)
{
    return packet_kind(element) != PACKET_NONE ? packet_received(reader, element)
                                               : process_unknown_packet(reader, element);
}

static bool is_authenticated(struct socket_reader *reader)
{
    return local_incoming_server_session_is_validated(self_of(reader)->session);
}

/* is_settled - a key is asked about: mostly nothing comes before the verdict */
static bool is_settled(struct socket_reader *reader)
{
    return local_incoming_server_session_has_pending(self_of(reader)->session);
}

/* deadline - before authentication a fixed one, which neither white space nor single bytes move; after it the idle limit */
static int64_t deadline(struct socket_reader *reader)
{
    struct server_socket_reader *self = self_of(reader);
    if (is_authenticated(reader)) {
        int64_t idle = reader->config->xmpp_server_session_idle;
        return idle > 0 ? socket_connection_last_active(reader->connection) + idle : -1;
    }
    int64_t now = xmpp_server_now();
    if (now >= self->negotiation_deadline &&
        local_incoming_server_session_has_pending(self->session))
        return now + PENDING_RECHECK_MS; /* every verification has a deadline of its own */
    return self->negotiation_deadline;
}

static int timed_out(struct socket_reader *reader)
{
    struct server_socket_reader *self = self_of(reader);
    int64_t now = xmpp_server_now();
    if (!is_authenticated(reader)) {
        if (local_incoming_server_session_has_pending(self->session) ||
            now < self->negotiation_deadline)
            return 0;
        metrics_add(limited_negotiation_time, 1);
        return socket_reader_fail(reader, FAILURE_NOTHING_PROVED, STREAM_CONNECTION_TIMEOUT, NULL,
                                  "nothing was proved within %lld ms",
                                  (long long)reader->config->s2s_negotiation_timeout);
    }
    int64_t idle = reader->config->xmpp_server_session_idle;
    if (idle <= 0 || now < socket_connection_last_active(reader->connection) + idle)
        return 0;
    return socket_reader_end(reader, STREAM_CONNECTION_TIMEOUT, NULL, "idle for %lld ms",
                             (long long)idle);
}

static void over(struct socket_reader *reader)
{
    validated_domains_over(self_of(reader)->session);
}

static const struct socket_reader_operations operations = {
    .stream_opened = stream_opened,
    .process = process,
    .negotiate_tls = negotiate_tls,
    .authenticate = authenticate,
    .deadline = deadline,
    .timed_out = timed_out,
    .is_settled = is_settled,
    .is_authenticated = is_authenticated,
    .over = over,
    .write_header = incoming_handshake_write_header,
};

static void free_reader(struct server_socket_reader *self)
{
    connection_limiter_release(self->reader.ticket); /* before its descriptor is closed */
    stanza_pace_free(&self->pace);
    socket_reader_free(&self->reader);
    free(self->local);
    free(self->remote);
    free(self);
}

/* run - the life of the connection, on its thread */
static void run(void *given)
{
    struct server_socket_reader *self = given;
    struct socket_reader *reader = &self->reader;
    timeline_step(socket_connection_timeline(reader->connection), "BlockingAcceptingMode.run", NULL,
                  "connection accepted from %s; this thread is its SocketReader",
                  socket_connection_peer(reader->connection));
    bool encrypted = true;
    if (self->direct_tls)
        encrypted = tls_negotiation_run(reader, &(struct tls_request){.direct = true}, NULL,
                                        self->negotiation_deadline, NULL) == 0;
    if (encrypted)
        blocking_reading_mode_run(reader);
    else
        socket_connection_finish(reader->connection, SOCKET_READER_LINGER_MS);
    bool pending = local_incoming_server_session_has_pending(self->session);
    if (self->remote == NULL && !pending)
        session_outcome_in_nameless(reader);
    session_outcome_in_over(reader, self->upstream || pending ? NULL : self->remote, self->local);
    reader->quiet = connection_limiter_was_evicted(reader->ticket); /* no flood in the log */
    if (self->session != NULL)
        local_incoming_server_session_close(self->session, reader);
    else if (!reader->quiet)
        log_info("connection from %s refused: %s (%s)", socket_connection_peer(reader->connection),
                 reader->end_word ? reader->end_word : "closed", text_string(&reader->end_reason));
    free_reader(self);
}

static void discard(void *given)
{
    free_reader(given);
}

int server_socket_reader_create(int fd, const struct sockaddr *peer, enum connection_kind kind,
                                struct socket_reader_task *task)
{
    char name[80];
    socket_util_name(peer, name, sizeof name);
    if (kind == CONNECTION_UPSTREAM && !upstream_manager_admits(peer, NULL)) {
        log_warn("connection from %s to the private port refused: no [upstream] has this address",
                 name);
        return -1;
    }
    struct connection_ticket *ticket =
        connection_limiter_admit(fd, peer, kind == CONNECTION_UPSTREAM, xmpp_server_now());
    if (ticket == NULL)
        return -1;
    const struct config *config = config_get();
    struct server_socket_reader *self = text_calloc(1, sizeof *self);
    snprintf(task->name, sizeof task->name, "s2sin-%x", atomic_fetch_add(&next_number, 1) + 1);
    task->stack = (size_t)config->s2s_stack_size;
    task->run = run;
    task->discard = discard;
    task->reader = self;
    self->direct_tls = kind == CONNECTION_SERVER_SSL;
    self->upstream = kind == CONNECTION_UPSTREAM;
    self->negotiation_deadline = xmpp_server_now() + config->s2s_negotiation_timeout;
    socket_reader_init(&self->reader, &operations, fd, task->name, timeline_new(), self);
    self->reader.metric = &metrics.stanzas_in;
    self->reader.ticket = ticket;
    stanza_pace_init(&self->pace, config);
    config_unref(config);
    return 0;
}
