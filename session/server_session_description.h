/* server_session_description - what the sessions with other servers tell of themselves
 *
 * Openfire: the getters of LocalIncomingServerSession and LocalOutgoingServerSession that the console's pages use. The
 * `describe` of their operations; session/session_description.h is what others call.
 */
#ifndef SESSION_SERVER_SESSION_DESCRIPTION_H
#define SESSION_SERVER_SESSION_DESCRIPTION_H

#include "session/session_description.h"

/* server_session_description_incoming, _outgoing - of a session of that kind; take its lock */
void server_session_description_incoming(struct session *session,
                                         struct session_description *description);
void server_session_description_outgoing(struct session *session,
                                         struct session_description *description);
/* server_session_description_stand_incoming, _outgoing - their `stand` */
struct session_standing server_session_description_stand_incoming(struct session *session);
struct session_standing server_session_description_stand_outgoing(struct session *session);

#endif
