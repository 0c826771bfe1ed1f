/* SPDX-License-Identifier: Apache-2.0 */
/* certificate_manager - our certificates, and whom we trust to certify others
 *
 * Openfire: CertificateStoreManager, IdentityStore, TrustStore, CertificateManager. RFC 5280, RFC 6066 3 (SNI).
 *
 * Action points:
 *   start, reload -> every file read into a set of its own -> swapped in under the lock (a leaf, held for the
 *   swap and for taking a reference) -> the old set goes with its last connection
 *   xmpp.server.certificate.file empty -> s2s.home/certificate.pem, made or made anew when it must be
 *   none, or xmpp.server.tls.policy = disabled -> no set: there is no TLS
 */
#include "server/certificate_manager.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "server/certificate_identity.h"
#include "server/config.h"
#include "server/log.h"
#include "server/own_certificate.h"
#include "server/tls_context.h"
#include "xml/jid.h"

#define NONE "none"
#define RESPONSE_BYTES 65536 /* of an OCSP response */
#define SOON_DAYS 14         /* a certificate that ends so soon is warned of */

/* One of our certificates with its context. */
struct identity {
    char
        *domain; /* A-label, lower case, owned; NULL: the first, for all without one of their own */
    SSL_CTX *context;
};

struct certificates {
    _Atomic int references;
    struct trust_rules rules;
    X509_STORE *store;
    struct identity *identities; /* the first is the default */
    size_t count;
    struct tls_staple staple;
    bool present;
    int ask;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct certificates *in_force; /* guarded by lock; a reference; NULL: no TLS */

/* --- one set --- */

struct certificates *certificates_ref(struct certificates *certificates)
{
    atomic_fetch_add(&certificates->references, 1);
    return certificates;
}

void certificates_unref(struct certificates *certificates)
{
    if (certificates == NULL || atomic_fetch_sub(&certificates->references, 1) != 1)
        return;
    for (size_t i = 0; i < certificates->count; i++) {
        free(certificates->identities[i].domain);
        SSL_CTX_free(certificates->identities[i].context);
    }
    free(certificates->identities);
    X509_STORE_free(certificates->store);
    free(certificates->staple.bytes);
    free(certificates);
}

SSL_CTX *certificates_context(const struct certificates *certificates, const char *domain)
{
    char prepared[JID_PART_MAX + 1], ascii[256];
    if (domain != NULL && jid_prepare_domain(domain, strlen(domain), prepared) > 0 &&
        jid_domain_to_ascii(prepared, ascii) == 0)
        for (size_t i = 1; i < certificates->count; i++)
            if (strcasecmp(certificates->identities[i].domain, ascii) == 0)
                return certificates->identities[i].context;
    return certificates->identities[0].context;
}

const struct trust_rules *certificates_rules(const struct certificates *certificates)
{
    return &certificates->rules;
}

X509_STORE *certificates_store(const struct certificates *certificates)
{
    return certificates->store;
}

bool certificates_present(const struct certificates *certificates)
{
    return certificates->present;
}

int certificates_ask(const struct certificates *certificates)
{
    return certificates->ask;
}

/* --- reading --- */

/* What a load works with. */
struct load {
    const struct config *config;
    struct certificates *set;
    struct text *why;
    bool make; /* may a certificate be made? */
};

/* fail - "property = file: what was expected: OpenSSL's reason" */
static int fail(const struct load *load, const char *property, const char *file,
                const char *expected)
{
    text_appendf(load->why, "%s = %s: %s: ", property, file, expected);
    if (access(file, R_OK) < 0)
        text_append_string(load->why, strerror(errno));
    else
        tls_context_error(load->why);
    ERR_clear_error();
    return -1;
}

static int days_left(const X509 *certificate)
{
    int days = 0, seconds = 0;
    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)) != 1)
        return 0;
    return days - (seconds < 0 ? 1 : 0);
}

/* tell - who we are to others, and what the operator should know of it */
static void tell(const struct load *load, const char *domain, const char *file,
                 const X509 *certificate)
{
    struct text fingerprint = TEXT_EMPTY, how = TEXT_EMPTY;
    if (!load->make) /* a mere check */
        return;
    own_certificate_fingerprint(certificate, &fingerprint);
    int days = days_left(certificate);
    log_info("certificate for %s: %s, SHA-256 %s, good for %d days", domain, file,
             text_string(&fingerprint), days);
    if (days < SOON_DAYS)
        log_warn("%s: the certificate %s", file,
                 days < 0 ? "has expired" : "expires within two weeks");
    if (!certificate_identity_matches(certificate, domain, &how))
        log_warn("%s: the certificate is not for %s: %s", file, domain, text_string(&how));
    text_free(&fingerprint);
    text_free(&how);
}

/* add_identity - a context with this chain and key */
static int add_identity(const struct load *load, const char *ascii, const char *property,
                        const char *file, const char *key)
{
    struct certificates *set = load->set;
    SSL_CTX *context = tls_context_new(load->config->xmpp_socket_ssl_protocols, set->store,
                                       ascii == NULL ? &set->staple : NULL, load->why);
    if (context == NULL)
        return -1;
    set->identities = text_realloc(set->identities, (set->count + 1) * sizeof *set->identities);
    set->identities[set->count++] = (struct identity){text_copy(ascii), context};
    if (SSL_CTX_use_certificate_chain_file(context, file) != 1)
        return fail(load, property, file, "a certificate chain in PEM form was expected");
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        return fail(load, property, key,
                    "the certificate's private key in PEM form, without a password, was expected");
    tell(load, ascii != NULL ? ascii : load->config->xmpp_domain, file,
         SSL_CTX_get0_certificate(context));
    return 0;
}

/* load_first - the default certificate */
static int load_first(const struct load *load)
{
    const struct config *config = load->config;
    const char *file = config->xmpp_server_certificate_file;
    const char *key = config->xmpp_server_certificate_key;
    if (file[0] != '\0')
        return add_identity(load, NULL, "xmpp.server.certificate.file", file,
                            key[0] != '\0' ? key : file);
    char *path = text_format("%s/certificate.pem", config->s2s_home);
    char *domains = text_format("%s,%s", config->xmpp_domain, config->s2s_domains);
    int result = 0;
    if (!own_certificate_is_good(path, domains)) {
        ERR_clear_error();
        if (load->make) {
            log_info("%s: a self-signed certificate is made", path);
            result = own_certificate_make(path, domains, load->why);
        }
    }
    if (result == 0 && (load->make || access(path, R_OK) == 0))
        result = add_identity(load, NULL, "s2s.home", path, path);
    free(path);
    free(domains);
    return result;
}

/* load_pair - DOMAIN.crt of the directory, with DOMAIN.key unless the key stands in it */
static int load_pair(const struct load *load, const char *directory, const char *name)
{
    char prepared[JID_PART_MAX + 1], ascii[256];
    size_t length = strlen(name) - 4;
    char *file = text_format("%s/%s", directory, name);
    char *key = text_format("%s/%.*s.key", directory, (int)length, name);
    int result = -1;
    if (jid_prepare_domain(name, length, prepared) < 0 || jid_domain_to_ascii(prepared, ascii) < 0)
        text_appendf(load->why,
                     "xmpp.server.certificate.directory: %s: a name DOMAIN.crt was expected", file);
    else
        result = add_identity(load, ascii, "xmpp.server.certificate.directory", file,
                              access(key, F_OK) == 0 ? key : file);
    free(file);
    free(key);
    return result;
}

static int load_directory(const struct load *load)
{
    const char *directory = load->config->xmpp_server_certificate_directory;
    if (directory[0] == '\0')
        return 0;
    DIR *open = opendir(directory);
    if (open == NULL) {
        text_appendf(load->why, "xmpp.server.certificate.directory = %s: %s", directory,
                     strerror(errno));
        return -1;
    }
    int result = 0;
    for (struct dirent *each; result == 0 && (each = readdir(open)) != NULL;) {
        size_t length = strlen(each->d_name);
        if (length > 4 && strcmp(each->d_name + length - 4, ".crt") == 0)
            result = load_pair(load, directory, each->d_name);
    }
    closedir(open);
    return result;
}

/* load_system_trust - those of the system: a file of them, and a directory where one is found by its hash. Not by
 * X509_STORE_set_default_paths, which also has the whole directory read for each certificate that is not found. */
static void load_system_trust(X509_STORE *store)
{
    X509_LOOKUP *file = X509_STORE_add_lookup(store, X509_LOOKUP_file());
    X509_LOOKUP *directory = X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir());
    if (file != NULL)
        X509_LOOKUP_load_file(file, NULL, X509_FILETYPE_DEFAULT);
    if (directory != NULL)
        X509_LOOKUP_add_dir(directory, NULL, X509_FILETYPE_DEFAULT);
    ERR_clear_error(); /* a system may have one or the other */
}

static int load_trust(const struct load *load)
{
    const char *trust = load->config->xmpp_server_certificate_trust;
    const char *crl = load->config->xmpp_server_certificate_crl;
    X509_STORE *store = load->set->store;
    if (trust[0] == '\0')
        load_system_trust(store);
    else if (X509_STORE_load_file(store, trust) != 1)
        return fail(load, "xmpp.server.certificate.trust", trust,
                    "certificates in PEM form were expected");
    if (crl[0] == '\0')
        return 0;
    X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
    if (lookup == NULL || X509_load_crl_file(lookup, crl, X509_FILETYPE_PEM) < 1)
        return fail(load, "xmpp.server.certificate.crl", crl,
                    "revocation lists in PEM form were expected");
    return 0;
}

static int load_staple(const struct load *load)
{
    const char *path = load->config->xmpp_server_certificate_ocsp;
    if (path[0] == '\0')
        return 0;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return fail(load, "xmpp.server.certificate.ocsp", path, "an OCSP response was expected");
    struct tls_staple *staple = &load->set->staple;
    staple->bytes = text_alloc(RESPONSE_BYTES);
    staple->length = fread(staple->bytes, 1, RESPONSE_BYTES, file);
    fclose(file);
    const unsigned char *at = staple->bytes;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)staple->length);
    OCSP_RESPONSE_free(response);
    return response != NULL ? 0
                            : fail(load, "xmpp.server.certificate.ocsp", path,
                                   "an OCSP response in DER form was expected");
}

/* load_set - all of it, or NULL with `why` */
static struct certificates *load_set(const struct config *config, bool make, struct text *why)
{
    static const int asks[] = {SSL_VERIFY_NONE, SSL_VERIFY_PEER, SSL_VERIFY_PEER};
    struct certificates *set = text_calloc(1, sizeof *set);
    struct load load = {config, set, why, make};
    set->references = 1;
    set->rules = server_trust_manager_rules(config);
    set->present = config->xmpp_server_certificate_present;
    set->ask = asks[config->xmpp_server_cert_policy];
    set->store = X509_STORE_new();
    if (set->store == NULL)
        text_out_of_memory();
    ERR_clear_error();
    if (load_trust(&load) == 0 && load_staple(&load) == 0 && load_first(&load) == 0 &&
        load_directory(&load) == 0)
        return set;
    certificates_unref(set);
    return NULL;
}

bool certificate_manager_wants_tls(const struct config *config)
{
    if (config->xmpp_server_tls_policy == CONFIG_TLS_DISABLED)
        return false;
    return strcmp(config->xmpp_server_certificate_file, NONE) != 0;
}

static void swap(struct certificates *fresh)
{
    pthread_mutex_lock(&lock);
    struct certificates *old = in_force;
    in_force = fresh;
    pthread_mutex_unlock(&lock);
    certificates_unref(old);
}

int certificate_manager_start(const struct config *config, struct text *why)
{
    struct certificates *fresh = NULL;
    if (certificate_manager_wants_tls(config)) {
        fresh = load_set(config, true, why);
        if (fresh == NULL)
            return -1;
    } else if (config->xmpp_server_tls_policy == CONFIG_TLS_REQUIRED) {
        log_warn("xmpp.server.tls.policy = required, and there is no certificate: nobody can get "
                 "in, and "
                 "we get nowhere");
    }
    swap(fresh);
    return 0;
}

int certificate_manager_check(const struct config *config, struct text *why)
{
    if (!certificate_manager_wants_tls(config))
        return 0;
    struct certificates *set = load_set(config, false, why);
    certificates_unref(set);
    return set != NULL ? 0 : -1;
}

void certificate_manager_stop(void)
{
    swap(NULL);
}

struct certificates *certificate_manager_get(void)
{
    pthread_mutex_lock(&lock);
    struct certificates *got = in_force != NULL ? certificates_ref(in_force) : NULL;
    pthread_mutex_unlock(&lock);
    return got;
}
