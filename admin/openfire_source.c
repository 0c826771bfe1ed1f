/* SPDX-License-Identifier: Apache-2.0 */
/* openfire_source - what was read of an Openfire installation, before anybody judges it
 *
 * Openfire: JiveGlobals' property table, RemoteServerManager, ExternalComponentManager: their rows.
 *
 * A row that comes later replaces the one of its key before, as it does when a dump is loaded, and a log of
 * changes can delete one. Rows are only appended while they come; finish sorts them once by table, key and
 * number, so a file made to have many rows costs no more than its size says. Openfire's keys are told apart by
 * upper and lower case, and so are they here. One thread; freed by openfire_source_free.
 */
#include "admin/openfire_source.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    const char *columns[OPENFIRE_COLUMNS];
} tables[OPENFIRE_TABLES] = {
    [OPENFIRE_PROPERTY] = {"ofProperty", {"name", "propValue", "encrypted", "iv"}},
    [OPENFIRE_XML_PROPERTY] = {"", {"name", "propValue", "encrypted", ""}},
    [OPENFIRE_REMOTE] = {"ofRemoteServerConf", {"xmppDomain", "remotePort", "permission", ""}},
    [OPENFIRE_COMPONENT] = {"ofExtComponentConf",
                            {"subdomain", "wildcard", "secret", "permission"}},
};

enum openfire_table openfire_table_find(const char *name)
{
    for (int i = 0; i < OPENFIRE_TABLES; i++)
        if (name[0] != '\0' && strcasecmp(tables[i].name, name) == 0)
            return (enum openfire_table)i;
    return OPENFIRE_TABLES;
}

int openfire_table_column(enum openfire_table table, const char *name)
{
    for (int i = 0; i < OPENFIRE_COLUMNS; i++)
        if (name[0] != '\0' && strcasecmp(tables[table].columns[i], name) == 0)
            return i;
    return -1;
}

enum openfire_table openfire_table_of_columns(const char *const *names, size_t count)
{
    static const enum openfire_table candidates[] = {OPENFIRE_PROPERTY, OPENFIRE_REMOTE,
                                                     OPENFIRE_COMPONENT};
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        bool key = false, all = count > 1;
        for (size_t j = 0; j < count && all; j++) {
            int column = openfire_table_column(candidates[i], names[j]);
            all = column >= 0;
            key = key || column == 0;
        }
        if (all && key)
            return candidates[i];
    }
    return OPENFIRE_TABLES;
}

/* --- values --- */

void openfire_value_put(struct openfire_value *value, char byte)
{
    if (byte == '\0' || value->text.length >= OPENFIRE_VALUE_BYTES)
        value->broken = true;
    else
        text_append_char(&value->text, byte);
}

void openfire_value_put_code(struct openfire_value *value, unsigned code)
{
    if (code < 0x80) {
        openfire_value_put(value, (char)code);
        return;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned first[] = {0, 0xc0, 0xe0, 0xf0};
    openfire_value_put(value, (char)(first[more] | code >> (6 * more)));
    while (more-- > 0)
        openfire_value_put(value, (char)(0x80 | (code >> (6 * more) & 0x3f)));
}

void openfire_value_clear(struct openfire_value *value)
{
    text_clear(&value->text);
    value->null = value->broken = false;
}

/* --- rows --- */

/* new_row - NULL when there are too many already */
static struct openfire_row *new_row(struct openfire_source *source, enum openfire_table table)
{
    if (source->too_much || source->count == OPENFIRE_ROWS) {
        source->too_much = true;
        return NULL;
    }
    if (source->count == source->room) {
        source->room = source->room == 0 ? 64 : source->room * 2;
        source->rows = text_realloc(source->rows, source->room * sizeof *source->rows);
    }
    struct openfire_row *row = &source->rows[source->count++];
    *row = (struct openfire_row){.table = table, .number = source->came++};
    return row;
}

static char *keep(struct openfire_source *source, const char *bytes, size_t length)
{
    source->bytes += length + 1;
    if (source->bytes > OPENFIRE_BYTES)
        source->too_much = true;
    return text_copy_n(bytes, length);
}

void openfire_source_add(struct openfire_source *source, enum openfire_table table,
                         const struct openfire_value *values, const int *columns, size_t count)
{
    struct openfire_row *row = new_row(source, table);
    if (row == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        int column = columns != NULL ? columns[i] : i < OPENFIRE_COLUMNS ? (int)i : -1;
        if (column < 0 || row->values[column] != NULL)
            continue;
        row->broken[column] = values[i].broken;
        if (!values[i].null && !values[i].broken)
            row->values[column] = keep(source, text_string(&values[i].text), values[i].text.length);
    }
    if (row->values[0] == NULL || row->values[0][0] == '\0') {
        for (int i = 0; i < OPENFIRE_COLUMNS; i++)
            free(row->values[i]);
        source->count--;
    }
}

void openfire_source_delete(struct openfire_source *source, enum openfire_table table,
                            const char *key)
{
    struct openfire_row *row = new_row(source, table);
    if (row == NULL)
        return;
    row->deleted = true;
    row->values[0] = keep(source, key, strlen(key));
}

static int compare(const void *a, const void *b)
{
    const struct openfire_row *left = a, *right = b;
    if (left->table != right->table)
        return left->table < right->table ? -1 : 1;
    int order = strcmp(left->values[0], right->values[0]);
    return order != 0 ? order : left->number < right->number ? -1 : 1;
}

static void free_row(struct openfire_row *row)
{
    for (int i = 0; i < OPENFIRE_COLUMNS; i++)
        free(row->values[i]);
}

void openfire_source_finish(struct openfire_source *source)
{
    size_t kept = 0;
    if (source->count > 0)
        qsort(source->rows, source->count, sizeof *source->rows, compare);
    for (size_t i = 0; i < source->count; i++) {
        struct openfire_row *row = &source->rows[i];
        bool last = i + 1 == source->count || row[1].table != row->table ||
                    strcmp(row[1].values[0], row->values[0]) != 0;
        if (last && !row->deleted)
            source->rows[kept++] = *row;
        else
            free_row(row);
    }
    source->count = kept;
}

const struct openfire_row *openfire_source_find(const struct openfire_source *source,
                                                enum openfire_table table, const char *key)
{
    size_t low = 0, high = source->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct openfire_row *row = &source->rows[middle];
        int order =
            row->table != table ? (row->table < table ? -1 : 1) : strcmp(row->values[0], key);
        if (order == 0)
            return row;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void openfire_source_free(struct openfire_source *source)
{
    for (size_t i = 0; i < source->count; i++)
        free_row(&source->rows[i]);
    free(source->rows);
    *source = (struct openfire_source){0};
}

/* --- input --- */

int openfire_input_next(struct openfire_input *input)
{
    if (input->left <= 0) {
        input->too_long = true;
        return EOF;
    }
    input->left--;
    return getc(input->file);
}

void openfire_input_back(struct openfire_input *input, int byte)
{
    input->left++;
    ungetc(byte, input->file);
}
