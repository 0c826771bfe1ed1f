/* SPDX-License-Identifier: Apache-2.0 */
/* server_session_description - what the sessions with other servers tell of themselves
 *
 * Openfire: getAuthenticationMethod, getValidatedDomains, getOutgoingDomainPairs. The routes of an outgoing session are
 * copied from the routing table after its own lock is given back.
 */
#include "session/server_session_description.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "server/upstream_manager.h"
#include "session/incoming_session_state.h"
#include "session/outgoing_session_state.h"
#include "session/routing_table.h"

/* incoming_word - of a pair's value */
static const char *incoming_word(const void *value)
{
    return value == PAIR_BY_DIALBACK      ? "dialback"
           : value == PAIR_BY_EXTERNAL    ? "EXTERNAL"
           : value == PAIR_BY_CERTIFICATE ? "dialback+certificate"
                                          : NULL;
}

void server_session_description_incoming(struct session *base,
                                         struct session_description *description)
{
    struct local_incoming_server_session *session = (struct local_incoming_server_session *)base;
    size_t position = 0;
    description->stream_id = text_copy(session->stream_id);
    description->local = text_copy(session->local);
    description->remote = text_copy(session->claimed);
    description->behind = session->upstream;
    pthread_mutex_lock(&base->lock);
    description->state = session->validated > 0 ? "open"
                         : session->pending > 0 ? "verifying"
                                                : "negotiating";
    for (struct domain_pair *pair;
         (pair = domain_pair_table_next(&session->pairs, &position)) != NULL;)
        session_description_add(description, pair->local, pair->remote, incoming_word(pair->value));
    pthread_mutex_unlock(&base->lock);
}

/* add_proved - the pairs that have a route over it */
static void add_proved(const struct local_outgoing_server_session *session,
                       const char *authentication, struct session_description *description)
{
    struct text locals = TEXT_EMPTY;
    routing_table_write_locals(session, &locals);
    for (char *at = locals.bytes, *end; at != NULL && (end = strchr(at, '\n')) != NULL;
         at = end + 1) {
        *end = '\0';
        session_description_add(description, at, session->remote, authentication);
    }
    text_free(&locals);
}

static const char *outgoing_word(const struct local_outgoing_server_session *session)
{
    switch (session->state) {
    case WAITING_FOR_THREAD:
        return "waiting";
    case SETTING_UP:
        return "connecting";
    case OPENED:
        return session->domains > 0 ? "open" : "verifying";
    case RETIRED:
        break;
    }
    return "retired";
}

void server_session_description_outgoing(struct session *base,
                                         struct session_description *description)
{
    struct local_outgoing_server_session *session = (struct local_outgoing_server_session *)base;
    description->name = text_copy(session->name);
    description->local = text_copy(session->local);
    description->remote = text_copy(session->remote);
    description->behind = upstream_manager_has(session->remote, strlen(session->remote));
    pthread_mutex_lock(&base->lock);
    description->stream_id = text_copy(session->stream_id);
    description->state = outgoing_word(session);
    bool external = session->external;
    for (const struct wanted *each = session->wanted; each != NULL; each = each->next)
        session_description_add(description, each->local, session->remote, NULL);
    for (const struct originating_request *each = session->originating.requests; each != NULL;
         each = each->next)
        session_description_add(description, each->local, each->remote, NULL);
    pthread_mutex_unlock(&base->lock);
    add_proved(session, external ? "EXTERNAL" : "dialback", description);
}

struct session_standing server_session_description_stand_incoming(struct session *base)
{
    struct local_incoming_server_session *session = (struct local_incoming_server_session *)base;
    void *proof = atomic_load(&session->first_proof);
    struct session_standing standing = {SESSION_INCOMING, SESSION_NEGOTIATING, SESSION_BY_NOTHING};
    if (proof != NULL) {
        standing.state = SESSION_AUTHENTICATED;
        standing.authentication = proof == PAIR_BY_EXTERNAL      ? SESSION_BY_EXTERNAL
                                  : proof == PAIR_BY_CERTIFICATE ? SESSION_BY_CERTIFICATE
                                                                 : SESSION_BY_DIALBACK;
    }
    return standing;
}

struct session_standing server_session_description_stand_outgoing(struct session *base)
{
    static const enum session_state states[] = {[WAITING_FOR_THREAD] = SESSION_WAITING,
                                                [SETTING_UP] = SESSION_NEGOTIATING,
                                                [OPENED] = SESSION_NEGOTIATING,
                                                [RETIRED] = SESSION_CLOSING};
    struct local_outgoing_server_session *session = (struct local_outgoing_server_session *)base;
    pthread_mutex_lock(&base->lock);
    struct session_standing standing = {SESSION_OUTGOING, states[session->state],
                                        SESSION_BY_NOTHING};
    if (session->domains > 0) {
        standing.authentication = session->external ? SESSION_BY_EXTERNAL : SESSION_BY_DIALBACK;
        if (session->state == OPENED)
            standing.state = SESSION_AUTHENTICATED;
    }
    pthread_mutex_unlock(&base->lock);
    return standing;
}
