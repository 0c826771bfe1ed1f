/* openfire_source - what was read of an Openfire installation, before anybody judges it
 *
 * Openfire: the tables ofProperty, ofRemoteServerConf and ofExtComponentConf, and conf/openfire.xml. The readers
 * (openfire_sql, openfire_csv, openfire_xml) put rows in as they come; openfire_source_finish leaves the last
 * of each key. All of it is foreign input: rows, bytes and the length of a value are bounded, a value that is
 * too long or holds a NUL is known to be so and has no text. One thread.
 */
#ifndef ADMIN_OPENFIRE_SOURCE_H
#define ADMIN_OPENFIRE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "xml/text.h"

#define OPENFIRE_VALUE_BYTES 16384      /* of one value; Openfire's column has 4,000 characters */
#define OPENFIRE_ROWS 200000            /* of all tables */
#define OPENFIRE_BYTES (64 << 20)       /* of all values */
#define OPENFIRE_FILE_BYTES (4LL << 30) /* of one file that is read through */
#define OPENFIRE_COLUMNS 4

enum openfire_table {
    OPENFIRE_PROPERTY,     /* name, propValue, encrypted, iv */
    OPENFIRE_XML_PROPERTY, /* the same, from openfire.xml */
    OPENFIRE_REMOTE,       /* xmppDomain, remotePort, permission */
    OPENFIRE_COMPONENT,    /* subdomain, wildcard, secret, permission */
    OPENFIRE_TABLES
};

struct openfire_row {
    enum openfire_table table;
    unsigned long number;           /* in the order in which they came */
    char *values[OPENFIRE_COLUMNS]; /* owned; NULL: none, or broken */
    bool broken[OPENFIRE_COLUMNS];  /* too long, or with a NUL */
    bool deleted;                   /* the key alone: rows of it that came before are gone */
};

struct openfire_source {
    struct openfire_row *rows; /* after openfire_source_finish: by table and key */
    size_t count, room, bytes;
    unsigned long came; /* rows so far */
    bool too_much;      /* more than the bounds above: what is here is not all */
    bool old;           /* ofProperty had two columns: 3.7.1 and its kin */
};

/* A value of a row that is being read */
struct openfire_value {
    struct text text;
    bool null, broken;
};

/* openfire_table_find - by its name, upper and lower case being one; OPENFIRE_TABLES when it is none of ours */
enum openfire_table openfire_table_find(const char *name);
/* openfire_table_column - the place of a column in a row, or -1 */
int openfire_table_column(enum openfire_table table, const char *name);
/* openfire_table_of_columns - the table that has all of these, or OPENFIRE_TABLES */
enum openfire_table openfire_table_of_columns(const char *const *names, size_t count);

/* openfire_source_add - one row; values are copied. `columns[i]` is the place of value i in the row, -1: it is
 * passed over. NULL columns: in the table's own order, `count` of them. A row without key is none. */
void openfire_source_add(struct openfire_source *source, enum openfire_table table,
                         const struct openfire_value *values, const int *columns, size_t count);
/* openfire_source_delete - the row of this key is gone */
void openfire_source_delete(struct openfire_source *source, enum openfire_table table,
                            const char *key);
/* openfire_source_finish - sort, and keep the last row of each key */
void openfire_source_finish(struct openfire_source *source);
/* openfire_source_find - after finish: the row of a key, or NULL */
const struct openfire_row *openfire_source_find(const struct openfire_source *source,
                                                enum openfire_table table, const char *key);
void openfire_source_free(struct openfire_source *source);

/* openfire_value_put - one more byte, as long as there is room */
void openfire_value_put(struct openfire_value *value, char byte);
/* openfire_value_put_code - one more character, in UTF-8 */
void openfire_value_put_code(struct openfire_value *value, unsigned code);
/* openfire_value_clear - empty, not null; its memory stays */
void openfire_value_clear(struct openfire_value *value);

/* A file that is read byte by byte, with a bound */
struct openfire_input {
    FILE *file; /* borrowed */
    int64_t left;
    bool too_long;
};

/* openfire_input_next - the next byte, or EOF */
int openfire_input_next(struct openfire_input *input);
/* openfire_input_back - the next byte will be this one (not EOF); one at a time */
void openfire_input_back(struct openfire_input *input, int byte);

#endif
