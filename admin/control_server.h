/* control_server - commands about the server as a whole
 *
 * Openfire: index.jsp, server2server-settings.jsp's listener, and the buttons that stop and restart a server. Functions of
 * rows of admin/control_table.h.
 */
#ifndef ADMIN_CONTROL_SERVER_H
#define ADMIN_CONTROL_SERVER_H

#include <stdbool.h>

struct control_call;

/* control_status - {"software","version","pid","domain","domains","since","uptime_seconds","settings_file","home",
 * "log_level","listeners":[…],"sessions":{…},"traffic":{…},"restart_needed":[…]} */
void control_status(struct control_call *call);

/* control_metrics - {"name":number,…} (server/metrics.h) */
void control_metrics(struct control_call *call);
/* control_reload - {"restart_needed":[names of settings]} */
void control_reload(struct control_call *call);
/* control_drain, control_stop - {"pid","sessions"}; the end begins while the answer is on its way */
void control_drain(struct control_call *call);
void control_stop(struct control_call *call);
/* control_server_ends_at_once - for main: was it stop that ended us? */
bool control_server_ends_at_once(void);
/* control_audit - an array, the lines of audit.log */
void control_audit(struct control_call *call);
/* control_help - an array of {"command","usage","changes","streams","help","details","parameters":[…]} */
void control_help(struct control_call *call);

#endif
