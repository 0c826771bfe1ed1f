/* SPDX-License-Identifier: Apache-2.0 */
/* component_socket_reader - reads the stream of a component
 *
 * Openfire: ComponentSocketReader.createSession, ComponentStanzaHandler.processUnknowPacket, and its <bind/>. XEP-0114 3, RFC 6120 4.9.
 *
 * Action points:
 *   opening tag  -> invalid-namespace, bad-format (no `to`), host-unknown (no domain of a component, or not permitted),
 *   internal-server-error (no secret), conflict (another has it), or createSession
 *   <handshake/> -> not-authorized and the end, or an empty <handshake/>, and the domain is the component's
 *   <bind/>      -> one more domain below its first, or with a row and the same right to it
 *   stanza       -> not-authorized before the handshake; improper-addressing, invalid-from (DIFFERS: Openfire lets a component
 *   write from any address); else the PacketRouter
 *   silence      -> connection-timeout
 */
#include "session/component_socket_reader.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/external_component_manager.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/socket_util.h"
#include "server/timeline.h"
#include "server/trace.h"
#include "server/xmpp_server.h"
#include "session/blocking_reading_mode.h"
#include "session/component_routes.h"
#include "session/packet_router.h"
#include "session/undelivered_stanzas.h"
#include "xml/jid.h"
#include "xml/packet.h"
#include "xml/xmlns.h"

#define COMPONENTS_MAX 1000 /* connections at once */

struct component_socket_reader {
    struct socket_reader reader;
    struct local_component_session *session; /* NULL before createSession */
    bool authenticated;
    int64_t negotiation_deadline;
};

static _Atomic int component_count;
static _Atomic unsigned next_number;

static struct component_socket_reader *self_of(struct socket_reader *reader)
{
    return reader->owner;
}

static void write_header(struct socket_reader *reader, struct text *out)
{
    char id[33];
    socket_reader_make_stream_id(id);
    struct stream_header_fields fields = {
        .from = reader->config->xmpp_domain, .id = id, .content_ns = XMLNS_COMPONENT_ACCEPT};
    stream_header_write(out, &fields);
}

/* read_name - the domain that `to` means: as it stands, or below xmpp.domain when it has no dot (Openfire's way) */
static bool read_name(const struct socket_reader *reader, const char *to,
                      char name[JID_PART_MAX + 1])
{
    char *whole = strchr(to, '.') != NULL || strcmp(to, reader->config->xmpp_domain) == 0
                      ? text_copy(to)
                      : text_format("%s.%s", to, reader->config->xmpp_domain);
    bool good = jid_prepare_domain(whole, strlen(whole), name) > 0;
    free(whole);
    return good;
}

/* judge_domain - may a component be this domain? STREAM_ERROR_NONE, or what it gets */
static enum stream_error judge_domain(const char *domain, struct text *why)
{
    struct text secret = TEXT_EMPTY;
    enum stream_error error = STREAM_ERROR_NONE;
    if (!external_component_manager_can_access(domain, why)) {
        error = STREAM_HOST_UNKNOWN;
    } else if (!external_component_manager_secret(domain, &secret)) {
        error = STREAM_INTERNAL_SERVER_ERROR;
        text_clear(why);
        text_appendf(why, "%s has no secret, and there is no default one", domain);
    }
    text_free(&secret);
    return error;
}

static int stream_opened(struct socket_reader *reader, const struct stream_header *header)
{
    struct component_socket_reader *self = self_of(reader);
    char name[JID_PART_MAX + 1];
    if (strcmp(header->stream_ns, XMLNS_STREAM) != 0 || !header->is_stream ||
        strcmp(header->content_ns, XMLNS_COMPONENT_ACCEPT) != 0)
        return socket_reader_end(reader, STREAM_INVALID_NAMESPACE, NULL,
                                 "the namespaces are '%s' and '%s'", header->stream_ns,
                                 header->content_ns);
    if (header->to == NULL)
        return socket_reader_end(reader, STREAM_BAD_FORMAT, "the component must say who it is",
                                 "a component's header without to");
    if (!read_name(reader, header->to, name))
        return socket_reader_end(reader, STREAM_HOST_UNKNOWN, NULL, "'%s' is no domain",
                                 header->to);
    struct text why = TEXT_EMPTY;
    enum stream_error error = judge_domain(name, &why);
    int result = 0;
    if (error != STREAM_ERROR_NONE)
        result = socket_reader_end(reader, error, NULL, "%s: %s", name, text_string(&why));
    else
        self->session =
            local_component_session_create_session(reader, name, header->allows_multiple);
    text_free(&why);
    return result;
}

/* handshake - XEP-0114 3. The domain is the component's only from now on. */
static int handshake(struct component_socket_reader *self, const struct element *element)
{
    struct socket_reader *reader = &self->reader;
    const char *domain = local_component_session_domain(self->session);
    const char *digest = element_text(element, xmpp_packet_reader_arena(reader->packets));
    if (self->authenticated)
        return socket_reader_end(reader, STREAM_NOT_AUTHORIZED, NULL, "a second handshake");
    if (!local_component_session_authenticate(self->session, digest)) {
        metrics_add(components_refused, 1);
        log_warn("component %s from %s refused: its secret is not ours", domain,
                 socket_connection_peer(reader->connection));
        return socket_reader_end(reader, STREAM_NOT_AUTHORIZED, NULL, "wrong handshake");
    }
    if (!local_component_session_bind(self->session, domain,
                                      local_component_session_is_multiple(self->session),
                                      "<handshake/>"))
        return socket_reader_end(reader, STREAM_CONFLICT, NULL, "another component is %s", domain);
    self->authenticated = true;
    xmpp_server_serve(domain);
    log_info("component %s connected from %s", domain, socket_connection_peer(reader->connection));
    timeline_step(socket_connection_timeline(reader->connection),
                  "LocalComponentSession.authenticate", "XEP-0114 3",
                  "the handshake is right: %s is this component's", domain);
    return 0;
}

/* may_bind - below its first domain, by whole labels; or with a row of its own, whose secret must be the same */
static bool may_bind(const struct component_socket_reader *self, const char *domain)
{
    const char *first = local_component_session_domain(self->session);
    if (jid_domain_is_below(domain, first))
        return external_component_manager_can_access(domain, NULL);
    struct text mine = TEXT_EMPTY, its = TEXT_EMPTY;
    bool same = external_component_manager_is_configured(domain, strlen(domain)) &&
                external_component_manager_can_access(domain, NULL) &&
                external_component_manager_secret(first, &mine) &&
                external_component_manager_secret(domain, &its) &&
                strcmp(text_string(&mine), text_string(&its)) == 0;
    text_free(&mine);
    text_free(&its);
    return same;
}

/* bind - Openfire's <bind name='…'/>: an empty <bind/>, or a copy of it with the error */
static int bind_domain(struct component_socket_reader *self, struct element *element)
{
    struct socket_reader *reader = &self->reader;
    struct arena *arena = xmpp_packet_reader_arena(reader->packets);
    const char *name = element_get(element, "name");
    bool multiple = element_get(element, "allowMultiple") != NULL, good = false;
    enum packet_error error = PACKET_BAD_REQUEST;
    char domain[JID_PART_MAX + 1];
    if (name != NULL && name[0] != '\0' && read_name(reader, name, domain)) {
        error = PACKET_FORBIDDEN;
        if (strcmp(domain, local_component_session_domain(self->session)) == 0) {
            good = true;
            local_component_session_answer(self->session, "<bind/>");
        } else if (may_bind(self, domain)) {
            error = PACKET_CONFLICT;
            good = local_component_session_bind(self->session, domain, multiple, "<bind/>");
        }
    }
    if (good) {
        xmpp_server_serve(domain);
        log_info("component %s is %s as well", local_component_session_domain(self->session),
                 domain);
        return 0;
    }
    static const struct element_style style = {XMLNS_SERVER, XMLNS_COMPONENT_ACCEPT};
    packet_add_error(arena, element, error, NULL);
    socket_connection_deliver_packet(reader->connection, element, &style);
    return 0;
}

/* packet_received - a stanza of the component's */
static int packet_received(struct component_socket_reader *self, struct element *packet)
{
    struct socket_reader *reader = &self->reader;
    const struct attribute *to = element_get_attribute(packet, "to");
    const struct attribute *from = element_get_attribute(packet, "from");
    struct jid to_jid, from_jid;
    if (!self->authenticated)
        return socket_reader_end(reader, STREAM_NOT_AUTHORIZED, NULL,
                                 "a stanza before the handshake");
    if (to == NULL || from == NULL || jid_parse(&to_jid, to->value, to->value_length) < 0 ||
        jid_parse(&from_jid, from->value, from->value_length) < 0) {
        metrics_add(stanzas_refused, 1);
        return socket_reader_end(reader, STREAM_IMPROPER_ADDRESSING, NULL,
                                 "%s without proper to or from", packet->name);
    }
    if (!local_component_session_has_domain(self->session, from_jid.domain)) {
        metrics_add(stanzas_refused, 1);
        return socket_reader_end(reader, STREAM_INVALID_FROM, NULL,
                                 "%s from=%s, which is not this component's", packet->name,
                                 from->value);
    }
    local_component_session_count_packet(self->session);
    reader->uncounted++;
    component_routes_note(self->session, packet);
    if (trace_is_on())
        trace_stanza(from_jid.domain, TRACE_STANZA_IN, socket_connection_name(reader->connection),
                     XMLNS_SERVER, packet);
    packet_router_route(xmpp_packet_reader_arena(reader->packets), packet, &to_jid, &from_jid);
    return 0;
}

static int process(struct socket_reader *reader, struct element *element)
{
    struct component_socket_reader *self = self_of(reader);
    if (packet_kind(element) != PACKET_NONE)
        return packet_received(self, element);
    if (element_is(element, "handshake", XMLNS_SERVER))
        return handshake(self, element);
    if (element_is(element, "bind", XMLNS_SERVER) && self->authenticated)
        return bind_domain(self, element);
    if (!self->authenticated)
        return socket_reader_end(reader, STREAM_NOT_AUTHORIZED, NULL, "<%s> before the handshake",
                                 element->name);
    if (strcmp(element->ns, XMLNS_SERVER) != 0)
        return socket_reader_end(reader, STREAM_INVALID_NAMESPACE, NULL,
                                 "the element <%s xmlns='%s'>", element->name, element->ns);
    return socket_reader_end(reader, STREAM_UNSUPPORTED_STANZA_TYPE, NULL, "the element <%s>",
                             element->name);
}

static bool is_authenticated(struct socket_reader *reader)
{
    return self_of(reader)->authenticated;
}

static int64_t deadline(struct socket_reader *reader)
{
    int64_t idle = reader->config->xmpp_component_idle;
    if (!is_authenticated(reader))
        return self_of(reader)->negotiation_deadline;
    return idle > 0 ? socket_connection_last_active(reader->connection) + idle : -1;
}

static int timed_out(struct socket_reader *reader)
{
    if (xmpp_server_now() < deadline(reader) || deadline(reader) < 0)
        return 0;
    return socket_reader_end(reader, STREAM_CONNECTION_TIMEOUT, NULL, "%s",
                             is_authenticated(reader) ? "idle" : "no handshake in time");
}

/* over - its domain is free for another connection at once */
static void over(struct socket_reader *reader)
{
    struct component_socket_reader *self = self_of(reader);
    if (self->session != NULL)
        component_routes_remove(self->session);
}

static const struct socket_reader_operations operations = {
    .stream_opened = stream_opened,
    .process = process,
    .deadline = deadline,
    .timed_out = timed_out,
    .is_authenticated = is_authenticated,
    .over = over,
    .write_header = write_header,
};

static void free_reader(struct component_socket_reader *self)
{
    socket_reader_free(&self->reader);
    free(self);
    atomic_fetch_sub(&component_count, 1);
}

/* run - the life of the connection, on its thread. What it was given and has not taken comes back to the senders. */
static void run(void *given)
{
    struct component_socket_reader *self = given;
    struct socket_reader *reader = &self->reader;
    reader->content_ns = XMLNS_COMPONENT_ACCEPT;
    blocking_reading_mode_run(reader);
    if (self->session != NULL)
        local_component_session_close(self->session, reader);
    else
        log_info("component from %s refused: %s (%s)", socket_connection_peer(reader->connection),
                 reader->end_word ? reader->end_word : "closed", text_string(&reader->end_reason));
    socket_connection_return_undelivered(reader->connection);
    free_reader(self);
}

static void discard(void *given)
{
    free_reader(given);
}

int component_socket_reader_create(int fd, const struct sockaddr *peer, enum connection_kind kind,
                                   struct socket_reader_task *task)
{
    (void)kind;
    if (atomic_fetch_add(&component_count, 1) >= COMPONENTS_MAX) {
        atomic_fetch_sub(&component_count, 1);
        char name[80];
        socket_util_name(peer, name, sizeof name);
        log_warn("component from %s refused: %d are connected", name, COMPONENTS_MAX);
        return -1;
    }
    struct component_socket_reader *self = text_calloc(1, sizeof *self);
    snprintf(task->name, sizeof task->name, "component-%x", atomic_fetch_add(&next_number, 1) + 1);
    socket_reader_init(&self->reader, &operations, fd, task->name, timeline_new(), self);
    self->reader.metric = &metrics.stanzas_from_components;
    const struct config *config = self->reader.config;
    task->stack = (size_t)config->s2s_stack_size;
    task->run = run;
    task->discard = discard;
    task->reader = self;
    self->negotiation_deadline = xmpp_server_now() + config->s2s_negotiation_timeout;
    socket_connection_set_undelivered_handler(self->reader.connection, undelivered_stanzas_return,
                                              (void *)(uintptr_t)XMLNS_COMPONENT_ACCEPT);
    socket_connection_set_refused_handler(self->reader.connection, undelivered_stanzas_route_again,
                                          (void *)(uintptr_t)XMLNS_COMPONENT_ACCEPT);
    return 0;
}
