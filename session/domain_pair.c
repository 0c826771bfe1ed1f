/* SPDX-License-Identifier: Apache-2.0 */
/* domain_pair - (local domain, remote domain), the unit of every right, and a table keyed by it
 *
 * Openfire: DomainPair. Open addressing with linear probing; entries are allocated one by one, so
 * that a pointer to one stays good while the table grows (a session remembers its last pair). The
 * hash is keyed (text_hash), since peers choose the names. The user of a table guards it.
 */
#include "session/domain_pair.h"

#include <stdlib.h>
#include <string.h>

static struct domain_pair removed; /* the tombstone */

struct span domain_span(const char *domain)
{
    return (struct span){domain, strlen(domain)};
}

static unsigned hash_pair(struct span local, struct span remote)
{
    return text_hash(local.bytes, local.length) * 31u + text_hash(remote.bytes, remote.length);
}

static bool is_pair(const struct domain_pair *entry, unsigned hash, struct span local,
                    struct span remote)
{
    return entry != &removed && entry->hash == hash &&
           span_equals(local, entry->local, entry->local_length) &&
           span_equals(remote, entry->remote, entry->remote_length);
}

static struct domain_pair **find_slot(const struct domain_pair_table *table, struct span local,
                                      struct span remote)
{
    if (table->count == 0)
        return NULL;
    unsigned hash = hash_pair(local, remote);
    for (size_t i = hash & (table->room - 1);; i = (i + 1) & (table->room - 1)) {
        if (table->slots[i] == NULL)
            return NULL;
        if (is_pair(table->slots[i], hash, local, remote))
            return &table->slots[i];
    }
}

struct domain_pair *domain_pair_table_find(const struct domain_pair_table *table, struct span local,
                                           struct span remote)
{
    struct domain_pair **slot = find_slot(table, local, remote);
    return slot != NULL ? *slot : NULL;
}

void *domain_pair_table_get(const struct domain_pair_table *table, struct span local,
                            struct span remote)
{
    struct domain_pair *entry = domain_pair_table_find(table, local, remote);
    return entry != NULL ? entry->value : NULL;
}

static void insert(struct domain_pair_table *table, struct domain_pair *entry)
{
    size_t i = entry->hash & (table->room - 1);
    while (table->slots[i] != NULL)
        i = (i + 1) & (table->room - 1);
    table->slots[i] = entry;
    table->used++;
}

/* rehash - keep at least half of the slots free of entries and tombstones */
static void rehash(struct domain_pair_table *table)
{
    struct domain_pair **old = table->slots;
    size_t old_room = table->room;
    size_t room = 8;
    while (room < (table->count + 1) * 4)
        room *= 2;
    table->slots = text_calloc(room, sizeof *table->slots);
    table->room = room;
    table->used = 0;
    for (size_t i = 0; i < old_room; i++)
        if (old[i] != NULL && old[i] != &removed)
            insert(table, old[i]);
    free(old);
}

void *domain_pair_table_put(struct domain_pair_table *table, struct span local, struct span remote,
                            void *value)
{
    struct domain_pair *entry = domain_pair_table_find(table, local, remote);
    if (entry != NULL) {
        void *old = entry->value;
        entry->value = value;
        return old;
    }
    if ((table->used + 1) * 2 > table->room)
        rehash(table);
    entry = text_calloc(1, sizeof *entry);
    entry->local = text_copy_n(local.bytes, local.length);
    entry->remote = text_copy_n(remote.bytes, remote.length);
    entry->local_length = local.length;
    entry->remote_length = remote.length;
    entry->hash = hash_pair(local, remote);
    entry->value = value;
    insert(table, entry);
    table->count++;
    return NULL;
}

static void free_entry(struct domain_pair *entry)
{
    free(entry->local);
    free(entry->remote);
    free(entry);
}

void *domain_pair_table_remove(struct domain_pair_table *table, struct span local,
                               struct span remote)
{
    struct domain_pair **slot = find_slot(table, local, remote);
    if (slot == NULL)
        return NULL;
    void *value = (*slot)->value;
    free_entry(*slot);
    *slot = &removed;
    table->count--;
    return value;
}

struct domain_pair *domain_pair_table_next(const struct domain_pair_table *table, size_t *position)
{
    while (*position < table->room) {
        struct domain_pair *entry = table->slots[(*position)++];
        if (entry != NULL && entry != &removed)
            return entry;
    }
    return NULL;
}

void domain_pair_table_free(struct domain_pair_table *table)
{
    size_t position = 0;
    for (struct domain_pair *entry; (entry = domain_pair_table_next(table, &position)) != NULL;)
        free_entry(entry);
    free(table->slots);
    *table = (struct domain_pair_table){0};
}
