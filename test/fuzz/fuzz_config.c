/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_config - the settings and the rows, through the files that they are read from
 *
 * Input: parts with a line "%%" between: the settings' file, s2s.home/settings.conf,
 * remote-servers.conf, components.conf, and a text for dnsutil.dnsOverride. What must hold:
 *   - a file is taken, or each line of the refusal names a file and, but for what is about a file
 *     as a whole, a line;
 *   - whatever is taken is within the bounds of its row, and written out again it loads as the
 *     same;
 *   - a row of the other files says what its lines say; what the server writes of them, it reads
 *     back;
 *   - an override leads to a host and a port, or says that it runs in a circle.
 * No names are looked up: getaddrinfo here knows addresses only.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "server/config.h"
#include "server/config_value.h"
#include "server/dns_override.h"
#include "server/external_component_manager.h"
#include "server/ini_file.h"
#include "server/log.h"
#include "server/remote_server_manager.h"
#include "server/upstream_manager.h"
#include "server/xmpp_server.h"
#include "test/fuzz/oracle.h"
#include "test/support/scratch.h"
#include "xml/jid.h"

#define PARTS 5
#define LINE_MAX_SAFE 1000 /* iniparser reads lines of 1,023 bytes */

enum { SETTINGS, CHANGES, REMOTE, COMPONENTS, OVERRIDE };

static const char *home;
static char *paths[4];

int LLVMFuzzerInitialize(int *argc, char ***argv);
int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict found);
void freeaddrinfo(struct addrinfo *found);

/* getaddrinfo, freeaddrinfo - those of this program: an IPv4 address, or nothing */
int getaddrinfo(const char *restrict name, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict found)
{
    struct sockaddr_in *address = text_calloc(1, sizeof *address);
    (void)service;
    (void)hints;
    address->sin_family = AF_INET;
    if (inet_pton(AF_INET, name, &address->sin_addr) != 1) {
        free(address);
        return EAI_NONAME;
    }
    *found = text_calloc(1, sizeof **found);
    (*found)->ai_addr = (struct sockaddr *)(void *)address;
    return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
    free(found->ai_addr);
    free(found);
}

static void clean_up(void)
{
    config_stop();
    scratch_close();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char *const names[] = {"s2s.conf", "settings.conf", "remote-servers.conf",
                                        "components.conf"};
    (void)argc;
    (void)argv;
    home = scratch_open();
    for (int i = 0; i < 4; i++)
        paths[i] = text_format("%s/%s", home, names[i]);
    log_set_level(LOG_LEVEL_ERROR);
    atexit(clean_up);
    return 0;
}

/* --- files --- */

static void write_file(const char *path, const char *bytes, size_t length)
{
    FILE *file = fopen(path, "we");
    insist(file != NULL && fwrite(bytes, 1, length, file) == length && fclose(file) == 0,
           "%s can't be written", path);
}

/* take_part - what stands before the next separator */
static struct input take_part(struct input *input)
{
    static const char separator[] = "\n%%\n";
    const char *end = input->length > 0 ? memmem(input->bytes, input->length, separator, 4) : NULL;
    struct input part = {input->bytes, end != NULL ? (size_t)(end - input->bytes) : input->length};
    size_t taken = end != NULL ? part.length + 4 : part.length;
    input->bytes += taken;
    input->length -= taken;
    return part;
}

/* write_parts - each into its file; one that is empty makes no file */
static void write_parts(const struct input parts[PARTS])
{
    struct text settings = TEXT_EMPTY;
    text_appendf(&settings, "s2s.home = %s\n", home);
    text_append(&settings, parts[SETTINGS].bytes, parts[SETTINGS].length);
    write_file(paths[SETTINGS], settings.bytes, settings.length);
    text_free(&settings);
    for (int i = CHANGES; i <= COMPONENTS; i++) {
        if (parts[i].length > 0)
            write_file(paths[i], parts[i].bytes, parts[i].length);
        else
            unlink(paths[i]);
    }
}

/* --- refusals --- */

/* names_line - "PATH:LINE: …", or iniparser's "… PATH (LINE) …" */
static bool names_line(const char *line, const char *path)
{
    const char *at = strstr(line, path);
    if (at == NULL)
        return false;
    at += strlen(path);
    at += strncmp(at, " (", 2) == 0 ? 2 : at[0] == ':' ? 1 : 0;
    return at[0] >= '1' && at[0] <= '9';
}

static void check_faults(const struct text *why)
{
    char *all = text_copy(text_string(why)), *rest = all;
    insist(why->length > 0, "refused without a word");
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        bool good = strstr(line, "can't be read") != NULL;
        for (int i = 0; i < 4 && !good; i++)
            good = names_line(line, paths[i]);
        insist(good, "a fault without a place: %s", line);
    }
    free(all);
}

/* --- the settings --- */

static void check_bounds(const struct config *config)
{
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        struct text value = TEXT_EMPTY;
        config_value_write(config, row, &value);
        long long number = row->type == CONFIG_NUMBER ? atoll(text_string(&value)) : 0;
        insist(row->type != CONFIG_NUMBER || (number >= row->min && number <= row->max),
               "%s = %lld", row->property, number);
        bool bounded = row->type == CONFIG_STRING || row->type == CONFIG_SECRET;
        insist(!bounded || ((int64_t)value.length >= row->min && (int64_t)value.length <= row->max),
               "%s has %zu bytes", row->property, value.length);
        insist(is_xml_text(text_string(&value), value.length), "%s is no text", row->property);
        text_free(&value);
    }
}

/* write_row - one setting, quoted; nothing when iniparser's form can't hold the value */
static void write_row(const struct config *config, const struct config_row *row, struct text *out)
{
    struct text value = TEXT_EMPTY;
    config_value_write(config, row, &value);
    bool fits =
        strchr(text_string(&value), '"') == NULL && value.length + strlen(row->key) < LINE_MAX_SAFE;
    if (fits && value.length > 0)
        text_appendf(out, "[%s]\n%s = \"%s\"\n", row->section, row->key, text_string(&value));
    else if (fits)
        text_appendf(out, "[%s]\n%s =\n", row->section, row->key);
    text_free(&value);
}

static void check_again(const struct config *config)
{
    struct text written = TEXT_EMPTY, why = TEXT_EMPTY;
    for (size_t i = 0; i < config_row_count; i++)
        write_row(config, &config_rows[i], &written);
    write_file(paths[SETTINGS], written.bytes, written.length);
    struct config *again = config_load(paths[SETTINGS], &why);
    insist(again != NULL, "what was taken is refused when it is written again: %s",
           text_string(&why));
    for (size_t i = 0; i < config_row_count; i++) {
        struct text one = TEXT_EMPTY, other = TEXT_EMPTY;
        config_value_write(config, &config_rows[i], &one);
        config_value_write(again, &config_rows[i], &other);
        insist(strchr(text_string(&one), '"') != NULL || one.length >= LINE_MAX_SAFE - 80 ||
                   strcmp(text_string(&one), text_string(&other)) == 0,
               "%s = %s, and written again %s", config_rows[i].property, text_string(&one),
               text_string(&other));
        text_free(&one);
        text_free(&other);
    }
    config_unref(again);
    text_free(&written);
    text_free(&why);
}

/* --- the overrides --- */

/* check_rows_alone - of a text that was taken, each {row} is taken by itself, too */
static void check_rows_alone(const char *text)
{
    while ((text = strchr(text, '{')) != NULL) {
        char *row = text_copy_n(text, strcspn(text, "}") + 1);
        struct text why = TEXT_EMPTY;
        struct dns_overrides *overrides = dns_override_parse(row, &why);
        insist(overrides != NULL, "not by itself: %s", text_string(&why));
        dns_override_free(overrides);
        text_free(&why);
        text += strlen(row);
        free(row);
    }
}

static void check_override(const char *text)
{
    static const char *const domains[] = {"example.net", "a.example.net", "lab.test",
                                          "a.b.lab.test", "b\303\274cher.example"};
    struct text why = TEXT_EMPTY;
    struct dns_overrides *overrides = dns_override_parse(text, &why);
    insist((overrides == NULL) == (why.length > 0),
           "refused without a word, or a word for nothing");
    for (size_t i = 0; overrides != NULL && i < sizeof domains / sizeof *domains; i++) {
        char host[256], again[JID_PART_MAX + 1];
        int port = -1;
        memset(host, 'Z', sizeof host);
        int found = dns_override_find(overrides, domains[i], host, &port);
        if (found <= 0)
            continue;
        insist(memchr(host, '\0', sizeof host) != NULL && host[0] != '\0', "no host");
        insist(jid_prepare_domain(host, strlen(host), again) > 0, "a host that is none: %s", host);
        insist(port >= 0 && port <= 65535, "port %d", port);
    }
    if (overrides != NULL)
        check_rows_alone(text);
    dns_override_free(overrides);
    text_free(&why);
}

/* --- the rows --- */

/* is_key - and, in `domain`, whose: the section as a row keeps it. Rows of all below a domain are
 * left out. */
static bool is_key(const struct ini_entry *entry, const char *key, char domain[JID_PART_MAX + 1])
{
    return entry->key != NULL && strcasecmp(entry->key, key) == 0 && entry->section[0] != '*' &&
           jid_prepare_domain(entry->section, strlen(entry->section), domain) > 0;
}

static void check_remote_rows(const struct ini_file *file)
{
    static const char *const words[] = {"", "encrypted", "certificate", "dialback"};
    char domain[JID_PART_MAX + 1];
    for (size_t i = 0; i < file->count; i++) {
        const struct ini_entry *entry = &file->entries[i];
        if (is_key(entry, "permission", domain))
            insist(remote_server_manager_can_access(domain, NULL) ==
                       (strcasecmp(entry->value, "allowed") == 0),
                   "[%s] permission = %s", domain, entry->value);
        if (is_key(entry, "remotePort", domain))
            insist(remote_server_manager_port(domain) == atoi(entry->value), "[%s] remotePort = %s",
                   domain, entry->value);
        if (is_key(entry, "security", domain))
            insist(strcasecmp(words[remote_server_manager_security(domain, NULL)], entry->value) ==
                       0,
                   "[%s] security = %s", domain, entry->value);
    }
}

/* check_remote_written - a row is added: the file is written and must read as before */
static void check_remote_written(const struct config *config, const struct ini_file *file)
{
    static const char added[] = "written.fuzz.example";
    struct text why = TEXT_EMPTY;
    insist(remote_server_manager_allow_access(added, 5299, &why) == 0, "%s", text_string(&why));
    insist(remote_server_manager_load(config, &why) == 0, "our own file is refused: %s",
           text_string(&why));
    insist(remote_server_manager_port(added) == 5299, "the row is not there");
    insist(remote_server_manager_delete_configuration(added, &why) == 0, "%s", text_string(&why));
    insist(remote_server_manager_load(config, &why) == 0, "our own file is refused: %s",
           text_string(&why));
    check_remote_rows(file);
    text_free(&why);
}

static void check_remote(const struct config *config)
{
    struct text why = TEXT_EMPTY;
    struct ini_file file;
    enum ini_result result = ini_file_read(paths[REMOTE], &file, &why);
    if (result != INI_FAULTY) {
        for (size_t i = 0; i < file.count; i++)
            insist(file.entries[i].line > 0, "[%s] %s: nobody knows where", file.entries[i].section,
                   file.entries[i].key != NULL ? file.entries[i].key : "");
        if (remote_server_manager_load(config, &why) == 0) {
            check_remote_rows(&file);
            check_remote_written(config, &file);
        }
    }
    if (why.length > 0)
        check_faults(&why);
    ini_file_free(&file);
    text_free(&why);
}

static void check_component_rows(const struct ini_file *file)
{
    char domain[JID_PART_MAX + 1], other[JID_PART_MAX + 1];
    for (size_t i = 0; i < file->count; i++) {
        struct text secret = TEXT_EMPTY;
        bool found = false;
        if (!is_key(&file->entries[i], "secret", domain))
            continue;
        insist(external_component_manager_secret(domain, &secret), "[%s] has no secret", domain);
        for (size_t k = 0; k < file->count && !found; k++)
            found = is_key(&file->entries[k], "secret", other) && strcmp(domain, other) == 0 &&
                    strcmp(text_string(&secret), file->entries[k].value) == 0;
        insist(found, "[%s] has another secret", domain);
        if (external_component_manager_is_configured(domain, strlen(domain)))
            insist(xmpp_server_is_local(domain, strlen(domain)), "[%s] is not ours", domain);
        text_free(&secret);
    }
}

static void check_components(const struct config *config)
{
    struct text why = TEXT_EMPTY;
    struct ini_file file;
    enum ini_result result = ini_file_read(paths[COMPONENTS], &file, &why);
    text_clear(&why);
    if (external_component_manager_load(config, &why) < 0)
        check_faults(&why);
    else if (result == INI_READ)
        check_component_rows(&file);
    ini_file_free(&file);
    text_free(&why);
}

/* check_upstreams - the domain of a section is served, as it stands in the addresses of stanzas:
 * prepared */
static void check_upstreams(const struct config *config)
{
    static const char heading[] = "upstream ";
    char domain[JID_PART_MAX + 1], host[256];
    struct text why = TEXT_EMPTY;
    struct ini_file file;
    bool taken = true;
    ini_file_read(config->file, &file, &why);
    text_clear(&why);
    if (upstream_manager_load(config, &why) < 0) {
        check_faults(&why); /* and the sections of the run before are in force */
        taken = false;
    }
    for (size_t i = 0; taken && i < file.count; i++) {
        const struct ini_entry *entry = &file.entries[i];
        size_t prefix = sizeof heading - 1;
        if (entry->key != NULL || strncasecmp(entry->section, heading, prefix) != 0)
            continue;
        const char *name = entry->section + prefix;
        int port = 0, length = jid_prepare_domain(name, strlen(name), domain);
        insist(length > 0, "[%s] is taken", entry->section);
        insist(upstream_manager_has(domain, (size_t)length), "[%s] is not served", entry->section);
        insist(xmpp_server_is_local(domain, (size_t)length), "[%s] is not ours", entry->section);
        insist(upstream_manager_target(domain, host, &port, NULL) && host[0] != '\0' && port >= 1 &&
                   port <= 65535,
               "[%s] leads nowhere", entry->section);
    }
    ini_file_free(&file);
    text_free(&why);
}

/* --- all --- */

static void check_all(struct config *config)
{
    check_bounds(config);
    insist(xmpp_server_configure(config) == 0, "no server of that name");
    insist(xmpp_server_is_local(config->xmpp_domain, strlen(config->xmpp_domain)), "not ourselves");
    check_override(config->dnsutil_dnsOverride);
    if (strcmp(config->s2s_home, home) == 0) {
        check_remote(config);
        check_components(config);
    }
    check_upstreams(config);
    check_again(config);
    remote_server_manager_stop();
    external_component_manager_stop();
    upstream_manager_stop();
    xmpp_server_stop();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {(const char *)data, size}, parts[PARTS];
    struct text why = TEXT_EMPTY;
    for (int i = 0; i < PARTS; i++)
        parts[i] = take_part(&input);
    write_parts(parts);
    struct config *config = config_load(paths[SETTINGS], &why);
    if (config != NULL) {
        insist(why.length == 0, "taken, and refused: %s", text_string(&why));
        check_all(config);
        config_unref(config);
    } else {
        check_faults(&why);
    }
    char *override = text_copy_n(parts[OVERRIDE].bytes, parts[OVERRIDE].length);
    check_override(override);
    free(override);
    text_free(&why);
    return 0;
}
