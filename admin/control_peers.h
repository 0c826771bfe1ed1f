/* control_peers - commands about what hangs on us: components, and XMPP servers behind us
 *
 * Openfire: external-components-settings.jsp, component-session-summary.jsp. Functions of rows of admin/control_table.h.
 */
#ifndef ADMIN_CONTROL_PEERS_H
#define ADMIN_CONTROL_PEERS_H

struct control_call;

/* control_components - an array of {"domain","state","configured","permission","streams":[names]}; state is connected, gone
 * or blocked */
void control_components(struct control_call *call);
/* control_upstreams - an array of {"host","port","domains":[…],"addresses","tls","state","streams":[names],"failure"}; state is
 * connected, idle (no stream is needed now) or down (the last attempts to reach it failed, for the reason in failure) */
void control_upstreams(struct control_call *call);

#endif
