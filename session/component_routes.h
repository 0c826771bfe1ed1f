/* component_routes - which component serves a domain
 *
 * Openfire: RoutingTableImpl.addComponentRoute, ComponentManager; RoutableComponents (several connections of one domain). A
 * domain belongs to a component from the moment one has connected for it, or because it has a row in components.conf; it then
 * stays with the components, so that what comes while none is there is answered, not taken for our own services'.
 *
 * With several connections, what comes from one sender always takes the same one while the connections do not change, so
 * that its order holds (DIFFERS: Openfire goes round by stanza); the answer to an iq goes to the connection that asked.
 *
 * One read-write lock, a leaf of this room. Any thread.
 */
#ifndef SESSION_COMPONENT_ROUTES_H
#define SESSION_COMPONENT_ROUTES_H

#include <stdbool.h>

#include "session/local_component_session.h"
#include "xml/jid.h"

/* component_routes_add - from now on the session serves `domain` (prepared), and is told so by `answer`, which stands before every
 * stanza that is for this domain. false: another does, and not both allow several (`multiple`). Takes a reference. Never waits. */
bool component_routes_add(const char *domain, struct local_component_session *session,
                          bool multiple, const char *answer);
/* component_routes_remove - all its routes */
void component_routes_remove(struct local_component_session *session);

enum component_delivery {
    COMPONENT_NONE,      /* no component's domain */
    COMPONENT_DELIVERED, /* or answered with an error */
};

/* component_routes_deliver - if `to` is a component's, give it the packet, or bounce it when none is there. When the domain has one
 * connection, and it took the packet, `*only` is that with a reference, else NULL: as long as xmpp_server_routes() is what it was before,
 * all for this domain may be given to it. */
enum component_delivery component_routes_deliver(const struct element *packet, const struct jid *to,
                                                 struct local_component_session **only);
/* component_routes_note - a component has sent this: the answer to an iq is for the same connection */
void component_routes_note(struct local_component_session *session, const struct element *packet);
/* component_routes_each_domain - of all components that are connected */
void component_routes_each_domain(void (*act)(const char *domain, void *argument), void *argument);
void component_routes_stop(void);

#endif
