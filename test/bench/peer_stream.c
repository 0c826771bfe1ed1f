/* SPDX-License-Identifier: Apache-2.0 */
/* peer_stream - the parts that the load plays: originating servers, their authoritative and receiving
 * server, and an XEP-0114 component
 *
 * See peer_stream.h.
 */
#include "test/bench/peer_stream.h"

#include <arpa/inet.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/bench/stats.h"

#define TLS "xmlns='urn:ietf:params:xml:ns:xmpp-tls'"
#define STREAM                                                   \
    "<?xml version='1.0'?><stream:stream xmlns='jabber:server' " \
    "xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' "
/* Streams come from as many addresses as there are here, 127.0.3.1 and so on. */
#define SOURCES 250

struct peer_options peer_options;
struct peer_hooks peer_hooks;
uint64_t peer_bounced, peer_unexpected;

static const struct conn_events events;

static struct stream *make_stream(enum peer_role role)
{
    struct stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL)
        die("out of memory");
    stream->role = role;
    stream->began = now();
    return stream;
}

static void copy(char *to, size_t size, const char *from)
{
    if ((size_t)snprintf(to, size, "%s", from) >= size)
        die("%s: too long", from);
}

struct stream *peer_originate(const char *domain, const char *to, uint32_t number, uint32_t source)
{
    struct stream *stream = make_stream(ORIGINATING);
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(0x7f000301 + source % SOURCES)};
    copy(stream->domain, sizeof(stream->domain), domain);
    copy(stream->to, sizeof(stream->to), to);
    stream->number = number;
    if (!conn_init(&stream->conn, -1, &events, &from, &peer_options.target)) {
        free(stream);
        return NULL;
    }
    return stream;
}

struct stream *peer_component(void)
{
    struct stream *stream = make_stream(COMPONENT);
    copy(stream->domain, sizeof(stream->domain), peer_options.component_domain);
    if (!conn_init(&stream->conn, -1, &events, NULL, &peer_options.component_port)) {
        free(stream);
        return NULL;
    }
    return stream;
}

static void accepted(int fd)
{
    conn_init(&make_stream(RECEIVING)->conn, fd, &events, NULL, NULL);
}

void peer_listen(void)
{
    conn_listen(&peer_options.ours, accepted);
}

void peer_close(struct stream *stream)
{
    if (stream->is_closing || stream->conn.is_dead)
        return;
    stream->is_closing = true;
    conn_send(&stream->conn, "</stream:stream>");
}

static void opened(struct conn *conn)
{
    struct stream *stream = (struct stream *)conn;
    if (stream->role == ORIGINATING)
        conn_send(conn, STREAM "from='%s' to='%s' version='1.0'>", stream->domain, stream->to);
    else if (stream->role == COMPONENT)
        conn_send(conn,
                  "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' "
                  "xmlns:stream='http://etherx.jabber.org/streams' to='%s'>",
                  stream->domain);
}

static void end(struct stream *stream, const char *why)
{
    conn_close(&stream->conn);
    peer_hooks.gone(stream, why);
}

static void ended(struct conn *conn, const char *why)
{
    struct stream *stream = (struct stream *)conn;
    peer_hooks.gone(stream, stream->is_closing ? NULL : why);
}

static void become_ready(struct stream *stream)
{
    stream->is_ready = true;
    peer_hooks.ready(stream);
}

/* ---- the parts. Each returns whether the element was one of its own. */

static bool originate(struct stream *stream, const char *at, size_t length)
{
    struct conn *conn = &stream->conn;
    if (scan_is(at, length, "<stream:stream"))
        return true;
    if (scan_is(at, length, "<stream:features") || scan_is(at, length, "<features")) {
        if (peer_options.tls && conn->ssl == NULL) {
            if (scan_has(at, length, "urn:ietf:params:xml:ns:xmpp-tls"))
                conn_send(conn, "<starttls " TLS "/>");
            else
                end(stream, "no STARTTLS is offered");
        } else {
            conn_send(conn,
                      "<db:result from='%s' to='%s'>0123456789abcdef0123456789abcdef</db:result>",
                      stream->domain, stream->to);
        }
        return true;
    }
    if (scan_is(at, length, "<proceed")) {
        conn_start_tls(conn, false, stream->to);
        return true;
    }
    if (scan_is(at, length, "<db:result")) {
        char type[16] = "";
        scan_attribute(at, length, "type", type, sizeof(type));
        if (strcmp(type, "valid") == 0)
            become_ready(stream);
        else
            end(stream, "the target says that our domain is not proved");
        return true;
    }
    return false;
}

static void answer_header(struct stream *stream, const char *at, size_t length)
{
    static unsigned long next_id;
    struct conn *conn = &stream->conn;
    char version[8];
    bool has_features = scan_attribute(at, length, "version", version, sizeof(version));
    scan_attribute(at, length, "to", stream->domain, sizeof(stream->domain));
    scan_attribute(at, length, "from", stream->to, sizeof(stream->to));
    conn_send(conn, STREAM "from='%s' to='%s' id='load-%lu'%s>", stream->domain, stream->to,
              ++next_id, has_features ? " version='1.0'" : "");
    if (has_features)
        conn_send(
            conn,
            "<stream:features>%s<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>"
            "</stream:features>",
            peer_options.tls && conn->ssl == NULL ? "<starttls " TLS "/>" : "");
    if (peer_hooks.received != NULL)
        peer_hooks.received(stream);
}

static bool receive(struct stream *stream, const char *at, size_t length)
{
    struct conn *conn = &stream->conn;
    char from[64] = "", to[64] = "", id[128] = "";
    if (scan_is(at, length, "<stream:stream")) {
        answer_header(stream, at, length);
    } else if (scan_is(at, length, "<starttls")) {
        conn_send(conn, "<proceed " TLS "/>");
        conn_start_tls(conn, true, NULL);
    } else if (scan_is(at, length, "<db:verify") || scan_is(at, length, "<db:result")) {
        scan_attribute(at, length, "from", from, sizeof(from));
        scan_attribute(at, length, "to", to, sizeof(to));
        if (at[4] == 'v' && scan_attribute(at, length, "id", id, sizeof(id)))
            conn_send(conn, "<db:verify from='%s' to='%s' id='%s' type='valid'/>", to, from, id);
        else
            conn_send(conn, "<db:result from='%s' to='%s' type='valid'/>", to, from);
        stream->is_ready = true;
    } else {
        return false;
    }
    return true;
}

static void hex(const unsigned char *bytes, size_t count, char *text)
{
    for (size_t i = 0; i < count; i++)
        sprintf(text + 2 * i, "%02x", bytes[i]);
}

static bool serve(struct stream *stream, const char *at, size_t length)
{
    if (scan_is(at, length, "<stream:stream")) {
        char secret[256], id[128] = "", digest[2 * SHA_DIGEST_LENGTH + 1];
        unsigned char raw[SHA_DIGEST_LENGTH];
        scan_attribute(at, length, "id", id, sizeof(id));
        int size = snprintf(secret, sizeof(secret), "%s%s", id, peer_options.secret);
        SHA1((const unsigned char *)secret, (size_t)size, raw);
        hex(raw, sizeof(raw), digest);
        conn_send(&stream->conn, "<handshake>%s</handshake>", digest);
        return true;
    }
    if (scan_is(at, length, "<handshake")) {
        become_ready(stream);
        return true;
    }
    return false;
}

static bool is_stanza(const char *at, size_t length)
{
    return scan_is(at, length, "<message") || scan_is(at, length, "<iq") ||
           scan_is(at, length, "<presence");
}

static void stanza(struct stream *stream, const char *at, size_t length)
{
    struct mark mark;
    char type[16];
    if (scan_attribute(at, length, "type", type, sizeof(type)) && strcmp(type, "error") == 0)
        peer_bounced++;
    else if (scan_mark(at, length, &stream->shape, &mark))
        peer_hooks.stanza(stream, mark);
    else
        peer_unexpected++;
}

static void stream_error(struct stream *stream, const char *at, size_t length)
{
    char why[160];
    snprintf(why, sizeof(why), "%.*s", (int)length, at);
    end(stream, why);
}

static void element(struct stream *stream, const char *at, size_t length)
{
    static bool (*const parts[])(struct stream *, const char *, size_t) = {
        [ORIGINATING] = originate, [RECEIVING] = receive, [COMPONENT] = serve};
    if (*at != '<' || scan_is(at, length, "<?xml"))
        return;
    if (is_stanza(at, length))
        stanza(stream, at, length);
    else if (scan_is(at, length, "</stream:stream")) {
        bool is_ours = stream->is_closing;
        peer_close(stream);
        if (!stream->conn.is_dead)
            end(stream, is_ours ? NULL : "the target closed the stream");
    } else if (scan_is(at, length, "<stream:error"))
        stream_error(stream, at, length);
    else if (!parts[stream->role](stream, at, length))
        peer_unexpected++;
}

static size_t bytes(struct conn *conn, const char *at, const char *stop)
{
    struct stream *stream = (struct stream *)conn;
    const char *p = at;
    struct mark mark;
    while (p < stop && !conn->is_dead) {
        if (scan_like(p, stop, &stream->shape, &mark)) {
            p += stream->shape.length;
            peer_hooks.stanza(stream, mark);
            continue;
        }
        size_t length = scan_element(p, stop);
        if (length == 0)
            break;
        element(stream, p, length);
        p += length;
    }
    return (size_t)(p - at);
}

static const struct conn_events events = {.opened = opened, .bytes = bytes, .ended = ended};
