/* arena - memory for one stanza: taken piece by piece, given back all at once
 *
 * Pieces are aligned to 8 bytes and live until arena_reset or arena_free. A reset keeps one block
 * for the next stanza and frees what a large stanza made it grow by. One thread at a time.
 */
#ifndef XML_ARENA_H
#define XML_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "xml/sixteen.h"

/* A block; the newest one has what is free. Fields for the inline function below only. */
struct arena_block {
    struct arena_block *next; /* older */
    size_t room, used;
    _Alignas(8) char bytes[];
};

struct arena {
    struct arena_block *newest; /* NULL before the first use */
    size_t first_block;
    size_t used;
};

/* arena_new - an empty arena; `first_block` bytes are taken at the first use (0: a default of 2
 * KiB) */
struct arena *arena_new(size_t first_block);
/* arena_free - give everything back; NULL is allowed */
void arena_free(struct arena *arena);
/* arena_reset - forget all pieces, keep the first block */
void arena_reset(struct arena *arena);
/* arena_rest - forget all pieces and give the memory back; the next piece takes a new block */
void arena_rest(struct arena *arena);
/* arena_grow - for arena_alloc: a new block of at least this size */
void arena_grow(struct arena *arena, size_t size);
/* arena_alloc - a piece of `size` bytes, not cleared */
static inline void *arena_alloc(struct arena *arena, size_t size)
{
    size = (size + 7) & ~(size_t)7;
    if (arena->newest == NULL || arena->newest->room - arena->newest->used < size)
        arena_grow(arena, size);
    struct arena_block *block = arena->newest;
    void *piece = block->bytes + block->used;
    block->used += size;
    arena->used += size;
    return piece;
}
/* arena_copy - a NUL-terminated copy of `length` bytes */
static inline char *arena_copy(struct arena *arena, const char *bytes, size_t length)
{
    char *copy = arena_alloc(arena, length + 1);
    sixteen_copy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}
/* arena_extend - let the piece, which has `size` bytes, have `more` where it stands; false when
 * it is not the last one taken, or there is no room behind it */
bool arena_extend(struct arena *arena, const void *piece, size_t size, size_t more);
/* arena_used - bytes handed out since the last reset: what the stanza costs in memory */
size_t arena_used(const struct arena *arena);

#endif
