/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_certificate_identity - for whom a certificate speaks, against RFC 9525 said once more
 *
 * Input: a domain and a line feed, then either a certificate in DER (which begins with '0'), or
 * names: one a line, a letter of its kind first (see add_name). Several of them go into a
 * certificate that is made in memory. What must hold: it matches only if one of its names does by
 * the rules below (a wildcard is the whole left-most label and stands for one; neither the common
 * name nor a URI, an address or an IP counts), and it does match when a name is the domain to the
 * byte.
 */
#include <ctype.h>
#include <idna.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/certificate_identity.h"
#include "test/fuzz/oracle.h"
#include "xml/jid.h"

#define XMPP_ADDR "1.3.6.1.5.5.7.8.5"
#define SRV_NAME "1.3.6.1.5.5.7.8.7"

/* --- the rules, said once more --- */

/* to_ascii - the name as lower-case A-labels, "" when it is none; by libidn alone */
static void to_ascii(const char *name, size_t length, char out[256])
{
    char copy[1024], *ascii = NULL;
    out[0] = '\0';
    if (length == 0 || length >= sizeof copy || memchr(name, '\0', length) != NULL ||
        !is_xml_text(name, length))
        return;
    memcpy(copy, name, length);
    copy[length] = '\0';
    if (idna_to_ascii_8z(copy, &ascii, 0) != IDNA_SUCCESS)
        return;
    size_t made = strlen(ascii);
    if (made > 1 && ascii[made - 1] == '.')
        ascii[--made] = '\0';
    for (size_t i = 0; made < 256 && i <= made; i++)
        out[i] = (char)tolower((unsigned char)ascii[i]);
    free(ascii);
}

/* dns_fits - a dNSName: the domain, or *. and all of it behind its first label, which has a dot */
static bool dns_fits(const char *name, size_t length, const char *domain)
{
    const char *rest = strchr(domain, '.');
    if (length == strlen(domain) && strncasecmp(name, domain, length) == 0)
        return true;
    return rest != NULL && rest > domain && strchr(rest + 1, '.') != NULL && length > 1 &&
           name[0] == '*' && length - 1 == strlen(rest) &&
           strncasecmp(name + 1, rest, length - 1) == 0;
}

static bool name_fits(const GENERAL_NAME *name, const char *domain, bool is_ip)
{
    static const char srv[] = "_xmpp-server.";
    char form[64] = "", ascii[256];
    if (name->type == GEN_DNS)
        return !is_ip && dns_fits((const char *)ASN1_STRING_get0_data(name->d.dNSName),
                                  (size_t)ASN1_STRING_length(name->d.dNSName), domain);
    if (name->type != GEN_OTHERNAME)
        return false;
    const ASN1_TYPE *value = name->d.otherName->value;
    OBJ_obj2txt(form, sizeof form, name->d.otherName->type_id, 1);
    if (value->type != V_ASN1_UTF8STRING && value->type != V_ASN1_IA5STRING)
        return false;
    const char *bytes = (const char *)ASN1_STRING_get0_data(value->value.asn1_string);
    size_t length = (size_t)ASN1_STRING_length(value->value.asn1_string);
    if (strcmp(form, XMPP_ADDR) == 0 && value->type == V_ASN1_UTF8STRING) {
        to_ascii(bytes, length, ascii);
        return ascii[0] != '\0' && strcasecmp(ascii, domain) == 0;
    }
    if (strcmp(form, SRV_NAME) != 0 || value->type != V_ASN1_IA5STRING)
        return false;
    return !is_ip && length > strlen(srv) && strncasecmp(bytes, srv, strlen(srv)) == 0 &&
           length - strlen(srv) == strlen(domain) &&
           strncasecmp(bytes + strlen(srv), domain, strlen(domain)) == 0;
}

/* may_match - is there a name for the domain (A-labels)? */
static bool may_match(const X509 *certificate, const char *domain, bool is_ip)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool fits = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !fits; i++)
        fits = name_fits(sk_GENERAL_NAME_value(names, i), domain, is_ip);
    GENERAL_NAMES_free(names);
    return fits;
}

/* --- certificates --- */

static ASN1_STRING *new_string(int type, const char *bytes, size_t length)
{
    ASN1_STRING *string = ASN1_STRING_type_new(type);
    ASN1_STRING_set(string, bytes, (int)length);
    return string;
}

static void add_other(GENERAL_NAME *name, const char *form, int type, const char *bytes,
                      size_t length)
{
    ASN1_TYPE *value = ASN1_TYPE_new();
    ASN1_TYPE_set(value, type, new_string(type, bytes, length));
    GENERAL_NAME_set0_othername(name, OBJ_txt2obj(form, 1), value);
}

/* add_name - d dNSName, u URI, m e-mail, i iPAddress, x xmppAddr, s SRVName; X, S: of the wrong
 * string type, c: common name. `\0` in it is a NUL. */
static void add_name(X509 *certificate, GENERAL_NAMES *names, const char *line)
{
    char bytes[1024];
    size_t length = 0;
    for (const char *at = line + (line[0] != '\0'); *at != '\0' && length < sizeof bytes; at++) {
        bool nul = at[0] == '\\' && at[1] == '0';
        bytes[length++] = nul ? '\0' : *at;
        at += nul;
    }
    if (line[0] == 'c') {
        X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                                   (const unsigned char *)bytes, (int)length, -1, 0);
        return;
    }
    GENERAL_NAME *name = GENERAL_NAME_new();
    switch (line[0]) {
    case 'u':
        GENERAL_NAME_set0_value(name, GEN_URI, new_string(V_ASN1_IA5STRING, bytes, length));
        break;
    case 'm':
        GENERAL_NAME_set0_value(name, GEN_EMAIL, new_string(V_ASN1_IA5STRING, bytes, length));
        break;
    case 'i':
        GENERAL_NAME_set0_value(name, GEN_IPADD, new_string(V_ASN1_OCTET_STRING, bytes, length));
        break;
    case 'x':
    case 'X':
        add_other(name, XMPP_ADDR, line[0] == 'x' ? V_ASN1_UTF8STRING : V_ASN1_IA5STRING, bytes,
                  length);
        break;
    case 's':
    case 'S':
        add_other(name, SRV_NAME, line[0] == 's' ? V_ASN1_IA5STRING : V_ASN1_UTF8STRING, bytes,
                  length);
        break;
    default:
        GENERAL_NAME_set0_value(name, GEN_DNS, new_string(V_ASN1_IA5STRING, bytes, length));
        break;
    }
    sk_GENERAL_NAME_push(names, name);
}

static X509 *make_certificate(struct input *input)
{
    X509 *certificate = X509_new();
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    while (input->length > 0 && sk_GENERAL_NAME_num(names) < 40) {
        char *line = input_field(input, '\n');
        add_name(certificate, names, line);
        free(line);
    }
    X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_REPLACE);
    GENERAL_NAMES_free(names);
    return certificate;
}

static void check(const X509 *certificate, const char *domain)
{
    struct text how = TEXT_EMPTY;
    char ascii[256];
    bool is_ip = jid_domain_is_ip(domain);
    if (domain[0] == '[')
        memcpy(ascii, domain, strlen(domain) + 1);
    else
        to_ascii(domain, strlen(domain), ascii);
    bool matches = certificate_identity_matches(certificate, domain, &how);
    insist(!matches || may_match(certificate, ascii, is_ip), "matches %s: %s", domain,
           text_string(&how));
    insist(how.length > 0 && how.length < 2000, "%zu bytes of words", how.length);
    insist(certificate_identity_matches(certificate, domain, NULL) == matches, "twice, not equal");
    text_free(&how);
}

/* check_own_name - with its very name as the last one it matches; with a common name alone it
 * never does */
static void check_own_name(const char *domain)
{
    char ascii[256], *line;
    X509 *certificate = X509_new();
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    line = text_format("c%s", domain);
    add_name(certificate, names, line);
    free(line);
    insist(!certificate_identity_matches(certificate, domain, NULL), "a common name for %s",
           domain);
    if (!jid_domain_is_ip(domain) && jid_domain_to_ascii(domain, ascii) == 0) {
        line = text_format("d%s", ascii);
        add_name(certificate, names, line);
        free(line);
        X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_REPLACE);
        insist(certificate_identity_matches(certificate, domain, NULL), "not for %s", domain);
    }
    GENERAL_NAMES_free(names);
    X509_free(certificate);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {(const char *)data, size};
    char prepared[JID_PART_MAX + 1], *domain = input_field(&input, '\n');
    if (jid_prepare_domain(domain, strlen(domain), prepared) < 0)
        strcpy(prepared, "example.net");
    free(domain);
    const unsigned char *der = (const unsigned char *)input.bytes;
    bool is_der = input.length > 0 && input.bytes[0] == '0';
    X509 *certificate =
        is_der ? d2i_X509(NULL, &der, (long)input.length) : make_certificate(&input);
    if (certificate != NULL)
        check(certificate, prepared);
    check_own_name(prepared);
    X509_free(certificate);
    return 0;
}
