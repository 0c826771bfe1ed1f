/* SPDX-License-Identifier: Apache-2.0 */
/* incoming_handshake - what a stream that another domain opens to us is answered with
 *
 * Openfire: LocalIncomingServerSession.createSession. RFC 6120 4.7, 4.3.2; XEP-0220 2.4; XEP-0478 3.1.
 */
#include "session/incoming_handshake.h"

#include "server/timeline.h"
#include "xml/xmlns.h"

static void write_features(const struct config *config, const struct handshake_offer *offer,
                           struct text *out)
{
    text_append_string(out, "<stream:features>");
    if (offer->starttls)
        text_appendf(out, "<starttls xmlns=\"" XMLNS_TLS "\"%s",
                     offer->starttls_required ? "><required/></starttls>" : "/>");
    if (offer->external)
        text_append_string(out, "<mechanisms xmlns=\"" XMLNS_SASL
                                "\"><mechanism>EXTERNAL</mechanism></mechanisms>");
    if (offer->dialback)
        text_append_string(out,
                           "<dialback xmlns=\"" XMLNS_DIALBACK_FEATURE "\"><errors/></dialback>");
    if (!config->xmpp_server_limits_advertisement_disabled) {
        text_appendf(out, "<limits xmlns=\"" XMLNS_LIMITS "\"><max-bytes>%lld</max-bytes>",
                     (long long)config->xmpp_parser_buffer_size);
        if (config->xmpp_server_session_idle >= 1000)
            text_appendf(out, "<idle-seconds>%lld</idle-seconds>",
                         (long long)(config->xmpp_server_session_idle / 1000));
        text_append_string(out, "</limits>");
    }
    text_append_string(out, "</stream:features>");
}

void incoming_handshake_send(struct socket_reader *reader, const char *local, const char *stream_id,
                             const struct stream_header *header,
                             const struct handshake_offer *offer)
{
    bool modern = header->major >= 1;
    struct stream_header_fields fields = {
        .from = local,
        .to = header->from,
        .id = stream_id,
        .lang = "en",
        .content_ns = XMLNS_SERVER,
        .dialback = reader->config->xmpp_server_dialback_enabled || offer->upstream,
        .version = modern};
    struct text out = TEXT_EMPTY;
    stream_header_write(&out, &fields);
    if (modern)
        write_features(reader->config, offer, &out);
    socket_connection_deliver(reader->connection, out.bytes, out.length);
    text_free(&out);
    reader->header_sent = true;
    timeline_step(
        socket_connection_timeline(reader->connection), "LocalIncomingServerSession.createSession",
        modern ? "RFC 6120 4.3.2" : "XEP-0220 2.4.1",
        "handshake sent: our header with id %s, %s%s%s%s", stream_id,
        modern ? "then features:" : "no version and no features: the peer is older than 1.0",
        modern && offer->starttls ? " starttls" : "", modern && offer->external ? " EXTERNAL" : "",
        modern && offer->dialback ? " dialback" : "");
}

void incoming_handshake_write_header(struct socket_reader *reader, struct text *out)
{
    char id[33];
    socket_reader_make_stream_id(id);
    struct stream_header_fields fields = {.from = reader->config->xmpp_domain,
                                          .id = id,
                                          .lang = "en",
                                          .content_ns = XMLNS_SERVER,
                                          .dialback = true,
                                          .version = true};
    stream_header_write(out, &fields);
}
