/* outgoing_line - how many outgoing sessions are set up at once, and who waits for a turn
 *
 * Openfire: the thread pool of OutgoingSessionPromise (`xmpp.server.outgoing.max.threads`). A turn
 * is taken by enter or given by leave; who has one gives it back with leave, exactly once. First
 * come, first served, in two lines: one for stanzas of ours, one for questions about keys. Whoever claims domains causes questions, as
 * many as he likes, to servers that he may have keep silent; so they take half of the turns at most, and stanzas leave them a quarter.
 * One mutex, a leaf.
 */
#ifndef SESSION_OUTGOING_LINE_H
#define SESSION_OUTGOING_LINE_H

#include <stdbool.h>

enum outgoing_line_kind { LINE_STANZAS, LINE_QUESTIONS };

struct outgoing_line_place {
    struct outgoing_line_place *next;
    void *owner;                  /* the session; set before enter */
    enum outgoing_line_kind kind; /* what it is wanted for; set before enter, then the line's */
    bool waiting;                 /* the line's */
};

/* outgoing_line_enter - true: it is your turn. False: you stand in line; a later leave gives you
 * back to its caller, who starts you. The place is kept until then. */
bool outgoing_line_enter(struct outgoing_line_place *place);
/* outgoing_line_hurry - a stanza wants it now: if it waits among the questions it changes over. True: and it is its turn; the caller
 * starts it. */
bool outgoing_line_hurry(struct outgoing_line_place *place);
/* outgoing_line_leave - your turn is over; the owner whose turn it is now, or NULL */
void *outgoing_line_leave(const struct outgoing_line_place *place);

#endif
