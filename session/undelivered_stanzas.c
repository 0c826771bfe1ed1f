/* SPDX-License-Identifier: Apache-2.0 */
/* undelivered_stanzas - what a broken stream has not sent comes back to its senders
 *
 * The buffer of a connection holds what we wrote, so it is read back with our own parser, from the first element that did
 * not arrive whole. No state of its own; the thread of the stream that ends.
 */
#include "session/undelivered_stanzas.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "session/outgoing_session_promise.h"
#include "session/packet_router.h"
#include "xml/packet.h"
#include "xml/xmlns.h"
#include "xml/xmpp_packet_reader.h"

/* The appended bytes are whole stanzas that we wrote: they are read back and bounced. */
struct returned {
    struct xmpp_packet_reader *packets;
    size_t position, arrived;
    bool route_again;
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
    if (returned->position <= returned->arrived || packet_kind(packet) == PACKET_NONE)
        return 0;
    if (returned->route_again)
        packet_router_route_reply(xmpp_packet_reader_arena(returned->packets), packet);
    else
        outgoing_session_promise_return_to_sender(packet, PACKET_REMOTE_SERVER_TIMEOUT,
                                                  "the stream broke before this had arrived");
    return 0;
}

static int returned_closed(void *owner)
{
    (void)owner;
    return -1;
}

/* read_back - with our own parser */
static void read_back(void *owner, const char *bytes, size_t length, struct returned *returned)
{
    const char *content_ns = owner;
    static const struct xmpp_packet_handler handler = {returned_opened, returned_packet,
                                                       returned_closed};
    char *header = text_format("<stream:stream xmlns='%s' xmlns:stream='" XMLNS_STREAM
                               "' xmlns:db='" XMLNS_DIALBACK "'>",
                               content_ns);
    struct xmpp_packet_limits limits = {SIZE_MAX / 2, 100000,     UINT32_MAX,
                                        UINT32_MAX,   UINT32_MAX, SIZE_MAX / 2};
    returned->packets = xmpp_packet_reader_new(&limits, &handler, returned);
    xmpp_packet_reader_set_content_ns(returned->packets, content_ns);
    xmpp_packet_reader_feed(returned->packets, header, strlen(header));
    free(header);
    xmpp_packet_reader_feed(returned->packets, bytes, length);
    xmpp_packet_reader_free(returned->packets);
}

void undelivered_stanzas_return(void *owner, const char *bytes, size_t length, size_t arrived)
{
    read_back(owner, bytes, length, &(struct returned){.arrived = arrived});
}

void undelivered_stanzas_route_again(void *owner, const char *bytes, size_t length, size_t arrived)
{
    read_back(owner, bytes, length, &(struct returned){.arrived = arrived, .route_again = true});
}
