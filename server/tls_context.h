/* tls_context - OpenSSL set up as RFC 7590 and RFC 9325 want it
 *
 * Openfire: EncryptionArtifactFactory. One context serves both directions. What a single connection must
 * decide (which certificate to show, whether to believe the peer's) it gets asked through the
 * struct tls_connection that its SSL carries. No locks; contexts are constant once they are made.
 */
#ifndef SERVER_TLS_CONTEXT_H
#define SERVER_TLS_CONTEXT_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "xml/text.h"

/* What the callbacks of a context ask of a connection; tls_context_attach gives it to an SSL. */
struct tls_connection {
    void *owner;
    bool direct; /* an ALPN list without xmpp-server is refused (XEP-0368) */
    /* the peer's chain: 1 to go on, 0 to end the handshake with the alert of the context's error */
    int (*verify)(void *owner, X509_STORE_CTX *chain);
    /* the context for the server name that the client asked for; NULL: stay with the one there is */
    SSL_CTX *(*by_name)(void *owner, const char *name);
};

/* An OCSP response of our own that is sent with our certificate. */
struct tls_staple {
    unsigned char *bytes; /* owned by who made it; NULL: none */
    size_t length;
};

/* tls_context_new - `protocols`: "TLSv1.2,TLSv1.3" or one of them. `store` and `staple` stay the caller's
 * (the store is counted, the staple must outlive every connection). NULL with `why`. */
SSL_CTX *tls_context_new(const char *protocols, X509_STORE *store, const struct tls_staple *staple,
                         struct text *why);
/* tls_context_attach - for the life of the SSL */
void tls_context_attach(SSL *ssl, struct tls_connection *connection);
/* tls_context_error - append OpenSSL's own words for what just failed on this thread, and forget it */
void tls_context_error(struct text *out);

#define TLS_ALPN "\x0bxmpp-server"

#endif
