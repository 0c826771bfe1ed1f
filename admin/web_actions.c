/* SPDX-License-Identifier: Apache-2.0 */
/* web_actions - what the forms of the web console do: each runs the command of its row
 *
 * The sentence about the outcome is made of the command's answer; what a command is not known by here is told by its words.
 */
#include "admin/web_actions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/json_words.h"
#include "admin/web_call.h"
#include "admin/web_html.h"
#include "admin/web_page.h"
#include "admin/web_routes.h"

/* --- what came of it; plain text, escaped when it is shown --- */

static void list(struct text *out, const char *before, const json_t *items)
{
    size_t i;
    const json_t *item;
    json_array_foreach(items, i, item)
    {
        text_appendf(out, "%s%s", i == 0 ? before : ", ", json_string_value(item));
    }
    if (json_array_size(items) > 0)
        text_append_string(out, ".");
}

static void tell_permission(struct text *out, const json_t *result)
{
    text_appendf(out, "%s %s connect (%s).", json_text(result, "domain"),
                 json_is_true(json_object_get(result, "may_connect")) ? "may" : "may not",
                 json_text(result, "rule"));
    list(out, " Sessions that ended: ", json_object_get(result, "ended"));
}

static void tell_setting(struct text *out, const json_t *result)
{
    text_appendf(out, "%s is '%s' now; it was '%s'.%s", json_text(result, "setting"),
                 json_text(result, "value"), json_text(result, "was"),
                 json_is_true(json_object_get(result, "restart"))
                     ? " It comes into force at the next start."
                     : "");
}

static void tell_listener(struct text *out, const json_t *result)
{
    text_appendf(out, "The listener %s is %s, port %lld. %s", json_text(result, "listener"),
                 json_is_true(json_object_get(result, "open")) ? "open" : "closed",
                 (long long)json_integer_value(json_object_get(result, "port")),
                 json_text(result, "note"));
}

static void tell_override(struct text *out, const json_t *result)
{
    const json_t *row = json_object_get(result, "row");
    if (json_is_null(row))
        text_appendf(out, "The DNS says again where %s is.", json_text(result, "pattern"));
    else
        text_appendf(out, "%s is found at %s now.", json_text(result, "pattern"),
                     json_text(row, "host"));
}

static void tell_software(struct text *out, const json_t *result)
{
    const char *os = json_text(result, "os");
    text_appendf(out, "%s runs %s %s%s%s%s.", json_text(result, "domain"),
                 json_text(result, "name"), json_text(result, "version"), os[0] != '\0' ? " (" : "",
                 os, os[0] != '\0' ? ")" : "");
}

static void tell(struct text *out, const char *command, const json_t *result)
{
    if (json_object_get(result, "may_connect") != NULL)
        tell_permission(out, result);
    else if (json_object_get(result, "setting") != NULL)
        tell_setting(out, result);
    else if (json_object_get(result, "listener") != NULL)
        tell_listener(out, result);
    else if (json_object_get(result, "pattern") != NULL)
        tell_override(out, result);
    else if (json_object_get(result, "policy") != NULL)
        text_appendf(out, "The policy is %s now; it was %s.", json_text(result, "policy"),
                     json_text(result, "was"));
    else if (json_object_get(result, "closed") != NULL)
        list(out, "Told to end: ", json_object_get(result, "closed"));
    else if (strcmp(command, "retry") == 0)
        text_appendf(out, "On the way to %s again. What comes of it shows here and in Sessions.",
                     json_text(result, "domain"));
    else if (strcmp(command, "software") == 0)
        tell_software(out, result);
    else if (strcmp(command, "reload") == 0) {
        text_append_string(out, "The settings were read again. ");
        list(out, "Only a restart makes these count: ", json_object_get(result, "restart_needed"));
    } else
        text_appendf(out, "Done: %s.", command);
}

/* --- handlers --- */

/* run - the command of the route with these arguments, and tell what came of it */
static void run(struct web_call *call, const char *command, const struct web_argument *arguments,
                size_t count)
{
    struct text words = TEXT_EMPTY;
    json_t *result = web_call_result(call, command, arguments, count, &words);
    if (result != NULL)
        tell(&words, command, result);
    web_call_say(call, result == NULL, text_string(&words));
    json_decref(result);
    text_free(&words);
}

void web_actions_run(struct web_call *call)
{
    struct web_argument arguments[WEB_FORM_FIELDS];
    for (int i = 0; i < call->form.count; i++)
        arguments[i] = (struct web_argument){call->form.fields[i].name, call->form.fields[i].value};
    run(call, call->route->commands, arguments, (size_t)call->form.count);
    const char *field = call->route->back_field, *listener = web_call_field(call, "listener");
    bool component = listener != NULL && strcmp(listener, "component") == 0;
    web_call_lead(call, component ? "/components" : call->route->back, field,
                  field != NULL ? web_call_field(call, field) : NULL);
}

void web_actions_software(struct web_call *call)
{
    const char *domain = web_call_field(call, "domain");
    struct web_argument argument = {"domain", domain};
    run(call, "software", &argument, 1);
    web_call_lead(call, "/sessions/details", "domain-or-stream", domain);
}

void web_actions_end(struct web_call *call)
{
    const char *confirm = web_call_field(call, "confirm");
    if (confirm == NULL || strcmp(confirm, "yes") != 0) {
        web_call_say(call, true, "Nothing was done: the box that confirms it was not ticked.");
        web_call_lead(call, "/", NULL, NULL);
        return;
    }
    struct text why = TEXT_EMPTY;
    json_t *result = web_call_result(call, call->route->commands, NULL, 0, &why);
    web_page_begin(call, "The server ends");
    if (result != NULL)
        html(&call->body,
             "<p>Sessions that are told: %lld. This page will not answer any more.</p>",
             (long long)json_integer_value(json_object_get(result, "sessions")));
    else
        web_page_error(call, text_string(&why));
    web_page_end(call);
    json_decref(result);
    text_free(&why);
}

void web_actions_idle(struct web_call *call)
{
    const char *idle = web_call_field(call, "idle"), *minutes = web_call_field(call, "minutes");
    char value[32] = "-1";
    web_call_lead(call, "/server-to-server", NULL, NULL);
    if (idle == NULL || strcmp(idle, "never") != 0) {
        char *end = NULL;
        double number = minutes != NULL ? strtod(minutes, &end) : 0;
        if (end == NULL || *end != '\0' || !(number > 0 && number <= 35000)) {
            web_call_say(call, true, "A number of minutes was expected, up to 35000.");
            return;
        }
        snprintf(value, sizeof value, "%.0f", number * 60000 < 1 ? 1 : number * 60000);
    }
    struct web_argument arguments[] = {{"setting", "xmpp.server.session.idle"}, {"value", value}};
    run(call, "set", arguments, 2);
}
