/* SPDX-License-Identifier: Apache-2.0 */
/* check_certificate - what a certificate says: names, dates, who certified it
 *
 * Everything in it was written by somebody else: printed through OpenSSL's escapes or ours.
 */
#include "admin/check_certificate.h"

#include <openssl/bio.h>
#include <stdio.h>
#include <time.h>

#include "admin/json_words.h"
#include "server/certificate_identity.h"
#include "server/own_certificate.h"
#include "server/printable.h"

#define NAMES_MOST 50
#define CHAIN_MOST 10

/* tell_name - "CN=Test CA, O=…" */
static json_t *tell_name(const X509_NAME *name)
{
    BIO *memory = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    long length = 0;
    if (memory != NULL &&
        X509_NAME_print_ex(memory, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB) >= 0)
        length = BIO_get_mem_data(memory, &bytes);
    char text[400];
    printable_escape(text, sizeof text, length > 0 ? bytes : "", length > 0 ? (size_t)length : 0,
                     false);
    BIO_free(memory);
    return json_words(text);
}

static json_t *tell_time(const ASN1_TIME *time)
{
    struct tm fields;
    return ASN1_TIME_to_tm(time, &fields) == 1 ? json_moment((int64_t)timegm(&fields))
                                               : json_words("?");
}

static void add_name(void *names, const char *kind, const char *text, size_t length)
{
    char escaped[300];
    printable_escape(escaped, sizeof escaped, text, length, false);
    json_array_append_new(names, json_wordsf("%s %s", kind, escaped));
}

static json_t *tell_chain(const STACK_OF(X509) * chain)
{
    json_t *list = json_array();
    for (int i = 1; i < sk_X509_num(chain) && i < CHAIN_MOST; i++) {
        const X509 *each = sk_X509_value(chain, i);
        json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "subject",
                                              tell_name(X509_get_subject_name(each)), "issuer",
                                              tell_name(X509_get_issuer_name(each)), "not_after",
                                              tell_time(X509_get0_notAfter(each))));
    }
    return list;
}

json_t *check_certificate_tell(const X509 *certificate, const STACK_OF(X509) * chain)
{
    int days = 0, seconds = 0;
    struct text fingerprint = TEXT_EMPTY;
    json_t *names = json_array();
    if (certificate == NULL) {
        json_decref(names);
        return json_null();
    }
    ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate));
    own_certificate_fingerprint(certificate, &fingerprint);
    certificate_identity_each(certificate, NAMES_MOST, add_name, names);
    json_t *told = json_pack("{s:o, s:o, s:o, s:o, s:i, s:o, s:o, s:o}", "subject",
                             tell_name(X509_get_subject_name(certificate)), "issuer",
                             tell_name(X509_get_issuer_name(certificate)), "not_before",
                             tell_time(X509_get0_notBefore(certificate)), "not_after",
                             tell_time(X509_get0_notAfter(certificate)), "days", days, "sha256",
                             json_words(text_string(&fingerprint)), "names", names, "chain",
                             tell_chain(chain));
    text_free(&fingerprint);
    return told;
}
