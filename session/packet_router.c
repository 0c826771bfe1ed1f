/* SPDX-License-Identifier: Apache-2.0 */
/* packet_router - where a packet goes: to a component, to a server behind us, to us, or out
 *
 * Openfire: PacketRouterImpl, RoutingTableImpl.routePacket. Whether a domain is ours is asked of
 * xmpp_server by equality (DIFFERS: D14, by substring). What is for us and no IQ that our services
 * know is answered by iq_handlers' rules for users that do not exist.
 */
#include "session/packet_router.h"

#include <string.h>

#include "server/config.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/upstream_manager.h"
#include "server/xmpp_server.h"
#include "session/component_routes.h"
#include "session/iq_router.h"
#include "session/routing_table.h"

void packet_router_route(struct arena *arena, struct element *packet, const struct jid *to,
                         const struct jid *from)
{
    if (component_routes_deliver(packet, to) == COMPONENT_DELIVERED)
        return;
    if (upstream_manager_has(to->domain.bytes, to->domain.length)) {
        routing_table_route_to_remote_domain(from->domain, to->domain, packet);
        return;
    }
    if (xmpp_server_is_local(to->domain.bytes, to->domain.length)) {
        iq_router_route(arena, packet, to);
        return;
    }
    if (!xmpp_server_is_local(from->domain.bytes, from->domain.length)) {
        metrics_add(stanzas_dropped, 1);
        log_warn("<%s> from %s to %s dropped: neither is a domain of ours", packet->name,
                 element_get(packet, "from"), element_get(packet, "to"));
        return;
    }
    routing_table_route_to_remote_domain(from->domain, to->domain, packet);
}

void packet_router_route_reply(struct arena *arena, struct element *packet)
{
    const struct attribute *to = element_get_attribute(packet, "to");
    const struct attribute *from = element_get_attribute(packet, "from");
    struct jid to_jid, from_jid;
    if (to == NULL || from == NULL || jid_parse(&to_jid, to->value, to->value_length) < 0 ||
        jid_parse(&from_jid, from->value, from->value_length) < 0) {
        metrics_add(stanzas_dropped, 1);
        log_info("<%s> without proper addresses dropped", packet->name);
        return;
    }
    packet_router_route(arena, packet, &to_jid, &from_jid);
}
