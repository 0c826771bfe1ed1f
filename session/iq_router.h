/* iq_router - packets for ourselves: to the service that answers, or to who of us asked
 *
 * Openfire: IQRouter (its handler table and its result listeners). Answers to our own pings end
 * here. Any thread.
 */
#ifndef SESSION_IQ_ROUTER_H
#define SESSION_IQ_ROUTER_H

#include <stdbool.h>
#include <stdint.h>

#include "xml/jid.h"
#include "xml/packet.h"

/* iq_router_route - a packet for a domain of ours. A request is answered; a result or error goes
 * to the ping that waits for it, if one does; nothing else happens. */
void iq_router_route(struct arena *arena, struct element *packet, const struct jid *to);
/* iq_router_ping - send an XEP-0199 ping from our domain to `domain` (prepared or not). The
 * outcome is one line at info level: "pong from DOMAIN in N ms" or "ping to DOMAIN failed:
 * CONDITION". Within `timeout` ms in any case. 0, or -1 when `domain` is none or too many are
 * under way. */
int iq_router_ping(const char *domain, int64_t timeout);
/* The answer to a ping that somebody waits for. */
struct iq_router_pong {
    int64_t took;   /* milliseconds */
    bool is_result; /* else an error, which shows as well that the way there and back is open */
    enum packet_error error; /* of an error */
    char text[200];          /* its text, as it came */
};

/* iq_router_expect_pong - a ping is about to be sent to `domain` (prepared) by the caller's own means: its id, for the iq and for the
 * two functions below. -1 when too many are under way. End it with iq_router_forget_pong. */
int iq_router_expect_pong(const char *domain, char id[24]);
/* iq_router_await_pong - wait for the answer from that domain until `deadline`; may be called again. true with the answer. */
bool iq_router_await_pong(const char *id, int64_t deadline, struct iq_router_pong *pong);
void iq_router_forget_pong(const char *id);
/* iq_router_tick - housekeeping: pings that were not answered in time */
void iq_router_tick(int64_t now);

#endif
