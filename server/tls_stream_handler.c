/* SPDX-License-Identifier: Apache-2.0 */
/* tls_stream_handler - TLS on a connected socket
 *
 * Openfire: TLSStreamHandler.start, TLSWrapper. RFC 6120 5.4.3, 13.7; RFC 7590; XEP-0368 3; RFC 7671-7673.
 *
 * Action points of the handshake:
 *   the client's server name   -> the certificate of that domain of ours
 *   the peer's chain           -> the trust manager's verdict, kept. A stream that is opened to us goes on in
 *   any case: who it says it is comes later, inside, and the answer to a bad certificate can then be a stream
 *   error with its reason. On a stream that we open, with strict validation, a bad certificate or one for
 *   another domain ends the handshake with an alert.
 *   done                       -> for what a revocation list did not tell, the stapled OCSP response
 * DIFFERS: a handshake that fails is never followed by an attempt without TLS (D32), and an end of the
 * connection in the middle is a failure, not a reason to try again (D31).
 */
#include "server/tls_stream_handler.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/certificate_identity.h"
#include "server/socket_util.h"
#include "server/stranger_turns.h"
#include "server/tls_context.h"
#include "xml/jid.h"

#define KEY_UPDATES_MAX 20 /* in one minute; more are an attack on our processor */

struct tls_stream_handler {
    SSL *ssl;
    pthread_mutex_t lock; /* over calls on ssl */
    struct certificates *certificates;
    struct tls_connection connection;
    struct server_verdict verdict; /* written in the handshake only */
    char *remote, *target;         /* client only */
    const char *protocol, *cipher; /* OpenSSL's constants; written in the handshake only */
    bool strict, dane;
    char *refusal;         /* why our verify ended the handshake; NULL: it did not */
    enum failure *failure; /* the caller's, for the handshake only; NULL: nobody asks */
    _Atomic int alert;     /* that ended the connection; 0: none did */
    int key_updates;       /* guarded by lock */
    time_t key_updates_since;
};

/* --- the peer's certificate --- */

/* is_named - is the certificate for the domain we asked for, or, when a secure record led there, for the host? */
static bool is_named(struct tls_stream_handler *handler, struct text *how)
{
    if (server_trust_manager_proves(&handler->verdict, handler->remote, how))
        return true;
    return handler->verdict.dane && handler->target != NULL &&
           certificate_identity_matches(handler->verdict.certificate, handler->target, NULL);
}

/* note_dane - did a secure record decide? Then its word replaces that of the authorities. */
static void note_dane(struct tls_stream_handler *handler)
{
    struct server_verdict *verdict = &handler->verdict;
    uint8_t usage = 0;
    if (!handler->dane || verdict->trust != TRUST_VALID ||
        SSL_get0_dane_authority(handler->ssl, NULL, NULL) < 0)
        return;
    SSL_get0_dane_tlsa(handler->ssl, &usage, NULL, NULL, NULL, NULL);
    verdict->dane = true;
    verdict->any_name = usage == 3;
    if (verdict->any_name)
        verdict->expires = 0; /* RFC 7671 5.1: nor do its dates */
    text_clear(&verdict->why);
    text_appendf(&verdict->why, "a secure TLSA record (usage %d) vouches for %s", usage,
                 verdict->any_name ? "this very certificate" : "its chain");
}

/* refuse - with the alert that OpenSSL has for `error` */
static int refuse(struct tls_stream_handler *handler, X509_STORE_CTX *chain, int error,
                  const char *sentence)
{
    free(handler->refusal);
    handler->refusal = text_copy(sentence);
    X509_STORE_CTX_set_error(chain, error);
    return 0;
}

static int verify(void *owner, X509_STORE_CTX *chain)
{
    struct tls_stream_handler *handler = owner;
    struct text how = TEXT_EMPTY;
    int go_on = 1;
    server_verdict_free(&handler->verdict);
    server_trust_manager_verify(chain, certificates_rules(handler->certificates),
                                &handler->verdict);
    note_dane(handler);
    int error = X509_STORE_CTX_get_error(chain);
    bool must =
        handler->strict || handler->dane; /* secure records that do not fit refuse (RFC 7672 2.2) */
    if (handler->remote != NULL && must) {
        if (handler->verdict.trust == TRUST_INVALID)
            go_on = refuse(handler, chain, error != X509_V_OK ? error : X509_V_ERR_UNSPECIFIED,
                           text_string(&handler->verdict.why));
        else if (handler->verdict.trust == TRUST_VALID && !is_named(handler, &how))
            go_on = refuse(handler, chain, X509_V_ERR_HOSTNAME_MISMATCH, text_string(&how));
    }
    text_free(&how);
    return go_on;
}

static SSL_CTX *by_name(void *owner, const char *name)
{
    struct tls_stream_handler *handler = owner;
    return certificates_context(handler->certificates, name);
}

/* note_message - counts the key updates that the peer makes us do (RFC 8446 4.6.3) */
static void note_message(int sent, int version, int type, const void *bytes, size_t length,
                         SSL *ssl, void *owner)
{
    struct tls_stream_handler *handler = owner;
    (void)version;
    (void)ssl;
    if (sent || type != SSL3_RT_HANDSHAKE || length == 0 ||
        *(const unsigned char *)bytes != SSL3_MT_KEY_UPDATE)
        return;
    time_t now = time(NULL);
    if (now - handler->key_updates_since > 60) {
        handler->key_updates_since = now;
        handler->key_updates = 0;
    }
    handler->key_updates++;
}

/* --- birth and end --- */

static int set_up_dane(struct tls_stream_handler *handler, const struct dns_tlsa *tlsa,
                       struct text *why)
{
    if (tlsa == NULL || tlsa->count == 0)
        return 0;
    if (SSL_dane_enable(handler->ssl, NULL) <= 0) {
        text_append_string(why, "DANE: ");
        tls_context_error(why);
        return -1;
    }
    int usable = 0;
    for (int i = 0; i < tlsa->count; i++) {
        const struct dns_tlsa_record *record = &tlsa->records[i];
        if (record->usage == 2 || record->usage == 3)
            usable += SSL_dane_tlsa_add(handler->ssl, record->usage, record->selector,
                                        record->matching, record->data, record->length) > 0;
    }
    ERR_clear_error();
    handler->dane = usable > 0;
    return 0;
}

static int set_up_client(struct tls_stream_handler *handler, const struct tls_request *request,
                         struct text *why)
{
    char ascii[256];
    SSL *ssl = handler->ssl;
    SSL_set_connect_state(ssl);
    SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    if (!certificates_present(handler->certificates))
        SSL_certs_clear(ssl);
    if (!jid_domain_is_ip(request->remote) && jid_domain_to_ascii(request->remote, ascii) == 0)
        SSL_set_tlsext_host_name(ssl, ascii);
    if (request->direct)
        SSL_set_alpn_protos(ssl, (const unsigned char *)TLS_ALPN, sizeof TLS_ALPN - 1);
    if (certificates_rules(handler->certificates)->revocation)
        SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
    handler->remote = text_copy(request->remote);
    handler->target = text_copy(request->target);
    handler->strict = request->strict;
    return set_up_dane(handler, request->tlsa, why);
}

struct tls_stream_handler *tls_stream_handler_new(int fd, const struct tls_request *request,
                                                  struct certificates *certificates,
                                                  struct text *why)
{
    struct tls_stream_handler *handler = text_calloc(1, sizeof *handler);
    pthread_mutex_init(&handler->lock, NULL);
    handler->certificates = certificates_ref(certificates);
    handler->connection = (struct tls_connection){handler, request->direct, verify, by_name};
    handler->failure = request->failure;
    ERR_clear_error();
    handler->ssl = SSL_new(certificates_context(certificates, request->local));
    if (handler->ssl == NULL || SSL_set_fd(handler->ssl, fd) != 1) {
        text_append_string(why, "OpenSSL: ");
        tls_context_error(why);
        tls_stream_handler_free(handler);
        return NULL;
    }
    tls_context_attach(handler->ssl, &handler->connection);
    SSL_set_msg_callback(handler->ssl, note_message);
    SSL_set_msg_callback_arg(handler->ssl, handler);
    if (request->client) {
        if (set_up_client(handler, request, why) < 0) {
            tls_stream_handler_free(handler);
            return NULL;
        }
    } else {
        SSL_set_accept_state(handler->ssl);
        SSL_set_verify(handler->ssl, certificates_ask(certificates), NULL);
    }
    return handler;
}

void tls_stream_handler_free(struct tls_stream_handler *handler)
{
    if (handler == NULL)
        return;
    SSL_free(handler->ssl);
    certificates_unref(handler->certificates);
    server_verdict_free(&handler->verdict);
    free(handler->remote);
    free(handler->target);
    free(handler->refusal);
    pthread_mutex_destroy(&handler->lock);
    free(handler);
}

/* --- the handshake --- */

/* note - the cause, for who asked for it */
static void note(const struct tls_stream_handler *handler, enum failure failure)
{
    if (handler->failure != NULL)
        *handler->failure = failure;
}

/* failure_of_alert - RFC 8446 6.2: what the other side objects to */
static enum failure failure_of_alert(int alert)
{
    switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_CERTIFICATE_REQUIRED:
        return FAILURE_OUR_CERTIFICATE;
    case SSL_AD_HANDSHAKE_FAILURE:
    case SSL_AD_PROTOCOL_VERSION:
    case SSL_AD_INSUFFICIENT_SECURITY:
        return FAILURE_TLS_VERSION;
    default:
        return FAILURE_TLS_FAILED;
    }
}

/* failure_of - of an error of OpenSSL's own */
static enum failure failure_of(unsigned long error)
{
    switch (ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0) {
    case SSL_R_WRONG_VERSION_NUMBER: /* no record of TLS came */
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_RECORD_LENGTH_MISMATCH:
        return FAILURE_NOT_TLS;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_UNKNOWN_CIPHER_RETURNED:
    case SSL_R_WRONG_CIPHER_RETURNED:
        return FAILURE_TLS_VERSION;
    default:
        return FAILURE_TLS_FAILED;
    }
}

/* explain - what ended the handshake: our own verdict, the peer's alert, or what OpenSSL says */
static void explain(const struct tls_stream_handler *handler, int kind, int error, struct text *why)
{
    note(handler, FAILURE_TLS_FAILED);
    if (handler->refusal != NULL) {
        note(handler, server_trust_manager_failure(&handler->verdict));
        text_appendf(why, "we refuse the other side's certificate: %s", handler->refusal);
    } else if (kind == SSL_ERROR_ZERO_RETURN || (kind == SSL_ERROR_SYSCALL && error == 0)) {
        text_append_string(why,
                           "the other side ended the connection in the middle of the handshake");
    } else if (kind == SSL_ERROR_SYSCALL) {
        text_append_string(why, strerror(error));
    } else {
        unsigned long first = ERR_peek_error();
        bool alert =
            ERR_GET_LIB(first) == ERR_LIB_SSL && ERR_GET_REASON(first) > SSL_AD_REASON_OFFSET;
        note(handler, alert ? failure_of_alert(ERR_GET_REASON(first) - SSL_AD_REASON_OFFSET)
                            : failure_of(first));
        text_append_string(why, alert ? "the other side refuses: " : "TLS: ");
        tls_context_error(why);
    }
    ERR_clear_error();
}

/* finish - after the last message: is the verdict complete, and does it still hold? */
static enum tls_step finish(struct tls_stream_handler *handler, struct text *why)
{
    struct server_verdict *verdict = &handler->verdict;
    unsigned char *response = NULL;
    long length = SSL_get_tlsext_status_ocsp_resp(handler->ssl, &response);
    server_trust_manager_check_response(
        verdict, certificates_rules(handler->certificates), SSL_get_peer_cert_chain(handler->ssl),
        certificates_store(handler->certificates), response, length);
    if (verdict->certificate == NULL)
        text_append_string(&verdict->why, "no certificate was shown");
    ERR_clear_error();
    if (handler->remote == NULL || !handler->strict || verdict->trust != TRUST_INVALID)
        return TLS_DONE;
    text_appendf(why, "we refuse the other side's certificate: %s", text_string(&verdict->why));
    note(handler, server_trust_manager_failure(verdict));
    return TLS_FAILED;
}

enum tls_step tls_stream_handler_handshake(struct tls_stream_handler *handler, struct text *why)
{
    pthread_mutex_lock(&handler->lock);
    ERR_clear_error();
    errno = 0;
    int result = SSL_do_handshake(handler->ssl), error = errno;
    enum tls_step step = TLS_FAILED;
    int kind = result == 1 ? SSL_ERROR_NONE : SSL_get_error(handler->ssl, result);
    if (kind == SSL_ERROR_NONE) {
        step = finish(handler, why);
        handler->protocol = SSL_get_version(handler->ssl);
        handler->cipher = SSL_get_cipher_name(handler->ssl);
        handler->failure = NULL; /* the caller's may be gone soon */
    } else if (kind == SSL_ERROR_WANT_READ) {
        step = TLS_WANTS_READ;
    } else if (kind == SSL_ERROR_WANT_WRITE) {
        step = TLS_WANTS_WRITE;
    } else {
        explain(handler, kind, error, why);
    }
    pthread_mutex_unlock(&handler->lock);
    return step;
}

int tls_stream_handler_run(struct tls_stream_handler *handler, int fd, const _Atomic bool *stopped,
                           int64_t deadline, struct text *why)
{
    for (;;) {
        stranger_turns_take();
        enum tls_step step = tls_stream_handler_handshake(handler, why);
        if (step == TLS_DONE)
            return 0;
        if (step == TLS_FAILED)
            return -1;
        int ready =
            socket_util_wait(fd, stopped, step == TLS_WANTS_READ ? POLLIN : POLLOUT, deadline);
        if (ready > 0)
            continue;
        note(handler, FAILURE_TLS_FAILED);
        text_append_string(why, ready == 0
                                    ? "the other side did not complete the handshake in time"
                                    : "the connection was closed in the middle of the handshake");
        return -1;
    }
}

/* --- bytes --- */

/* to_errno - what a failed call of OpenSSL means to a caller of recv or send */
static ssize_t to_errno(struct tls_stream_handler *handler, int result, bool reading)
{
    int error = errno, kind = SSL_get_error(handler->ssl, result);
    int reason = kind == SSL_ERROR_SSL ? ERR_GET_REASON(ERR_peek_error()) : 0;
    ssize_t value = -1;
    if (reason > SSL_AD_REASON_OFFSET)
        atomic_store(&handler->alert, reason - SSL_AD_REASON_OFFSET);
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE)
        error = EAGAIN;
    else if (kind == SSL_ERROR_ZERO_RETURN && reading)
        value = 0;
    else if (kind != SSL_ERROR_SYSCALL || error == 0 || error == EAGAIN)
        error = EPROTO;
    ERR_clear_error();
    errno = error;
    return value;
}

ssize_t tls_stream_handler_read(struct tls_stream_handler *handler, char *buffer, size_t size)
{
    size_t got = 0;
    pthread_mutex_lock(&handler->lock);
    ERR_clear_error();
    errno = 0;
    int result = SSL_read_ex(handler->ssl, buffer, size, &got);
    ssize_t value = result == 1 ? (ssize_t)got : to_errno(handler, result, true);
    if (handler->key_updates > KEY_UPDATES_MAX) {
        value = -1;
        errno = EPROTO;
    }
    pthread_mutex_unlock(&handler->lock);
    return value;
}

ssize_t tls_stream_handler_write(struct tls_stream_handler *handler, const char *bytes,
                                 size_t length)
{
    size_t put = 0;
    pthread_mutex_lock(&handler->lock);
    ERR_clear_error();
    errno = 0;
    int result = SSL_write_ex(handler->ssl, bytes, length, &put);
    ssize_t value = result == 1 ? (ssize_t)put : to_errno(handler, result, false);
    pthread_mutex_unlock(&handler->lock);
    return value;
}

enum failure tls_stream_handler_broke(const struct tls_stream_handler *handler)
{
    int alert = handler != NULL ? atomic_load(&handler->alert) : 0;
    return alert != 0 ? failure_of_alert(alert) : FAILURE_NONE;
}

uint64_t tls_stream_handler_wire(struct tls_stream_handler *handler)
{
    pthread_mutex_lock(&handler->lock);
    uint64_t written = BIO_number_written(SSL_get_wbio(handler->ssl));
    pthread_mutex_unlock(&handler->lock);
    return written;
}

void tls_stream_handler_rest(const struct tls_stream_handler *handler)
{
    if (handler != NULL)
        OPENSSL_thread_stop();
}

void tls_stream_handler_shutdown(struct tls_stream_handler *handler)
{
    pthread_mutex_lock(&handler->lock);
    ERR_clear_error();
    if (SSL_is_init_finished(handler->ssl))
        SSL_shutdown(handler->ssl);
    ERR_clear_error();
    pthread_mutex_unlock(&handler->lock);
}

/* --- what came of it --- */

const struct server_verdict *tls_stream_handler_verdict(const struct tls_stream_handler *handler)
{
    return handler != NULL ? &handler->verdict : NULL;
}

const char *tls_stream_handler_protocol(const struct tls_stream_handler *handler)
{
    return handler != NULL ? handler->protocol : NULL;
}

const char *tls_stream_handler_cipher(const struct tls_stream_handler *handler)
{
    return handler != NULL ? handler->cipher : NULL;
}

STACK_OF(X509) * tls_stream_handler_chain(const struct tls_stream_handler *handler)
{
    return SSL_get_peer_cert_chain(handler->ssl);
}

void tls_stream_handler_describe(const struct tls_stream_handler *handler, struct text *out)
{
    const unsigned char *alpn = NULL;
    unsigned length = 0;
    SSL_get0_alpn_selected(handler->ssl, &alpn, &length);
    const char *name = SSL_get_servername(handler->ssl, TLSEXT_NAMETYPE_host_name);
    text_appendf(out, "%s, %s", handler->protocol, handler->cipher);
    if (name != NULL)
        text_appendf(out, ", SNI %s", name);
    if (length > 0)
        text_appendf(out, ", ALPN %.*s", (int)length, (const char *)alpn);
}
