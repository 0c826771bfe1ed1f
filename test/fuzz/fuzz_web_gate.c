/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_web_gate - whole requests at the gate of the web console: who is let in to which handler
 *
 * Input: lines for method, path, query, Host, Cookie, Origin, Sec-Fetch-Site, Content-Type, X-Live; then the body. A header whose line is
 * "-" is not there. $S and $T stand for the session and the token of somebody who is logged in, $U for the token of somebody else, $D and $E
 * for the cookie and the token of the door. The requests are made here instead of by admin/http_listener.c, and the handlers of
 * the table are one that notes that it ran (the linker's --wrap, see Makefile). What must hold:
 *   - a handler runs exactly when all that it takes is there, judged anew: a name of ours, the row's very path and method, a query that is
 *     one, and for a row of persons the session; for what acts, also a page of ours, a form, and its token;
 *   - who was not let in gets an answer that says so, with the headers of every answer, no cookie, and as location the log-in alone;
 *   - nobody is logged in or out by it.
 */
#include <libxml/HTMLparser.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin/web_call.h"
#include "admin/web_gate.h"
#include "admin/web_login.h"
#include "admin/web_page.h"
#include "admin/web_routes.h"
#include "admin/web_session.h"
#include "server/config.h"
#include "server/log.h"
#include "server/xmpp_server.h"
#include "test/fuzz/oracle.h"
#include "test/support/scratch.h"

#define HEADERS 6

/* A request as the input has it. */
struct http_request {
    char *method, *path, *query;
    char *headers[HEADERS]; /* in the order of `names`; NULL: it is not there */
    char *body;
    size_t length;
};

static const char *const names[HEADERS] = {"Host",           "Cookie",       "Origin",
                                           "Sec-Fetch-Site", "Content-Type", "X-Live"};
static char session[WEB_SESSION_ID + 1], other[WEB_SESSION_ID + 1], door[WEB_SESSION_ID + 1];
static char door_token[WEB_SESSION_ID + 1];
static struct web_session ours, theirs;
static const struct web_route *ran; /* the row whose handler ran */
static bool ran_as_person;

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* --- what stands in for others --- */

const char *__wrap_http_request_method(const struct http_request *request);
const char *__wrap_http_request_path(const struct http_request *request);
const char *__wrap_http_request_query(const struct http_request *request);
const char *__wrap_http_request_body(const struct http_request *request, size_t *length);
const char *__wrap_http_request_header(const struct http_request *request, const char *name);
void __wrap_http_request_peer(const struct http_request *request, char out[INET6_ADDRSTRLEN]);
const struct web_route *__wrap_web_routes_find(const char *path, bool post, bool *known);
const struct web_route *__real_web_routes_find(const char *path, bool post, bool *known);

const char *__wrap_http_request_method(const struct http_request *request)
{
    return request->method;
}

const char *__wrap_http_request_path(const struct http_request *request)
{
    return request->path;
}

const char *__wrap_http_request_query(const struct http_request *request)
{
    return request->query;
}

const char *__wrap_http_request_body(const struct http_request *request, size_t *length)
{
    *length = request->length;
    return request->body;
}

const char *__wrap_http_request_header(const struct http_request *request, const char *name)
{
    for (int i = 0; i < HEADERS; i++)
        if (strcmp(names[i], name) == 0)
            return request->headers[i];
    insist(strcmp(name, "Content-Length") == 0, "a header that nobody thought of: %s", name);
    return NULL;
}

void __wrap_http_request_peer(const struct http_request *request, char out[INET6_ADDRSTRLEN])
{
    (void)request;
    strcpy(out, "192.0.2.1");
}

static void note_run(struct web_call *call)
{
    insist(ran == NULL, "two handlers ran");
    ran = call->route;
    ran_as_person = call->session_id[0] != '\0';
    web_page_begin(call, "It ran");
    web_page_end(call);
}

const struct web_route *__wrap_web_routes_find(const char *path, bool post, bool *known)
{
    static struct web_route row;
    const struct web_route *found = __real_web_routes_find(path, post, known);
    if (found == NULL)
        return NULL;
    row = *found;
    row.handler = note_run;
    return &row;
}

/* --- the beginning --- */

/* read_door - its cookie and its token, as somebody reads them off the page */
static void read_door(void)
{
    static const struct web_route route = {.path = "/login", .commands = "", .section = ""};
    struct web_call call = {.route = &route, .peer = "192.0.2.1", .session_id = "", .status = 200};
    web_login_page(&call);
    const char *cookie = strchr(text_string(&call.cookies[0]), '=');
    const char *token = strstr(text_string(&call.body), "name=\"token\" value=\"");
    insist(cookie != NULL && token != NULL, "no door: %s", text_string(&call.body));
    memcpy(door, cookie + 1, WEB_SESSION_ID);
    memcpy(door_token, token + strlen("name=\"token\" value=\""), WEB_SESSION_ID);
    web_call_free(&call);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct text why = TEXT_EMPTY;
    (void)argc;
    (void)argv;
    const char *home = scratch_open();
    atexit(scratch_close);
    char *settings = text_format("[xmpp]\ndomain = one.example\n[s2s]\nhome = %s\n"
                                 "[adminConsole]\nnames = console.example\n",
                                 home);
    struct config *config = config_load(scratch_write("s2s.conf", settings), &why);
    insist(config != NULL, "%s", text_string(&why));
    config_publish(config);
    web_session_open("admin", "192.0.2.1", xmpp_server_now(), session);
    web_session_open("other", "192.0.2.2", xmpp_server_now(), other);
    insist(web_session_find(session, xmpp_server_now(), true, &ours) &&
               web_session_find(other, xmpp_server_now(), true, &theirs),
           "nobody is logged in");
    read_door();
    free(settings);
    text_free(&why);
    return 0;
}

/* --- the request --- */

/* fill_in - what stands for a session or a token */
static char *fill_in(const char *text)
{
    struct text out = TEXT_EMPTY;
    for (; *text != '\0'; text++) {
        const char *value = text[0] != '$'   ? NULL
                            : text[1] == 'S' ? session
                            : text[1] == 'T' ? ours.token
                            : text[1] == 'U' ? theirs.token
                            : text[1] == 'D' ? door
                            : text[1] == 'E' ? door_token
                                             : NULL;
        if (value != NULL) {
            text_append_string(&out, value);
            text++;
        } else {
            text_append_char(&out, *text);
        }
    }
    char *filled = text_copy(text_string(&out));
    text_free(&out);
    return filled;
}

static char *next_line(struct input *input)
{
    char *line = input_field(input, '\n'), *filled = fill_in(line);
    free(line);
    return filled;
}

static void read_request(struct input *input, struct http_request *request)
{
    request->method = next_line(input);
    request->path = next_line(input);
    request->query = next_line(input);
    for (int i = 0; i < HEADERS; i++) {
        request->headers[i] = next_line(input);
        if (strcmp(request->headers[i], "-") == 0) {
            free(request->headers[i]);
            request->headers[i] = NULL;
        }
    }
    if (memchr(input->bytes, '$', input->length) != NULL &&
        memchr(input->bytes, '\0', input->length) == NULL) {
        char *copy = text_copy_n(input->bytes, input->length);
        request->body = fill_in(copy);
        request->length = strlen(request->body);
        free(copy);
    } else {
        request->body = input_exact(input->bytes, input->length);
        request->length = input->length;
    }
}

static void free_request(struct http_request *request)
{
    free(request->method);
    free(request->path);
    free(request->query);
    for (int i = 0; i < HEADERS; i++)
        free(request->headers[i]);
    free(request->body);
}

/* --- judged anew --- */

static bool is_form(const char *bytes, size_t length)
{
    struct web_form form;
    struct text why = TEXT_EMPTY;
    bool good = web_form_read(bytes, length, &form, &why) == 0;
    web_form_free(&form);
    text_free(&why);
    return good;
}

/* has_field - is a field of that name there, with that value? */
static bool has_field(const struct http_request *request, const char *name, const char *value)
{
    struct web_form form;
    struct text why = TEXT_EMPTY;
    bool good = web_form_read(request->body, request->length, &form, &why) == 0 &&
                web_form_get(&form, name) != NULL && strcmp(web_form_get(&form, name), value) == 0;
    web_form_free(&form);
    text_free(&why);
    return good;
}

static bool has_cookie(const struct http_request *request, const char *name, const char *value)
{
    struct text found = TEXT_EMPTY;
    bool good = request->headers[1] != NULL && web_form_cookie(request->headers[1], name, &found) &&
                strcmp(text_string(&found), value) == 0;
    text_free(&found);
    return good;
}

/* token_of - that of who asks; NULL: nobody is logged in */
static const char *token_of(const struct http_request *request, bool secure)
{
    const char *cookie = secure ? "__Host-openfire-s2s" : "openfire-s2s";
    return has_cookie(request, cookie, session) ? ours.token
           : has_cookie(request, cookie, other) ? theirs.token
                                                : NULL;
}

/* may_act - what a form needs, beside who sends it */
static bool may_act(const struct http_request *request, const char *token, bool open, bool secure)
{
    const char *type = request->headers[4], *form = "application/x-www-form-urlencoded";
    bool typed =
        type != NULL && strncasecmp(type, form, strlen(form)) == 0 &&
        (type[strlen(form)] == '\0' || type[strlen(form)] == ';' || type[strlen(form)] == ' ');
    if (!typed || !is_form(request->body, request->length) ||
        !web_gate_is_from_ours(request->headers[2], request->headers[3], request->headers[0],
                               secure))
        return false;
    if (!open)
        return has_field(request, "token", token);
    return has_cookie(request, secure ? "__Host-openfire-s2s-door" : "openfire-s2s-door", door) &&
           has_field(request, "token", door_token);
}

/* row_for - the one whose handler is to run, or NULL */
static const struct web_route *row_for(const struct http_request *request, bool secure)
{
    bool post = strcmp(request->method, "POST") == 0;
    const char *token = token_of(request, secure);
    if (request->headers[0] == NULL || !web_gate_knows_host(request->headers[0]) ||
        !is_form(request->query, strlen(request->query)) ||
        (!post && strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0))
        return NULL;
    for (size_t i = 0; i < web_route_count; i++) {
        const struct web_route *row = &web_routes[i];
        if (strcmp(row->path, request->path) != 0 || row->post != post)
            continue;
        bool open = row->access == WEB_OPEN;
        if ((!open && token == NULL) || (post && !may_act(request, token, open, secure)))
            return NULL;
        return row;
    }
    return NULL;
}

/* --- the answer --- */

static const char *header_of(const struct http_response *response, const char *name)
{
    for (int i = 0; i < HTTP_HEADERS && response->headers[i].name != NULL; i++)
        if (strcmp(response->headers[i].name, name) == 0)
            return response->headers[i].value;
    return NULL;
}

static void check_element(const xmlNode *node)
{
    static const char *const active[] = {"iframe", "object", "embed", "style",
                                         "base",   "svg",    "img"};
    for (const xmlNode *each = node; each != NULL; each = each->next) {
        if (each->type != XML_ELEMENT_NODE)
            continue;
        for (size_t i = 0; i < sizeof active / sizeof active[0]; i++)
            insist(strcmp((const char *)each->name, active[i]) != 0, "<%s>", active[i]);
        for (const xmlAttr *a = each->properties; a != NULL; a = a->next)
            insist(strncmp((const char *)a->name, "on", 2) != 0, "%s", (const char *)a->name);
        check_element(each->children);
    }
}

static void check_answer(const struct http_response *response)
{
    const char *policy = header_of(response, "Content-Security-Policy");
    const char *location = header_of(response, "Location");
    insist(policy != NULL && strstr(policy, "default-src 'none'") != NULL, "no policy");
    insist(header_of(response, "X-Frame-Options") != NULL, "it can be framed");
    insist(!response->keep, "it would be kept");
    insist(ran != NULL || location == NULL || strcmp(location, "/login") == 0, "leads to %s",
           location);
    insist(ran != NULL || header_of(response, "Set-Cookie") == NULL, "a cookie for a stranger");
    insist(ran != NULL ? response->status == 200 : response->status >= 303, "status %u",
           response->status);
    if (response->body.length == 0)
        return;
    htmlDocPtr page = htmlReadMemory(response->body.bytes, (int)response->body.length, "page",
                                     "UTF-8", HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING);
    insist(page != NULL, "no page: %s", response->body.bytes);
    check_element(xmlDocGetRootElement(page));
    xmlFreeDoc(page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {(const char *)data, size};
    struct http_request request = {0};
    bool secure = (input_byte(&input) & 1) != 0;
    struct web_session still;
    read_request(&input, &request);
    struct http_response response = {.status = 200};
    const struct web_route *expected = row_for(&request, secure);
    ran = NULL;
    web_gate_answer(&request, &response, &secure);
    insist((ran != NULL) == (expected != NULL), "%s %s: %s ran, and %s should", request.method,
           request.path, ran != NULL ? ran->path : "nothing",
           expected != NULL ? expected->path : "nothing");
    insist(ran == NULL || (strcmp(ran->path, expected->path) == 0 && ran->post == expected->post),
           "%s, not %s", ran != NULL ? ran->path : "", expected != NULL ? expected->path : "");
    insist(ran == NULL || ran_as_person == (token_of(&request, secure) != NULL),
           "as somebody else");
    check_answer(&response);
    insist(web_session_find(session, xmpp_server_now(), true, &still) &&
               strcmp(still.token, ours.token) == 0 &&
               web_session_find(other, xmpp_server_now(), true, &still) &&
               strcmp(still.token, theirs.token) == 0,
           "somebody was logged out");
    for (int i = 0; i < HTTP_HEADERS && response.headers[i].name != NULL; i++)
        free(response.headers[i].value);
    text_free(&response.body);
    free_request(&request);
    return 0;
}
