/* SPDX-License-Identifier: Apache-2.0 */
/* web_pages_sessions - live sessions: a row for each remote server, the streams with one, and the handshake of a stream
 *
 * Openfire: server-session-summary.jsp (host, connection, protocol, creation, last activity, close), server-session-details.jsp. DIFFERS: no
 * icon is fetched from a host that a peer names (OF-1885), and nothing is closed by a link.
 */
#include "admin/web_pages_sessions.h"

#include <stdlib.h>
#include <string.h>

#include "admin/json_words.h"
#include "admin/web_html.h"
#include "admin/web_page.h"
#include "admin/web_story.h"

#define HOSTS_A_PAGE 50

/* --- a row for each host --- */

static const char *host_of(const json_t *session)
{
    const char *remote = json_text(session, "remote");
    return remote[0] != '\0' ? remote : json_text(session, "name");
}

static json_int_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void add_number(json_t *host, const char *key, json_int_t more)
{
    json_object_set_new(host, key, json_integer(number(host, key) + more));
}

/* add_session - to the row of its host */
static void add_session(json_t *hosts, const json_t *session)
{
    json_t *host = json_object_get(hosts, host_of(session));
    if (host == NULL) {
        host = json_pack("{s:s, s:I, s:I, s:O, s:O}", "host", host_of(session), "age",
                         number(session, "age_seconds"), "idle", number(session, "idle_seconds"),
                         "since", json_object_get(session, "since"), "active",
                         json_object_get(session, "active"));
        json_object_set_new(hosts, host_of(session), host);
    }
    const char *peer = json_text(session, "peer");
    add_number(host, json_text(session, "direction"), 1);
    add_number(host, "streams", 1);
    bool open = strcmp(json_text(session, "state"), "open") == 0;
    add_number(host, "begun", !open);
    add_number(host, "plain", open && json_is_null(json_object_get(session, "tls")));
    add_number(host, "v6", peer[0] == '[');
    add_number(host, "v4", peer[0] != '[' && peer[0] != '\0');
    add_number(host, "stanzas", number(session, "stanzas_in") + number(session, "stanzas_out"));
    if (number(session, "age_seconds") > number(host, "age")) {
        json_object_set(host, "age", json_object_get(session, "age_seconds"));
        json_object_set(host, "since", json_object_get(session, "since"));
    }
    if (number(session, "idle_seconds") < number(host, "idle")) {
        json_object_set(host, "idle", json_object_get(session, "idle_seconds"));
        json_object_set(host, "active", json_object_get(session, "active"));
    }
}

static int by_host(const void *a, const void *b)
{
    return strverscmp(json_text(*(json_t *const *)a, "host"),
                      json_text(*(json_t *const *)b, "host"));
}

static int by(const char *key, const void *a, const void *b, int sign)
{
    json_int_t left = number(*(json_t *const *)a, key), right = number(*(json_t *const *)b, key);
    return left != right ? (left < right ? -sign : sign) : by_host(a, b);
}

static int by_age(const void *a, const void *b)
{
    return by("age", a, b, -1);
}

static int by_idle(const void *a, const void *b)
{
    return by("idle", a, b, 1);
}

static int by_stanzas(const void *a, const void *b)
{
    return by("stanzas", a, b, -1);
}

/* sorted - the rows; an array to be freed. What they are sorted by is a word of ours. */
static json_t **sorted(json_t *hosts, const char *key, size_t *count)
{
    static const struct {
        const char *key;
        int (*compare)(const void *, const void *);
    } orders[] = {
        {"host", by_host}, {"since", by_age}, {"active", by_idle}, {"stanzas", by_stanzas}};
    json_t **rows = text_calloc(json_object_size(hosts) + 1, sizeof *rows), *host;
    const char *name;
    *count = 0;
    json_object_foreach(hosts, name, host)
    {
        rows[(*count)++] = host;
    }
    int (*compare)(const void *, const void *) = by_host;
    for (size_t i = 0; key != NULL && i < sizeof orders / sizeof orders[0]; i++)
        if (strcmp(orders[i].key, key) == 0)
            compare = orders[i].compare;
    qsort(rows, *count, sizeof *rows, compare);
    return rows;
}

static const char *connection_of(const json_t *host)
{
    bool in = number(host, "incoming") > 0, out = number(host, "outgoing") > 0;
    return number(host, "component") > 0 ? "Component"
           : in && out                   ? "Both"
           : in                          ? "Incoming"
                                         : "Outgoing";
}

static bool has_failed(const json_t *failures, const char *host)
{
    size_t i;
    const json_t *each;
    json_array_foreach(failures, i, each)
    {
        if (strcmp(json_text(each, "domain"), host) == 0)
            return true;
    }
    return false;
}

static void write_host(struct web_call *call, const json_t *host, const json_t *failures)
{
    struct text *out = &call->body;
    const char *name = json_text(host, "host");
    bool v4 = number(host, "v4") > 0, v6 = number(host, "v6") > 0;
    html(out, "<tr><th scope=\"row\">");
    web_page_link(call, "/sessions/details", "domain-or-stream", name, NULL);
    if (number(host, "plain") > 0)
        html(out, " <span class=\"state warn\">not encrypted</span>");
    if (number(host, "begun") > 0)
        html(out, " <span class=\"state\">being set up</span>");
    if (has_failed(failures, name)) {
        html(out, " ");
        web_page_link(call, "/explain", "domain", name, "failed lately");
    }
    html(out, "</th><td data-label=\"Connection\">%s</td><td data-label=\"Protocol\">%s</td>",
         connection_of(host),
         v4 && v6 ? "Both"
         : v6     ? "IPv6"
         : v4     ? "IPv4"
                  : "–");
    html(out, "<td data-label=\"Streams\">%lld</td><td data-label=\"Stanzas\">%lld</td>",
         (long long)number(host, "streams"), (long long)number(host, "stanzas"));
    html(out, "<td data-label=\"Created\">");
    html_time(out, json_object_get(host, "since"));
    html(out, "</td><td data-label=\"Last active\">");
    html_time(out, json_object_get(host, "active"));
    html(out, "</td><td>");
    web_page_form(call, "/sessions/close");
    web_page_hidden(call, "domain-or-stream", name);
    html(out,
         "<button name=\"close\" class=\"danger\">Close<span class=\"unseen\"> "
         "%s</span></button></form></td></tr>\n",
         name);
}

/* write_pager - links to the pages before and behind */
static void write_pager(struct web_call *call, size_t page, size_t pages, const char *sort)
{
    struct text *out = &call->body;
    if (pages <= 1)
        return;
    html(out, "<p class=\"row\">");
    if (page > 1) {
        html(out, "<a href=\"/sessions?page=%zu&amp;", page - 1);
        html_query(out, "sort", sort);
        html(out, "\">Before</a> ");
    }
    html(out, "Page %zu of %zu", page, pages);
    if (page < pages) {
        html(out, " <a href=\"/sessions?page=%zu&amp;", page + 1);
        html_query(out, "sort", sort);
        html(out, "\">Behind</a>");
    }
    html(out, "</p>\n");
}

static void write_hosts(struct web_call *call, json_t *hosts, const json_t *failures)
{
    const char *sort = web_call_parameter(call, "sort"), *asked = web_call_parameter(call, "page");
    size_t count, page = asked != NULL ? strtoul(asked, NULL, 10) : 1;
    json_t **rows = sorted(hosts, sort, &count);
    size_t pages = (count + HOSTS_A_PAGE - 1) / HOSTS_A_PAGE;
    page = page < 1 ? 1 : page > pages && pages > 0 ? pages : page;
    web_page_head(call, "Remote servers",
                  "Host|Connection|Protocol|Streams|Stanzas|Created|Last active|");
    for (size_t i = (page - 1) * HOSTS_A_PAGE; i < count && i < page * HOSTS_A_PAGE; i++)
        write_host(call, rows[i], failures);
    if (count == 0)
        html(&call->body, "<tr><td colspan=\"8\" class=\"hint\">none</td></tr>\n");
    html(&call->body, "</tbody></table>\n");
    write_pager(call, page, pages, sort != NULL ? sort : "host");
    free(rows);
}

void web_page_sessions(struct web_call *call)
{
    struct text why = TEXT_EMPTY;
    json_t *sessions = web_call_result(call, "sessions", NULL, 0, &why), *hosts = json_object();
    json_t *failures = web_call_result(call, "failures", NULL, 0, &why);
    size_t i;
    const json_t *each;
    json_array_foreach(sessions, i, each)
    {
        add_session(hosts, each);
    }
    web_page_begin_fresh(call, "Sessions", 10);
    html(&call->body,
         "<div id=\"sessions\" data-live=\"%zu\">\n<p>Remote servers connected: <b>%zu</b>, by %zu "
         "streams. <a href=\"/failures\">Failed attempts: %zu</a></p>\n"
         "<p class=\"row\">Sort by <a href=\"/sessions?sort=host\">host</a> "
         "<a href=\"/sessions?sort=since\">creation</a> "
         "<a href=\"/sessions?sort=active\">last activity</a> "
         "<a href=\"/sessions?sort=stanzas\">stanzas</a></p>\n<div class=\"card\">",
         3 + json_array_size(sessions) / 500, json_object_size(hosts), json_array_size(sessions),
         json_array_size(failures));
    write_hosts(call, hosts, failures);
    html(&call->body, "</div></div>\n");
    web_page_end(call);
    json_decref(hosts);
    json_decref(sessions);
    json_decref(failures);
    text_free(&why);
}

/* --- the streams with one --- */

static void write_moment(struct web_call *call, const char *name, const json_t *session,
                         const char *key)
{
    html(&call->body, "<div><dt>%s</dt><dd>", name);
    html_time(&call->body, json_object_get(session, key));
    html(&call->body, "</dd></div>\n");
}

static void write_pairs(struct web_call *call, const json_t *session)
{
    size_t i;
    const json_t *pair;
    struct text *out = &call->body;
    if (json_array_size(json_object_get(session, "pairs")) == 0)
        return;
    html(out, "<div><dt>Pairs of domains (%lld)</dt><dd><ul class=\"plain\">",
         (long long)number(session, "pair_count"));
    json_array_foreach(json_object_get(session, "pairs"), i, pair)
    {
        const char *proof = json_text(pair, "authentication");
        html(out, "<li>%s – %s: %s</li>", json_text(pair, "local"), json_text(pair, "remote"),
             proof[0] != '\0' ? proof : "being proved");
    }
    html(out, "</ul></dd></div>\n");
}

static void write_buttons(struct web_call *call, const json_t *session)
{
    struct text *out = &call->body;
    const char *name = json_text(session, "name");
    html(out, "<div class=\"row\">");
    web_page_link(call, "/sessions/handshake", "stream", name, "Handshake");
    html(out, " ");
    web_page_form(call, "/sessions/close");
    web_page_hidden(call, "domain-or-stream", name);
    html(out,
         "<button name=\"close\" class=\"danger\">Close<span class=\"unseen\"> "
         "%s</span></button></form></div>\n",
         name);
}

/* write_software - what is known of it, and a button to ask; nothing for who is no remote server */
static void write_software(struct web_call *call, const json_t *session)
{
    struct text *out = &call->body;
    const json_t *software = json_object_get(session, "software");
    const char *remote = json_text(session, "remote"), *os = json_text(software, "os");
    if (remote[0] == '\0' || json_is_true(json_object_get(session, "behind")) ||
        strcmp(json_text(session, "direction"), "component") == 0)
        return;
    html(out, "<div><dt>Software</dt><dd class=\"row\"><span>");
    if (json_is_object(software)) {
        html(out, "%s %s", json_text(software, "name"), json_text(software, "version"));
        if (os[0] != '\0')
            html(out, " (%s)", os);
        html(out, ", ");
        html_time(out, json_object_get(software, "when"));
    } else {
        html(out, "not asked");
    }
    html(out, "</span>");
    web_page_form(call, "/sessions/software");
    web_page_hidden(call, "domain", remote);
    html(out,
         "<button name=\"software\">Ask<span class=\"unseen\"> %s what it runs"
         "</span></button></form></dd></div>\n",
         remote);
}

static void write_stream(struct web_call *call, const json_t *session)
{
    struct text *out = &call->body;
    const json_t *tls = json_object_get(session, "tls");
    html(out,
         "<section class=\"card\"><h2>%s <span class=\"state\">%s</span></h2>\n"
         "<dl class=\"facts\">\n",
         json_text(session, "name"), json_text(session, "state"));
    web_page_fact(call, "Direction", json_object_get(session, "direction"));
    html(out, "<div><dt>Encryption</dt><dd>");
    if (json_is_object(tls))
        html(out, "%s, %s", json_text(tls, "protocol"), json_text(tls, "cipher"));
    else
        html(out, "<span class=\"state %s\">%s</span>",
             strcmp(json_text(session, "state"), "open") == 0 ? "warn" : "",
             strcmp(json_text(session, "state"), "open") == 0 ? "none" : "none yet");
    html(out, "</dd></div>\n");
    web_page_fact(call, "Authentication", json_object_get(session, "authentication"));
    write_software(call, session);
    web_page_fact(call, "Stream id", json_object_get(session, "stream_id"));
    web_page_fact(call, "Their address", json_object_get(session, "peer"));
    web_page_fact(call, "Our port", json_object_get(session, "local_port"));
    web_page_fact(call, "Our domain", json_object_get(session, "local"));
    write_moment(call, "Created", session, "since");
    write_moment(call, "Last active", session, "active");
    web_page_fact(call, "Stanzas received", json_object_get(session, "stanzas_in"));
    web_page_fact(call, "Stanzas sent", json_object_get(session, "stanzas_out"));
    html(out, "<div><dt>Bytes received, sent</dt><dd>");
    html_bytes(out, number(session, "bytes_in"));
    html(out, ", ");
    html_bytes(out, number(session, "bytes_out"));
    html(out, "</dd></div><div><dt>Waiting to be sent</dt><dd>");
    html_bytes(out, number(session, "queue_bytes"));
    html(out, "</dd></div>\n");
    if (json_is_true(json_object_get(session, "behind")))
        html(out, "<div><dt>Whose</dt><dd>a server behind us</dd></div>\n");
    write_pairs(call, session);
    html(out, "</dl>\n");
    write_buttons(call, session);
    html(out, "</section>\n");
}

/* address_of - the peer's without its port; how many bytes */
static size_t address_length(const char *peer)
{
    const char *colon = strrchr(peer, ':');
    return colon != NULL ? (size_t)(colon - peer) : strlen(peer);
}

/* write_addresses - the streams, grouped by the address of the other side */
static void write_addresses(struct web_call *call, const json_t *sessions)
{
    size_t count = json_array_size(sessions);
    for (size_t i = 0; i < count; i++) {
        const char *peer = json_text(json_array_get(sessions, i), "peer");
        size_t length = address_length(peer);
        bool told = false;
        for (size_t before = 0; before < i && !told; before++) {
            const char *other = json_text(json_array_get(sessions, before), "peer");
            told = address_length(other) == length && strncmp(other, peer, length) == 0;
        }
        if (told)
            continue;
        char *address = text_copy_n(peer, length);
        html(&call->body, "<div><h2>%s</h2>\n", address[0] != '\0' ? address : "not connected yet");
        for (size_t j = i; j < count; j++) {
            const json_t *session = json_array_get(sessions, j);
            const char *other = json_text(session, "peer");
            if (address_length(other) == length && strncmp(other, peer, length) == 0)
                write_stream(call, session);
        }
        html(&call->body, "</div>\n");
        free(address);
    }
}

void web_page_session_details(struct web_call *call)
{
    struct text why = TEXT_EMPTY;
    const char *what = web_call_parameter(call, "domain-or-stream");
    struct web_argument argument = {"domain-or-stream", what != NULL ? what : ""};
    json_t *sessions = what != NULL ? web_call_result(call, "sessions", &argument, 1, &why) : NULL;
    web_page_begin(call, what != NULL ? what : "Session");
    html(&call->body, "<p><a href=\"/sessions\">All sessions</a>");
    if (what != NULL) {
        html(&call->body, " · ");
        web_page_link(call, "/explain", "domain", what, "Rules and past attempts");
        html(&call->body, " · ");
        web_page_link(call, "/check", "domain", what, "Connection test");
    }
    html(&call->body, "</p>\n<div id=\"streams\" class=\"flow\" data-live=\"3\">\n");
    if (sessions == NULL)
        html(&call->body, "<p>%s</p>\n", what != NULL ? text_string(&why) : "Which?");
    else
        write_addresses(call, sessions);
    html(&call->body, "</div>\n");
    web_page_end(call);
    json_decref(sessions);
    text_free(&why);
}

/* --- the handshake of a stream --- */

void web_page_handshake(struct web_call *call)
{
    struct text why = TEXT_EMPTY;
    const char *stream = web_call_parameter(call, "stream");
    struct web_argument argument = {"stream", stream != NULL ? stream : ""};
    json_t *story = web_call_result(call, "handshake", &argument, 1, &why);
    web_page_begin(call, "Handshake");
    html(&call->body, "<p><a href=\"/sessions\">All sessions</a></p>\n");
    if (story == NULL) {
        html(&call->body, "<p>%s</p>\n", text_string(&why));
    } else {
        struct text address = TEXT_EMPTY;
        text_append_string(&address, "/sessions/diagram?");
        html_query(&address, "stream", stream);
        html(&call->body, "<h2>%s, with %s</h2>\n", stream, json_text(story, "domain"));
        web_story_write(call, story, text_string(&address));
        text_free(&address);
    }
    web_page_end(call);
    json_decref(story);
    text_free(&why);
}

void web_page_handshake_diagram(struct web_call *call)
{
    struct text why = TEXT_EMPTY;
    const char *stream = web_call_parameter(call, "stream");
    struct web_argument argument = {"domain-or-stream", stream != NULL ? stream : ""};
    json_t *diagram = web_call_result(call, "diagram", &argument, 1, &why);
    web_story_show(call, json_object_get(diagram, "svg"));
    json_decref(diagram);
    text_free(&why);
}
