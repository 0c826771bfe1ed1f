/* validated_domains - the pairs of domains that are proved on an incoming stream
 *
 * Openfire: LocalIncomingServerSession.addValidatedDomain. What a proof changes: the pair's stanzas pass from now on, its connection is
 * no stranger's any more, and the domain has one stream more, unless it has as many as it may.
 */
#ifndef SESSION_VALIDATED_DOMAINS_H
#define SESSION_VALIDATED_DOMAINS_H

#include <stdbool.h>

#include "session/local_incoming_server_session.h"

/* validated_domains_add - with the session's lock held: the pair is proved from now on, `how` is one of PAIR_BY_...; the session goes
 * by how the first was. False: it has enough streams (a server behind us may have any number). */
bool validated_domains_add(struct local_incoming_server_session *session, struct span local,
                           struct span remote, void *how);
/* validated_domains_believe - a certificate has proved a pair, which (PAIR_BY_CERTIFICATE) was claimed by dialback: the claim is settled.
 * False: it has enough streams; the log has it. */
bool validated_domains_believe(struct local_incoming_server_session *session, const char *local,
                               const char *remote, void *how);
/* validated_domains_may_have - may this pair have this stream too (s2s.limit.streams-per-domain, xmpp.server.session.allowmultiple)? If
 * not, the log has it. By the reader's thread. */
bool validated_domains_may_have(struct local_incoming_server_session *session, const char *local,
                                const char *remote);
/* validated_domains_log_enough - it has enough of them: for the log and the metric */
void validated_domains_log_enough(const struct local_incoming_server_session *session,
                                  const char *local, const char *remote);
/* validated_domains_over - the stream is: its pairs count no longer for their domains, and none is added. Idempotent; NULL is allowed; by
 * the reader's thread. */
void validated_domains_over(struct local_incoming_server_session *session);

#endif
