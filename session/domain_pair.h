/* domain_pair - (local domain, remote domain), the unit of every right, and a table keyed by it
 *
 * Openfire: DomainPair (current). A right, a route and a queue always belong to one exact pair of
 * prepared domains; comparing by substring is how 3.7.1 lost its way (D3, D14, D17). The table is a
 * hash table with open addressing; no locks of its own.
 */
#ifndef SESSION_DOMAIN_PAIR_H
#define SESSION_DOMAIN_PAIR_H

#include <stdbool.h>
#include <stddef.h>

#include "xml/text.h"

struct domain_pair {
    char *local, *remote; /* owned by the table */
    size_t local_length, remote_length;
    unsigned hash;
    void *value; /* the table owner's, never NULL */
};

struct domain_pair_table {
    struct domain_pair **slots; /* NULL: free; a tombstone is &removed in domain_pair.c */
    size_t room, count, used;   /* used counts tombstones too */
};

/* domain_pair_table_put - set the value of a pair; returns the value it had, or NULL */
void *domain_pair_table_put(struct domain_pair_table *table, struct span local, struct span remote,
                            void *value);
/* domain_pair_table_find - the entry, borrowed until the next remove or free; NULL when there is
 * none */
struct domain_pair *domain_pair_table_find(const struct domain_pair_table *table, struct span local,
                                           struct span remote);
void *domain_pair_table_get(const struct domain_pair_table *table, struct span local,
                            struct span remote);
/* domain_pair_table_remove - returns the value it had, or NULL */
void *domain_pair_table_remove(struct domain_pair_table *table, struct span local,
                               struct span remote);
/* domain_pair_table_next - walk: start with *position 0; NULL at the end. No put
 * meanwhile; the entry just given may be removed. */
struct domain_pair *domain_pair_table_next(const struct domain_pair_table *table, size_t *position);
/* domain_pair_table_free - the entries and keys; the values are the owner's business */
void domain_pair_table_free(struct domain_pair_table *table);

struct span domain_span(const char *domain); /* of a C string */

#endif
