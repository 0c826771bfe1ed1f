/* control_overrides - commands about the DNS overrides
 *
 * Openfire: dns-overrides.jsp. The overrides are one setting, dnsutil.dnsOverride; these commands show it as rows and change one of
 * them. Functions of rows of admin/control_table.h.
 */
#ifndef ADMIN_CONTROL_OVERRIDES_H
#define ADMIN_CONTROL_OVERRIDES_H

struct control_call;

/* control_overrides - an array of {"pattern","host","port" (null: none given)}, in the order in which they are looked at */
void control_overrides(struct control_call *call);
/* control_override_set, control_override_remove - {"pattern","row" (null: none),"was"} */
void control_override_set(struct control_call *call);
void control_override_remove(struct control_call *call);

#endif
