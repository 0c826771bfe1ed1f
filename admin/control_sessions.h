/* control_sessions - commands that show and end live sessions
 *
 * Openfire: server-session-summary.jsp, server-session-details.jsp. Functions of rows of admin/control_table.h.
 */
#ifndef ADMIN_CONTROL_SESSIONS_H
#define ADMIN_CONTROL_SESSIONS_H

#include <jansson.h>

struct control_call;
struct session_description;

/* control_sessions - an array, an object for each session (control_sessions_object) */
void control_sessions(struct control_call *call);
/* control_close - {"closed":[names]} */
void control_close(struct control_call *call);

/* control_sessions_object - what is known of a session: name, direction, state, local, remote, behind, stream_id,
 * authentication, pairs, pair_count, tls, software (null, or what admin/remote_software.h tells), peer, local_port, since, active, age_seconds,
 * idle_seconds, stanzas_in, stanzas_out, bytes_in, bytes_out, queue_bytes */
json_t *control_sessions_object(const struct session_description *description);

#endif
