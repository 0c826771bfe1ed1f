/* receiving_server - "prove you are X": ask the authoritative server, pass its answer on
 *
 * Openfire: ServerDialback.validateRemoteDomain and verifyKey. XEP-0220 2.1.2, 2.2.1. The second
 * role, in two places: on the stream that the other side opened to us (check the request) and on
 * the stream that we open to the domain it claims (ask, and match the answer). A verification is
 * one question on its way. One `struct receiving_server` per outgoing stream keeps those asked on
 * it: an answer on any other stream finds nothing. No locks: the session that owns it guards it.
 */
#ifndef DIALBACK_RECEIVING_SERVER_H
#define DIALBACK_RECEIVING_SERVER_H

#include <stdint.h>

#include "dialback/dialback_element.h"
#include "xml/stream_error.h"

/* What came of it. */
struct dialback_verdict {
    enum dialback_type type; /* DIALBACK_VALID, DIALBACK_INVALID or DIALBACK_ERROR */
    enum packet_error error; /* of DIALBACK_ERROR: what the originating server is told */
    const char *why;         /* a sentence; borrowed for the call */
};

struct dialback_verification;
/* A verification's end: called exactly once, without locks, by whichever thread learnt it; frees
 * nothing (dialback_verification_finish does) */
typedef void dialback_verification_done(void *owner,
                                        const struct dialback_verification *verification,
                                        const struct dialback_verdict *verdict);

struct dialback_verification {
    struct dialback_verification *next;
    char *local, *remote; /* target and sender domain of the db:result */
    char *stream_id;      /* our id of the stream on which the key came */
    char *key;
    int64_t
        deadline; /* xmpp_server_now's clock; of the whole question, connecting included, until the question is sent */
    int64_t began; /* metrics_now's clock */
    bool sent;
    dialback_verification_done *done;
    void *owner;
};

struct receiving_server {
    struct dialback_verification *verifications; /* owned */
};

/* Where a db:result came. */
enum receiving_place {
    RECEIVING_PUBLIC, /* from the internet: X proves itself to a domain of ours */
    RECEIVING_OFF,    /* the same, with dialback switched off */
    RECEIVING_UPSTREAM, /* on the private port, from an address of the upstream of X: X, a domain of ours, to any other */
    RECEIVING_NO_UPSTREAM /* on the private port, from where X has no business */
};

/* What a db:result deserves before anybody is asked. */
enum receiving_check {
    RECEIVING_ASK,          /* go and ask */
    RECEIVING_ANSWER_ERROR, /* db:result type=error with *error; the stream stays */
    RECEIVING_END_STREAM    /* stream error *stream_error */
};

/* receiving_server_check - may this db:result lead to a question at all? No DNS look-up is made
 * for one that may not (X14). A sentence goes to `why`. */
enum receiving_check receiving_server_check(const struct dialback_element *request,
                                            enum receiving_place place, enum packet_error *error,
                                            enum stream_error *stream_error, struct text *why);

struct dialback_verification *dialback_verification_new(const struct dialback_element *request,
                                                        const char *stream_id,
                                                        dialback_verification_done *done,
                                                        void *owner);
/* dialback_verification_finish - tell the owner, then free. Call without locks. */
void dialback_verification_finish(struct dialback_verification *verification,
                                  const struct dialback_verdict *verdict);

/* receiving_server_take - keep a verification that is to be asked on this stream (takes it) */
void receiving_server_take(struct receiving_server *server,
                           struct dialback_verification *verification);
/* receiving_server_verify_keys - append a db:verify for each that was not sent yet; each has
 * until `deadline` from now on */
void receiving_server_verify_keys(struct receiving_server *server, int64_t deadline,
                                  struct text *out);
/* receiving_server_take_answered - the verification that this db:verify answers, now the
 * caller's, or NULL: nobody asked that here. On success `*verdict` is filled; its `why` lives in
 * `why`. */
struct dialback_verification *receiving_server_take_answered(struct receiving_server *server,
                                                             const struct dialback_element *answer,
                                                             struct dialback_verdict *verdict,
                                                             struct text *why);
/* receiving_server_take_expired - one whose deadline is over at `now` (INT64_MAX: any), or NULL */
struct dialback_verification *receiving_server_take_expired(struct receiving_server *server,
                                                            int64_t now);

#endif
