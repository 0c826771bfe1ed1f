/* prefix_table - what is counted for an address or a network, found by it
 *
 * The table of connection_limiter: one entry for each address and each network that has something open, or whose bucket is not full
 * again. The keys are a peer's choice, so the hash is keyed (text_hash), and entries that count nothing are bounded: they rest in a
 * list in the order in which they went to rest, and the oldest go first. No locks of its own.
 */
#ifndef SERVER_PREFIX_TABLE_H
#define SERVER_PREFIX_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "server/network_prefix.h"
#include "server/token_bucket_rate_limiter.h"

struct connection_ticket;

struct prefix_count {
    /* the limiter's: */
    int64_t open, strangers, verifications;
    struct token_bucket rate;                  /* of new connections; of a network only */
    struct connection_ticket *oldest, *newest; /* strangers of this network */
    struct prefix_count *next, *previous; /* in one list at a time: the limiter's, or resting */
    /* the table's: */
    struct network_prefix prefix;
    bool network; /* else an address; one of all 128 bits is another entry than the address */
    bool resting;
    int64_t rests_since;
    unsigned hash;
    struct prefix_count *chain;
};

struct prefix_list {
    struct prefix_count *first, *last;
};

struct prefix_table {
    struct prefix_count **slots;
    size_t room, count;
    struct prefix_list resting;
    size_t resting_count;
};

/* prefix_table_get - the entry of this prefix, woken or new: then all is zero and `*made` true */
struct prefix_count *prefix_table_get(struct prefix_table *table,
                                      const struct network_prefix *prefix, bool network,
                                      bool *made);
/* prefix_table_remove - the entry is freed */
void prefix_table_remove(struct prefix_table *table, struct prefix_count *entry);
/* prefix_table_rest - it counts nothing, but is worth remembering for a while; when too many rest, the first of them goes */
void prefix_table_rest(struct prefix_table *table, struct prefix_count *entry, int64_t now);
/* prefix_table_expire - remove those that went to rest at `before` or earlier */
void prefix_table_expire(struct prefix_table *table, int64_t before);
void prefix_table_free(struct prefix_table *table);

/* prefix_list_append, _remove - an entry that is in no list, and one that is in this */
void prefix_list_append(struct prefix_list *list, struct prefix_count *entry);
void prefix_list_remove(struct prefix_list *list, struct prefix_count *entry);

#define PREFIX_TABLE_RESTING_MAX 16384

#endif
