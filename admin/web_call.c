/* SPDX-License-Identifier: Apache-2.0 */
/* web_call - one request to the web console that was let in, and what it is answered
 *
 * A value never becomes an option or another word: options are written with their '=', and all others stand behind "--".
 */
#include "admin/web_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/control_commands.h"
#include "admin/json_words.h"
#include "admin/web_html.h"
#include "admin/web_routes.h"
#include "server/log.h"
#include "server/touched_connections.h"

void web_call_free(struct web_call *call)
{
    web_form_free(&call->query);
    web_form_free(&call->form);
    text_free(&call->body);
    text_free(&call->location);
    for (int i = 0; i < 2; i++)
        text_free(&call->cookies[i]);
}

/* is_allowed - does the route name the command? */
static bool is_allowed(const struct web_call *call, const char *words)
{
    const char *list = call->route->commands;
    for (size_t length; list != NULL && *list != '\0'; list += length + (list[length] == ',')) {
        length = strcspn(list, ",");
        if (strlen(words) == length && strncmp(list, words, length) == 0)
            return true;
    }
    return false;
}

static bool add_word(struct control_words *words, char *word)
{
    if (words->count == CONTROL_WORDS_MAX) {
        free(word);
        return false;
    }
    words->word[words->count++] = word;
    return true;
}

/* value_of - what is given for a parameter, or NULL */
static const char *value_of(const struct control_parameter *parameter,
                            const struct web_argument *arguments, size_t count)
{
    const char *name = parameter->name + (control_request_is_option(parameter) ? 2 : 0);
    for (size_t i = 0; i < count; i++)
        if (strcmp(arguments[i].name, name) == 0 && arguments[i].value != NULL &&
            (parameter->required || arguments[i].value[0] != '\0'))
            return arguments[i].value;
    return NULL;
}

bool web_call_words(const struct web_call *call, const char *words,
                    const struct web_argument *arguments, size_t count, struct control_words *out)
{
    struct text why = TEXT_EMPTY;
    int used;
    *out = (struct control_words){0};
    bool good =
        is_allowed(call, words) && control_request_split(words, strlen(words), out, &why) == 0;
    text_free(&why);
    const struct control_command *command =
        good ? control_request_find(control_commands, control_command_count, out, &used) : NULL;
    if (command == NULL || strcmp(command->words, words) != 0) {
        log_error("the page %s may not run %s", call->route->path, words);
        return false;
    }
    for (int options = 1; options >= 0; options--) { /* they come first */
        for (const struct control_parameter *each = command->parameters; each->name != NULL;
             each++) {
            const char *value = value_of(each, arguments, count);
            if (value == NULL || control_request_is_option(each) != options)
                continue;
            good = good && add_word(out, !options ? text_copy(value)
                                         : each->type == CONTROL_FLAG
                                             ? text_copy(each->name)
                                             : text_format("%s=%s", each->name, value));
        }
        if (options)
            good = good && add_word(out, text_copy("--"));
    }
    return good;
}

void web_call_who(const struct web_call *call, const char *user, char out[WEB_CALL_WHO])
{
    snprintf(out, WEB_CALL_WHO, "%.*s@%s", WEB_SESSION_USER, user, call->peer);
}

json_t *web_call_ask(struct web_call *call, const char *words, const struct web_argument *arguments,
                     size_t count)
{
    char who[WEB_CALL_WHO];
    struct control_caller caller = {"console", who, -1, -1, true};
    struct control_words request;
    web_call_who(call, call->session.user, who);
    json_t *answer = web_call_words(call, words, arguments, count, &request)
                         ? control_commands_run(&request, &caller, NULL)
                         : control_commands_error(CONTROL_DENIED, "not from this page");
    control_words_free(&request);
    touched_connections_flush(false);
    return answer;
}

json_t *web_call_result(struct web_call *call, const char *words,
                        const struct web_argument *arguments, size_t count, struct text *why)
{
    json_t *answer = web_call_ask(call, words, arguments, count);
    json_t *result = json_is_true(json_object_get(answer, "ok"))
                         ? json_incref(json_object_get(answer, "result"))
                         : NULL;
    if (result == NULL) { /* how to write it in the shell is not for here */
        const char *error = json_text(answer, "error"), *usage = strstr(error, "; usage: ");
        text_append(why, error, usage != NULL ? (size_t)(usage - error) : strlen(error));
    }
    json_decref(answer);
    return result;
}

const char *web_call_parameter(const struct web_call *call, const char *name)
{
    return web_form_given(&call->query, name);
}

const char *web_call_field(const struct web_call *call, const char *name)
{
    return web_form_given(&call->form, name);
}

void web_call_lead(struct web_call *call, const char *path, const char *name, const char *value)
{
    text_clear(&call->location);
    text_append_string(&call->location, path);
    if (value != NULL) {
        text_append_char(&call->location, '?');
        html_query(&call->location, name, value);
    }
}

void web_call_say(struct web_call *call, bool error, const char *words)
{
    web_session_say(call->session_id, error, words);
}
