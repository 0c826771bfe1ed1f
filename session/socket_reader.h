/* socket_reader - the thread of one stream: what reading an incoming and an outgoing stream have in
 * common
 *
 * Openfire: SocketReader with its SocketReadingMode. A socket_reader belongs to the thread that
 * runs it. The reading mode (blocking_reading_mode) moves bytes; the reader checks the opening tag
 * and hands each element to the operations of its kind: server_socket_reader for streams opened to
 * us, outgoing_server_socket_reader for those we open.
 */
#ifndef SESSION_SOCKET_READER_H
#define SESSION_SOCKET_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "server/config.h"
#include "server/failure.h"
#include "server/socket_connection.h"
#include "xml/stream_header.h"
#include "xml/xmpp_packet_reader.h"

struct connection_ticket;
struct socket_reader;

/* What a kind of reader does. The int functions return 0 to go on, or -1 when they have ended
 * the stream. */
struct socket_reader_operations {
    /* the opening tag is well-formed XML: judge it, make the session by its namespace, answer */
    int (*stream_opened)(struct socket_reader *reader, const struct stream_header *header);
    int (*process)(struct socket_reader *reader, struct element *element);
    /* <starttls/> came; NULL: it has no place on this kind of stream */
    int (*negotiate_tls)(struct socket_reader *reader);
    /* an element of SASL came; NULL likewise */
    int (*authenticate)(struct socket_reader *reader, const struct element *element);
    /* when must something have happened? xmpp_server_now's clock, negative: no deadline */
    int64_t (*deadline)(struct socket_reader *reader);
    /* that deadline has passed, nothing was read */
    int (*timed_out)(struct socket_reader *reader);
    /* is it others' turn, so that nothing is expected on this stream now? NULL: never */
    bool (*is_settled)(struct socket_reader *reader);
    /* has the other side proved anything yet? The larger limits hold from then on. */
    bool (*is_authenticated)(struct socket_reader *reader);
    /* the stream is over, what follows is the wait for the peer's end; NULL: nothing to do */
    void (*over)(struct socket_reader *reader);
    /* write what must stand before a stream error when we have sent no header yet (RFC 6120
     * 4.9.1.2) */
    void (*write_header)(struct socket_reader *reader, struct text *out);
};

struct socket_reader {
    const struct socket_reader_operations *operations;
    struct socket_connection *connection; /* owned */
    struct xmpp_packet_reader *packets;   /* owned */
    const struct config *config;          /* owned: the settings this stream began with */
    void *owner; /* of the operations: the session or the kind's own struct */
    /* set by a handler that then returns -1: the stream begins anew. What is left of the input is dropped
     * (RFC 6120 5.4.3.1), this runs (0, or -1 when the stream is over), and a new header is expected. */
    int (*restart)(struct socket_reader *reader);
    struct connection_ticket
        *ticket; /* of an incoming connection: its owner's; NULL: it is counted nowhere */
    const char *content_ns; /* of the stream, when it is not jabber:server; set before it is read */
    bool quiet;             /* its end is no news: without a line of its own */
    bool header_sent;       /* our header is out */
    bool authenticated;     /* the larger limits are set */
    bool ending;            /* we sent the closing tag and read on until the peer's */
    int64_t ending_deadline;
    char *buffer; /* owned: for reading; NULL while nothing comes */
    size_t buffer_size;
    bool full;           /* the last read filled it: a larger one is worth it */
    size_t bytes_before; /* read before authentication */
    int64_t *metric;     /* where accepted stanzas are counted; set with the kind, NULL: nowhere */
    int64_t uncounted;   /* stanzas that are not yet there */
    enum stream_error peer_error; /* the other side's stream error, if it sent one */
    const char *end_word;         /* how it ended, for the log: a constant */
    struct text end_reason;       /* and why, in words */
};

/* socket_reader_init - take over a connected non-blocking socket: the settings of now, its options and
 * its connection, called `name` (copied). `timeline` is owned by the connection from now on. Never blocks. */
void socket_reader_init(struct socket_reader *reader,
                        const struct socket_reader_operations *operations, int fd, const char *name,
                        struct timeline *timeline, void *owner);
void socket_reader_free(struct socket_reader *reader);

/* socket_reader_send_header - our opening tag, alone (RFC 6120 4.7); blocks as long as a full queue may */
void socket_reader_send_header(struct socket_reader *reader,
                               const struct stream_header_fields *fields);

/* socket_reader_end - the stream ends with this error (STREAM_ERROR_NONE: a plain closing tag);
 * `why` goes to the log and timeline, and to the peer when `tell` is not NULL. Always -1, to be
 * returned. */
int socket_reader_end(struct socket_reader *reader, enum stream_error error, const char *tell,
                      const char *why, ...) __attribute__((format(printf, 4, 5)));
/* socket_reader_fail - the same, and the timeline notes that `failure` is why */
int socket_reader_fail(struct socket_reader *reader, enum failure failure, enum stream_error error,
                       const char *tell, const char *why, ...)
    __attribute__((format(printf, 5, 6)));
/* socket_reader_end_gracefully - send the closing tag, but go on processing what arrives until
 * the peer's closing tag or the linger time (RFC 6120 4.4). Always 0. */
int socket_reader_end_gracefully(struct socket_reader *reader, const char *why);

/* socket_reader_note_end - the log's words for an end that came from outside of the reader */
void socket_reader_note_end(struct socket_reader *reader, const char *word, const char *why);

/* socket_reader_make_stream_id - 128 random bits as 32 hex digits (RFC 6120 4.7.3) */
void socket_reader_make_stream_id(char id[33]);

/* socket_reader_limits - what the settings allow in one element, before and after authentication */
struct xmpp_packet_limits socket_reader_limits(const struct config *config, bool authenticated);

#define SOCKET_READER_LINGER_MS 5000 /* for the peer's closing tag after ours */

#endif
