/* SPDX-License-Identifier: Apache-2.0 */
/* control_peers - commands about what hangs on us: components, and XMPP servers behind us
 *
 * Openfire: ExternalComponentManager.getAllowedComponents, SessionManager.getComponentSessions. What is configured and what
 * is connected are two lists; they are joined here by domain.
 */
#include "admin/control_peers.h"

#include <stdlib.h>
#include <string.h>

#include "admin/control_commands.h"
#include "server/external_component_manager.h"
#include "server/upstream_manager.h"
#include "session/domain_pair.h"
#include "session/retry_pause.h"
#include "session/session_description.h"
#include "session/session_manager.h"

/* --- components --- */

/* entry_of - the object of a domain in the array, a new one if need be */
static json_t *entry_of(json_t *all, const char *domain)
{
    size_t i;
    json_t *each;
    json_array_foreach(all, i, each) if (strcmp(json_string_value(json_object_get(each, "domain")),
                                                domain) == 0) return each;
    json_t *fresh =
        json_pack("{s:o, s:s, s:b, s:n, s:o}", "domain", control_json_text(domain), "state", "gone",
                  "configured", 0, "permission", "streams", json_array());
    json_array_append_new(all, fresh);
    return fresh;
}

static void add_component(struct session *session, void *all)
{
    struct session_description description;
    session_describe(session, &description);
    for (size_t i = 0; strcmp(description.kind, "component") == 0 && i < description.pair_count;
         i++) {
        json_t *entry = entry_of(all, description.pairs[i].remote);
        json_array_append_new(json_object_get(entry, "streams"),
                              control_json_text(description.name));
        if (strcmp(description.state, "open") == 0)
            json_object_set_new(entry, "state", json_string("connected"));
    }
    session_description_free(&description);
}

void control_components(struct control_call *call)
{
    struct external_component_row *rows;
    size_t count = external_component_manager_rows(&rows);
    call->result = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *entry = entry_of(call->result, rows[i].domain);
        json_object_set_new(entry, "configured", json_true());
        if (rows[i].permission[0] != '\0')
            json_object_set_new(entry, "permission", json_string(rows[i].permission));
        if (strcmp(rows[i].permission, "blocked") == 0)
            json_object_set_new(entry, "state", json_string("blocked"));
    }
    external_component_manager_free_rows(rows, count);
    session_manager_each(add_component, call->result);
}

/* --- upstreams --- */

/* The streams with the server of these domains. */
struct streams {
    const char *domains; /* with a comma in front and behind */
    json_t *names;
    bool open;
};

static bool lists(const char *domains, const char *domain)
{
    char *item = text_format(",%s,", domain != NULL ? domain : "");
    bool listed = strstr(domains, item) != NULL;
    free(item);
    return listed;
}

static void add_stream(struct session *session, void *given)
{
    struct streams *streams = given;
    struct session_description description;
    session_describe(session, &description);
    bool ours = description.behind && lists(streams->domains, description.remote);
    for (size_t i = 0; description.behind && i < description.pair_count && !ours; i++)
        ours = lists(streams->domains, description.pairs[i].remote);
    if (ours) {
        json_array_append_new(streams->names, control_json_text(description.name));
        streams->open = streams->open || strcmp(description.state, "open") == 0;
    }
    session_description_free(&description);
}

/* failure_of - the sentence of the last attempt, while its pause lasts; null: none */
static json_t *failure_of(json_t *domains)
{
    size_t i;
    json_t *domain, *failure = NULL;
    json_array_foreach(domains, i, domain)
    {
        struct text why = TEXT_EMPTY;
        enum packet_error error;
        if (failure == NULL &&
            retry_pause_is_on(RETRY_STANZAS, domain_span(json_string_value(domain)), &error, &why))
            failure = control_json_text(text_string(&why));
        text_free(&why);
    }
    return failure != NULL ? failure : json_null();
}

static json_t *split(const char *list)
{
    json_t *items = json_array();
    for (size_t length; *list != '\0'; list += length + (list[length] == ',')) {
        length = strcspn(list, ",");
        json_array_append_new(items, json_stringn(list, length));
    }
    return items;
}

static json_t *upstream_object(const struct upstream_row *row)
{
    char *domains = text_format(",%s,", row->domains);
    struct streams streams = {domains, json_array(), false};
    session_manager_each(add_stream, &streams);
    free(domains);
    json_t *names = split(row->domains), *failure = failure_of(names);
    const char *state = streams.open ? "connected" : json_is_null(failure) ? "idle" : "down";
    return json_pack("{s:o, s:i, s:o, s:o, s:s, s:s, s:o, s:o}", "host",
                     control_json_text(row->host), "port", row->port, "domains", names, "addresses",
                     control_json_text(row->addresses), "tls", row->tls, "state", state, "streams",
                     streams.names, "failure", failure);
}

void control_upstreams(struct control_call *call)
{
    struct upstream_row *rows;
    size_t count = upstream_manager_rows(&rows);
    call->result = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(call->result, upstream_object(&rows[i]));
    upstream_manager_free_rows(rows, count);
}
