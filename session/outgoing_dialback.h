/* outgoing_dialback - what is asked and answered on a stream that we opened
 *
 * Openfire: the originating and receiving roles of ServerDialback, as LocalOutgoingServerSession drives them. Keys for
 * our domains (db:result) and questions about the other side's (db:verify): what waits, what is on its way, and what
 * becomes of the answers. XEP-0220 2.1. Locks: the session's, taken inside unless a comment says otherwise.
 */
#ifndef SESSION_OUTGOING_DIALBACK_H
#define SESSION_OUTGOING_DIALBACK_H

#include "dialback/receiving_server.h"
#include "xml/packet.h"
#include "xml/text.h"

struct local_outgoing_server_session;

/* What a session says to work that it is offered. */
enum outgoing_offer {
    OFFER_TAKEN,
    OFFER_RETIRED, /* it takes no more */
    OFFER_PROVED,  /* there is nothing to prove: its certificate has done that */
    OFFER_NOT_MINE /* it is for another domain of ours only */
};

/* outgoing_dialback_offer - under the session's lock: a pair to be proved, or a verification (taken). What is to be sent
 * at once is appended to `out`. */
enum outgoing_offer outgoing_dialback_offer(struct local_outgoing_server_session *session,
                                            struct span local,
                                            struct dialback_verification *verification,
                                            struct text *out);
/* outgoing_dialback_send_waiting - under the session's lock, once it is opened: append all that waited */
void outgoing_dialback_send_waiting(struct local_outgoing_server_session *session,
                                    struct text *out);
/* outgoing_dialback_result_received, _verify_received - an answer came on its stream. 0 to go on; -1: the stream is of
 * no use any more. */
int outgoing_dialback_result_received(struct local_outgoing_server_session *session,
                                      const struct dialback_element *answer);
void outgoing_dialback_verify_received(struct local_outgoing_server_session *session,
                                       const struct dialback_element *answer);
/* outgoing_dialback_expire - those that were not answered in time are told so */
void outgoing_dialback_expire(struct local_outgoing_server_session *session, int64_t now);
/* outgoing_dialback_fail - everybody who waits is told `error` and `why` */
void outgoing_dialback_fail(struct local_outgoing_server_session *session, enum packet_error error,
                            const char *why);

/* How many outgoing sessions have not proved a pair of ours (so far, or were only wanted for questions), measured by
 * xmpp.server.outgoing.max.threads. Each has a thread and a descriptor, and whoever claims domains causes them. */
enum outgoing_crowd {
    CROWD_FEW,
    CROWD_MANY, /* as many: those that are done are closed soon */
    CROWD_FULL  /* ten times as many: none is made for a question */
};
#define CROWD_FACTOR 10

/* outgoing_dialback_begin, _over - a session is made, and at its end; count_domain - a pair is proved, with its lock held. Any thread. */
void outgoing_dialback_begin(void);
void outgoing_dialback_count_domain(struct local_outgoing_server_session *session);
void outgoing_dialback_over(struct local_outgoing_server_session *session);
enum outgoing_crowd outgoing_dialback_crowd(void);

#endif
