/* dns_override - `dnsutil.dnsOverride`: domains whose server is named in the settings
 *
 * Openfire: DNSUtil's override map. Text form "{pattern,host:port},{…}"; a pattern is a domain,
 * *.suffix or *. Immutable once parsed.
 */
#ifndef SERVER_DNS_OVERRIDE_H
#define SERVER_DNS_OVERRIDE_H

#include <stdbool.h>

#include "xml/text.h"

struct dns_overrides;

/* dns_override_parse - NULL with `why` when the text is not of that form */
struct dns_overrides *dns_override_parse(const char *text, struct text *why);
void dns_override_free(struct dns_overrides *overrides);
/* dns_override_find - the host and port (0: none was given) for a prepared domain: the exact
 * pattern, else the longest *.suffix, else *. A host that is itself an exact pattern is
 * followed. 1 found, 0 none, -1 the overrides run in a circle. */
int dns_override_find(const struct dns_overrides *overrides, const char *domain, char host[256],
                      int *port);

/* dns_override_row - the one at `index`, in the order in which they are looked at: exact ones as they stand, *.suffix from the
 * longest, *. false: there are no more. `host` is as it is written, with brackets if it is IPv6; `*port` 0: none was given. */
bool dns_override_row(const struct dns_overrides *overrides, int index, struct text *pattern,
                      struct text *host, int *port);

#endif
