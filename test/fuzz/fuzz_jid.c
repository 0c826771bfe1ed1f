/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_jid - addresses against the rules of RFC 7622, as far as these can be said in a few lines
 *
 * Input: the address. What must hold:
 *   - a domain of plain ASCII is taken exactly when it is labels of letters, digits and hyphens
 *     (STD 3);
 *   - preparation is idempotent; case makes no difference; A-labels and back is the same domain;
 *   - parts are UTF-8, never empty, never longer than 1,023 bytes; what was parsed, put together
 *     again, parses to the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "test/fuzz/oracle.h"
#include "xml/jid.h"

/* --- ASCII domains, judged anew --- */

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_label(const char *label, size_t length)
{
    if (length == 0 || length > 63 || label[0] == '-' || label[length - 1] == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_letter_or_digit(label[i]) && label[i] != '-')
            return false;
    return true;
}

/* is_ascii_domain - one final dot is allowed */
static bool is_ascii_domain(const char *text, size_t length)
{
    if (length > 1 && text[length - 1] == '.')
        length--;
    if (length == 0 || length > 253)
        return false;
    for (size_t start = 0; start <= length;) {
        const char *dot = memchr(text + start, '.', length - start);
        size_t end = dot != NULL ? (size_t)(dot - text) : length;
        if (!is_label(text + start, end - start))
            return false;
        start = end + 1;
    }
    return true;
}

/* is_simple - nothing that IDNA or an address literal has a say in */
static bool is_simple(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] >= 0x80 || text[i] == '[')
            return false;
        if (length - i >= 4 && strncasecmp(text + i, "xn--", 4) == 0)
            return false;
    }
    return true;
}

/* --- domains --- */

/* prepare - of a copy whose end is its end */
static int prepare(const char *text, size_t length, char out[JID_PART_MAX + 1])
{
    char *exact = input_exact(text, length);
    memset(out, 'Z', JID_PART_MAX + 1);
    int made = jid_prepare_domain(exact, length, out);
    free(exact);
    insist(made < 0 || (made <= JID_PART_MAX && memchr(out, '\0', JID_PART_MAX + 1) == out + made),
           "the length is %d", made);
    insist(made != 0, "an empty domain");
    return made;
}

static void must_be(const char *what, const char *text, size_t length, const char *expected)
{
    char again[JID_PART_MAX + 1];
    insist(prepare(text, length, again) >= 0, "%s is refused: %s", what, expected);
    insist(strcmp(again, expected) == 0, "%s: %s, not %s", what, again, expected);
}

static void check_case(const char *text, size_t length, const char *prepared)
{
    char *other = text_copy_n(text, length);
    for (size_t i = 0; i < length; i++)
        if (is_letter_or_digit(other[i]) && other[i] > '9')
            other[i] ^= 0x20;
    must_be("in other case", other, length, prepared);
    free(other);
}

static void check_ascii(const char *prepared)
{
    char ascii[256];
    memset(ascii, 'Z', sizeof ascii);
    insist(jid_domain_to_ascii(prepared, ascii) == 0, "no A-labels: %s", prepared);
    insist(memchr(ascii, '\0', 254) != NULL, "A-labels that are too long");
    insist(is_ascii_domain(ascii, strlen(ascii)), "A-labels that are none: %s", ascii);
    must_be("of A-labels", ascii, strlen(ascii), prepared);
}

static void check_domain(const char *text, size_t length)
{
    char prepared[JID_PART_MAX + 1], below[2 * JID_PART_MAX];
    int made = prepare(text, length, prepared);
    if (is_simple(text, length))
        insist((made >= 0) == is_ascii_domain(text, length), "a plain domain, judged otherwise");
    if (made < 0)
        return;
    insist(is_xml_text(text, length) && is_xml_text(prepared, (size_t)made), "no UTF-8");
    insist(strpbrk(prepared, "@/ ") == NULL, "no bare domain: %s", prepared);
    must_be("prepared again", prepared, (size_t)made, prepared);
    check_case(text, length, prepared);
    if (prepared[0] == '[') {
        insist(jid_domain_is_ip(prepared), "a bracket and no address: %s", prepared);
        return;
    }
    insist(prepared[made - 1] != '.' && strstr(prepared, "..") == NULL, "an empty label");
    check_ascii(prepared);
    snprintf(below, sizeof below, "a.%s", prepared);
    insist(jid_domain_is_below(below, prepared) && !jid_domain_is_below(prepared, prepared) &&
               !jid_domain_is_below(prepared, below),
           "below itself: %s", prepared);
}

/* --- addresses --- */

static void check_part(struct span part, const char *forbidden)
{
    insist(part.length <= JID_PART_MAX, "a part of %zu bytes", part.length);
    insist(is_xml_text(part.bytes, part.length), "a part that is no UTF-8");
    for (size_t i = 0; i < part.length; i++)
        insist(strchr(forbidden, part.bytes[i]) == NULL, "a part with %c", part.bytes[i]);
}

static bool same(struct span a, struct span b)
{
    return span_equals(a, b.bytes, b.length);
}

/* check_again - the parts, put together */
static void check_again(const struct jid *jid)
{
    struct text whole = TEXT_EMPTY;
    struct jid again;
    text_append(&whole, jid->local.bytes, jid->local.length);
    text_append(&whole, "@", jid->local.length > 0);
    text_append(&whole, jid->domain.bytes, jid->domain.length);
    text_append(&whole, "/", jid->resource.length > 0);
    text_append(&whole, jid->resource.bytes, jid->resource.length);
    insist(jid_parse(&again, whole.bytes, whole.length) == 0, "not read again: %s", whole.bytes);
    insist(same(again.local, jid->local) && same(again.domain, jid->domain) &&
               same(again.resource, jid->resource),
           "read again it is another one: %s", whole.bytes);
    text_free(&whole);
}

static void check_address(const char *text, size_t length)
{
    char prepared[JID_PART_MAX + 1], *exact = input_exact(text, length);
    struct jid jid;
    int made = prepare(text, length, prepared);
    bool good = jid_parse(&jid, exact, length) == 0;
    insist(good || made < 0, "a domain is no address: %s", prepared);
    if (good) {
        bool bare = jid.local.length == 0 && jid.resource.length == 0;
        insist(bare == (made >= 0), "a bare address is no domain, or a domain no bare address");
        insist(!bare || span_equals(jid.domain, prepared, (size_t)made), "another domain");
        insist(jid.domain.length > 0, "an address without a domain");
        check_part(jid.local, "\"&'/:<>@ ");
        check_part(jid.domain, "@/ ");
        check_part(jid.resource, "");
        memcpy(prepared, jid.domain.bytes, jid.domain.length);
        prepared[jid.domain.length] = '\0';
        must_be("the domain", prepared, jid.domain.length, prepared);
        check_again(&jid);
    }
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *at = memchr(text, '@', size);
    check_address(text, size);
    check_domain(text, size);
    if (at != NULL)
        check_domain(at + 1, size - (size_t)(at + 1 - text));
    for (size_t cut = size > 16 ? size - 16 : 0; cut < size; cut++) {
        char prepared[JID_PART_MAX + 1]; /* cut short anywhere: CVE-2015-2059 */
        prepare(text, cut, prepared);
    }
    return 0;
}
