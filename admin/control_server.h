/* control_server - commands about the server as a whole
 *
 * Openfire: index.jsp, server2server-settings.jsp's listener, and the buttons that stop and restart a server. Functions of
 * rows of admin/control_table.h.
 */
#ifndef ADMIN_CONTROL_SERVER_H
#define ADMIN_CONTROL_SERVER_H

struct control_call;

/* control_status - {"software","version","pid","domain","domains","since","uptime_seconds","settings_file","home",
 * "log_level","listeners":[…],"sessions":{…},"traffic":{…},"restart_needed":[…]} */
void control_status(struct control_call *call);

#endif
