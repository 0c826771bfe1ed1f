/* check_target - one address of a domain's server: connect, stream, TLS, certificate, features, authentication, ping
 *
 * Openfire: S2STestService over LocalOutgoingServerSession.createOutgoingSession. RFC 6120 3 to 6, XEP-0178, XEP-0220, XEP-0199,
 * XEP-0368. Each way of authentication has a connection of its own. Blocks as long as the context's deadline lets it.
 */
#ifndef ADMIN_CHECK_TARGET_H
#define ADMIN_CHECK_TARGET_H

#include "admin/check_context.h"
#include "server/dns_util.h"

/* check_target_run - every step goes to the context's report. `own`: the host is the domain itself, for want of SRV records. */
void check_target_run(struct check_context *context, const struct dns_host *host, bool own,
                      const struct sockaddr_storage *address, const struct dns_tlsa *tlsa);

#endif
