/* outgoing_session_promise - packets that wait until their pair of domains is proved to the other
 * side
 *
 * Openfire: OutgoingSessionPromise. A promise exists from the first packet of a pair without a
 * route until the pair is proved (its packets are then written in their order, before any later
 * one) or has failed (they go back to their senders). At most `xmpp.server.outgoing.queue` packets
 * wait for a pair, each for at most `s2s.queue.age`. One mutex over the table, the outermost lock of session/.
 */
#ifndef SESSION_OUTGOING_SESSION_PROMISE_H
#define SESSION_OUTGOING_SESSION_PROMISE_H

#include <stdint.h>

#include "session/domain_pair.h"
#include "xml/packet.h"

struct local_outgoing_server_session;

/* outgoing_session_promise_process - the routing table's no-route handler: copies the packet;
 * never waits */
void outgoing_session_promise_process(struct span local, struct span remote,
                                      const struct element *packet);
/* outgoing_session_promise_fulfilled - the pair is proved on this session: packets, then the route
 */
void outgoing_session_promise_fulfilled(struct span local, struct span remote,
                                        struct local_outgoing_server_session *session);
/* outgoing_session_promise_failed - the packets go back with this error */
void outgoing_session_promise_failed(struct span local, struct span remote, enum packet_error error,
                                     const char *why);
/* outgoing_session_promise_return_to_sender - one packet that can't be sent: an error to its
 * sender, or a log line when nothing may be answered */
void outgoing_session_promise_return_to_sender(const struct element *packet,
                                               enum packet_error error, const char *why);
/* outgoing_session_promise_tick - housekeeping: what has waited too long goes back, remote-server-timeout */
void outgoing_session_promise_tick(int64_t now);
void outgoing_session_promise_stop(void);

#endif
