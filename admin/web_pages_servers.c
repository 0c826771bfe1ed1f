/* SPDX-License-Identifier: Apache-2.0 */
/* web_pages_servers - the page Server to Server: the service, how long it waits, and who may connect
 *
 * Openfire: server2server-settings.jsp, part by part: service and port, direct TLS, idle connections, allowed to connect, blocked.
 * DIFFERS: each part has a button of its own, so that nothing is changed that was only shown.
 */
#include "admin/web_pages_servers.h"

#include <stdlib.h>
#include <string.h>

#include "admin/json_words.h"
#include "admin/web_html.h"
#include "admin/web_page.h"

static void write_listener(struct web_call *call, const json_t *listener, const char *title,
                           const char *help)
{
    struct text *out = &call->body;
    const char *name = json_text(listener, "listener");
    bool open = json_is_true(json_object_get(listener, "open"));
    long long port = json_integer_value(json_object_get(listener, "port"));
    html(out, "<section class=\"card\"><h2>%s <span class=\"state %s\">%s</span></h2>\n<p>%s</p>\n",
         title, open ? "good" : "off", open ? "open" : "closed", help);
    html(out, "<dl class=\"facts\"><div><dt>Port</dt><dd>%lld</dd></div>", port);
    web_page_fact(call, "Address", json_object_get(listener, "address"));
    html(out, "</dl>\n<div class=\"row\">");
    web_page_form(call, open ? "/listeners/disable" : "/listeners/enable");
    web_page_hidden(call, "listener", name);
    html(out, "<button name=\"%s\" class=\"%s\">%s</button></form>\n", open ? "disable" : "enable",
         open ? "danger" : "main", open ? "Disable" : "Enable");
    web_page_form(call, "/listeners/move");
    web_page_hidden(call, "listener", name);
    html(out,
         "<label for=\"port-%s\">Other port</label> <input id=\"port-%s\" name=\"port\" "
         "type=\"number\" min=\"1\" max=\"65535\" required value=\"%lld\"> "
         "<button name=\"move\">Move</button></form></div></section>\n",
         name, name, port);
}

static void write_listeners(struct web_call *call, const json_t *listeners)
{
    size_t i;
    const json_t *each;
    json_array_foreach(listeners, i, each)
    {
        const char *name = json_text(each, "listener");
        if (strcmp(name, "server") == 0)
            write_listener(call, each, "Service",
                           "Other servers connect here (STARTTLS). Live sessions stay when it is "
                           "moved or disabled.");
        else if (strcmp(name, "direct-tls") == 0)
            write_listener(call, each, "Direct TLS",
                           "The same, with TLS from the first byte (XEP-0368). Open only while "
                           "there is a certificate and the service is enabled.");
    }
}

static void write_idle(struct web_call *call, const json_t *setting)
{
    struct text *out = &call->body;
    long long idle = strtoll(json_text(setting, "value"), NULL, 10);
    html(out, "<section class=\"card\"><h2>Idle sessions</h2>\n");
    web_page_form(call, "/server-to-server/idle");
    html(out,
         "<fieldset><legend>A session without traffic</legend>\n<p><label class=\"check\"><input "
         "type=\"radio\" name=\"idle\" value=\"after\"%s> is closed after</label> "
         "<label><input name=\"minutes\" type=\"number\" min=\"1\" max=\"35000\" step=\"any\" "
         "value=\"",
         idle > 0 ? " checked" : "");
    if (idle > 0 && idle % 60000 != 0)
        text_appendf(out, "%.2f", (double)idle / 60000);
    else
        html(out, "%lld", idle > 0 ? idle / 60000 : 30);
    html(out,
         "\"> minutes</label></p>\n<p><label class=\"check\"><input type=\"radio\" name=\"idle\" "
         "value=\"never\"%s> is never closed</label></p></fieldset>\n"
         "<p><button name=\"save-idle\">Save</button></p></form></section>\n",
         idle > 0 ? "" : " checked");
}

static void write_policy(struct web_call *call, const json_t *permissions)
{
    struct text *out = &call->body;
    bool white = strcmp(json_text(permissions, "policy"), "whitelist") == 0;
    html(out, "<section class=\"card\"><h2>Who may connect</h2>\n");
    web_page_form(call, "/permissions/policy");
    html(out,
         "<fieldset><legend>Servers that stand in neither list below</legend>\n"
         "<p><label class=\"check\"><input type=\"radio\" name=\"policy\" value=\"blacklist\"%s> "
         "may connect (blacklist)</label></p>\n<p><label class=\"check\"><input type=\"radio\" "
         "name=\"policy\" value=\"whitelist\"%s> may not (whitelist)</label></p></fieldset>\n"
         "<p class=\"hint\">Sessions that are no longer permitted end. %s</p>\n"
         "<p><button name=\"save-policy\">Save</button></p></form></section>\n",
         white ? "" : " checked", white ? " checked" : "",
         json_is_true(json_object_get(permissions, "recursive"))
             ? "A row of a domain holds for its subdomains that have none of their own."
             : "A row of a domain does not hold for its subdomains.");
}

static void write_rows(struct web_call *call, const json_t *rows, const char *permission)
{
    struct text *out = &call->body;
    bool allowed = strcmp(permission, "allowed") == 0;
    size_t i, shown = 0;
    const json_t *row;
    web_page_head(call, allowed ? "Allowed" : "Blocked",
                  allowed ? "Domain|Port|Security|" : "Domain|Security|");
    json_array_foreach(rows, i, row)
    {
        bool blocked = strcmp(json_text(row, "permission"), "blocked") == 0;
        if (blocked == allowed)
            continue;
        shown++;
        html(out, "<tr><th scope=\"row\">%s</th>", json_text(row, "domain"));
        long long port = json_integer_value(json_object_get(row, "port"));
        if (allowed && port > 0)
            html(out, "<td data-label=\"Port\">%lld</td>", port);
        else if (allowed)
            html(out, "<td data-label=\"Port\">as the DNS says</td>");
        web_page_cell(call, "Security", json_object_get(row, "security"));
        html(out, "<td>");
        web_page_form(call, "/permissions/remove");
        web_page_hidden(call, "domain", json_text(row, "domain"));
        html(out,
             "<button name=\"remove\">Remove<span class=\"unseen\"> "
             "%s</span></button></form></td></tr>\n",
             json_text(row, "domain"));
    }
    if (shown == 0)
        html(out, "<tr><td colspan=\"4\" class=\"hint\">none</td></tr>\n");
    html(out, "</tbody></table>\n");
}

static void write_lists(struct web_call *call, const json_t *rows)
{
    struct text *out = &call->body;
    html(out, "<section class=\"card\">");
    write_rows(call, rows, "allowed");
    web_page_form(call, "/permissions/allow");
    html(out,
         "<div class=\"row\"><span class=\"pair long\"><label for=\"allow-domain\">Domain</label> "
         "<input id=\"allow-domain\" name=\"domain\" required maxlength=\"900\" "
         "autocapitalize=\"none\" spellcheck=\"false\"></span> <span class=\"pair\"><label "
         "for=\"allow-port\">Port</label> <input id=\"allow-port\" name=\"port\" "
         "type=\"number\" min=\"0\" max=\"65535\" placeholder=\"DNS\"></span> <button "
         "name=\"allow\" class=\"main\">Allow</button></div>"
         "</form></section>\n<section class=\"card\">");
    write_rows(call, rows, "blocked");
    web_page_form(call, "/permissions/block");
    html(out, "<div class=\"row\"><span class=\"pair long\"><label for=\"block-domain\">Domain"
              "</label> <input id=\"block-domain\" name=\"domain\" required maxlength=\"900\" "
              "autocapitalize=\"none\" spellcheck=\"false\"></span> <button name=\"block\" "
              "class=\"danger\">Block</button></div></form>\n<p class=\"hint\">Its live sessions "
              "end.</p></section>\n");
}

void web_page_servers(struct web_call *call)
{
    struct text why = TEXT_EMPTY;
    struct web_argument idle = {"setting", "xmpp.server.session.idle"};
    json_t *listeners = web_call_result(call, "listeners", NULL, 0, &why);
    json_t *permissions = web_call_result(call, "permissions", NULL, 0, &why);
    json_t *setting = web_call_result(call, "get", &idle, 1, &why);
    web_page_begin(call, "Server to Server");
    if (why.length > 0)
        web_page_error(call, text_string(&why));
    html(&call->body, "<div class=\"flow\">\n");
    write_listeners(call, listeners);
    write_idle(call, setting);
    write_policy(call, permissions);
    write_lists(call, json_object_get(permissions, "rows"));
    html(&call->body,
         "</div>\n<p>TLS, certificates, dialback and limits are in "
         "<a href=\"/settings?pattern=xmpp.server\">Settings</a>; where single domains "
         "are found, in <a href=\"/dns-overrides\">DNS overrides</a>.</p>\n");
    web_page_end(call);
    json_decref(listeners);
    json_decref(permissions);
    json_decref(setting);
    text_free(&why);
}
