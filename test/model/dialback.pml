/* SPDX-License-Identifier: Apache-2.0 */
/* dialback - what XEP-0220 promises and our roles keep: a model for spin
 *
 * Two honest servers that both run this program, and an attacker. B, the receiving server, has two incoming streams: one
 * that A opened (its id at B is 0) and one that the attacker opened (id 1). It asks about keys on streams that it opens to
 * A and to E. A, the originating server, opens a stream to B, and has shown its keys on streams to E; it is its own
 * authoritative server. E is the attacker's domain: whoever dials E gets him.
 *
 * What the attacker can do, at any time and as often as he likes: claim A, B or E to B with any key that he has; send
 * stanzas of any of them; send answers that nobody asked for, of any pair, id and type, on every stream that ends at him;
 * be silent; close. He knows all stream ids, gives A's streams to E the ids that he likes, overhears every key that A
 * shows to anybody, and keeps it. He can not make a key of A's (an HMAC: here the triple itself), nor write on a stream
 * between A and B, nor take the connections meant for A (who can do that is A, as far as dialback can tell). He is not a
 * process: where a stream ends at him, what is read from it is any message that he could write.
 *
 * The network between A and B loses any message without a word, and ends any stream at any time. A deadline may pass
 * whenever somebody waits for it. Deadlines are processes of their own (in the program: housekeeping, and the reader that
 * wakes up), because spin's weak fairness is one of processes.
 *
 * How to read it: every inline is called as the C function that does the same, and stands below the name of the file that
 * has it; run.py checks that it is there. (`attacker_`, `network_` and `model_` are the model's own.) A process
 * is a thread. A d_step is what the model lets nobody come between: what the program does under one lock, and the steps of
 * one thread that touch nothing of the others'. It is coarser than the program where a stream ends or a deadline passes:
 * there all who wait are told in one step. That right and word are two steps is kept where it matters: `done`.
 *
 * What must hold, each watched where it could break:
 *
 *   stanza_before_proof     B processes a stanza, and its pair was never called valid by its authoritative server on this stream
 *   impostor_heard          B processes a stanza of A's from a stream that A did not open
 *   foreign_answer_counted  a pair becomes valid, and not by the answer of its domain on the stream that B opened to that domain
 *   sent_before_proof       A sends a stanza to B that has not called A valid
 *   ended_twice             a verification ends that has ended already
 *   asked_twice             two questions, or two requests, of one pair on one stream at once
 *   refused_after_valid     B calls A valid and then refuses its stanza (OF-2626)
 *
 * and, with weak fairness, `every_verification_ends` and `every_packet_ends`: valid, invalid, error or the end of the
 * stream, but something. Each -DBUG_… takes one check out of the program; run.py knows which property must break then.
 * Each -DWITNESS=… asks for a way to one end that must be possible, so that nothing holds only because nothing happens.
 *
 * Left out: TLS, certificates and SASL; a second domain of ours and the refusals of receiving_server_check and of the
 * policy that need one; limits of pairs and streams; the private port; the authoritative role towards the attacker (it
 * tells who has a key already that the key is right); a second stream of A's, so each incoming stream has one life; retry
 * pauses. And of the functions of the three roles dialback_verification_new, originating_request_free and
 * originating_server_is_pending.
 *
 * spin 6.5.2 explores 436,522 states for the properties above, 159,454 for every_verification_ends and 92,574 for
 * every_packet_ends, which are checked in a smaller world (LIVENESS, below).
 */

/* domains */
#define A 0
#define E 1
#define B 2

/* the streams that were opened to B, which are their ids */
#define FROM_A 0
#define FROM_E 1

/* the streams that B and A opened */
#define B_TO_A 0
#define B_TO_E 1
#define A_TO_B 2
#define A_TO_E 3
#define REMOTE(s) (s == B_TO_A -> A : (s == A_TO_B -> B : E))

#define PAIR(stream, domain) (2 * (stream) + (domain))
#define QUESTION(s, stream) (2 * (s) + (stream))

#define NOTHING 0
mtype = {PENDING, VALIDATED}          /* a pair at B */
mtype = {SETTING_UP, OPENED, RETIRED} /* a stream */
mtype = {WAITS, SENT}                 /* a question or a request: for its stream to open; for its answer */
mtype = {RESULT, VERIFY, STANZA}      /* what is sent; RESULT and VERIFY without a type are requests */
mtype = {VALID, INVALID, ERROR}       /* type= */

/* keys: of the secret of A, whose originating domain is A. JUNK is any other text. */
#define JUNK 0
#define MADE(receiving, id) (1 + 2 * ((receiving) == B) + (id))

/* B: local_incoming_server_session */
mtype incoming[2];
mtype pairs[4]; /* PAIR */

/* A and B: local_outgoing_server_session */
mtype out[4];
mtype question[8]; /* QUESTION: struct receiving_server */
byte key_of[2];    /* of the questions to A that wait */
mtype request[4];  /* struct originating_server, and `wanted` */
byte id_at_e;      /* what E calls A_TO_E */

/* A: outgoing_session_promise, routing_table */
bool promise[3];
bool route[3];

/* what lies between A and B */
#ifndef ROOM
#define ROOM 2
#endif
chan to_b = [1] of {mtype, byte};        /* FROM_A: db:result and its key, or a stanza */
chan to_a = [1] of {mtype};              /* its answers */
chan verdicts = [ROOM] of {byte, mtype}; /* B_TO_A: answers, with the id that was asked about */

/* what the attacker knows, and what only the properties know */
bool knows[5];
bool authority_said[4]; /* PAIR: its domain has called it valid, on the stream that B opened to that domain */
bool b_said_valid;
bool stanza_before_proof, impostor_heard, foreign_answer_counted, sent_before_proof, ended_twice, asked_twice,
    refused_after_valid;

#define HOLDS(good, name) \
    if \
    :: good \
    :: else -> name = true; assert(!name) \
    fi

/* the ends that must be possible */
#define A_STANZA_OF_A_PASSES 1
#define A_STANZA_OF_E_PASSES 2
#define A_FALSE_KEY_IS_INVALID 3
#define AN_AUTHORITY_IS_SILENT 4
#define A_STREAM_ENDS_MIDWAY 5
#define AN_ANSWER_COMES_TOO_LATE 6
#define A_PAIR_IS_VALID_AGAIN 7
#define A_PACKET_COMES_BACK 8
#define AN_IMPOSTOR_IS_REFUSED 9
#ifndef WITNESS
#define WITNESS 0
#endif
#define REACHED(end) assert(WITNESS != end)

/* Liveness is checked in a smaller world: one answer on its way to B at once (-DROOM=1), and one packet of A's. */
#ifdef LIVENESS
#define MAY_WRITE (out[A_TO_B] == NOTHING)
#else
#define MAY_WRITE true
#endif

/* ---- the network and the attacker */

/* network_send - what finds no room is lost */
#define network_send(channel, message) \
    if \
    :: nfull(channel) -> channel!message \
    :: full(channel) \
    fi

/* network_loses - what lies there may be lost at any time */
inline network_loses(s)
{
    if
    :: s == B_TO_A && len(verdicts) > 0 -> verdicts?_, _
    :: s == A_TO_B && len(to_a) > 0 -> to_a?_
    fi
}

/* attacker_claims - on the stream that he opened to B */
inline attacker_claims(kind, from, type, key)
{
    if
    :: from = A
    :: from = B
    :: from = E
    fi;
    if
    :: kind = STANZA
    :: kind = RESULT; type = VALID
    :: kind = VERIFY; type = VALID
    :: kind = RESULT
    :: from == A -> kind = RESULT;
        if
        :: knows[MADE(B, FROM_A)] -> key = MADE(B, FROM_A)
        :: knows[MADE(B, FROM_E)] -> key = MADE(B, FROM_E)
        :: knows[MADE(E, FROM_A)] -> key = MADE(E, FROM_A)
        :: knows[MADE(E, FROM_E)] -> key = MADE(E, FROM_E)
        fi
    fi
}

/* attacker_answers - on a stream that was opened to E. For E he is the authority. */
inline attacker_answers(s, kind, from, id, type)
{
    if
    :: kind = RESULT
    :: kind = VERIFY; id = FROM_A
    :: kind = VERIFY; id = FROM_E
    fi;
    if
    :: from = A
    :: from = B
    :: from = E
    fi;
    if
    :: type = VALID
    :: type = INVALID
    :: type = ERROR
    fi;
    if
    :: s == B_TO_E && kind == VERIFY && from == E && id == FROM_E && type == VALID -> authority_said[PAIR(FROM_E, E)] = true
    :: else
    fi
}

/* ---- dialback/dialback_key.c */

inline dialback_key_make(key, receiving, originating, stream_id)
{
#if defined(BUG_KEY_WITHOUT_STREAM_ID)
    key = MADE(receiving, 0)
#elif defined(BUG_KEY_WITHOUT_RECEIVING)
    key = MADE(B, stream_id)
#else
    key = MADE(receiving, stream_id)
#endif
}

inline dialback_key_check(key, receiving, originating, stream_id, good)
{
    dialback_key_make(expected, receiving, originating, stream_id);
    good = key == expected;
    expected = JUNK
}

/* ---- dialback/authoritative_server.c */

inline authoritative_server_verify_received_key(key, from, to, id, type)
{
    dialback_key_check(key, from, to, id, good);
    if
    :: good -> type = VALID; authority_said[PAIR(id, A)] = true
    :: else -> type = INVALID
    fi
}

/* ---- dialback/originating_server.c */

inline originating_server_authenticate_domain(s)
{
    dialback_key_make(key, REMOTE(s), A, (s == A_TO_B -> FROM_A : id_at_e));
    knows[key] = true; /* shown to the attacker, or overheard by him */
    request[s] = SENT;
    if
    :: s == A_TO_B -> network_send(to_b, RESULT(key))
    :: else
    fi;
    key = JUNK
}

/* originating_server_take_answered - was it asked, on this very stream? */
inline originating_server_take_answered(s, from, found)
{
#ifdef BUG_RESULT_ON_ANY_STREAM
    if
    :: from == B -> s = A_TO_B
    :: else
    fi;
#endif
    found = request[s] == SENT && from == REMOTE(s);
    if
    :: found -> request[s] = NOTHING
    :: else
    fi
}

inline originating_server_take_expired(s)
{
    request[s] = NOTHING
}

/* ---- dialback/receiving_server.c */

inline receiving_server_check(from, may_ask)
{
    may_ask = from != B
}

inline receiving_server_take(s, stream, key)
{
    HOLDS(question[QUESTION(s, stream)] == NOTHING, asked_twice);
    question[QUESTION(s, stream)] = WAITS;
    if
    :: s == B_TO_A -> key_of[stream] = key
    :: else
    fi
}

/* a turn of the loop */
#define model_verify_key(s, stream) \
    if \
    :: question[QUESTION(s, stream)] == WAITS -> \
        question[QUESTION(s, stream)] = SENT; \
        if \
        :: s == B_TO_A -> answer_verify(stream, key_of[stream]); key_of[stream] = JUNK \
        :: else \
        fi \
    :: else \
    fi

inline receiving_server_verify_keys(s)
{
    model_verify_key(s, FROM_A);
    model_verify_key(s, FROM_E)
}

/* receiving_server_take_answered - pair and id of a question that was sent on this very stream? The key is not compared: what
 * was once said of this pair and id stays true. */
inline receiving_server_take_answered(s, from, id, found)
{
#if defined(BUG_VERDICT_ON_ANY_STREAM)
    if
    :: s == B_TO_E && from == A -> s = B_TO_A
    :: else
    fi;
#elif defined(BUG_VERDICT_OF_ANY_ID)
    if
    :: question[QUESTION(s, id)] != SENT && question[QUESTION(s, 1 - id)] == SENT -> id = 1 - id
    :: else
    fi;
#endif
    found = question[QUESTION(s, id)] == SENT && from == REMOTE(s);
    if
    :: found -> question[QUESTION(s, id)] = NOTHING
    :: else
    fi
}

inline receiving_server_take_expired(s, stream)
{
#ifdef BUG_EXPIRED_STAYS
    skip
#else
    question[QUESTION(s, stream)] = NOTHING
#endif
}

/* dialback_verification_finish - the owner's `done` is always the same function */
inline dialback_verification_finish(stream, remote, type)
{
    verified(stream, remote, type)
}

/* ---- session/session.c */

/* session_end - nothing is read from it any more, so its rights are of no more use: the model forgets them, to stay small */
inline session_end(stream)
{
    incoming[stream] = RETIRED;
    model_forget(stream, A);
    model_forget(stream, E)
}

inline model_forget(stream, domain)
{
    authority_said[PAIR(stream, domain)] = false;
    if
    :: pairs[PAIR(stream, domain)] == VALIDATED -> pairs[PAIR(stream, domain)] = NOTHING
    :: else
    fi
}

/* ---- session/local_incoming_server_session.c */

inline answer(stream, type)
{
    if
    :: stream == FROM_A && incoming[FROM_A] == OPENED ->
        b_said_valid = b_said_valid || type == VALID;
        network_send(to_a, type)
    :: else
    fi
}

inline answer_error(stream)
{
    answer(stream, ERROR)
}

/* claim_pair - `claim`: what the pair was; if that is nothing, it is pending now */
inline claim_pair(stream, from, claim)
{
    claim = pairs[PAIR(stream, from)];
#ifdef BUG_CLAIM_PENDING_AGAIN
    if
    :: claim == PENDING -> claim = NOTHING
    :: else
    fi;
#endif
    if
    :: claim == NOTHING -> pairs[PAIR(stream, from)] = PENDING
    :: else
    fi
}

inline ask(stream, from, key)
{
    claim_pair(stream, from, claim);
    if
    :: claim == NOTHING -> local_outgoing_server_session_verify_key((from == A -> B_TO_A : B_TO_E), stream, key)
    :: claim == PENDING
    :: claim == VALIDATED -> answer(stream, VALID); REACHED(A_PAIR_IS_VALID_AGAIN)
    fi;
    claim = NOTHING
}

inline local_incoming_server_session_validate_subsequent_domain(stream, from, key)
{
    receiving_server_check(from, may_ask);
    if
    :: may_ask -> ask(stream, from, key)
    :: else -> answer_error(stream)
    fi;
    may_ask = false
}

/* settle - `nothing_left`: an invalid verdict leaves the stream with nothing */
inline settle(stream, remote, type)
{
    HOLDS(pairs[PAIR(stream, remote)] == PENDING, ended_twice);
    if
    :: type == VALID && incoming[stream] == OPENED ->
        HOLDS(authority_said[PAIR(stream, remote)], foreign_answer_counted);
        pairs[PAIR(stream, remote)] = VALIDATED
    :: else -> pairs[PAIR(stream, remote)] = NOTHING
    fi;
    nothing_left = type == INVALID && pairs[PAIR(stream, A)] == NOTHING && pairs[PAIR(stream, E)] == NOTHING
}

/* verified - first the right, then the word. Where the word is for A, the other threads may come between the two: see `done`
 * in outgoing_dialback_verify_received. */
#ifdef BUG_ANSWER_BEFORE_SETTLE
#define model_verified_first(stream, remote, type) answer(stream, type)
#define model_verified_then(stream, remote, type) settle(stream, remote, type)
#else
#define model_verified_first(stream, remote, type) settle(stream, remote, type)
#define model_verified_then(stream, remote, type) answer(stream, type)
#endif

inline model_verified_end(stream)
{
    if
    :: nothing_left -> session_end(stream); REACHED(A_FALSE_KEY_IS_INVALID)
    :: else
    fi;
    nothing_left = false
}

inline verified(stream, remote, type)
{
    model_verified_first(stream, remote, type);
    model_verified_then(stream, remote, type);
    model_verified_end(stream)
}

inline local_incoming_server_session_is_valid_domain(stream, from, right)
{
#if defined(BUG_STANZA_BEFORE_VERDICT)
    right = from != B && pairs[PAIR(stream, from)] != NOTHING
#elif defined(BUG_ANY_PROOF_WILL_DO)
    right = pairs[PAIR(stream, A)] == VALIDATED || pairs[PAIR(stream, E)] == VALIDATED
#else
    right = from != B && pairs[PAIR(stream, from)] == VALIDATED
#endif
}

/* ---- session/server_socket_reader.c */

inline refuse_packet(stream)
{
    HOLDS(stream != FROM_A, refused_after_valid);
    REACHED(AN_IMPOSTOR_IS_REFUSED);
    session_end(stream)
}

inline check_right(stream, from, right)
{
    local_incoming_server_session_is_valid_domain(stream, from, right);
    if
    :: right
    :: else -> refuse_packet(stream)
    fi
}

/* packet_received - what passes the gate is processed */
inline packet_received(stream, from)
{
    check_right(stream, from, right);
    if
    :: right ->
        HOLDS(from != B && authority_said[PAIR(stream, from)], stanza_before_proof);
        HOLDS(from == (stream == FROM_A -> A : E), impostor_heard);
        if
        :: from == A -> REACHED(A_STANZA_OF_A_PASSES)
        :: else -> REACHED(A_STANZA_OF_E_PASSES)
        fi
    :: else
    fi;
    right = false
}

/* answer_verify - at A, on the stream that B opened to ask. It answers out of nothing but the question, so it is all the same
 * whether the question is late or the answer: only the answer is on its way for a time here. */
inline answer_verify(id, key)
{
    authoritative_server_verify_received_key(key, B, A, id, said);
    network_send(verdicts, id(said));
    said = NOTHING;
    good = false
}

/* process_unknown_packet - an answer on a stream that others opened proves nothing (CVE-2012-3525) */
inline process_unknown_packet(stream, kind, from, type, key)
{
    if
    :: kind == RESULT && type == NOTHING -> local_incoming_server_session_validate_subsequent_domain(stream, from, key)
#ifdef BUG_UNASKED_VERDICT
    :: kind == RESULT && type == VALID && from != B -> pairs[PAIR(stream, from)] = VALIDATED
#endif
    :: else
    fi
}

inline process(stream, kind, from, type, key)
{
    if
    :: kind == STANZA -> packet_received(stream, from)
    :: else -> process_unknown_packet(stream, kind, from, type, key)
    fi
}

/* ---- session/outgoing_session_promise.c */

/* find_place - a packet goes over the route if there is one, else into the queue; `first`: of an empty queue */
inline find_place(s, first)
{
    if
    :: route[REMOTE(s)] -> local_outgoing_server_session_deliver(s)
    :: else -> first = !promise[REMOTE(s)]; promise[REMOTE(s)] = true
    fi
}

inline outgoing_session_promise_process(s)
{
    find_place(s, first);
    if
    :: first -> local_outgoing_server_session_authenticate_domain(s)
    :: else
    fi;
    first = false
}

inline outgoing_session_promise_fulfilled(s)
{
    if
    :: promise[REMOTE(s)] -> local_outgoing_server_session_deliver(s)
    :: else
    fi;
    routing_table_add_server_route(s);
    promise[REMOTE(s)] = false
}

inline outgoing_session_promise_failed(remote)
{
    if
    :: promise[remote] -> REACHED(A_PACKET_COMES_BACK)
    :: else
    fi;
    promise[remote] = false
}

/* ---- session/routing_table.c */

inline routing_table_add_server_route(s)
{
    route[REMOTE(s)] = true
}

inline routing_table_remove_server_routes(s)
{
    route[REMOTE(s)] = route[REMOTE(s)] && s < A_TO_B
}

/* ---- session/outgoing_dialback.c */

/* outgoing_dialback_offer - a question about a key that came on `stream`, or a pair to be proved */
inline outgoing_dialback_offer(s, is_question, stream, key_shown)
{
    if
    :: is_question ->
        receiving_server_take(s, stream, key_shown);
        if
        :: out[s] == OPENED -> receiving_server_verify_keys(s)
        :: else
        fi
    :: else ->
        HOLDS(request[s] == NOTHING, asked_twice);
        if
        :: out[s] == OPENED -> originating_server_authenticate_domain(s)
        :: else -> request[s] = WAITS
        fi
    fi
}

inline outgoing_dialback_send_waiting(s)
{
    if
    :: request[s] == WAITS -> originating_server_authenticate_domain(s)
    :: else
    fi;
    receiving_server_verify_keys(s)
}

inline proved(s)
{
    outgoing_session_promise_fulfilled(s)
}

inline not_proved(s)
{
    outgoing_session_promise_failed(REMOTE(s))
}

inline outgoing_dialback_verify_received(s, from, id, type)
{
    receiving_server_take_answered(s, from, id, found);
    if
    :: !found -> REACHED(AN_ANSWER_COMES_TOO_LATE)
    :: found && id == FROM_A -> model_verified_first(id, from, type); done = type
    :: found && id == FROM_E -> dialback_verification_finish(id, from, type)
    fi
}

inline outgoing_dialback_result_received(s, from, type)
{
    originating_server_take_answered(s, from, found);
    if
    :: !found
    :: found && type == VALID -> proved(s)
    :: found && type != VALID -> not_proved(s)
    fi
}

inline outgoing_dialback_expire(s, is_question, stream)
{
    if
    :: is_question ->
        receiving_server_take_expired(s, stream);
        dialback_verification_finish(stream, REMOTE(s), ERROR);
        REACHED(AN_AUTHORITY_IS_SILENT)
    :: else ->
        originating_server_take_expired(s);
        outgoing_session_promise_failed(REMOTE(s))
    fi
}

#define model_fail(s, stream) \
    if \
    :: question[QUESTION(s, stream)] != NOTHING -> \
        question[QUESTION(s, stream)] = NOTHING; \
        dialback_verification_finish(stream, REMOTE(s), ERROR); \
        REACHED(A_STREAM_ENDS_MIDWAY) \
    :: else \
    fi

/* outgoing_dialback_fail - everybody who waits is told */
inline outgoing_dialback_fail(s)
{
#ifndef BUG_END_TELLS_NOBODY
    if
    :: request[s] != NOTHING -> request[s] = NOTHING; outgoing_session_promise_failed(REMOTE(s))
    :: else
    fi;
    model_fail(s, FROM_A);
    model_fail(s, FROM_E);
#else
    request[s] = NOTHING;
    question[QUESTION(s, FROM_A)] = NOTHING;
    question[QUESTION(s, FROM_E)] = NOTHING;
#endif
    key_of[FROM_A] = (s == B_TO_A -> JUNK : key_of[FROM_A]);
    key_of[FROM_E] = (s == B_TO_A -> JUNK : key_of[FROM_E])
}

/* ---- session/local_outgoing_server_session.c */

inline local_outgoing_server_session_deliver(s)
{
    HOLDS(b_said_valid, sent_before_proof);
    network_send(to_b, STANZA(JUNK))
}

/* find_or_make - the session to that domain takes the work; if there is none, a new one is made for it */
inline find_or_make(s, is_question, stream, key_shown)
{
    if
    :: out[s] == NOTHING -> out[s] = SETTING_UP
    :: else
    fi;
    outgoing_dialback_offer(s, is_question, stream, key_shown)
}

/* local_outgoing_server_session_authenticate_domain - after its only life A_TO_B can not be made again */
inline local_outgoing_server_session_authenticate_domain(s)
{
    if
    :: out[s] == RETIRED -> outgoing_session_promise_failed(REMOTE(s))
    :: else -> find_or_make(s, false, 0, JUNK)
    fi
}

inline local_outgoing_server_session_verify_key(s, stream, key_shown)
{
    find_or_make(s, true, stream, key_shown)
}

/* local_outgoing_server_session_opened - the headers were exchanged */
inline local_outgoing_server_session_opened(s)
{
    out[s] = OPENED;
    if
    :: s == A_TO_B -> incoming[FROM_A] = OPENED
    :: else
    fi;
    outgoing_dialback_send_waiting(s)
}

/* local_outgoing_server_session_retire - with it goes its connection, and what lay there */
inline local_outgoing_server_session_retire(s)
{
    out[s] = NOTHING;
    if
    :: s == B_TO_A ->
        do
        :: len(verdicts) > 0 -> verdicts?_, _
        :: len(verdicts) == 0 -> break
        od
    :: s == A_TO_B ->
        out[s] = RETIRED;
        b_said_valid = false;
        session_end(FROM_A)
    :: else
    fi
}

inline local_outgoing_server_session_failed(s)
{
    local_outgoing_server_session_retire(s);
    routing_table_remove_server_routes(s);
    outgoing_dialback_fail(s)
}

/* ---- session/outgoing_server_socket_reader.c */

inline dialback_received(s, kind, from, id, type)
{
    if
    :: kind == VERIFY -> outgoing_dialback_verify_received(s, from, id, type)
    :: kind == RESULT -> outgoing_dialback_result_received(s, from, type)
    fi
}

/* ---- the threads */

/* server_socket_reader - at B, of an incoming stream */
proctype server_socket_reader(byte stream)
{
    mtype kind, type, claim, said;
    byte from, key, expected;
    bool may_ask, right, good;
end:
    do
    :: atomic { incoming[stream] == OPENED && (stream == FROM_E || len(to_b) > 0) ->
            if
            :: stream == FROM_A -> to_b?kind(key); from = A
            :: stream == FROM_E -> attacker_claims(kind, from, type, key)
            fi;
            d_step {
                process(stream, kind, from, type, key);
                kind = NOTHING; type = NOTHING; from = 0; key = JUNK
            }
        }
    :: stream == FROM_A && len(to_b) > 0 -> to_b?_, _ /* lost */
    :: d_step { incoming[stream] == OPENED -> session_end(stream) } /* closed, broken, timed out */
    :: incoming[stream] == RETIRED -> break
    od
}

/* outgoing_server_socket_reader - at A or B, of an outgoing stream, and of the next one to the same domain */
proctype outgoing_server_socket_reader(byte s)
{
    mtype kind, type, said, done;
    byte from, id, key, expected, at;
    bool found, good, nothing_left;
end:
    do
    :: out[s] == SETTING_UP -> skip /* nothing comes, for as long as they like */
    :: d_step { out[s] == SETTING_UP -> local_outgoing_server_session_opened(s) }
    :: atomic { out[s] == OPENED && done == NOTHING &&
            (REMOTE(s) == E || (s == B_TO_A && len(verdicts) > 0) || (s == A_TO_B && len(to_a) > 0)) ->
            if
            :: s == B_TO_A -> verdicts?id(type); kind = VERIFY; from = A
            :: s == A_TO_B -> to_a?type; kind = RESULT; from = B
            :: REMOTE(s) == E -> attacker_answers(s, kind, from, id, type)
            fi;
            d_step {
                at = s;
                dialback_received(at, kind, from, id, type);
                kind = NOTHING; type = NOTHING; from = 0; id = 0; at = 0; found = false
            }
        }
    :: network_loses(s)
    :: d_step { done != NOTHING -> model_verified_then(FROM_A, A, done); model_verified_end(FROM_A); done = NOTHING }
    :: d_step { (out[s] == SETTING_UP || out[s] == OPENED) && done == NOTHING && s != A_TO_E ->
            local_outgoing_server_session_failed(s) /* closed, broken, refused */
        }
    od
}

/* tick - a deadline of one question or request: for the set-up of its stream, then for its answer */
proctype tick(byte s; bool is_question; byte stream)
{
    bool nothing_left;
end:
    do
#ifndef BUG_NO_ANSWER_DEADLINE
    :: d_step { (is_question -> question[QUESTION(s, stream)] : request[s]) == SENT ->
            outgoing_dialback_expire(s, is_question, stream)
        }
#endif
#ifndef BUG_NO_SETUP_DEADLINE
    :: d_step { out[s] == SETTING_UP -> local_outgoing_server_session_failed(s) }
#endif
    :: false
    od
}

/* users - at A: somebody writes to B */
proctype users()
{
    mtype said;
    byte key, expected;
    bool first, good;
end:
    do
    :: d_step { MAY_WRITE -> outgoing_session_promise_process(A_TO_B) }
    od
}

init
{
    byte key;
    d_step {
        incoming[FROM_E] = OPENED;
        out[A_TO_E] = OPENED; /* the second stream to E; on both A has shown a key, and E gave them B's ids */
        id_at_e = FROM_A;
        originating_server_authenticate_domain(A_TO_E);
        id_at_e = FROM_E;
        originating_server_authenticate_domain(A_TO_E);
        request[A_TO_E] = NOTHING
    };
    atomic {
        run server_socket_reader(FROM_A);
        run server_socket_reader(FROM_E);
        run outgoing_server_socket_reader(B_TO_A);
        run outgoing_server_socket_reader(B_TO_E);
        run outgoing_server_socket_reader(A_TO_B);
        run outgoing_server_socket_reader(A_TO_E);
        run users();
        run tick(B_TO_A, true, FROM_A);
        run tick(B_TO_A, true, FROM_E);
        run tick(B_TO_E, true, FROM_E);
        run tick(A_TO_B, false, 0)
    }
}

#ifdef LIVENESS
ltl every_verification_ends {
    []<> (pairs[PAIR(FROM_A, A)] != PENDING) && []<> (pairs[PAIR(FROM_E, A)] != PENDING) &&
    []<> (pairs[PAIR(FROM_E, E)] != PENDING)
}
ltl every_packet_ends { []<> !promise[B] }
#endif
