/* outgoing_line - how many outgoing sessions are set up at once, and who waits for a turn
 *
 * Openfire: the thread pool of OutgoingSessionPromise (`xmpp.server.outgoing.max.threads`). A turn
 * is taken by enter or given by leave; who has one gives it back with leave, exactly once. First
 * come, first served, within each of three lines: what our own stanzas wait for comes before what a proved peer has us ask, and
 * that before what strangers do. The last two never have all turns (unless there is one only), so the first need not wait for them;
 * nor has the first, so senders of ours who write to dead domains do not keep the others from proving themselves.
 * Within those, who caused it counts: nobody has more than half of the turns, and the next is always for whoever has fewest, so a
 * network that lets us dial into silence does not shut out the others. One mutex, a leaf.
 */
#ifndef SESSION_OUTGOING_LINE_H
#define SESSION_OUTGOING_LINE_H

#include <stdbool.h>

/* Why a session is set up. */
enum outgoing_reason {
    OUTGOING_FOR_STANZAS, /* a pair of ours wants to send: all turns but a quarter, which is left for verifications */
    OUTGOING_FOR_PEERS, /* a verification, for a stream on which something is proved: half of the turns */
    OUTGOING_FOR_STRANGERS, /* the same for one on which nothing is: `s2s.unauthenticated.setups` turns, at most half */
    OUTGOING_REASONS
};

struct outgoing_line_place {
    struct outgoing_line_place *next;
    void *owner; /* the session; set before enter */
    enum outgoing_reason reason;
    unsigned cause; /* below OUTGOING_CAUSES */
    bool waiting;
};

#define OUTGOING_CAUSES \
    1024 /* cause: any number for who caused a verification, such as a hash; modulo this */

/* outgoing_line_enter - true: it is your turn. False: you stand in line; a later leave gives you
 * back to its caller, who starts you. The place is kept until then. */
bool outgoing_line_enter(struct outgoing_line_place *place, enum outgoing_reason reason,
                         unsigned cause);
/* outgoing_line_hurry - there is a better reason for it now: if it still stands in a worse line, it moves to the end of that of
 * `reason`; OUTGOING_STARTS: and it is its turn */
enum outgoing_hurry { OUTGOING_STAYS, OUTGOING_MOVED, OUTGOING_STARTS };
enum outgoing_hurry outgoing_line_hurry(struct outgoing_line_place *place,
                                        enum outgoing_reason reason, unsigned cause);
/* outgoing_line_leave - this one's turn is over; the owner whose turn it is now, or NULL */
void *outgoing_line_leave(struct outgoing_line_place *place);

#endif
