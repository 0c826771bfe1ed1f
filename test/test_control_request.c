/* SPDX-License-Identifier: Apache-2.0 */
/* test_control_request - requests to the control socket: words, commands, arguments
 *
 * The table is the real one. What comes in is hostile: every refusal must have a sentence, and nothing may be left behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/control_request.h"
#include "admin/ctl_commands.h"

static struct control_words split(const char *line, size_t length)
{
    struct control_words words;
    struct text why = TEXT_EMPTY;
    if (control_request_split(line, length, &words, &why) < 0)
        fail_msg("%.*s: %s", (int)length, line, text_string(&why));
    text_free(&why);
    return words;
}

static void assert_words(const char *line, const char *expected)
{
    struct control_words words = split(line, strlen(line));
    struct text all = TEXT_EMPTY;
    for (int i = 0; i < words.count; i++)
        text_appendf(&all, "<%s>", words.word[i]);
    assert_string_equal(text_string(&all), expected);
    text_free(&all);
    control_words_free(&words);
}

static void assert_no_words(const char *line, size_t length, const char *expected)
{
    struct control_words words;
    struct text why = TEXT_EMPTY;
    assert_int_equal(control_request_split(line, length, &words, &why), -1);
    if (strstr(text_string(&why), expected) == NULL)
        fail_msg("%s is not in '%s'", expected, text_string(&why));
    text_free(&why);
    control_words_free(&words);
}

static void splits_words_at_blanks_and_reads_json_strings(void **state)
{
    (void)state;
    assert_words("", "");
    assert_words("  \t ", "");
    assert_words("status", "<status>");
    assert_words(" close\texample.net  ", "<close><example.net>");
    assert_words("set xmpp.server.name \"Ex\\\"ample's \\u00fc \\\\\"",
                 "<set><xmpp.server.name><Ex\"ample's \xc3\xbc \\>");
    assert_words("close b\xc3\xbc"
                 "cher.example",
                 "<close><b\xc3\xbc"
                 "cher.example>");
    assert_words("a \"\" b", "<a><><b>");
    assert_words("it's a\"b", "<it's><a\"b>"); /* only a first quote means anything */
    assert_words("\"line\\nfeed\"", "<line\nfeed>");
}

static void refuses_what_is_no_text(void **state)
{
    (void)state;
    assert_no_words("stat\0us", 7, "control character");
    assert_no_words("a\x1b[31m", 6, "control character");
    assert_no_words("a\x7f", 2, "control character");
    assert_no_words("\xff", 1, "UTF-8");
    assert_no_words("\xc0\xaf", 2, "UTF-8");
    assert_no_words("\"\xff\"", 3, "JSON");
    assert_no_words("\"", 1, "no end");
    assert_no_words("\"\\\"", 3, "no end");
    assert_no_words("\"a\"b", 4, "blank");
    assert_no_words("\"\\u0000\"", 8, "JSON");
    assert_no_words("\"\\x\"", 4, "JSON");
    assert_no_words("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", 41, "more than 16");
}

static void what_is_quoted_is_read_back(void **state)
{
    (void)state;
    static const char *const values[] = {"",   "plain",    "two words", "\"",
                                         "\\", "\n\t\x01", "\xc3\xbc",  "'; rm -rf'"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct text line = TEXT_EMPTY;
        control_request_quote(values[i], &line);
        struct control_words words = split(line.bytes, line.length);
        assert_int_equal(words.count, 1);
        assert_string_equal(words.word[0], values[i]);
        control_words_free(&words);
        text_free(&line);
    }
}

/* read - find and read; the usage error, or NULL. Values for the caller. */
static const struct control_command *read(const char *line,
                                          struct control_value values[CONTROL_PARAMETERS_MAX],
                                          struct text *why)
{
    struct control_words words = split(line, strlen(line));
    int used;
    const struct control_command *command =
        control_request_find(ctl_commands, ctl_command_count, &words, &used);
    if (command != NULL)
        control_request_read(command, &words, used, values, why);
    control_words_free(&words);
    return command;
}

static void assert_misused(const char *line, const char *expected)
{
    struct control_value values[CONTROL_PARAMETERS_MAX];
    struct text why = TEXT_EMPTY;
    assert_non_null(read(line, values, &why));
    assert_string_equal(text_string(&why), expected);
    control_values_free(values);
    text_free(&why);
}

static void reads_arguments_and_options_in_any_order(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "sessions example.net --sort=since", "sessions --sort since example.net",
        "SESSIONS --sort=SINCE -- example.net", "sessions \"example.net\" \"--sort=since\""};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct control_value values[CONTROL_PARAMETERS_MAX];
        struct text why = TEXT_EMPTY;
        const struct control_command *command = read(lines[i], values, &why);
        assert_string_equal(command->words, "sessions");
        assert_string_equal(text_string(&why), "");
        assert_string_equal(values[0].text, "example.net");
        assert_string_equal(values[1].text, "since");
        control_values_free(values);
    }
}

static void refuses_arguments_that_do_not_fit(void **state)
{
    (void)state;
    assert_misused("status now", "status does not take 'now'");
    assert_misused("close", "close: a domain-or-stream was expected");
    assert_misused("sessions --order=name", "sessions has no option --order");
    assert_misused("sessions --sort", "--sort: a value was expected");
    assert_misused("sessions --sort=size", "size: one of name|domain|state|since|active|stanzas|"
                                           "bytes|queue was expected");
    assert_misused("sessions --sort=name --sort=name", "--sort is there twice");
    assert_misused("close a b", "close does not take 'b'");
}

static void knows_no_command_that_is_not_there(void **state)
{
    (void)state;
    static const char *const lines[] = {"nothing", "stat", "statuses", "", "--json", "\"status \""};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct control_value values[CONTROL_PARAMETERS_MAX];
        struct text why = TEXT_EMPTY;
        assert_null(read(lines[i], values, &why));
        text_free(&why);
    }
}

static void every_row_of_the_table_makes_sense(void **state)
{
    (void)state;
    for (size_t i = 0; i < ctl_command_count; i++) {
        const struct control_command *command = &ctl_commands[i];
        bool optional = false, option = false;
        assert_true(command->help[0] != '\0' && command->help[strlen(command->help) - 1] == '.');
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(ctl_commands[k].words, command->words);
        for (const struct control_parameter *each = command->parameters; each->name; each++) {
            assert_true(each->help[0] != '\0');
            assert_true(!(each->required && optional));              /* required ones stand first */
            assert_true(control_request_is_option(each) || !option); /* options last */
            assert_true(each->type != CONTROL_FLAG || control_request_is_option(each));
            assert_true(each->type != CONTROL_WORD || strchr(each->words, '|') != NULL);
            assert_true(each->type != CONTROL_NUMBER || each->min < each->max);
            optional = optional || !each->required;
            option = option || control_request_is_option(each);
        }
        struct text usage = TEXT_EMPTY;
        control_request_usage(command, &usage);
        assert_true(usage.length < 120);
        text_free(&usage);
    }
}

/* --- completion --- */

static void give_two(FILE *to, const char *what, const char *begins, void *argument)
{
    (void)argument;
    fprintf(to, "%s:%s\n", what, begins);
}

static void assert_completes(const char *line, const char *expected)
{
    struct control_words words = split(line, strlen(line));
    char *printed = NULL;
    size_t length = 0;
    FILE *to = open_memstream(&printed, &length);
    ctl_commands_complete(to, &words, give_two, NULL);
    fclose(to);
    assert_string_equal(printed, expected);
    free(printed);
    control_words_free(&words);
}

static void completes_commands_words_and_names(void **state)
{
    (void)state;
    assert_completes("clo", "close\n");
    assert_completes("close exam", "session:exam\n");
    assert_completes("close \"\"", "session:\n");
    assert_completes("close a.test \"\"", "");
    assert_completes("sessions --s", "--sort=\n");
    assert_completes("sessions --sort=st", "--sort=state\n--sort=stanzas\n");
    assert_completes("nothing \"\"", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_words_at_blanks_and_reads_json_strings),
        cmocka_unit_test(refuses_what_is_no_text),
        cmocka_unit_test(what_is_quoted_is_read_back),
        cmocka_unit_test(reads_arguments_and_options_in_any_order),
        cmocka_unit_test(refuses_arguments_that_do_not_fit),
        cmocka_unit_test(knows_no_command_that_is_not_there),
        cmocka_unit_test(every_row_of_the_table_makes_sense),
        cmocka_unit_test(completes_commands_words_and_names),
    };
    return cmocka_run_group_tests_name("control_request", tests, NULL, NULL);
}
