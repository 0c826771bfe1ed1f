/* control_reach - commands that tell why a domain can not be talked to, and try it
 *
 * Openfire: server-connectiontest.jsp (S2S test). Functions of rows of admin/control_table.h.
 */
#ifndef ADMIN_CONTROL_REACH_H
#define ADMIN_CONTROL_REACH_H

struct control_call;

/* control_explain - what admin/explain.h says */
void control_explain(struct control_call *call);
/* control_check - an event for each step as it ends, then what admin/connection_check.h says. Ends early when nobody wants it. */
void control_check(struct control_call *call);

#endif
