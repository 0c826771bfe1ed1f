/* SPDX-License-Identifier: Apache-2.0 */
/* openfire_plan - what becomes of each thing that an Openfire installation says
 *
 * Openfire: RemoteServerManager, ExternalComponentManager (their rows); openfire_properties has the settings.
 *
 * A row for a domain that has one here already stays behind: who may connect is never changed by an import.
 * DIFFERS: a component's wildcard row of Openfire's stands for all that begins with its letters (LIKE 'x%');
 * here one stands for whole labels, so only '%' alone carries over.
 */
#include "admin/openfire_plan.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin/openfire_properties.h"
#include "server/ini_file.h"
#include "xml/jid.h"

struct openfire_item *openfire_items_add(struct openfire_items *items, enum openfire_fate fate,
                                         const char *property)
{
    if (items->count == items->room) {
        items->room = items->room == 0 ? 32 : items->room * 2;
        items->items = text_realloc(items->items, items->room * sizeof *items->items);
    }
    struct openfire_item *item = &items->items[items->count++];
    *item = (struct openfire_item){.fate = fate, .property = text_copy(property)};
    return item;
}

static void free_items(struct openfire_items *items)
{
    for (size_t i = 0; i < items->count; i++) {
        free(items->items[i].property);
        free(items->items[i].setting);
        free(items->items[i].value);
        free(items->items[i].before);
        free(items->items[i].note);
        free(items->items[i].lines);
    }
    free(items->items);
}

void openfire_plan_free(struct openfire_plan *plan)
{
    free_items(&plan->properties);
    free_items(&plan->remotes);
    free_items(&plan->components);
    free(plan->domain);
    free(plan->keystore);
    free(plan->keystore_type);
    *plan = (struct openfire_plan){0};
}

size_t openfire_plan_count(const struct openfire_plan *plan, enum openfire_fate fate)
{
    const struct openfire_items *all[] = {&plan->properties, &plan->remotes, &plan->components};
    size_t count = 0;
    for (int i = 0; i < 3; i++)
        for (size_t j = 0; j < all[i]->count; j++)
            count += all[i]->items[j].fate == fate;
    return count;
}

/* --- rows that are here --- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The domains that have rows in a file, prepared and sorted */
struct domains {
    char **names;
    size_t count;
};

static bool has(const struct domains *domains, const char *name)
{
    return domains->count > 0 && bsearch(&name, domains->names, domains->count,
                                         sizeof *domains->names, compare_names) != NULL;
}

static void free_domains(struct domains *domains)
{
    for (size_t i = 0; i < domains->count; i++)
        free(domains->names[i]);
    free(domains->names);
}

/* prepare - as the rooms keep it (server/remote_server_manager.c, external_component_manager.c): NULL when it can't have a row */
static char *prepare(const char *name)
{
    char prepared[JID_PART_MAX + 1];
    size_t below = strncmp(name, "*.", 2) == 0 ? 2 : 0, length = strlen(name);
    if (length > JID_PART_MAX || strpbrk(name, ":[]\\ \t\r\n") != NULL ||
        jid_prepare_domain(name + below, length - below, prepared) <= 0 ||
        strlen(prepared) > JID_PART_MAX - 2 || strpbrk(prepared, "[]\\ \t\r\n;#") != NULL)
        return NULL;
    return text_format("%s%s", below > 0 ? "*." : "", prepared);
}

/* read_domains - of a file below s2s.home that may be missing */
static int read_domains(const struct config *config, const char *file, struct domains *domains,
                        struct text *why)
{
    char *path = text_format("%s/%s", config->s2s_home, file);
    struct ini_file ini;
    enum ini_result result = ini_file_read(path, &ini, why);
    domains->names = text_calloc(ini.count + 1, sizeof *domains->names);
    for (size_t i = 0; i < ini.count; i++) {
        char *name = prepare(ini.entries[i].section);
        if (name != NULL)
            domains->names[domains->count++] = name;
    }
    qsort(domains->names, domains->count, sizeof *domains->names, compare_names);
    ini_file_free(&ini);
    free(path);
    return result == INI_FAULTY ? -1 : 0;
}

/* --- rows that come --- */

static struct openfire_item *refuse_row(struct openfire_items *items, const char *name,
                                        const char *why)
{
    struct openfire_item *item = openfire_items_add(items, OPENFIRE_REFUSED, name);
    item->note = text_copy(why);
    return item;
}

/* permission_of - "allowed" or "blocked", or NULL */
static const char *permission_of(const char *value)
{
    return value == NULL                       ? NULL
           : strcasecmp(value, "allowed") == 0 ? "allowed"
           : strcasecmp(value, "blocked") == 0 ? "blocked"
                                               : NULL;
}

static void judge_remote(struct openfire_plan *plan, const struct openfire_row *row,
                         const struct domains *here)
{
    const char *permission = permission_of(row->values[2]);
    char *domain = prepare(row->values[0]);
    long long port = 0;
    if (domain == NULL || strncmp(domain, "*.", 2) == 0) {
        refuse_row(&plan->remotes, row->values[0], "it is no domain");
    } else if (permission == NULL) {
        refuse_row(&plan->remotes, domain, "it is neither allowed nor blocked");
    } else if (row->values[1] != NULL && !ini_file_number(row->values[1], 0, 65535, &port)) {
        refuse_row(&plan->remotes, domain, "its port is none");
    } else if (has(here, domain)) {
        struct openfire_item *item = openfire_items_add(&plan->remotes, OPENFIRE_KEPT, domain);
        item->note = text_copy("remote-servers.conf has a row of it already");
    } else {
        struct openfire_item *item = openfire_items_add(&plan->remotes, OPENFIRE_CARRIED, domain);
        item->value =
            port > 0 ? text_format("%s, port %lld", permission, port) : text_copy(permission);
        item->exact = strcmp(domain, row->values[0]) == 0;
        item->lines =
            text_format("\n[%s]\npermission = %s\nremotePort = %lld\n", domain, permission, port);
    }
    free(domain);
}

/* component_domain - of a row: Openfire keeps what stands before its own domain. NULL with a sentence. */
static char *component_domain(const struct openfire_row *row, const char *domain, const char **why)
{
    const char *name = row->values[0];
    size_t length = strlen(name), suffix = strlen(domain);
    bool wildcard = row->values[1] != NULL && strcmp(row->values[1], "0") != 0;
    *why = "it is no domain";
    if (wildcard && strcmp(name, "%") != 0) {
        *why = "a wildcard here stands for whole labels: [*.domain]";
        return NULL;
    }
    bool whole = length > suffix && name[length - suffix - 1] == '.' &&
                 strcasecmp(name + length - suffix, domain) == 0;
    char *full = wildcard ? text_format("*.%s", domain)
                 : whole  ? text_copy(name)
                          : text_format("%s.%s", name, domain);
    char *prepared = prepare(full);
    free(full);
    return prepared;
}

static void judge_component(struct openfire_plan *plan, const struct openfire_row *row,
                            const char *domain, const struct domains *here)
{
    const char *permission = permission_of(row->values[3]), *secret = row->values[2], *why;
    char *name = component_domain(row, domain, &why);
    struct text lines = TEXT_EMPTY;
    if (name != NULL && secret != NULL && secret[0] != '\0' &&
        (strlen(secret) > 900 || !ini_file_write_value(&lines, "secret", secret)))
        why = "its secret can't be written into components.conf";
    else if (permission == NULL)
        why = "it is neither allowed nor blocked";
    else if (row->broken[2])
        why = "its secret is too long, or holds a NUL byte";
    else
        why = name == NULL ? why : NULL;
    if (why != NULL) {
        refuse_row(&plan->components, name != NULL ? name : row->values[0], why);
    } else if (has(here, name)) {
        struct openfire_item *item = openfire_items_add(&plan->components, OPENFIRE_KEPT, name);
        item->note = text_copy("components.conf has a row of it already");
    } else {
        struct openfire_item *item = openfire_items_add(&plan->components, OPENFIRE_CARRIED, name);
        item->value = text_format("%s, %s", permission,
                                  lines.length > 0 ? "with its secret" : "without a secret");
        item->lines =
            text_format("\n[%s]\npermission = %s\n%s", name, permission, text_string(&lines));
    }
    free(name);
    text_free(&lines);
}

static int compare_items(const void *a, const void *b)
{
    const struct openfire_item *left = a, *right = b;
    int order = strcmp(left->property, right->property);
    if (order != 0 || left->fate != right->fate)
        return order != 0 ? order : left->fate < right->fate ? -1 : 1;
    return (right->exact > left->exact) - (right->exact < left->exact);
}

/* drop_doubles - names that were two in Openfire may be one domain */
static void drop_doubles(struct openfire_items *items)
{
    if (items->count > 0)
        qsort(items->items, items->count, sizeof *items->items, compare_items);
    for (size_t i = 1; i < items->count; i++) {
        struct openfire_item *item = &items->items[i];
        if (item->fate != OPENFIRE_CARRIED || strcmp(item->property, item[-1].property) != 0)
            continue;
        item->fate = OPENFIRE_REFUSED;
        item->note = text_copy("there is another row of this domain");
    }
}

/* --- all of it --- */

static void note_keystore(struct openfire_plan *plan, const struct openfire_source *source)
{
    const char *path = openfire_properties_value(source, "xmpp.socket.ssl.keystore");
    const char *type = openfire_properties_value(source, "xmpp.socket.ssl.storeType");
    plan->keystore =
        text_copy(path != NULL && path[0] != '\0' ? path : "resources/security/keystore");
    plan->keystore_type = text_copy(type != NULL && type[0] != '\0' ? type : "jks");
    const struct openfire_row *row =
        openfire_source_find(source, OPENFIRE_PROPERTY, "xmpp.socket.ssl.keypass");
    plan->keystore_password_set =
        row != NULL && (row->values[1] == NULL || strcmp(row->values[1], "changeit") != 0);
}

int openfire_plan_make(struct openfire_plan *plan, const struct openfire_source *source,
                       const struct config *config, bool replace, struct text *why)
{
    struct domains remotes = {0}, components = {0};
    plan->old = source->old;
    plan->domain = text_copy(openfire_properties_value(source, "xmpp.domain"));
    note_keystore(plan, source);
    int result = read_domains(config, "remote-servers.conf", &remotes, why) < 0 ||
                         read_domains(config, "components.conf", &components, why) < 0
                     ? -1
                     : 0;
    if (result == 0)
        openfire_properties_judge(plan, source, config, replace);
    for (size_t i = 0; i < source->count && result == 0; i++) {
        const struct openfire_row *row = &source->rows[i];
        if (row->table == OPENFIRE_REMOTE)
            judge_remote(plan, row, &remotes);
        else if (row->table == OPENFIRE_COMPONENT)
            judge_component(plan, row, plan->domain != NULL ? plan->domain : config->xmpp_domain,
                            &components);
    }
    drop_doubles(&plan->remotes);
    drop_doubles(&plan->components);
    free_domains(&remotes);
    free_domains(&components);
    return result;
}
