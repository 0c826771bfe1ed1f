/* SPDX-License-Identifier: Apache-2.0 */
/* component_routes - which component serves a domain
 *
 * Openfire: RoutingTableImpl.routeToLocalDomain's component part, ExternalComponentManager, InternalComponentManager.
 * DIFFERS: Openfire matches the ids of iqs of all components in one map, where they may collide; here an id counts together with
 * the address that asked.
 */
#include "session/component_routes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "server/external_component_manager.h"
#include "server/xmpp_server.h"
#include "session/domain_pair.h"
#include "session/outgoing_session_promise.h"
#include "xml/packet.h"

#define REQUESTS \
    4096 /* of components with several connections; a later one takes the place of an older */

struct route {
    struct local_component_session **sessions; /* a reference each */
    int count;
    bool multiple;
};

/* An iq that a component has sent: the hash of its address and id, and by whom. */
struct request {
    unsigned hash;
    const struct local_component_session *session; /* only compared, never used */
};

static pthread_rwlock_t routes_lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static struct domain_pair_table routes;   /* key (domain, ""); guarded by routes_lock */
static struct request requests[REQUESTS]; /* guarded by requests_lock */
static pthread_mutex_t requests_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int route_count; /* so that a server without components pays nothing */

static const struct span nothing = {"", 0};

bool component_routes_add(const char *domain, struct local_component_session *session,
                          bool multiple, const char *answer)
{
    pthread_rwlock_wrlock(&routes_lock);
    struct route *route = domain_pair_table_get(&routes, domain_span(domain), nothing);
    if (route == NULL) {
        route = text_calloc(1, sizeof *route);
        domain_pair_table_put(&routes, domain_span(domain), nothing, route);
        atomic_fetch_add(&route_count, 1);
    }
    bool added = route->count == 0 || (multiple && route->multiple);
    for (int i = 0; i < route->count; i++)
        if (route->sessions[i] == session)
            added = false;
    if (added) {
        route->multiple = multiple;
        route->sessions =
            text_realloc(route->sessions, (size_t)(route->count + 1) * sizeof *route->sessions);
        route->sessions[route->count++] = local_component_session_ref(session);
        local_component_session_answer(session, answer); /* before others find the route */
    }
    pthread_rwlock_unlock(&routes_lock);
    xmpp_server_routes_changed();
    return added;
}

/* drop - the session from this route; true when it was there */
static bool drop(struct route *route, const struct local_component_session *session)
{
    for (int i = 0; i < route->count; i++) {
        if (route->sessions[i] != session)
            continue;
        route->count--;
        memmove(&route->sessions[i], &route->sessions[i + 1],
                (size_t)(route->count - i) * sizeof *route->sessions);
        return true;
    }
    return false;
}

void component_routes_remove(struct local_component_session *session)
{
    int dropped = 0;
    size_t position = 0;
    pthread_rwlock_wrlock(&routes_lock);
    for (struct domain_pair *pair; (pair = domain_pair_table_next(&routes, &position)) != NULL;)
        dropped += drop(pair->value, session);
    pthread_rwlock_unlock(&routes_lock);
    xmpp_server_routes_changed();
    while (dropped-- > 0)
        local_component_session_unref(session);
}

/* --- choosing a connection --- */

static unsigned hash_of(struct span address, const char *id)
{
    return text_hash(address.bytes, address.length) * 31 + text_hash(id, strlen(id));
}

static struct span address_in(const struct element *packet, const char *name)
{
    const struct attribute *attribute = element_get_attribute(packet, name);
    return attribute != NULL ? (struct span){attribute->value, attribute->value_length} : nothing;
}

void component_routes_note(struct local_component_session *session, const struct element *packet)
{
    const char *id = element_get(packet, "id");
    if (id == NULL || !packet_iq_is_request(packet) ||
        !local_component_session_is_multiple(session))
        return;
    unsigned hash = hash_of(address_in(packet, "from"), id);
    pthread_mutex_lock(&requests_lock);
    requests[hash % REQUESTS] = (struct request){hash, session};
    pthread_mutex_unlock(&requests_lock);
}

/* asker_of - who sent the iq that this answers, or NULL */
static const struct local_component_session *asker_of(const struct element *packet)
{
    const char *id = element_get(packet, "id");
    const struct local_component_session *asker = NULL;
    if (id == NULL || packet_kind(packet) != PACKET_IQ || packet_iq_is_request(packet))
        return NULL;
    unsigned hash = hash_of(address_in(packet, "to"), id);
    pthread_mutex_lock(&requests_lock);
    if (requests[hash % REQUESTS].hash == hash)
        asker = requests[hash % REQUESTS].session;
    pthread_mutex_unlock(&requests_lock);
    return asker;
}

/* choose - with a reference; under the lock. NULL when the route has nobody. */
static struct local_component_session *choose(const struct route *route,
                                              const struct element *packet)
{
    if (route->count == 0)
        return NULL;
    if (route->count == 1)
        return local_component_session_ref(route->sessions[0]);
    const struct local_component_session *asker = asker_of(packet);
    for (int i = 0; asker != NULL && i < route->count; i++)
        if (route->sessions[i] == asker)
            return local_component_session_ref(route->sessions[i]);
    struct span from = address_in(packet, "from");
    unsigned hash = text_hash(from.bytes, from.length);
    return local_component_session_ref(route->sessions[hash % (unsigned)route->count]);
}

enum component_delivery component_routes_deliver(const struct element *packet, const struct jid *to,
                                                 struct local_component_session **only)
{
    struct local_component_session *session = NULL;
    bool known = false, alone = false;
    *only = NULL;
    if (atomic_load_explicit(&route_count, memory_order_relaxed) > 0) {
        pthread_rwlock_rdlock(&routes_lock);
        const struct route *route = domain_pair_table_get(&routes, to->domain, nothing);
        known = route != NULL;
        if (known) {
            session = choose(route, packet);
            alone = route->count == 1 && !route->multiple;
        }
        pthread_rwlock_unlock(&routes_lock);
    }
    if (!known && !external_component_manager_is_configured(to->domain.bytes, to->domain.length))
        return COMPONENT_NONE;
    if (session == NULL || local_component_session_deliver(session, packet) < 0)
        outgoing_session_promise_return_to_sender(packet, PACKET_SERVICE_UNAVAILABLE,
                                                  "the component of this domain is not connected");
    else if (alone)
        *only = local_component_session_ref(session);
    local_component_session_unref(session);
    return COMPONENT_DELIVERED;
}

void component_routes_each_domain(void (*act)(const char *domain, void *argument), void *argument)
{
    size_t position = 0;
    pthread_rwlock_rdlock(&routes_lock);
    for (struct domain_pair *pair; (pair = domain_pair_table_next(&routes, &position)) != NULL;)
        if (((struct route *)pair->value)->count > 0)
            act(pair->local, argument);
    pthread_rwlock_unlock(&routes_lock);
}

void component_routes_stop(void)
{
    size_t position = 0;
    pthread_rwlock_wrlock(&routes_lock);
    for (struct domain_pair *pair; (pair = domain_pair_table_next(&routes, &position)) != NULL;) {
        struct route *route = pair->value;
        for (int i = 0; i < route->count; i++)
            local_component_session_unref(route->sessions[i]);
        free(route->sessions);
        free(route);
    }
    domain_pair_table_free(&routes);
    pthread_rwlock_unlock(&routes_lock);
}
