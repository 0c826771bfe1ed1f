/* ctl_table - what openfire-s2sctl prints: cells, tables that fit, colour
 *
 * Part of openfire-s2sctl only. What a cell holds may come from anybody on the internet: control characters and whatever
 * turns the writing direction are escaped before they reach the terminal.
 */
#ifndef ADMIN_CTL_TABLE_H
#define ADMIN_CTL_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "xml/text.h"

struct ctl_style {
    bool colour;
    int width;  /* columns of the terminal; 0: no terminal, nothing is cut */
    int indent; /* of tables */
};

enum ctl_kind {
    CTL_TEXT,
    CTL_NUMBER,  /* to the right */
    CTL_BYTES,   /* "1.5M", to the right */
    CTL_SECONDS, /* "3d 4h", to the right */
    CTL_YES      /* "yes" or nothing */
};

struct ctl_column {
    const char *title;
    const char *member; /* of the row's object; "tls.protocol" goes one down */
    enum ctl_kind kind;
    int rank; /* of those that do not fit, the highest goes first; 0: never */
};

/* ctl_table_print - a row for each object of the array. Columns without any value are left out. */
void ctl_table_print(FILE *to, const json_t *rows, const struct ctl_column *columns, size_t count,
                     const struct ctl_style *style);
/* ctl_table_cell - append a value as one line of text, "-" for null */
void ctl_table_cell(const json_t *value, enum ctl_kind kind, struct text *out);
/* ctl_table_escape - append text of others, fit for a terminal */
void ctl_table_escape(const char *bytes, size_t length, struct text *out);
/* ctl_table_bold - print in bold, if there is colour */
void ctl_table_bold(FILE *to, const char *text, const struct ctl_style *style);

#endif
