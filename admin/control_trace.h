/* control_trace - the command that follows a domain live
 *
 * Openfire: the logs that its S2S test page shows, for as long as one likes. Functions of rows of admin/control_table.h.
 */
#ifndef ADMIN_CONTROL_TRACE_H
#define ADMIN_CONTROL_TRACE_H

struct control_call;

/* control_trace - events: first {"following":domain}; then {"time","connection","actor","sentence","clause"} for a step,
 * {"time","connection","direction","stanza"} for a stanza, {"lost":N} when N of them could not be kept. The answer:
 * {"events":N,"lost":N}. It ends when nobody wants it any more, or after --seconds. */
void control_trace(struct control_call *call);

#endif
