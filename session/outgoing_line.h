/* outgoing_line - how many outgoing sessions are set up at once, and who waits for a turn
 *
 * Openfire: the thread pool of OutgoingSessionPromise (`xmpp.server.outgoing.max.threads`). A turn
 * is taken by enter or given by leave; who has one gives it back with leave, exactly once. First
 * come, first served. One mutex, a leaf.
 */
#ifndef SESSION_OUTGOING_LINE_H
#define SESSION_OUTGOING_LINE_H

#include <stdbool.h>

struct outgoing_line_place {
    struct outgoing_line_place *next;
    void *owner; /* the session; set before enter */
};

/* outgoing_line_enter - true: it is your turn. False: you stand in line; a later leave gives you
 * back to its caller, who starts you. The place is kept until then. */
bool outgoing_line_enter(struct outgoing_line_place *place);
/* outgoing_line_leave - your turn is over; the owner whose turn it is now, or NULL */
void *outgoing_line_leave(void);

#endif
