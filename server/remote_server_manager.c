/* SPDX-License-Identifier: Apache-2.0 */
/* remote_server_manager - which remote domains may connect, in either direction
 *
 * Openfire: RemoteServerManager.allowAccess, blockAccess, deleteConfiguration, canAccess,
 * getPortForServer; the database's table ofRemoteServerConf is a file here.
 *
 * Action points:
 *   load           -> file read aside, all rows checked -> swapped in whole, with the policy
 *   allow, block,
 *   delete         -> the rows copied, changed, written (config_write_file) -> swapped in
 *   can_access     -> nearest row that has a permission, up through the parents -> policy decides
 *
 * Threads: any. `changing` makes changes and loads follow each other and is held while the disk works;
 * `lock` guards the table and is a leaf, held for a look-up or a swap. Order: changing, then lock.
 * The rows are sorted by domain and never change in place. Freed by remote_server_manager_stop.
 */
#include "server/remote_server_manager.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/config.h"
#include "server/ini_file.h"
#include "server/log.h"
#include "xml/jid.h"

enum permission { PERMISSION_NONE, PERMISSION_ALLOWED, PERMISSION_BLOCKED };
static const char *const PERMISSION_NAMES[] = {"", "allowed", "blocked"};

static const char *const SECURITY_NAMES[] = {"", "encrypted", "certificate", "dialback"};

struct row {
    char *domain; /* prepared, owned; behind "*." for all below it (security only) */
    enum permission permission;
    int port; /* 0: unset */
    enum remote_security security;
};

struct remote_servers {
    struct row *rows; /* by domain */
    size_t count;
    enum config_permission policy;
    bool recursive;
};

static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;
static char *path; /* of the file; NULL before the first load; guarded by changing */
static pthread_rwlock_t lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static struct remote_servers table = {
    .recursive = true}; /* guarded by lock; written with changing held too */

static void free_table(struct remote_servers *old)
{
    for (size_t i = 0; i < old->count; i++)
        free(old->rows[i].domain);
    free(old->rows);
    *old = (struct remote_servers){0};
}

/* place_of - the index of a domain's row, or where it would stand */
static size_t place_of(const struct remote_servers *in, const char *domain, bool *found)
{
    size_t low = 0, high = in->count;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(in->rows[middle].domain, domain);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct row *row_of(const struct remote_servers *in, const char *domain)
{
    bool found;
    size_t place = place_of(in, domain, &found);
    return found ? &in->rows[place] : NULL;
}

/* new_row - a row at `place`, the others moving up */
static struct row *new_row(struct remote_servers *in, size_t place, const char *domain)
{
    in->rows = text_realloc(in->rows, (in->count + 1) * sizeof *in->rows);
    struct row *row = &in->rows[place];
    memmove(row + 1, row, (in->count - place) * sizeof *row);
    *row = (struct row){.domain = text_copy(domain)};
    in->count++;
    return row;
}

/* get_row - the domain's row, a new one if need be */
static struct row *get_row(struct remote_servers *in, const char *domain)
{
    bool found;
    size_t place = place_of(in, domain, &found);
    return found ? &in->rows[place] : new_row(in, place, domain);
}

static struct remote_servers copy_table(const struct remote_servers *from)
{
    struct remote_servers copy = *from;
    copy.rows = text_calloc(from->count + 1, sizeof *copy.rows);
    for (size_t i = 0; i < from->count; i++) {
        copy.rows[i] = from->rows[i];
        copy.rows[i].domain = text_copy(from->rows[i].domain);
    }
    return copy;
}

/* swap - put the new table in force and free the old one */
static void swap(struct remote_servers *fresh)
{
    pthread_rwlock_wrlock(&lock);
    struct remote_servers old = table;
    table = *fresh;
    pthread_rwlock_unlock(&lock);
    free_table(&old);
}

/* --- the file --- */

/* prepare - the form in which a row keeps a domain, or false with a sentence. A prepared domain has at most
 * 253 bytes in A-labels, so its heading fits into iniparser's line of 1,023. */
static bool prepare(const char *domain, char prepared[JID_PART_MAX + 1], struct text *sentence)
{
    char wanted[JID_PART_MAX + 1];
    size_t length = strlen(domain), below = strncmp(domain, "*.", 2) == 0 ? 2 : 0;
    memcpy(prepared, "*.", below);
    if (memchr(domain, ':', length) != NULL)
        text_append_string(sentence,
                           "an IPv6 literal can't have a row; a domain name was expected");
    else if (length > JID_PART_MAX ||
             jid_prepare_domain(domain + below, length - below, wanted) < 0 ||
             snprintf(prepared + below, JID_PART_MAX + 1 - below, "%s", wanted) >
                 JID_PART_MAX - 2 ||
             prepared[strcspn(prepared, "[]\\ \t\r\n")] != '\0')
        text_append_string(sentence, "a domain name was expected");
    else
        return true;
    return false;
}

/* set - one key of a row. false, and `expected` says what would have been right. */
static bool set(struct row *row, const char *key, const char *value, const char **expected)
{
    long long port;
    if (row->domain[0] == '*' && strcasecmp(key, "security") != 0) {
        *expected = "security, the one thing that can be said of all domains below one,";
        return false;
    }
    if (strcasecmp(key, "remotePort") == 0) {
        *expected = "a whole number from 0 to 65535";
        if (!ini_file_number(value, 0, 65535, &port))
            return false;
        row->port = (int)port;
        return true;
    }
    if (strcasecmp(key, "security") == 0) {
        *expected = "encrypted, certificate or dialback";
        for (int i = SECURITY_ENCRYPTED; i <= SECURITY_DIALBACK; i++)
            if (strcasecmp(value, SECURITY_NAMES[i]) == 0)
                row->security = (enum remote_security)i;
        return row->security != SECURITY_DEFAULT;
    }
    *expected = "allowed or blocked";
    if (strcasecmp(value, "allowed") == 0)
        row->permission = PERMISSION_ALLOWED;
    else if (strcasecmp(value, "blocked") == 0)
        row->permission = PERMISSION_BLOCKED;
    else
        return false;
    return true;
}

/* read_heading - a section: a row without anything yet. Returns false on a fault. */
static bool read_heading(struct remote_servers *into, const char *file,
                         const struct ini_entry *entry, struct text *why)
{
    char prepared[JID_PART_MAX + 1];
    struct text sentence = TEXT_EMPTY;
    bool found, good = prepare(entry->section, prepared, &sentence);
    if (good) {
        size_t place = place_of(into, prepared, &found);
        if (found)
            text_appendf(&sentence, "%s has a row already; one row was expected", prepared);
        else
            new_row(into, place, prepared);
        good = !found;
    }
    if (!good)
        ini_file_fault(why, file, entry->line, "[%s]: %s", entry->section, text_string(&sentence));
    text_free(&sentence);
    return good;
}

/* read_key - a line of a section whose heading was good (others were told already) */
static bool read_key(struct remote_servers *into, const char *file, const struct ini_entry *entry,
                     struct text *why)
{
    char prepared[JID_PART_MAX + 1];
    struct text sentence = TEXT_EMPTY;
    const char *expected;
    bool known = prepare(entry->section, prepared, &sentence);
    text_free(&sentence);
    if (entry->section[0] == '\0') {
        ini_file_fault(why, file, entry->line, "%s = %s: a heading [domain] was expected above it",
                       entry->key, entry->value);
        return false;
    }
    if (!known)
        return true;
    if (strcasecmp(entry->key, "permission") != 0 && strcasecmp(entry->key, "remotePort") != 0 &&
        strcasecmp(entry->key, "security") != 0) {
        log_warn("%s:%d: [%s] there is no setting %s; the line is ignored", file, entry->line,
                 entry->section, entry->key);
        return true;
    }
    if (entry->repeated)
        log_warn("%s:%d: [%s] %s was set before in this file; this line wins", file, entry->line,
                 entry->section, entry->key);
    if (set(get_row(into, prepared), entry->key, entry->value, &expected))
        return true;
    ini_file_fault(why, file, entry->line, "[%s] %s = %s: %s was expected", entry->section,
                   entry->key, entry->value, expected);
    return false;
}

/* check_row - a section that says nothing is a mistake */
static bool check_row(const struct remote_servers *rows, const char *file,
                      const struct ini_entry *entry, struct text *why)
{
    char prepared[JID_PART_MAX + 1];
    struct text sentence = TEXT_EMPTY;
    bool known = prepare(entry->section, prepared, &sentence);
    const struct row *row = known ? row_of(rows, prepared) : NULL;
    text_free(&sentence);
    if (row == NULL || row->permission != PERMISSION_NONE || row->port != 0 ||
        row->security != SECURITY_DEFAULT)
        return true;
    ini_file_fault(why, file, entry->line,
                   "[%s]: permission = allowed or blocked, a remotePort, or security = encrypted, "
                   "certificate or dialback, was expected",
                   entry->section);
    return false;
}

static int read_rows(const struct ini_file *file, struct remote_servers *into, struct text *why)
{
    bool good = true;
    for (size_t i = 0; i < file->count; i++)
        if (file->entries[i].key == NULL)
            good = read_heading(into, file->path, &file->entries[i], why) && good;
    for (size_t i = 0; i < file->count; i++)
        if (file->entries[i].key != NULL)
            good = read_key(into, file->path, &file->entries[i], why) && good;
    for (size_t i = 0; good && i < file->count; i++)
        if (file->entries[i].key == NULL)
            good = check_row(into, file->path, &file->entries[i], why);
    return good ? 0 : -1;
}

static void write_rows(const struct remote_servers *from, struct text *out)
{
    text_append_string(out,
                       "# remote-servers.conf - written by openfire-s2s: who may connect.\n"
                       "# permission: allowed or blocked; remotePort: 0 is the default port;\n"
                       "# security: encrypted, certificate or dialback, also for [*.domain]\n");
    for (size_t i = 0; i < from->count; i++) {
        const struct row *row = &from->rows[i];
        text_appendf(out, "\n[%s]\n", row->domain);
        if (row->permission != PERMISSION_NONE)
            text_appendf(out, "permission = %s\n", PERMISSION_NAMES[row->permission]);
        if (row->domain[0] != '*')
            text_appendf(out, "remotePort = %d\n", row->port);
        if (row->security != SECURITY_DEFAULT)
            text_appendf(out, "security = %s\n", SECURITY_NAMES[row->security]);
    }
}

/* --- load and stop --- */

/* read_file - the rows of the home of these settings, and their policy, into `fresh`, which is empty. 0, or -1 with `why`. */
static int read_file(const struct config *config, const char *name, struct remote_servers *fresh,
                     struct text *why)
{
    struct ini_file file;
    enum ini_result result = ini_file_read(name, &file, why);
    int failed = result == INI_FAULTY ? -1 : read_rows(&file, fresh, why);
    ini_file_free(&file);
    fresh->policy = config->xmpp_server_permission;
    fresh->recursive = config->xmpp_server_permission_apply_recursive;
    if (failed)
        free_table(fresh);
    return failed;
}

static char *file_of(const struct config *config)
{
    return text_format("%s/remote-servers.conf", config->s2s_home);
}

int remote_server_manager_load(const struct config *config, struct text *why)
{
    struct remote_servers fresh = {0};
    char *name = file_of(config);
    pthread_mutex_lock(&changing);
    int failed = read_file(config, name, &fresh, why);
    if (failed) {
        free(name);
    } else {
        free(path);
        path = name;
        swap(&fresh);
    }
    pthread_mutex_unlock(&changing);
    return failed;
}

struct remote_servers *remote_servers_read(const struct config *config, struct text *why)
{
    struct remote_servers *servers = text_calloc(1, sizeof *servers);
    char *name = file_of(config);
    int failed = read_file(config, name, servers, why);
    free(name);
    if (!failed)
        return servers;
    free(servers);
    return NULL;
}

void remote_servers_free(struct remote_servers *servers)
{
    if (servers == NULL)
        return;
    free_table(servers);
    free(servers);
}

void remote_server_manager_stop(void)
{
    struct remote_servers none = {.recursive = true};
    pthread_mutex_lock(&changing);
    free(path);
    path = NULL;
    swap(&none);
    pthread_mutex_unlock(&changing);
}

/* --- asking --- */

/* parent_of - behind the first dot, or NULL; addresses have no parents */
static const char *parent_of(const char *domain)
{
    const char *dot = strchr(domain, '.');
    return dot != NULL && dot[1] != '\0' ? dot + 1 : NULL;
}

/* look_at, look_away - the rows to ask: those in force (NULL), with the lock held meanwhile, or others */
static const struct remote_servers *look_at(const struct remote_servers *servers)
{
    if (servers != NULL)
        return servers;
    pthread_rwlock_rdlock(&lock);
    return &table;
}

static void look_away(const struct remote_servers *servers)
{
    if (servers == &table)
        pthread_rwlock_unlock(&lock);
}

/* deciding_row - the nearest row with a permission */
static const struct row *deciding_row(const struct remote_servers *in, const char *domain)
{
    bool climbs = in->recursive && !jid_domain_is_ip(domain);
    for (const char *each = domain; each != NULL; each = climbs ? parent_of(each) : NULL) {
        const struct row *row = row_of(in, each);
        if (row != NULL && row->permission != PERMISSION_NONE)
            return row;
    }
    return NULL;
}

static void explain(const struct remote_servers *in, const char *domain, const struct row *row,
                    struct text *why)
{
    if (row == NULL) {
        text_appendf(why, "policy %s and no row",
                     in->policy == CONFIG_WHITELIST ? "whitelist" : "blacklist");
        return;
    }
    text_appendf(why, "row '%s' of %s", PERMISSION_NAMES[row->permission], row->domain);
    if (strcmp(row->domain, domain) != 0)
        text_appendf(why, ", parent of %s", domain);
}

bool remote_servers_can_access(const struct remote_servers *servers, const char *domain,
                               struct text *why)
{
    const struct remote_servers *in = look_at(servers);
    const struct row *row = deciding_row(in, domain);
    bool allowed =
        row != NULL ? row->permission == PERMISSION_ALLOWED : in->policy == CONFIG_BLACKLIST;
    if (why != NULL)
        explain(in, domain, row, why);
    look_away(in);
    return allowed;
}

bool remote_server_manager_can_access(const char *domain, struct text *why)
{
    return remote_servers_can_access(NULL, domain, why);
}

int remote_servers_port(const struct remote_servers *servers, const char *domain)
{
    const struct remote_servers *in = look_at(servers);
    const struct row *row = row_of(in, domain);
    int port = row != NULL ? row->port : 0;
    look_away(in);
    return port;
}

int remote_server_manager_port(const char *domain)
{
    return remote_servers_port(NULL, domain);
}

/* security_row - the domain's own row, or the nearest "*." above it */
static const struct row *security_row(const struct remote_servers *in, const char *domain)
{
    char pattern[JID_PART_MAX + 3];
    const struct row *row = row_of(in, domain);
    bool climbs = !jid_domain_is_ip(domain);
    for (const char *each = climbs ? parent_of(domain) : NULL;
         each != NULL && (row == NULL || row->security == SECURITY_DEFAULT);
         each = parent_of(each)) {
        snprintf(pattern, sizeof pattern, "*.%s", each);
        row = row_of(in, pattern);
    }
    return row != NULL && row->security != SECURITY_DEFAULT ? row : NULL;
}

enum remote_security remote_servers_security(const struct remote_servers *servers,
                                             const char *domain, struct text *why)
{
    const struct remote_servers *in = look_at(servers);
    const struct row *row = security_row(in, domain);
    enum remote_security security = row != NULL ? row->security : SECURITY_DEFAULT;
    if (row != NULL && why != NULL)
        text_appendf(why, "security = %s of %s", SECURITY_NAMES[security], row->domain);
    look_away(in);
    return security;
}

enum remote_security remote_server_manager_security(const char *domain, struct text *why)
{
    return remote_servers_security(NULL, domain, why);
}

size_t remote_server_manager_rows(struct remote_server_row **rows)
{
    pthread_rwlock_rdlock(&lock);
    size_t count = table.count;
    *rows = text_calloc(count + 1, sizeof **rows);
    for (size_t i = 0; i < count; i++)
        (*rows)[i] = (struct remote_server_row){
            text_copy(table.rows[i].domain), PERMISSION_NAMES[table.rows[i].permission],
            SECURITY_NAMES[table.rows[i].security], table.rows[i].port};
    pthread_rwlock_unlock(&lock);
    return count;
}

void remote_server_manager_free_rows(struct remote_server_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(rows[i].domain);
    free(rows);
}

/* --- changing --- */

/* save - write the new rows and put them in force, or free them; `changing` is held */
static int save(struct remote_servers *fresh, struct text *why)
{
    if (path == NULL) {
        text_append_string(why, "the rows have not been loaded yet");
        free_table(fresh);
        return -1;
    }
    struct text content = TEXT_EMPTY;
    write_rows(fresh, &content);
    int failed = config_write_file(path, text_string(&content), content.length, 0600, why);
    text_free(&content);
    if (failed)
        free_table(fresh);
    else
        swap(fresh);
    return failed;
}

static bool prepare_argument(const char *domain, char prepared[JID_PART_MAX + 1], struct text *why)
{
    struct text sentence = TEXT_EMPTY;
    bool good = prepare(domain, prepared, &sentence);
    if (good && prepared[0] == '*') {
        text_append_string(&sentence, "a domain name was expected");
        good = false;
    }
    if (!good)
        text_appendf(why, "%s: %s", domain, text_string(&sentence));
    text_free(&sentence);
    return good;
}

static int put_row(const char *domain, enum permission permission, int port, struct text *why)
{
    char prepared[JID_PART_MAX + 1];
    if (!prepare_argument(domain, prepared, why))
        return -1;
    pthread_mutex_lock(&changing);
    struct remote_servers fresh = copy_table(&table);
    struct row *row = get_row(&fresh, prepared);
    row->permission = permission;
    row->port = port;
    int result = save(&fresh, why);
    pthread_mutex_unlock(&changing);
    return result;
}

int remote_server_manager_allow_access(const char *domain, int port, struct text *why)
{
    if (port < 0 || port > 65535) {
        text_appendf(why, "port %d: 0 (the default port) to 65535 was expected", port);
        return -1;
    }
    return put_row(domain, PERMISSION_ALLOWED, port, why);
}

int remote_server_manager_block_access(const char *domain, struct text *why)
{
    return put_row(domain, PERMISSION_BLOCKED, 0, why);
}

int remote_server_manager_delete_configuration(const char *domain, struct text *why)
{
    char prepared[JID_PART_MAX + 1];
    int result = 0;
    bool found;
    if (!prepare_argument(domain, prepared, why))
        return -1;
    pthread_mutex_lock(&changing);
    size_t place = place_of(&table, prepared, &found);
    if (found) {
        struct remote_servers fresh = copy_table(&table);
        free(fresh.rows[place].domain);
        fresh.count--;
        memmove(&fresh.rows[place], &fresh.rows[place + 1],
                (fresh.count - place) * sizeof *fresh.rows);
        result = save(&fresh, why);
    }
    pthread_mutex_unlock(&changing);
    return result;
}
