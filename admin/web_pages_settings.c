/* SPDX-License-Identifier: Apache-2.0 */
/* web_pages_settings - settings, DNS overrides, the audit log, the account
 *
 * A secret is never sent to the browser: what is written into its field replaces it.
 */
#include "admin/web_pages_settings.h"

#include <string.h>

#include "admin/json_words.h"
#include "admin/web_html.h"
#include "admin/web_page.h"
#include "admin/web_password.h"
#include "server/config_value.h"

#define AUDIT_SHOWN "100"

/* --- settings --- */

static void write_setting(struct web_call *call, const json_t *setting)
{
    struct text *out = &call->body;
    const char *source = json_text(setting, "source");
    html(out, "<tr><th scope=\"row\">");
    web_page_link(call, "/settings/edit", "setting", json_text(setting, "setting"), NULL);
    html(out, "<p class=\"hint\">%s</p></th>", json_text(setting, "help"));
    web_page_cell(call, "Value", json_object_get(setting, "value"));
    web_page_cell(call, "Default", json_object_get(setting, "default"));
    html(out, "<td data-label=\"From\">%s%s</td></tr>\n",
         strcmp(source, "settings.conf") == 0 ? "changed here" : source,
         json_is_true(json_object_get(setting, "restart")) ? " (next start)" : "");
}

void web_page_settings(struct web_call *call)
{
    struct text why = TEXT_EMPTY;
    struct text *out = &call->body;
    struct web_argument arguments[] = {{"pattern", web_call_parameter(call, "pattern")},
                                       {"changed", web_call_parameter(call, "changed")}};
    json_t *settings = web_call_result(call, "settings", arguments, 2, &why);
    size_t i;
    const json_t *each;
    web_page_begin(call, "Settings");
    html(out,
         "<form method=\"get\" action=\"/settings\" class=\"row\"><label for=\"pattern\">Name "
         "contains</label> <input id=\"pattern\" name=\"pattern\" value=\"%s\" "
         "autocapitalize=\"none\" "
         "spellcheck=\"false\"> <label class=\"check\"><input type=\"checkbox\" name=\"changed\" "
         "value=\"yes\"%s> only those changed here</label> <button>Show</button></form>\n",
         arguments[0].value, arguments[1].value != NULL ? " checked" : "");
    if (settings == NULL)
        web_page_error(call, text_string(&why));
    html(out, "<div class=\"card settings\">");
    web_page_head(call, "Settings", "Setting|Value|Default|From");
    json_array_foreach(settings, i, each)
    {
        write_setting(call, each);
    }
    if (json_array_size(settings) == 0)
        html(out, "<tr><td colspan=\"4\" class=\"hint\">none</td></tr>\n");
    html(out, "</tbody></table></div>\n");
    web_page_end(call);
    json_decref(settings);
    text_free(&why);
}

/* write_choice - the words that the setting can be; false: it has none */
static bool write_choice(struct text *out, const char *name, const char *value)
{
    static const char *const truths[] = {"true", "false", NULL};
    const struct config_row *row = config_value_find(name);
    const char *const *words = row == NULL                   ? NULL
                               : row->type == CONFIG_BOOLEAN ? truths
                               : row->type == CONFIG_CHOICE  ? row->words
                                                             : NULL;
    if (words == NULL)
        return false;
    html(out, "<select id=\"value\" name=\"value\">");
    for (; *words != NULL; words++)
        html(out, "<option%s>%s</option>", strcmp(*words, value) == 0 ? " selected" : "", *words);
    html(out, "</select></p>\n");
    return true;
}

static void write_edit(struct web_call *call, const json_t *setting)
{
    struct text *out = &call->body;
    const char *name = json_text(setting, "setting");
    bool secret = json_is_true(json_object_get(setting, "secret"));
    html(out, "<section class=\"card\"><h2>%s</h2>\n<p>%s</p>\n<dl class=\"facts\">\n", name,
         json_text(setting, "help"));
    web_page_fact(call, "Value", json_object_get(setting, "value"));
    web_page_fact(call, "Default", json_object_get(setting, "default"));
    web_page_fact(call, "From", json_object_get(setting, "source"));
    web_page_fact(call, "Accepted", json_object_get(setting, "accepted"));
    html(out, "</dl>\n");
    if (json_is_true(json_object_get(setting, "restart")))
        html(out, "<p class=\"said warn\">A change comes into force at the next start.</p>\n");
    web_page_form(call, "/settings/set");
    web_page_hidden(call, "setting", name);
    html(out, "<p><label for=\"value\">New value</label> ");
    if (!write_choice(out, name, json_text(setting, "value")))
        html(out,
             "<input id=\"value\" name=\"value\" type=\"%s\" class=\"wide\" autocomplete=\"off\" "
             "autocapitalize=\"none\" spellcheck=\"false\" value=\"%s\"></p>\n",
             secret ? "password" : "text", secret ? "" : json_text(setting, "value"));
    html(out, "<p><button name=\"save\" class=\"main\">Save</button></p></form>\n");
    if (strcmp(json_text(setting, "source"), "settings.conf") == 0) {
        web_page_form(call, "/settings/unset");
        web_page_hidden(call, "setting", name);
        html(out, "<p>It was changed while the server ran. <button name=\"unset\">Take that "
                  "back</button></p></form>\n");
    }
    html(out, "</section>\n");
}

void web_page_setting(struct web_call *call)
{
    struct text why = TEXT_EMPTY;
    const char *name = web_call_parameter(call, "setting");
    struct web_argument argument = {"setting", name != NULL ? name : ""};
    json_t *setting = web_call_result(call, "get", &argument, 1, &why);
    web_page_begin(call, "Setting");
    html(&call->body, "<p><a href=\"/settings\">All settings</a></p>\n");
    if (setting == NULL)
        html(&call->body, "<p>%s</p>\n", text_string(&why));
    else
        write_edit(call, setting);
    web_page_end(call);
    json_decref(setting);
    text_free(&why);
}

/* --- DNS overrides --- */

static void write_override(struct web_call *call, const json_t *row)
{
    struct text *out = &call->body;
    const char *pattern = json_text(row, "pattern");
    const json_t *port = json_object_get(row, "port");
    html(out, "<tr><th scope=\"row\">%s</th>", pattern);
    web_page_cell(call, "Host", json_object_get(row, "host"));
    html(out, "<td data-label=\"Port\">");
    if (json_is_integer(port))
        html_json(out, port);
    else
        html(out, "the usual one");
    html(out, "</td><td>");
    web_page_form(call, "/dns-overrides/remove");
    web_page_hidden(call, "pattern", pattern);
    html(out,
         "<button name=\"remove\">Remove<span class=\"unseen\"> "
         "%s</span></button></form></td></tr>\n",
         pattern);
}

void web_page_overrides(struct web_call *call)
{
    struct text why = TEXT_EMPTY;
    struct text *out = &call->body;
    json_t *rows = web_call_result(call, "overrides", NULL, 0, &why);
    size_t i;
    const json_t *row;
    web_page_begin(call, "DNS overrides");
    html(out,
         "<p>Where domains are found without asking the DNS. The exact domain comes first, then "
         "the longest <code>*.suffix</code>, then <code>*</code>: they stand in this order.</p>\n"
         "<section class=\"card\">");
    web_page_head(call, "Overrides", "Pattern|Host|Port|");
    json_array_foreach(rows, i, row)
    {
        write_override(call, row);
    }
    if (json_array_size(rows) == 0)
        html(out, "<tr><td colspan=\"4\" class=\"hint\">none</td></tr>\n");
    html(out, "</tbody></table></section>\n<section class=\"card\"><h2>Add or change</h2>\n");
    web_page_form(call, "/dns-overrides/set");
    html(
        out,
        "<p><label for=\"pattern\">Pattern</label> <input id=\"pattern\" name=\"pattern\" required "
        "maxlength=\"900\" placeholder=\"example.net, *.example.net or *\" autocapitalize=\"none\" "
        "spellcheck=\"false\"></p>\n<p><label for=\"host\">Host</label> <input id=\"host\" "
        "name=\"host\" required maxlength=\"255\" placeholder=\"a name or an address\" "
        "autocapitalize=\"none\" spellcheck=\"false\"></p>\n<p><label for=\"port\">Port</label> "
        "<input id=\"port\" name=\"port\" type=\"number\" min=\"1\" max=\"65535\" "
        "placeholder=\"5269\"></p>\n<p><button name=\"save-override\" "
        "class=\"main\">Save</button></p></form></section>\n");
    web_page_end(call);
    json_decref(rows);
    text_free(&why);
}

/* --- the audit log --- */

static void write_line(struct web_call *call, const json_t *line)
{
    struct text *out = &call->body;
    const json_t *who = json_object_get(line, "who");
    const char *outcome = json_text(line, "outcome");
    html(out, "<tr><td data-label=\"When\">");
    html_time(out, json_object_get(line, "time"));
    html(out,
         "</td><td data-label=\"Who\">%s<br><span class=\"hint\">%s</span></td><td "
         "data-label=\"What\"><b>%s</b><br>",
         json_text(who, "user"), json_text(who, "via"), json_text(line, "command"));
    html_json(out, json_object_get(line, "arguments"));
    html(out, "</td>");
    web_page_cell(call, "Before", json_object_get(line, "before"));
    web_page_cell(call, "After", json_object_get(line, "after"));
    html(out, "<td data-label=\"Outcome\"><span class=\"state %s\">%s</span> %s</td></tr>\n",
         strcmp(outcome, "ok") == 0 ? "good" : "bad", outcome, json_text(line, "error"));
}

void web_page_audit(struct web_call *call)
{
    struct text why = TEXT_EMPTY;
    struct text *out = &call->body;
    const char *asked = web_call_parameter(call, "last");
    struct web_argument last = {"last", asked != NULL ? asked : AUDIT_SHOWN};
    json_t *lines = web_call_result(call, "audit", &last, 1, &why);
    web_page_begin(call, "Audit log");
    html(out,
         "<form method=\"get\" action=\"/audit\" class=\"row\"><label for=\"last\">How "
         "many</label> <input id=\"last\" name=\"last\" type=\"number\" min=\"1\" max=\"10000\" "
         "value=\"%s\"> <button>Show</button></form>\n",
         last.value);
    if (lines == NULL)
        web_page_error(call, text_string(&why));
    html(out, "<div class=\"card\">");
    web_page_head(call, "Changes, the last first", "When|Who|What|Before|After|Outcome");
    for (size_t i = json_array_size(lines); i > 0; i--)
        write_line(call, json_array_get(lines, i - 1));
    html(out, "</tbody></table></div>\n");
    web_page_end(call);
    json_decref(lines);
    text_free(&why);
}

/* --- the account --- */

static void write_sessions(struct web_call *call, const json_t *sessions)
{
    struct text *out = &call->body;
    size_t i;
    const json_t *each;
    web_page_head(call, "Who is logged in", "User|From|Since|Idle");
    json_array_foreach(sessions, i, each)
    {
        html(out, "<tr>");
        web_page_cell(call, "User", json_object_get(each, "user"));
        web_page_cell(call, "From", json_object_get(each, "peer"));
        html(out, "<td data-label=\"Since\">");
        html_seconds(out, json_integer_value(json_object_get(each, "age_seconds")));
        html(out, "</td><td data-label=\"Idle\">");
        html_seconds(out, json_integer_value(json_object_get(each, "idle_seconds")));
        html(out, "</td></tr>\n");
    }
    html(out, "</tbody></table>\n");
}

void web_page_account(struct web_call *call)
{
    struct text why = TEXT_EMPTY;
    struct text *out = &call->body;
    json_t *console = web_call_result(call, "console", NULL, 0, &why);
    web_page_begin(call, "Account");
    html(out, "<section class=\"card narrow\"><h2>Change the password</h2>\n");
    web_page_form(call, "/account/password");
    html(out,
         "<input class=\"unseen\" name=\"user\" value=\"%s\" autocomplete=\"username\" readonly "
         "tabindex=\"-1\" aria-hidden=\"true\">"
         "<p><label for=\"current\">The one of now</label><input id=\"current\" name=\"current\" "
         "type=\"password\" autocomplete=\"current-password\" required></p>\n"
         "<p><label for=\"password\">The new one, %d characters or more</label><input "
         "id=\"password\" name=\"password\" type=\"password\" autocomplete=\"new-password\" "
         "minlength=\"%d\" maxlength=\"%d\" required></p>\n<p><label for=\"again\">Once "
         "more</label><input id=\"again\" name=\"again\" type=\"password\" "
         "autocomplete=\"new-password\" required></p>\n<p><button name=\"save-password\" "
         "class=\"main\">Change it</button></p></form>\n<p class=\"hint\">Everybody else is logged "
         "out.</p></section>\n<section class=\"card\">",
         call->session.user, WEB_PASSWORD_MIN, WEB_PASSWORD_MIN, WEB_PASSWORD_MAX);
    write_sessions(call, json_object_get(console, "sessions"));
    html(out, "<p class=\"hint\">The console is at ");
    html_json(out, json_object_get(console, "places"));
    html(out, ".</p></section>\n");
    web_page_end(call);
    json_decref(console);
    text_free(&why);
}
