/* SPDX-License-Identifier: Apache-2.0 */
/* tls_context - OpenSSL set up as RFC 7590 and RFC 9325 want it
 *
 * Openfire: EncryptionArtifactFactory, SASLAuthentication's EncryptionArtifacts. RFC 9325 3.1 (versions), 3.3
 * (compression), 3.5 (renegotiation), 4.2 (suites: forward secrecy and AEAD only); XEP-0368 3 (ALPN, SNI).
 */
#include "server/tls_context.h"

#include <openssl/err.h>
#include <string.h>

#define SUITES_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:!aNULL:!eNULL:!aDSS:!PSK:!SRP"
#define CERTIFICATES_BYTES 65536 /* of the chain that a peer may send */

static struct tls_connection *connection_of(const SSL *ssl)
{
    return SSL_get_app_data(ssl);
}

static int verify(X509_STORE_CTX *chain, void *unused)
{
    (void)unused;
    SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_connection *connection = connection_of(ssl);
    return connection->verify(connection->owner, chain);
}

static int choose_certificate(SSL *ssl, int *alert, void *unused)
{
    (void)alert;
    (void)unused;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    struct tls_connection *connection = connection_of(ssl);
    if (!SSL_is_server(ssl)) /* OpenSSL calls it there too, with the name that we sent */
        return SSL_TLSEXT_ERR_OK;
    if (name == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    SSL_CTX *context = connection->by_name(connection->owner, name);
    if (context != NULL)
        SSL_set_SSL_CTX(ssl, context);
    return SSL_TLSEXT_ERR_OK;
}

/* choose_protocol - XEP-0368 3: xmpp-server. COMPAT: ejabberd sends the list on STARTTLS as well, where it
 * means nothing. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                           const unsigned char *offered, unsigned offered_length, void *unused)
{
    (void)unused;
    const unsigned char *ours = (const unsigned char *)TLS_ALPN;
    unsigned size = sizeof TLS_ALPN - 1;
    for (unsigned i = 0; i + size <= offered_length; i += offered[i] + 1U) {
        if (memcmp(offered + i, ours, size) != 0)
            continue;
        *out = offered + i + 1;
        *out_length = offered[i];
        return SSL_TLSEXT_ERR_OK;
    }
    return connection_of(ssl)->direct ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK;
}

/* staple - our own response to a client that wants one */
static int staple(SSL *ssl, void *given)
{
    const struct tls_staple *response = given;
    if (!SSL_is_server(ssl))
        return 1;
    if (response == NULL || response->bytes == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    unsigned char *copy = OPENSSL_memdup(response->bytes, response->length);
    if (copy == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)response->length);
    return SSL_TLSEXT_ERR_OK;
}

/* no_password - a key that needs one is refused; nobody is there to type it */
static int no_password(char *buffer, int size, int writing, void *unused)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)unused;
    return -1;
}

static void set_protocols(SSL_CTX *context, const char *protocols)
{
    bool has_1_2 = strstr(protocols, "TLSv1.2") != NULL,
         has_1_3 = strstr(protocols, "TLSv1.3") != NULL;
    SSL_CTX_set_min_proto_version(context, has_1_2 || !has_1_3 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_max_proto_version(context, has_1_3 || !has_1_2 ? TLS1_3_VERSION : TLS1_2_VERSION);
}

static void set_callbacks(SSL_CTX *context, const struct tls_staple *response)
{
    SSL_CTX_set_cert_verify_callback(context, verify, NULL);
    SSL_CTX_set_tlsext_servername_callback(context, choose_certificate);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    SSL_CTX_set_tlsext_status_cb(context, staple);
    SSL_CTX_set_tlsext_status_arg(context, (void *)(uintptr_t)response);
    SSL_CTX_set_default_passwd_cb(context, no_password);
}

SSL_CTX *tls_context_new(const char *protocols, X509_STORE *store,
                         const struct tls_staple *response, struct text *why)
{
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    if (context == NULL || SSL_CTX_set_cipher_list(context, SUITES_1_2) != 1 ||
        SSL_CTX_dane_enable(context) <= 0) {
        text_append_string(why, "OpenSSL: ");
        tls_context_error(why);
        SSL_CTX_free(context);
        return NULL;
    }
    set_protocols(context, protocols);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_SINGLE_ECDH_USE);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_max_cert_list(context, CERTIFICATES_BYTES);
    SSL_CTX_set_dh_auto(context, 1);
    SSL_CTX_set1_cert_store(context, store);
    set_callbacks(context, response);
    return context;
}

void tls_context_attach(SSL *ssl, struct tls_connection *connection)
{
    SSL_set_app_data(ssl, connection);
}

void tls_context_error(struct text *out)
{
    unsigned long error = ERR_peek_error();
    const char *reason = error != 0 ? ERR_reason_error_string(error) : NULL;
    if (reason != NULL)
        text_append_string(out, reason);
    else
        text_appendf(out, "OpenSSL's error %lx", error);
    ERR_clear_error();
}
