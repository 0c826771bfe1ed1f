/* outgoing_server_socket_reader - makes an outgoing stream and reads its return half
 *
 * Openfire: OutgoingServerSocketReader, LocalOutgoingServerSession.createOutgoingSession. Runs on
 * the session's thread.
 */
#ifndef SESSION_OUTGOING_SERVER_SOCKET_READER_H
#define SESSION_OUTGOING_SERVER_SOCKET_READER_H

struct local_outgoing_server_session;

/* outgoing_server_socket_reader_run - resolve, connect, open the stream, and read until it is
 * over. Blocks; every step ends by the set-up's deadline, an answer's deadline or the idle
 * limit. When it returns, the session can take nothing more. */
void outgoing_server_socket_reader_run(struct local_outgoing_server_session *session);

#endif
