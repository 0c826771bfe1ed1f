/* SPDX-License-Identifier: Apache-2.0 */
/* blocking_reading_mode - the loop that reads one stream until its end
 *
 * Openfire: BlockingReadingMode.run, SocketReadingMode. RFC 6120 4.4, 5.4.2, 6.4; XEP-0220 lets
 * everything go on while a verification is under way, so nothing here waits for one.
 *
 * Action points:
 *   bytes                       -> the packet reader, which calls back with:
 *     opening tag               -> operations->stream_opened
 *     <starttls/>, SASL         -> operations->negotiate_tls, ->authenticate
 *     either succeeds           -> the rest of the input is dropped, reader->restart runs, a new header comes
 *     <stream:error/>           -> logged, no answer error, closing tag (RFC 6120 4.9.1)
 *     other element             -> operations->process
 *     </stream:stream>          -> answered, the end
 *   bytes that are no stream    -> our header if it is not out yet, the stream error, closing tag
 *   deadline                    -> operations->timed_out
 *   end of TCP, reset           -> the end
 */
#include "session/blocking_reading_mode.h"

#include <stdlib.h>

#include "server/connection_limiter.h"
#include "server/limit_log.h"
#include "server/log.h"
#include "server/memory.h"
#include "server/metrics.h"
#include "server/stranger_turns.h"
#include "server/timeline.h"
#include "server/tls_stream_handler.h"
#include "server/touched_connections.h"
#include "server/xmpp_server.h"
#include "session/packet_router.h"
#include "session/sasl_authentication.h"
#include "session/session_outcome.h"
#include "xml/xmlns.h"

#define FEW_BYTES 2048    /* read at once: keys, pings, a stanza now and then */
#define MANY_BYTES 32768  /* when more came than that, into one of these, until nothing comes */
#define FLUSH_EACH 262144 /* bytes read, before what came of them is sent although more comes */
#define QUIET_MS 500      /* nothing came for so long: give back what only busy streams need */

static int stream_opened(void *given, const struct element *element)
{
    struct socket_reader *reader = given;
    struct stream_header header;
    stream_header_read(&header, element);
    timeline_step(socket_connection_timeline(reader->connection), "BlockingReadingMode.run",
                  "RFC 6120 4.7", "stream header received: from=%s to=%s id=%s version=%s, %s",
                  header.from ? header.from : "-", header.to ? header.to : "-",
                  header.id ? header.id : "-",
                  header.has_version ? element_get(element, "version") : "-",
                  header.declares_dialback ? "xmlns:db is declared" : "xmlns:db is not declared");
    return reader->operations->stream_opened(reader, &header);
}

static int peer_error(struct socket_reader *reader, const struct element *element)
{
    const char *text;
    enum stream_error error =
        stream_error_read(xmpp_packet_reader_arena(reader->packets), element, &text);
    reader->peer_error = error;
    metrics_add(stream_errors[METRICS_INCOMING][error], 1);
    timeline_step(socket_connection_timeline(reader->connection), "SocketReader.run",
                  "RFC 6120 4.9.1", "the other side ends the stream: %s %s",
                  stream_error_name(error), text);
    struct text why = TEXT_EMPTY;
    text_appendf(&why, "the other side says %s%s%s", stream_error_name(error), text[0] ? ": " : "",
                 text);
    socket_reader_note_end(reader, "stream error received", text_string(&why));
    timeline_fail(socket_connection_timeline(reader->connection),
                  session_outcome_of_stream_error(error, text), "%s", text_string(&why));
    text_free(&why);
    return socket_reader_end(reader, STREAM_ERROR_NONE, NULL,
                             "after the other side's stream error");
}

static int packet_read(void *given, struct element *element)
{
    struct socket_reader *reader = given;
    if (packet_kind(element) != PACKET_NONE) /* most are */
        return reader->operations->process(reader, element);
    if (element_is(element, "error", XMLNS_STREAM))
        return peer_error(reader, element);
    if (element_is(element, "starttls", XMLNS_TLS) && reader->operations->negotiate_tls != NULL)
        return reader->operations->negotiate_tls(reader);
    if (sasl_authentication_is_element(element) && reader->operations->authenticate != NULL)
        return reader->operations->authenticate(reader, element);
    return reader->operations->process(reader, element);
}

static int stream_closed(void *given)
{
    struct socket_reader *reader = given;
    socket_reader_note_end(reader, "closed", "the other side closed the stream");
    timeline_fail(socket_connection_timeline(reader->connection), FAILURE_ENDED, "%s",
                  text_string(&reader->end_reason));
    if (!reader->ending)
        return socket_reader_end(reader, STREAM_ERROR_NONE, NULL,
                                 "answering the other side's closing tag");
    return -1;
}

/* raise_limits - once the peer has proved something, its stanzas may be large */
static void raise_limits(struct socket_reader *reader)
{
    if (reader->authenticated || !reader->operations->is_authenticated(reader))
        return;
    reader->authenticated = true;
    stranger_turns_join(false);
    struct xmpp_packet_limits limits = socket_reader_limits(reader->config, true);
    xmpp_packet_reader_set_limits(reader->packets, &limits);
}

/* begin_anew - the stream was stopped: for good (-1), or to begin anew inside TLS or authenticated (RFC 6120
 * 4.3.3). Nothing is carried over, not even bytes that were read already (CVE-2011-0411's kind). */
static int begin_anew(struct socket_reader *reader)
{
    int (*restart)(struct socket_reader *) = reader->restart;
    reader->restart = NULL;
    if (restart == NULL)
        return -1;
    xmpp_packet_reader_restart(reader->packets);
    reader->header_sent = false;
    return restart(reader);
}

/* count_stanzas - one addition to the metric for all of what was read */
static void count_stanzas(struct socket_reader *reader)
{
    if (reader->uncounted > 0 && reader->metric != NULL)
        __atomic_fetch_add(reader->metric, reader->uncounted, __ATOMIC_RELAXED);
    reader->uncounted = 0;
}

/* charge - before authentication all that is read is counted: of this stream, and of all such streams together */
static int charge(struct socket_reader *reader, size_t length)
{
    long long most = reader->config->s2s_negotiation_total;
    reader->bytes_before += length;
    if (reader->bytes_before > (size_t)most) {
        limit_log_bites(LIMIT_NEGOTIATION_BYTES, "%s sent too much before it proved anything",
                        socket_connection_peer(reader->connection));
        return socket_reader_fail(reader, FAILURE_LIMIT_HERE, STREAM_POLICY_VIOLATION,
                                  "too much before authentication",
                                  "more than %lld bytes before anything was proved", most);
    }
    if (!connection_limiter_charge(reader->ticket, length))
        return socket_reader_fail(reader, FAILURE_LIMIT_HERE, STREAM_RESOURCE_CONSTRAINT, NULL,
                                  "strangers have sent too much, and this one most of it");
    return 0;
}

/* feed - give the parser what was read. 0 to go on, -1 when the stream is over. */
static int feed(struct socket_reader *reader, const char *bytes, size_t length)
{
    raise_limits(reader);
    if (!reader->authenticated && charge(reader, length) < 0)
        return -1;
    const char *why;
    packet_router_remember(true);
    enum xmpp_packet_result result = xmpp_packet_reader_feed(reader->packets, bytes, length);
    packet_router_remember(false);
    count_stanzas(reader);
    switch (result) {
    case XMPP_PACKET_MORE:
        return 0;
    case XMPP_PACKET_STOPPED:
        return begin_anew(reader);
    case XMPP_PACKET_ERROR:
        break;
    }
    enum stream_error error = xmpp_packet_reader_error(reader->packets, &why);
    if (error == STREAM_POLICY_VIOLATION)
        limit_log_bites(LIMIT_STANZA, "%s: %s", socket_connection_peer(reader->connection), why);
    if (xmpp_packet_reader_in_stream(reader->packets))
        return socket_reader_fail(reader, FAILURE_BAD_STREAM, error, why, "%s", why);
    const char *other = session_outcome_of_bytes(bytes, length);
    return socket_reader_fail(reader, FAILURE_NOT_XMPP, error, why, "no XMPP stream: %s%s%s", why,
                              other != NULL ? "; " : "", other != NULL ? other : "");
}

/* rest - nothing came for a while: the parser, the buffer, the pages of the stack that deeper calls have used */
static void rest(struct socket_reader *reader)
{
    xmpp_packet_reader_rest(reader->packets);
    free(reader->buffer);
    reader->buffer = NULL;
    tls_stream_handler_rest(socket_connection_tls(reader->connection));
    memory_rest();
}

/* wait_for_input - until there is some, or the deadline; a stream on which nothing comes takes little memory meanwhile */
static enum socket_read wait_for_input(struct socket_reader *reader)
{
    int64_t deadline =
        reader->ending ? reader->ending_deadline : reader->operations->deadline(reader);
    if (reader->operations->is_settled != NULL && reader->operations->is_settled(reader))
        xmpp_packet_reader_rest(reader->packets);
    int64_t quiet = xmpp_server_now() + QUIET_MS;
    if (deadline >= 0 && deadline <= quiet)
        return socket_connection_wait(reader->connection, deadline);
    enum socket_read result = socket_connection_wait(reader->connection, quiet);
    if (result != SOCKET_READ_TIMEOUT)
        return result;
    rest(reader);
    return socket_connection_wait(reader->connection, deadline);
}

/* read_some - what there is, into a small buffer, and a large one once that was full */
static enum socket_read read_some(struct socket_reader *reader, size_t *length)
{
    if (reader->buffer == NULL || reader->full) {
        free(reader->buffer);
        reader->buffer_size = reader->full ? MANY_BYTES : FEW_BYTES;
        reader->buffer = text_alloc(reader->buffer_size);
    }
    enum socket_read result =
        socket_connection_read_now(reader->connection, reader->buffer, reader->buffer_size, length);
    reader->full = result == SOCKET_READ_SOME && *length == FEW_BYTES;
    return result;
}

/* note_broken - by a reset, or, in TLS 1.3 only now, since our certificate was not taken */
static void note_broken(struct socket_reader *reader)
{
    enum failure alert = tls_stream_handler_broke(socket_connection_tls(reader->connection));
    socket_reader_note_end(reader, "broken",
                           alert != FAILURE_NONE ? "the other side ended it by a TLS alert"
                                                 : "the connection broke");
    timeline_fail(socket_connection_timeline(reader->connection),
                  alert != FAILURE_NONE ? alert : FAILURE_BROKE, "%s",
                  text_string(&reader->end_reason));
}

/* read_stream - until it is over */
static void read_stream(struct socket_reader *reader)
{
    size_t since = 0; /* bytes read since all that was written to others was sent */
    for (;;) {
        size_t length = 0;
        stranger_turns_take();
        enum socket_read result = read_some(reader, &length);
        if (result == SOCKET_READ_NONE) {
            result = wait_for_input(reader);
            since = 0;
        } else if (result == SOCKET_READ_SOME && feed(reader, reader->buffer, length) < 0)
            return;
        stranger_turns_give();
        since += length;
        if (since > FLUSH_EACH) { /* who never pauses must not keep back what is for others */
            touched_connections_flush(true);
            since = 0;
        }
        switch (result) {
        case SOCKET_READ_NONE:
        case SOCKET_READ_SOME:
            break;
        case SOCKET_READ_TIMEOUT:
            if (reader->ending || reader->operations->timed_out(reader) < 0)
                return;
            break;
        case SOCKET_READ_END:
            socket_reader_note_end(reader, "closed", "the connection was ended");
            timeline_fail(socket_connection_timeline(reader->connection), FAILURE_ENDED, "%s",
                          text_string(&reader->end_reason));
            return;
        case SOCKET_READ_FAILED:
            note_broken(reader);
            return;
        }
    }
}

void blocking_reading_mode_run(struct socket_reader *reader)
{
    static const struct xmpp_packet_handler handler = {stream_opened, packet_read, stream_closed};
    struct xmpp_packet_limits limits = socket_reader_limits(reader->config, false);
    stranger_turns_join(connection_limiter_is_stranger(reader->ticket));
    stranger_turns_take();
    reader->packets = xmpp_packet_reader_new(&limits, &handler, reader);
    if (reader->content_ns != NULL)
        xmpp_packet_reader_set_content_ns(reader->packets, reader->content_ns);
    read_stream(reader);
    stranger_turns_take(); /* its end is work, too */
    if (reader->operations->over != NULL)
        reader->operations->over(reader);
    socket_connection_end(reader->connection, reader->header_sent ? STREAM_FOOTER : NULL,
                          sizeof STREAM_FOOTER - 1);
    touched_connections_flush(
        true); /* what others got from this thread need not wait for its end */
    socket_connection_finish(reader->connection, SOCKET_READER_LINGER_MS);
}
