/* SPDX-License-Identifier: Apache-2.0 */
/* config_changes - s2s.home/settings.conf: settings that were changed while running
 *
 * Openfire: JiveGlobals.setProperty writes one row of ofProperty, at once and unchecked. Here the whole was
 * loaded with the change before it is written.
 *
 * What iniparser 4.1 reads back: a value in double quotes up to the next one, as it is; without quotes up to ';' or
 * '#', trimmed. So a value with a double quote goes without quotes if it can, else it can't be kept. A line has at
 * most 1,023 bytes.
 */
#include "server/config_changes.h"

#include <stdlib.h>
#include <string.h>

#include "server/config_value.h"

#define LINE_BYTES 1023

int config_changes_check(const struct config_change *change, struct text *why)
{
    const struct config_row *row = config_value_find(change->property);
    if (row == NULL) {
        text_appendf(why, "there is no setting %s", change->property);
        return -1;
    }
    if (change->value == NULL)
        return 0;
    struct config *scratch = text_calloc(1, sizeof *scratch);
    bool good = config_value_set(scratch, row, change->value);
    config_value_free(scratch, row);
    free(scratch);
    if (good)
        return 0;
    text_appendf(why, "%s = %s: ", row->property,
                 row->type == CONFIG_SECRET ? "(not shown)" : change->value);
    config_value_expected(row, why);
    text_append_string(why, " was expected");
    return -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* needs_quotes - would iniparser read less without them? */
static bool needs_quotes(const char *value, size_t length)
{
    return strpbrk(value, ";#'") != NULL ||
           (length > 0 &&
            (is_blank(value[0]) || is_blank(value[length - 1]) || value[length - 1] == '\\'));
}

/* write_line - key = value. false: it can't be written so that it is read back. */
static bool write_line(const struct config_row *row, const char *value, struct text *out)
{
    size_t before = out->length, length = strlen(value);
    bool quoted = needs_quotes(value, length), holds_quote = strchr(value, '"') != NULL;
    if (holds_quote && (quoted || value[0] == '"'))
        return false;
    const char *quote = quoted ? "\"" : "";
    text_appendf(out, "%s =%s%s%s%s\n", row->key, length > 0 ? " " : "", quote, value, quote);
    return out->length - before <= LINE_BYTES;
}

int config_changes_write(const struct config *config, struct text *out, struct text *why)
{
    const char *section = "";
    bool good = true;
    text_append_string(out, "# settings.conf - written by openfire-s2s: what was changed while it "
                            "ran.\n# It overrules the main file; `openfire-s2sctl unset SETTING` "
                            "takes a line back.\n");
    for (size_t i = 0; i < config_row_count && good; i++) {
        const struct config_row *row = &config_rows[i];
        if (config->sources[i] != CONFIG_FROM_CHANGES)
            continue;
        if (strcmp(section, row->section) != 0)
            text_appendf(out, "\n[%s]\n", row->section);
        section = row->section;
        struct text value = TEXT_EMPTY;
        config_value_write(config, row, &value);
        good = write_line(row, text_string(&value), out);
        text_free(&value);
        if (!good)
            text_appendf(why,
                         "%s: the form of settings.conf has no way to write this value; it can "
                         "stand in the main file",
                         row->property);
    }
    return good ? 0 : -1;
}

int config_changes_save(const struct config *config, const struct text *content, struct text *why)
{
    char *path = text_format("%s/settings.conf", config->s2s_home);
    int result = config_write_file(path, text_string(content), content->length, 0600, why);
    free(path);
    return result;
}
