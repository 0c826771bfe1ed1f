/* SPDX-License-Identifier: Apache-2.0 */
/* certificate_identity - is this certificate for that domain?
 *
 * Openfire: util/cert/SANCertificateIdentityMapping, CNCertificateIdentityMapping (the second has no
 * counterpart here). RFC 9525 6, RFC 6120 13.7.2, XEP-0178 3.
 *
 * Names are compared in the form that each kind has in a certificate: dNSName and SRVName as A-labels without
 * regard to case, xmppAddr prepared like any JID. A name with a NUL or any other byte that no domain has
 * equals nothing.
 */
#include "server/certificate_identity.h"

#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>

#include "xml/jid.h"

#define SRV_PREFIX "_xmpp-server."
#define NAMES_TOLD 6

struct wanted {
    const char *domain; /* prepared */
    char ascii[256];    /* its A-label form; "" when it has none or is an address */
};

/* equals - the same name, byte by byte but for case: a NUL inside makes it longer than its C string */
static bool equals(const char *bytes, size_t length, const char *name)
{
    return length > 0 && length == strlen(name) && strncasecmp(bytes, name, length) == 0;
}

/* matches_wildcard - *.PARENT against LABEL.PARENT, where PARENT has a dot itself (RFC 9525 6.3) */
static bool matches_wildcard(const char *bytes, size_t length, const char *ascii)
{
    if (length < 3 || bytes[0] != '*' || bytes[1] != '.' ||
        memchr(bytes + 2, '.', length - 2) == NULL)
        return false;
    const char *dot = strchr(ascii, '.');
    return dot != NULL && dot > ascii && equals(bytes + 1, length - 1, dot);
}

static bool matches_dns(const ASN1_STRING *name, const struct wanted *wanted)
{
    const char *bytes = (const char *)ASN1_STRING_get0_data(name);
    size_t length = (size_t)ASN1_STRING_length(name);
    return wanted->ascii[0] != '\0' &&
           (equals(bytes, length, wanted->ascii) || matches_wildcard(bytes, length, wanted->ascii));
}

static bool matches_srv(const ASN1_STRING *name, const struct wanted *wanted)
{
    const char *bytes = (const char *)ASN1_STRING_get0_data(name);
    size_t length = (size_t)ASN1_STRING_length(name), prefix = sizeof SRV_PREFIX - 1;
    return wanted->ascii[0] != '\0' && length > prefix &&
           strncasecmp(bytes, SRV_PREFIX, prefix) == 0 &&
           equals(bytes + prefix, length - prefix, wanted->ascii);
}

/* matches_xmpp - a bare domain; an address with a local part or resource is somebody else's */
static bool matches_xmpp(const ASN1_STRING *name, const struct wanted *wanted)
{
    char prepared[JID_PART_MAX + 1];
    int length = jid_prepare_domain((const char *)ASN1_STRING_get0_data(name),
                                    (size_t)ASN1_STRING_length(name), prepared);
    return length > 0 && strcmp(prepared, wanted->domain) == 0;
}

/* One name of the certificate: of which kind, and its text. `kind` NULL: none that counts. */
struct presented {
    const char *kind;
    const ASN1_STRING *text;
    bool matches;
};

static struct presented look_at_other(const OTHERNAME *other, const struct wanted *wanted)
{
    struct presented presented = {NULL, NULL, false};
    int form = OBJ_obj2nid(other->type_id);
    if (form == NID_XmppAddr && other->value->type == V_ASN1_UTF8STRING) {
        presented = (struct presented){"xmppAddr", other->value->value.utf8string, false};
        presented.matches = matches_xmpp(presented.text, wanted);
    } else if (form == NID_SRVName && other->value->type == V_ASN1_IA5STRING) {
        presented = (struct presented){"SRVName", other->value->value.ia5string, false};
        presented.matches = matches_srv(presented.text, wanted);
    }
    return presented;
}

static struct presented look_at(const GENERAL_NAME *name, const struct wanted *wanted)
{
    if (name->type == GEN_DNS)
        return (struct presented){"dNSName", name->d.dNSName, matches_dns(name->d.dNSName, wanted)};
    if (name->type == GEN_OTHERNAME)
        return look_at_other(name->d.otherName, wanted);
    return (struct presented){NULL, NULL, false};
}

static void tell(struct text *how, const struct presented *presented)
{
    if (how == NULL)
        return;
    int length = ASN1_STRING_length(presented->text);
    text_append_string(how, presented->kind);
    text_append_char(how, ' ');
    text_append(how, (const char *)ASN1_STRING_get0_data(presented->text),
                length < 100 ? (size_t)length : 100);
}

/* match - the first name that fits; else `told` gets those that do not */
static bool match(const GENERAL_NAMES *names, const struct wanted *wanted, struct text *how)
{
    struct text told = TEXT_EMPTY;
    int count = sk_GENERAL_NAME_num(names), others = 0;
    bool found = false;
    for (int i = 0; i < count && !found; i++) {
        struct presented presented = look_at(sk_GENERAL_NAME_value(names, i), wanted);
        found = presented.matches;
        if (presented.kind == NULL)
            continue;
        if (found)
            tell(how, &presented);
        else if (others++ < NAMES_TOLD) {
            text_append_string(&told, others > 1 ? ", " : "");
            tell(&told, &presented);
        }
    }
    if (!found && how != NULL)
        text_appendf(how, "it is for %s%s", others == 0 ? "no domain" : text_string(&told),
                     others > NAMES_TOLD ? " ..." : "");
    text_free(&told);
    return found;
}

bool certificate_identity_matches(const X509 *certificate, const char *domain, struct text *how)
{
    struct wanted wanted = {.domain = domain};
    if (certificate == NULL) {
        if (how != NULL)
            text_append_string(how, "there is no certificate");
        return false;
    }
    if (jid_domain_is_ip(domain) || jid_domain_to_ascii(domain, wanted.ascii) < 0)
        wanted.ascii[0] = '\0';
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool found = false;
    if (names == NULL) {
        if (how != NULL)
            text_append_string(
                how, "it has no subjectAltName that can be read (a common name does not count)");
    } else if (sk_GENERAL_NAME_num(names) > CERTIFICATE_IDENTITIES_MAX) {
        if (how != NULL)
            text_appendf(how, "it has %d names, more than %d", sk_GENERAL_NAME_num(names),
                         CERTIFICATE_IDENTITIES_MAX);
    } else {
        found = match(names, &wanted, how);
    }
    GENERAL_NAMES_free(names);
    return found;
}

void certificate_identity_each(const X509 *certificate, int most,
                               void (*tell_name)(void *owner, const char *kind, const char *text,
                                                 size_t length),
                               void *owner)
{
    static const struct wanted nobody = {.domain = ""};
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && most > 0; i++) {
        struct presented presented = look_at(sk_GENERAL_NAME_value(names, i), &nobody);
        if (presented.kind == NULL)
            continue;
        most--;
        tell_name(owner, presented.kind, (const char *)ASN1_STRING_get0_data(presented.text),
                  (size_t)ASN1_STRING_length(presented.text));
    }
    GENERAL_NAMES_free(names);
}
