/* SPDX-License-Identifier: Apache-2.0 */
/* web_gate - what every request to the web console must pass, before any page is made
 *
 * Action points, in this order:
 *   Host is none of our names            -> 400: a page of a stranger, by a name that leads here (DNS rebinding)
 *   the path is no row, byte by byte     -> 404; it is, for another method -> 405
 *   the query is no form                 -> 400
 *   a row for persons, and nobody is logged in -> to the log-in (303); what changes something: 401
 *   what changes something: sent from a page of another place (Origin, Sec-Fetch-Site) -> 403; no form -> 415 or 400; no token, or
 *   that of another session              -> 403
 *   else                                 -> the row's handler
 */
#include "admin/web_gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "admin/web_call.h"
#include "admin/web_login.h"
#include "admin/web_page.h"
#include "admin/web_routes.h"
#include "server/config.h"
#include "server/log.h"
#include "server/xmpp_server.h"
#include "xml/jid.h"

#define NAME_MAX_BYTES 260
#define FORM_TYPE "application/x-www-form-urlencoded"
#define POLICY                                                                  \
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; " \
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
#define POLICY_OF_PICTURES                                                                     \
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; " \
    "sandbox"

/* --- names --- */

/* lists - is the name in a comma list? */
static bool lists(const char *list, const char *name)
{
    size_t wanted = strlen(name);
    for (size_t length; *list != '\0'; list += length + (list[length] == ',')) {
        length = strcspn(list, ",");
        if (length == wanted && strncasecmp(list, name, length) == 0)
            return true;
    }
    return false;
}

static bool is_name_of_ours(const char *name)
{
    char machine[NAME_MAX_BYTES] = "", prepared[JID_PART_MAX + 1];
    if (jid_prepare_domain(name, strlen(name), prepared) <= 0)
        return false;
    gethostname(machine, sizeof machine - 1);
    const struct config *config = config_get();
    bool ours = strcmp(prepared, "localhost") == 0 || strcasecmp(prepared, machine) == 0 ||
                strcmp(prepared, config->xmpp_domain) == 0 ||
                lists(config->s2s_domains, prepared) || lists(config->adminConsole_names, prepared);
    config_unref(config);
    return ours;
}

bool web_gate_knows_host(const char *host)
{
    char name[NAME_MAX_BYTES];
    if (host == NULL || strlen(host) >= sizeof name)
        return false;
    strcpy(name, host);
    bool bracket = name[0] == '[';
    char *end = bracket ? strchr(name, ']') : strchr(name, ':');
    if (bracket) {
        if (end == NULL)
            return false;
        end++;
    }
    if (end != NULL) { /* what stands behind it is a port, or nothing */
        if (*end != '\0' && (*end != ':' || strspn(end + 1, "0123456789") != strlen(end + 1)))
            return false;
        *end = '\0';
    }
    /* an address can't be made to lead elsewhere, as a name can */
    return name[0] != '\0' && (jid_domain_is_ip(name) || (!bracket && is_name_of_ours(name)));
}

/* --- one request --- */

bool web_gate_is_from_ours(const char *origin, const char *site, const char *host, bool secure)
{
    bool good = site == NULL || strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
    if (origin != NULL && strcmp(origin, "null") == 0) {
        good = site != NULL && strcmp(site, "same-origin") == 0;
    } else if (origin != NULL && good) {
        char *ours = text_format("%s://%s", secure ? "https" : "http", host);
        good = strcasecmp(origin, ours) == 0;
        free(ours);
    }
    return good;
}

static bool is_from_ours(const struct http_request *request, bool secure)
{
    return web_gate_is_from_ours(http_request_header(request, "Origin"),
                                 http_request_header(request, "Sec-Fetch-Site"),
                                 http_request_header(request, "Host"), secure);
}

static void refuse(struct web_call *call, unsigned status, const char *title, const char *why)
{
    log_debug("web console: %s: %s: %s", call->peer, title, why);
    web_page_refuse(call, status, title, why);
}

/* read_post - the form, and whether it may act. false: it was answered. */
static bool read_post(struct web_call *call, const struct http_request *request)
{
    struct text why = TEXT_EMPTY, door = TEXT_EMPTY;
    size_t length;
    const char *type = http_request_header(request, "Content-Type");
    const char *body = http_request_body(request, &length);
    bool good = false;
    if (!is_from_ours(request, call->secure)) {
        refuse(call, 403, "Refused", "This came from a page of another place.");
    } else if (type == NULL || strncasecmp(type, FORM_TYPE, strlen(FORM_TYPE)) != 0 ||
               strchr("; ", type[strlen(FORM_TYPE)]) == NULL) {
        refuse(call, 415, "Refused", "This is no form.");
    } else if (web_form_read(body, length, &call->form, &why) < 0) {
        refuse(call, 400, "Refused", text_string(&why));
    } else {
        const char *token = web_form_get(&call->form, "token");
        if (call->route->access == WEB_PERSON)
            good = token != NULL && web_session_is_same(call->session.token, token);
        else
            good = token != NULL &&
                   web_form_cookie(http_request_header(request, "Cookie"),
                                   web_login_door_cookie(call->secure), &door) &&
                   web_login_door_is_right(text_string(&door), token);
        if (!good)
            refuse(call, 403, "Refused",
                   "The form is not one of this session: it may be old. Load the page again.");
    }
    text_free(&door);
    text_free(&why);
    return good;
}

/* find_session - who is logged in, by the cookie; `id` keeps it */
static void find_session(struct web_call *call, const struct http_request *request, struct text *id)
{
    call->by_hand = http_request_header(request, "X-Live") == NULL;
    if (web_form_cookie(http_request_header(request, "Cookie"), web_login_cookie(call->secure),
                        id) &&
        web_session_find(text_string(id), xmpp_server_now(), call->by_hand, &call->session))
        call->session_id = text_string(id);
}

/* methods_of - what the rows of the path are asked for by */
static const char *methods_of(const char *path)
{
    bool known;
    bool shows = web_routes_find(path, false, &known) != NULL;
    return !shows                                        ? "POST"
           : web_routes_find(path, true, &known) != NULL ? "GET, HEAD, POST"
                                                         : "GET, HEAD";
}

/* pass - through the gate, in the order above */
static void pass(struct web_call *call, const struct http_request *request, struct text *id)
{
    const char *method = http_request_method(request), *path = http_request_path(request);
    const char *query = http_request_query(request);
    static const struct web_route nowhere = {.path = "", .commands = "", .section = ""};
    struct text why = TEXT_EMPTY;
    bool known = false, post = strcmp(method, "POST") == 0;
    bool show = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    call->route = &nowhere;
    const struct web_route *route = web_routes_find(path, post, &known);
    if (!web_gate_knows_host(http_request_header(request, "Host"))) {
        refuse(
            call, 400, "Who is asked?",
            "The server does not go by that name here. A name that is to be used for the console "
            "stands in adminConsole.names.");
        return;
    }
    find_session(call, request, id);
    if (route == NULL && !known) {
        refuse(call, 404, "Not found", "There is no such page.");
    } else if (route == NULL || (!post && !show)) {
        call->allow = methods_of(path);
        refuse(call, 405, "Refused", "That is not how this page is asked for.");
    } else if (web_form_read(query, strlen(query), &call->query, &why) < 0) {
        refuse(call, 400, "Refused", text_string(&why));
    } else if (route->access == WEB_PERSON && call->session_id[0] == '\0' && post) {
        refuse(call, 401, "Log in", "You are not logged in any more. Nothing was changed.");
    } else if (route->access == WEB_PERSON && call->session_id[0] == '\0') {
        web_call_lead(call, "/login", NULL, NULL);
    } else {
        call->route = route;
        call->is_post = post;
        if (!post || read_post(call, request))
            route->handler(call);
    }
    text_free(&why);
}

/* --- the answer --- */

static void add_headers(const struct web_call *call, struct http_response *response)
{
    char wait[16];
    http_response_header(response, "Content-Security-Policy",
                         call->picture ? POLICY_OF_PICTURES : POLICY);
    http_response_header(response, "Referrer-Policy", "no-referrer");
    http_response_header(response, "X-Frame-Options", "DENY");
    http_response_header(response, "Cross-Origin-Opener-Policy", "same-origin");
    http_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
    http_response_header(response, "Permissions-Policy",
                         "camera=(), geolocation=(), microphone=(), payment=(), usb=()");
    if (call->secure)
        http_response_header(response, "Strict-Transport-Security", "max-age=31536000");
    for (int i = 0; i < 2; i++)
        if (call->cookies[i].length > 0)
            http_response_header(response, "Set-Cookie", text_string(&call->cookies[i]));
    if (call->location.length > 0)
        http_response_header(response, "Location", text_string(&call->location));
    if (call->status == 405)
        http_response_header(response, "Allow", call->allow);
    if (call->retry_after > 0) {
        snprintf(wait, sizeof wait, "%d", call->retry_after);
        http_response_header(response, "Retry-After", wait);
    }
}

void web_gate_answer(const struct http_request *request, struct http_response *response,
                     void *owner)
{
    char peer[INET6_ADDRSTRLEN];
    struct text id = TEXT_EMPTY;
    struct web_call call = {.secure = *(const bool *)owner,
                            .peer = peer,
                            .session_id = "",
                            .status = 200,
                            .type = "text/html; charset=utf-8"};
    http_request_peer(request, peer);
    pass(&call, request, &id);
    if (call.location.length > 0 && call.status == 200)
        call.status = 303;
    add_headers(&call, response);
    response->status = call.status;
    response->content_type = call.type;
    response->keep = call.keep;
    response->body = call.body;
    call.body = TEXT_EMPTY;
    web_call_free(&call);
    text_free(&id);
}
