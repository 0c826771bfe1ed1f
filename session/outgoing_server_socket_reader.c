/* SPDX-License-Identifier: Apache-2.0 */
/* outgoing_server_socket_reader - makes an outgoing stream and reads its return half
 *
 * Openfire: OutgoingServerSocketReader, LocalOutgoingServerSession.createOutgoingSession. RFC 6120
 * 3.2, 4.7, 4.3; XEP-0220 2.1, 2.4.
 *
 * Action points:
 *   start                      -> permission, DNS and TCP (socket_util), our header: from, to,
 *   version 1.0, xmlns:db, no id
 *   their header, version 1.0  -> wait for features (OF-443: never take another element for the
 *   answer)
 *   their header, no version   -> dialback at once (RFC 6120 4.7.5)
 *   features                   -> TLS required: given up, this program has no certificate; else
 *   the session is opened
 *   db:result / db:verify with a type -> the session matches them to what was asked here
 *   any stanza                 -> not processed: this stream is ours to send on (RFC 6120 4.5)
 *   idle                       -> closing tag; what they still answer is processed
 *   the end                    -> what was appended and never sent is read back and bounced
 */
#include "session/outgoing_server_socket_reader.h"

#include <stdlib.h>
#include <string.h>

#include "dialback/dialback_element.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/remote_server_manager.h"
#include "server/socket_util.h"
#include "server/timeline.h"
#include "server/xmpp_server.h"
#include "session/blocking_reading_mode.h"
#include "session/local_outgoing_server_session.h"
#include "session/outgoing_session_promise.h"
#include "session/retry_pause.h"
#include "xml/xmlns.h"

#define UNPROVED_IDLE_MS \
    30000 /* a stream that only asked questions is closed when none came for so long */
#define WAITING_RECHECK_MS 1000

struct outgoing_server_socket_reader {
    struct socket_reader reader;
    struct local_outgoing_server_session *session; /* borrowed: the thread holds a reference */
    char *stream_id;                               /* owned; theirs */
    bool declares_dialback;
    bool modern; /* their version is 1.0 or later: features will come */
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

static int stream_opened(struct socket_reader *reader, const struct stream_header *header)
{
    struct outgoing_server_socket_reader *self = self_of(reader);
    const char *remote = local_outgoing_server_session_remote(self->session);
    if (strcmp(header->stream_ns, XMLNS_STREAM) != 0 ||
        strcmp(header->content_ns, XMLNS_SERVER) != 0)
        return socket_reader_end(reader, STREAM_INVALID_NAMESPACE, NULL,
                                 "%s answers with namespaces '%s' and '%s'", remote,
                                 header->stream_ns, header->content_ns);
    if (!header->is_stream)
        return socket_reader_end(reader, STREAM_BAD_FORMAT, NULL,
                                 "the root element of %s is not stream", remote);
    if (header->has_version && !header->version_valid)
        return socket_reader_end(reader, STREAM_UNSUPPORTED_VERSION, NULL,
                                 "the version of %s is not of the form 1.0", remote);
    self->modern = header->major >= 1;
    self->declares_dialback = header->declares_dialback;
    char from[JID_PART_MAX + 1];
    if (header->from != NULL && (jid_prepare_domain(header->from, strlen(header->from), from) < 0 ||
                                 strcmp(from, remote) != 0))
        log_warn("%s: we asked for %s, the header that came is from %s: answers count for %s only",
                 socket_connection_name(reader->connection), remote, header->from, remote);
    /* COMPAT: some servers open the stream that carries only an error without id, or with an
     * empty one (Prosody's first header on an outgoing stream); an id is missed when a key has
     * to be made from it. */
    self->stream_id = text_copy(header->id != NULL ? header->id : "");
    if (self->modern)
        return 0;
    if (self->stream_id[0] == '\0')
        return socket_reader_end(reader, STREAM_BAD_FORMAT, NULL, "the header of %s has no id",
                                 remote);
    timeline_step(socket_connection_timeline(reader->connection),
                  "LocalOutgoingServerSession.createOutgoingSession", "RFC 6120 4.7.5",
                  "%s is older than XMPP 1.0: no features will come, dialback at once", remote);
    local_outgoing_server_session_opened(self->session, self->stream_id);
    return 0;
}

static int features_received(struct socket_reader *reader, const struct element *features)
{
    struct outgoing_server_socket_reader *self = self_of(reader);
    const char *remote = local_outgoing_server_session_remote(self->session);
    const struct element *starttls = element_child(features, "starttls", XMLNS_TLS);
    bool dialback = element_child(features, "dialback", XMLNS_DIALBACK_FEATURE) != NULL;
    timeline_step(socket_connection_timeline(reader->connection),
                  "LocalOutgoingServerSession.createOutgoingSession", "RFC 6120 4.3.2",
                  "features received:%s%s%s", starttls != NULL ? " starttls" : "",
                  dialback ? " dialback" : "",
                  element_child(features, "mechanisms", XMLNS_SASL) ? " mechanisms" : "");
    if (self->stream_id[0] == '\0')
        return socket_reader_end(reader, STREAM_BAD_FORMAT, NULL, "the header of %s has no id",
                                 remote);
    if (starttls != NULL && element_child(starttls, "required", XMLNS_TLS) != NULL)
        return socket_reader_end(reader, STREAM_POLICY_VIOLATION, NULL,
                                 "%s requires TLS, and no certificate is configured here", remote);
    /* COMPAT: MongooseIM and older servers announce dialback by the namespace on their header only
     */
    if (!dialback && !self->declares_dialback)
        return socket_reader_end(reader, STREAM_ERROR_NONE, NULL,
                                 "%s offers no way to authenticate that we know", remote);
    local_outgoing_server_session_opened(self->session, self->stream_id);
    return 0;
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
        local_outgoing_server_session_verify_received(self->session, &answer);
        return 0;
    }
    if (local_outgoing_server_session_result_received(self->session, &answer) == 0)
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
    log_debug("<%s xmlns='%s'> came on a stream that we opened: not processed (RFC 6120 4.5)",
              element->name, element->ns);
    return 0;
}

/* idle_limit - milliseconds, or -1: never */
static int64_t idle_limit(struct socket_reader *reader)
{
    struct outgoing_server_socket_reader *self = self_of(reader);
    int64_t idle = reader->config->xmpp_server_session_idle;
    if (!local_outgoing_server_session_has_domain(self->session) &&
        (idle < 0 || idle > UNPROVED_IDLE_MS))
        return UNPROVED_IDLE_MS;
    return idle > 0 ? idle : -1;
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
        return socket_reader_end(
            reader, STREAM_CONNECTION_TIMEOUT, NULL, "%s did not complete the set-up in time: %s",
            local_outgoing_server_session_remote(self->session),
            self->stream_id == NULL ? "no stream header came" : "no features came");
    int64_t idle = idle_limit(reader);
    if (local_outgoing_server_session_is_waiting(self->session) || idle < 0)
        return 0;
    if (xmpp_server_now() < socket_connection_last_active(reader->connection) + idle)
        return 0;
    local_outgoing_server_session_retire(self->session);
    return socket_reader_end_gracefully(reader, "idle");
}

static bool is_authenticated(struct socket_reader *reader)
{
    return local_outgoing_server_session_is_open(self_of(reader)->session);
}

static const struct socket_reader_operations operations = {
    .stream_opened = stream_opened,
    .process = process,
    .deadline = deadline,
    .timed_out = timed_out,
    .is_authenticated = is_authenticated,
    .write_header = write_header,
};

/* --- what was never sent
 * ------------------------------------------------------------------------------------------ */

/* The appended bytes are whole stanzas that we wrote: they are read back and bounced. */
struct returned {
    struct xmpp_packet_reader *packets;
    size_t position, sent;
};

static int returned_opened(void *owner, const struct element *header)
{
    (void)owner;
    (void)header;
    return 0;
}

static int returned_packet(void *owner, struct element *packet)
{
    struct returned *returned = owner;
    returned->position += xmpp_packet_reader_packet_bytes(returned->packets);
    if (returned->position > returned->sent && packet_kind(packet) != PACKET_NONE)
        outgoing_session_promise_return_to_sender(packet, PACKET_REMOTE_SERVER_TIMEOUT,
                                                  "the stream broke before this was sent");
    return 0;
}

static int returned_closed(void *owner)
{
    (void)owner;
    return -1;
}

/* undelivered - what the kernel took whole may have arrived; the rest comes back */
static void undelivered(void *owner, const char *bytes, size_t length, size_t sent)
{
    (void)owner;
    static const struct xmpp_packet_handler handler = {returned_opened, returned_packet,
                                                       returned_closed};
    static const char header[] = "<stream:stream xmlns='" XMLNS_SERVER
                                 "' xmlns:stream='" XMLNS_STREAM "' xmlns:db='" XMLNS_DIALBACK "'>";
    struct xmpp_packet_limits limits = {SIZE_MAX / 2, 100000,     UINT32_MAX,
                                        UINT32_MAX,   UINT32_MAX, SIZE_MAX / 2};
    struct returned returned = {.sent = sent};
    returned.packets = xmpp_packet_reader_new(&limits, &handler, &returned);
    xmpp_packet_reader_feed(returned.packets, header, sizeof header - 1);
    xmpp_packet_reader_feed(returned.packets, bytes, length);
    xmpp_packet_reader_free(returned.packets);
}

/* --- the life of the stream
 * --------------------------------------------------------------------------------------- */

/* connect_to - DNS and TCP. The connected socket, or -1: everybody who waits has been told. */
static int connect_to(struct local_outgoing_server_session *session)
{
    const char *remote = local_outgoing_server_session_remote(session);
    struct text why = TEXT_EMPTY;
    int fd = -1;
    enum packet_error error = PACKET_REMOTE_SERVER_NOT_FOUND;
    enum socket_util_result result = SOCKET_NOT_FOUND;
    if (remote_server_manager_can_access(remote, &why)) {
        text_clear(&why);
        result = socket_util_connect(remote, local_outgoing_server_session_deadline(session),
                                     local_outgoing_server_session_timeline(session), &fd, &why);
    }
    if (result == SOCKET_UNREACHABLE)
        error = PACKET_REMOTE_SERVER_TIMEOUT;
    if (result != SOCKET_CONNECTED) {
        log_info("outgoing session to %s refused: %s", remote, text_string(&why));
        retry_pause_failed(remote, error, text_string(&why));
        local_outgoing_server_session_failed(session, error, text_string(&why));
        fd = -1;
    }
    text_free(&why);
    return fd;
}

/* open_stream - our header (conformance 11) */
static void open_stream(struct socket_reader *reader, struct local_outgoing_server_session *session)
{
    struct stream_header_fields fields = {.from = local_outgoing_server_session_local(session),
                                          .to = local_outgoing_server_session_remote(session),
                                          .lang = "en",
                                          .content_ns = XMLNS_SERVER,
                                          .dialback = true,
                                          .version = true};
    struct text out = TEXT_EMPTY;
    stream_header_write(&out, &fields);
    socket_connection_deliver(reader->connection, out.bytes, out.length);
    text_free(&out);
    reader->header_sent = true;
    timeline_step(socket_connection_timeline(reader->connection),
                  "LocalOutgoingServerSession.createOutgoingSession", "RFC 6120 4.7",
                  "stream opened: our header, from %s to %s", fields.from, fields.to);
}

/* report_end - one line at info level, and a pause before the next attempt if nothing ever worked
 */
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
        retry_pause_failed(remote, error, why);
    local_outgoing_server_session_failed(self->session, error, why);
}

void outgoing_server_socket_reader_run(struct local_outgoing_server_session *session)
{
    int fd = connect_to(session);
    if (fd < 0)
        return;
    struct outgoing_server_socket_reader self = {.session = session};
    const struct config *config = config_get();
    struct socket_connection_limits limits = {config->xmpp_socket_write_timeout_seconds * 1000,
                                              (size_t)config->s2s_queue_bytes};
    socket_connection_set_options(fd, config->xmpp_socket_tcp_nodelay,
                                  config->xmpp_socket_keepalive, limits.write_timeout);
    config_unref(config);
    struct socket_connection *connection = socket_connection_new(
        fd, log_id(), &limits, local_outgoing_server_session_timeline(session));
    socket_reader_init(&self.reader, &operations, connection, &self);
    socket_connection_set_undelivered_handler(connection, undelivered, session);
    local_outgoing_server_session_connected(session, connection);
    open_stream(&self.reader, session);
    blocking_reading_mode_run(&self.reader);
    report_end(&self);
    socket_connection_return_undelivered(connection);
    socket_reader_free(&self.reader);
    free(self.stream_id);
}
