/* SPDX-License-Identifier: Apache-2.0 */
/* web_routes - every path that the web console answers: one table
 *
 * A unit test holds it against the table of commands: what can be done there can be done here, each command is named by a row of the
 * right method, and nothing that only shows may run what changes something.
 */
#include "admin/web_routes.h"

#include <string.h>

#include "admin/web_actions.h"
#include "admin/web_assets.h"
#include "admin/web_login.h"
#include "admin/web_pages_attempts.h"
#include "admin/web_pages_jobs.h"
#include "admin/web_pages_overview.h"
#include "admin/web_pages_peers.h"
#include "admin/web_pages_servers.h"
#include "admin/web_pages_sessions.h"
#include "admin/web_pages_settings.h"

#define SHOW(path, commands, handler, section)                          \
    {                                                                   \
        path, false, WEB_PERSON, commands, handler, section, NULL, NULL \
    }
#define FREE(path, handler)                                \
    {                                                      \
        path, false, WEB_OPEN, "", handler, "", NULL, NULL \
    }
#define DO(path, command, section, back, field)                                \
    {                                                                          \
        path, true, WEB_PERSON, command, web_actions_run, section, back, field \
    }
#define ACT(path, commands, handler, section)                          \
    {                                                                  \
        path, true, WEB_PERSON, commands, handler, section, NULL, NULL \
    }

const struct web_route web_routes[] = {
    FREE("/style.css", web_assets_style),
    FREE("/console.js", web_assets_script),
    FREE("/icon.svg", web_assets_icon),
    FREE("/login", web_login_page),
    {"/login", true, WEB_OPEN, "", web_login_try, "", NULL, NULL},
    ACT("/logout", "", web_login_end, ""),

    SHOW("/", "status,rates,failures", web_page_overview, "/"),
    DO("/server/reload", "reload", "/", "/", NULL),
    ACT("/server/drain", "drain", web_actions_end, "/"),
    ACT("/server/stop", "stop", web_actions_end, "/"),

    SHOW("/server-to-server", "listeners,permissions,get", web_page_servers, "/server-to-server"),
    DO("/listeners/enable", "listener enable", "/server-to-server", "/server-to-server", NULL),
    DO("/listeners/disable", "listener disable", "/server-to-server", "/server-to-server", NULL),
    DO("/listeners/move", "listener move", "/server-to-server", "/server-to-server", NULL),
    ACT("/server-to-server/idle", "set", web_actions_idle, "/server-to-server"),
    DO("/permissions/policy", "policy", "/server-to-server", "/server-to-server", NULL),
    DO("/permissions/allow", "allow", "/server-to-server", "/server-to-server", NULL),
    DO("/permissions/block", "block", "/server-to-server", "/server-to-server", NULL),
    DO("/permissions/remove", "remove", "/server-to-server", "/server-to-server", NULL),

    SHOW("/sessions", "sessions,failures", web_page_sessions, "/sessions"),
    SHOW("/sessions/details", "sessions", web_page_session_details, "/sessions"),
    SHOW("/sessions/handshake", "handshake", web_page_handshake, "/sessions"),
    SHOW("/sessions/diagram", "diagram", web_page_handshake_diagram, "/sessions"),
    DO("/sessions/close", "close", "/sessions", "/sessions", NULL),
    ACT("/sessions/software", "software", web_actions_software, "/sessions"),

    SHOW("/components", "components,upstreams,listeners", web_page_peers, "/components"),

    SHOW("/failures", "failures", web_page_failures, "/failures"),
    SHOW("/explain", "explain", web_page_explain, "/failures"),
    SHOW("/explain/diagram", "explain", web_page_explain_diagram, "/failures"),
    DO("/failures/retry", "retry", "/failures", "/failures", NULL),
    DO("/failures/block", "block", "/failures", "/failures", NULL),

    SHOW("/check", "", web_page_check, "/check"),
    SHOW("/check/progress", "", web_page_check_progress, "/check"),
    ACT("/check", "check", web_page_check_start, "/check"),
    SHOW("/trace", "", web_page_trace, "/trace"),
    SHOW("/trace/follow", "", web_page_trace_follow, "/trace"),
    ACT("/trace", "trace", web_page_trace_start, "/trace"),
    ACT("/jobs/end", "", web_page_job_end, "/check"),

    SHOW("/dns-overrides", "overrides", web_page_overrides, "/dns-overrides"),
    DO("/dns-overrides/set", "override set", "/dns-overrides", "/dns-overrides", NULL),
    DO("/dns-overrides/remove", "override remove", "/dns-overrides", "/dns-overrides", NULL),

    SHOW("/settings", "settings", web_page_settings, "/settings"),
    SHOW("/settings/edit", "get", web_page_setting, "/settings"),
    DO("/settings/set", "set", "/settings", "/settings/edit", "setting"),
    DO("/settings/unset", "unset", "/settings", "/settings/edit", "setting"),

    SHOW("/audit", "audit", web_page_audit, "/audit"),
    SHOW("/counters", "metrics", web_page_counters, "/counters"),
    SHOW("/commands", "help", web_page_commands, "/commands"),
    SHOW("/account", "console", web_page_account, "/account"),
    ACT("/account/password", "console password", web_login_change, "/account"),
};
const size_t web_route_count = sizeof web_routes / sizeof web_routes[0];

const struct web_route *web_routes_find(const char *path, bool post, bool *known)
{
    const struct web_route *found = NULL;
    *known = false;
    for (size_t i = 0; i < web_route_count; i++) {
        if (strcmp(web_routes[i].path, path) != 0)
            continue;
        if (web_routes[i].post == post)
            found = &web_routes[i];
        else
            *known = true;
    }
    return found;
}
