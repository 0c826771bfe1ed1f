/* SPDX-License-Identifier: Apache-2.0 */
/* retained_bytes - what the kernel took and the other side's kernel has not acknowledged yet
 *
 * A list of pieces, each with where it ends on the wire. Arrived is all that ends at or before what was acknowledged. The
 * memory of pieces that have arrived goes round as the spare ones, so a busy connection allocates nothing: what malloc has back
 * goes to the system when it is that large, and comes from there page by page.
 */
#include "server/retained_bytes.h"

#include <stdlib.h>

#define SPARE_ROOM 262144 /* bytes of memory that are worth keeping for a later piece */
#define RECORD 16384      /* bytes of a full TLS record */

struct retained_piece {
    struct retained_piece *next;
    struct text bytes;
    uint64_t begin, end; /* on the wire */
};

void retained_bytes_add(struct retained_bytes *retained, struct text *piece, uint64_t begin,
                        uint64_t end)
{
    struct retained_piece *added = text_alloc(sizeof *added);
    *added = (struct retained_piece){.bytes = *piece, .begin = begin, .end = end};
    *piece = TEXT_EMPTY;
    if (retained->last != NULL)
        retained->last->next = added;
    else
        retained->first = added;
    retained->last = added;
}

/* spare - the one with most memory, or with least */
static struct text *spare(struct retained_bytes *retained, bool most)
{
    struct text *found = &retained->spares[0];
    for (struct text *each = found; each < retained->spares + RETAINED_SPARES; each++)
        if (most ? each->room > found->room : each->room < found->room)
            found = each;
    return found;
}

void retained_bytes_recycle(struct retained_bytes *retained, struct text *piece)
{
    struct text *least = spare(retained, false);
    if (piece->room > SPARE_ROOM || piece->room <= least->room) {
        text_free(piece);
        return;
    }
    text_free(least);
    text_clear(piece);
    *least = *piece;
    *piece = TEXT_EMPTY;
}

void retained_bytes_release(struct retained_bytes *retained, uint64_t acknowledged)
{
    while (retained->first != NULL && retained->first->end <= acknowledged) {
        struct retained_piece *piece = retained->first;
        retained->first = piece->next;
        if (retained->first == NULL)
            retained->last = NULL;
        retained_bytes_recycle(retained, &piece->bytes);
        free(piece);
    }
}

struct text retained_bytes_take_spare(struct retained_bytes *retained)
{
    struct text *most = spare(retained, true), taken = *most;
    *most = TEXT_EMPTY;
    return taken;
}

void retained_bytes_drop_spares(struct retained_bytes *retained)
{
    for (int i = 0; i < RETAINED_SPARES; i++)
        text_free(&retained->spares[i]);
}

bool retained_bytes_is_empty(const struct retained_bytes *retained)
{
    return retained->first == NULL;
}

/* arrived_of - bytes of a piece that are there. Each record carries the same overhead, the last one may be short. */
static size_t arrived_of(const struct retained_piece *piece, uint64_t acknowledged)
{
    size_t length = piece->bytes.length;
    uint64_t wire = piece->end - piece->begin;
    if (acknowledged >= piece->end)
        return length;
    if (acknowledged <= piece->begin || length == 0)
        return 0;
    if (wire == length)
        return (size_t)(acknowledged - piece->begin);
    uint64_t records = (length + RECORD - 1) / RECORD;
    uint64_t each = RECORD + (wire - length + records - 1) / records;
    return (size_t)((acknowledged - piece->begin) / each * RECORD);
}

size_t retained_bytes_append(const struct retained_bytes *retained, uint64_t acknowledged,
                             struct text *out)
{
    size_t there = 0;
    for (const struct retained_piece *each = retained->first; each != NULL; each = each->next) {
        there += arrived_of(each, acknowledged);
        text_append(out, each->bytes.bytes, each->bytes.length);
    }
    return there;
}

void retained_bytes_free(struct retained_bytes *retained)
{
    retained_bytes_release(retained, UINT64_MAX);
    retained_bytes_drop_spares(retained);
}
