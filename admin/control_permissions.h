/* control_permissions - commands about who may connect
 *
 * Openfire: server2server-settings.jsp (policy, allowed, blocked). Functions of rows of admin/control_table.h.
 */
#ifndef ADMIN_CONTROL_PERMISSIONS_H
#define ADMIN_CONTROL_PERMISSIONS_H

struct control_call;

/* control_permissions - {"policy","recursive","rows":[{"domain","permission","port","security"}]} */
void control_permissions(struct control_call *call);
/* control_policy - {"policy","was"} */
void control_policy(struct control_call *call);
/* control_allow, control_block, control_remove - {"domain","row" (null: none),"may_connect","rule","ended":[names of sessions]} */
void control_allow(struct control_call *call);
void control_block(struct control_call *call);
void control_remove(struct control_call *call);

#endif
