/* incoming_handshake - what a stream that another domain opens to us is answered with
 *
 * Openfire: the part of LocalIncomingServerSession.createSession that writes. Our header with the stream's id; then, for peers that
 * speak 1.0 and for nobody else (OF-443), the features: what is offered, and our limits.
 */
#ifndef SESSION_INCOMING_HANDSHAKE_H
#define SESSION_INCOMING_HANDSHAKE_H

#include "session/local_incoming_server_session.h"

/* incoming_handshake_send - as `local`, in answer to `header`; blocks as long as a full queue may. By the reader's thread. */
void incoming_handshake_send(struct socket_reader *reader, const char *local, const char *stream_id,
                             const struct stream_header *header,
                             const struct handshake_offer *offer);
/* incoming_handshake_write_header - before a stream error when no session was made: our header, from our first domain */
void incoming_handshake_write_header(struct socket_reader *reader, struct text *out);

#endif
