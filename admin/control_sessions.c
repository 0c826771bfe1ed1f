/* SPDX-License-Identifier: Apache-2.0 */
/* control_sessions - commands that show and end live sessions
 *
 * Openfire: SessionManager.getIncomingServerSessions, getOutgoingServerSessions; close() of each, by the summary page.
 * Everything is copied out of the sessions first (session/session_description.h): nothing is formatted under a lock.
 */
#include "admin/control_sessions.h"

#include <stdlib.h>
#include <string.h>

#include "admin/control_commands.h"
#include "admin/remote_software.h"
#include "server/xmpp_server.h"
#include "session/session_description.h"
#include "session/session_manager.h"
#include "xml/jid.h"

/* What was asked for, and what was found. */
struct listing {
    const char *what;   /* as given; NULL: all */
    const char *domain; /* the same prepared, if it is a domain; else `what` */
    struct session_description *found;
    size_t count, room;
    bool ends; /* and each is ended */
};

static bool is_wanted(const struct listing *listing, const struct session_description *description)
{
    return listing->what == NULL || session_description_is(description, listing->what) ||
           session_description_is(description, listing->domain);
}

/* end - false: it has ended already, and is only waiting for the other side to say so too */
static bool end(struct session *session, const struct session_description *description)
{
    if (session->operations->retire != NULL)
        session->operations->retire(session);
    return session_end(session, STREAM_ERROR_NONE, NULL) || description->peer == NULL;
}

static void visit(struct session *session, void *given)
{
    struct listing *listing = given;
    struct session_description description;
    session_describe(session, &description);
    if (!is_wanted(listing, &description) || (listing->ends && !end(session, &description))) {
        session_description_free(&description);
        return;
    }
    if (listing->count == listing->room) {
        listing->room = listing->room == 0 ? 16 : 2 * listing->room;
        listing->found = text_realloc(listing->found, listing->room * sizeof *listing->found);
    }
    listing->found[listing->count++] = description;
}

/* look - the sessions that `what` names; false and the call has failed: there is none */
static bool look(struct control_call *call, struct listing *listing)
{
    char prepared[JID_PART_MAX + 1];
    listing->what = listing->domain = control_call_text(call, "domain-or-stream");
    if (listing->what != NULL &&
        jid_prepare_domain(listing->what, strlen(listing->what), prepared) > 0)
        listing->domain = prepared;
    session_manager_each(visit, listing);
    listing->domain = NULL;
    if (listing->count == 0 && listing->what != NULL)
        control_call_fail(call, CONTROL_NOT_FOUND, "there is no session with %s", listing->what);
    return call->condition == CONTROL_OK;
}

static void free_listing(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        session_description_free(&listing->found[i]);
    free(listing->found);
}

/* --- an object for each --- */

/* pairs_of - each with how it was proved, or null: it is being proved */
static json_t *pairs_of(const struct session_description *description)
{
    json_t *pairs = json_array();
    for (size_t i = 0; i < description->pair_count; i++) {
        const struct session_description_pair *pair = &description->pairs[i];
        json_array_append_new(pairs,
                              json_pack("{s:o, s:o, s:o}", "local", control_json_text(pair->local),
                                        "remote", control_json_text(pair->remote), "authentication",
                                        control_json_text(pair->authentication)));
    }
    return pairs;
}

/* authentication_of - the kinds that its pairs were proved by, with commas */
static json_t *authentication_of(const struct session_description *description)
{
    static const char *const kinds[] = {"dialback", "EXTERNAL", "dialback+certificate",
                                        "handshake"};
    bool found[4] = {false};
    struct text all = TEXT_EMPTY;
    for (size_t i = 0; i < description->pair_count; i++)
        for (int k = 0; k < 4; k++)
            if (description->pairs[i].authentication != NULL &&
                strcmp(description->pairs[i].authentication, kinds[k]) == 0)
                found[k] = true;
    for (int k = 0; k < 4; k++)
        if (found[k])
            text_appendf(&all, "%s%s", all.length > 0 ? ", " : "", kinds[k]);
    json_t *out = control_json_text(all.length > 0 ? text_string(&all) : NULL);
    text_free(&all);
    return out;
}

/* remote_of - who the other side is: of a stream with one domain, or with none yet, that; else the first */
static const char *remote_of(const struct session_description *description)
{
    return description->remote != NULL   ? description->remote
           : description->pair_count > 0 ? description->pairs[0].remote
                                         : NULL;
}

json_t *control_sessions_object(const struct session_description *description)
{
    json_t *tls = description->protocol != NULL
                      ? json_pack("{s:s, s:s}", "protocol", description->protocol, "cipher",
                                  description->cipher)
                      : json_null();
    json_t *out = json_pack(
        "{s:o, s:s, s:s, s:o, s:o, s:b, s:o}", "name", control_json_text(description->name),
        "direction", description->kind, "state", description->state, "local",
        control_json_text(description->local), "remote", control_json_text(remote_of(description)),
        "behind", description->behind, "stream_id", control_json_text(description->stream_id));
    json_object_set_new(out, "authentication", authentication_of(description));
    json_object_set_new(out, "pairs", pairs_of(description));
    json_object_set_new(out, "pair_count", json_integer((json_int_t)description->pair_total));
    json_object_set_new(out, "tls", tls);
    json_object_set_new(out, "software", remote_software_tell(remote_of(description)));
    json_object_set_new(out, "peer", control_json_text(description->peer));
    json_object_set_new(out, "local_port",
                        description->local_port > 0 ? json_integer(description->local_port)
                                                    : json_null());
    int64_t age = xmpp_server_now() - description->since;
    int64_t idle = xmpp_server_now() - description->active;
    json_object_set_new(out, "since", control_json_time(age));
    json_object_set_new(out, "active", control_json_time(idle));
    json_object_set_new(out, "age_seconds", json_integer(age / 1000));
    json_object_set_new(out, "idle_seconds", json_integer(idle / 1000));
    json_object_set_new(out, "stanzas_in", json_integer(description->packets_in));
    json_object_set_new(out, "stanzas_out", json_integer(description->packets_out));
    json_object_set_new(out, "bytes_in", json_integer(description->bytes_in));
    json_object_set_new(out, "bytes_out", json_integer(description->bytes_out));
    json_object_set_new(out, "queue_bytes", json_integer((json_int_t)description->unsent));
    return out;
}

/* --- order --- */

/* by_text - NULL last; digits count as numbers, so that s2sin-9 stands before s2sin-10 */
static int by_text(const char *a, const char *b)
{
    if (a == NULL || b == NULL)
        return (a == NULL) - (b == NULL);
    return strverscmp(a, b);
}

static int by_name(const void *a, const void *b)
{
    return by_text(((const struct session_description *)a)->name,
                   ((const struct session_description *)b)->name);
}

static int by_domain(const void *a, const void *b)
{
    int order = by_text(remote_of(a), remote_of(b));
    return order != 0 ? order : by_name(a, b);
}

static int by_state(const void *a, const void *b)
{
    int order = by_text(((const struct session_description *)a)->state,
                        ((const struct session_description *)b)->state);
    return order != 0 ? order : by_name(a, b);
}

static int by_number(int64_t a, int64_t b, const void *left, const void *right)
{
    return a != b ? (a < b ? 1 : -1) : by_name(left, right);
}

static int by_since(const void *a, const void *b)
{
    return by_number(((const struct session_description *)b)->since,
                     ((const struct session_description *)a)->since, a, b);
}

static int by_active(const void *a, const void *b)
{
    return by_number(((const struct session_description *)a)->active,
                     ((const struct session_description *)b)->active, a, b);
}

static int by_stanzas(const void *a, const void *b)
{
    const struct session_description *left = a, *right = b;
    return by_number(left->packets_in + left->packets_out, right->packets_in + right->packets_out,
                     a, b);
}

static int by_bytes(const void *a, const void *b)
{
    const struct session_description *left = a, *right = b;
    return by_number(left->bytes_in + left->bytes_out, right->bytes_in + right->bytes_out, a, b);
}

static int by_queue(const void *a, const void *b)
{
    return by_number((int64_t)((const struct session_description *)a)->unsent,
                     (int64_t)((const struct session_description *)b)->unsent, a, b);
}

static void sort(struct listing *listing, const char *key)
{
    static const struct {
        const char *key;
        int (*compare)(const void *a, const void *b);
    } orders[] = {{"name", by_name},   {"domain", by_domain}, {"state", by_state},
                  {"since", by_since}, {"active", by_active}, {"stanzas", by_stanzas},
                  {"bytes", by_bytes}, {"queue", by_queue}};
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        if (listing->count > 1 && strcmp(orders[i].key, key != NULL ? key : "name") == 0)
            qsort(listing->found, listing->count, sizeof *listing->found, orders[i].compare);
}

/* --- the commands --- */

void control_sessions(struct control_call *call)
{
    struct listing listing = {0};
    if (look(call, &listing)) {
        sort(&listing, control_call_text(call, "--sort"));
        call->result = json_array();
        for (size_t i = 0; i < listing.count; i++)
            json_array_append_new(call->result, control_sessions_object(&listing.found[i]));
    }
    free_listing(&listing);
}

void control_close(struct control_call *call)
{
    struct listing listing = {.ends = true};
    if (look(call, &listing)) {
        sort(&listing, NULL);
        json_t *closed = json_array(), *was = json_array();
        for (size_t i = 0; i < listing.count; i++) {
            json_array_append_new(closed, control_json_text(listing.found[i].name));
            json_array_append_new(was, json_pack("{s:o, s:o, s:o}", "name",
                                                 control_json_text(listing.found[i].name), "remote",
                                                 control_json_text(remote_of(&listing.found[i])),
                                                 "peer", control_json_text(listing.found[i].peer)));
        }
        call->result = json_pack("{s:o}", "closed", closed);
        control_call_changed(call, was, NULL);
    }
    free_listing(&listing);
}
