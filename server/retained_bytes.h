/* retained_bytes - what the kernel took and the other side's kernel has not acknowledged yet
 *
 * send(2) says only that our kernel has the bytes. When the other host dies, or is unplugged, or its process is killed while
 * its buffers are full, what still stood in our kernel is gone; so each piece is kept until TCP says that it arrived, and an
 * ended connection can give back the rest (RFC 6120 4.6.1). What the other kernel acknowledged and its process never read can't
 * be known without XEP-0198.
 *
 * Not locked: the connection's flusher owns it (server/socket_connection.h). Never blocks.
 */
#ifndef SERVER_RETAINED_BYTES_H
#define SERVER_RETAINED_BYTES_H

#include <stdint.h>

#include "xml/text.h"

#define RETAINED_SPARES 3

struct retained_piece;

struct retained_bytes {
    struct retained_piece *first, *last; /* in the order in which they were sent */
    struct text spares[RETAINED_SPARES]; /* memory of pieces that have arrived, for the next ones */
};

/* Positions on the wire count the bytes of the TCP stream, those of TLS included. */

/* retained_bytes_add - this piece was handed to the kernel whole; takes its memory and leaves it empty. It stands from `begin`
 * to `end` on the wire; where that is more than its length it was encrypted, in records of at most 16 KiB (RFC 8446 5.1). */
void retained_bytes_add(struct retained_bytes *retained, struct text *piece, uint64_t begin,
                        uint64_t end);
/* retained_bytes_release - forget what has arrived: all before this position */
void retained_bytes_release(struct retained_bytes *retained, uint64_t acknowledged);
/* retained_bytes_recycle - a piece that need not be kept: its memory may serve the next; leaves it empty */
void retained_bytes_recycle(struct retained_bytes *retained, struct text *piece);
/* retained_bytes_take_spare - an empty text, with memory if there is some */
struct text retained_bytes_take_spare(struct retained_bytes *retained);
/* retained_bytes_drop_spares - gives that memory back */
void retained_bytes_drop_spares(struct retained_bytes *retained);
bool retained_bytes_is_empty(const struct retained_bytes *retained);
/* retained_bytes_append - all that is kept; returns how much of it arrived, encrypted bytes only as whole records */
size_t retained_bytes_append(const struct retained_bytes *retained, uint64_t acknowledged,
                             struct text *out);
void retained_bytes_free(struct retained_bytes *retained);

#endif
