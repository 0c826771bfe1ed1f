/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_table - what openfire-s2sctl prints: cells, tables that fit, colour
 *
 * A table is as wide as its widest cells. When that is more than the terminal has, columns go, the one with the highest
 * rank first, until what is left fits with no cell narrower than NARROW; then the widest ones are cut, with "…" at their
 * end. Widths are columns of the terminal (wcwidth), not bytes.
 */
#include "admin/ctl_table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "server/printable.h"

#define NARROW 12
#define GAP 2

struct layout {
    const struct ctl_column *columns;
    size_t count, rows;
    char **cells; /* rows * count, owned */
    int *widths;  /* of each column; 0: it is left out */
};

/* --- text --- */

void ctl_table_escape(const char *bytes, size_t length, struct text *out)
{
    size_t room = 4 * length + 8;
    char *escaped = text_alloc(room);
    text_append(out, escaped, printable_escape(escaped, room, bytes, length, false));
    free(escaped);
}

/* step - bytes and columns of the next character */
static size_t step(const char *text, int *columns)
{
    wchar_t wide;
    mbstate_t state = {0};
    size_t length = mbrtowc(&wide, text, MB_CUR_MAX, &state);
    if (length == 0 || length > MB_CUR_MAX) {
        *columns = 1;
        return 1;
    }
    int width = wcwidth(wide);
    *columns = width < 0 ? 1 : width;
    return length;
}

static int width_of(const char *text)
{
    int width = 0, columns;
    while (*text != '\0') {
        text += step(text, &columns);
        width += columns;
    }
    return width;
}

/* put - exactly `width` columns of it */
static void put(FILE *to, const char *text, int width, bool right)
{
    int whole = width_of(text), used = 0, columns;
    if (right && whole < width)
        fprintf(to, "%*s", width - whole, "");
    int room = whole > width ? width - 1 : width;
    for (size_t length; *text != '\0'; text += length, used += columns) {
        length = step(text, &columns);
        if (used + columns > room)
            break;
        fwrite(text, 1, length, to);
    }
    if (whole > width) {
        fputs(MB_CUR_MAX > 1 ? "…" : "~", to);
        used++;
    }
    if (!right && used < width)
        fprintf(to, "%*s", width - used, "");
}

static void append_bytes(double bytes, struct text *out)
{
    static const char *const units[] = {"", "k", "M", "G", "T"};
    int unit = 0;
    while (bytes >= 1024 && unit < 4) {
        bytes /= 1024;
        unit++;
    }
    text_appendf(out, unit > 0 && bytes < 10 ? "%.1f%s" : "%.0f%s", bytes, units[unit]);
}

static void append_seconds(long long seconds, struct text *out)
{
    if (seconds < 60)
        text_appendf(out, "%llds", seconds);
    else if (seconds < 3600)
        text_appendf(out, "%lldm %llds", seconds / 60, seconds % 60);
    else if (seconds < 86400)
        text_appendf(out, "%lldh %lldm", seconds / 3600, seconds % 3600 / 60);
    else
        text_appendf(out, "%lldd %lldh", seconds / 86400, seconds % 86400 / 3600);
}

/* append_items - an array on one line */
static void append_items(const json_t *array, struct text *out)
{
    size_t i;
    json_t *item;
    json_array_foreach(array, i, item)
    {
        text_append_string(out, i > 0 ? ", " : "");
        ctl_table_cell(item, CTL_TEXT, out);
    }
    if (json_array_size(array) == 0)
        text_append_char(out, '-');
}

/* append_members - an object on one line, without what is null */
static void append_members(const json_t *object, struct text *out)
{
    json_t *members = (json_t *)(uintptr_t)object; /* the walk wants it so, and changes nothing */
    const char *key, *between = "";
    json_t *member;
    json_object_foreach(members, key, member)
    {
        if (json_is_null(member))
            continue;
        text_append_string(out, between);
        ctl_table_escape(key, strlen(key), out);
        text_append_char(out, '=');
        ctl_table_cell(member, CTL_TEXT, out);
        between = " ";
    }
}

void ctl_table_cell(const json_t *value, enum ctl_kind kind, struct text *out)
{
    if (value == NULL || json_is_null(value)) {
        text_append_char(out, '-');
    } else if (json_is_string(value)) {
        ctl_table_escape(json_string_value(value), json_string_length(value), out);
    } else if (json_is_boolean(value)) {
        text_append_string(out, json_is_true(value) ? "yes" : kind == CTL_YES ? "" : "no");
    } else if (json_is_number(value) && kind == CTL_BYTES) {
        append_bytes(json_number_value(value), out);
    } else if (json_is_integer(value) && kind == CTL_SECONDS) {
        append_seconds(json_integer_value(value), out);
    } else if (json_is_integer(value)) {
        text_appendf(out, "%lld", (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        text_appendf(out, "%g", json_real_value(value));
    } else if (json_is_array(value)) {
        append_items(value, out);
    } else {
        append_members(value, out);
    }
}

/* --- layout --- */

static const json_t *member_of(const json_t *row, const char *path)
{
    const char *dot = strchr(path, '.');
    if (dot == NULL)
        return json_object_get(row, path);
    char *first = text_copy_n(path, (size_t)(dot - path));
    const json_t *inner = json_object_get(row, first);
    free(first);
    return json_object_get(inner, dot + 1);
}

static bool is_right(const struct ctl_column *column)
{
    return column->kind == CTL_NUMBER || column->kind == CTL_BYTES || column->kind == CTL_SECONDS;
}

/* fill - the cells, and the width that each column would like */
static void fill(struct layout *layout, const json_t *rows)
{
    layout->cells = text_calloc(layout->rows * layout->count + 1, sizeof *layout->cells);
    layout->widths = text_calloc(layout->count + 1, sizeof *layout->widths);
    for (size_t c = 0; c < layout->count; c++) {
        bool some = layout->columns[c].rank == 0;
        int wanted = width_of(layout->columns[c].title);
        for (size_t r = 0; r < layout->rows; r++) {
            struct text cell = TEXT_EMPTY;
            ctl_table_cell(member_of(json_array_get(rows, r), layout->columns[c].member),
                           layout->columns[c].kind, &cell);
            some = some || (cell.length > 0 && strcmp(cell.bytes, "-") != 0);
            int width = width_of(text_string(&cell));
            wanted = width > wanted ? width : wanted;
            layout->cells[r * layout->count + c] = text_take(&cell);
        }
        layout->widths[c] = some ? wanted : 0;
    }
}

/* least - the columns of the terminal that all of them need when each is cut as far as it may be, or not at all */
static int total(const struct layout *layout, bool least)
{
    int sum = -GAP;
    for (size_t c = 0; c < layout->count; c++) {
        int width = layout->widths[c];
        if (width > 0)
            sum +=
                GAP + (least && width > NARROW && !is_right(&layout->columns[c]) ? NARROW : width);
    }
    return sum;
}

/* drop_one - the column with the highest rank; false: none may go */
static bool drop_one(struct layout *layout)
{
    size_t chosen = layout->count;
    for (size_t c = 0; c < layout->count; c++)
        if (layout->widths[c] > 0 && layout->columns[c].rank > 0 &&
            (chosen == layout->count || layout->columns[c].rank >= layout->columns[chosen].rank))
            chosen = c;
    if (chosen == layout->count)
        return false;
    layout->widths[chosen] = 0;
    return true;
}

/* cut_one - the widest that may be cut becomes one narrower; false: none may */
static bool cut_one(struct layout *layout)
{
    size_t chosen = layout->count;
    for (size_t c = 0; c < layout->count; c++)
        if (!is_right(&layout->columns[c]) && layout->widths[c] > NARROW &&
            (chosen == layout->count || layout->widths[c] > layout->widths[chosen]))
            chosen = c;
    if (chosen == layout->count)
        return false;
    layout->widths[chosen]--;
    return true;
}

static void fit(struct layout *layout, int width)
{
    while (width > 0 && total(layout, true) > width && drop_one(layout)) {
    }
    while (width > 0 && total(layout, false) > width && cut_one(layout)) {
    }
}

/* --- printing --- */

/* colour_of - of a word that says how things are; NULL: none */
static const char *colour_of(const char *word)
{
    static const char *const good[] = {"open", "allowed", "yes", "connected", "ok"};
    static const char *const bad[] = {"blocked", "closed", "failed", "gone", "down", "refused"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (strcmp(word, good[i]) == 0)
            return "\033[32m";
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (strcmp(word, bad[i]) == 0)
            return "\033[31m";
    return NULL;
}

void ctl_table_bold(FILE *to, const char *text, const struct ctl_style *style)
{
    fprintf(to, "%s%s%s", style->colour ? "\033[1m" : "", text, style->colour ? "\033[0m" : "");
}

/* print_row - cells of a row, or the titles: `cells` NULL */
static void print_row(FILE *to, const struct layout *layout, char *const *cells,
                      const struct ctl_style *style)
{
    size_t last = layout->count;
    while (last > 0 && layout->widths[last - 1] == 0)
        last--;
    bool first = true;
    fprintf(to, "%*s", style->indent, "");
    for (size_t c = 0; c < last; c++) {
        if (layout->widths[c] == 0)
            continue;
        const char *text = cells != NULL ? cells[c] : layout->columns[c].title;
        const char *colour = !style->colour ? NULL : cells == NULL ? "\033[1m" : colour_of(text);
        bool right = is_right(&layout->columns[c]);
        int width = layout->widths[c], own = width_of(text);
        if (c == last - 1 && !right && own < width)
            width = own; /* no blanks at the end of a line */
        fprintf(to, "%*s%s", first ? 0 : GAP, "", colour != NULL ? colour : "");
        put(to, text, width, right);
        fputs(colour != NULL ? "\033[0m" : "", to);
        first = false;
    }
    fputc('\n', to);
}

void ctl_table_print(FILE *to, const json_t *rows, const struct ctl_column *columns, size_t count,
                     const struct ctl_style *style)
{
    struct layout layout = {.columns = columns, .count = count, .rows = json_array_size(rows)};
    fill(&layout, rows);
    fit(&layout, style->width > 0 ? style->width - style->indent : 0);
    print_row(to, &layout, NULL, style);
    for (size_t r = 0; r < layout.rows; r++)
        print_row(to, &layout, &layout.cells[r * count], style);
    for (size_t i = 0; i < layout.rows * count; i++)
        free(layout.cells[i]);
    free(layout.cells);
    free(layout.widths);
}
