/* server_trust_manager - does this chain of certificates deserve trust, and for which domain?
 *
 * Openfire: ServerTrustManager, OpenfireX509TrustManager. RFC 5280, RFC 6120 13.7.2, RFC 7671. The verdict
 * on a chain is made once, in the handshake; for whom it speaks is asked as often as a domain claims it.
 * DIFFERS: 3.7.1 checks nothing on the way in (D1), demands that the last certificate be literally in the
 * store (D29), and calls any single unknown certificate self-signed. A certificate made for the server's
 * purpose only is good (ejabberd issue 4392: authorities stopped to certify clients).
 */
#ifndef SERVER_SERVER_TRUST_MANAGER_H
#define SERVER_SERVER_TRUST_MANAGER_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/failure.h"
#include "xml/text.h"

struct config;

/* The settings xmpp.socket.ssl.certificate.* */
struct trust_rules {
    bool accept_selfsigned, validity, revocation, only_end_entity, soft_fail;
};

enum server_trust {
    TRUST_MISSING,    /* no certificate was shown */
    TRUST_VALID,      /* the chain is good */
    TRUST_SELFSIGNED, /* self-signed, which the settings allow: it proves nothing */
    TRUST_INVALID
};

struct server_verdict {
    enum server_trust trust;
    X509 *certificate; /* the peer's own, a reference; NULL when missing */
    bool dane;         /* secure TLSA records decided */
    bool any_name; /* and they name this very certificate: its names do not matter (RFC 7671 5.1) */
    bool unknown_state; /* valid, but nothing told yet whether it was revoked */
    int64_t
        expires; /* when the first certificate of the chain does; seconds since 1970, 0: unknown */
    int error;   /* of one that is invalid: OpenSSL's X509_V_ERR_… */
    struct text why; /* in words */
};

void server_verdict_free(struct server_verdict *verdict);

/* server_trust_manager_rules - of these settings */
struct trust_rules server_trust_manager_rules(const struct config *config);
/* server_trust_manager_verify - judge the chain of `context`, which OpenSSL has prepared for a handshake.
 * The verdict must be zeroed. Does not block, no locks. */
void server_trust_manager_verify(X509_STORE_CTX *context, const struct trust_rules *rules,
                                 struct server_verdict *verdict);
/* server_trust_manager_check_response - of a verdict whose state is unknown: what does the OCSP response
 * (DER, NULL: none came) tell? It becomes good, or invalid as the rules say. `chain` is the peer's. */
void server_trust_manager_check_response(struct server_verdict *verdict,
                                         const struct trust_rules *rules, STACK_OF(X509) * chain,
                                         X509_STORE *store, const unsigned char *response,
                                         long length);
/* server_trust_manager_failure - why a certificate with this verdict does not prove a domain: what is wrong with it; for one that is
 * valid, that it is for others */
enum failure server_trust_manager_failure(const struct server_verdict *verdict);
/* server_trust_manager_proves - is the verdict good, and the certificate for `domain` (prepared)? The
 * sentence in `how` (may be NULL) says which name matched, or why not. */
bool server_trust_manager_proves(const struct server_verdict *verdict, const char *domain,
                                 struct text *how);

#endif
