/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_commands - what openfire-s2sctl knows of commands without asking a server
 *
 * The table is made from the same rows as the server's, so help, check and completion can't differ from what the server of
 * the same version does.
 */
#include "admin/ctl_commands.h"

#include <string.h>

#include "admin/control_table.h"

#define ROW(function, words, privilege, streams, help, details, ...) \
    {words, CONTROL_##privilege, streams, help, details, {__VA_ARGS__}, NULL},
/* What this program does itself, without a server */
#define IMPORT                                                                                     \
    {                                                                                              \
        CTL_IMPORT, CONTROL_CHANGE, false,                                                         \
            "Take over the settings and rows of an Openfire installation.",                        \
            "Says first what carries over, what is not known here, and what stays behind; writes " \
            "nothing without --write. Needs no server; one that runs takes it at SIGHUP. Further " \
            "files "                                                                               \
            "may follow, such as dumps of ofProperty, ofRemoteServerConf and ofExtComponentConf.", \
            {REQUIRED(                                                                             \
                 "openfire", TEXT, NULL,                                                           \
                 "its directory, or a file: openfire.xml, HSQLDB's script, a dump (SQL), or CSV"), \
             OPTIONAL("more", TEXT, NULL, "further files"),                                        \
             FLAG("--write", "write settings.conf, remote-servers.conf and components.conf"),      \
             FLAG("--replace", "what was set here gives way to what Openfire says")},              \
            NULL                                                                                   \
    }

const struct control_command ctl_commands[] = {CONTROL_COMMANDS(ROW) IMPORT};
const size_t ctl_command_count = sizeof ctl_commands / sizeof ctl_commands[0];

#define WIDTH 76

/* print_wrapped - words of a paragraph, indented */
static void print_wrapped(FILE *to, const char *words, int indent)
{
    int column = 0;
    while (*words != '\0') {
        int length = (int)strcspn(words, " ");
        if (column > 0 && indent + column + 1 + length > WIDTH) {
            fputc('\n', to);
            column = 0;
        }
        fprintf(to, "%*s%.*s", column == 0 ? indent : 1, "", length, words);
        column += length + (column > 0);
        words += length + (int)strspn(words + length, " ");
    }
    fputc('\n', to);
}

void ctl_commands_print_list(FILE *to)
{
    for (size_t i = 0; i < ctl_command_count; i++) {
        struct text usage = TEXT_EMPTY;
        control_request_usage(&ctl_commands[i], &usage);
        fprintf(to, "  %s\n", text_string(&usage));
        print_wrapped(to, ctl_commands[i].help, 6);
        text_free(&usage);
    }
}

void ctl_commands_print_help(FILE *to, const struct control_command *command)
{
    struct text usage = TEXT_EMPTY;
    control_request_usage(command, &usage);
    fprintf(to, "openfire-s2sctl %s\n\n", text_string(&usage));
    text_free(&usage);
    print_wrapped(to, command->help, 2);
    if (command->details[0] != '\0')
        print_wrapped(to, command->details, 2);
    for (const struct control_parameter *each = command->parameters; each->name != NULL; each++) {
        fprintf(to, "%s  %s\n", each == command->parameters ? "\n" : "", each->name);
        print_wrapped(to, each->help, 6);
        if (each->type == CONTROL_WORD)
            fprintf(to, "      one of: %s\n", each->words);
        if (each->type == CONTROL_NUMBER)
            fprintf(to, "      a whole number from %lld to %lld\n", (long long)each->min,
                    (long long)each->max);
    }
}

void ctl_commands_print_all(FILE *to)
{
    for (size_t i = 0; i < ctl_command_count; i++) {
        fputs(i > 0 ? "\n" : "", to);
        ctl_commands_print_help(to, &ctl_commands[i]);
    }
}

/* --- completion --- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* complete_command - the next word of each command that begins with all words but the last */
static void complete_command(FILE *to, const struct control_words *words, const char *last)
{
    char seen[64] = "";
    for (size_t i = 0; i < ctl_command_count; i++) {
        const char *at = ctl_commands[i].words;
        int matched = 0;
        while (matched < words->count - 1 && *at != '\0') {
            size_t length = strcspn(at, " ");
            if (strlen(words->word[matched]) != length ||
                strncmp(words->word[matched], at, length) != 0)
                break;
            matched++;
            at += length + (at[length] == ' ');
        }
        int length = (int)strcspn(at, " ");
        if (matched < words->count - 1 || length == 0 || !begins(at, last) ||
            (strlen(seen) == (size_t)length && strncmp(seen, at, (size_t)length) == 0))
            continue;
        snprintf(seen, sizeof seen, "%.*s", length, at);
        fprintf(to, "%s\n", seen);
    }
}

/* complete_words - those of "a|b|c" behind `prefix` */
static void complete_words(FILE *to, const char *set, const char *prefix, const char *last)
{
    while (*set != '\0') {
        int length = (int)strcspn(set, "|");
        if (strncmp(set, last, strlen(last)) == 0)
            fprintf(to, "%s%.*s\n", prefix, length, set);
        set += length + (set[length] == '|');
    }
}

static void complete_option(FILE *to, const struct control_command *command, const char *last)
{
    const char *equals = strchr(last, '=');
    for (const struct control_parameter *each = command->parameters; each->name != NULL; each++) {
        if (!control_request_is_option(each))
            continue;
        size_t length = strlen(each->name);
        char prefix[64];
        snprintf(prefix, sizeof prefix, "%s=", each->name);
        if (equals == NULL && begins(each->name, last))
            fprintf(to, "%s%s\n", each->name, each->type == CONTROL_FLAG ? "" : "=");
        else if (equals == last + length && begins(last, each->name) && each->type == CONTROL_WORD)
            complete_words(to, each->words, prefix, equals + 1);
    }
}

/* parameter_at - the one without a name of its own that the last word is for, or NULL */
static const struct control_parameter *parameter_at(const struct control_command *command,
                                                    const struct control_words *words, int used)
{
    int place = 0;
    for (int i = used; i < words->count - 1; i++)
        place += strncmp(words->word[i], "--", 2) != 0;
    for (const struct control_parameter *each = command->parameters; each->name != NULL; each++)
        if (!control_request_is_option(each) && place-- == 0)
            return each;
    return NULL;
}

void ctl_commands_complete(FILE *to, const struct control_words *words,
                           void (*fetch)(FILE *to, const char *what, const char *begins,
                                         void *argument),
                           void *argument)
{
    const char *last = words->count > 0 ? words->word[words->count - 1] : "";
    struct control_words before = *words;
    int used = 0;
    before.count = words->count > 0 ? words->count - 1 : 0;
    const struct control_command *command =
        control_request_find(ctl_commands, ctl_command_count, &before, &used);
    complete_command(to, words, last);
    if (command == NULL)
        return;
    if (strncmp(last, "--", 2) == 0) {
        complete_option(to, command, last);
        return;
    }
    const struct control_parameter *parameter = parameter_at(command, words, used);
    if (parameter == NULL)
        return;
    if (parameter->type == CONTROL_WORD)
        complete_words(to, parameter->words, "", last);
    else if (parameter->words != NULL)
        fetch(to, parameter->words, last, argument);
}
