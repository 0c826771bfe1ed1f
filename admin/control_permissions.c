/* SPDX-License-Identifier: Apache-2.0 */
/* control_permissions - commands about who may connect
 *
 * Openfire: RemoteServerManager.allowAccess, blockAccess, deleteConfiguration, setPermissionPolicy. Blocking closes live
 * sessions; so does every other change that leaves one without permission (Openfire: the policy too; DIFFERS: a row that
 * is removed as well, where the policy is whitelist).
 */
#include "admin/control_permissions.h"

#include <string.h>

#include "admin/control_commands.h"
#include "admin/control_settings.h"
#include "server/config.h"
#include "server/remote_server_manager.h"
#include "session/session_description.h"
#include "session/session_manager.h"

static json_t *row_object(const struct remote_server_row *row)
{
    return json_pack("{s:o, s:s?, s:i, s:s?}", "domain", control_json_text(row->domain),
                     "permission", row->permission[0] != '\0' ? row->permission : NULL, "port",
                     row->port, "security", row->security[0] != '\0' ? row->security : NULL);
}

/* find - the row of a domain, or null */
static json_t *find(const char *domain)
{
    struct remote_server_row *rows;
    size_t count = remote_server_manager_rows(&rows);
    json_t *found = NULL;
    for (size_t i = 0; i < count && found == NULL; i++)
        if (strcmp(rows[i].domain, domain) == 0)
            found = row_object(&rows[i]);
    remote_server_manager_free_rows(rows, count);
    return found != NULL ? found : json_null();
}

static const char *policy_now(void)
{
    const struct config *config = config_get();
    bool white = config->xmpp_server_permission == CONFIG_WHITELIST;
    config_unref(config);
    return white ? "whitelist" : "blacklist";
}

void control_permissions(struct control_call *call)
{
    struct remote_server_row *rows;
    size_t count = remote_server_manager_rows(&rows);
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, row_object(&rows[i]));
    remote_server_manager_free_rows(rows, count);
    const struct config *config = config_get();
    call->result = json_pack("{s:s, s:b, s:o}", "policy", policy_now(), "recursive",
                             config->xmpp_server_permission_apply_recursive, "rows", array);
    config_unref(config);
}

/* check - one session: does it end for lack of permission? Then its name joins the array. */
static void check(struct session *session, void *ended)
{
    struct session_description description;
    session_describe(session, &description);
    bool was_open = strcmp(description.state, "closing") != 0;
    session->operations->check_permission(session);
    if (was_open) {
        struct session_description after;
        session_describe(session, &after);
        if (strcmp(after.state, "closing") == 0)
            json_array_append_new(ended, control_json_text(description.name));
        session_description_free(&after);
    }
    session_description_free(&description);
}

static json_t *check_all(void)
{
    json_t *ended = json_array();
    session_manager_each(check, ended);
    return ended;
}

void control_policy(struct control_call *call)
{
    const char *was = policy_now(), *policy = control_call_text(call, "policy");
    struct config_change change = {"xmpp.server.permission", policy};
    if (!control_settings_change(call, &change, 1))
        return;
    control_call_changed(call, json_string(was), json_string(policy));
    call->result = json_pack("{s:s, s:s}", "policy", policy, "was", was);
}

/* tell - what has become of the domain */
static void tell(struct control_call *call, const char *domain, json_t *before)
{
    struct text rule = TEXT_EMPTY;
    json_t *after = find(domain);
    bool may = remote_server_manager_can_access(domain, &rule);
    call->result =
        json_pack("{s:s, s:O, s:b, s:o, s:o}", "domain", domain, "row", after, "may_connect", may,
                  "rule", control_json_text(text_string(&rule)), "ended", check_all());
    control_call_changed(call, before, after);
    text_free(&rule);
}

/* refused - the rows could not be changed */
static void refused(struct control_call *call, struct text *why, json_t *before)
{
    control_call_fail(call, CONTROL_REFUSED, "%s", text_string(why));
    text_free(why);
    json_decref(before);
}

void control_allow(struct control_call *call)
{
    const char *domain = control_call_text(call, "domain");
    struct text why = TEXT_EMPTY;
    json_t *before = find(domain);
    int port = (int)control_call_number(call, "--port", remote_server_manager_port(domain));
    if (remote_server_manager_allow_access(domain, port, &why) < 0)
        refused(call, &why, before);
    else
        tell(call, domain, before);
}

void control_block(struct control_call *call)
{
    const char *domain = control_call_text(call, "domain");
    struct text why = TEXT_EMPTY;
    json_t *before = find(domain);
    if (remote_server_manager_block_access(domain, &why) < 0)
        refused(call, &why, before);
    else
        tell(call, domain, before);
}

void control_remove(struct control_call *call)
{
    const char *domain = control_call_text(call, "domain");
    struct text why = TEXT_EMPTY;
    json_t *before = find(domain);
    if (json_is_null(before)) {
        json_decref(before);
        control_call_fail(call, CONTROL_NOT_FOUND, "%s has no row", domain);
    } else if (remote_server_manager_delete_configuration(domain, &why) < 0) {
        refused(call, &why, before);
    } else {
        tell(call, domain, before);
    }
}
