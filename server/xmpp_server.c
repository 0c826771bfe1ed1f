/* SPDX-License-Identifier: Apache-2.0 */
/* xmpp_server - who we are: our domains, when we started
 *
 * Openfire: XMPPServer.isLocal, XMPPServerInfo.getXMPPDomain, getLastStarted. DIFFERS: Openfire serves one
 * domain; here s2s.domains names further ones.
 *
 * The names stand in an open hash table of names served and names gone. A table is never changed: a new one
 * is made aside and swapped in under the lock, which readers hold for one probe. Writers go first, or a
 * busy server would never reload. The names stay prepared (RFC 7622), so a look-up compares bytes.
 *
 * Threads: readers of streams look up; main configures and stops. Freed by xmpp_server_stop.
 */
#include "server/xmpp_server.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/config.h"
#include "server/log.h"
#include "xml/jid.h"
#include "xml/text.h"

struct name {
    char *domain; /* owned; NULL: an empty place */
    size_t length;
    unsigned hash;
    bool served; /* else gone */
};

struct table {
    struct name *names;
    size_t places; /* a power of two, more than twice the names; 0: no table yet */
    size_t count;
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static struct table names;      /* guarded by lock */
static _Atomic int64_t started; /* ms; 0: not yet */

/* find - the place of a domain, or the empty one where it belongs */
static struct name *find(const struct table *table, const char *domain, size_t length)
{
    unsigned hash = text_hash(domain, length);
    for (size_t i = hash & (table->places - 1);; i = (i + 1) & (table->places - 1)) {
        struct name *name = &table->names[i];
        if (name->domain == NULL || (name->hash == hash && name->length == length &&
                                     memcmp(name->domain, domain, length) == 0))
            return name;
    }
}

/* add - unless it is there already; the table has room */
static void add(struct table *table, const char *domain, size_t length, bool served)
{
    struct name *name = find(table, domain, length);
    if (name->domain != NULL)
        return;
    *name = (struct name){text_copy_n(domain, length), length, text_hash(domain, length), served};
    table->count++;
}

static struct table make_table(size_t count)
{
    struct table table = {.places = 8};
    while (table.places <= 2 * count)
        table.places *= 2;
    table.names = text_calloc(table.places, sizeof *table.names);
    return table;
}

static void free_table(struct table *table)
{
    for (size_t i = 0; i < table->places; i++)
        free(table->names[i].domain);
    free(table->names);
    *table = (struct table){0};
}

/* add_domains - the domains of a comma list. -1 when one is none. */
static int add_domains(struct table *table, const char *property, const char *list)
{
    while (*list != '\0') {
        char prepared[JID_PART_MAX + 1];
        size_t length = strcspn(list, ",");
        int prepared_length = jid_prepare_domain(list, length, prepared);
        if (prepared_length < 0) {
            log_error("%s: %.*s is no domain name", property, (int)length, list);
            return -1;
        }
        add(table, prepared, (size_t)prepared_length, true);
        list += length + (list[length] == ',');
    }
    return 0;
}

static size_t count_items(const char *list)
{
    size_t count = 1;
    for (; *list != '\0'; list++)
        count += *list == ',';
    return count;
}

/* make_served - a table of the names in the settings, with room for `more`. -1 when one is no domain. */
static int make_served(const struct config *config, size_t more, struct table *table)
{
    *table = make_table(1 + count_items(config->s2s_domains) + more);
    if (add_domains(table, "xmpp.domain", config->xmpp_domain) == 0 &&
        add_domains(table, "s2s.domains", config->s2s_domains) == 0)
        return 0;
    free_table(table);
    return -1;
}

int xmpp_server_configure(const struct config *config)
{
    int64_t never = 0;
    atomic_compare_exchange_strong(&started, &never, xmpp_server_now());
    struct table fresh;
    /* Only this function, on the main thread, changes `names`, so it may read them without the lock. */
    if (make_served(config, names.count, &fresh) < 0)
        return -1;
    for (size_t i = 0; i < names.places; i++)
        if (names.names[i].domain != NULL)
            add(&fresh, names.names[i].domain, names.names[i].length, false);
    pthread_rwlock_wrlock(&lock);
    struct table old = names;
    names = fresh;
    pthread_rwlock_unlock(&lock);
    free_table(&old);
    return 0;
}

void xmpp_server_stop(void)
{
    pthread_rwlock_wrlock(&lock);
    struct table old = names;
    names = (struct table){0};
    pthread_rwlock_unlock(&lock);
    free_table(&old);
    started = 0;
}

/* look_up - is the domain known, and in this state? */
static bool look_up(const char *domain, size_t length, bool served)
{
    bool found = false;
    pthread_rwlock_rdlock(&lock);
    if (names.places > 0) {
        const struct name *name = find(&names, domain, length);
        found = name->domain != NULL && name->served == served;
    }
    pthread_rwlock_unlock(&lock);
    return found;
}

bool xmpp_server_is_local(const char *domain, size_t length)
{
    return look_up(domain, length, true);
}

bool xmpp_server_was_local(const char *domain, size_t length)
{
    return look_up(domain, length, false);
}

int64_t xmpp_server_uptime(void)
{
    int64_t since = started;
    return since == 0 ? 0 : (xmpp_server_now() - since) / 1000;
}

int64_t xmpp_server_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
