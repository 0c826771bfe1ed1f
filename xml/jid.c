/* SPDX-License-Identifier: Apache-2.0 */
/* jid - XMPP addresses: parse, prepare, compare
 *
 * Openfire: org.xmpp.packet.JID. RFC 7622 3 (form, lengths), RFC 6122 2 with RFC 3491, 3454
 * (nameprep, nodeprep, resourceprep by libidn), RFC 3490 (IDNA).
 *
 * Most addresses are lower-case ASCII: they are checked by a table and never copied. All others go
 * to libidn, but only after their UTF-8 was found whole here: libidn reads behind the end of a
 * truncated sequence (CVE-2015-2059). Pure; any thread.
 */
#include "xml/jid.h"

#include <arpa/inet.h>
#include <idna.h>
#include <stdlib.h>
#include <string.h>
#include <stringprep.h>

#include "xml/sixteen.h"

#define PREPARED_ROOM (4 * JID_PART_MAX) /* stringprep may make a text longer before it is judged */

/* is_utf8 - whole and shortest sequences, no surrogates, nothing beyond U+10FFFF, no NUL */
static bool is_utf8(const char *text, size_t length)
{
    const unsigned char *at = (const unsigned char *)text, *end = at + length;
    while (at < end) {
        unsigned char first = *at++;
        if (first == 0)
            return false;
        if (first < 0x80)
            continue;
        int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
        unsigned code = first & (0x3fu >> more);
        if (first < 0xc2 || first > 0xf4 || end - at < more)
            return false;
        for (int i = 0; i < more; i++, at++) {
            if ((*at & 0xc0) != 0x80)
                return false;
            code = code << 6 | (*at & 0x3fu);
        }
        if ((more == 2 && code < 0x800) || (more == 3 && (code < 0x10000 || code > 0x10ffff)) ||
            (code >= 0xd800 && code < 0xe000))
            return false;
    }
    return true;
}

/* Where a byte may not stand in an address that is prepared as it is: ASCII only. A local part may have A-Z: nodeprep would fold
 * them, but it is only checked. */
static inline sixteen not_in_resource(sixteen v)
{
    return ~sixteen_in(v, ' ', '~');
}

static inline sixteen not_in_local(sixteen v)
{
    sixteen no = (sixteen)(v == '"') | sixteen_in(v, '&', '\'') | (sixteen)(v == '/') |
                 (sixteen)(v == ':') | (sixteen)(v == '<') | (sixteen)(v == '>') |
                 (sixteen)(v == '@');
    return no | ~sixteen_in(v, '!', '~');
}

static inline sixteen not_in_domain(sixteen v)
{
    return ~(sixteen_in(v, 'a', 'z') | sixteen_in(v, '0', '9') | sixteen_in(v, '-', '.'));
}

/* check_part - does a local part or resource (1 to JID_PART_MAX bytes) pass its profile? */
static bool check_part(const char *text, size_t length, const Stringprep_profile *profile)
{
    if (!is_utf8(text, length))
        return false;
    char prepared[PREPARED_ROOM + 1];
    memcpy(prepared, text, length);
    prepared[length] = '\0';
    if (stringprep(prepared, sizeof prepared, 0, profile) != STRINGPREP_OK)
        return false;
    size_t made = strlen(prepared);
    return made > 0 && made <= JID_PART_MAX;
}

/* has_two_separators - a dot or hyphen behind another */
static bool has_two_separators(const char *text, size_t length)
{
    size_t pairs = length - 1;
    if (pairs < 16)
        return pairs > 0 && sixteen_any(sixteen_in(sixteen_load_short(text, pairs), '-', '.') &
                                        sixteen_in(sixteen_load_short(text + 1, pairs), '-', '.'));
    for (size_t i = 0;; i = i + 32 <= pairs ? i + 16 : pairs - 16) {
        if (sixteen_any(sixteen_in(sixteen_load(text + i), '-', '.') &
                        sixteen_in(sixteen_load(text + i + 1), '-', '.')))
            return true;
        if (i == pairs - 16)
            return false;
    }
}

/* has_long_label - is one of the labels longer than 63 bytes? */
static bool has_long_label(const char *text, size_t length)
{
    for (const char *dot; (dot = memchr(text, '.', length)) != NULL && dot - text <= 63;
         length -= (size_t)(dot + 1 - text), text = dot + 1) {
    }
    return length > 63;
}

static bool is_separator(char c)
{
    return c == '-' || c == '.';
}

/* is_plain_domain - prepared as it stands: labels of letters, digits and single hyphens inside, at most 63 of them; none with two
 * hyphens together, as an A-label has */
static bool is_plain_domain(const char *text, size_t length)
{
    return length > 0 && length <= 253 && sixteen_none(text, length, not_in_domain) &&
           !is_separator(text[0]) && !is_separator(text[length - 1]) &&
           !has_two_separators(text, length) && (length <= 63 || !has_long_label(text, length));
}

static bool is_ipv6_literal(const char *text, size_t length)
{
    char address[INET6_ADDRSTRLEN + 1];
    struct in6_addr parsed;
    if (length < 4 || length - 2 >= sizeof address || text[0] != '[' || text[length - 1] != ']' ||
        memchr(text, '\0', length) != NULL)
        return false;
    memcpy(address, text + 1, length - 2);
    address[length - 2] = '\0';
    return inet_pton(AF_INET6, address, &parsed) == 1;
}

/* labels_ok - behind the preparation: every label convertible for DNS, no forbidden ASCII (STD 3)
 */
static bool labels_ok(const char *prepared)
{
    char *ascii = NULL;
    int result = idna_to_ascii_8z(prepared, &ascii, IDNA_USE_STD3_ASCII_RULES);
    bool good = result == IDNA_SUCCESS && ascii[0] != '\0' && strlen(ascii) <= 253 &&
                ascii[0] != '.' && strstr(ascii, "..") == NULL;
    if (result == IDNA_SUCCESS)
        free(ascii);
    return good;
}

/* dot_size - the bytes of the label separator at `text`: a dot, or one of the three more that IDNA
 * knows (RFC 3490 3.1: U+3002, U+FF0E, U+FF61); 0 when there is none */
static size_t dot_size(const char *text, size_t length)
{
    static const char *const dots[] = {"\xe3\x80\x82", "\xef\xbc\x8e", "\xef\xbd\xa1"};
    if (length > 0 && text[0] == '.')
        return 1;
    for (size_t i = 0; i < 3; i++)
        if (length >= 3 && memcmp(text, dots[i], 3) == 0)
            return 3;
    return 0;
}

/* prepare_label - nameprep one label, which must not become several (U+2024 becomes a dot) */
static bool prepare_label(const char *label, size_t length, struct text *out)
{
    char prepared[PREPARED_ROOM + 1];
    memcpy(prepared, label, length);
    prepared[length] = '\0';
    if (stringprep(prepared, sizeof prepared, 0, stringprep_nameprep) != STRINGPREP_OK ||
        prepared[0] == '\0' || strchr(prepared, '.') != NULL)
        return false;
    text_append_string(out, prepared);
    return true;
}

/* prepare_labels - each for itself, as RFC 3491 means it: its rule for text from right to left is
 * one of labels, not of domains */
static bool prepare_labels(const char *text, size_t length, struct text *out)
{
    size_t start = 0;
    for (size_t i = 0; i <= length; i++) {
        size_t dot = i < length ? dot_size(text + i, length - i) : 0;
        if (i < length && dot == 0)
            continue;
        if (!prepare_label(text + start, i - start, out))
            return false;
        if (i < length)
            text_append_char(out, '.');
        start = i + dot;
        i += dot > 0 ? dot - 1 : 0;
    }
    return true;
}

/* has_odd_dot - an A-label may hide a separator, which would make two labels of it later */
static bool has_odd_dot(const char *unicode)
{
    for (size_t left = strlen(unicode); left > 0; unicode++, left--)
        if (dot_size(unicode, left) > 1)
            return true;
    return false;
}

/* prepare_with_idna - nameprep each label and turn A-labels into U-labels */
static int prepare_with_idna(const char *text, size_t length, char out[JID_PART_MAX + 1])
{
    struct text prepared = TEXT_EMPTY;
    char *unicode = NULL;
    if (!is_utf8(text, length) || !prepare_labels(text, length, &prepared) ||
        idna_to_unicode_8z8z(prepared.bytes, &unicode, IDNA_USE_STD3_ASCII_RULES) != IDNA_SUCCESS) {
        text_free(&prepared);
        return -1;
    }
    text_free(&prepared);
    size_t made = strlen(unicode);
    bool good = made > 0 && made <= JID_PART_MAX && !has_odd_dot(unicode) && labels_ok(unicode);
    if (good)
        memcpy(out, unicode, made + 1);
    free(unicode);
    return good ? (int)made : -1;
}

/* without_final_dot - RFC 7622 3.2.1: it is dropped */
static size_t without_final_dot(const char *text, size_t length)
{
    for (size_t size = 1; size <= 3 && size < length; size++)
        if (dot_size(text + length - size, size) == size)
            return length - size;
    return length;
}

/* prepare - into `out`, unless the text is prepared as it stands: then `*as_is` and nothing is
 * written */
static int prepare(const char *text, size_t length, char out[JID_PART_MAX + 1], bool *as_is)
{
    *as_is = is_plain_domain(text, length);
    if (*as_is)
        return (int)length;
    length = without_final_dot(text, length);
    if (length == 0 || length > JID_PART_MAX)
        return -1;
    if (is_plain_domain(text, length)) {
        *as_is = true;
        return (int)length;
    }
    if (text[0] == '[') {
        if (!is_ipv6_literal(text, length))
            return -1;
        for (size_t i = 0; i < length; i++)
            out[i] = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] + 32) : text[i];
        out[length] = '\0';
        return (int)length;
    }
    return prepare_with_idna(text, length, out);
}

int jid_prepare_domain(const char *text, size_t length, char out[JID_PART_MAX + 1])
{
    bool as_is;
    int made = prepare(text, length, out, &as_is);
    if (as_is) {
        memcpy(out, text, (size_t)made);
        out[made] = '\0';
    }
    return made;
}

static bool is_resource(struct span part)
{
    if (part.length == 0 || part.length > JID_PART_MAX)
        return false;
    return sixteen_none(part.bytes, part.length, not_in_resource) ||
           check_part(part.bytes, part.length, stringprep_xmpp_resourceprep);
}

static bool is_local(struct span part)
{
    if (part.length == 0 || part.length > JID_PART_MAX)
        return false;
    return sixteen_none(part.bytes, part.length, not_in_local) ||
           check_part(part.bytes, part.length, stringprep_xmpp_nodeprep);
}

int jid_parse(struct jid *jid, const char *text, size_t length)
{
    jid->local.bytes = jid->resource.bytes = "";
    jid->local.length = jid->resource.length = 0;
    const char *slash = memchr(text, '/', length);
    size_t bare = slash != NULL ? (size_t)(slash - text) : length;
    if (slash != NULL) {
        jid->resource = (struct span){slash + 1, length - bare - 1};
        if (!is_resource(jid->resource))
            return -1;
    }
    const char *at = memchr(text, '@', bare);
    if (at != NULL) {
        jid->local = (struct span){text, (size_t)(at - text)};
        if (!is_local(jid->local))
            return -1;
        bare -= jid->local.length + 1;
        text = at + 1;
    }
    bool as_is;
    int made = prepare(text, bare, jid->prepared_domain, &as_is);
    if (made < 0)
        return -1;
    jid->domain = (struct span){as_is ? text : jid->prepared_domain, (size_t)made};
    return 0;
}

int jid_domain_to_ascii(const char *prepared, char out[256])
{
    size_t length = strlen(prepared);
    if (is_plain_domain(prepared, length)) {
        memcpy(out, prepared, length + 1);
        return 0;
    }
    char *ascii = NULL;
    if (!is_utf8(prepared, length) ||
        idna_to_ascii_8z(prepared, &ascii, IDNA_USE_STD3_ASCII_RULES) != IDNA_SUCCESS)
        return -1;
    length = strlen(ascii);
    bool good = length > 0 && length <= 253;
    if (good)
        memcpy(out, ascii, length + 1);
    free(ascii);
    return good ? 0 : -1;
}

bool jid_domain_is_below(const char *domain, const char *parent)
{
    size_t length = strlen(domain), tail = strlen(parent);
    return tail > 0 && length > tail + 1 && domain[length - tail - 1] == '.' &&
           strcmp(domain + length - tail, parent) == 0;
}

bool jid_domain_is_ip(const char *prepared)
{
    struct in_addr parsed;
    return inet_pton(AF_INET, prepared, &parsed) == 1 ||
           is_ipv6_literal(prepared, strlen(prepared));
}
