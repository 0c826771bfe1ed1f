/* control_diagram - the command that draws a handshake
 *
 * Openfire: none. The function of a row of admin/control_table.h.
 */
#ifndef ADMIN_CONTROL_DIAGRAM_H
#define ADMIN_CONTROL_DIAGRAM_H

#include <jansson.h>

struct control_call;

/* control_diagram - {"domain", "direction", "live", "svg"}: of a live stream by its name or id, else of what is kept of a domain,
 * else of a live stream with it */
void control_diagram(struct control_call *call);

/* control_diagram_live - the story of the live stream of that name or id, for admin/sequence_diagram.h: a new reference, or NULL */
json_t *control_diagram_live(const char *stream);

#endif
