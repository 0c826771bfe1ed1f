/* SPDX-License-Identifier: Apache-2.0 */
/* control_settings - commands about the settings, and about the listeners, which are settings too
 *
 * Openfire: JiveGlobals.setProperty, deleteProperty; ConnectionManagerImpl.enableServerListener, setServerListenerPort,
 * which store their property and then act. Here both are one: the property is changed, and what follows from it is done
 * before it counts as changed (admin/reload.h).
 */
#include "admin/control_settings.h"

#include <stdlib.h>
#include <string.h>

#include "admin/control_commands.h"
#include "admin/reload.h"
#include "server/config_changes.h"
#include "server/config_value.h"
#include "server/connection_manager.h"

/* --- settings --- */

/* value_of - as JSON; of a secret only whether it is set */
static json_t *value_of(const struct config *config, const struct config_row *row)
{
    struct text value = TEXT_EMPTY;
    config_value_write(config, row, &value);
    bool hidden = row->type == CONFIG_SECRET && value.length > 0;
    json_t *out = control_json_text(hidden ? "(set)" : text_string(&value));
    text_free(&value);
    return out;
}

static const char *source_of(const struct config *config, const struct config_row *row)
{
    switch ((enum config_source)config->sources[row - config_rows]) {
    case CONFIG_FROM_FILE:
        return config->file;
    case CONFIG_FROM_CHANGES:
        return "settings.conf";
    case CONFIG_FROM_DEFAULT:
        break;
    }
    return "default";
}

static json_t *object_of(const struct config *config, const struct config_row *row)
{
    struct text accepted = TEXT_EMPTY;
    config_value_expected(row, &accepted);
    json_t *out =
        json_pack("{s:s, s:o, s:s, s:o, s:b, s:b, s:s, s:s}", "setting", row->property, "value",
                  value_of(config, row), "default", row->text, "source",
                  control_json_text(source_of(config, row)), "secret", row->type == CONFIG_SECRET,
                  "restart", row->restart, "accepted", text_string(&accepted), "help", row->help);
    text_free(&accepted);
    return out;
}

void control_settings(struct control_call *call)
{
    const struct config *config = config_get();
    const char *pattern = control_call_text(call, "pattern");
    bool changed = control_call_flag(call, "--changed");
    call->result = json_array();
    for (size_t i = 0; i < config_row_count; i++)
        if ((pattern == NULL || strcasestr(config_rows[i].property, pattern) != NULL) &&
            (!changed || config->sources[i] == CONFIG_FROM_CHANGES))
            json_array_append_new(call->result, object_of(config, &config_rows[i]));
    config_unref(config);
    if (pattern != NULL && !changed && json_array_size(call->result) == 0)
        control_call_fail(call, CONTROL_NOT_FOUND, "no setting's name contains %s", pattern);
}

/* find_row - that of the call's setting, or NULL and the call has failed */
static const struct config_row *find_row(struct control_call *call)
{
    const char *name = control_call_text(call, "setting");
    const struct config_row *row = config_value_find(name);
    if (row == NULL)
        control_call_fail(call, CONTROL_NOT_FOUND, "there is no setting %s", name);
    return row;
}

void control_get(struct control_call *call)
{
    const struct config_row *row = find_row(call);
    const struct config *config = config_get();
    if (row != NULL)
        call->result = object_of(config, row);
    config_unref(config);
}

static json_t *value_now(const struct config_row *row)
{
    const struct config *config = config_get();
    json_t *value = value_of(config, row);
    config_unref(config);
    return value;
}

bool control_settings_change(struct control_call *call, const struct config_change *changes,
                             size_t count)
{
    struct text why = TEXT_EMPTY;
    bool good = true;
    for (size_t i = 0; i < count && good; i++)
        good = config_changes_check(&changes[i], &why) == 0;
    if (!good) {
        control_call_fail(call, CONTROL_INVALID, "%s", text_string(&why));
    } else if (reload_changed(changes, count, &why) < 0) {
        control_call_fail(call, CONTROL_REFUSED, "%s", text_string(&why));
        good = false;
    }
    text_free(&why);
    return good;
}

/* change - one setting, told with what it was */
static void change(struct control_call *call, const struct config_row *row, const char *value)
{
    json_t *was = value_now(row);
    if (control_settings_change(call, &(struct config_change){row->property, value}, 1)) {
        const struct config *config = config_get();
        call->result = object_of(config, row);
        json_object_set(call->result, "was", was);
        control_call_changed(call, json_incref(was), value_of(config, row));
        config_unref(config);
    }
    json_decref(was);
}

void control_set(struct control_call *call)
{
    const struct config_row *row = find_row(call);
    if (row == NULL || row->type == CONFIG_SECRET)
        control_call_hide(call, "value");
    if (row != NULL)
        change(call, row, control_call_text(call, "value"));
}

void control_unset(struct control_call *call)
{
    const struct config_row *row = find_row(call);
    if (row == NULL)
        return;
    const struct config *config = config_get();
    bool changed = config->sources[row - config_rows] == CONFIG_FROM_CHANGES;
    config_unref(config);
    if (changed)
        change(call, row, NULL);
    else
        control_call_fail(call, CONTROL_NOT_FOUND, "%s was not changed while running",
                          row->property);
}

/* --- listeners --- */

/* One row of the list, and the settings that it is made of. */
struct listener {
    const char *name;
    enum connection_kind kind;
    const char *active, *port, *address; /* properties */
};

static const struct listener LISTENERS[] = {
    {"server", CONNECTION_SERVER, "xmpp.server.socket.active", "xmpp.server.socket.port",
     "network.interface"},
    {"direct-tls", CONNECTION_SERVER_SSL, "xmpp.server.socket.ssl.active",
     "xmpp.server.socket.ssl.port", "network.interface"},
    {"component", CONNECTION_COMPONENT, "xmpp.component.socket.active",
     "xmpp.component.socket.port", "xmpp.component.interface"},
    {"upstream", CONNECTION_UPSTREAM, NULL, "s2s.upstream.socket.port", "s2s.upstream.interface"},
};

static json_t *listener_object(const struct listener *listener)
{
    int open = connection_manager_open_port(listener->kind);
    json_t *port = value_now(config_value_find(listener->port));
    json_t *address = value_now(config_value_find(listener->address));
    json_t *out = json_pack("{s:s, s:b, s:i, s:s}", "listener", listener->name, "open", open > 0,
                            "port", open > 0 ? open : atoi(json_string_value(port)), "address",
                            json_string_length(address) > 0 ? json_string_value(address) : "all");
    json_decref(port);
    json_decref(address);
    return out;
}

json_t *control_settings_listeners(void)
{
    json_t *all = json_array();
    for (size_t i = 0; i < sizeof LISTENERS / sizeof LISTENERS[0]; i++)
        json_array_append_new(all, listener_object(&LISTENERS[i]));
    return all;
}

void control_listeners(struct control_call *call)
{
    call->result = control_settings_listeners();
}

/* named - the listener of the call; the table has checked the word */
static const struct listener *named(const struct control_call *call)
{
    const char *name = control_call_text(call, "listener");
    for (size_t i = 1; name != NULL && i < sizeof LISTENERS / sizeof LISTENERS[0]; i++)
        if (strcmp(LISTENERS[i].name, name) == 0)
            return &LISTENERS[i];
    return &LISTENERS[0];
}

static void change_listener(struct control_call *call, const struct listener *listener,
                            const struct config_change *changes)
{
    json_t *was = listener_object(listener);
    if (control_settings_change(call, changes, 1)) {
        call->result = listener_object(listener);
        control_call_changed(call, json_incref(was), json_incref(call->result));
    }
    json_decref(was);
}

void control_listener_enable(struct control_call *call)
{
    const struct listener *listener = named(call);
    change_listener(call, listener, &(struct config_change){listener->active, "true"});
    if (call->result != NULL && !json_is_true(json_object_get(call->result, "open")))
        json_object_set_new(call->result, "note",
                            json_string("it opens when there is a certificate, and the listener "
                                        "for servers is enabled"));
}

void control_listener_disable(struct control_call *call)
{
    const struct listener *listener = named(call);
    change_listener(call, listener, &(struct config_change){listener->active, "false"});
}

void control_listener_move(struct control_call *call)
{
    const struct listener *listener = named(call);
    change_listener(call, listener,
                    &(struct config_change){listener->port, control_call_text(call, "port")});
}
