/* tls_policy - what is demanded of one remote domain, and whether a connection meets it
 *
 * Openfire: Connection.TLSPolicy and the ConnectionConfiguration of the S2S listener; the domain's row of
 * remote-servers.conf wins, and for a server behind us its section (no counterpart there). The one place where settings and rows become a decision.
 * Pure but for the rows' read lock.
 */
#ifndef SERVER_TLS_POLICY_H
#define SERVER_TLS_POLICY_H

#include <stdbool.h>

#include "server/server_trust_manager.h"
#include "xml/text.h"

struct config;
struct remote_servers;
struct upstreams;

struct tls_policy {
    bool allowed;     /* TLS may be used at all */
    bool required;    /* nothing without it */
    bool strict;      /* a certificate that is not valid is worse than none */
    bool certificate; /* a valid one for the domain is required */
    bool external;    /* it may prove the domain (SASL EXTERNAL, XEP-0344) */
    bool upstream;    /* a server behind us: dialback does, whatever holds outside */
    char source[160]; /* what decided, in words */
};

/* tls_policy_get - for `domain` (prepared; NULL: not known yet, the general settings) */
struct tls_policy tls_policy_get(const struct config *config, const char *domain);
/* tls_policy_of - the same of settings that are not in force, with their rows and sections (NULL: those in force) */
struct tls_policy tls_policy_of(const struct config *config, const struct remote_servers *servers,
                                const struct upstreams *upstreams, const char *domain);
/* tls_policy_admits_plain - may this go on unencrypted? Else `why` says what demands TLS. */
bool tls_policy_admits_plain(const struct tls_policy *policy, struct text *why);
/* tls_policy_admits - does an encrypted connection with that verdict on the certificate do for `domain`? Else
 * `why` says what is wrong with it. `demand`: a certificate is needed from whoever connects
 * (xmpp.server.cert.policy = needed). */
bool tls_policy_admits(const struct tls_policy *policy, const struct server_verdict *verdict,
                       const char *domain, bool demand, struct text *why);

#endif
