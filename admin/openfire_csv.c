/* SPDX-License-Identifier: Apache-2.0 */
/* openfire_csv - the rows of one of Openfire's tables as CSV
 *
 * RFC 4180: records end with a line; a value in quotes may hold anything, a quote twice. An empty value without
 * quotes and \N are null, as PostgreSQL and MySQL write it. A line that has not as many values as the first one
 * is no row. A byte order mark before the first name is passed over.
 */
#include "admin/openfire_csv.h"

#include <string.h>

#define COLUMNS_MAX 32

struct reading {
    struct openfire_input *input;
    int separator; /* 0: not known yet */
    struct openfire_value values[COLUMNS_MAX];
    size_t count; /* of the record; more than COLUMNS_MAX: too many */
};

static bool is_separator(struct reading *reading, int byte)
{
    if (reading->separator == 0 && (byte == ',' || byte == ';' || byte == '\t'))
        reading->separator = byte;
    return byte == reading->separator && byte != 0;
}

/* read_quoted - behind the first quote, until behind the last */
static void read_quoted(struct reading *reading, struct openfire_value *value)
{
    for (int byte; (byte = openfire_input_next(reading->input)) != EOF;) {
        if (byte == '"') {
            byte = openfire_input_next(reading->input);
            if (byte != '"') {
                if (byte != EOF)
                    openfire_input_back(reading->input, byte);
                return;
            }
        }
        openfire_value_put(value, (char)byte);
    }
}

/* end_value - what was read without quotes may stand for none */
static void end_value(struct openfire_value *value, bool quoted)
{
    if (!quoted && !value->broken &&
        (value->text.length == 0 || strcmp(text_string(&value->text), "\\N") == 0))
        value->null = true;
}

/* read_value - false when it was the last of its record */
static bool read_value(struct reading *reading, struct openfire_value *value)
{
    bool quoted = false;
    openfire_value_clear(value);
    for (;;) {
        int byte = openfire_input_next(reading->input);
        if (byte == '\r') {
            int second = openfire_input_next(reading->input);
            if (second != '\n' && second != EOF)
                openfire_input_back(reading->input, second);
            byte = second == '\n' || second == EOF ? '\n' : '\r';
        }
        if (byte == EOF || byte == '\n' || is_separator(reading, byte)) {
            end_value(value, quoted);
            return byte != EOF && byte != '\n';
        }
        if (byte == '"' && value->text.length == 0 && !quoted) {
            quoted = true;
            read_quoted(reading, value);
        } else {
            openfire_value_put(value, (char)byte);
        }
    }
}

/* read_record - false at the end of the file */
static bool read_record(struct reading *reading)
{
    struct openfire_value beyond = {0};
    int byte = openfire_input_next(reading->input);
    if (byte == EOF)
        return false;
    openfire_input_back(reading->input, byte);
    reading->count = 0;
    bool more = true;
    while (more) {
        more = read_value(reading, reading->count < COLUMNS_MAX ? &reading->values[reading->count]
                                                                : &beyond);
        reading->count++;
    }
    text_free(&beyond.text);
    return true;
}

/* skip_mark - a byte order mark: no text begins with its first byte otherwise */
static void skip_mark(struct reading *reading)
{
    int byte = openfire_input_next(reading->input);
    if (byte == 0xef) {
        openfire_input_next(reading->input);
        openfire_input_next(reading->input);
    } else if (byte != EOF) {
        openfire_input_back(reading->input, byte);
    }
}

/* read_header - the columns' places in a row */
static enum openfire_table read_header(struct reading *reading, int columns[COLUMNS_MAX])
{
    const char *names[COLUMNS_MAX];
    skip_mark(reading);
    if (!read_record(reading) || reading->count > COLUMNS_MAX)
        return OPENFIRE_TABLES;
    for (size_t i = 0; i < reading->count; i++)
        names[i] = text_string(&reading->values[i].text);
    enum openfire_table table = openfire_table_of_columns(names, reading->count);
    for (size_t i = 0; i < reading->count && table != OPENFIRE_TABLES; i++)
        columns[i] = openfire_table_column(table, names[i]);
    return table;
}

enum openfire_table openfire_csv_read(struct openfire_source *source, struct openfire_input *input)
{
    struct reading reading = {.input = input};
    int columns[COLUMNS_MAX];
    enum openfire_table table = read_header(&reading, columns);
    size_t named = reading.count;
    while (table != OPENFIRE_TABLES && read_record(&reading))
        if (reading.count == named)
            openfire_source_add(source, table, reading.values, columns, named);
    if (table == OPENFIRE_PROPERTY && named == 2)
        source->old = true;
    for (int i = 0; i < COLUMNS_MAX; i++)
        text_free(&reading.values[i].text);
    return table;
}
