/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_view - the answer of a command, for a person
 *
 * The columns of the tables stand in the order of their importance to the reader; their rank says which go first when the
 * terminal is narrow. Everything from outside passes ctl_table_escape.
 */
#include "admin/ctl_view.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "admin/explain_text.h"
#include "admin/json_words.h"

#define MEMBERS_MAX 32
#define MANY 12 /* members of an object that is shown alone */

static const struct ctl_column SESSIONS[] = {
    {"NAME", "name", CTL_TEXT, 0},
    {"REMOTE", "remote", CTL_TEXT, 0},
    {"LOCAL", "local", CTL_TEXT, 4},
    {"STATE", "state", CTL_TEXT, 1},
    {"AUTH", "authentication", CTL_TEXT, 3},
    {"TLS", "tls.protocol", CTL_TEXT, 5},
    {"PEER", "peer", CTL_TEXT, 8},
    {"AGE", "age_seconds", CTL_SECONDS, 7},
    {"IDLE", "idle_seconds", CTL_SECONDS, 2},
    {"IN", "stanzas_in", CTL_NUMBER, 6},
    {"OUT", "stanzas_out", CTL_NUMBER, 6},
    {"QUEUE", "queue_bytes", CTL_BYTES, 9},
    {"SOFTWARE", "software.name", CTL_TEXT, 10},
};

static const struct ctl_column SETTINGS[] = {
    {"SETTING", "setting", CTL_TEXT, 0}, {"VALUE", "value", CTL_TEXT, 0},
    {"DEFAULT", "default", CTL_TEXT, 2}, {"SOURCE", "source", CTL_TEXT, 1},
    {"RESTART", "restart", CTL_YES, 3},
};

static const struct ctl_column AUDIT[] = {
    {"TIME", "time", CTL_TEXT, 0},           {"USER", "who.user", CTL_TEXT, 1},
    {"VIA", "who.via", CTL_TEXT, 4},         {"COMMAND", "command", CTL_TEXT, 0},
    {"ARGUMENTS", "arguments", CTL_TEXT, 0}, {"BEFORE", "before", CTL_TEXT, 3},
    {"AFTER", "after", CTL_TEXT, 3},         {"OUTCOME", "outcome", CTL_TEXT, 2},
};

struct view {
    const char *words;
    const struct ctl_column *columns;
    size_t count;
};

#define VIEW(words, columns)                               \
    {                                                      \
        words, columns, sizeof columns / sizeof columns[0] \
    }
static const struct view VIEWS[] = {
    VIEW("sessions", SESSIONS),
    VIEW("settings", SETTINGS),
    VIEW("audit", AUDIT),
};

/* --- by shape --- */

static void print_value(FILE *to, const json_t *value, int indent, const struct ctl_style *style);

/* kind_of - by the name of a member */
static enum ctl_kind kind_of(const char *member)
{
    size_t length = strlen(member);
    if (length > 8 && strcmp(member + length - 8, "_seconds") == 0)
        return CTL_SECONDS;
    return CTL_TEXT;
}

static bool is_array_of_objects(const json_t *value)
{
    return json_is_array(value) && json_is_object(json_array_get(value, 0));
}

/* print_table - with the members of the first row as columns */
static void print_table(FILE *to, const json_t *rows, const struct ctl_style *style)
{
    struct ctl_column columns[MEMBERS_MAX];
    char *titles[MEMBERS_MAX];
    int count = 0;
    const char *key;
    json_t *member;
    json_object_foreach(json_array_get(rows, 0), key, member)
    {
        if (count == MEMBERS_MAX || is_array_of_objects(member))
            continue;
        titles[count] = text_copy(key);
        for (char *c = titles[count]; *c != '\0'; c++)
            *c = (char)(*c == '_' ? ' ' : toupper((unsigned char)*c));
        enum ctl_kind kind = json_is_number(member) ? CTL_NUMBER : CTL_TEXT;
        columns[count] = (struct ctl_column){titles[count], key,
                                             kind_of(key) != CTL_TEXT ? kind_of(key) : kind, count};
        count++;
    }
    ctl_table_print(to, rows, columns, (size_t)count, style);
    for (int i = 0; i < count; i++)
        free(titles[i]);
}

/* print_text - lines as they stand, what is in them escaped */
static void print_text(FILE *to, const char *text)
{
    while (*text != '\0') {
        struct text line = TEXT_EMPTY;
        size_t length = strcspn(text, "\n");
        ctl_table_escape(text, length, &line);
        fprintf(to, "%s\n", text_string(&line));
        text_free(&line);
        text += length + (text[length] == '\n');
    }
}

/* print_object - a line for each member, what is inside of it indented */
static void print_object(FILE *to, const json_t *object, int indent, const struct ctl_style *style)
{
    const char *key;
    json_t *member;
    json_t *members = (json_t *)(uintptr_t)object; /* the walk wants it so, and changes nothing */
    size_t longest = 0;
    json_object_foreach(members, key, member) longest =
        strlen(key) > longest ? strlen(key) : longest;
    json_object_foreach(members, key, member)
    {
        struct text name = TEXT_EMPTY, cell = TEXT_EMPTY;
        ctl_table_escape(key, strlen(key), &name);
        for (char *c = name.bytes; c != NULL && (c = strchr(c, '_')) != NULL;)
            *c = ' ';
        fprintf(to, "%*s", indent, "");
        ctl_table_bold(to, text_string(&name), style);
        if (json_is_object(member) || is_array_of_objects(member)) {
            fputs(":\n", to);
            print_value(to, member, indent + 2, style);
        } else {
            ctl_table_cell(member, kind_of(key), &cell);
            fprintf(to, ":%*s%s\n", (int)(longest - strlen(key)) + 1, "", text_string(&cell));
        }
        text_free(&name);
        text_free(&cell);
    }
}

static void print_value(FILE *to, const json_t *value, int indent, const struct ctl_style *style)
{
    struct text cell = TEXT_EMPTY;
    if (is_array_of_objects(value)) {
        print_table(to, value, &(struct ctl_style){style->colour, style->width, indent});
    } else if (json_is_string(json_object_get(value, "text"))) {
        print_text(to, json_string_value(json_object_get(value, "text")));
    } else if (json_is_object(value)) {
        print_object(to, value, indent, style);
    } else if (!json_is_null(value) && value != NULL) {
        ctl_table_cell(value, CTL_TEXT, &cell);
        fprintf(to, "%*s%s\n", indent, "", text_string(&cell));
    }
    text_free(&cell);
}

/* --- by command --- */

/* print_change - of set and unset: on a line */
static void print_change(FILE *to, const json_t *result)
{
    struct text line = TEXT_EMPTY;
    ctl_table_cell(json_object_get(result, "setting"), CTL_TEXT, &line);
    text_append_string(&line, " = ");
    ctl_table_cell(json_object_get(result, "value"), CTL_TEXT, &line);
    text_append_string(&line, " (was ");
    ctl_table_cell(json_object_get(result, "was"), CTL_TEXT, &line);
    text_append_string(&line, json_is_true(json_object_get(result, "restart"))
                                  ? "; takes effect at the next start)"
                                  : ")");
    fprintf(to, "%s\n", text_string(&line));
    text_free(&line);
}

/* print_explained - answers that are texts; false: it is none */
static bool print_explained(FILE *to, const char *words, const json_t *result)
{
    struct text text = TEXT_EMPTY;
    bool explains = strcmp(words, "explain") == 0, checks = strcmp(words, "check") == 0;
    if (explains)
        explain_text_write(result, &text);
    if (checks) /* its steps were shown as they came */
        explain_text_conclusion(result, &text);
    print_text(to, text_string(&text));
    text_free(&text);
    return explains || checks;
}

void ctl_view_print(FILE *to, const char *words, const json_t *result,
                    const struct ctl_style *style)
{
    if (print_explained(to, words, result))
        return;
    if (strcmp(words, "diagram") == 0) { /* a file, whose text was escaped as it was made */
        fputs(json_text(result, "svg"), to);
        return;
    }
    for (size_t i = 0; i < sizeof VIEWS / sizeof VIEWS[0]; i++) {
        if (strcmp(VIEWS[i].words, words) != 0)
            continue;
        if (json_array_size(result) == 1 && json_object_size(json_array_get(result, 0)) > MANY)
            print_object(to, json_array_get(result, 0), 0, style); /* all there is of the one */
        else if (json_array_size(result) == 0)
            fputs("(none)\n", to);
        else
            ctl_table_print(to, result, VIEWS[i].columns, VIEWS[i].count, style);
        return;
    }
    if (strcmp(words, "set") == 0 || strcmp(words, "unset") == 0)
        print_change(to, result);
    else if (json_is_array(result) && json_array_size(result) == 0)
        fputs("(none)\n", to);
    else
        print_value(to, result, 0, style);
}

/* print_member - a string of an event, with what stands around it */
static void print_member(FILE *to, const json_t *event, const char *member, const char *before,
                         const char *after)
{
    struct text cell = TEXT_EMPTY;
    const json_t *value = json_object_get(event, member);
    if (value == NULL || json_is_null(value))
        return;
    ctl_table_cell(value, CTL_TEXT, &cell);
    fprintf(to, "%s%s%s", before, text_string(&cell), after);
    text_free(&cell);
}

void ctl_view_event(FILE *to, const json_t *event, const struct ctl_style *style)
{
    if (json_is_string(json_object_get(event, "verdict"))) { /* a step of check */
        struct text step = TEXT_EMPTY;
        explain_text_step(event, &step);
        print_text(to, text_string(&step));
        text_free(&step);
    } else if (json_is_string(json_object_get(event, "stanza"))) {
        bool in = strcmp(json_string_value(json_object_get(event, "direction")), "in") == 0;
        print_member(to, event, "time", "", "  ");
        print_member(to, event, "connection", "", in ? "  <<  " : "  >>  ");
        print_member(to, event, "stanza", "", "\n");
    } else if (json_object_get(event, "following") != NULL) {
        print_member(to, event, "following", "following ", "\n");
    } else if (json_object_get(event, "lost") != NULL) {
        print_member(to, event, "lost", "(",
                     " events were lost here: they came faster than we read)\n");
    } else if (!json_is_string(json_object_get(event, "sentence"))) {
        struct text cell = TEXT_EMPTY;
        ctl_table_cell(event, CTL_TEXT, &cell);
        fprintf(to, "%s\n", text_string(&cell));
        text_free(&cell);
    } else {
        print_member(to, event, "time", "", "  ");
        fputs(style->colour ? "\033[1m" : "", to);
        print_member(to, event, "connection", "", "  ");
        fputs(style->colour ? "\033[0m" : "", to);
        print_member(to, event, "actor", "", ": ");
        print_member(to, event, "sentence", "", "");
        print_member(to, event, "clause", "  [", "]");
        fputc('\n', to);
    }
    fflush(to);
}
