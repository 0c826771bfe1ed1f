/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_control_request - lines that come to the control socket
 *
 * Input: the line. What must hold:
 *   - what is split are words without NUL and of UTF-8, at most so many; quoted and put together they are split again into the
 *     same words; a line with a NUL or with bytes that are no UTF-8 is refused;
 *   - a command is only found whose words stand at the beginning; what the arguments say is within what the table allows:
 *     required ones are there, numbers within their bounds, words of their set, domains in prepared form;
 *   - each refusal has a sentence; completion never ends otherwise.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin/control_request.h"
#include "admin/ctl_commands.h"
#include "test/fuzz/oracle.h"
#include "xml/jid.h"

/* is_utf8 - by way of XML's characters, with those that XML has no place for put aside */
static bool is_utf8(const char *text, size_t length)
{
    char *copy = text_copy_n(text, length);
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)copy[i] < 0x20)
            copy[i] = ' ';
        if (i + 2 < length && memcmp(copy + i, "\xef\xbf", 2) == 0) /* U+FFFE, U+FFFF */
            copy[i + 2] = copy[i + 2] == '\xbe' || copy[i + 2] == '\xbf' ? '\xbd' : copy[i + 2];
    }
    bool good = is_xml_text(copy, length);
    free(copy);
    return good;
}

static void check_words(const struct control_words *words)
{
    struct text line = TEXT_EMPTY, why = TEXT_EMPTY;
    struct control_words again;
    insist(words->count <= CONTROL_WORDS_MAX, "%d words", words->count);
    for (int i = 0; i < words->count; i++) {
        insist(is_utf8(words->word[i], strlen(words->word[i])), "a word is no UTF-8");
        text_append_string(&line, i > 0 ? " " : "");
        control_request_quote(words->word[i], &line);
    }
    int split = control_request_split(text_string(&line), line.length, &again, &why);
    insist(split == 0 && again.count == words->count, "quoted, it is not read: %s: %s",
           text_string(&line), text_string(&why));
    for (int i = 0; i < words->count; i++)
        insist(strcmp(again.word[i], words->word[i]) == 0, "another word: %s", words->word[i]);
    control_words_free(&again);
    text_free(&line);
    text_free(&why);
}

/* is_of_set - is it one of "a|b|c"? */
static bool is_of_set(const char *set, const char *word)
{
    char *whole = text_format("|%s|", set), *one = text_format("|%s|", word);
    bool found = strstr(whole, one) != NULL && strchr(word, '|') == NULL;
    free(whole);
    free(one);
    return found;
}

static void check_value(const struct control_parameter *parameter,
                        const struct control_value *value)
{
    char prepared[JID_PART_MAX + 1];
    if (value->text == NULL) {
        insist(!parameter->required, "%s is missing", parameter->name);
        return;
    }
    if (parameter->type == CONTROL_NUMBER)
        insist(value->number >= parameter->min && value->number <= parameter->max,
               "%s is out of its bounds", parameter->name);
    if (parameter->type == CONTROL_WORD)
        insist(is_of_set(parameter->words, value->text), "%s: no word of its set", parameter->name);
    if (parameter->type == CONTROL_DOMAIN)
        insist(jid_prepare_domain(value->text, strlen(value->text), prepared) > 0 &&
                   strcmp(prepared, value->text) == 0,
               "a domain that is not prepared: %s", value->text);
}

static void check_command(const struct control_words *words)
{
    struct control_value values[CONTROL_PARAMETERS_MAX];
    struct text why = TEXT_EMPTY, begins = TEXT_EMPTY;
    int used;
    const struct control_command *command =
        control_request_find(ctl_commands, ctl_command_count, words, &used);
    insist((command == NULL) == (used == 0), "a command of %d words", used);
    if (command == NULL)
        return;
    for (int i = 0; i < used; i++)
        text_appendf(&begins, "%s%s", i > 0 ? " " : "", words->word[i]);
    insist(strcasecmp(text_string(&begins), command->words) == 0, "not %s", command->words);
    if (control_request_read(command, words, used, values, &why) == 0)
        for (int i = 0; command->parameters[i].name != NULL; i++)
            check_value(&command->parameters[i], &values[i]);
    else
        insist(why.length > 0, "refused without a sentence");
    control_values_free(values);
    text_free(&begins);
    text_free(&why);
}

static void fetch_nothing(FILE *to, const char *what, const char *begins, void *argument)
{
    (void)argument;
    fprintf(to, "%s %s\n", what, begins);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *nowhere;
    struct control_words words;
    struct text why = TEXT_EMPTY;
    char *exact = input_exact((const char *)data, size);
    if (nowhere == NULL)
        nowhere = fopen("/dev/null", "w");
    if (control_request_split(exact, size, &words, &why) == 0) {
        insist(memchr(exact, '\0', size) == NULL, "a NUL was taken");
        insist(is_utf8(exact, size), "what is no UTF-8 was taken");
        check_words(&words);
        check_command(&words);
        ctl_commands_complete(nowhere, &words, fetch_nothing, NULL);
    } else {
        insist(why.length > 0, "refused without a sentence");
    }
    control_words_free(&words);
    text_free(&why);
    free(exact);
    return 0;
}
