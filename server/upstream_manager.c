/* SPDX-License-Identifier: Apache-2.0 */
/* upstream_manager - XMPP servers behind us, for whose domains we stand on the internet side
 *
 * A handful of rows, read whole and swapped in. Addresses are compared as IPv6 ones, IPv4 mapped into it. Freed by
 * upstream_manager_stop.
 */
#include "server/upstream_manager.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/config.h"
#include "server/ini_file.h"
#include "server/log.h"
#include "server/xmpp_server.h"
#include "xml/jid.h"

#define HEADING "upstream "
#define ADDRESSES_MAX 16

struct upstream {
    char *name;           /* as the heading has it */
    char *host, *domains; /* domains: comma list, prepared, a comma in front and behind */
    char *addresses;      /* as written */
    int port, line;
    enum config_tls_policy tls;
    struct in6_addr from[ADDRESSES_MAX];
    int from_count;
};

struct upstreams {
    struct upstream *upstreams;
    size_t count;
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static struct upstreams table; /* guarded by lock */
static _Atomic size_t some;    /* how many; so that a server without any pays nothing */

static void free_table(struct upstreams *old)
{
    for (size_t i = 0; i < old->count; i++) {
        free(old->upstreams[i].name);
        free(old->upstreams[i].host);
        free(old->upstreams[i].domains);
        free(old->upstreams[i].addresses);
    }
    free(old->upstreams);
    *old = (struct upstreams){0};
}

/* --- the sections --- */

/* add_domains - prepared, to the list. false: one is none. */
static bool add_domains(struct upstream *upstream, const char *list)
{
    struct text all = TEXT_EMPTY;
    char prepared[JID_PART_MAX + 1];
    bool good = true;
    text_append_string(&all, upstream->domains != NULL ? upstream->domains : ",");
    while (good && *(list += strspn(list, ", \t")) != '\0') {
        size_t length = strcspn(list, ", \t");
        good = jid_prepare_domain(list, length, prepared) > 0;
        if (good)
            text_appendf(&all, "%s,", prepared);
        list += length;
    }
    free(upstream->domains);
    upstream->domains = text_take(&all);
    return good;
}

static const char *const TLS_WORDS[] = {"disabled", "optional", "required"};

static bool set_tls(struct upstream *upstream, const char *value)
{
    for (int i = 0; i < 3; i++)
        if (strcasecmp(value, TLS_WORDS[i]) == 0) {
            upstream->tls = (enum config_tls_policy)i;
            return true;
        }
    return false;
}

/* set - one key; false, and `expected` says what would have been right */
static bool set(struct upstream *upstream, const struct ini_entry *entry, const char **expected)
{
    long long port;
    if (strcasecmp(entry->key, "host") == 0) {
        *expected = "a host name or an address";
        free(upstream->host);
        upstream->host = text_copy(entry->value);
        return entry->value[0] != '\0' && strlen(entry->value) < 256;
    }
    if (strcasecmp(entry->key, "port") == 0) {
        *expected = "a whole number from 1 to 65535";
        if (!ini_file_number(entry->value, 1, 65535, &port))
            return false;
        upstream->port = (int)port;
        return true;
    }
    if (strcasecmp(entry->key, "domains") == 0) {
        *expected = "domains with commas between them";
        return add_domains(upstream, entry->value);
    }
    if (strcasecmp(entry->key, "address") == 0) {
        free(upstream->addresses);
        upstream->addresses = text_copy(entry->value);
        return true; /* judged when all is read */
    }
    *expected = "host, port, domains, address or tls";
    if (strcasecmp(entry->key, "tls") != 0)
        return false;
    *expected = "disabled, optional or required";
    return set_tls(upstream, entry->value);
}

/* find_section - the upstream of a section that is one; a new one for its heading */
static struct upstream *find_section(struct upstreams *into, const struct ini_entry *entry)
{
    if (strncasecmp(entry->section, HEADING, sizeof HEADING - 1) != 0)
        return NULL;
    const char *name = entry->section + sizeof HEADING - 1;
    for (size_t i = 0; i < into->count; i++)
        if (strcmp(into->upstreams[i].name, name) == 0)
            return &into->upstreams[i];
    into->upstreams = text_realloc(into->upstreams, (into->count + 1) * sizeof *into->upstreams);
    struct upstream *upstream = &into->upstreams[into->count++];
    *upstream = (struct upstream){.name = text_copy(name),
                                  .port = 5269,
                                  .line = entry->line,
                                  .tls = CONFIG_TLS_OPTIONAL};
    add_domains(upstream, name); /* whether it is one is judged when all is read */
    return upstream;
}

static void add_address(struct upstream *upstream, const struct sockaddr *address)
{
    if (upstream->from_count == ADDRESSES_MAX)
        return;
    struct in6_addr *to = &upstream->from[upstream->from_count++];
    memset(to, 0, sizeof *to);
    if (address->sa_family == AF_INET6) {
        *to = ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    } else {
        to->s6_addr[10] = to->s6_addr[11] = 0xff;
        memcpy(&to->s6_addr[12], &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    }
}

/* resolve - a name or an address into the list; false when that gives nothing */
static bool resolve(struct upstream *upstream, const char *name)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    if (getaddrinfo(name, NULL, &hints, &found) != 0)
        return false;
    for (const struct addrinfo *each = found; each != NULL; each = each->ai_next)
        add_address(upstream, each->ai_addr);
    freeaddrinfo(found);
    return true;
}

/* complete - what a section must have */
static bool complete(struct upstream *upstream, const char *file, struct text *why)
{
    char prepared[JID_PART_MAX + 1];
    if (jid_prepare_domain(upstream->name, strlen(upstream->name), prepared) < 0 ||
        upstream->host == NULL) {
        ini_file_fault(why, file, upstream->line,
                       "[upstream %s]: a domain, and below it a host, were expected",
                       upstream->name);
        return false;
    }
    bool own = upstream->addresses == NULL || upstream->addresses[0] == '\0', good = true;
    char *list = text_copy(own ? upstream->host : upstream->addresses), *rest = list;
    for (char *one; good && (one = strsep(&rest, ", \t")) != NULL;)
        if (*one != '\0' && !resolve(upstream, one)) {
            ini_file_fault(why, file, upstream->line,
                           "[upstream %s]: '%s' is no address, nor a name that has one",
                           upstream->name, one);
            good = false;
        }
    free(list);
    return good;
}

static bool read_sections(const struct ini_file *file, struct upstreams *into, struct text *why)
{
    bool good = true;
    for (size_t i = 0; i < file->count; i++) {
        const struct ini_entry *entry = &file->entries[i];
        const char *expected;
        struct upstream *upstream = find_section(into, entry);
        if (upstream == NULL || entry->key == NULL || set(upstream, entry, &expected))
            continue;
        ini_file_fault(why, file->path, entry->line, "[%s] %s = %s: %s was expected",
                       entry->section, entry->key, entry->value, expected);
        good = false;
    }
    for (size_t i = 0; good && i < into->count; i++)
        good = complete(&into->upstreams[i], file->path, why);
    return good;
}

/* tell_names - xmpp_server of each domain */
static void tell_names(const struct upstreams *of, void (*tell)(const char *domain))
{
    for (size_t i = 0; i < of->count; i++) {
        char *list = text_copy(of->upstreams[i].domains), *rest = list;
        for (char *one; (one = strsep(&rest, ",")) != NULL;)
            if (*one != '\0')
                tell(one);
        free(list);
    }
}

/* read_file - the sections of the settings' file into `fresh`, which is empty. 0, or -1 with `why`. */
static int read_file(const struct config *config, struct upstreams *fresh, struct text *why)
{
    struct ini_file file;
    enum ini_result result = ini_file_read(config->file, &file, why);
    bool good = result != INI_FAULTY && read_sections(&file, fresh, why);
    ini_file_free(&file);
    if (!good)
        free_table(fresh);
    return good ? 0 : -1;
}

int upstream_manager_load(const struct config *config, struct text *why)
{
    struct upstreams fresh = {0};
    if (read_file(config, &fresh, why) < 0)
        return -1;
    pthread_rwlock_wrlock(&lock);
    struct upstreams old = table;
    table = fresh;
    atomic_store(&some, fresh.count);
    pthread_rwlock_unlock(&lock);
    xmpp_server_routes_changed();
    tell_names(&old, xmpp_server_unserve);
    tell_names(&fresh, xmpp_server_serve);
    free_table(&old);
    return 0;
}

void upstream_manager_stop(void)
{
    pthread_rwlock_wrlock(&lock);
    free_table(&table);
    atomic_store(&some, 0);
    pthread_rwlock_unlock(&lock);
}

/* --- asking --- */

/* find_in - the upstream of a domain */
static const struct upstream *find_in(const struct upstreams *in, const char *domain, size_t length)
{
    for (size_t i = 0; i < in->count; i++)
        for (const char *at = in->upstreams[i].domains + 1; *at != '\0'; at += strcspn(at, ",") + 1)
            if (strcspn(at, ",") == length && memcmp(at, domain, length) == 0)
                return &in->upstreams[i];
    return NULL;
}

/* find - of those in force; the lock is held */
static const struct upstream *find(const char *domain, size_t length)
{
    return find_in(&table, domain, length);
}

bool upstream_manager_is_empty(void)
{
    return atomic_load_explicit(&some, memory_order_relaxed) == 0;
}

bool upstream_manager_has(const char *domain, size_t length)
{
    if (upstream_manager_is_empty())
        return false;
    pthread_rwlock_rdlock(&lock);
    bool has = find(domain, length) != NULL;
    pthread_rwlock_unlock(&lock);
    return has;
}

static bool tell_target(const struct upstream *upstream, char host[256], int *port,
                        enum config_tls_policy *tls)
{
    if (upstream == NULL)
        return false;
    snprintf(host, 256, "%s", upstream->host);
    *port = upstream->port;
    if (tls != NULL)
        *tls = upstream->tls;
    return true;
}

bool upstream_manager_target(const char *domain, char host[256], int *port,
                             enum config_tls_policy *tls)
{
    if (upstream_manager_is_empty())
        return false;
    pthread_rwlock_rdlock(&lock);
    bool found = tell_target(find(domain, strlen(domain)), host, port, tls);
    pthread_rwlock_unlock(&lock);
    return found;
}

struct upstreams *upstreams_read(const struct config *config, struct text *why)
{
    struct upstreams *upstreams = text_calloc(1, sizeof *upstreams);
    if (read_file(config, upstreams, why) == 0)
        return upstreams;
    free(upstreams);
    return NULL;
}

void upstreams_free(struct upstreams *upstreams)
{
    if (upstreams == NULL)
        return;
    free_table(upstreams);
    free(upstreams);
}

bool upstreams_target(const struct upstreams *upstreams, const char *domain, char host[256],
                      int *port, enum config_tls_policy *tls)
{
    if (upstreams == NULL)
        return upstream_manager_target(domain, host, port, tls);
    return tell_target(find_in(upstreams, domain, strlen(domain)), host, port, tls);
}

bool upstream_manager_admits(const struct sockaddr *address, const char *domain)
{
    struct upstream asking = {0};
    bool admits = false;
    add_address(&asking, address);
    pthread_rwlock_rdlock(&lock);
    const struct upstream *claimed = domain != NULL ? find(domain, strlen(domain)) : NULL;
    for (size_t i = 0; i < table.count && !admits; i++)
        for (int k = 0; k < table.upstreams[i].from_count && !admits; k++)
            admits = (domain == NULL || claimed == &table.upstreams[i]) &&
                     memcmp(&table.upstreams[i].from[k], &asking.from[0], 16) == 0;
    pthread_rwlock_unlock(&lock);
    return admits;
}

size_t upstream_manager_rows(struct upstream_row **rows)
{
    pthread_rwlock_rdlock(&lock);
    size_t count = table.count;
    *rows = text_calloc(count + 1, sizeof **rows);
    for (size_t i = 0; i < count; i++) {
        const struct upstream *upstream = &table.upstreams[i];
        /* without the commas at both ends */
        char *domains = text_copy_n(upstream->domains + 1, strlen(upstream->domains) - 2);
        (*rows)[i] =
            (struct upstream_row){text_copy(upstream->host), text_copy(upstream->addresses),
                                  domains, upstream->port, TLS_WORDS[upstream->tls]};
    }
    pthread_rwlock_unlock(&lock);
    return count;
}

void upstream_manager_free_rows(struct upstream_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(rows[i].host);
        free(rows[i].addresses);
        free(rows[i].domains);
    }
    free(rows);
}
