/* SPDX-License-Identifier: Apache-2.0 */
/* config_value - one setting: from text into its field, and back
 *
 * Openfire: SystemProperty and its Builder (type, default, minimum, maximum, "requires restart"). There a
 * bad value in the database is logged and replaced by the default; here it is refused with its line.
 *
 * The table of config_table.h becomes data here. A field is reached by its offset, an enum field through
 * memcpy as an int. Domains go through jid_prepare_domain (RFC 7622), so that nobody who reads a setting
 * has to prepare it again. Strings must be characters that XML can carry, since some are sent to others.
 *
 * Pure, any thread; strings belong to the struct config they were set in.
 */
#include "server/config_value.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/ini_file.h"
#include "server/network_prefix.h"
#include "server/printable.h"
#include "xml/jid.h"

/* The words of WORDS and CHOICE */
#define WORD_TEXT(value, word) word,
static const char *const CONFIG_PERMISSION[] = {CONFIG_PERMISSION_WORDS(WORD_TEXT) NULL};
static const char *const CONFIG_LOG_LEVEL[] = {CONFIG_LOG_LEVEL_WORDS(WORD_TEXT) NULL};
static const char *const CONFIG_TLS_POLICY[] = {CONFIG_TLS_POLICY_WORDS(WORD_TEXT) NULL};
static const char *const CONFIG_CERT_POLICY[] = {CONFIG_CERT_POLICY_WORDS(WORD_TEXT) NULL};
static const char *const CONFIG_PROTOCOL[] = {CONFIG_PROTOCOL_WORDS(WORD_TEXT) NULL};
static const char *const CONFIG_SERVICE[] = {CONFIG_SERVICE_WORDS(WORD_TEXT) NULL};

/* What a type word of the table stands for: .type and .words of the row */
#define TYPE_STRING CONFIG_STRING, NULL
#define TYPE_SECRET CONFIG_SECRET, NULL
#define TYPE_DOMAIN CONFIG_DOMAIN, NULL
#define TYPE_DOMAINS CONFIG_DOMAINS, NULL
#define TYPE_ADDRESS CONFIG_ADDRESS, NULL
#define TYPE_NETWORKS CONFIG_NETWORKS, NULL
#define TYPE_BOOLEAN CONFIG_BOOLEAN, NULL
#define TYPE_NUMBER CONFIG_NUMBER, NULL
#define TYPE_WORDS(set) CONFIG_WORDS, set
#define TYPE_CHOICE(set) CONFIG_CHOICE, set

#define ROW(field, type, property, section, key, text, min, max, restart, help)          \
    {property, section, key,    text, help, TYPE_##type, offsetof(struct config, field), \
     min,      max,     restart},
const struct config_row config_rows[] = {PROPERTIES(ROW)};
const size_t config_row_count = sizeof config_rows / sizeof config_rows[0];

_Static_assert(sizeof(enum config_permission) == sizeof(int), "a CHOICE is stored as an int");
_Static_assert(sizeof(enum config_log_level) == sizeof(int), "a CHOICE is stored as an int");
_Static_assert(sizeof(enum config_tls_policy) == sizeof(int), "a CHOICE is stored as an int");
_Static_assert(sizeof(enum config_cert_policy) == sizeof(int), "a CHOICE is stored as an int");

static void *field_of(struct config *config, const struct config_row *row)
{
    return (char *)config + row->offset;
}

static const void *value_of(const struct config *config, const struct config_row *row)
{
    return (const char *)config + row->offset;
}

const struct config_row *config_value_find(const char *property)
{
    for (size_t i = 0; i < config_row_count; i++)
        if (strcasecmp(config_rows[i].property, property) == 0)
            return &config_rows[i];
    return NULL;
}

/* is_plain - nothing but characters that XML can carry (XML 2.2) and that are no control characters? */
static bool is_plain(const char *text, size_t length)
{
    while (length > 0) {
        unsigned code = 0;
        size_t size = printable_sequence(text, length, &code);
        if (size == 0 || printable_is_control(code) || code == 0xfffe || code == 0xffff)
            return false;
        text += size;
        length -= size;
    }
    return true;
}

/* next_item - the next item of a comma list, without the blanks around it; empty ones are passed over */
static bool next_item(const char **list, struct span *item)
{
    static const char blank[] = " \t";
    while (**list != '\0') {
        const char *start = *list + strspn(*list, blank);
        size_t length = strcspn(start, ",");
        *list = start + length + (start[length] == ',');
        while (length > 0 && strchr(blank, start[length - 1]) != NULL)
            length--;
        if (length > 0) {
            *item = (struct span){start, length};
            return true;
        }
    }
    return false;
}

/* holds - is `item` one of the items of `list` (without blanks)? */
static bool holds(const char *list, const char *item, size_t length)
{
    struct span each;
    while (next_item(&list, &each))
        if (span_equals(each, item, length))
            return true;
    return false;
}

static void add_item(struct text *list, const char *item, size_t length)
{
    if (holds(text_string(list), item, length))
        return;
    if (list->length > 0)
        text_append_char(list, ',');
    text_append(list, item, length);
}

static bool read_domain(const char *text, size_t length, struct text *value)
{
    char prepared[JID_PART_MAX + 1];
    int prepared_length = jid_prepare_domain(text, length, prepared);
    if (prepared_length < 0)
        return false;
    add_item(value, prepared, (size_t)prepared_length);
    return true;
}

/* word_index - which word of the set this is, upper and lower case being one; -1 for none */
static int word_index(const char *const *words, const char *text, size_t length)
{
    for (int i = 0; words[i] != NULL; i++)
        if (strlen(words[i]) == length && strncasecmp(words[i], text, length) == 0)
            return i;
    return -1;
}

static bool read_word(const struct config_row *row, struct span item, struct text *value)
{
    int index = word_index(row->words, item.bytes, item.length);
    if (index < 0)
        return false;
    add_item(value, row->words[index], item.length);
    return true;
}

static bool read_network(struct span item, struct text *value)
{
    struct network_prefix prefix;
    if (!network_prefix_parse(item.bytes, item.length, &prefix))
        return false;
    add_item(value, item.bytes, item.length);
    return true;
}

static bool read_item(const struct config_row *row, struct span item, struct text *value)
{
    switch (row->type) {
    case CONFIG_DOMAINS:
        return read_domain(item.bytes, item.length, value);
    case CONFIG_NETWORKS:
        return read_network(item, value);
    default:
        return read_word(row, item, value);
    }
}

static bool read_list(const struct config_row *row, const char *text, struct text *value)
{
    struct span item;
    while (next_item(&text, &item))
        if (!read_item(row, item, value))
            return false;
    return true;
}

static bool is_address(const char *text)
{
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

bool config_value_is_loopback(const char *address)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
    return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* read_string - the value that a row of one of the string types keeps of `text` */
static bool read_string(const struct config_row *row, const char *text, struct text *value)
{
    size_t length = strlen(text);
    if (!is_plain(text, length))
        return false;
    bool bounded = row->type != CONFIG_ADDRESS && row->type != CONFIG_WORDS;
    if (bounded && ((int64_t)length < row->min || (int64_t)length > row->max))
        return false;
    if (row->type == CONFIG_DOMAIN)
        return read_domain(text, length, value);
    if (row->type == CONFIG_DOMAINS || row->type == CONFIG_NETWORKS || row->type == CONFIG_WORDS)
        return read_list(row, text, value);
    if (row->type == CONFIG_ADDRESS && length > 0 && !is_address(text))
        return false;
    text_append(value, text, length);
    return true;
}

static bool set_string(char **field, const struct config_row *row, const char *text)
{
    struct text value = TEXT_EMPTY;
    if (!read_string(row, text, &value)) {
        text_free(&value);
        return false;
    }
    free(*field);
    *field = text_copy(text_string(&value));
    text_free(&value);
    return true;
}

static bool set_boolean(bool *field, const char *text)
{
    bool yes = strcasecmp(text, "true") == 0;
    if (!yes && strcasecmp(text, "false") != 0)
        return false;
    *field = yes;
    return true;
}

static bool set_number(int64_t *field, const struct config_row *row, const char *text)
{
    long long number;
    if (!ini_file_number(text, row->min, row->max, &number))
        return false;
    *field = number;
    return true;
}

static bool set_choice(void *field, const struct config_row *row, const char *text)
{
    int index = word_index(row->words, text, strlen(text));
    if (index < 0)
        return false;
    memcpy(field, &index, sizeof index);
    return true;
}

bool config_value_set(struct config *config, const struct config_row *row, const char *text)
{
    void *field = field_of(config, row);
    switch (row->type) {
    case CONFIG_BOOLEAN:
        return set_boolean(field, text);
    case CONFIG_NUMBER:
        return set_number(field, row, text);
    case CONFIG_CHOICE:
        return set_choice(field, row, text);
    default:
        return set_string(field, row, text);
    }
}

static void write_words(const struct config_row *row, struct text *out)
{
    for (size_t i = 0; row->words[i] != NULL; i++) {
        if (i > 0)
            text_append_string(out, row->words[i + 1] == NULL ? " or " : ", ");
        text_append_string(out, row->words[i]);
    }
}

void config_value_expected(const struct config_row *row, struct text *out)
{
    long long min = row->min, max = row->max;
    switch (row->type) {
    case CONFIG_STRING:
    case CONFIG_SECRET:
        text_appendf(out, "%lld to %lld bytes of UTF-8 without control characters", min, max);
        break;
    case CONFIG_DOMAIN:
        text_append_string(out, "a domain name");
        break;
    case CONFIG_DOMAINS:
        text_append_string(out, "domain names with commas between them, or nothing");
        break;
    case CONFIG_ADDRESS:
        text_append_string(out, "an IPv4 or IPv6 address, or nothing");
        break;
    case CONFIG_NETWORKS:
        text_append_string(
            out, "addresses or networks (192.0.2.0/24) with commas between them, or nothing");
        break;
    case CONFIG_WORDS:
        text_append_string(out, "nothing, or with commas between them any of ");
        write_words(row, out);
        break;
    case CONFIG_BOOLEAN:
        text_append_string(out, "true or false");
        break;
    case CONFIG_NUMBER:
        text_appendf(out, "a whole number from %lld to %lld", min, max);
        break;
    case CONFIG_CHOICE:
        write_words(row, out);
        break;
    }
}

void config_value_write(const struct config *config, const struct config_row *row, struct text *out)
{
    const void *value = value_of(config, row);
    int index;
    switch (row->type) {
    case CONFIG_BOOLEAN:
        text_append_string(out, *(const bool *)value ? "true" : "false");
        break;
    case CONFIG_NUMBER:
        text_appendf(out, "%lld", (long long)*(const int64_t *)value);
        break;
    case CONFIG_CHOICE:
        memcpy(&index, value, sizeof index);
        text_append_string(out, row->words[index]);
        break;
    default:
        text_append_string(out, *(char *const *)value);
        break;
    }
}

void config_value_free(struct config *config, const struct config_row *row)
{
    if (row->type == CONFIG_BOOLEAN || row->type == CONFIG_NUMBER || row->type == CONFIG_CHOICE)
        return;
    char **field = field_of(config, row);
    free(*field);
    *field = NULL;
}
