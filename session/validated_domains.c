/* SPDX-License-Identifier: Apache-2.0 */
/* validated_domains - the pairs of domains that are proved on an incoming stream
 *
 * Openfire: LocalIncomingServerSession.addValidatedDomain, isValidDomain. Each counts for its domain (domain_limits), from its proof
 * until its stream is over. DIFFERS: Openfire's list grows without bound.
 */
#include "session/validated_domains.h"

#include <stdatomic.h>

#include "server/connection_limiter.h"
#include "server/limit_log.h"
#include "server/metrics.h"
#include "session/domain_limits.h"
#include "session/incoming_session_state.h"

bool validated_domains_add(struct local_incoming_server_session *session, struct span local,
                           struct span remote, void *how)
{
    if (!session->upstream && !domain_limits_take_stream(local, remote))
        return false;
    domain_pair_table_put(&session->pairs, local, remote, how);
    if (atomic_load(&session->validated) == 0)
        atomic_store(&session->first_proof, how);
    atomic_fetch_add(&session->validated, 1);
    return true;
}

void validated_domains_log_enough(const struct local_incoming_server_session *session,
                                  const char *local, const char *remote)
{
    limit_log_bites(LIMIT_STREAMS, "%s has enough streams to %s, and gets none from %s", remote,
                    local, socket_connection_peer(session->session.connection));
}

bool validated_domains_believe(struct local_incoming_server_session *session, const char *local,
                               const char *remote, void *how)
{
    pthread_mutex_lock(&session->session.lock);
    if (how == PAIR_BY_CERTIFICATE) {
        session->pending--;
        domain_pair_table_remove(&session->pairs, domain_span(local), domain_span(remote));
    }
    bool added = validated_domains_add(session, domain_span(local), domain_span(remote), how);
    pthread_mutex_unlock(&session->session.lock);
    if (added) {
        connection_limiter_proved(session->ticket);
        metrics_add(domains_validated, 1);
        metrics_add(
            proofs[METRICS_INCOMING][how == PAIR_BY_EXTERNAL ? PROOF_EXTERNAL : PROOF_CERTIFICATE],
            1);
    } else {
        validated_domains_log_enough(session, local, remote);
    }
    return added;
}

void validated_domains_over(struct local_incoming_server_session *session)
{
    size_t position = 0;
    if (session == NULL)
        return;
    pthread_mutex_lock(&session->session.lock);
    bool first = !session->over;
    session->over = true;
    for (struct domain_pair *pair;
         first && (pair = domain_pair_table_next(&session->pairs, &position)) != NULL;)
        if (pair_is_proved(pair->value) && !session->upstream)
            domain_limits_give_stream(domain_span(pair->local), domain_span(pair->remote));
    pthread_mutex_unlock(&session->session.lock);
}

bool validated_domains_may_have(struct local_incoming_server_session *session, const char *local,
                                const char *remote)
{
    bool may = session->upstream || domain_limits_may_have(domain_span(local), domain_span(remote));
    if (!may)
        validated_domains_log_enough(session, local, remote);
    return may;
}
