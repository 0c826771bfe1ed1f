/* SPDX-License-Identifier: Apache-2.0 */
/* parse - the stream reader as a function: bytes to the first element
 *
 * For targets that are about elements. What the reader lends is copied into the caller's arena.
 */
#include "test/fuzz/parse.h"

#include <string.h>

#include "xml/xmlns.h"
#include "xml/xmpp_packet_reader.h"

#define HEADER                                                                              \
    "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' " \
    "xmlns:db='jabber:server:dialback'>"

struct parse {
    struct arena *arena;
    struct element *header, *packet; /* copies */
    int packets;
};

static int take_header(void *owner, const struct element *header)
{
    struct parse *parse = owner;
    parse->header = element_copy(parse->arena, header);
    return 0;
}

static int take_packet(void *owner, struct element *packet)
{
    struct parse *parse = owner;
    if (parse->packets++ == 0)
        parse->packet = element_copy(parse->arena, packet);
    return 0;
}

static int take_end(void *owner)
{
    (void)owner;
    return 0;
}

static enum stream_error read_all(struct parse *parse, const char *before, const char *bytes,
                                  size_t length)
{
    static const struct xmpp_packet_handler handler = {take_header, take_packet, take_end};
    static const struct xmpp_packet_limits limits = {1048576, 128, 20000, 256, 64, 1048576};
    struct xmpp_packet_reader *reader = xmpp_packet_reader_new(&limits, &handler, parse);
    if (before[0] != '\0')
        xmpp_packet_reader_feed(reader, before, strlen(before));
    xmpp_packet_reader_feed(reader, bytes, length);
    enum stream_error error = xmpp_packet_reader_error(reader, NULL);
    xmpp_packet_reader_free(reader);
    return error;
}

struct element *parse_packet(struct arena *arena, const char *bytes, size_t length)
{
    struct parse parse = {.arena = arena};
    read_all(&parse, HEADER, bytes, length);
    return parse.packet;
}

struct element *parse_header(struct arena *arena, const char *bytes, size_t length)
{
    struct parse parse = {.arena = arena};
    read_all(&parse, "", bytes, length);
    return parse.header;
}

struct element *parse_written_packet(struct arena *arena, const struct text *written)
{
    struct parse parse = {.arena = arena};
    enum stream_error error = read_all(&parse, HEADER, written->bytes, written->length);
    insist(error == STREAM_ERROR_NONE && parse.packets == 1, "we wrote: %s: %s",
           stream_error_name(error), text_string(written));
    return parse.packet;
}

struct element *parse_written_header(struct arena *arena, const struct text *written)
{
    struct parse parse = {.arena = arena};
    enum stream_error error = read_all(&parse, "", written->bytes, written->length);
    insist(error == STREAM_ERROR_NONE && parse.header != NULL && parse.packets == 0,
           "we wrote: %s: %s", stream_error_name(error), text_string(written));
    return parse.header;
}
