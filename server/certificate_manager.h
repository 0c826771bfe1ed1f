/* certificate_manager - our certificates, and whom we trust to certify others
 *
 * Openfire: CertificateManager, CertificateStoreManager, IdentityStore, TrustStore (DIFFERS: PEM files in the
 * place of Java keystores). Loaded as a whole into a set that never changes; a reload makes a new one aside
 * and swaps it in, and live streams keep the one they began with. With no file named, a self-signed
 * certificate is made at the first start, kept under s2s.home, and made anew when it runs out or when the
 * domains change.
 */
#ifndef SERVER_CERTIFICATE_MANAGER_H
#define SERVER_CERTIFICATE_MANAGER_H

#include <openssl/ssl.h>

#include "server/server_trust_manager.h"
#include "xml/text.h"

struct config;
struct certificates;

/* certificate_manager_start - read everything that the settings name; at start and at each reload. 0, or -1
 * with `why` (file, and what was expected): the old set then stays in force. Blocks for the disk. */
int certificate_manager_start(const struct config *config, struct text *why);
/* certificate_manager_check - the same without any effect, and nothing is made */
int certificate_manager_check(const struct config *config, struct text *why);
/* certificate_manager_wants_tls - do these settings want any? Else certificate_manager_get gives NULL. */
bool certificate_manager_wants_tls(const struct config *config);
void certificate_manager_stop(void);

/* certificate_manager_get - the set in force with a reference, or NULL: there is no TLS
 * (xmpp.server.certificate.file = none, or xmpp.server.tls.policy = disabled). Any thread. */
struct certificates *certificate_manager_get(void);
struct certificates *certificates_ref(struct certificates *certificates);
void certificates_unref(struct certificates *certificates);

/* certificates_context - the OpenSSL context that shows the certificate of `domain` (prepared or A-label,
 * without regard to case; NULL: the first), or the first one's when there is none of its own. Borrowed. */
SSL_CTX *certificates_context(const struct certificates *certificates, const char *domain);
const struct trust_rules *certificates_rules(const struct certificates *certificates);
X509_STORE *certificates_store(const struct certificates *certificates);
/* certificates_present - do we show ours to servers that we connect to? */
bool certificates_present(const struct certificates *certificates);
/* certificates_ask - SSL_VERIFY_… for connections to us */
int certificates_ask(const struct certificates *certificates);

#endif
