/* session_outcome - what an answer of the other side means for the question why we can not talk, and where a stream's story is filed
 *
 * Openfire: none (nearest is FailedOutgoingServerSessionAttempt). Between what comes on the wire and server/failure.h: stream errors,
 * SASL conditions and dialback errors become causes. RFC 6120 4.9.3, 6.5, XEP-0220 2.5. Any thread; no locks of its own.
 */
#ifndef SESSION_SESSION_OUTCOME_H
#define SESSION_SESSION_OUTCOME_H

#include "dialback/dialback_element.h"
#include "server/failure.h"
#include "session/socket_reader.h"
#include "xml/packet.h"

struct local_outgoing_server_session;

/* session_outcome_of_stream_error - the other side ended a stream that nothing was proved on with this error and text ("" without) */
enum failure session_outcome_of_stream_error(enum stream_error error, const char *text);
/* session_outcome_of_dialback_error - its answer to our db:result was an error */
enum failure session_outcome_of_dialback_error(enum packet_error error, const char *text);
/* session_outcome_of_bytes - they were no stream: does the beginning look like another protocol? In words, or NULL. */
const char *session_outcome_of_bytes(const char *bytes, size_t length);

/* session_outcome_unanswered - a stream of ours has ended while <starttls/> or <auth/> was not answered yet (or neither) */
void session_outcome_unanswered(const struct socket_reader *reader, bool tls, bool sasl);
/* session_outcome_external_refused - on a stream of ours, for this condition; dialback may still follow */
void session_outcome_external_refused(const struct socket_reader *reader, const char *condition);
/* session_outcome_in - on a stream opened to us `remote` proved itself to `local`, or (`failure`, `why`) did not */
void session_outcome_in(const struct socket_connection *connection, const char *remote,
                        const char *local, enum failure failure, const char *why);
/* session_outcome_in_over - such a stream, from whoever said that it is `remote` (NULL: nobody), has ended without any proof: filed,
 * unless that was done already */
void session_outcome_in_over(struct socket_reader *reader, const char *remote, const char *local);
/* session_outcome_in_nameless - the same when nobody said who it is: counted only */
void session_outcome_in_nameless(const struct socket_reader *reader);
/* session_outcome_asked - somebody asks whether a key is ours, and is answered so (DIALBACK_VALID, DIALBACK_INVALID; any other: nothing is
 * noted): such a stream need not prove anything */
void session_outcome_asked(const struct socket_reader *reader,
                           const struct dialback_element *request, enum dialback_type answer);
/* session_outcome_sasl_refused - on a stream opened to us, for this condition; dialback may still follow */
void session_outcome_sasl_refused(const struct socket_reader *reader, const char *condition);
/* session_outcome_out - a domain of ours was proved on a stream that we opened, or was not */
void session_outcome_out(struct local_outgoing_server_session *session, const char *local,
                         enum failure failure, const char *why);

#endif
