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
#include "session/local_outgoing_server_session.h"
#include "session/routing_table.h"

/* What this thread found for the pair of domains before: while it goes through one piece of input, mostly the next is the same. */
#define DOMAIN_MAX 256
static _Thread_local struct {
    bool on;         /* between packet_router_remember(true) and (false) */
    unsigned routes; /* xmpp_server_routes() before it was found */
    char from[DOMAIN_MAX], to[DOMAIN_MAX];
    size_t from_length, to_length;
    struct local_component_session *component;      /* a reference; or */
    struct local_outgoing_server_session *outgoing; /* a reference; or neither */
} last;

static void forget(void)
{
    local_component_session_unref(last.component);
    local_outgoing_server_session_unref(last.outgoing);
    last.component = NULL;
    last.outgoing = NULL;
}

void packet_router_remember(bool on)
{
    last.on = on;
    if (!on)
        forget();
}

/* remember - takes the references */
static void remember(const struct jid *to, const struct jid *from, unsigned routes,
                     struct local_component_session *component,
                     struct local_outgoing_server_session *outgoing)
{
    forget();
    last.component = component;
    last.outgoing = outgoing;
    last.routes = routes;
    if (!last.on || to->domain.length > DOMAIN_MAX || from->domain.length > DOMAIN_MAX) {
        forget();
        return;
    }
    memcpy(last.to, to->domain.bytes, last.to_length = to->domain.length);
    memcpy(last.from, from->domain.bytes, last.from_length = from->domain.length);
}

/* route_again - where the packet before went, if that holds for this one. False: look. */
static bool route_again(const struct element *packet, const struct jid *to, const struct jid *from)
{
    if ((last.component == NULL && last.outgoing == NULL) ||
        !span_equals(to->domain, last.to, last.to_length) ||
        !span_equals(from->domain, last.from, last.from_length) ||
        last.routes != xmpp_server_routes())
        return false;
    return last.component != NULL
               ? local_component_session_deliver(last.component, packet) == 0
               : local_outgoing_server_session_deliver(last.outgoing, packet) == 0;
}

void packet_router_route(struct arena *arena, struct element *packet, const struct jid *to,
                         const struct jid *from)
{
    if (route_again(packet, to, from))
        return;
    unsigned routes = xmpp_server_routes();
    struct local_component_session *component;
    if (component_routes_deliver(packet, to, &component) == COMPONENT_DELIVERED) {
        remember(to, from, routes, component, NULL);
        return;
    }
    if (upstream_manager_has(to->domain.bytes, to->domain.length)) {
        remember(to, from, routes, NULL,
                 routing_table_route_to_remote_domain(from->domain, to->domain, packet));
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
    remember(to, from, routes, NULL,
             routing_table_route_to_remote_domain(from->domain, to->domain, packet));
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
