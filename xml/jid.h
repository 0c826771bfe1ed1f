/* jid - XMPP addresses: parse, prepare, compare
 *
 * Openfire: org.xmpp.packet.JID (Tinder). RFC 7622 for the form, RFC 6122 stringprep profiles
 * (libidn) for the preparation, as Openfire does. A domain is always compared in its prepared form:
 * nameprep'd, lower case, U-labels (A-labels are turned into U-labels), no trailing dot; so
 * EXAMPLE.org is example.org. An ASCII lower-case domain, local part or resource takes a fast path
 * that never calls libidn. Pure, any thread.
 */
#ifndef XML_JID_H
#define XML_JID_H

#include <stdbool.h>
#include <stddef.h>

#include "xml/text.h"

#define JID_PART_MAX 1023 /* bytes of each part, RFC 7622 3.1 */

/* A parsed address. Borrows from the text that was parsed, except that `domain` points into
 * `prepared_domain` when preparation changed it; so a struct jid must not be copied. */
struct jid {
    struct span local;    /* as written, checked with nodeprep; length 0 when absent */
    struct span domain;   /* prepared */
    struct span resource; /* as written, checked with resourceprep; length 0 when absent */
    char prepared_domain[JID_PART_MAX + 1];
};

/* jid_parse - read `text`. Returns 0, or -1 when it is no valid address (empty domain, empty local
 * part before '@', empty resource behind '/', a part too long or that its profile forbids, bad
 * UTF-8).
 */
int jid_parse(struct jid *jid, const char *text, size_t length);

/* jid_prepare_domain - the prepared form of a bare domain (also an IPv4 or bracketed IPv6
 * literal). Returns its length, or -1 when `text` is no valid domain (or has a local part or
 * resource). `out` is NUL-terminated. */
int jid_prepare_domain(const char *text, size_t length, char out[JID_PART_MAX + 1]);

/* jid_domain_to_ascii - the A-label form of a prepared domain, for DNS (RFC 7622 3.2, IDNA).
 * Returns 0, or -1 when a label can't be converted or the name is longer than 253 bytes. */
int jid_domain_to_ascii(const char *prepared, char out[256]);

/* jid_domain_is_below - does the domain stand under `parent`, by whole labels? Both prepared; not the
 * parent itself, and nothing is below an empty one. */
bool jid_domain_is_below(const char *domain, const char *parent);

/* jid_domain_is_ip - true for an IPv4 literal or a bracketed IPv6 literal (no SRV look-up, RFC
 * 6120 3.2.3) */
bool jid_domain_is_ip(const char *prepared);

#endif
