/* SPDX-License-Identifier: Apache-2.0 */
/* own_certificate - a certificate that we make for ourselves
 *
 * Openfire: IdentityStore.addSelfSignedDomainCertificate, CertificateManager.createX509V3Certificate. RFC 5280
 * 4.1, RFC 6120 13.7.1.2.
 */
#include "server/own_certificate.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "server/certificate_identity.h"
#include "server/config.h"
#include "server/tls_context.h"
#include "xml/jid.h"

#define LIFE_DAYS 3650
#define RENEW_DAYS 30
#define DAY 86400

/* next_domain - of a comma list; false at its end */
static bool next_domain(const char **list, char out[JID_PART_MAX + 1])
{
    while (**list == ',')
        (*list)++;
    size_t length = strcspn(*list, ",");
    if (length == 0 || length > JID_PART_MAX)
        return false;
    memcpy(out, *list, length);
    out[length] = '\0';
    *list += length;
    return true;
}

static GENERAL_NAME *new_dns(const char *ascii)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    if (name == NULL || text == NULL)
        text_out_of_memory();
    ASN1_STRING_set(text, ascii, -1);
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
    return name;
}

static GENERAL_NAME *new_other(int form, int type, const char *value)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_TYPE *typed = ASN1_TYPE_new();
    ASN1_STRING *text = ASN1_STRING_type_new(type);
    if (name == NULL || typed == NULL || text == NULL)
        text_out_of_memory();
    ASN1_STRING_set(text, value, -1);
    ASN1_TYPE_set(typed, type, text);
    GENERAL_NAME_set0_othername(name, OBJ_nid2obj(form), typed);
    return name;
}

/* add_names - the three forms of each domain */
static void add_names(X509 *certificate, const char *domains)
{
    char domain[JID_PART_MAX + 1], ascii[256], service[300];
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    while (next_domain(&domains, domain)) {
        sk_GENERAL_NAME_push(names, new_other(NID_XmppAddr, V_ASN1_UTF8STRING, domain));
        if (jid_domain_to_ascii(domain, ascii) < 0)
            continue;
        snprintf(service, sizeof service, "_xmpp-server.%s", ascii);
        sk_GENERAL_NAME_push(names, new_other(NID_SRVName, V_ASN1_IA5STRING, service));
        sk_GENERAL_NAME_push(names, new_dns(ascii));
    }
    X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
    GENERAL_NAMES_free(names);
}

static void add_extension(X509 *certificate, int form, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, form, value);
    if (extension != NULL)
        X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static X509 *new_certificate(EVP_PKEY *key, const char *domains)
{
    X509 *certificate = X509_new();
    unsigned char serial[16], first[JID_PART_MAX + 1];
    const char *list = domains;
    if (certificate == NULL || RAND_bytes(serial, sizeof serial) != 1 ||
        !next_domain(&list, (char *)first)) {
        X509_free(certificate);
        return NULL;
    }
    serial[0] &= 0x7f;
    BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    X509_set_version(certificate, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY); /* for clocks that are behind */
    X509_gmtime_adj(X509_getm_notAfter(certificate), (long)LIFE_DAYS * DAY);
    X509_set_pubkey(certificate, key);
    first[strlen((char *)first) < 64 ? strlen((char *)first) : 64] = '\0'; /* ub-common-name */
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, first, -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    add_names(certificate, domains);
    add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(certificate, NID_key_usage, "critical,digitalSignature");
    add_extension(certificate, NID_ext_key_usage, "serverAuth,clientAuth");
    add_extension(certificate, NID_subject_key_identifier, "hash");
    if (X509_sign(certificate, key, EVP_sha256()) > 0)
        return certificate;
    X509_free(certificate);
    return NULL;
}

/* write_pem - certificate and key, in one file for our eyes only */
static int write_pem(const char *path, X509 *certificate, EVP_PKEY *key, struct text *why)
{
    char *bytes;
    BIO *memory = BIO_new(BIO_s_mem());
    int result = -1;
    if (memory != NULL && PEM_write_bio_X509(memory, certificate) == 1 &&
        PEM_write_bio_PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL) == 1) {
        long length = BIO_get_mem_data(memory, &bytes);
        result = config_write_file(path, bytes, (size_t)length, 0600, why);
    }
    BIO_free(memory);
    return result;
}

int own_certificate_make(const char *path, const char *domains, struct text *why)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = key != NULL ? new_certificate(key, domains) : NULL;
    int result = -1;
    if (certificate != NULL)
        result = write_pem(path, certificate, key, why);
    else {
        text_append_string(why, "a certificate could not be made: ");
        tls_context_error(why);
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    return result;
}

bool own_certificate_is_good(const char *path, const char *domains)
{
    char domain[JID_PART_MAX + 1];
    BIO *file = BIO_new_file(path, "r");
    X509 *certificate = file != NULL ? PEM_read_bio_X509(file, NULL, NULL, NULL) : NULL;
    time_t later = time(NULL) + (time_t)RENEW_DAYS * DAY;
    bool good = certificate != NULL && X509_cmp_time(X509_get0_notAfter(certificate), &later) > 0;
    while (good && next_domain(&domains, domain))
        good = certificate_identity_matches(certificate, domain, NULL);
    X509_free(certificate);
    BIO_free(file);
    return good;
}

void own_certificate_fingerprint(const X509 *certificate, struct text *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    X509_digest(certificate, EVP_sha256(), digest, &length);
    for (unsigned i = 0; i < length; i++)
        text_appendf(out, "%s%02X", i > 0 ? ":" : "", digest[i]);
}
