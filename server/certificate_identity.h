/* certificate_identity - is this certificate for that domain?
 *
 * Openfire: CertificateManager.getServerIdentities and util/cert (DIFFERS: D30, CVE-2025-59154: the common
 * name, URIs, UPNs and addresses never count, and a wildcard stands for exactly one label). RFC 9525 with
 * the three forms of XMPP (RFC 6120 13.7.1.2): SRVName _xmpp-server.DOMAIN, xmppAddr DOMAIN, dNSName DOMAIN
 * or *.PARENT. Pure: no locks, no logging; any thread.
 */
#ifndef SERVER_CERTIFICATE_IDENTITY_H
#define SERVER_CERTIFICATE_IDENTITY_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "xml/text.h"

#define CERTIFICATE_IDENTITIES_MAX \
    1000 /* names in one certificate; one with more matches nothing */

/* certificate_identity_matches - may the holder of `certificate` (NULL: no) speak for `domain` (prepared)?
 * What matched ("dNSName *.example.net"), or the names that are there instead (the first few), is appended
 * to `how` unless NULL; what the certificate says in it is cut, and escaped by the log. */
bool certificate_identity_matches(const X509 *certificate, const char *domain, struct text *how);

/* certificate_identity_each - every name of the certificate that could speak for a domain, `most` of them: its kind ("dNSName") and its
 * text as it stands there, not escaped */
void certificate_identity_each(const X509 *certificate, int most,
                               void (*tell)(void *owner, const char *kind, const char *text,
                                            size_t length),
                               void *owner);

#endif
