/* SPDX-License-Identifier: Apache-2.0 */
/* reload - settings come into force, at the start, at SIGHUP and when an operator changes one
 *
 * Openfire: JiveGlobals, PropertyEventDispatcher; the pages' calls of ConnectionManagerImpl.
 *
 * Action points:
 *   reload_settings  -> both files loaded and checked -> put_in_force
 *   reload_changed   -> the same with the changes; the new settings.conf put together -> put_in_force -> written
 *   put_in_force     -> every room takes it -> published -> the listeners -> permissions of live sessions
 *   any of it fails  -> all rooms take the old settings again, those are published again, the listeners go back
 */
#include "admin/reload.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "admin/metrics_server.h"
#include "admin/web_console.h"
#include "dialback/dialback_key.h"
#include "server/certificate_manager.h"
#include "server/config_changes.h"
#include "server/connection_limiter.h"
#include "server/connection_manager.h"
#include "server/dns_util.h"
#include "server/external_component_manager.h"
#include "server/log.h"
#include "server/remote_server_manager.h"
#include "server/stranger_turns.h"
#include "server/timeline_store.h"
#include "server/upstream_manager.h"
#include "server/xmpp_server.h"
#include "session/session_manager.h"

static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;
static bool stopped;                       /* guarded by changing */
static const struct config *_Atomic begun; /* what the program began with; set before start */

/* --- the rooms --- */

int reload_make_home(const struct config *config, struct text *why)
{
    char *path = text_copy(config->s2s_home);
    int result = 0;
    for (char *at = path + 1; result == 0; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char kept = *at;
        *at = '\0';
        if (mkdir(path, 0700) < 0 && errno != EEXIST) {
            text_appendf(why, "s2s.home: cannot make %s: %s", path, strerror(errno));
            result = -1;
        }
        *at = kept;
        if (kept == '\0')
            break;
    }
    free(path);
    return result;
}

/* apply_settings - all but the rows of files, which are only looked at. What can fail on what the operator wrote comes first. */
static int apply_settings(const struct config *config, struct text *why)
{
    if (dns_util_parse_overrides(config->dnsutil_dnsOverride, why) < 0 ||
        reload_make_home(config, why) < 0)
        return -1;
    struct remote_servers *rows = remote_servers_read(config, why);
    remote_servers_free(rows);
    if (rows == NULL || external_component_manager_would_serve(config, "", why) < 0 ||
        dialback_key_start(config->s2s_home, config->xmpp_server_dialback_secret, why) < 0 ||
        certificate_manager_start(config, why) < 0 || dns_util_start(config, why) < 0 ||
        upstream_manager_load(config, why) < 0)
        return -1;
    if (xmpp_server_configure(config) < 0) {
        text_append_string(why, "xmpp.domain or s2s.domains: not a domain");
        return -1;
    }
    timeline_store_configure(config);
    connection_limiter_configure(config);
    stranger_turns_configure(config->s2s_unauthenticated_threads);
    log_set_level((enum log_level)config->s2s_log_level);
    log_set_wire(config->s2s_log_wire);
    return 0;
}

/* apply_rows - last, as what was in a file before is nowhere to go back to */
static int apply_rows(const struct config *config, struct text *why)
{
    return remote_server_manager_load(config, why) < 0 ||
                   external_component_manager_load(config, why) < 0
               ? -1
               : 0;
}

int reload_apply(const struct config *config, struct text *why)
{
    return apply_settings(config, why) < 0 || apply_rows(config, why) < 0 ? -1 : 0;
}

/* --- the listeners --- */

/* set_ssl_listener - where TLS begins with the first byte; never without a certificate */
static int set_ssl_listener(const struct config *config, struct text *why)
{
    struct certificates *certificates = certificate_manager_get();
    bool on = config->xmpp_server_socket_active && config->xmpp_server_socket_ssl_active &&
              certificates != NULL;
    certificates_unref(certificates);
    if (!on)
        return connection_manager_enable_server_ssl_listener(false, why);
    if (connection_manager_set_server_ssl_listener_port((int)config->xmpp_server_socket_ssl_port,
                                                        why) < 0)
        return -1;
    return connection_manager_enable_server_ssl_listener(true, why);
}

static int set_component_listener(const struct config *config, struct text *why)
{
    if (!config->xmpp_component_socket_active)
        return connection_manager_enable_component_listener(false, why);
    if (connection_manager_set_component_listener_port((int)config->xmpp_component_socket_port,
                                                       why) < 0)
        return -1;
    return connection_manager_enable_component_listener(true, why);
}

/* set_upstream_listener - the private port, while there is anybody for it */
static int set_upstream_listener(const struct config *config, struct text *why)
{
    if (upstream_manager_is_empty())
        return connection_manager_enable_upstream_listener(false, why);
    if (connection_manager_set_upstream_listener_port((int)config->s2s_upstream_socket_port, why) <
        0)
        return -1;
    return connection_manager_enable_upstream_listener(true, why);
}

/* reload_listeners - Openfire's page: enableServerListener, setServerListenerPort */
int reload_listeners(const struct config *config, struct text *why)
{
    if (connection_manager_enable_server_listener(
            config->xmpp_server_socket_active && connection_manager_is_server_listener_enabled(),
            why) < 0 ||
        connection_manager_set_server_listener_port((int)config->xmpp_server_socket_port, why) < 0)
        return -1;
    if (connection_manager_enable_server_listener(config->xmpp_server_socket_active, why) < 0)
        return -1;
    if (set_ssl_listener(config, why) < 0 || set_component_listener(config, why) < 0 ||
        set_upstream_listener(config, why) < 0 || metrics_server_configure(config, why) < 0 ||
        web_console_configure(config, why) < 0)
        return -1;
    if (begun == NULL)
        begun = config_get();
    return 0;
}

void reload_restart_needed(struct text *names)
{
    const struct config *now = config_get();
    if (begun != NULL)
        config_restart_needed(begun, now, names);
    config_unref(now);
}

/* --- a change --- */

/* go_back - after something failed for the reason in `why`: the old settings count again */
static void go_back(const struct config *old, bool published, const struct text *why)
{
    struct text again = TEXT_EMPTY;
    bool good = apply_settings(old, &again) == 0;
    if (published) {
        config_publish(old);
        good = reload_listeners(old, &again) == 0 && good;
    } else {
        config_unref(old);
    }
    /* a file that is bad now was bad for the attempt as well, which has changed nothing then */
    if (!good && strcmp(text_string(&again), text_string(why)) != 0)
        log_error("not all of the old settings could be put in force again: %s",
                  text_string(&again));
    text_free(&again);
}

/* put_in_force - takes `fresh`. `content` is that of the new settings.conf, NULL: it stays. */
static int put_in_force(struct config *fresh, const struct text *content, struct text *why)
{
    const struct config *old = config_get();
    if (apply_settings(fresh, why) < 0) {
        config_unref(fresh);
        go_back(old, false, why);
        return -1;
    }
    config_publish(fresh);
    if (reload_listeners(fresh, why) < 0 ||
        (content != NULL && config_changes_save(fresh, content, why) < 0) ||
        apply_rows(fresh, why) < 0) {
        go_back(old, true, why);
        return -1;
    }
    config_restart_needed(old, fresh, why);
    config_unref(old);
    return 0;
}

/* change - under the lock */
static int change(const struct config_change *changes, size_t count, struct text *why)
{
    if (stopped) {
        text_append_string(why, "the server is about to end");
        return -1;
    }
    const struct config *now = config_get();
    struct config *fresh = config_load_changed(now->file, changes, count, why);
    config_unref(now);
    if (fresh == NULL)
        return -1;
    struct text content = TEXT_EMPTY;
    int result = count > 0 ? config_changes_write(fresh, &content, why) : 0;
    if (result == 0)
        result = put_in_force(fresh, count > 0 ? &content : NULL, why);
    else
        config_unref(fresh);
    text_free(&content);
    return result;
}

int reload_changed(const struct config_change *changes, size_t count, struct text *why)
{
    for (size_t i = 0; i < count; i++)
        if (config_changes_check(&changes[i], why) < 0)
            return -1;
    pthread_mutex_lock(&changing);
    int result = change(changes, count, why);
    pthread_mutex_unlock(&changing);
    if (result == 0)
        session_manager_check_permissions();
    return result;
}

int reload_settings(struct text *why)
{
    return reload_changed(NULL, 0, why);
}

void reload_stop(void)
{
    pthread_mutex_lock(&changing);
    stopped = true;
    connection_manager_stop();
    pthread_mutex_unlock(&changing);
}
