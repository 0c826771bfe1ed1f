/* SPDX-License-Identifier: Apache-2.0 */
/* external_component_manager - which components may connect, and their secrets
 *
 * Openfire: ExternalComponentManager.canAccess, getSecretForComponent (a row by its exact name, else a wildcard row, else
 * the default secret). DIFFERS: a wildcard stands for whole labels (Openfire: LIKE 'prefix%'), and the default secret opens what
 * is below xmpp.domain, nothing else.
 */
#include "server/external_component_manager.h"

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

struct row {
    char *domain; /* prepared; behind "*." for all below it */
    char *secret; /* NULL: not set */
    bool blocked, allowed;
};

struct table {
    struct row *rows;
    size_t count;
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static struct table table;            /* guarded by lock */
static _Atomic size_t row_count;      /* of table: each packet asks, and mostly there is none */
static enum config_permission policy; /* guarded by lock */
static char *default_secret, *xmpp_domain; /* guarded by lock */

static void free_table(struct table *old)
{
    for (size_t i = 0; i < old->count; i++) {
        free(old->rows[i].domain);
        free(old->rows[i].secret);
    }
    free(old->rows);
    *old = (struct table){0};
}

static struct row *row_of(const struct table *in, const char *domain, size_t length)
{
    for (size_t i = 0; i < in->count; i++)
        if (strlen(in->rows[i].domain) == length && memcmp(in->rows[i].domain, domain, length) == 0)
            return &in->rows[i];
    return NULL;
}

/* --- the file --- */

/* prepare - the form in which a row keeps its domain, or false */
static bool prepare(const char *name, char prepared[JID_PART_MAX + 3])
{
    size_t below = strncmp(name, "*.", 2) == 0 ? 2 : 0, length = strlen(name);
    memcpy(prepared, "*.", below);
    return length > below && length <= JID_PART_MAX &&
           jid_prepare_domain(name + below, length - below, prepared + below) > 0;
}

/* set - one key of a row. false, and `expected` says what would have been right. */
static bool set(struct row *row, const struct ini_entry *entry, const char **expected)
{
    if (strcasecmp(entry->key, "secret") == 0) {
        *expected = "a secret of 1 to 900 bytes";
        free(row->secret);
        row->secret = text_copy(entry->value);
        return entry->value[0] != '\0' && strlen(entry->value) <= 900;
    }
    *expected = "allowed or blocked";
    row->allowed = strcasecmp(entry->value, "allowed") == 0;
    row->blocked = strcasecmp(entry->value, "blocked") == 0;
    return row->allowed || row->blocked;
}

/* read_entry - a heading makes a row, a key fills the row of its section */
static bool read_entry(struct table *into, const char *file, const struct ini_entry *entry,
                       struct text *why)
{
    char prepared[JID_PART_MAX + 3];
    const char *expected;
    if (!prepare(entry->section, prepared)) {
        ini_file_fault(why, file, entry->line, "[%s]: a domain name was expected", entry->section);
        return false;
    }
    struct row *row = row_of(into, prepared, strlen(prepared));
    if (row == NULL) {
        into->rows = text_realloc(into->rows, (into->count + 1) * sizeof *into->rows);
        row = &into->rows[into->count++];
        *row = (struct row){.domain = text_copy(prepared)};
    }
    if (entry->key == NULL)
        return true;
    if (strcasecmp(entry->key, "secret") != 0 && strcasecmp(entry->key, "permission") != 0) {
        log_warn("%s:%d: [%s] there is no setting %s; the line is ignored", file, entry->line,
                 entry->section, entry->key);
        return true;
    }
    if (set(row, entry, &expected))
        return true;
    ini_file_fault(why, file, entry->line, "[%s] %s: %s was expected", entry->section, entry->key,
                   expected);
    return false;
}

static int read_rows(const struct ini_file *file, struct table *into, struct text *why)
{
    bool good = true;
    for (size_t i = 0; i < file->count; i++)
        good = read_entry(into, file->path, &file->entries[i], why) && good;
    return good ? 0 : -1;
}

/* tell_names - the domains of the new rows are ours, those of rows that are gone no more */
static void tell_names(const struct table *old, const struct table *fresh)
{
    for (size_t i = 0; i < fresh->count; i++)
        if (fresh->rows[i].domain[0] != '*' && !fresh->rows[i].blocked)
            xmpp_server_serve(fresh->rows[i].domain);
    for (size_t i = 0; i < old->count; i++) {
        const struct row *row = row_of(fresh, old->rows[i].domain, strlen(old->rows[i].domain));
        if (row == NULL || row->blocked)
            xmpp_server_unserve(old->rows[i].domain);
    }
}

/* read_table - the rows of the home of these settings into `fresh`, which is empty. 0, or -1 with `why`. */
static int read_table(const struct config *config, struct table *fresh, struct text *why)
{
    struct ini_file file;
    char *name = text_format("%s/components.conf", config->s2s_home);
    enum ini_result result = ini_file_read(name, &file, why);
    int failed = result == INI_FAULTY ? -1 : read_rows(&file, fresh, why);
    ini_file_free(&file);
    free(name);
    if (failed)
        free_table(fresh);
    return failed;
}

int external_component_manager_would_serve(const struct config *config, const char *domain,
                                           struct text *why)
{
    struct table aside = {0};
    if (read_table(config, &aside, why) < 0)
        return -1;
    const struct row *row = row_of(&aside, domain, strlen(domain));
    int would = row != NULL && !row->blocked;
    free_table(&aside);
    return would;
}

int external_component_manager_load(const struct config *config, struct text *why)
{
    struct table fresh = {0};
    if (read_table(config, &fresh, why) < 0)
        return -1;
    char *secret = text_copy(config->xmpp_component_defaultSecret);
    char *domain = text_copy(config->xmpp_domain);
    tell_names(
        &table,
        &fresh); /* only this function changes the table, for one caller at a time (admin/reload.h) */
    pthread_rwlock_wrlock(&lock);
    struct table old = table;
    char *old_secret = default_secret, *old_domain = xmpp_domain;
    table = fresh;
    atomic_store(&row_count, fresh.count);
    policy = config->xmpp_component_permission;
    default_secret = secret;
    xmpp_domain = domain;
    pthread_rwlock_unlock(&lock);
    xmpp_server_routes_changed();
    free_table(&old);
    free(old_secret);
    free(old_domain);
    return 0;
}

void external_component_manager_stop(void)
{
    pthread_rwlock_wrlock(&lock);
    free_table(&table);
    atomic_store(&row_count, 0);
    free(default_secret);
    free(xmpp_domain);
    default_secret = xmpp_domain = NULL;
    pthread_rwlock_unlock(&lock);
}

/* --- asking --- */

/* deciding_row - its own, or the nearest "*." above it; the lock is held */
static const struct row *deciding_row(const char *domain)
{
    char pattern[JID_PART_MAX + 3];
    const struct row *row = row_of(&table, domain, strlen(domain));
    for (const char *dot = strchr(domain, '.'); row == NULL && dot != NULL;
         dot = strchr(dot + 1, '.')) {
        snprintf(pattern, sizeof pattern, "*%s", dot);
        row = row_of(&table, pattern, strlen(pattern));
    }
    return row;
}

/* is_below - under xmpp.domain; the lock is held */
static bool is_below(const char *domain)
{
    return xmpp_domain != NULL && jid_domain_is_below(domain, xmpp_domain);
}

bool external_component_manager_can_access(const char *domain, struct text *why)
{
    pthread_rwlock_rdlock(&lock);
    const struct row *row = deciding_row(domain);
    bool allowed =
        row != NULL && (row->allowed || row->blocked) ? row->allowed : policy == CONFIG_BLACKLIST;
    bool known = row != NULL || is_below(domain);
    if (why != NULL && !known)
        text_appendf(why, "%s has no row, and is not below xmpp.domain", domain);
    else if (why != NULL)
        text_appendf(why, "%s%s", row != NULL ? "row of " : "xmpp.component.permission",
                     row != NULL ? row->domain : "");
    pthread_rwlock_unlock(&lock);
    return allowed && known;
}

bool external_component_manager_secret(const char *domain, struct text *secret)
{
    pthread_rwlock_rdlock(&lock);
    const struct row *row = deciding_row(domain);
    const char *found = row != NULL && row->secret != NULL ? row->secret
                        : is_below(domain)                 ? default_secret
                                                           : NULL;
    bool has = found != NULL && found[0] != '\0';
    if (has)
        text_append_string(secret, found);
    pthread_rwlock_unlock(&lock);
    return has;
}

bool external_component_manager_is_configured(const char *domain, size_t length)
{
    if (atomic_load_explicit(&row_count, memory_order_relaxed) == 0)
        return false;
    pthread_rwlock_rdlock(&lock);
    const struct row *row = row_of(&table, domain, length);
    bool configured = row != NULL && !row->blocked;
    pthread_rwlock_unlock(&lock);
    return configured;
}

size_t external_component_manager_rows(struct external_component_row **rows)
{
    pthread_rwlock_rdlock(&lock);
    size_t count = table.count;
    *rows = text_calloc(count + 1, sizeof **rows);
    for (size_t i = 0; i < count; i++)
        (*rows)[i] = (struct external_component_row){text_copy(table.rows[i].domain),
                                                     table.rows[i].allowed   ? "allowed"
                                                     : table.rows[i].blocked ? "blocked"
                                                                             : "",
                                                     table.rows[i].secret != NULL};
    pthread_rwlock_unlock(&lock);
    return count;
}

void external_component_manager_free_rows(struct external_component_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(rows[i].domain);
    free(rows);
}
