/* routing_table - which outgoing session carries a pair of domains
 *
 * Openfire: RoutingTableImpl (its server routes), LocalRoutingTable. A route is there from the
 * moment a pair is proved until its session ends. A packet without a route goes to the no-route
 * handler (main points it at the OutgoingSessionPromise). Keyed by the exact pair (DIFFERS: 3.7.1
 * by remote domain, and by substring, D14, D17). One read-write lock.
 */
#ifndef SESSION_ROUTING_TABLE_H
#define SESSION_ROUTING_TABLE_H

#include "session/domain_pair.h"
#include "xml/element.h"

struct local_outgoing_server_session;

typedef void routing_table_no_route(struct span local, struct span remote,
                                    const struct element *packet);

void routing_table_set_no_route_handler(routing_table_no_route *handler);
/* routing_table_add_server_route - takes a reference of its own */
void routing_table_add_server_route(struct span local, struct span remote,
                                    struct local_outgoing_server_session *session);
/* routing_table_remove_server_routes - all routes over this session */
void routing_table_remove_server_routes(struct local_outgoing_server_session *session);
/* routing_table_get_server_route - with a reference, or NULL */
struct local_outgoing_server_session *routing_table_get_server_route(struct span local,
                                                                     struct span remote);
/* routing_table_route_to_remote_domain - deliver over the pair's session, or give it to the
 * no-route handler. The packet is borrowed. Waits only for a slow peer, as
 * socket_connection_deliver says. The session that took it, with a reference, or NULL: as long as xmpp_server_routes() is what it
 * was before, the pair has no other. */
struct local_outgoing_server_session *routing_table_route_to_remote_domain(
    struct span local, struct span remote, const struct element *packet);
/* routing_table_write_locals - append the local domains whose routes go over this session, a line each */
void routing_table_write_locals(const struct local_outgoing_server_session *session,
                                struct text *out);
void routing_table_stop(void);

#endif
