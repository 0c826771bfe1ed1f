/* SPDX-License-Identifier: Apache-2.0 */
/* server_trust_manager - does this chain of certificates deserve trust, and for which domain?
 *
 * Openfire: OpenfireX509TrustManager.checkChainTrusted, OCSPChecker. OpenSSL builds and checks the chain; what
 * it objects to comes to `object`, where the settings may overrule it. The first objection that stands is
 * the verdict's sentence.
 */
#include "server/server_trust_manager.h"

#include <openssl/ocsp.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#include "server/certificate_identity.h"
#include "server/config.h"

#define CLOCK_SKEW 300 /* seconds that the clock of an OCSP responder may be off */

void server_verdict_free(struct server_verdict *verdict)
{
    X509_free(verdict->certificate);
    text_free(&verdict->why);
    *verdict = (struct server_verdict){0};
}

struct trust_rules server_trust_manager_rules(const struct config *config)
{
    return (struct trust_rules){
        .accept_selfsigned = config->xmpp_socket_ssl_certificate_accept_selfsigned,
        .validity = config->xmpp_socket_ssl_certificate_verify_validity,
        .revocation = config->xmpp_socket_ssl_certificate_verify_revocation,
        .only_end_entity = config->xmpp_socket_ssl_certificate_revocation_only_end_entity,
        .soft_fail = config->xmpp_socket_ssl_certificate_revocation_soft_fail,
    };
}

/* What `object` needs: the context's application data. */
struct judging {
    const struct trust_rules *rules;
    struct server_verdict *verdict;
    bool selfsigned, refused;
};

/* refuse - the first reason counts */
static void refuse(struct judging *judging, X509_STORE_CTX *context, int error)
{
    if (judging->refused)
        return;
    judging->refused = true;
    judging->verdict->error = error;
    char subject[200] = "?";
    X509 *certificate = X509_STORE_CTX_get_current_cert(context);
    if (certificate != NULL)
        X509_NAME_oneline(X509_get_subject_name(certificate), subject, sizeof subject);
    text_appendf(&judging->verdict->why, "%s (certificate %d of the chain, %s)",
                 X509_verify_cert_error_string(error), X509_STORE_CTX_get_error_depth(context) + 1,
                 subject);
}

/* is_overruled - do the settings let this objection of OpenSSL's pass? */
static bool is_overruled(struct judging *judging, int error, int depth, bool is_anchor)
{
    const struct trust_rules *rules = judging->rules;
    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return !rules->validity;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        judging->selfsigned = true;
        return rules->accept_selfsigned;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
        if (depth == 0)
            judging->verdict->unknown_state = true; /* the OCSP response may know */
        return depth == 0 || is_anchor || rules->soft_fail;
    default:
        return false;
    }
}

/* object - OpenSSL's verify callback: 1 to go on, as though nothing were wrong */
static int object(int good, X509_STORE_CTX *context)
{
    struct judging *judging = X509_STORE_CTX_get_app_data(context);
    int error = X509_STORE_CTX_get_error(context);
    if (good)
        return 1;
    int depth = X509_STORE_CTX_get_error_depth(context);
    const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(context);
    bool is_anchor =
        depth > 0 && depth == sk_X509_num(chain) - 1; /* whom we trust, nobody else revokes */
    if (!is_overruled(judging, error, depth, is_anchor))
        refuse(judging, context, error);
    return 1;
}

/* prepare - what is checked: any purpose (a server's certificate is one for both directions), the
 * certificates of the store without regard to whether they are roots, the revocation lists */
static void prepare(X509_STORE_CTX *context, const struct trust_rules *rules)
{
    X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_ANY);
    X509_VERIFY_PARAM_set_depth(parameters, 10);
    unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST;
    if (rules->revocation)
        flags |= X509_V_FLAG_CRL_CHECK | (rules->only_end_entity ? 0 : X509_V_FLAG_CRL_CHECK_ALL);
    X509_VERIFY_PARAM_set_flags(parameters, flags);
}

static int64_t seconds_of(const ASN1_TIME *time)
{
    struct tm fields;
    return ASN1_TIME_to_tm(time, &fields) == 1 ? (int64_t)timegm(&fields) : 0;
}

/* expiry_of - the earliest end of the chain that was built, 0 when there is none */
static int64_t expiry_of(X509_STORE_CTX *context)
{
    const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(context);
    int64_t first = 0;
    for (int i = 0; chain != NULL && i < sk_X509_num(chain); i++) {
        int64_t end = seconds_of(X509_get0_notAfter(sk_X509_value(chain, i)));
        if (end > 0 && (first == 0 || end < first))
            first = end;
    }
    return first;
}

/* praise - the sentence of a good chain */
static void praise(X509_STORE_CTX *context, struct server_verdict *verdict)
{
    const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(context);
    int count = chain != NULL ? sk_X509_num(chain) : 0;
    char top[200] = "?";
    if (count > 0)
        X509_NAME_oneline(X509_get_subject_name(sk_X509_value(chain, count - 1)), top, sizeof top);
    text_appendf(&verdict->why, "a chain of %d up to %s, which is trusted", count, top);
}

/* is_weak_key - RFC 9325 4.5: RSA below 2048 bits */
static bool is_weak_key(const X509 *certificate)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    return key == NULL || (EVP_PKEY_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_bits(key) < 2048);
}

void server_trust_manager_verify(X509_STORE_CTX *context, const struct trust_rules *rules,
                                 struct server_verdict *verdict)
{
    X509 *certificate = X509_STORE_CTX_get0_cert(context);
    struct judging judging = {.rules = rules, .verdict = verdict};
    X509_up_ref(certificate);
    verdict->certificate = certificate;
    prepare(context, rules);
    X509_STORE_CTX_set_app_data(context, &judging);
    X509_STORE_CTX_set_verify_cb(context, object);
    int result = X509_verify_cert(context);
    X509_STORE_CTX_set_app_data(context, NULL);
    if (result != 1)
        refuse(&judging, context, X509_STORE_CTX_get_error(context));
    if (!judging.refused && is_weak_key(certificate)) {
        judging.refused = true;
        verdict->error = X509_V_ERR_EE_KEY_TOO_SMALL;
        text_append_string(&verdict->why, "its key is too short");
    }
    verdict->expires = rules->validity ? expiry_of(context) : 0;
    if (judging.refused) {
        verdict->trust = TRUST_INVALID;
        verdict->unknown_state = false;
    } else if (judging.selfsigned) {
        verdict->trust = TRUST_SELFSIGNED;
        text_append_string(&verdict->why,
                           "self-signed, which the settings accept; it proves nothing");
    } else {
        verdict->trust = TRUST_VALID;
        praise(context, verdict);
    }
}

/* --- OCSP --- */

/* status_in - what the response says of the certificate: V_OCSP_CERTSTATUS_…, or -1 with `why` */
static int status_in(OCSP_BASICRESP *basic, X509 *certificate, X509 *issuer, const char **why)
{
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), certificate, issuer);
    ASN1_GENERALIZEDTIME *revoked, *since, *until;
    int status = -1, reason;
    if (id == NULL ||
        OCSP_resp_find_status(basic, id, &status, &reason, &revoked, &since, &until) != 1) {
        *why = "the OCSP response is about another certificate";
        status = -1;
    } else if (OCSP_check_validity(since, until, CLOCK_SKEW, -1) != 1) {
        *why = "the OCSP response is out of date";
        status = -1;
    }
    OCSP_CERTID_free(id);
    return status;
}

/* issuer_of - in the peer's chain, or in the store; a reference, or NULL */
static X509 *issuer_of(X509 *certificate, STACK_OF(X509) * chain, X509_STORE *store)
{
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *each = sk_X509_value(chain, i);
        if (X509_check_issued(each, certificate) == X509_V_OK && X509_up_ref(each) == 1)
            return each;
    }
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509 *issuer = NULL;
    if (context != NULL && X509_STORE_CTX_init(context, store, certificate, chain) == 1)
        X509_STORE_CTX_get1_issuer(&issuer, context, certificate);
    X509_STORE_CTX_free(context);
    return issuer;
}

/* read_status - of the whole response: signed by whom it should be, in date, about this certificate */
static int read_status(const struct server_verdict *verdict, STACK_OF(X509) * chain,
                       X509_STORE *store, const unsigned char *bytes, long length, const char **why)
{
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &bytes, length);
    OCSP_BASICRESP *basic = response != NULL ? OCSP_response_get1_basic(response) : NULL;
    X509 *issuer = issuer_of(verdict->certificate, chain, store);
    int status = -1;
    if (basic == NULL)
        *why = "the OCSP response can't be read";
    else if (issuer == NULL)
        *why = "its issuer is not known";
    else if (OCSP_basic_verify(basic, chain, store, OCSP_PARTIAL_CHAIN) != 1)
        *why = "the OCSP response is signed by nobody who may";
    else
        status = status_in(basic, verdict->certificate, issuer, why);
    X509_free(issuer);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    return status;
}

void server_trust_manager_check_response(struct server_verdict *verdict,
                                         const struct trust_rules *rules, STACK_OF(X509) * chain,
                                         X509_STORE *store, const unsigned char *response,
                                         long length)
{
    const char *why = "no list and no OCSP response tells whether it was revoked";
    int status = -1;
    if (!rules->revocation || verdict->trust != TRUST_VALID)
        return;
    if (response != NULL && length > 0)
        status = read_status(verdict, chain, store, response, length, &why);
    if (status == V_OCSP_CERTSTATUS_REVOKED) {
        text_clear(&verdict->why);
        text_append_string(&verdict->why,
                           "certificate revoked, says the OCSP response that came with it");
        verdict->trust = TRUST_INVALID;
        verdict->error = X509_V_ERR_CERT_REVOKED;
    } else if (status == V_OCSP_CERTSTATUS_GOOD) {
        text_append_string(&verdict->why, "; not revoked, says its OCSP response");
    } else if (verdict->unknown_state && !rules->soft_fail) {
        text_clear(&verdict->why);
        text_append_string(&verdict->why, why);
        verdict->trust = TRUST_INVALID;
        verdict->error = X509_V_ERR_UNABLE_TO_GET_CRL;
    }
    verdict->unknown_state = false;
}

enum failure server_trust_manager_failure(const struct server_verdict *verdict)
{
    static const struct {
        int error;
        enum failure failure;
    } rows[] = {
        {X509_V_ERR_CERT_HAS_EXPIRED, FAILURE_CERTIFICATE_EXPIRED},
        {X509_V_ERR_CERT_NOT_YET_VALID, FAILURE_CERTIFICATE_NOT_YET},
        {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, FAILURE_CERTIFICATE_SELFSIGNED},
        {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, FAILURE_CERTIFICATE_UNTRUSTED},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, FAILURE_CERTIFICATE_UNTRUSTED},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, FAILURE_CERTIFICATE_UNTRUSTED},
        {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, FAILURE_CERTIFICATE_UNTRUSTED},
        {X509_V_ERR_CERT_UNTRUSTED, FAILURE_CERTIFICATE_UNTRUSTED},
        {X509_V_ERR_CERT_REVOKED, FAILURE_CERTIFICATE_REVOKED},
        {X509_V_ERR_UNABLE_TO_GET_CRL, FAILURE_CERTIFICATE_REVOKED},
        {X509_V_ERR_DANE_NO_MATCH, FAILURE_CERTIFICATE_DANE},
        {X509_V_ERR_HOSTNAME_MISMATCH, FAILURE_CERTIFICATE_NAME},
    };
    if (verdict == NULL || verdict->trust == TRUST_MISSING)
        return FAILURE_CERTIFICATE_MISSING;
    if (verdict->trust == TRUST_SELFSIGNED)
        return FAILURE_CERTIFICATE_SELFSIGNED;
    if (verdict->trust == TRUST_VALID)
        return FAILURE_CERTIFICATE_NAME;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].error == verdict->error)
            return rows[i].failure;
    return FAILURE_CERTIFICATE_INVALID;
}

bool server_trust_manager_proves(const struct server_verdict *verdict, const char *domain,
                                 struct text *how)
{
    if (verdict == NULL || verdict->trust != TRUST_VALID) {
        if (how != NULL)
            text_append_string(how, verdict == NULL || verdict->trust == TRUST_MISSING
                                        ? "there is no certificate"
                                        : text_string(&verdict->why));
        return false;
    }
    if (verdict->any_name) {
        if (how != NULL)
            text_append_string(how, "the TLSA record");
        return true;
    }
    return certificate_identity_matches(verdict->certificate, domain, how);
}
