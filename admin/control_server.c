/* SPDX-License-Identifier: Apache-2.0 */
/* control_server - commands about the server as a whole
 *
 * Openfire: XMPPServer.getServerInfo, ConnectionManagerImpl, ServerTrafficCounter.
 */
#include "admin/control_server.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "admin/audit_log.h"
#include "admin/control_commands.h"
#include "admin/control_settings.h"
#include "admin/reload.h"
#include "server/config.h"
#include "server/metrics.h"
#include "server/xmpp_server.h"
#include "session/session_manager.h"

static _Atomic bool at_once; /* the end is not to be waited for */

/* items_of - a comma list, each item of it */
static json_t *items_of(const char *list)
{
    json_t *items = json_array();
    while (*list != '\0') {
        size_t length = strcspn(list, ",");
        if (length > 0)
            json_array_append_new(items, json_stringn(list, length));
        list += length + (list[length] == ',');
        list += strspn(list, " ");
    }
    return items;
}

static json_t *domains_of(const struct config *config)
{
    json_t *domains = items_of(config->s2s_domains);
    json_array_insert_new(domains, 0, control_json_text(config->xmpp_domain));
    return domains;
}

static const char *level_of(const struct config *config)
{
    static const char *const words[] = {"debug", "info", "warn", "error"};
    return words[config->s2s_log_level];
}

void control_status(struct control_call *call)
{
    const struct config *config = config_get();
    int64_t uptime = xmpp_server_uptime();
    struct text waiting = TEXT_EMPTY;
    reload_restart_needed(&waiting);
    call->result = json_pack(
        "{s:s, s:s, s:i, s:o, s:o, s:o, s:I, s:o, s:o, s:s, s:o}", "software", XMPP_SERVER_SOFTWARE,
        "version", XMPP_SERVER_VERSION, "pid", (int)getpid(), "domain",
        control_json_text(config->xmpp_domain), "domains", domains_of(config), "since",
        control_json_time(uptime * 1000), "uptime_seconds", (json_int_t)uptime, "settings_file",
        control_json_text(config->file), "home", control_json_text(config->s2s_home), "log_level",
        level_of(config), "listeners", control_settings_listeners());
    json_object_set_new(call->result, "sessions",
                        json_pack("{s:I, s:I, s:I}", "incoming",
                                  (json_int_t)metrics_get(incoming_sessions), "outgoing",
                                  (json_int_t)metrics_get(outgoing_sessions), "components",
                                  (json_int_t)metrics_get(component_sessions)));
    json_object_set_new(call->result, "traffic",
                        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "connections",
                                  (json_int_t)metrics_get(connections_open), "threads",
                                  (json_int_t)metrics_get(threads), "stanzas_in",
                                  (json_int_t)metrics_get(stanzas_in), "stanzas_out",
                                  (json_int_t)metrics_get(stanzas_out), "bytes_in",
                                  (json_int_t)metrics_get(bytes_in), "bytes_out",
                                  (json_int_t)metrics_get(bytes_out)));
    json_object_set_new(call->result, "restart_needed", items_of(text_string(&waiting)));
    text_free(&waiting);
    config_unref(config);
}

void control_metrics(struct control_call *call)
{
    call->result = json_object();
#define ADD(name, help) \
    json_object_set_new(call->result, #name, json_integer((json_int_t)metrics_get(name)));
    METRICS(ADD)
#undef ADD
}

void control_reload(struct control_call *call)
{
    struct text why = TEXT_EMPTY;
    if (reload_settings(&why) < 0)
        control_call_fail(call, CONTROL_REFUSED, "%s", text_string(&why));
    else
        call->result = json_pack("{s:o}", "restart_needed", items_of(text_string(&why)));
    text_free(&why);
}

/* --- the end --- */

/* end - main sleeps until a signal comes; this is one */
static void end(struct control_call *call)
{
    call->result =
        json_pack("{s:i, s:i}", "pid", (int)getpid(), "sessions", session_manager_count());
    if (kill(getpid(), SIGTERM) < 0)
        control_call_fail(call, CONTROL_FAILED, "no signal can be sent: %s", strerror(errno));
}

void control_drain(struct control_call *call)
{
    end(call);
}

void control_stop(struct control_call *call)
{
    atomic_store(&at_once, true);
    end(call);
}

bool control_server_ends_at_once(void)
{
    return atomic_load(&at_once);
}

/* --- about this itself --- */

void control_audit(struct control_call *call)
{
    struct text why = TEXT_EMPTY;
    call->result = audit_log_last((size_t)control_call_number(call, "--last", 20), &why);
    if (call->result == NULL)
        control_call_fail(call, CONTROL_FAILED, "%s", text_string(&why));
    text_free(&why);
}

static json_t *parameters_of(const struct control_command *command)
{
    static const char *const types[] = {"text", "domain", "number", "word", "flag"};
    json_t *all = json_array();
    for (const struct control_parameter *each = command->parameters; each->name != NULL; each++) {
        json_t *one = json_pack("{s:s, s:s, s:b, s:s}", "name", each->name, "type",
                                types[each->type], "required", each->required, "help", each->help);
        if (each->type == CONTROL_WORD)
            json_object_set_new(one, "words", json_string(each->words));
        if (each->type == CONTROL_NUMBER)
            json_object_update_new(one, json_pack("{s:I, s:I}", "min", (json_int_t)each->min, "max",
                                                  (json_int_t)each->max));
        json_array_append_new(all, one);
    }
    return all;
}

void control_help(struct control_call *call)
{
    call->result = json_array();
    for (size_t i = 0; i < control_command_count; i++) {
        const struct control_command *command = &control_commands[i];
        struct text usage = TEXT_EMPTY;
        control_request_usage(command, &usage);
        json_array_append_new(call->result,
                              json_pack("{s:s, s:s, s:b, s:b, s:s, s:s, s:o}", "command",
                                        command->words, "usage", text_string(&usage), "changes",
                                        command->privilege == CONTROL_CHANGE, "streams",
                                        command->streams, "help", command->help, "details",
                                        command->details, "parameters", parameters_of(command)));
        text_free(&usage);
    }
}
