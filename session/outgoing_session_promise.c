/* SPDX-License-Identifier: Apache-2.0 */
/* outgoing_session_promise - packets that wait until their pair of domains is proved to the other
 * side
 *
 * Openfire: OutgoingSessionPromise (PacketsProcessor). RFC 6120 10.1 (order), 10.4.3 and 8.3.3
 * (errors); XEP-0220 2.1.1.
 *
 * Order without a lock over the network: a packet that finds no route takes the table's lock,
 * looks for the
 * promise, and under the same lock again for a route. fulfilled, under that lock, writes what
 * waits and adds the route. So a packet
 * either joins the queue before it is written or finds the route after it (DIFFERS: OF-2322,
 * packets overtook the queue).
 * DIFFERS: Openfire answers errors with errors and knows one error only (D18); here
 * remote-server-not-found and remote-server-timeout are told apart.
 */
#include "session/outgoing_session_promise.h"

#include <pthread.h>
#include <stdlib.h>

#include "server/config.h"
#include "server/limit_log.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/remote_server_manager.h"
#include "server/upstream_manager.h"
#include "server/xmpp_server.h"
#include "session/local_outgoing_server_session.h"
#include "session/packet_router.h"
#include "session/retry_pause.h"
#include "session/routing_table.h"

struct waiting {
    struct waiting *next;
    struct arena *arena; /* owned: the packet lives in it */
    struct element *packet;
    int64_t since;
};

struct promise {
    struct waiting *first, **end;
    int64_t count;
};

static pthread_mutex_t promises_lock = PTHREAD_MUTEX_INITIALIZER;
static struct domain_pair_table promises; /* guarded by promises_lock */

void outgoing_session_promise_return_to_sender(const struct element *packet,
                                               enum packet_error error, const char *why)
{
    const char *from = element_get(packet, "from"), *to = element_get(packet, "to");
    struct arena *arena = arena_new(0);
    struct element *reply = packet_error_reply(arena, packet, error, why);
    if (reply != NULL) {
        metrics_add(stanzas_bounced, 1);
        metrics_add(stanza_errors[error], 1);
        log_debug("<%s> from %s to %s comes back: %s (%s)", packet->name, from, to,
                  packet_error_name(error), why);
        packet_router_route_reply(arena, reply);
    } else {
        metrics_add(stanzas_dropped, 1);
        log_info("<%s> from %s to %s is dropped, since nothing may answer it: %s (%s)",
                 packet->name, from, to, packet_error_name(error), why);
    }
    arena_free(arena);
}

static void free_waiting(struct waiting *waiting)
{
    metrics_add(stanzas_queued, -1);
    arena_free(waiting->arena);
    free(waiting);
}

static void enqueue(struct promise *promise, const struct element *packet)
{
    struct waiting *waiting = text_calloc(1, sizeof *waiting);
    waiting->arena = arena_new(0);
    waiting->packet = element_copy(waiting->arena, packet);
    waiting->since = xmpp_server_now();
    *promise->end = waiting;
    promise->end = &waiting->next;
    promise->count++;
    metrics_add(stanzas_queued, 1);
}

/* may_try - permission and pause, before anything is looked up or queued */
static bool may_try(struct span remote, enum packet_error *error, struct text *why)
{
    char *domain = text_copy_n(remote.bytes, remote.length);
    bool allowed = remote_server_manager_can_access(domain, why);
    free(domain);
    if (upstream_manager_has(remote.bytes, remote.length)) /* near, and ours: asked each time */
        return true;
    *error =
        PACKET_REMOTE_SERVER_NOT_FOUND; /* Openfire's answer for a domain that is not permitted */
    if (!allowed)
        return false;
    text_clear(why);
    return !retry_pause_is_on(RETRY_STANZAS, remote, error, why);
}

enum place { PLACE_QUEUED, PLACE_FIRST, PLACE_FULL, PLACE_ROUTE };

/* find_place - queue the packet, or say where else it belongs */
static enum place find_place(struct span local, struct span remote, const struct element *packet,
                             int64_t most, struct local_outgoing_server_session **session)
{
    enum place place = PLACE_QUEUED;
    pthread_mutex_lock(&promises_lock);
    struct promise *promise = domain_pair_table_get(&promises, local, remote);
    if (promise == NULL) {
        *session = routing_table_get_server_route(local, remote);
        place = *session != NULL ? PLACE_ROUTE : PLACE_FIRST;
    }
    if (place == PLACE_FIRST) {
        promise = text_calloc(1, sizeof *promise);
        promise->end = &promise->first;
        domain_pair_table_put(&promises, local, remote, promise);
    }
    if (place != PLACE_ROUTE && promise->count >= most)
        place = PLACE_FULL;
    else if (place != PLACE_ROUTE)
        enqueue(promise, packet);
    pthread_mutex_unlock(&promises_lock);
    return place;
}

/* process - find_place and what follows. A route that has just closed refuses the packet: then
 * its pair starts anew. */
static void process(struct span local, struct span remote, const struct element *packet,
                    int64_t most)
{
    for (int tries = 0; tries < 3; tries++) {
        struct local_outgoing_server_session *session = NULL;
        switch (find_place(local, remote, packet, most, &session)) {
        case PLACE_QUEUED:
            return;
        case PLACE_FIRST:
            local_outgoing_server_session_authenticate_domain(local, remote);
            return;
        case PLACE_FULL:
            limit_log_bites(LIMIT_QUEUE, "%lld stanzas wait for %.*s", (long long)most,
                            (int)remote.length, remote.bytes);
            outgoing_session_promise_return_to_sender(packet, PACKET_RESOURCE_CONSTRAINT,
                                                      "too many stanzas wait for the other server");
            return;
        case PLACE_ROUTE:
            break;
        }
        int delivered = local_outgoing_server_session_deliver(session, packet);
        if (delivered < 0) {
            local_outgoing_server_session_retire(session);
            routing_table_remove_server_routes(session);
        }
        local_outgoing_server_session_unref(session);
        if (delivered == 0)
            return;
    }
    outgoing_session_promise_return_to_sender(packet, PACKET_REMOTE_SERVER_TIMEOUT,
                                              "the streams to it keep closing");
}

void outgoing_session_promise_process(struct span local, struct span remote,
                                      const struct element *packet)
{
    struct text why = TEXT_EMPTY;
    enum packet_error error;
    if (may_try(remote, &error, &why)) {
        const struct config *config = config_get();
        int64_t most = config->xmpp_server_outgoing_queue;
        config_unref(config);
        process(local, remote, packet, most);
    } else {
        outgoing_session_promise_return_to_sender(packet, error, text_string(&why));
    }
    text_free(&why);
}

/* write_waiting - the packets in their order; `*large` gets those that the other side does not take. What is left, from the first that
 * was refused on because the stream has ended. With promises_lock held. */
static struct waiting *write_waiting(struct waiting *first,
                                     struct local_outgoing_server_session *session,
                                     struct waiting **large)
{
    while (first != NULL) {
        int result = local_outgoing_server_session_deliver_now(session, first->packet);
        if (result < 0)
            break;
        struct waiting *done = first;
        first = done->next;
        if (result == 0) {
            free_waiting(done);
        } else {
            *large = done;
            large = &done->next;
        }
    }
    *large = NULL;
    return first;
}

void outgoing_session_promise_fulfilled(struct span local, struct span remote,
                                        struct local_outgoing_server_session *session)
{
    pthread_mutex_lock(&promises_lock);
    struct promise *promise = domain_pair_table_remove(&promises, local, remote);
    struct waiting *large = NULL;
    struct waiting *refused =
        write_waiting(promise != NULL ? promise->first : NULL, session, &large);
    if (refused == NULL)
        routing_table_add_server_route(local, remote, session);
    pthread_mutex_unlock(&promises_lock);
    free(promise);
    while (large != NULL) {
        struct waiting *each = large;
        large = each->next;
        local_outgoing_server_session_refuse_large(session, each->packet);
        free_waiting(each);
    }
    while (refused != NULL) { /* the stream has ended meanwhile */
        struct waiting *each = refused;
        refused = each->next;
        outgoing_session_promise_return_to_sender(each->packet, PACKET_REMOTE_SERVER_TIMEOUT,
                                                  "the stream ended before this was sent");
        free_waiting(each);
    }
}

void outgoing_session_promise_failed(struct span local, struct span remote, enum packet_error error,
                                     const char *why)
{
    pthread_mutex_lock(&promises_lock);
    struct promise *promise = domain_pair_table_remove(&promises, local, remote);
    pthread_mutex_unlock(&promises_lock);
    if (promise == NULL)
        return;
    for (struct waiting *each = promise->first, *next; each != NULL; each = next) {
        next = each->next;
        outgoing_session_promise_return_to_sender(each->packet, error, why);
        free_waiting(each);
    }
    free(promise);
}

/* take_old - of all promises, those that came at `before` or earlier; with promises_lock held */
static struct waiting *take_old(int64_t before)
{
    struct waiting *old = NULL, **end = &old;
    size_t position = 0;
    for (struct domain_pair *pair; (pair = domain_pair_table_next(&promises, &position)) != NULL;) {
        struct promise *promise = pair->value;
        while (promise->first != NULL && promise->first->since <= before) {
            *end = promise->first;
            end = &promise->first->next;
            promise->first = *end;
            promise->count--;
        }
        if (promise->first == NULL)
            promise->end = &promise->first;
    }
    *end = NULL;
    return old;
}

void outgoing_session_promise_tick(int64_t now)
{
    const struct config *config = config_get();
    int64_t age = config->s2s_queue_age;
    config_unref(config);
    pthread_mutex_lock(&promises_lock);
    struct waiting *old = take_old(now - age);
    pthread_mutex_unlock(&promises_lock);
    while (old != NULL) {
        struct waiting *each = old;
        old = each->next;
        limit_log_bites(LIMIT_QUEUE_AGE, "a <%s> to %s waited too long", each->packet->name,
                        element_get(each->packet, "to"));
        outgoing_session_promise_return_to_sender(each->packet, PACKET_REMOTE_SERVER_TIMEOUT,
                                                  "the other server could not be reached in time");
        free_waiting(each);
    }
}

void outgoing_session_promise_stop(void)
{
    pthread_mutex_lock(&promises_lock);
    size_t position = 0;
    for (struct domain_pair *pair; (pair = domain_pair_table_next(&promises, &position)) != NULL;) {
        struct promise *promise = pair->value;
        for (struct waiting *each = promise->first, *next; each != NULL; each = next) {
            next = each->next;
            free_waiting(each);
        }
        free(promise);
    }
    domain_pair_table_free(&promises);
    pthread_mutex_unlock(&promises_lock);
}
