/* SPDX-License-Identifier: Apache-2.0 */
/* web_pages_overview - the page that shows what runs, how much of it, and what waits for somebody; counters and commands
 *
 * The parts with numbers are live; the buttons are not among them, so that nothing is taken away under a finger.
 */
#include "admin/web_pages_overview.h"

#include <string.h>

#include "admin/control_commands.h"
#include "admin/json_words.h"
#include "admin/web_chart.h"
#include "admin/web_html.h"
#include "admin/web_page.h"
#include "admin/web_routes.h"

#define FAILURES_SHOWN 5

static json_int_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void tile(struct text *out, const char *path, const char *name, json_int_t value)
{
    html(out, "<a class=\"tile\" href=\"%s\"><b>%lld</b> %s</a>\n", path, (long long)value, name);
}

static void write_tiles(struct web_call *call, const json_t *status, size_t failures)
{
    struct text *out = &call->body;
    const json_t *sessions = json_object_get(status, "sessions");
    html(out, "<div class=\"tiles\">\n");
    tile(out, "/sessions", "incoming sessions", number(sessions, "incoming"));
    tile(out, "/sessions", "outgoing sessions", number(sessions, "outgoing"));
    tile(out, "/components", "components", number(sessions, "components"));
    tile(out, "/failures", "domains that failed last", (json_int_t)failures);
    html(out, "</div>\n");
}

static void write_charts(struct web_call *call)
{
    struct text why = TEXT_EMPTY;
    struct web_argument last = {"last", "300"};
    json_t *samples = web_call_result(call, "rates", &last, 1, &why);
    static const struct web_chart charts[] = {
        {"Sessions",
         {"incoming", "outgoing", "components"},
         {"in", "out", "components"},
         false,
         300},
        {"Stanzas per second", {"stanzas_in", "stanzas_out"}, {"in", "out"}, false, 300},
        {"Bytes per second", {"bytes_in", "bytes_out"}, {"in", "out"}, true, 300},
    };
    html(&call->body, "<div class=\"charts\">\n");
    for (size_t i = 0; i < sizeof charts / sizeof charts[0]; i++)
        web_chart_write(&charts[i], samples, &call->body);
    html(&call->body, "</div>\n");
    json_decref(samples);
    text_free(&why);
}

static void write_waiting(struct web_call *call, const json_t *status)
{
    const json_t *waiting = json_object_get(status, "restart_needed");
    if (json_array_size(waiting) == 0)
        return;
    html(&call->body, "<p class=\"said warn\">These settings wait for the next start: ");
    html_json(&call->body, waiting);
    html(&call->body, "</p>\n");
}

static void write_facts(struct web_call *call, const json_t *status)
{
    struct text *out = &call->body;
    html(out, "<section class=\"card\"><h2>This server</h2>\n<dl class=\"facts\">\n");
    html(out, "<div><dt>Version</dt><dd>%s %s</dd></div>\n", json_text(status, "software"),
         json_text(status, "version"));
    web_page_fact(call, "Domains", json_object_get(status, "domains"));
    html(out, "<div><dt>Runs since</dt><dd>");
    html_time(out, json_object_get(status, "since"));
    html(out, " (");
    html_seconds(out, number(status, "uptime_seconds"));
    html(out, ")</dd></div>\n");
    web_page_fact(call, "Process", json_object_get(status, "pid"));
    web_page_fact(call, "Settings", json_object_get(status, "settings_file"));
    web_page_fact(call, "Home", json_object_get(status, "home"));
    web_page_fact(call, "Log level", json_object_get(status, "log_level"));
    html(out, "</dl></section>\n");
}

static void write_listeners(struct web_call *call, const json_t *status)
{
    size_t i;
    const json_t *each;
    struct text *out = &call->body;
    html(out, "<section class=\"card\">");
    web_page_head(call, "Listeners", "Listener|State|Port|Address");
    json_array_foreach(json_object_get(status, "listeners"), i, each)
    {
        html(out, "<tr>");
        web_page_cell(call, "Listener", json_object_get(each, "listener"));
        bool open = json_is_true(json_object_get(each, "open"));
        html(out, "<td data-label=\"State\"><span class=\"state %s\">%s</span></td>",
             open ? "good" : "off", open ? "open" : "closed");
        web_page_cell(call, "Port", json_object_get(each, "port"));
        web_page_cell(call, "Address", json_object_get(each, "address"));
        html(out, "</tr>\n");
    }
    html(out, "</tbody></table>\n<p><a href=\"/server-to-server\">Change</a></p></section>\n");
}

static void write_failures(struct web_call *call, const json_t *failures)
{
    size_t i;
    const json_t *each;
    struct text *out = &call->body;
    if (json_array_size(failures) == 0)
        return;
    html(out, "<section class=\"card\"><h2>Failed last</h2>\n<ul class=\"plain\">\n");
    json_array_foreach(failures, i, each)
    {
        if (i == FAILURES_SHOWN)
            break;
        html(out, "<li>");
        web_page_link(call, "/explain", "domain", json_text(each, "domain"), NULL);
        html(out, " <span class=\"hint\">%s</span><br>%s</li>\n", json_text(each, "direction"),
             json_text(each, "why"));
    }
    html(out, "</ul>\n<p><a href=\"/failures\">All failures</a></p></section>\n");
}

static void write_end(struct web_call *call, const char *action, const char *name, const char *text,
                      const char *help)
{
    web_page_form(call, action);
    html(&call->body,
         "<p>%s</p><p><label class=\"check\"><input type=\"checkbox\" name=\"confirm\" "
         "value=\"yes\" required> Yes, end this server</label> "
         "<button name=\"%s\" class=\"danger\">%s</button></p></form>\n",
         help, name, text);
}

static void write_buttons(struct web_call *call)
{
    html(&call->body, "<section class=\"card\"><h2>Operation</h2>\n");
    web_page_form(call, "/server/reload");
    html(&call->body,
         "<p>Read the settings, rows and certificates again. When anything is wrong in them, all "
         "stays as it was.</p><p><button name=\"reload\">Read the settings again</button></p>"
         "</form>\n<details><summary>End the server</summary>\n");
    write_end(call, "/server/drain", "drain", "Drain and end",
              "No new connections; every stream is told and has time to end.");
    write_end(call, "/server/stop", "stop", "End at once",
              "Every stream is told and not waited for.");
    html(&call->body, "</details></section>\n");
}

void web_page_overview(struct web_call *call)
{
    struct text why = TEXT_EMPTY;
    json_t *status = web_call_result(call, "status", NULL, 0, &why);
    json_t *failures = web_call_result(call, "failures", NULL, 0, &why);
    web_page_begin_fresh(call, "Overview", 10);
    if (status == NULL) {
        web_page_error(call, text_string(&why));
    } else {
        html(&call->body, "<div id=\"numbers\" data-live=\"2\">\n");
        write_tiles(call, status, json_array_size(failures));
        write_charts(call);
        html(&call->body, "</div>\n");
        write_waiting(call, status);
        html(&call->body, "<div class=\"flow\">\n");
        write_failures(call, failures);
        write_listeners(call, status);
        write_facts(call, status);
        write_buttons(call);
        html(&call->body, "</div>\n");
    }
    web_page_end(call);
    json_decref(status);
    json_decref(failures);
    text_free(&why);
}

/* --- counters --- */

void web_page_counters(struct web_call *call)
{
    struct text why = TEXT_EMPTY;
    json_t *metrics = web_call_result(call, "metrics", NULL, 0, &why), *value;
    const char *name;
    web_page_begin_fresh(call, "Counters", 10);
    html(&call->body, "<p>Since the process began. Prometheus gets these and more from "
                      "<code>/metrics</code> on its own port: <code>s2s.metrics.port</code>.</p>\n"
                      "<div id=\"counters\" class=\"card\" data-live=\"3\">\n");
    if (metrics == NULL)
        web_page_error(call, text_string(&why));
    web_page_head(call, "Counters", "Name|Value");
    json_object_foreach(metrics, name, value)
    {
        html(&call->body, "<tr><th scope=\"row\">%s</th>", name);
        web_page_cell(call, "Value", value);
        html(&call->body, "</tr>\n");
    }
    html(&call->body, "</tbody></table></div>\n");
    web_page_end(call);
    json_decref(metrics);
    text_free(&why);
}

/* --- commands --- */

/* write_places - the pages from which the command is run; of forms the page on which they stand */
static void write_places(struct web_call *call, const char *command)
{
    size_t wanted = strlen(command);
    const char *before = "";
    for (size_t i = 0; i < web_route_count; i++) {
        const struct web_route *route = &web_routes[i];
        const char *page = route->post ? route->section : route->path;
        const char *list = route->commands;
        for (size_t length; *list != '\0'; list += length + (list[length] == ',')) {
            length = strcspn(list, ",");
            if (length != wanted || strncmp(list, command, length) != 0 ||
                (before[0] != '\0' && strcmp(page, before) == 0))
                continue;
            html(&call->body, "%s<a href=\"%s\"><code>%s</code></a>", before[0] != '\0' ? " " : "",
                 page, page);
            before = page;
        }
    }
}

void web_page_commands(struct web_call *call)
{
    struct text why = TEXT_EMPTY;
    json_t *commands = web_call_result(call, "help", NULL, 0, &why);
    size_t i;
    const json_t *each;
    web_page_begin(call, "Commands");
    html(&call->body,
         "<p>What can be done here can be done from the shell as well, by "
         "<code>openfire-s2sctl</code>, and the other way round; both use the same table. "
         "<code>openfire-s2sctl import</code> alone is for the shell: it reads files.</p>\n"
         "<div class=\"card\">");
    web_page_head(call, "Commands", "Command|What it does|Here");
    json_array_foreach(commands, i, each)
    {
        html(&call->body,
             "<tr><td data-label=\"Command\"><code>%s</code></td><td data-label=\"What it "
             "does\">%s</td><td data-label=\"Here\" data-command=\"%s\">",
             json_text(each, "usage"), json_text(each, "help"), json_text(each, "command"));
        write_places(call, json_text(each, "command"));
        html(&call->body, "</td></tr>\n");
    }
    html(&call->body, "</tbody></table></div>\n");
    web_page_end(call);
    json_decref(commands);
    text_free(&why);
}
