/* SPDX-License-Identifier: Apache-2.0 */
/* web_page - what all pages of the web console have in common
 *
 * The navigation stands before the contents, with a link that leads past it. On a narrow screen it is hidden until the link "Menu" at
 * the top has made it the target of the address (:target), which needs no script.
 */
#include "admin/web_page.h"

#include <stdlib.h>
#include <string.h>

#include "admin/web_assets.h"
#include "admin/web_html.h"
#include "admin/web_routes.h"
#include "server/config.h"
#include "server/xmpp_server.h"

static const struct {
    const char *path, *text;
} NAVIGATION[] = {
    {"/", "Overview"},         {"/server-to-server", "Server to Server"},
    {"/sessions", "Sessions"}, {"/components", "Components"},
    {"/failures", "Failures"}, {"/check", "Connection test"},
    {"/trace", "Follow live"}, {"/dns-overrides", "DNS overrides"},
    {"/settings", "Settings"}, {"/audit", "Audit log"},
    {"/counters", "Counters"}, {"/commands", "Commands"},
    {"/account", "Account"},
};

static void write_head(struct web_call *call, const char *title, int seconds)
{
    struct text *out = &call->body;
    const struct config *config = config_get();
    html(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
              "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
              "<meta name=\"color-scheme\" content=\"light dark\">\n");
    html(out, "<title>%s – %s – openfire-s2s</title>\n", title, config->xmpp_domain);
    html(out, "<link rel=\"stylesheet\" href=\"/style.css?v=%s\">\n", web_assets_version());
    html(out, "<link rel=\"icon\" href=\"/icon.svg?v=%s\">\n", web_assets_version());
    if (seconds > 0)
        html(out, "<noscript><meta http-equiv=\"refresh\" content=\"%d\"></noscript>\n", seconds);
    html(out, "<script src=\"/console.js?v=%s\" defer></script>\n</head>\n", web_assets_version());
    config_unref(config);
}

static void write_navigation(struct web_call *call)
{
    struct text *out = &call->body;
    html(out, "<nav id=\"menu\" aria-label=\"Main\">\n<ul>\n");
    for (size_t i = 0; i < sizeof NAVIGATION / sizeof NAVIGATION[0]; i++) {
        bool here = strcmp(NAVIGATION[i].path, call->route->section) == 0;
        html(out, "<li><a href=\"%s\"", NAVIGATION[i].path);
        if (here)
            html(out, " aria-current=\"page\"");
        html(out, ">%s</a></li>\n", NAVIGATION[i].text);
    }
    html(out, "</ul>\n<a class=\"close\" href=\"#top\">Close the menu</a>\n</nav>\n");
}

/* write_top - the bar at the top: whose server, who is logged in */
static void write_top(struct web_call *call)
{
    struct text *out = &call->body;
    const struct config *config = config_get();
    html(out,
         "<body id=\"top\">\n<a class=\"skip\" href=\"#content\">To the contents</a>\n"
         "<header class=\"top\">\n<a class=\"brand\" href=\"/\">openfire-s2s "
         "<b>%s</b></a>\n",
         config->xmpp_domain);
    config_unref(config);
    if (call->session_id[0] != '\0') {
        html(out, "<a class=\"menu\" href=\"#menu\">Menu</a>\n");
        web_page_form(call, "/logout");
        html(out,
             "<span class=\"hint\">%s</span> <button name=\"logout\">Log out</button></form>\n",
             call->session.user);
    }
    html(out, "</header>\n");
}

/* write_said - what was done last, or could not be done; to the person, whom a part that the script fetches does not reach */
static void write_said(struct web_call *call)
{
    struct text words = TEXT_EMPTY;
    bool error = false;
    if (call->by_hand && web_session_hear(call->session_id, &error, &words))
        html(&call->body, "<p class=\"said %s\" role=\"%s\">%s</p>\n", error ? "bad" : "good",
             error ? "alert" : "status", text_string(&words));
    text_free(&words);
}

void web_page_begin_fresh(struct web_call *call, const char *title, int seconds)
{
    write_head(call, title, seconds);
    write_top(call);
    html(&call->body, "<div class=\"page\">\n");
    if (call->session_id[0] != '\0')
        write_navigation(call);
    html(&call->body, "<main id=\"content\" tabindex=\"-1\">\n<h1>%s</h1>\n", title);
    if (call->session_id[0] != '\0')
        write_said(call);
}

void web_page_begin(struct web_call *call, const char *title)
{
    web_page_begin_fresh(call, title, 0);
}

void web_page_end(struct web_call *call)
{
    html(&call->body, "</main>\n</div>\n</body>\n</html>\n");
}

void web_page_refuse(struct web_call *call, unsigned status, const char *title, const char *why)
{
    call->status = status;
    web_page_begin(call, title);
    html(&call->body, "<p>%s</p>\n<p><a href=\"/\">To the overview</a></p>\n", why);
    web_page_end(call);
}

void web_page_form(struct web_call *call, const char *action)
{
    html(&call->body, "<form method=\"post\" action=\"%s\">", action);
    web_page_hidden(call, "token", call->session.token);
}

void web_page_hidden(struct web_call *call, const char *name, const char *value)
{
    html(&call->body, "<input type=\"hidden\" name=\"%s\" value=\"%s\">", name, value);
}

void web_page_head(struct web_call *call, const char *caption, const char *columns)
{
    html(&call->body, "<table>\n<caption>%s</caption>\n<thead><tr>", caption);
    for (size_t length; *columns != '\0'; columns += length + (columns[length] == '|')) {
        length = strcspn(columns, "|");
        char *name = text_copy_n(columns, length);
        html(&call->body, "<th scope=\"col\">%s</th>", name);
        free(name);
    }
    html(&call->body, "</tr></thead>\n<tbody>\n");
}

void web_page_cell(struct web_call *call, const char *column, const json_t *value)
{
    html(&call->body, "<td data-label=\"%s\">", column);
    html_json(&call->body, value);
    html(&call->body, "</td>");
}

void web_page_link(struct web_call *call, const char *path, const char *name, const char *value,
                   const char *text)
{
    html(&call->body, "<a href=\"%s?", path);
    html_query(&call->body, name, value);
    html(&call->body, "\">%s</a>", text != NULL ? text : value);
}

void web_page_error(struct web_call *call, const char *why)
{
    html(&call->body, "<p class=\"said bad\" role=\"alert\">%s</p>\n", why);
}

void web_page_fact(struct web_call *call, const char *name, const json_t *value)
{
    html(&call->body, "<div><dt>%s</dt><dd>", name);
    html_json(&call->body, value);
    html(&call->body, "</dd></div>\n");
}
