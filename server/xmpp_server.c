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
static struct table names; /* guarded by lock */
static pthread_mutex_t changing =
    PTHREAD_MUTEX_INITIALIZER; /* over changes of names; before lock */
static char *configured;       /* comma list of the settings' names; guarded by changing */
static char
    *further; /* comma list of further ones, a comma in front and behind; guarded by changing */
static _Atomic int64_t started; /* ms; 0: not yet */
static _Atomic unsigned routes;

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
    while (*(list += strspn(list, ",")) != '\0') {
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

/* swap_names - a table of the names in force, those of before that are gone marked so. -1 when one is no domain. With
 * `changing` held, so that nobody else writes `names` meanwhile. */
static int swap_names(const char *list)
{
    const char *more = further != NULL ? further : "";
    struct table fresh = make_table(count_items(list) + count_items(more) + names.count);
    if (add_domains(&fresh, "xmpp.domain and s2s.domains", list) < 0 ||
        add_domains(&fresh, "components", more) < 0) {
        free_table(&fresh);
        return -1;
    }
    for (size_t i = 0; i < names.places; i++)
        if (names.names[i].domain != NULL)
            add(&fresh, names.names[i].domain, names.names[i].length, false);
    pthread_rwlock_wrlock(&lock);
    struct table old = names;
    names = fresh;
    pthread_rwlock_unlock(&lock);
    xmpp_server_routes_changed();
    free_table(&old);
    return 0;
}

int xmpp_server_configure(const struct config *config)
{
    int64_t never = 0;
    atomic_compare_exchange_strong(&started, &never, xmpp_server_now());
    char *list = text_format("%s,%s", config->xmpp_domain, config->s2s_domains);
    pthread_mutex_lock(&changing);
    int result = swap_names(list);
    if (result == 0) {
        free(configured);
        configured = text_copy(list);
    }
    pthread_mutex_unlock(&changing);
    free(list);
    return result;
}

/* change_further - with (or without) this domain; nothing happens when it is so already */
static void change_further(const char *domain, bool with)
{
    char *item = text_format(",%s,", domain);
    pthread_mutex_lock(&changing);
    const char *old = further != NULL ? further : ",";
    char *at = strstr(old, item);
    char *fresh = NULL;
    if (with && at == NULL)
        fresh = text_format("%s%s,", old, domain);
    else if (!with && at != NULL)
        fresh = text_format("%.*s%s", (int)(at - old), old, at + strlen(item) - 1);
    if (fresh != NULL) {
        free(further);
        further = fresh;
        swap_names(configured != NULL ? configured : "");
    }
    pthread_mutex_unlock(&changing);
    free(item);
}

void xmpp_server_serve(const char *domain)
{
    change_further(domain, true);
}

void xmpp_server_unserve(const char *domain)
{
    change_further(domain, false);
}

void xmpp_server_stop(void)
{
    pthread_rwlock_wrlock(&lock);
    struct table old = names;
    names = (struct table){0};
    pthread_rwlock_unlock(&lock);
    free_table(&old);
    free(configured);
    free(further);
    configured = further = NULL;
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

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t xmpp_server_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t xmpp_server_now_about(void)
{
    return read_clock(CLOCK_MONOTONIC_COARSE);
}

unsigned xmpp_server_routes(void)
{
    return atomic_load_explicit(&routes, memory_order_acquire);
}

void xmpp_server_routes_changed(void)
{
    atomic_fetch_add_explicit(&routes, 1, memory_order_release);
}
