/* iq_router - packets for ourselves: to the service that answers, or to who of us asked
 *
 * Openfire: IQRouter (its handler table and its result listeners). Answers to our own pings end
 * here. Any thread.
 */
#ifndef SESSION_IQ_ROUTER_H
#define SESSION_IQ_ROUTER_H

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
/* iq_router_tick - housekeeping: pings that were not answered in time */
void iq_router_tick(int64_t now);

#endif
