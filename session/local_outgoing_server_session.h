/* local_outgoing_server_session - a stream that we opened to another domain
 *
 * Openfire: LocalOutgoingServerSession. One stream to a remote domain carries everything we have
 * for it: keys for our domains (db:result), questions about its keys (db:verify), and the stanzas
 * of every pair that was proved. (A stream that SASL EXTERNAL has authenticated is for one domain of
 * ours only; it answers for no other.) It is made on a thread of its own, which then is its reader.
 *
 * Threads: its own; any that has a pair, a verification or a packet for it; housekeeping. Locks:
 * the table of sessions by remote domain, then the session's.
 */
#ifndef SESSION_LOCAL_OUTGOING_SERVER_SESSION_H
#define SESSION_LOCAL_OUTGOING_SERVER_SESSION_H

#include "dialback/receiving_server.h"
#include "session/domain_pair.h"
#include "session/outgoing_line.h"
#include "session/session.h"
#include "session/socket_reader.h"
#include "xml/packet.h"

struct local_outgoing_server_session;

/* local_outgoing_server_session_authenticate_domain - prove `local` to `remote`: on the open
 * stream to it, or on a new one. Never waits. The outcome goes to
 * outgoing_session_promise_fulfilled or _failed, always. */
void local_outgoing_server_session_authenticate_domain(struct span local, struct span remote);
/* local_outgoing_server_session_verify_key - ask the authoritative server of the verification's
 * remote domain, on the open stream to it or on a new one, which stands in line for `reason` and `cause`
 * (outgoing_line.h). Takes the verification; never waits; its end is told in any case. */
void local_outgoing_server_session_verify_key(struct dialback_verification *verification,
                                              enum outgoing_reason reason, unsigned cause);
/* local_outgoing_server_session_deliver - write a packet of a proved pair; one that is larger than the other side takes goes back to
 * its sender (XEP-0478 4). 0, or -1 when the session has ended: nothing was taken. Call without locks of this room. */
int local_outgoing_server_session_deliver(struct local_outgoing_server_session *session,
                                          const struct element *packet);
/* local_outgoing_server_session_deliver_now - the same without waiting, for the promise's
 * bounded queue, which may hold a lock: 1 when the packet is larger, and is for _refuse_large, once no lock is held */
int local_outgoing_server_session_deliver_now(struct local_outgoing_server_session *session,
                                              const struct element *packet);
/* local_outgoing_server_session_refuse_large - back to its sender: policy-violation */
void local_outgoing_server_session_refuse_large(struct local_outgoing_server_session *session,
                                                const struct element *packet);

struct local_outgoing_server_session *local_outgoing_server_session_ref(
    struct local_outgoing_server_session *session);
void local_outgoing_server_session_unref(struct local_outgoing_server_session *session);
/* local_outgoing_server_session_stop - at the end of the program, when no thread is left */
void local_outgoing_server_session_stop(void);

/* For its reader (outgoing_server_socket_reader), on the session's thread: */

const char *local_outgoing_server_session_remote(
    const struct local_outgoing_server_session *session);
/* local_outgoing_server_session_local - the domain of ours that the stream is opened as */
const char *local_outgoing_server_session_local(
    const struct local_outgoing_server_session *session);
/* local_outgoing_server_session_deadline - of the set-up */
int64_t local_outgoing_server_session_deadline(const struct local_outgoing_server_session *session);
struct timeline *local_outgoing_server_session_timeline(
    const struct local_outgoing_server_session *session);
/* local_outgoing_server_session_connected - it has a connection (takes a reference; gives one before it back) */
void local_outgoing_server_session_connected(struct local_outgoing_server_session *session,
                                             struct socket_connection *connection);
/* local_outgoing_server_session_take_limits - what its last features say of limits (XEP-0478): no larger stanza is sent, and a blank
 * in time where nothing else is. Before it is opened. */
void local_outgoing_server_session_take_limits(struct local_outgoing_server_session *session,
                                               const struct element *features, struct arena *arena);
/* local_outgoing_server_session_opened - the stream is ready for keys and questions: what waited
 * is sent. `stream_id` is the peer's. */
void local_outgoing_server_session_opened(struct local_outgoing_server_session *session,
                                          const char *stream_id);
/* local_outgoing_server_session_authenticated - instead: our certificate has proved the session's own domain
 * (SASL EXTERNAL). From now on the stream is for that domain alone; the pairs of other domains of ours that
 * waited for it get streams of their own. */
void local_outgoing_server_session_authenticated(struct local_outgoing_server_session *session,
                                                 const char *stream_id);
bool local_outgoing_server_session_is_open(struct local_outgoing_server_session *session);
/* local_outgoing_server_session_has_domain - was any pair proved on it? */
bool local_outgoing_server_session_has_domain(struct local_outgoing_server_session *session);
/* local_outgoing_server_session_is_waiting - is an answer outstanding? */
bool local_outgoing_server_session_is_waiting(struct local_outgoing_server_session *session);
/* local_outgoing_server_session_retire - take no new work: from now on a new pair or question
 * gets a new session. Idempotent. */
void local_outgoing_server_session_retire(struct local_outgoing_server_session *session);
/* local_outgoing_server_session_failed - it could not be set up, or has ended: everybody who
 * waits is told `error` and `why` */
void local_outgoing_server_session_failed(struct local_outgoing_server_session *session,
                                          enum packet_error error, const char *why);

#endif
