/* check_certificate - what a certificate says: names, dates, who certified it
 *
 * Openfire: S2STestService.getCertificates (DIFFERS: C7, which shows a public key as a certificate). Pure.
 */
#ifndef ADMIN_CHECK_CERTIFICATE_H
#define ADMIN_CHECK_CERTIFICATE_H

#include <jansson.h>
#include <openssl/x509.h>

/* check_certificate_tell - {subject, issuer, not_before, not_after, days, sha256, names: ["dNSName example.net" …], chain: [{subject,
 * issuer, not_after} …]} of the first certificate of the chain (may be NULL) and those above it; a new reference. Texts are escaped. */
json_t *check_certificate_tell(const X509 *certificate, const STACK_OF(X509) * chain);

#endif
