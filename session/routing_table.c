/* SPDX-License-Identifier: Apache-2.0 */
/* routing_table - which outgoing session carries a pair of domains
 *
 * Openfire: RoutingTableImpl.routeToRemoteDomain, addServerRoute. A session that has ended since
 * the look-up refuses the packet; it then goes to the no-route handler like one without a route,
 * and is not lost (DIFFERS: OF-3193).
 */
#include "session/routing_table.h"

#include <pthread.h>
#include <stdlib.h>

#include "server/xmpp_server.h"
#include "session/local_outgoing_server_session.h"

static pthread_rwlock_t routes_lock = PTHREAD_RWLOCK_INITIALIZER;
static struct domain_pair_table routes;  /* guarded by routes_lock; a reference for each value */
static routing_table_no_route *no_route; /* set before start */

void routing_table_set_no_route_handler(routing_table_no_route *handler)
{
    no_route = handler;
}

void routing_table_add_server_route(struct span local, struct span remote,
                                    struct local_outgoing_server_session *session)
{
    local_outgoing_server_session_ref(session);
    pthread_rwlock_wrlock(&routes_lock);
    struct local_outgoing_server_session *old =
        domain_pair_table_put(&routes, local, remote, session);
    pthread_rwlock_unlock(&routes_lock);
    xmpp_server_routes_changed();
    local_outgoing_server_session_unref(old);
}

/* find_route - a pair that goes over this session, or NULL; under the lock */
static struct domain_pair *find_route(const struct local_outgoing_server_session *session)
{
    size_t position = 0;
    struct domain_pair *pair;
    while ((pair = domain_pair_table_next(&routes, &position)) != NULL && pair->value != session) {
    }
    return pair;
}

void routing_table_remove_server_routes(struct local_outgoing_server_session *session)
{
    for (;;) {
        pthread_rwlock_wrlock(&routes_lock);
        struct domain_pair *pair = find_route(session);
        if (pair != NULL)
            domain_pair_table_remove(&routes, domain_span(pair->local), domain_span(pair->remote));
        pthread_rwlock_unlock(&routes_lock);
        xmpp_server_routes_changed();
        if (pair == NULL)
            return;
        local_outgoing_server_session_unref(session);
    }
}

struct local_outgoing_server_session *routing_table_get_server_route(struct span local,
                                                                     struct span remote)
{
    pthread_rwlock_rdlock(&routes_lock);
    struct local_outgoing_server_session *session = domain_pair_table_get(&routes, local, remote);
    if (session != NULL)
        local_outgoing_server_session_ref(session);
    pthread_rwlock_unlock(&routes_lock);
    return session;
}

struct local_outgoing_server_session *routing_table_route_to_remote_domain(
    struct span local, struct span remote, const struct element *packet)
{
    struct local_outgoing_server_session *session = routing_table_get_server_route(local, remote);
    if (session != NULL && local_outgoing_server_session_deliver(session, packet) == 0)
        return session;
    local_outgoing_server_session_unref(session);
    no_route(local, remote, packet);
    return NULL;
}

void routing_table_write_locals(const struct local_outgoing_server_session *session,
                                struct text *out)
{
    size_t position = 0;
    pthread_rwlock_rdlock(&routes_lock);
    for (struct domain_pair *pair; (pair = domain_pair_table_next(&routes, &position)) != NULL;)
        if (pair->value == session)
            text_appendf(out, "%s\n", pair->local);
    pthread_rwlock_unlock(&routes_lock);
}

void routing_table_stop(void)
{
    pthread_rwlock_wrlock(&routes_lock);
    size_t position = 0;
    for (struct domain_pair *pair; (pair = domain_pair_table_next(&routes, &position)) != NULL;)
        local_outgoing_server_session_unref(pair->value);
    domain_pair_table_free(&routes);
    pthread_rwlock_unlock(&routes_lock);
}
