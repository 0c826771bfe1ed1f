/* SPDX-License-Identifier: Apache-2.0 */
/* control_commands - the table of commands, and how one is run
 *
 * Openfire: none; each page checks its own parameters and writes its own line to the security audit log.
 *
 * Action points:
 *   words            -> the command; else invalid, and its nearest relatives are not guessed
 *   its arguments    -> checked by the table; else invalid, with the usage
 *   its privilege    -> the caller's; else denied
 *   run              -> result or error
 *   a CHANGE         -> a line in the audit log, whatever came of it
 */
#include "admin/control_commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/audit_log.h"
#include "admin/control_attempts.h"
#include "admin/control_console.h"
#include "admin/control_diagram.h"
#include "admin/control_overrides.h"
#include "admin/control_peers.h"
#include "admin/control_permissions.h"
#include "admin/control_reach.h"
#include "admin/control_server.h"
#include "admin/control_sessions.h"
#include "admin/control_settings.h"
#include "admin/control_software.h"
#include "admin/control_table.h"
#include "admin/control_trace.h"
#include "admin/live_samples.h"
#include "server/log.h"
#include "server/printable.h"

#define ROW(function, words, privilege, streams, help, details, ...) \
    {words, CONTROL_##privilege, streams, help, details, {__VA_ARGS__}, control_##function},
const struct control_command control_commands[] = {CONTROL_COMMANDS(ROW)};
const size_t control_command_count = sizeof control_commands / sizeof control_commands[0];

static const char *const CONDITIONS[] = {"ok",      "invalid", "not-found",
                                         "refused", "denied",  "failed"};

/* --- for the functions of commands --- */

/* index_of - of a parameter; a command that asks for one it has not is wrong, and gets nothing */
static int index_of(const struct control_call *call, const char *parameter)
{
    for (int i = 0; call->command->parameters[i].name != NULL; i++)
        if (strcmp(call->command->parameters[i].name, parameter) == 0)
            return i;
    return -1;
}

const char *control_call_text(const struct control_call *call, const char *parameter)
{
    int index = index_of(call, parameter);
    return index >= 0 ? call->values[index].text : NULL;
}

int64_t control_call_number(const struct control_call *call, const char *parameter,
                            int64_t otherwise)
{
    int index = index_of(call, parameter);
    return index >= 0 && call->values[index].text != NULL ? call->values[index].number : otherwise;
}

bool control_call_flag(const struct control_call *call, const char *parameter)
{
    return control_call_text(call, parameter) != NULL;
}

void control_call_fail(struct control_call *call, enum control_condition condition,
                       const char *format, ...)
{
    va_list arguments;
    char sentence[2048];
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    call->condition = condition;
    text_clear(&call->error);
    text_append_string(&call->error, sentence);
    for (char *c = call->error.bytes; c != NULL && (c = strchr(c, '\n')) != NULL;)
        *c = ';'; /* the faults of a file, a line each */
}

bool control_call_event(struct control_call *call, json_t *event)
{
    bool taken = call->sink == NULL || call->sink->event(call->sink, event);
    json_decref(event);
    return taken;
}

bool control_call_is_wanted(const struct control_call *call)
{
    return call->sink == NULL || call->sink->is_wanted(call->sink);
}

void control_call_hide(struct control_call *call, const char *parameter)
{
    int index = index_of(call, parameter);
    if (index >= 0)
        call->hidden[index] = true;
}

void control_call_changed(struct control_call *call, json_t *before, json_t *after)
{
    json_decref(call->before);
    json_decref(call->after);
    call->before = before;
    call->after = after;
}

json_t *control_json_text(const char *text)
{
    if (text == NULL)
        return json_null();
    json_t *string = json_string(text);
    if (string == NULL) {
        char escaped[1024];
        printable_escape(escaped, sizeof escaped, text, strlen(text), false);
        string = json_string(escaped);
    }
    return string;
}

json_t *control_json_time(int64_t ago)
{
    struct timespec now;
    struct tm utc;
    char text[40];
    clock_gettime(CLOCK_REALTIME, &now);
    time_t then = (time_t)(((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - ago) / 1000);
    gmtime_r(&then, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_string(text);
}

/* --- running one --- */

json_t *control_commands_error(enum control_condition condition, const char *error)
{
    return json_pack("{s:b, s:s, s:o}", "ok", 0, "condition", CONDITIONS[condition], "error",
                     control_json_text(error));
}

/* arguments_of - by name, for the audit log */
static json_t *arguments_of(const struct control_call *call)
{
    json_t *arguments = json_object();
    for (int i = 0; call->command->parameters[i].name != NULL; i++)
        if (call->values[i].text != NULL)
            json_object_set_new(
                arguments, call->command->parameters[i].name,
                control_json_text(call->hidden[i] ? "(not shown)" : call->values[i].text));
    return arguments;
}

void control_call_audit(struct control_call *call)
{
    json_t *line = json_pack("{s:s, s:o, s:s}", "command", call->command->words, "arguments",
                             arguments_of(call), "outcome", CONDITIONS[call->condition]);
    if (call->before != NULL)
        json_object_set(line, "before", call->before);
    if (call->after != NULL)
        json_object_set(line, "after", call->after);
    if (call->condition != CONTROL_OK)
        json_object_set_new(line, "error", control_json_text(text_string(&call->error)));
    audit_log_write(call->caller, line);
}

static json_t *answer_of(struct control_call *call)
{
    if (call->condition != CONTROL_OK)
        return control_commands_error(call->condition, text_string(&call->error));
    json_t *result = call->result != NULL ? call->result : json_null();
    call->result = NULL;
    return json_pack("{s:b, s:o}", "ok", 1, "result", result);
}

static void run(struct control_call *call)
{
    if (call->command->privilege == CONTROL_CHANGE && !call->caller->may_change)
        control_call_fail(call, CONTROL_DENIED, "%s changes something, and you may only look",
                          call->command->words);
    else
        call->command->run(call);
    if (call->command->privilege == CONTROL_CHANGE)
        control_call_audit(call);
}

json_t *control_commands_run(const struct control_words *words, const struct control_caller *caller,
                             struct control_sink *sink)
{
    struct control_call call = {.caller = caller, .sink = sink};
    struct text why = TEXT_EMPTY;
    int used;
    if (words->count == 0)
        return control_commands_error(CONTROL_INVALID, "a command was expected");
    call.command = control_request_find(control_commands, control_command_count, words, &used);
    if (call.command == NULL) {
        control_call_fail(&call, CONTROL_INVALID, "there is no command %s", words->word[0]);
    } else if (control_request_read(call.command, words, used, call.values, &why) < 0) {
        text_append_string(&why, "; usage: ");
        control_request_usage(call.command, &why);
        control_call_fail(&call, CONTROL_INVALID, "%s", text_string(&why));
    } else {
        log_debug("command: %s", call.command->words);
        run(&call);
    }
    json_t *answer = answer_of(&call);
    control_values_free(call.values);
    text_free(&why);
    text_free(&call.error);
    json_decref(call.result);
    json_decref(call.before);
    json_decref(call.after);
    return answer;
}
