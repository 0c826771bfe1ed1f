/* SPDX-License-Identifier: Apache-2.0 */
/* control_server - commands about the server as a whole
 *
 * Openfire: XMPPServer.getServerInfo, ConnectionManagerImpl, ServerTrafficCounter.
 */
#include "admin/control_server.h"

#include <string.h>
#include <unistd.h>

#include "admin/control_commands.h"
#include "admin/reload.h"
#include "server/config.h"
#include "server/connection_manager.h"
#include "server/metrics.h"
#include "server/xmpp_server.h"

/* listeners_of - each with its port, and whether it is open now */
static json_t *listeners_of(const struct config *config)
{
    const struct {
        enum connection_kind kind;
        const char *name, *address;
        int64_t port;
    } listeners[] = {
        {CONNECTION_SERVER, "server", config->network_interface, config->xmpp_server_socket_port},
        {CONNECTION_SERVER_SSL, "direct-tls", config->network_interface,
         config->xmpp_server_socket_ssl_port},
        {CONNECTION_COMPONENT, "component", config->xmpp_component_interface,
         config->xmpp_component_socket_port},
        {CONNECTION_UPSTREAM, "upstream", config->s2s_upstream_interface,
         config->s2s_upstream_socket_port},
    };
    json_t *all = json_array();
    for (size_t i = 0; i < sizeof listeners / sizeof listeners[0]; i++) {
        int open = connection_manager_open_port(listeners[i].kind);
        json_array_append_new(
            all, json_pack("{s:s, s:b, s:I, s:o}", "listener", listeners[i].name, "open", open > 0,
                           "port", (json_int_t)(open > 0 ? open : listeners[i].port), "address",
                           control_json_text(listeners[i].address[0] != '\0' ? listeners[i].address
                                                                             : "all")));
    }
    return all;
}

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
        level_of(config), "listeners", listeners_of(config));
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
