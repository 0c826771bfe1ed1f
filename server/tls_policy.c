/* SPDX-License-Identifier: Apache-2.0 */
/* tls_policy - what is demanded of one remote domain, and whether a connection meets it
 *
 * Openfire: xmpp.server.tls.policy, xmpp.socket.ssl.certificate.strict-validation, with the outcomes of its
 * test matrix (README, "Who gets in"). RFC 6120 13.7.2 and RFC 7590 3.4 differ on what follows from a bad
 * certificate: strict follows the first, not strict the second. DIFFERS: in one case of the mixed ones Openfire's
 * oracle lets a bad certificate pass a strict server whose own has expired; here its own plays no part in it.
 */
#include "server/tls_policy.h"

#include <stdio.h>

#include "server/config.h"
#include "server/remote_server_manager.h"
#include "server/upstream_manager.h"

struct tls_policy tls_policy_of(const struct config *config, const struct remote_servers *servers,
                                const struct upstreams *upstreams, const char *domain)
{
    static const char *const names[] = {"disabled", "optional", "required"};
    struct text why = TEXT_EMPTY;
    struct tls_policy policy = {
        .allowed = config->xmpp_server_tls_policy != CONFIG_TLS_DISABLED,
        .required = config->xmpp_server_tls_policy == CONFIG_TLS_REQUIRED,
        .strict = config->xmpp_socket_ssl_certificate_strict_validation,
        .external = true,
    };
    enum config_tls_policy private_tls;
    char host[256];
    int port;
    if (domain != NULL && upstreams_target(upstreams, domain, host, &port, &private_tls)) {
        snprintf(policy.source, sizeof policy.source, "[upstream %.120s]", domain);
        policy.allowed = policy.allowed && private_tls != CONFIG_TLS_DISABLED;
        policy.required = private_tls == CONFIG_TLS_REQUIRED;
        policy.strict = policy.external = false;
        policy.upstream = true;
        return policy;
    }
    switch (domain != NULL ? remote_servers_security(servers, domain, &why) : SECURITY_DEFAULT) {
    case SECURITY_DEFAULT:
        text_appendf(&why, "xmpp.server.tls.policy = %s", names[config->xmpp_server_tls_policy]);
        break;
    case SECURITY_CERTIFICATE:
        policy.certificate = true;
        policy.required = true;
        break;
    case SECURITY_ENCRYPTED:
        policy.required = true;
        break;
    case SECURITY_DIALBACK:
        policy.required = policy.strict = policy.external = false;
        break;
    }
    snprintf(policy.source, sizeof policy.source, "%s", text_string(&why));
    text_free(&why);
    return policy;
}

struct tls_policy tls_policy_get(const struct config *config, const char *domain)
{
    return tls_policy_of(config, NULL, NULL, domain);
}

bool tls_policy_admits_plain(const struct tls_policy *policy, struct text *why)
{
    if (policy->required)
        text_appendf(why, "TLS is required (%s)", policy->source);
    return !policy->required;
}

bool tls_policy_admits(const struct tls_policy *policy, const struct server_verdict *verdict,
                       const char *domain, bool demand, struct text *why)
{
    if (policy->strict && verdict->trust == TRUST_INVALID) {
        text_appendf(why, "the certificate is not valid: %s", text_string(&verdict->why));
        return false;
    }
    if (demand && policy->external && verdict->trust == TRUST_MISSING) {
        text_append_string(why, "a certificate is required, and none was shown");
        return false;
    }
    if (!policy->certificate)
        return true;
    struct text how = TEXT_EMPTY;
    bool proved = domain != NULL && server_trust_manager_proves(verdict, domain, &how);
    if (!proved)
        text_appendf(why, "a valid certificate is required (%s): %s", policy->source,
                     text_string(&how));
    text_free(&how);
    return proved;
}
