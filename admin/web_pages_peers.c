/* SPDX-License-Identifier: Apache-2.0 */
/* web_pages_peers - what hangs on us: components, and XMPP servers behind us
 *
 * DIFFERS from external-components-settings.jsp: secrets are not shown, nor sent; they stand in components.conf.
 */
#include "admin/web_pages_peers.h"

#include <string.h>

#include "admin/json_words.h"
#include "admin/web_html.h"
#include "admin/web_page.h"

static void write_state(struct web_call *call, const char *state)
{
    html(&call->body, "<td data-label=\"State\"><span class=\"state %s\">%s</span></td>",
         strcmp(state, "connected") == 0                               ? "good"
         : strcmp(state, "down") == 0 || strcmp(state, "blocked") == 0 ? "bad"
                                                                       : "off",
         state);
}

static void write_streams(struct web_call *call, const json_t *streams)
{
    size_t i;
    const json_t *name;
    html(&call->body, "<td data-label=\"Streams\">");
    json_array_foreach(streams, i, name)
    {
        html(&call->body, "%s", i > 0 ? ", " : "");
        web_page_link(call, "/sessions/details", "domain-or-stream", json_string_value(name), NULL);
    }
    if (json_array_size(streams) == 0)
        html(&call->body, "–");
    html(&call->body, "</td>");
}

static void write_components(struct web_call *call, const json_t *components)
{
    size_t i;
    const json_t *each;
    struct text *out = &call->body;
    web_page_head(call, "Components", "Domain|State|Configured|Permission|Streams");
    json_array_foreach(components, i, each)
    {
        html(out, "<tr><th scope=\"row\">%s</th>", json_text(each, "domain"));
        write_state(call, json_text(each, "state"));
        web_page_cell(call, "Configured", json_object_get(each, "configured"));
        web_page_cell(call, "Permission", json_object_get(each, "permission"));
        write_streams(call, json_object_get(each, "streams"));
        html(out, "</tr>\n");
    }
    if (json_array_size(components) == 0)
        html(out, "<tr><td colspan=\"5\" class=\"hint\">none</td></tr>\n");
    html(out, "</tbody></table>\n");
}

static void write_upstreams(struct web_call *call, const json_t *upstreams)
{
    size_t i;
    const json_t *each;
    struct text *out = &call->body;
    web_page_head(call, "XMPP servers behind us",
                  "Host|State|Domains|Addresses|TLS|Streams|Failure");
    json_array_foreach(upstreams, i, each)
    {
        html(out, "<tr><th scope=\"row\">%s:%lld</th>", json_text(each, "host"),
             (long long)json_integer_value(json_object_get(each, "port")));
        write_state(call, json_text(each, "state"));
        web_page_cell(call, "Domains", json_object_get(each, "domains"));
        web_page_cell(call, "Addresses", json_object_get(each, "addresses"));
        web_page_cell(call, "TLS", json_object_get(each, "tls"));
        write_streams(call, json_object_get(each, "streams"));
        web_page_cell(call, "Failure", json_object_get(each, "failure"));
        html(out, "</tr>\n");
    }
    if (json_array_size(upstreams) == 0)
        html(out, "<tr><td colspan=\"7\" class=\"hint\">none</td></tr>\n");
    html(out, "</tbody></table>\n");
}

/* write_listener - where components connect */
static void write_listener(struct web_call *call, const json_t *listeners)
{
    size_t i;
    const json_t *each;
    struct text *out = &call->body;
    json_array_foreach(listeners, i, each)
    {
        bool open = json_is_true(json_object_get(each, "open"));
        long long port = json_integer_value(json_object_get(each, "port"));
        if (strcmp(json_text(each, "listener"), "component") != 0)
            continue;
        html(out,
             "<section class=\"card\"><h2>Where components connect <span class=\"state "
             "%s\">%s</span></h2>\n"
             "<p>Port %lld at %s. Secrets and permissions stand in components.conf.</p>\n"
             "<div class=\"row\">",
             open ? "good" : "off", open ? "open" : "closed", port, json_text(each, "address"));
        web_page_form(call, open ? "/listeners/disable" : "/listeners/enable");
        web_page_hidden(call, "listener", "component");
        html(out, "<button name=\"%s\" class=\"%s\">%s</button></form>\n",
             open ? "disable" : "enable", open ? "danger" : "main", open ? "Disable" : "Enable");
        web_page_form(call, "/listeners/move");
        web_page_hidden(call, "listener", "component");
        html(out,
             "<label for=\"port\">Other port</label> <input id=\"port\" name=\"port\" "
             "type=\"number\" min=\"1\" max=\"65535\" required value=\"%lld\"> "
             "<button name=\"move\">Move</button></form></div></section>\n",
             port);
    }
}

void web_page_peers(struct web_call *call)
{
    struct text why = TEXT_EMPTY;
    json_t *components = web_call_result(call, "components", NULL, 0, &why);
    json_t *upstreams = web_call_result(call, "upstreams", NULL, 0, &why);
    json_t *listeners = web_call_result(call, "listeners", NULL, 0, &why);
    web_page_begin_fresh(call, "Components", 15);
    if (why.length > 0)
        web_page_error(call, text_string(&why));
    html(&call->body, "<div id=\"peers\" data-live=\"5\">\n<div class=\"card\">");
    write_components(call, components);
    html(&call->body, "</div>\n<div class=\"card\">");
    write_upstreams(call, upstreams);
    html(&call->body, "</div></div>\n");
    write_listener(call, listeners);
    web_page_end(call);
    json_decref(components);
    json_decref(upstreams);
    json_decref(listeners);
    text_free(&why);
}
