/* xmpp_packet_reader - bytes in, elements out
 *
 * Openfire: org.dom4j.io.XMPPPacketReader with MXParser. libxml2's SAX2 push parser, one per
 * stream. Each first-level element is built in the reader's arena, handed to the owner's
 * packet_read, and gone when that returns. Refused as RFC 6120 11 says: DTD, comments, processing
 * instructions, entities beyond the five, other encodings than UTF-8. Limits are counted while
 * bytes come in, not at the end of a stanza. The names in the parser's dictionary are bounded:
 * between two stanzas the parser is renewed when a peer has made it collect too many. No sockets,
 * locks or logging; one thread.
 */
#ifndef XML_XMPP_PACKET_READER_H
#define XML_XMPP_PACKET_READER_H

#include <stddef.h>
#include <stdint.h>

#include "xml/arena.h"
#include "xml/element.h"
#include "xml/stream_error.h"

struct xmpp_packet_reader;

struct xmpp_packet_limits {
    size_t bytes;        /* of one first-level element, or of the header */
    unsigned depth;      /* elements inside each other, the first-level element is 1 */
    unsigned elements;   /* in one first-level element */
    unsigned attributes; /* of one element, namespace declarations not counted */
    unsigned namespaces; /* declarations on one element */
    size_t whitespace;   /* bytes of whitespace between two first-level elements */
};

/* What the owner gets. Each returns 0 to go on, or -1: read no further, drop what is left of the
 * input (xmpp_packet_reader_feed then returns XMPP_PACKET_STOPPED). They are called from inside
 * of feed; they must not free or restart the reader, but may set its limits. */
struct xmpp_packet_handler {
    int (*stream_opened)(void *owner, const struct element *header);
    int (*packet_read)(void *owner, struct element *packet); /* borrowed until it returns */
    int (*stream_closed)(void *owner);                       /* </stream:stream> */
};

enum xmpp_packet_result {
    XMPP_PACKET_MORE,    /* all read; feed more */
    XMPP_PACKET_STOPPED, /* a handler said so, or the stream was closed */
    XMPP_PACKET_ERROR /* xmpp_packet_reader_error says what; everything fed later gives the same */
};

struct xmpp_packet_reader *xmpp_packet_reader_new(const struct xmpp_packet_limits *limits,
                                                  const struct xmpp_packet_handler *handler,
                                                  void *owner);
void xmpp_packet_reader_free(struct xmpp_packet_reader *reader);
/* xmpp_packet_reader_feed - parse the next bytes of the stream, any chunking */
enum xmpp_packet_result xmpp_packet_reader_feed(struct xmpp_packet_reader *reader,
                                                const char *bytes, size_t length);
/* xmpp_packet_reader_rest - between two elements, or before the header has begun: give the parser's memory back until the next feed. For
 * streams on which nothing comes. */
void xmpp_packet_reader_rest(struct xmpp_packet_reader *reader);
/* xmpp_packet_reader_error - the stream error that the input deserves, and in words what was
 * wrong (borrowed until the next call); STREAM_ERROR_NONE when there is none */
enum stream_error xmpp_packet_reader_error(const struct xmpp_packet_reader *reader,
                                           const char **why);
/* xmpp_packet_reader_set_limits - from now on (larger ones once a peer has authenticated) */
void xmpp_packet_reader_set_limits(struct xmpp_packet_reader *reader,
                                   const struct xmpp_packet_limits *limits);
/* xmpp_packet_reader_set_content_ns - elements in the namespace `ns` (a constant: that of
 * components) are handed over as though they were in jabber:server, so that a stanza is the same
 * whatever stream it came on; attributes stay what they are */
void xmpp_packet_reader_set_content_ns(struct xmpp_packet_reader *reader, const char *ns);
/* xmpp_packet_reader_restart - forget everything and expect a new header (after TLS or SASL, RFC
 * 6120 4.3.3) */
void xmpp_packet_reader_restart(struct xmpp_packet_reader *reader);
/* xmpp_packet_reader_arena - the arena of the element being handled: for replies that live as
 * long as it */
struct arena *xmpp_packet_reader_arena(struct xmpp_packet_reader *reader);
/* xmpp_packet_reader_in_stream - has the header been read? */
int xmpp_packet_reader_in_stream(const struct xmpp_packet_reader *reader);
/* xmpp_packet_reader_packet_bytes - in packet_read: how many bytes of input this packet took */
size_t xmpp_packet_reader_packet_bytes(const struct xmpp_packet_reader *reader);

#endif
