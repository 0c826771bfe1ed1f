/* own_certificate - a certificate that we make for ourselves
 *
 * Openfire: IdentityStore.addSelfSignedDomainCertificate. ECDSA P-256, self-signed, with all three forms of
 * each domain's name. It proves nothing to those who do not know it, but encrypts, and dialback does the rest.
 */
#ifndef SERVER_OWN_CERTIFICATE_H
#define SERVER_OWN_CERTIFICATE_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "xml/text.h"

/* own_certificate_make - write a new certificate and key for the comma list `domains` (prepared) into the
 * one PEM file `path`, mode 0600, atomically. 0, or -1 with `why`. Blocks for the disk. */
int own_certificate_make(const char *path, const char *domains, struct text *why);
/* own_certificate_is_good - is the one in `path` still good for 30 days, and for all of `domains`? */
bool own_certificate_is_good(const char *path, const char *domains);
/* own_certificate_fingerprint - append the SHA-256 of a certificate as AA:BB:… */
void own_certificate_fingerprint(const X509 *certificate, struct text *out);

#endif
