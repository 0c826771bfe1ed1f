/* packet_router - where a packet goes: to us, or out
 *
 * Openfire: PacketRouter (PacketRouterImpl, MessageRouter, PresenceRouter),
 * RoutingTable.routePacket. A packet for a domain that we serve never leaves; any other goes out if
 * its sender's domain is ours. Any thread; no locks of its own.
 */
#ifndef SESSION_PACKET_ROUTER_H
#define SESSION_PACKET_ROUTER_H

#include "xml/jid.h"
#include "xml/packet.h"

/* packet_router_route - a packet with parsed addresses. Borrowed; `arena` is for replies and
 * lives until this returns. */
void packet_router_route(struct arena *arena, struct element *packet, const struct jid *to,
                         const struct jid *from);
/* packet_router_route_reply - a packet that we made: its addresses are parsed here; one without
 * proper addresses is dropped with a log line */
void packet_router_route_reply(struct arena *arena, struct element *packet);

/* packet_router_remember - true: until false, this thread keeps what it finds for a pair of domains for the packets that follow, with a
 * reference of the session. Never across a wait for input: the session of others would live as long. */
void packet_router_remember(bool on);

#endif
