/* check_dns - what the DNS (or our settings) says of where a domain's server is
 *
 * Openfire: DNSUtil, as the page of its DNS SRV check asks it. RFC 6120 3.2, XEP-0368, RFC 4033 (secure, insecure, bogus), RFC 7673.
 * Blocks, at most s2s.dns.timeout for each question.
 */
#ifndef ADMIN_CHECK_DNS_H
#define ADMIN_CHECK_DNS_H

#include "admin/check_context.h"
#include "server/dns_util.h"

/* check_dns_hosts - the hosts in the order in which the server would try them, with a step for each kind of record. 0, or -1: there are
 * none. */
int check_dns_hosts(struct check_context *context, struct dns_hosts *hosts);
/* check_dns_addresses - of one host, with what DNSSEC says, and its TLSA records where they count. 0, or -1: none, or TLS must not be
 * tried there. */
int check_dns_addresses(struct check_context *context, const struct dns_hosts *hosts, int index,
                        struct dns_addresses *addresses, struct dns_tlsa *tlsa);

#endif
