/* SPDX-License-Identifier: Apache-2.0 */
/* socket_reader - the thread of one stream: what reading an incoming and an outgoing stream have in
 * common
 *
 * Openfire: SocketReader. RFC 6120 4.4 (closing), 4.9 (errors), 4.7.3 (ids). All of it runs on the
 * stream's own thread; the connection is the only thing that others touch.
 *
 * Every end passes through here once: the first reason is kept for the one line at info level.
 */
#include "session/socket_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "server/log.h"
#include "server/metrics.h"
#include "server/socket_util.h"
#include "server/timeline.h"
#include "server/xmpp_server.h"

void socket_reader_init(struct socket_reader *reader,
                        const struct socket_reader_operations *operations, int fd, const char *name,
                        struct timeline *timeline, void *owner)
{
    const struct config *config = config_get();
    struct send_limits limits = {config->xmpp_socket_write_timeout_seconds * 1000,
                                 (size_t)config->s2s_queue_bytes};
    socket_util_set_options(fd, config->xmpp_socket_tcp_nodelay, config->xmpp_socket_keepalive,
                            limits.write_timeout);
    *reader =
        (struct socket_reader){.operations = operations,
                               .connection = socket_connection_new(fd, name, &limits, timeline),
                               .owner = owner,
                               .config = config};
}

void socket_reader_free(struct socket_reader *reader)
{
    free(reader->buffer);
    xmpp_packet_reader_free(reader->packets);
    socket_connection_unref(reader->connection);
    config_unref(reader->config);
    text_free(&reader->end_reason);
}

void socket_reader_note_end(struct socket_reader *reader, const char *word, const char *why)
{
    if (reader->end_word != NULL)
        return;
    reader->end_word = word;
    text_append_string(&reader->end_reason, why);
}

void socket_reader_send_header(struct socket_reader *reader,
                               const struct stream_header_fields *fields)
{
    struct text out = TEXT_EMPTY;
    stream_header_write(&out, fields);
    socket_connection_deliver(reader->connection, out.bytes, out.length);
    text_free(&out);
    reader->header_sent = true;
}

/* end - with this sentence */
static int end(struct socket_reader *reader, enum stream_error error, const char *tell,
               const char *sentence)
{
    struct text last = TEXT_EMPTY;
    timeline_step(socket_connection_timeline(reader->connection), "SocketReader.run",
                  "RFC 6120 4.9.1", "we end the stream: %s (%s)", stream_error_name(error),
                  sentence);
    socket_reader_note_end(reader, stream_error_name(error), sentence);
    if (!reader->header_sent)
        reader->operations->write_header(reader, &last);
    reader->header_sent = true;
    stream_error_write(&last, error, tell);
    text_append_string(&last, STREAM_FOOTER);
    if (socket_connection_end(reader->connection, last.bytes, last.length) &&
        error != STREAM_ERROR_NONE)
        metrics_add(stream_errors[METRICS_OUTGOING][error], 1);
    text_free(&last);
    return -1;
}

int socket_reader_end(struct socket_reader *reader, enum stream_error error, const char *tell,
                      const char *why, ...)
{
    char sentence[512];
    va_list arguments;
    va_start(arguments, why);
    vsnprintf(sentence, sizeof sentence, why, arguments);
    va_end(arguments);
    return end(reader, error, tell, sentence);
}

int socket_reader_fail(struct socket_reader *reader, enum failure failure, enum stream_error error,
                       const char *tell, const char *why, ...)
{
    char sentence[512];
    va_list arguments;
    va_start(arguments, why);
    vsnprintf(sentence, sizeof sentence, why, arguments);
    va_end(arguments);
    timeline_fail(socket_connection_timeline(reader->connection), failure, "%s", sentence);
    return end(reader, error, tell, sentence);
}

int socket_reader_end_gracefully(struct socket_reader *reader, const char *why)
{
    if (reader->ending)
        return 0;
    reader->ending = true;
    reader->ending_deadline = xmpp_server_now() + SOCKET_READER_LINGER_MS;
    socket_reader_note_end(reader, "closed by us", why);
    timeline_step(socket_connection_timeline(reader->connection), "SocketConnection.close",
                  "RFC 6120 4.4", "we close the stream: %s", why);
    socket_connection_end(reader->connection, STREAM_FOOTER, sizeof STREAM_FOOTER - 1);
    return 0;
}

void socket_reader_make_stream_id(char id[33])
{
    unsigned char random[16];
    for (size_t have = 0; have < sizeof random;) {
        ssize_t got = getrandom(random + have, sizeof random - have, 0);
        if (got > 0)
            have += (size_t)got;
    }
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(id + 2 * i, 3, "%02x", random[i]);
}

struct xmpp_packet_limits socket_reader_limits(const struct config *config, bool authenticated)
{
    struct xmpp_packet_limits limits = {
        .bytes = (size_t)config->xmpp_parser_buffer_size,
        .depth = (unsigned)config->s2s_xml_depth,
        .elements = (unsigned)config->s2s_xml_elements,
        .attributes = (unsigned)config->s2s_xml_attributes,
        .namespaces = (unsigned)config->s2s_xml_namespaces,
        .whitespace = (size_t)config->xmpp_parser_buffer_size,
    };
    if (authenticated)
        return limits;
    size_t bytes = (size_t)config->s2s_negotiation_bytes;
    limits.bytes = bytes < limits.bytes ? bytes : limits.bytes;
    limits.whitespace = limits.bytes;
    limits.depth = limits.depth < 16 ? limits.depth : 16;
    limits.elements = limits.elements < 64 ? limits.elements : 64;
    limits.attributes = limits.attributes < 32 ? limits.attributes : 32;
    limits.namespaces = limits.namespaces < 16 ? limits.namespaces : 16;
    return limits;
}
