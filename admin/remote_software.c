/* SPDX-License-Identifier: Apache-2.0 */
/* remote_software - what software remote domains run, as far as they were asked
 *
 * A table that is walked: it is small, and compares the hash of a name before the name.
 */
#include "admin/remote_software.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/json_words.h"
#include "xml/text.h"

struct entry {
    char *domain; /* owned; NULL: free */
    unsigned hash;
    uint64_t order; /* of what was heard; 0: free */
    int64_t when;   /* seconds since 1970 */
    struct iq_router_software software;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry entries[REMOTE_SOFTWARE_MAX]; /* guarded by lock, like the next */
static uint64_t last_order;

/* find - its entry or NULL; the lock is held */
static struct entry *find(const char *domain, unsigned hash)
{
    for (int i = 0; i < REMOTE_SOFTWARE_MAX; i++)
        if (entries[i].domain != NULL && entries[i].hash == hash &&
            strcmp(entries[i].domain, domain) == 0)
            return &entries[i];
    return NULL;
}

/* make_place - a free entry, or the oldest; the lock is held */
static struct entry *make_place(void)
{
    struct entry *oldest = &entries[0];
    for (int i = 1; i < REMOTE_SOFTWARE_MAX; i++)
        if (entries[i].order < oldest->order)
            oldest = &entries[i];
    return oldest;
}

void remote_software_learned(const char *domain, const struct iq_router_software *software)
{
    unsigned hash = text_hash(domain, strlen(domain));
    char *copy = text_copy(domain);
    pthread_mutex_lock(&lock);
    struct entry *entry = find(domain, hash);
    if (entry == NULL)
        entry = make_place();
    char *before = entry->domain;
    *entry = (struct entry){copy, hash, ++last_order, time(NULL), *software};
    pthread_mutex_unlock(&lock);
    free(before);
}

/* word - null for what was not said */
static json_t *word(const char *said)
{
    return said[0] != '\0' ? json_words(said) : json_null();
}

json_t *remote_software_tell(const char *domain)
{
    struct entry found = {0};
    if (domain == NULL)
        return json_null();
    unsigned hash = text_hash(domain, strlen(domain));
    pthread_mutex_lock(&lock);
    const struct entry *entry = find(domain, hash);
    if (entry != NULL)
        found = *entry;
    pthread_mutex_unlock(&lock);
    if (found.order == 0)
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o}", "name", word(found.software.name), "version",
                     word(found.software.version), "os", word(found.software.os), "when",
                     json_moment(found.when));
}

void remote_software_stop(void)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < REMOTE_SOFTWARE_MAX; i++) {
        free(entries[i].domain);
        entries[i] = (struct entry){0};
    }
    pthread_mutex_unlock(&lock);
}
