/* dns_util - where the server of a domain listens
 *
 * Openfire: DNSUtil. Overrides (`dnsutil.dnsOverride`: exact, then the longest *.suffix, then *),
 * else SRV _xmpp-server._tcp and _xmpps-server._tcp by libunbound ordered by RFC 2782, else the domain itself on the row's
 * or default port (RFC 6120 3.2). Blocks up to the deadline; takes no lock of another room.
 * libunbound's context is shared by all threads (it is thread-safe); one look-up is cancelled at
 * its deadline.
 */
#ifndef SERVER_DNS_UTIL_H
#define SERVER_DNS_UTIL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "xml/text.h"

struct config;
struct timeline;

enum dns_result {
    DNS_FOUND,
    DNS_NOT_FOUND, /* the domain has no server: NXDOMAIN, no address, or SRV target "." */
    DNS_FAILED     /* we could not find out: no answer, SERVFAIL, bogus, time over */
};

#define DNS_HOSTS_MAX 32     /* SRV targets looked at */
#define DNS_ADDRESSES_MAX 16 /* addresses of one target */

/* One place to try, in order of preference. */
struct dns_host {
    char name[256]; /* A-label host name or IP literal, no trailing dot */
    int port;
    unsigned priority, weight; /* of its SRV record; 0 for overrides and fall-back */
    bool direct_tls;           /* of _xmpps-server: TLS begins with the first byte (XEP-0368) */
    bool secure;               /* the SRV answer was validated by DNSSEC */
};

struct dns_hosts {
    struct dns_host hosts[DNS_HOSTS_MAX];
    int count;
    bool from_srv, from_override;
    bool by_us; /* host or port were named by our own settings */
};

struct dns_addresses {
    struct sockaddr_storage
        addresses[DNS_ADDRESSES_MAX]; /* IPv6 and IPv4 by turns, IPv6 first; ports filled in */
    socklen_t lengths[DNS_ADDRESSES_MAX];
    int count;
    bool secure;
};

#define DNS_TLSA_MAX 16
#define DNS_TLSA_BYTES 512 /* of one record; longer ones are passed over */

/* The TLSA records of one host and port, validated by DNSSEC. */
struct dns_tlsa_record {
    uint8_t usage, selector, matching;
    uint8_t data[DNS_TLSA_BYTES];
    size_t length;
};

struct dns_tlsa {
    struct dns_tlsa_record records[DNS_TLSA_MAX];
    int count;
};

/* dns_util_start - make the resolver (`s2s.dns.server`, else the system's resolv.conf and hosts
 * file; .test, .localhost and .invalid are asked like any other name when a server is set) and
 * read the overrides. Called again at a reload: running look-ups finish on the old one. 0, or -1
 * with `why`. */
int dns_util_start(const struct config *config, struct text *why);
void dns_util_stop(void);
/* dns_util_parse_overrides - check the text of `dnsutil.dnsOverride`: "{pattern,host:port},{…}",
 * IPv6 hosts in brackets. 0, or -1 with `why`. */
int dns_util_parse_overrides(const char *overrides, struct text *why);
/* dns_util_resolve_xmpp_server - the hosts to try for a prepared remote domain. `default_port`
 * is that of the fall-back. With `tls`, those of _xmpps-server too, both kinds in one order (XEP-0368). `deadline` is on xmpp_server_now's clock. Steps go to `timeline`
 * (may be NULL); a sentence about a failure to `why`. */
enum dns_result dns_util_resolve_xmpp_server(const char *domain, int default_port, bool tls,
                                             int64_t deadline, struct timeline *timeline,
                                             struct dns_hosts *hosts, struct text *why);
/* What the DNS says to one question. */
enum dns_state {
    DNS_STATE_SILENT, /* nothing in time */
    DNS_STATE_FAILED, /* SERVFAIL and the like */
    DNS_STATE_BOGUS,  /* DNSSEC says that it is forged or broken */
    DNS_STATE_NO_NAME,
    DNS_STATE_NO_DATA,
    DNS_STATE_DATA
};

struct dns_answer {
    enum dns_state state;
    bool secure; /* validated by DNSSEC */
};

/* dns_util_ask_srv - one question, for showing it: the SRV records of _xmpp-server._tcp, or with `direct_tls` of _xmpps-server._tcp, of a
 * prepared domain; overrides play no part. Those with the target "." are counted in `roots`, the others are in `hosts`, unordered. */
struct dns_answer dns_util_ask_srv(const char *domain, bool direct_tls, int64_t deadline,
                                   struct dns_hosts *hosts, int *roots);
/* dns_util_resolve_addresses - AAAA and A of one host, asked at the same time; literals are
 * taken as they are */
enum dns_result dns_util_resolve_addresses(const struct dns_host *host, int64_t deadline,
                                           struct timeline *timeline,
                                           struct dns_addresses *addresses, struct text *why);
/* dns_util_resolve_tlsa - the TLSA records of a host and port that DNSSEC has validated (RFC 7673 3): DNS_FOUND with
 * some; DNS_NOT_FOUND: there are none that count; DNS_FAILED: bogus, or no answer: TLS to it must not go on */
enum dns_result dns_util_resolve_tlsa(const char *host, int port, int64_t deadline,
                                      struct timeline *timeline, struct dns_tlsa *tlsa);
/* dns_util_order - RFC 2782: by priority, within one priority at random in proportion to weight.
 * In place. */
void dns_util_order(struct dns_host *hosts, int count);

#endif
