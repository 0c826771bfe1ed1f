/* SPDX-License-Identifier: Apache-2.0 */
/* openfire_sql - the rows of Openfire's tables in a dump of its database
 *
 * Openfire: src/database/openfire_hsqldb.sql and its siblings.
 *
 * No parser of SQL, but of its tokens: names, strings, other characters; comments are passed over. Action
 * points on tokens:
 *   INSERT INTO table [(columns)] VALUES (…), (…)    rows, when the table is one of ours
 *   DELETE FROM table WHERE column = 'key'           as HSQLDB logs a change: the row is gone
 *   COPY table (columns) FROM stdin;                 lines of values with tabs between, until \.
 *   anything else                                    passed over token by token
 * What looks like one of these inside a string is a string. HSQLDB ends a statement with its line, the others
 * with ';'; neither is needed, since a statement ends where no further value can follow. The dialect is known
 * by the file's name, by MySQL's quotes round names (`), by what the head of a dump says, or by HSQLDB's
 * CREATE SCHEMA PUBLIC AUTHORIZATION.
 *
 * Bounded by the input: a token keeps no more than a value may have, and no recursion.
 */
#include "admin/openfire_sql.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define COLUMNS_MAX 32 /* of a statement */

enum token { TOKEN_END, TOKEN_NAME, TOKEN_STRING, TOKEN_OTHER };

struct reading {
    struct openfire_source *source;
    struct openfire_input *input;
    enum openfire_dialect dialect;
    enum token token;
    int other;                  /* of TOKEN_OTHER: the character */
    struct openfire_value text; /* of the others */
};

/* --- tokens --- */

static int next_byte(struct reading *reading)
{
    return openfire_input_next(reading->input);
}

static void put_back(struct reading *reading, int byte)
{
    if (byte != EOF)
        openfire_input_back(reading->input, byte);
}

/* holds - does a comment's text hold this word? */
static bool holds(const struct openfire_value *text, const char *word)
{
    return strcasestr(text_string(&text->text), word) != NULL;
}

/* skip_line_comment - behind "--" or "#"; the head of a dump says whose it is */
static void skip_line_comment(struct reading *reading)
{
    int byte;
    openfire_value_clear(&reading->text);
    while ((byte = next_byte(reading)) != EOF && byte != '\n')
        if (reading->text.text.length < 200)
            openfire_value_put(&reading->text, (char)byte);
    if (reading->dialect == OPENFIRE_SQL_UNKNOWN &&
        (holds(&reading->text, "MySQL dump") || holds(&reading->text, "MariaDB dump")))
        reading->dialect = OPENFIRE_SQL_MYSQL;
}

static void skip_block_comment(struct reading *reading)
{
    int before = 0, byte;
    while ((byte = next_byte(reading)) != EOF && !(before == '*' && byte == '/'))
        before = byte;
}

/* skip_space - white space and comments; the first byte behind them */
static int skip_space(struct reading *reading)
{
    for (;;) {
        int byte = next_byte(reading);
        if (byte != EOF && isspace(byte))
            continue;
        if (byte != '-' && byte != '/' && byte != '#')
            return byte;
        if (byte == '#' && reading->dialect == OPENFIRE_SQL_MYSQL) {
            skip_line_comment(reading);
            continue;
        }
        int second = byte == '#' ? EOF : next_byte(reading);
        if (byte == '-' && second == '-') {
            skip_line_comment(reading);
        } else if (byte == '/' && second == '*') {
            skip_block_comment(reading);
        } else {
            put_back(reading, second);
            return byte;
        }
    }
}

/* read_hex - four hexadecimal digits, or -1: what was read of them is put into the value */
static int read_hex(struct reading *reading)
{
    int code = 0;
    char digits[4];
    for (int i = 0; i < 4; i++) {
        int byte = next_byte(reading);
        if (byte == EOF || !isxdigit(byte)) {
            put_back(reading, byte);
            openfire_value_put(&reading->text, '\\');
            openfire_value_put(&reading->text, 'u');
            for (int j = 0; j < i; j++)
                openfire_value_put(&reading->text, digits[j]);
            return -1;
        }
        digits[i] = (char)byte;
        code = code * 16 + (isdigit(byte) ? byte - '0' : (byte | 32) - 'a' + 10);
    }
    return code;
}

/* read_unicode - behind HSQLDB's \u: UTF-16, so a character above U+FFFF comes in two. `*high` is the first of
 * such a pair, 0: none. */
static void read_unicode(struct reading *reading, unsigned *high)
{
    int code = read_hex(reading);
    unsigned first = *high;
    *high = 0;
    if (code < 0)
        return;
    if (code >= 0xd800 && code < 0xdc00)
        *high = (unsigned)code;
    else if (code >= 0xdc00 && code < 0xe000 && first != 0)
        openfire_value_put_code(&reading->text,
                                0x10000 + ((first - 0xd800) << 10) + (unsigned)(code - 0xdc00));
    else if (code >= 0xdc00 && code < 0xe000)
        reading->text.broken = true;
    else
        openfire_value_put_code(&reading->text, (unsigned)code);
}

/* read_escape - behind a backslash of MySQL's, or in PostgreSQL's E'' */
static void read_escape(struct reading *reading)
{
    static const char letters[] = "0nrtbZ", bytes[] = "\0\n\r\t\b\032";
    int byte = next_byte(reading);
    const char *letter = byte != EOF && byte != '\0' ? strchr(letters, byte) : NULL;
    if (byte != EOF)
        openfire_value_put(&reading->text, letter != NULL ? bytes[letter - letters] : (char)byte);
}

/* read_string - behind its first quote, until the one that ends it; two of them are one */
static void read_string(struct reading *reading, int quote, enum openfire_dialect dialect)
{
    unsigned high = 0;
    openfire_value_clear(&reading->text);
    for (int byte; (byte = next_byte(reading)) != EOF;) {
        if (byte == '\\' && dialect == OPENFIRE_SQL_HSQLDB) {
            int second = next_byte(reading);
            if (second == 'u') {
                read_unicode(reading, &high);
                continue;
            }
            put_back(reading, second);
        } else if (byte == '\\' && dialect == OPENFIRE_SQL_MYSQL) {
            read_escape(reading);
            continue;
        }
        if (byte == quote) {
            int second = next_byte(reading);
            if (second != quote) {
                put_back(reading, second);
                break;
            }
        }
        if (high != 0)
            reading->text.broken = true;
        high = 0;
        openfire_value_put(&reading->text, (char)byte);
    }
    if (high != 0)
        reading->text.broken = true;
}

static bool is_name_byte(int byte)
{
    return byte == '_' || byte == '$' || byte >= 0x80 || isalnum(byte);
}

static void read_name(struct reading *reading, int first)
{
    int byte;
    openfire_value_clear(&reading->text);
    openfire_value_put(&reading->text, (char)first);
    while ((byte = next_byte(reading)) != EOF && is_name_byte(byte))
        openfire_value_put(&reading->text, (char)byte);
    if (byte == '\'' && strcasecmp(text_string(&reading->text.text), "E") == 0) {
        reading->token = TOKEN_STRING; /* PostgreSQL's E'…' */
        read_string(reading, '\'', OPENFIRE_SQL_MYSQL);
        return;
    }
    put_back(reading, byte);
}

/* advance - to the next token */
static void advance(struct reading *reading)
{
    int byte = skip_space(reading);
    reading->token = TOKEN_NAME;
    if (byte == EOF) {
        reading->token = TOKEN_END;
    } else if (byte == '\'') {
        reading->token = TOKEN_STRING;
        read_string(reading, byte, reading->dialect);
    } else if (byte == '"') {
        read_string(reading, byte, OPENFIRE_SQL_UNKNOWN);
    } else if (byte == '`') {
        if (reading->dialect == OPENFIRE_SQL_UNKNOWN)
            reading->dialect = OPENFIRE_SQL_MYSQL;
        read_string(reading, byte, OPENFIRE_SQL_UNKNOWN);
    } else if (byte == '[') {
        read_string(reading, ']', OPENFIRE_SQL_UNKNOWN);
    } else if (is_name_byte(byte)) {
        read_name(reading, byte);
    } else {
        reading->token = TOKEN_OTHER;
        reading->other = byte;
    }
}

static bool is_name(const struct reading *reading, const char *name)
{
    return reading->token == TOKEN_NAME && strcasecmp(text_string(&reading->text.text), name) == 0;
}

static bool is_other(const struct reading *reading, int other)
{
    return reading->token == TOKEN_OTHER && reading->other == other;
}

/* take_name - is this the name? Then on to the next token. */
static bool take_name(struct reading *reading, const char *name)
{
    bool is = is_name(reading, name);
    if (is)
        advance(reading);
    return is;
}

static bool take_other(struct reading *reading, int other)
{
    bool is = is_other(reading, other);
    if (is)
        advance(reading);
    return is;
}

/* --- statements --- */

/* read_table - a name, perhaps with those of schemas before it */
static enum openfire_table read_table(struct reading *reading)
{
    enum openfire_table table = OPENFIRE_TABLES;
    do {
        if (reading->token != TOKEN_NAME)
            return OPENFIRE_TABLES;
        table = openfire_table_find(text_string(&reading->text.text));
        advance(reading);
    } while (take_other(reading, '.'));
    return table;
}

/* read_columns - "(name, name)" if it is there: their places in a row. How many, 0: none were named; -1: it
 * is something else. */
static int read_columns(struct reading *reading, enum openfire_table table,
                        int columns[COLUMNS_MAX])
{
    int count = 0;
    if (!take_other(reading, '('))
        return 0;
    for (;;) {
        if (reading->token != TOKEN_NAME || count == COLUMNS_MAX)
            return -1;
        columns[count++] = openfire_table_column(table, text_string(&reading->text.text));
        advance(reading);
        if (take_other(reading, ')'))
            return count;
        if (!take_other(reading, ','))
            return -1;
    }
}

static void free_values(struct openfire_value values[COLUMNS_MAX])
{
    for (int i = 0; i < COLUMNS_MAX; i++)
        text_free(&values[i].text);
}

/* take_value - the token into a value: the last of several (a character set may stand before a string); a
 * sign belongs to its number */
static void take_value(struct reading *reading, struct openfire_value *value)
{
    struct openfire_value empty = *value;
    if (reading->token == TOKEN_OTHER) {
        if (reading->other == '-' && value->text.length == 0)
            openfire_value_put(value, '-');
        return;
    }
    if (reading->token == TOKEN_NAME && value->text.length == 1 && value->text.bytes[0] == '-') {
        text_append_string(&value->text, text_string(&reading->text.text));
        return;
    }
    *value = reading->text;
    value->null = is_name(reading, "NULL");
    reading->text = empty; /* its memory is used for the next token */
    openfire_value_clear(&reading->text);
}

/* read_tuple - behind its "(": until the matching ")". How many values; -1: too many, or it has no end. */
static int read_tuple(struct reading *reading, struct openfire_value values[COLUMNS_MAX])
{
    int count = 0, depth = 0;
    openfire_value_clear(&values[0]);
    for (; reading->token != TOKEN_END; advance(reading)) {
        if (is_other(reading, '(')) {
            depth++;
        } else if (is_other(reading, ')') && depth-- == 0) {
            advance(reading);
            return count + 1;
        } else if (is_other(reading, ',') && depth == 0) {
            if (++count == COLUMNS_MAX)
                return -1;
            openfire_value_clear(&values[count]);
        } else {
            take_value(reading, &values[count]);
        }
    }
    return -1;
}

/* read_insert - behind INSERT */
static void read_insert(struct reading *reading)
{
    int columns[COLUMNS_MAX];
    struct openfire_value values[COLUMNS_MAX] = {0};
    take_name(reading, "IGNORE");
    if (!take_name(reading, "INTO"))
        return;
    enum openfire_table table = read_table(reading);
    if (table == OPENFIRE_TABLES)
        return;
    int named = read_columns(reading, table, columns);
    if (named < 0 || !take_name(reading, "VALUES"))
        return;
    while (take_other(reading, '(')) {
        int count = read_tuple(reading, values);
        if (count < 0)
            break;
        if (named == 0 || named == count)
            openfire_source_add(reading->source, table, values, named > 0 ? columns : NULL,
                                (size_t)count);
        if (table == OPENFIRE_PROPERTY && named == 0 && count == 2)
            reading->source->old = true;
        if (!take_other(reading, ','))
            break;
    }
    free_values(values);
}

/* read_delete - behind DELETE: of one row, by its key */
static void read_delete(struct reading *reading)
{
    if (!take_name(reading, "FROM"))
        return;
    enum openfire_table table = read_table(reading);
    if (table == OPENFIRE_TABLES || !take_name(reading, "WHERE") || reading->token != TOKEN_NAME ||
        openfire_table_column(table, text_string(&reading->text.text)) != 0)
        return;
    advance(reading);
    if (!take_other(reading, '=') || reading->token != TOKEN_STRING || reading->text.broken)
        return;
    openfire_source_delete(reading->source, table, text_string(&reading->text.text));
    advance(reading);
}

/* read_copy_field - of a line of COPY's; the byte behind it: a tab, a line feed, or EOF */
static int read_copy_field(struct reading *reading, struct openfire_value *value)
{
    static const char letters[] = "nrtbfv", bytes[] = "\n\r\t\b\f\v";
    openfire_value_clear(value);
    for (;;) {
        int byte = next_byte(reading);
        if (byte == '\r') {
            int second = next_byte(reading);
            if (second == '\n')
                return second;
            put_back(reading, second);
        }
        if (byte == EOF || byte == '\t' || byte == '\n')
            return byte;
        if (byte != '\\') {
            openfire_value_put(value, (char)byte);
            continue;
        }
        byte = next_byte(reading);
        const char *letter = byte != EOF && byte != '\0' ? strchr(letters, byte) : NULL;
        if (byte == EOF)
            return EOF;
        if (byte == 'N' && value->text.length == 0)
            value->null = true;
        else if (byte == '.' && value->text.length == 0)
            value->broken = true; /* "\." alone is the end; nothing else is written so */
        else
            openfire_value_put(value, letter != NULL ? bytes[letter - letters] : (char)byte);
    }
}

/* read_copy_lines - behind "FROM stdin;" and the rest of its line */
static void read_copy_lines(struct reading *reading, enum openfire_table table, const int *columns,
                            int named)
{
    struct openfire_value values[COLUMNS_MAX] = {0};
    int byte;
    while ((byte = next_byte(reading)) != EOF && byte != '\n')
        continue;
    do {
        int count = 0;
        do
            byte = read_copy_field(reading, &values[count]);
        while (++count < COLUMNS_MAX && byte == '\t');
        if (count == 1 && values[0].broken && values[0].text.length == 0)
            break;
        while (byte != '\n' && byte != EOF)
            byte = next_byte(reading);
        if (table != OPENFIRE_TABLES && (named == 0 || named == count))
            openfire_source_add(reading->source, table, values, named > 0 ? columns : NULL,
                                (size_t)count);
        if (table == OPENFIRE_PROPERTY && count == 2)
            reading->source->old = true;
    } while (byte != EOF);
    free_values(values);
    advance(reading);
}

/* read_copy - behind COPY. Also of tables that are not ours: their lines are no SQL. */
static void read_copy(struct reading *reading)
{
    int columns[COLUMNS_MAX];
    enum openfire_table table = read_table(reading);
    int named =
        read_columns(reading, table == OPENFIRE_TABLES ? OPENFIRE_PROPERTY : table, columns);
    if (named < 0 || !take_name(reading, "FROM") || !take_name(reading, "stdin"))
        return;
    while (reading->token != TOKEN_END && !is_other(reading, ';'))
        advance(reading);
    if (reading->token != TOKEN_END)
        read_copy_lines(reading, table, columns, named);
}

/* read_create - behind CREATE: HSQLDB's script shows itself */
static void read_create(struct reading *reading)
{
    if (take_name(reading, "SCHEMA") && take_name(reading, "PUBLIC") &&
        is_name(reading, "AUTHORIZATION") && reading->dialect == OPENFIRE_SQL_UNKNOWN)
        reading->dialect = OPENFIRE_SQL_HSQLDB;
}

void openfire_sql_read(struct openfire_source *source, struct openfire_input *input,
                       enum openfire_dialect dialect)
{
    struct reading reading = {.source = source, .input = input, .dialect = dialect};
    advance(&reading);
    while (reading.token != TOKEN_END) {
        if (take_name(&reading, "INSERT") || take_name(&reading, "REPLACE"))
            read_insert(&reading);
        else if (take_name(&reading, "DELETE"))
            read_delete(&reading);
        else if (take_name(&reading, "COPY"))
            read_copy(&reading);
        else if (take_name(&reading, "CREATE"))
            read_create(&reading);
        else
            advance(&reading);
    }
    text_free(&reading.text.text);
}
