/* SPDX-License-Identifier: Apache-2.0 */
/* web_pages_attempts - attempts that failed, and all that explains why
 *
 * Openfire: server-session-failure-details.jsp. DIFFERS: both directions, the rules that decide, and what would have to be changed.
 */
#include "admin/web_pages_attempts.h"

#include <stdlib.h>
#include <string.h>

#include "admin/json_words.h"
#include "admin/web_html.h"
#include "admin/web_page.h"
#include "admin/web_story.h"

/* write_act - a button that does something to a domain */
static void write_act(struct web_call *call, const char *action, const char *domain,
                      const char *name, const char *text, const char *look)
{
    web_page_form(call, action);
    web_page_hidden(call, "domain", domain);
    html(&call->body,
         "<button name=\"%s\" class=\"%s\">%s<span class=\"unseen\"> %s</span></button></form> ",
         name, look, text, domain);
}

static const char *words_of_direction(const char *direction)
{
    return strcmp(direction, "out") == 0 ? "we to them" : "they to us";
}

/* --- the list --- */

static void write_failure(struct web_call *call, const json_t *failure)
{
    struct text *out = &call->body;
    const char *domain = json_text(failure, "domain");
    long long count = json_integer_value(json_object_get(failure, "count"));
    html(out, "<tr><th scope=\"row\">");
    web_page_link(call, "/explain", "domain", domain, NULL);
    if (!json_is_true(json_object_get(failure, "certain")))
        html(out, " <span class=\"state\" title=\"Nothing proves that it was this domain\">so it "
                  "said</span>");
    html(out, "</th><td data-label=\"Direction\">%s</td><td data-label=\"Last attempt\">",
         words_of_direction(json_text(failure, "direction")));
    html_time(out, json_object_get(failure, "when"));
    if (count > 1)
        html(out, " <span class=\"hint\">(%lld times)</span>", count);
    html(out, "</td><td data-label=\"Why\"><b>%s</b><br>%s", json_text(failure, "cause"),
         json_text(failure, "why"));
    if (json_is_true(json_object_get(failure, "paused")))
        html(out, " <span class=\"hint\">It is left alone for a while now.</span>");
    if (json_is_true(json_object_get(failure, "settled")))
        html(out, " <span class=\"state good\">went well since</span>");
    html(out, "</td><td data-label=\"Side\">%s</td><td class=\"acts\">",
         json_text(failure, "side"));
    write_act(call, "/failures/retry", domain, "retry", "Retry now", "");
    write_act(call, "/failures/block", domain, "block", "Block", "danger");
    html(out, "</td></tr>\n");
}

void web_page_failures(struct web_call *call)
{
    struct text why = TEXT_EMPTY;
    struct text *out = &call->body;
    struct web_argument all = {"all", web_call_parameter(call, "all")};
    json_t *failures = web_call_result(call, "failures", &all, 1, &why);
    size_t i;
    const json_t *each;
    web_page_begin_fresh(call, "Failures", 15);
    html(out,
         "<form method=\"get\" action=\"/explain\" class=\"row\"><label for=\"explain\">Why can't "
         "we talk to</label> <input id=\"explain\" name=\"domain\" required maxlength=\"900\" "
         "autocapitalize=\"none\" spellcheck=\"false\" placeholder=\"example.net\"> "
         "<button>Explain</button></form>\n"
         "<div id=\"failures\" class=\"card\" data-live=\"5\">\n");
    if (failures == NULL)
        web_page_error(call, text_string(&why));
    web_page_head(call, all.value != NULL ? "Domains with failures" : "Domains that failed last",
                  "Domain|Direction|Last attempt|Why|Side|");
    json_array_foreach(failures, i, each)
    {
        write_failure(call, each);
    }
    if (json_array_size(failures) == 0)
        html(out, "<tr><td colspan=\"6\" class=\"hint\">none</td></tr>\n");
    html(out, "</tbody></table></div>\n");
    if (all.value == NULL)
        html(out, "<p><a href=\"/failures?all=yes\">Show those too with which one went well "
                  "since</a></p>\n");
    else
        html(out, "<p><a href=\"/failures\">Only those that failed last</a></p>\n");
    web_page_end(call);
    json_decref(failures);
    text_free(&why);
}

/* --- all that is known of a domain --- */

static json_t *ask(struct web_call *call, struct text *why)
{
    const char *domain = web_call_parameter(call, "domain");
    struct web_argument argument = {"domain", domain != NULL ? domain : ""};
    return web_call_result(call, "explain", &argument, 1, why);
}

static void write_rules(struct web_call *call, const json_t *rules)
{
    size_t i;
    const json_t *rule;
    struct text *out = &call->body;
    html(out, "<section class=\"card\">");
    web_page_head(call, "The rules that would decide now, in their order",
                  "Direction|Rule|Decision|By|Clause");
    json_array_foreach(rules, i, rule)
    {
        bool allows = json_is_true(json_object_get(rule, "allows"));
        html(out, "<tr>");
        web_page_cell(call, "Direction", json_object_get(rule, "direction"));
        web_page_cell(call, "Rule", json_object_get(rule, "rule"));
        html(out, "<td data-label=\"Decision\">%s", json_text(rule, "decision"));
        if (!allows)
            html(out, " <span class=\"state bad\">lets nothing through</span>");
        html(out, "</td>");
        web_page_cell(call, "By", json_object_get(rule, "by"));
        web_page_cell(call, "Clause", json_object_get(rule, "clause"));
        html(out, "</tr>\n");
    }
    html(out, "</tbody></table></section>\n");
}

/* is_news - a failure after which nothing went well, nor in the same second: it is shown at once */
static bool is_news(const json_t *history, const json_t *record)
{
    const json_t *failed = json_array_get(json_object_get(history, "failures"), 0);
    const json_t *good = json_array_get(json_object_get(history, "successes"), 0);
    return record == failed && strcmp(json_text(failed, "when"), json_text(good, "when")) > 0;
}

static void write_record(struct web_call *call, const char *domain, const char *direction,
                         const char *outcome, size_t number, const json_t *record, bool open)
{
    struct text address = TEXT_EMPTY;
    struct text *out = &call->body;
    bool failed = strcmp(outcome, "failures") == 0;
    long long count = json_integer_value(json_object_get(record, "count"));
    html(out, "<details class=\"record\"%s><summary>", open ? " open" : "");
    html_time(out, json_object_get(record, "when"));
    html(out, " <span class=\"state %s\">%s</span> %s", failed ? "bad" : "good",
         failed ? json_text(record, "cause") : "went well", json_text(record, "peer"));
    if (count > 1)
        html(out, " <span class=\"hint\">%lld times</span>", count);
    html(out, "</summary>\n");
    if (failed)
        html(out, "<p>%s <span class=\"hint\">(step %s, side %s)</span></p>\n",
             json_text(record, "why"), json_text(record, "step"), json_text(record, "side"));
    if (!json_is_true(json_object_get(record, "certain")))
        html(out, "<p class=\"hint\">So it said: nothing proves that it was this domain.</p>\n");
    text_append_string(&address, "/explain/diagram?");
    html_query(&address, "domain", domain);
    text_appendf(&address, "&direction=%s&outcome=%s&number=%zu", direction, outcome, number);
    web_story_write(call, record, text_string(&address));
    html(out, "</details>\n");
    text_free(&address);
}

static void write_direction(struct web_call *call, const json_t *explanation, const char *direction,
                            const char *title)
{
    static const char *const outcomes[] = {"failures", "successes"};
    const json_t *history = json_object_get(json_object_get(explanation, "history"), direction);
    size_t i, written = 0;
    const json_t *record;
    html(&call->body, "<section class=\"card\"><h2>%s</h2>\n", title);
    for (int outcome = 0; outcome < 2; outcome++) {
        json_array_foreach(json_object_get(history, outcomes[outcome]), i, record)
        {
            write_record(call, json_text(explanation, "domain"), direction, outcomes[outcome], i,
                         record, is_news(history, record));
            written++;
        }
    }
    if (written == 0)
        html(&call->body, "<p class=\"hint\">none</p>\n");
    html(&call->body, "</section>\n");
}

static void write_conclusion(struct web_call *call, const json_t *explanation)
{
    const json_t *conclusion = json_object_get(explanation, "conclusion");
    const json_t *works = json_object_get(conclusion, "works");
    const char *domain = json_text(explanation, "domain");
    html(&call->body, "<p class=\"said %s\">%s</p>\n<div class=\"row\">",
         json_is_true(works)    ? "good"
         : json_is_false(works) ? "bad"
                                : "warn",
         json_text(conclusion, "sentence"));
    write_act(call, "/failures/retry", domain, "retry", "Retry now", "main");
    web_page_link(call, "/check", "domain", domain, "Connection test");
    html(&call->body, " ");
    web_page_link(call, "/trace", "domain", domain, "Follow live");
    html(&call->body, " ");
    web_page_link(call, "/sessions/details", "domain-or-stream", domain, "Live streams");
    html(&call->body, " ");
    write_act(call, "/failures/block", domain, "block", "Block", "danger");
    html(&call->body, "</div>\n");
}

void web_page_explain(struct web_call *call)
{
    struct text why = TEXT_EMPTY;
    json_t *explanation = ask(call, &why);
    web_page_begin(call, explanation != NULL ? json_text(explanation, "domain") : "Explain");
    html(&call->body, "<p><a href=\"/failures\">All failures</a></p>\n");
    if (explanation == NULL) {
        web_page_error(call, text_string(&why));
    } else {
        write_conclusion(call, explanation);
        write_direction(call, explanation, "out", "Attempts out: we to them");
        write_direction(call, explanation, "in", "Attempts in: they to us");
        const json_t *asked = json_object_get(explanation, "asked");
        if (json_is_object(asked)) {
            html(&call->body, "<p>It last asked us about a key at ");
            html_time(&call->body, json_object_get(asked, "when"));
            html(&call->body, ": %s.</p>\n",
                 json_is_true(json_object_get(asked, "valid")) ? "ours" : "not ours");
        }
        write_rules(call, json_object_get(explanation, "rules"));
    }
    web_page_end(call);
    json_decref(explanation);
    text_free(&why);
}

/* find_record - that of the query, with what the diagram wants beside it: a new reference, or NULL */
static json_t *find_record(struct web_call *call, const json_t *explanation)
{
    const char *direction = web_call_parameter(call, "direction");
    const char *outcome = web_call_parameter(call, "outcome");
    const char *number = web_call_parameter(call, "number");
    if (direction == NULL || outcome == NULL)
        return NULL;
    const json_t *history = json_object_get(explanation, "history");
    json_t *record = json_array_get(json_object_get(json_object_get(history, direction), outcome),
                                    number != NULL ? strtoul(number, NULL, 10) : 0);
    if (record == NULL)
        return NULL;
    json_object_set(record, "domain", json_object_get(explanation, "domain"));
    json_object_set_new(record, "direction", json_words(direction));
    return json_incref(record);
}

void web_page_explain_diagram(struct web_call *call)
{
    struct text why = TEXT_EMPTY;
    json_t *explanation = ask(call, &why);
    json_t *record = explanation != NULL ? find_record(call, explanation) : NULL;
    web_story_draw(call, record);
    json_decref(record);
    json_decref(explanation);
    text_free(&why);
}
