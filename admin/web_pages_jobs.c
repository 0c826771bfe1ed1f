/* SPDX-License-Identifier: Apache-2.0 */
/* web_pages_jobs - the connection test, and following a domain live
 *
 * Openfire: server-connectiontest.jsp, with its three texts XMPP, Certs and Logs; here steps with their verdicts. What is told of
 * certificates is told inside the step that saw them.
 */
#include "admin/web_pages_jobs.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/control_commands.h"
#include "admin/json_words.h"
#include "admin/web_html.h"
#include "admin/web_jobs.h"
#include "admin/web_page.h"
#include "admin/web_routes.h"
#include "server/config.h"

#define FRESH_S 2
#define TRACE_S "60" /* unless said otherwise */

/* --- starting and ending --- */

/* start - the route's command, and on to the page that shows it; back to `form` with what is wrong */
static void start(struct web_call *call, const struct web_argument *arguments, size_t count,
                  const char *form, const char *progress)
{
    struct control_words words;
    struct text why = TEXT_EMPTY;
    struct control_value values[CONTROL_PARAMETERS_MAX];
    char number[16], who[WEB_CALL_WHO];
    int job = -1, used = 0;
    bool made = web_call_words(call, call->route->commands, arguments, count, &words);
    const struct control_command *command =
        control_request_find(control_commands, control_command_count, &words, &used);
    web_call_who(call, call->session.user, who);
    if (!made || command == NULL) {
        text_append_string(&why, "that can't be asked for");
    } else {
        if (control_request_read(command, &words, used, values, &why) == 0)
            job = web_jobs_start(&words, who, &why);
        control_values_free(values);
    }
    if (job < 0) {
        web_call_say(call, true, text_string(&why));
        web_call_lead(call, form, NULL, NULL);
    } else {
        snprintf(number, sizeof number, "%d", job);
        web_call_lead(call, progress, "job", number);
    }
    control_words_free(&words);
    text_free(&why);
}

static int job_of(const char *text)
{
    char *end;
    long number = text != NULL ? strtol(text, &end, 10) : 0;
    return text != NULL && *end == '\0' && number > 0 && number < INT_MAX ? (int)number : -1;
}

void web_page_check_start(struct web_call *call)
{
    struct web_argument arguments[] = {{"domain", web_call_field(call, "domain")},
                                       {"from", web_call_field(call, "from")},
                                       {"limit", web_call_field(call, "limit")}};
    start(call, arguments, 3, "/check", "/check/progress");
}

void web_page_trace_start(struct web_call *call)
{
    const char *seconds = web_call_field(call, "seconds");
    struct web_argument arguments[] = {{"domain", web_call_field(call, "domain")},
                                       {"stanzas", web_call_field(call, "stanzas")},
                                       {"seconds", seconds != NULL ? seconds : TRACE_S}};
    start(call, arguments, 3, "/trace", "/trace/follow");
}

void web_page_job_end(struct web_call *call)
{
    int number = job_of(web_call_field(call, "job"));
    json_t *job = web_jobs_tell(number);
    if (web_jobs_end(number))
        web_call_say(call, false, "It was told to end.");
    else
        web_call_say(call, true, "There is no such job any more.");
    bool check = strcmp(json_text(job, "command"), "check") == 0;
    web_call_lead(call, check ? "/check/progress" : "/trace/follow", "job",
                  web_call_field(call, "job"));
    json_decref(job);
}

/* --- the forms --- */

static void write_domain(struct web_call *call)
{
    const char *domain = web_call_parameter(call, "domain");
    html(&call->body,
         "<p><label for=\"domain\">Domain</label> <input id=\"domain\" name=\"domain\" required "
         "maxlength=\"900\" autocapitalize=\"none\" spellcheck=\"false\" "
         "placeholder=\"example.net\" "
         "value=\"%s\"></p>\n",
         domain);
}

static void write_jobs(struct web_call *call, const char *command, const char *path)
{
    json_t *jobs = web_jobs_list(command);
    struct text *out = &call->body;
    size_t i;
    const json_t *job;
    if (json_array_size(jobs) > 0) {
        html(out, "<section class=\"card\">");
        web_page_head(call, "The last ones", "Domain|Begun|Outcome");
        json_array_foreach(jobs, i, job)
        {
            const json_t *works = json_object_get(job, "works");
            char number[16];
            snprintf(number, sizeof number, "%d",
                     (int)json_integer_value(json_object_get(job, "job")));
            html(out, "<tr><th scope=\"row\">");
            web_page_link(call, path, "job", number, json_text(job, "subject"));
            html(out, "</th><td data-label=\"Begun\">");
            html_time(out, json_object_get(job, "since"));
            html(out, "</td><td data-label=\"Outcome\">%s</td></tr>\n",
                 json_is_true(json_object_get(job, "running")) ? "runs"
                 : json_is_true(works)                         ? "works"
                 : json_is_false(works)                        ? "does not work"
                                                               : "ended");
        }
        html(out, "</tbody></table></section>\n");
    }
    json_decref(jobs);
}

void web_page_check(struct web_call *call)
{
    const struct config *config = config_get();
    web_page_begin(call, "Connection test");
    html(&call->body,
         "<p>DNS, every address, TLS, the certificate, each way of authentication that "
         "is offered, and a ping. It has connections of its own; live sessions "
         "stay.</p>\n<section class=\"card\">");
    web_page_form(call, "/check");
    write_domain(call);
    html(&call->body,
         "<p><label for=\"from\">As our domain</label> <input id=\"from\" name=\"from\" "
         "maxlength=\"900\" autocapitalize=\"none\" spellcheck=\"false\" placeholder=\"%s\"></p>\n"
         "<p><label for=\"limit\">Seconds at most</label> <input id=\"limit\" name=\"limit\" "
         "type=\"number\" min=\"1\" max=\"600\" placeholder=\"60\"></p>\n"
         "<p><button name=\"check\" class=\"main\">Test</button></p></form></section>\n",
         config->xmpp_domain);
    config_unref(config);
    write_jobs(call, "check", "/check/progress");
    web_page_end(call);
}

void web_page_trace(struct web_call *call)
{
    web_page_begin(call, "Follow live");
    html(&call->body,
         "<p>Every step of handshakes with a domain, as it happens; its stanzas too, if "
         "asked for. To read stanzas is to read other people's mail: it goes to the "
         "audit log.</p>\n<section class=\"card\">");
    web_page_form(call, "/trace");
    write_domain(call);
    html(
        &call->body,
        "<p><label class=\"check\"><input type=\"checkbox\" name=\"stanzas\" value=\"yes\"> Its "
        "stanzas as well</label></p>\n<p><label for=\"seconds\">Seconds</label> <input "
        "id=\"seconds\" name=\"seconds\" type=\"number\" min=\"1\" max=\"86400\" value=\"" TRACE_S
        "\"></p>\n<p><button name=\"trace\" class=\"main\">Follow</button></p></form></section>\n");
    write_jobs(call, "trace", "/trace/follow");
    web_page_end(call);
}

/* --- what has come so far --- */

/* write_details - of a certificate: names, dates, who certified it; of other steps what there is */
static void write_details(struct web_call *call, const json_t *details)
{
    const char *key;
    json_t *value;
    if (!json_is_object(details) || json_object_size(details) == 0)
        return;
    html(&call->body, "<details><summary>Details</summary><dl class=\"facts\">");
    json_object_foreach((json_t *)(uintptr_t)details, key, value)
    {
        web_page_fact(call, key, value);
    }
    html(&call->body, "</dl></details>");
}

static void write_step(struct web_call *call, const json_t *step)
{
    struct text *out = &call->body;
    const char *verdict = json_text(step, "verdict"), *target = json_text(step, "target");
    const char *look = strcmp(verdict, "good") == 0  ? "good"
                       : strcmp(verdict, "bad") == 0 ? "bad"
                                                     : "warn";
    html(out,
         "<li><span class=\"state %s\">%s</span> <b>%s</b> <span class=\"when\">%lld "
         "ms</span><br>%s%s%s",
         look, verdict, json_text(step, "step"),
         (long long)json_integer_value(json_object_get(step, "ms")), target,
         target[0] != '\0' ? ": " : "", json_text(step, "sentence"));
    if (json_text(step, "clause")[0] != '\0')
        html(out, " <span class=\"clause\">%s</span>", json_text(step, "clause"));
    write_details(call, json_object_get(step, "details"));
    html(out, "</li>\n");
}

static void write_event(struct web_call *call, const json_t *event)
{
    struct text *out = &call->body;
    const char *stanza = json_text(event, "stanza"), *direction = json_text(event, "direction");
    json_int_t lost = json_integer_value(json_object_get(event, "lost"));
    if (lost > 0) {
        html(out, "<li class=\"hint\">%lld could not be kept</li>\n", (long long)lost);
        return;
    }
    if (json_text(event, "connection")[0] == '\0')
        return;
    const char *time = json_text(event, "time");
    html(out, "<li><span class=\"when\">%s</span> <b>%s</b> ", strlen(time) > 11 ? time + 11 : time,
         json_text(event, "connection"));
    if (direction[0] != '\0')
        html(out, "%s <code class=\"stanza\">%s</code>",
             strcmp(direction, "in") == 0 ? "received" : "sent", stanza);
    else
        html(out, "%s", json_text(event, "sentence"));
    if (json_text(event, "clause")[0] != '\0')
        html(out, " <span class=\"clause\">%s</span>", json_text(event, "clause"));
    html(out, "</li>\n");
}

/* write_answer - how it ended */
static void write_answer(struct web_call *call, const json_t *job)
{
    const json_t *answer = json_object_get(job, "answer");
    const json_t *conclusion = json_object_get(json_object_get(answer, "result"), "conclusion");
    if (json_is_true(json_object_get(job, "running")))
        html(&call->body,
             "<p class=\"said\" role=\"status\"><span class=\"busy\"></span> It runs …</p>\n");
    else if (!json_is_true(json_object_get(answer, "ok")))
        web_page_error(call, json_text(answer, "error"));
    else if (conclusion != NULL)
        html(&call->body, "<p class=\"said %s\" role=\"status\">%s</p>\n",
             json_is_true(json_object_get(conclusion, "works"))    ? "good"
             : json_is_false(json_object_get(conclusion, "works")) ? "bad"
                                                                   : "warn",
             json_text(conclusion, "sentence"));
    else
        html(&call->body, "<p class=\"said\" role=\"status\">It has ended.</p>\n");
}

static void write_end_button(struct web_call *call, const json_t *job)
{
    char number[16];
    snprintf(number, sizeof number, "%d", (int)json_integer_value(json_object_get(job, "job")));
    web_page_form(call, "/jobs/end");
    web_page_hidden(call, "job", number);
    html(&call->body, "<p><button name=\"end\" class=\"danger\">End it</button></p></form>\n");
}

/* write_progress - of either kind; `write` tells one event */
static void write_progress(struct web_call *call, const char *title, const char *form,
                           void (*write)(struct web_call *call, const json_t *event))
{
    json_t *job = web_jobs_tell(job_of(web_call_parameter(call, "job")));
    bool running = json_is_true(json_object_get(job, "running"));
    size_t i;
    const json_t *event;
    if (job == NULL) {
        web_page_refuse(call, 404, title, "It is not kept any more. Start it again.");
        return;
    }
    web_page_begin_fresh(call, title, running ? FRESH_S : 0);
    html(&call->body, "<h2>%s</h2>\n<div id=\"progress\"", json_text(job, "subject"));
    if (running)
        html(&call->body, " data-live=\"1\"");
    html(&call->body, ">\n");
    json_int_t lost = json_integer_value(json_object_get(job, "lost"));
    if (lost > 0)
        html(&call->body, "<p class=\"hint\">%lld earlier ones are not kept.</p>\n",
             (long long)lost);
    html(&call->body, "<div class=\"card\"><ol class=\"steps\" role=\"log\">\n");
    json_array_foreach(json_object_get(job, "events"), i, event)
    {
        write(call, event);
    }
    html(&call->body, "</ol>%s</div>\n",
         json_array_size(json_object_get(job, "events")) == 0 ? "Nothing so far." : "");
    write_answer(call, job);
    if (running)
        write_end_button(call, job);
    html(&call->body, "</div>\n<p>");
    web_page_link(call, form, "domain", json_text(job, "subject"), "Once more");
    html(&call->body, " · ");
    web_page_link(call, "/explain", "domain", json_text(job, "subject"), "Rules and past attempts");
    html(&call->body, "</p>\n");
    web_page_end(call);
    json_decref(job);
}

void web_page_check_progress(struct web_call *call)
{
    write_progress(call, "Connection test", "/check", write_step);
}

void web_page_trace_follow(struct web_call *call)
{
    write_progress(call, "Follow live", "/trace", write_event);
}
