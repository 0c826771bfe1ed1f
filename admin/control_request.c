/* SPDX-License-Identifier: Apache-2.0 */
/* control_request - a command, its arguments, and a line that asks for it
 *
 * A line may hold any UTF-8. What is no UTF-8, a control character outside of a JSON string, and a NUL anywhere are
 * refused; so is a word too many. Nothing here ends the program but the lack of memory, and a line is bounded by who
 * reads it.
 */
#include "admin/control_request.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/printable.h"
#include "xml/jid.h"

/* --- words --- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* quoted_length - of the JSON string that begins here, with both quotes; 0: it has no end */
static size_t quoted_length(const char *line, size_t length)
{
    for (size_t i = 1; i < length; i++) {
        if (line[i] == '\\')
            i++;
        else if (line[i] == '"')
            return i + 1;
    }
    return 0;
}

static char *read_quoted(const char *line, size_t length, struct text *why)
{
    json_error_t error;
    json_t *string = json_loadb(line, length, JSON_DECODE_ANY, &error);
    char *word = string != NULL ? text_copy(json_string_value(string)) : NULL;
    json_decref(string);
    if (word == NULL)
        text_appendf(why, "a word in quotes is no JSON string: %s", error.text);
    return word;
}

/* read_plain - a copy, or NULL when it is no text */
static char *read_plain(const char *line, size_t length, struct text *why)
{
    for (size_t at = 0, size; at < length; at += size) {
        unsigned code = 0;
        size = printable_sequence(line + at, length - at, &code);
        if (size == 0 || code < 0x20 || code == 0x7f) {
            text_append_string(why, size == 0 ? "UTF-8 was expected"
                                              : "a control character has no place outside of "
                                                "quotes");
            return NULL;
        }
    }
    return text_copy_n(line, length);
}

int control_request_split(const char *line, size_t length, struct control_words *words,
                          struct text *why)
{
    *words = (struct control_words){0};
    for (size_t at = 0;;) {
        while (at < length && is_blank(line[at]))
            at++;
        if (at == length)
            return 0;
        if (words->count == CONTROL_WORDS_MAX) {
            text_appendf(why, "more than %d words", CONTROL_WORDS_MAX);
            return -1;
        }
        size_t size = 0;
        bool quoted = line[at] == '"';
        if (quoted)
            size = quoted_length(line + at, length - at);
        else
            while (at + size < length && !is_blank(line[at + size]))
                size++;
        if (quoted && (size == 0 || (at + size < length && !is_blank(line[at + size])))) {
            text_append_string(why, size == 0 ? "a quote has no end"
                                              : "a blank was expected behind a word in quotes");
            return -1;
        }
        char *word = quoted ? read_quoted(line + at, size, why) : read_plain(line + at, size, why);
        if (word == NULL)
            return -1;
        words->word[words->count++] = word;
        at += size;
    }
}

void control_words_free(struct control_words *words)
{
    for (int i = 0; i < words->count; i++)
        free(words->word[i]);
    *words = (struct control_words){0};
}

void control_request_quote(const char *word, struct text *out)
{
    json_t *string = json_string(word);
    if (string == NULL) { /* no UTF-8: let it be refused as it is */
        text_append_string(out, word);
        return;
    }
    char *quoted = json_dumps(string, JSON_ENCODE_ANY);
    text_append_string(out, quoted);
    free(quoted);
    json_decref(string);
}

/* --- commands --- */

/* match - how many words of the command these begin with; 0 when it is not all of them */
static int match(const char *command, const struct control_words *words)
{
    int used = 0;
    while (*command != '\0') {
        size_t length = strcspn(command, " ");
        if (used == words->count || strlen(words->word[used]) != length ||
            strncasecmp(words->word[used], command, length) != 0)
            return 0;
        used++;
        command += length + (command[length] == ' ');
    }
    return used;
}

const struct control_command *control_request_find(const struct control_command *table,
                                                   size_t count, const struct control_words *words,
                                                   int *used)
{
    const struct control_command *found = NULL;
    *used = 0;
    for (size_t i = 0; i < count; i++) {
        int matched = match(table[i].words, words);
        if (matched > *used) {
            found = &table[i];
            *used = matched;
        }
    }
    return found;
}

bool control_request_is_option(const struct control_parameter *parameter)
{
    return strncmp(parameter->name, "--", 2) == 0;
}

/* --- arguments --- */

/* choose - the word of the set that this is, as the set has it; NULL for none */
static char *choose(const char *set, const char *text)
{
    size_t wanted = strlen(text);
    while (*set != '\0') {
        size_t length = strcspn(set, "|");
        if (length == wanted && strncasecmp(set, text, length) == 0)
            return text_copy_n(set, length);
        set += length + (set[length] == '|');
    }
    return NULL;
}

static bool read_number(const struct control_parameter *parameter, const char *text,
                        int64_t *number)
{
    char *end;
    errno = 0;
    long long read = strtoll(text, &end, 10);
    *number = read;
    return errno == 0 && end != text && *end == '\0' && !isspace((unsigned char)text[0]) &&
           read >= parameter->min && read <= parameter->max;
}

static int read_value(const struct control_parameter *parameter, const char *text,
                      struct control_value *value, struct text *why)
{
    char prepared[JID_PART_MAX + 1];
    switch (parameter->type) {
    case CONTROL_DOMAIN:
        if (jid_prepare_domain(text, strlen(text), prepared) > 0)
            value->text = text_copy(prepared);
        else
            text_appendf(why, "%s: a domain name was expected", text);
        break;
    case CONTROL_NUMBER:
        if (read_number(parameter, text, &value->number))
            value->text = text_copy(text);
        else
            text_appendf(why, "%s = %s: a whole number from %lld to %lld was expected",
                         parameter->name, text, (long long)parameter->min,
                         (long long)parameter->max);
        break;
    case CONTROL_WORD:
        value->text = choose(parameter->words, text);
        if (value->text == NULL)
            text_appendf(why, "%s: one of %s was expected", text, parameter->words);
        break;
    default:
        value->text = text_copy(text);
    }
    return value->text != NULL ? 0 : -1;
}

/* find_option - the index of the option that this word names, or -1. `*given` is what stands behind its '='. */
static int find_option(const struct control_command *command, const char *word, const char **given)
{
    size_t length = strcspn(word, "=");
    *given = word[length] == '=' ? word + length + 1 : NULL;
    for (int i = 0; command->parameters[i].name != NULL; i++)
        if (strlen(command->parameters[i].name) == length &&
            strncmp(command->parameters[i].name, word, length) == 0)
            return i;
    return -1;
}

/* read_option - at word `*at`; its value may be the word behind it */
static int read_option(const struct control_command *command, const struct control_words *words,
                       int *at, struct control_value *values, struct text *why)
{
    const char *given, *word = words->word[*at];
    int index = find_option(command, word, &given);
    if (index < 0) {
        text_appendf(why, "%s has no option %.*s", command->words, (int)strcspn(word, "="), word);
        return -1;
    }
    const struct control_parameter *parameter = &command->parameters[index];
    if (values[index].text != NULL) {
        text_appendf(why, "%s is there twice", parameter->name);
        return -1;
    }
    if (parameter->type == CONTROL_FLAG) {
        if (given == NULL) {
            values[index].text = text_copy("yes");
            return 0;
        }
        text_appendf(why, "%s takes no value", parameter->name);
        return -1;
    }
    if (given == NULL && *at + 1 < words->count)
        given = words->word[++*at];
    if (given != NULL)
        return read_value(parameter, given, &values[index], why);
    text_appendf(why, "%s: a value was expected", parameter->name);
    return -1;
}

/* read_next - into the next parameter that has no name of its own */
static int read_next(const struct control_command *command, const char *word, int *next,
                     struct control_value *values, struct text *why)
{
    const struct control_parameter *parameters = command->parameters;
    while (parameters[*next].name != NULL && control_request_is_option(&parameters[*next]))
        (*next)++;
    if (parameters[*next].name == NULL) {
        text_appendf(why, "%s does not take '%s'", command->words, word);
        return -1;
    }
    int index = (*next)++;
    return read_value(&parameters[index], word, &values[index], why);
}

int control_request_read(const struct control_command *command, const struct control_words *words,
                         int from, struct control_value values[CONTROL_PARAMETERS_MAX],
                         struct text *why)
{
    int next = 0;
    bool options = true;
    memset(values, 0, CONTROL_PARAMETERS_MAX * sizeof *values);
    for (int at = from; at < words->count; at++) {
        if (options && strcmp(words->word[at], "--") == 0)
            options = false;
        else if (options && strncmp(words->word[at], "--", 2) == 0
                     ? read_option(command, words, &at, values, why) < 0
                     : read_next(command, words->word[at], &next, values, why) < 0)
            return -1;
    }
    for (int i = 0; command->parameters[i].name != NULL; i++)
        if (command->parameters[i].required && values[i].text == NULL) {
            text_appendf(why, "%s: a %s was expected", command->words, command->parameters[i].name);
            return -1;
        }
    return 0;
}

void control_values_free(struct control_value values[CONTROL_PARAMETERS_MAX])
{
    for (int i = 0; i < CONTROL_PARAMETERS_MAX; i++)
        free(values[i].text);
    memset(values, 0, CONTROL_PARAMETERS_MAX * sizeof *values);
}

void control_request_usage(const struct control_command *command, struct text *out)
{
    text_append_string(out, command->words);
    for (const struct control_parameter *each = command->parameters; each->name != NULL; each++) {
        text_append_string(out, each->required ? " " : " [");
        bool option = control_request_is_option(each);
        if (option)
            text_appendf(out, "%s%s", each->name, each->type != CONTROL_FLAG ? "=" : "");
        if (each->type == CONTROL_WORD)
            text_append_string(out, each->words);
        else if (each->type == CONTROL_NUMBER && option)
            text_append_string(out, "N");
        else if (!option)
            for (const char *c = each->name; *c != '\0'; c++)
                text_append_char(out, (char)toupper((unsigned char)*c));
        else if (each->type != CONTROL_FLAG)
            text_append_string(out, "VALUE");
        if (!each->required)
            text_append_char(out, ']');
    }
}
