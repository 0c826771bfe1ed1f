/* iq_router - packets for ourselves: to the service that answers, or to who of us asked
 *
 * Openfire: IQRouter (its handler table and its result listeners). Answers to our own questions end
 * here: pings, and whatever else is asked by an iq of ours. Any thread.
 */
#ifndef SESSION_IQ_ROUTER_H
#define SESSION_IQ_ROUTER_H

#include <stdbool.h>
#include <stdint.h>

#include "xml/jid.h"
#include "xml/packet.h"

/* iq_router_route - a packet for a domain of ours. A request is answered; a result or error goes
 * to the question that waits for it, if one does; nothing else happens. */
void iq_router_route(struct arena *arena, struct element *packet, const struct jid *to);
/* iq_router_ping - send an XEP-0199 ping from our domain to `domain` (prepared or not). The
 * outcome is one line at info level: "pong from DOMAIN in N ms" or "ping to DOMAIN failed:
 * CONDITION". Within `timeout` ms in any case. 0, or -1 when `domain` is none or too many are
 * under way. */
int iq_router_ping(const char *domain, int64_t timeout);

#define IQ_ROUTER_WORD 100 /* bytes of each of these; what is longer is cut between characters */

/* What a result of XEP-0092 says; "" of what it does not say. As it came: it may hold markup, line ends, anything of XML. */
struct iq_router_software {
    char name[IQ_ROUTER_WORD + 1], version[IQ_ROUTER_WORD + 1], os[IQ_ROUTER_WORD + 1];
};

/* The answer to a question that somebody waits for. */
struct iq_router_answer {
    int64_t took;   /* milliseconds */
    bool is_result; /* else an error, which shows as well that the way there and back is open */
    enum packet_error error; /* of an error */
    char text[200];          /* its text, as it came; cut between characters */
    struct iq_router_software software;
};

/* iq_router_expect_answer - a question is about to be sent to `domain` (prepared) by the caller's own means: its id, for the iq and
 * for the functions below. -1 when too many are under way. End it with iq_router_forget_answer. */
int iq_router_expect_answer(const char *domain, char id[24]);
/* iq_router_ask - the same, and it is sent: an iq of type get from our domain to `domain` (prepared) with an empty element of that name
 * and namespace (constants) in it, as any packet goes out; what was written is flushed, without waiting for slow peers. */
int iq_router_ask(const char *domain, const char *name, const char *ns, char id[24]);
/* iq_router_await_answer - wait for the answer from that domain until `deadline`; may be called again. true with the answer. */
bool iq_router_await_answer(const char *id, int64_t deadline, struct iq_router_answer *answer);
void iq_router_forget_answer(const char *id);
/* iq_router_stop - the program ends: nobody waits any longer for an answer that has not come */
void iq_router_stop(void);
/* iq_router_tick - housekeeping: pings that were not answered in time */
void iq_router_tick(int64_t now);

#endif
