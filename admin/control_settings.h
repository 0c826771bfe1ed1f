/* control_settings - commands about the settings, and about the listeners, which are settings too
 *
 * Openfire: server-properties.jsp, server2server-settings.jsp (the port and its switch). Functions of rows of
 * admin/control_table.h.
 */
#ifndef ADMIN_CONTROL_SETTINGS_H
#define ADMIN_CONTROL_SETTINGS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "server/config.h"

struct control_call;

/* control_settings - an array, control_get - one: {"setting","value","default","source","secret","restart","accepted","help"};
 * source is "default", the main file's path, or "settings.conf" */
void control_settings(struct control_call *call);
void control_get(struct control_call *call);
/* control_set, control_unset - the setting as it is now, with "was"; when "restart" is true, it waits for the next start */
void control_set(struct control_call *call);
void control_unset(struct control_call *call);
/* control_listeners - an array of {"listener","open","port","address"} */
void control_listeners(struct control_call *call);
/* control_listener_… - that of the listener, perhaps with "note" */
void control_listener_enable(struct control_call *call);
void control_listener_disable(struct control_call *call);
void control_listener_move(struct control_call *call);

/* control_settings_listeners - the array that control_listeners answers */
json_t *control_settings_listeners(void);
/* control_settings_change - bring these changes into force, or fail the call: false */
bool control_settings_change(struct control_call *call, const struct config_change *changes,
                             size_t count);

#endif
