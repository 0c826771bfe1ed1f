/* SPDX-License-Identifier: Apache-2.0 */
/* arena - memory for one stanza: taken piece by piece, given back all at once
 *
 * A chain of blocks, the newest first, each twice as large as the one before. The first one taken
 * stays over a reset, so a stream of small stanzas allocates nothing; a large stanza's blocks are
 * freed at its end, so an idle stream keeps little. One thread at a time; whoever made an arena
 * frees it.
 */
#include "xml/arena.h"

#include <stdlib.h>
#include <string.h>

#include "xml/text.h"

#define DEFAULT_BLOCK 2048
#define ALIGN 8

struct arena *arena_new(size_t first_block)
{
    struct arena *arena = text_calloc(1, sizeof *arena);
    arena->first_block = first_block > 0 ? first_block : DEFAULT_BLOCK;
    return arena;
}

void arena_reset(struct arena *arena)
{
    while (arena->newest != NULL && arena->newest->next != NULL) {
        struct arena_block *block = arena->newest;
        arena->newest = block->next;
        free(block);
    }
    if (arena->newest != NULL)
        arena->newest->used = 0;
    arena->used = 0;
}

void arena_rest(struct arena *arena)
{
    arena_reset(arena);
    free(arena->newest);
    arena->newest = NULL;
}

void arena_free(struct arena *arena)
{
    if (arena == NULL)
        return;
    arena_rest(arena);
    free(arena);
}

void arena_grow(struct arena *arena, size_t size)
{
    size_t room = arena->newest != NULL ? arena->newest->room * 2 : arena->first_block;
    if (room < size)
        room = size;
    struct arena_block *block = text_alloc(sizeof *block + room);
    block->next = arena->newest;
    block->room = room;
    block->used = 0;
    arena->newest = block;
}

bool arena_extend(struct arena *arena, const void *piece, size_t size, size_t more)
{
    struct arena_block *newest = arena->newest;
    size_t taken = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    size_t wanted = (size + more + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (newest == NULL || newest->used < taken ||
        (const char *)piece != newest->bytes + newest->used - taken ||
        newest->room - newest->used < wanted - taken)
        return false;
    newest->used += wanted - taken;
    arena->used += wanted - taken;
    return true;
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}
