/* sequence_steps - what a step of a timeline looks like in a sequence diagram: who sends what to whom
 *
 * Openfire: none. A step says what happened by Openfire's class and method (its actor), its clause, and a sentence that begins with
 * words of ours; that is enough to know it again. Where one step stands for several messages (the certificate was asked for and shown,
 * starttls was said and answered) they are all drawn. A step that is not known here is a note on our side: nothing is left out. Pure.
 */
#ifndef ADMIN_SEQUENCE_STEPS_H
#define ADMIN_SEQUENCE_STEPS_H

#include <stdbool.h>

/* Who takes part, from left to right. */
enum sequence_party { PARTY_US, PARTY_DNS, PARTY_AUTHORITY, PARTY_REMOTE, PARTY_COUNT };

enum sequence_shape {
    SHAPE_NONE,
    SHAPE_ARROW, /* a message */
    SHAPE_LOST,  /* one that does not arrive */
    SHAPE_BOTH,  /* an exchange of many messages, such as TLS's */
    SHAPE_NOTE   /* what happens on our side alone */
};

enum sequence_tone { TONE_PLAIN, TONE_GOOD, TONE_WARN, TONE_BAD };

/* What it is about; a heading stands where that changes. */
enum sequence_phase {
    PHASE_SAME, /* whatever it was */
    PHASE_FIND,
    PHASE_CONNECT,
    PHASE_STREAM,
    PHASE_ANEW, /* the stream once more */
    PHASE_ENCRYPT,
    PHASE_EXTERNAL,
    PHASE_DIALBACK,
    PHASE_END,
    PHASE_COUNT
};

struct sequence_move {
    enum sequence_shape shape;
    enum sequence_party from, to;
    const char *label; /* a constant: what is sent, or what the note is about */
    enum sequence_tone tone;
};

#define SEQUENCE_MOVES 4

struct sequence_step {
    enum sequence_phase phase;
    struct sequence_move moves[SEQUENCE_MOVES]; /* at least one */
    int count;
    int before;    /* so many of them still belong to what was before that */
    int told;      /* the move that the sentence stands under */
    bool encrypts; /* from here on it is inside TLS */
};

/* What the steps before tell of this one; begin with zeros and the direction. */
struct sequence_reading {
    bool incoming;
    bool opened;   /* a header was sent or received since the connection was made */
    bool anew;     /* and the stream has begun anew since */
    bool asserted; /* SASL EXTERNAL was asked for and not yet answered */
    bool failed;   /* how it all ended */
};

/* sequence_steps_read - fill `step`; "" for an actor or clause that is not there */
void sequence_steps_read(struct sequence_reading *reading, const char *actor, const char *clause,
                         const char *sentence, struct sequence_step *step);
/* sequence_steps_heading - of a phase; `*means`: what it is for, in a sentence */
const char *sequence_steps_heading(enum sequence_phase phase, const char **means);

#endif
