/* SPDX-License-Identifier: Apache-2.0 */
/* peer_stream - the parts that the load plays: originating servers, their authoritative and receiving
 * server, and an XEP-0114 component
 *
 * ORIGINATING  we connect, send the header, STARTTLS where told, db:result; ready at type='valid'
 * RECEIVING    the target connects: header and features, STARTTLS where told; every db:verify and every
 *              db:result is answered with valid
 * COMPONENT    we connect, header, handshake; ready when it is answered
 *
 * What comes of it is told to the workload by the functions in `peer_hooks`. A stream's memory is
 * freed after `gone`.
 */
#ifndef TEST_BENCH_PEER_STREAM_H
#define TEST_BENCH_PEER_STREAM_H

#include "test/bench/conn.h"
#include "test/bench/scan.h"

enum peer_role { ORIGINATING, RECEIVING, COMPONENT };

struct stream {
    struct conn conn; /* first, so that one is the other */
    enum peer_role role;
    bool is_ready, is_closing;
    uint32_t number; /* the workload's own, of ORIGINATING ones */
    uint64_t began;  /* ns, when it began to connect */
    char domain[64]; /* of the load; of RECEIVING ones once their header is there */
    char to[64];     /* of the target */
    struct shape shape;
};

/* What all streams of a run have in common; set before the first one. */
struct peer_options {
    struct sockaddr_in target, component_port, ours;
    const char *component_domain, *secret;
    bool tls;
};
extern struct peer_options peer_options;

struct peer_hooks {
    void (*ready)(struct stream *stream);
    /* a RECEIVING stream said for which domain it is */
    void (*received)(struct stream *stream);
    void (*stanza)(struct stream *stream, struct mark mark);
    void (*gone)(struct stream *stream, const char *why);
};
extern struct peer_hooks peer_hooks;

/* Stanzas that were answered with an error, and elements that nobody had reason to send. */
extern uint64_t peer_bounced, peer_unexpected;

void peer_listen(void);
/* peer_originate - a stream of `domain` to a domain of the target. `source` chooses one of the addresses it
 * comes from. NULL: cannot connect */
struct stream *peer_originate(const char *domain, const char *to, uint32_t number, uint32_t source);
struct stream *peer_component(void);
/* peer_close - our closing tag; the rest when the other side's has come */
void peer_close(struct stream *stream);

#endif
