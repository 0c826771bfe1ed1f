/* SPDX-License-Identifier: Apache-2.0 */
/* prefix_table - what is counted for an address or a network, found by it
 *
 * Chains from a power of two of slots, doubled when there are as many entries.
 */
#include "server/prefix_table.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 256

void prefix_list_append(struct prefix_list *list, struct prefix_count *entry)
{
    entry->next = NULL;
    entry->previous = list->last;
    if (list->last != NULL)
        list->last->next = entry;
    else
        list->first = entry;
    list->last = entry;
}

void prefix_list_remove(struct prefix_list *list, struct prefix_count *entry)
{
    if (entry->previous != NULL)
        entry->previous->next = entry->next;
    else
        list->first = entry->next;
    if (entry->next != NULL)
        entry->next->previous = entry->previous;
    else
        list->last = entry->previous;
    entry->next = entry->previous = NULL;
}

static void wake(struct prefix_table *table, struct prefix_count *entry)
{
    if (!entry->resting)
        return;
    prefix_list_remove(&table->resting, entry);
    table->resting_count--;
    entry->resting = false;
}

static void grow(struct prefix_table *table)
{
    size_t room = table->room > 0 ? 2 * table->room : FIRST_ROOM;
    struct prefix_count **slots = text_calloc(room, sizeof *slots);
    for (size_t i = 0; i < table->room; i++)
        for (struct prefix_count *each = table->slots[i], *after; each != NULL; each = after) {
            after = each->chain;
            each->chain = slots[each->hash & (room - 1)];
            slots[each->hash & (room - 1)] = each;
        }
    free(table->slots);
    table->slots = slots;
    table->room = room;
}

static unsigned hash_of(const struct network_prefix *prefix, bool network)
{
    char key[sizeof prefix->bytes + 2];
    memcpy(key, prefix->bytes, sizeof prefix->bytes);
    key[sizeof prefix->bytes] = (char)prefix->bits;
    key[sizeof prefix->bytes + 1] = network;
    return text_hash(key, sizeof key);
}

struct prefix_count *prefix_table_get(struct prefix_table *table,
                                      const struct network_prefix *prefix, bool network, bool *made)
{
    unsigned hash = hash_of(prefix, network);
    *made = false;
    if (table->count >= table->room)
        grow(table);
    struct prefix_count **slot = &table->slots[hash & (table->room - 1)];
    for (struct prefix_count *each = *slot; each != NULL; each = each->chain)
        if (each->network == network && network_prefix_equals(&each->prefix, prefix)) {
            wake(table, each);
            return each;
        }
    struct prefix_count *entry = text_calloc(1, sizeof *entry);
    entry->prefix = *prefix;
    entry->network = network;
    entry->hash = hash;
    entry->chain = *slot;
    *slot = entry;
    table->count++;
    *made = true;
    return entry;
}

void prefix_table_remove(struct prefix_table *table, struct prefix_count *entry)
{
    struct prefix_count **at = &table->slots[entry->hash & (table->room - 1)];
    while (*at != entry)
        at = &(*at)->chain;
    *at = entry->chain;
    wake(table, entry);
    table->count--;
    free(entry);
}

void prefix_table_rest(struct prefix_table *table, struct prefix_count *entry, int64_t now)
{
    if (entry->resting)
        return;
    if (table->resting_count >= PREFIX_TABLE_RESTING_MAX)
        prefix_table_remove(table, table->resting.first);
    prefix_list_append(&table->resting, entry);
    table->resting_count++;
    entry->resting = true;
    entry->rests_since = now;
}

void prefix_table_expire(struct prefix_table *table, int64_t before)
{
    while (table->resting.first != NULL && table->resting.first->rests_since <= before)
        prefix_table_remove(table, table->resting.first);
}

void prefix_table_free(struct prefix_table *table)
{
    for (size_t i = 0; i < table->room; i++)
        for (struct prefix_count *each = table->slots[i], *after; each != NULL; each = after) {
            after = each->chain;
            free(each);
        }
    free(table->slots);
    *table = (struct prefix_table){0};
}
