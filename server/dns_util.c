/* SPDX-License-Identifier: Apache-2.0 */
/* dns_util - where the server of a domain listens
 *
 * Openfire: DNSUtil.resolveXMPPDomain. RFC 6120 3.2, RFC 2782.
 *
 * Action points for a domain:
 *   an override               -> that host
 *   an IP literal             -> itself
 *   SRV records               -> in their order, and nothing else (DIFFERS: Openfire adds
 *   domain:port to them)
 *   one SRV record, target "." -> no such server
 *   no SRV record, or the question failed -> the domain itself, at the row's port or the default
 *   one
 * The resolver and the overrides are swapped together at a reload, under a mutex held for the swap
 * only.
 */
#include "server/dns_util.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "server/config.h"
#include "server/dns_override.h"
#include "server/remote_server_manager.h"
#include "server/resolver.h"
#include "server/timeline.h"
#include "server/upstream_manager.h"
#include "server/xmpp_server.h"
#include "xml/jid.h"

static pthread_mutex_t state_lock = PTHREAD_MUTEX_INITIALIZER;
static struct resolver *resolver;       /* guarded by state_lock; a reference */
static char *resolver_server;           /* the setting it was made from; guarded by state_lock */
static struct dns_overrides *overrides; /* guarded by state_lock */
static char *resolver_anchor;           /* likewise */
static int64_t question_timeout = 5000; /* ms; guarded by state_lock */

int dns_util_parse_overrides(const char *text, struct text *why)
{
    struct dns_overrides *parsed = dns_override_parse(text, why);
    dns_override_free(parsed);
    return parsed != NULL ? 0 : -1;
}

/* swap_resolver - keep the one there is when its server is the same: its cache is worth something
 */
static int swap_resolver(const char *server, const char *anchor, struct resolver **old,
                         struct text *why)
{
    *old = NULL;
    pthread_mutex_lock(&state_lock);
    bool same = resolver != NULL && strcmp(resolver_server, server) == 0 &&
                strcmp(resolver_anchor, anchor) == 0;
    pthread_mutex_unlock(&state_lock);
    if (same)
        return 0;
    struct resolver *made = resolver_new(server, anchor, why);
    if (made == NULL)
        return -1;
    pthread_mutex_lock(&state_lock);
    *old = resolver;
    resolver = made;
    free(resolver_server);
    resolver_server = text_copy(server);
    free(resolver_anchor);
    resolver_anchor = text_copy(anchor);
    pthread_mutex_unlock(&state_lock);
    return 0;
}

int dns_util_start(const struct config *config, struct text *why)
{
    struct resolver *old;
    struct dns_overrides *parsed = dns_override_parse(config->dnsutil_dnsOverride, why);
    if (parsed == NULL)
        return -1;
    if (swap_resolver(config->s2s_dns_server, config->s2s_dns_trust_anchor, &old, why) < 0) {
        dns_override_free(parsed);
        return -1;
    }
    pthread_mutex_lock(&state_lock);
    struct dns_overrides *old_overrides = overrides;
    overrides = parsed;
    question_timeout = config->s2s_dns_timeout;
    pthread_mutex_unlock(&state_lock);
    dns_override_free(old_overrides);
    resolver_unref(old);
    return 0;
}

void dns_util_stop(void)
{
    pthread_mutex_lock(&state_lock);
    struct resolver *old = resolver;
    struct dns_overrides *old_overrides = overrides;
    resolver = NULL;
    overrides = NULL;
    free(resolver_server);
    resolver_server = NULL;
    free(resolver_anchor);
    resolver_anchor = NULL;
    pthread_mutex_unlock(&state_lock);
    resolver_unref(old);
    dns_override_free(old_overrides);
}

/* get_resolver - with a reference; `*deadline` is brought forward to that of one question */
static struct resolver *get_resolver(int64_t *deadline)
{
    pthread_mutex_lock(&state_lock);
    struct resolver *got = resolver != NULL ? resolver_ref(resolver) : NULL;
    int64_t until = xmpp_server_now() + question_timeout;
    pthread_mutex_unlock(&state_lock);
    if (until < *deadline)
        *deadline = until;
    return got;
}

static int find_override(const char *domain, char host[256], int *port)
{
    pthread_mutex_lock(&state_lock);
    int found = overrides != NULL ? dns_override_find(overrides, domain, host, port) : 0;
    pthread_mutex_unlock(&state_lock);
    return found;
}

/* --- SRV
 * ------------------------------------------------------------------------------------------ */

/* read_name - an uncompressed domain name of an answer, in dotted form without the final dot; ""
 * is the root. -1 when it is broken. */
static int read_name(const unsigned char *data, int length, char out[256])
{
    int at = 0, made = 0;
    while (at < length && data[at] != 0) {
        int label = data[at++];
        if (label > 63 || at + label > length || made + label + 1 >= 255)
            return -1;
        if (made > 0)
            out[made++] = '.';
        for (int i = 0; i < label; i++, at++) {
            unsigned char c = data[at];
            if (c <= ' ' || c >= 0x7f || c == '.')
                return -1;
            out[made++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        }
    }
    out[made] = '\0';
    return at < length ? 0 : -1;
}

static bool read_srv(const char *bytes, int length, struct dns_host *host)
{
    const unsigned char *data = (const unsigned char *)bytes;
    if (length < 7)
        return false;
    host->priority = (unsigned)(data[0] << 8 | data[1]);
    host->weight = (unsigned)(data[2] << 8 | data[3]);
    host->port = data[4] << 8 | data[5];
    return read_name(data + 6, length - 6, host->name) == 0;
}

static int compare_priority(const void *a, const void *b)
{
    unsigned first = ((const struct dns_host *)a)->priority,
             second = ((const struct dns_host *)b)->priority;
    return first < second ? -1 : first > second;
}

static unsigned random_below(unsigned limit)
{
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return 0;
    return (unsigned)((uint64_t)random * limit >> 32);
}

/* pick - RFC 2782: of hosts of one priority, one at random in proportion to the weights; those
 * of weight 0 have a very small chance */
static int pick(const struct dns_host *hosts, int count)
{
    unsigned sum = 0, running = 0;
    for (int i = 0; i < count; i++)
        sum += hosts[i].weight * 256 + 1;
    unsigned chosen = random_below(sum);
    for (int i = 0; i < count; i++) {
        running += hosts[i].weight * 256 + 1;
        if (chosen < running)
            return i;
    }
    return count - 1;
}

void dns_util_order(struct dns_host *hosts, int count)
{
    qsort(hosts, (size_t)count, sizeof *hosts, compare_priority);
    for (int i = 0; i < count; i++) {
        int end = i;
        while (end < count && hosts[end].priority == hosts[i].priority)
            end++;
        int chosen = i + pick(hosts + i, end - i);
        struct dns_host swapped = hosts[i];
        hosts[i] = hosts[chosen];
        hosts[chosen] = swapped;
    }
}

/* keep_host - of more records than there is room for, those of the best priorities */
static void keep_host(struct dns_hosts *hosts, const struct dns_host *host)
{
    if (hosts->count < DNS_HOSTS_MAX) {
        hosts->hosts[hosts->count++] = *host;
        return;
    }
    int worst = 0;
    for (int i = 1; i < hosts->count; i++)
        if (hosts->hosts[i].priority > hosts->hosts[worst].priority)
            worst = i;
    if (host->priority < hosts->hosts[worst].priority)
        hosts->hosts[worst] = *host;
}

/* read_answer - the SRV records of an answer are added to `hosts` */
static void read_answer(const struct ub_result *result, bool direct_tls, struct dns_hosts *hosts,
                        int *roots)
{
    for (int i = 0; result->havedata && result->data[i] != NULL; i++) {
        struct dns_host host = {.secure = result->secure, .direct_tls = direct_tls};
        if (!read_srv(result->data[i], result->len[i], &host))
            continue;
        if (host.name[0] == '\0')
            (*roots)++;
        else if (host.port != 0)
            keep_host(hosts, &host);
    }
}

static void note_hosts(struct timeline *timeline, const char *domain, const struct dns_hosts *hosts)
{
    struct text list = TEXT_EMPTY;
    for (int i = 0; i < hosts->count && i < 8; i++)
        text_appendf(&list, " %s:%d (priority %u, weight %u%s%s)", hosts->hosts[i].name,
                     hosts->hosts[i].port, hosts->hosts[i].priority, hosts->hosts[i].weight,
                     hosts->hosts[i].direct_tls ? ", direct TLS" : "",
                     hosts->hosts[i].secure ? ", DNSSEC" : "");
    timeline_step(timeline, "DNSUtil.resolveXMPPDomain", "RFC 6120 3.2.1",
                  "SRV of %s, in the order tried:%s%s", domain, text_string(&list),
                  hosts->count > 8 ? " ..." : "");
    text_free(&list);
}

static void note_no_hosts(struct timeline *timeline, const char *domain,
                          const struct ub_result *result)
{
    if (result == NULL || result->bogus)
        timeline_fail(timeline, result == NULL ? FAILURE_DNS_SILENT : FAILURE_DNS_BOGUS,
                      "the question for the SRV records of %s: %s", domain,
                      result == NULL ? "no answer" : "the answer is bogus");
    timeline_step(timeline, "DNSUtil.resolveXMPPDomain", "RFC 6120 3.2.2",
                  "no SRV records of %s (%s): its own address", domain,
                  result == NULL       ? "no answer"
                  : result->bogus      ? "bogus"
                  : result->nxdomain   ? "NXDOMAIN"
                  : result->rcode != 0 ? "the question failed"
                                       : "none there");
}

/* resolve_srv - ask for _xmpp-server._tcp and, with `tls`, _xmpps-server._tcp, at the same time. DNS_FAILED: there are no
 * such records, fall back. */
static enum dns_result resolve_srv(const char *domain, const char *ascii, bool tls,
                                   int64_t deadline, struct timeline *timeline,
                                   struct dns_hosts *hosts)
{
    static const char *const services[] = {"_xmpp-server._tcp", "_xmpps-server._tcp"};
    struct resolver_question *questions[2] = {NULL, NULL};
    struct ub_result *results[2] = {NULL, NULL};
    int roots = 0; /* records with the target ".": not here */
    char name[300];
    struct resolver *asked = get_resolver(&deadline);
    for (int i = 0; asked != NULL && i < (tls ? 2 : 1); i++) {
        snprintf(name, sizeof name, "%s.%s", services[i], ascii);
        questions[i] = resolver_ask(asked, name, RESOLVER_SRV);
    }
    for (int i = 0; i < 2; i++) {
        results[i] = resolver_wait(questions[i], deadline);
        if (results[i] != NULL && !results[i]->bogus)
            read_answer(results[i], i == 1, hosts, &roots);
    }
    enum dns_result found = hosts->count > 0 ? DNS_FOUND : roots > 0 ? DNS_NOT_FOUND : DNS_FAILED;
    if (found == DNS_FOUND) {
        hosts->from_srv = true;
        dns_util_order(hosts->hosts, hosts->count);
        note_hosts(timeline, domain, hosts);
    } else if (found == DNS_NOT_FOUND) {
        timeline_step(timeline, "DNSUtil.resolveXMPPDomain", "RFC 2782",
                      "SRV of %s has the target \".\"", domain);
    } else {
        note_no_hosts(timeline, domain, results[0]);
    }
    for (int i = 0; i < 2; i++)
        if (results[i] != NULL)
            ub_resolve_free(results[i]);
    resolver_unref(asked);
    return found;
}

struct dns_answer dns_util_ask_srv(const char *domain, bool direct_tls, int64_t deadline,
                                   struct dns_hosts *hosts, int *roots)
{
    struct dns_answer answer = {DNS_STATE_SILENT, false};
    char name[300], ascii[256];
    hosts->count = *roots = 0;
    if (jid_domain_to_ascii(domain, ascii) < 0)
        return (struct dns_answer){DNS_STATE_NO_NAME, false};
    snprintf(name, sizeof name, "_xmpp%s-server._tcp.%s", direct_tls ? "s" : "", ascii);
    struct resolver *asked = get_resolver(&deadline);
    struct ub_result *result =
        asked != NULL ? resolver_wait(resolver_ask(asked, name, RESOLVER_SRV), deadline) : NULL;
    if (result != NULL) {
        read_answer(result, direct_tls, hosts, roots);
        answer.secure = result->secure;
        answer.state = result->bogus                    ? DNS_STATE_BOGUS
                       : hosts->count > 0 || *roots > 0 ? DNS_STATE_DATA
                       : result->nxdomain               ? DNS_STATE_NO_NAME
                       : result->rcode != 0             ? DNS_STATE_FAILED
                                                        : DNS_STATE_NO_DATA;
        ub_resolve_free(result);
    }
    resolver_unref(asked);
    return answer;
}

static void add_host(struct dns_hosts *hosts, const char *name, int port)
{
    struct dns_host *host = &hosts->hosts[hosts->count++];
    memset(host, 0, sizeof *host);
    snprintf(host->name, sizeof host->name, "%s", name);
    host->port = port;
}

enum dns_result dns_util_resolve_xmpp_server(const char *domain, int default_port, bool tls,
                                             int64_t deadline, struct timeline *timeline,
                                             struct dns_hosts *hosts, struct text *why)
{
    char ascii[256];
    int port = 0;
    hosts->count = 0;
    hosts->from_srv = hosts->from_override = hosts->by_us = false;
    if (upstream_manager_target(domain, ascii, &port, NULL)) {
        hosts->from_override = hosts->by_us = true;
        add_host(hosts, ascii, port);
        timeline_step(timeline, "DNSUtil.resolveXMPPDomain", NULL,
                      "%s is behind us: [upstream] says %s:%d", domain, ascii, port);
        return DNS_FOUND;
    }
    int found = find_override(domain, ascii, &port);
    if (found < 0) {
        text_appendf(why, "dnsutil.dnsOverride: the overrides for %s run in a circle", domain);
        timeline_fail(timeline, FAILURE_OVERRIDE_CIRCLE, "%s", text_string(why));
        return DNS_NOT_FOUND;
    }
    int row_port = remote_server_manager_port(domain);
    int own_port = row_port != 0 ? row_port : default_port;
    if (found > 0) {
        hosts->from_override = hosts->by_us = true;
        add_host(hosts, ascii, port != 0 ? port : own_port);
        timeline_step(timeline, "DNSUtil.resolveXMPPDomain", NULL,
                      "dnsutil.dnsOverride sends %s to %s:%d", domain, ascii, hosts->hosts[0].port);
        return DNS_FOUND;
    }
    if (jid_domain_is_ip(domain)) {
        add_host(hosts, domain, own_port);
        hosts->by_us = row_port != 0;
        return DNS_FOUND;
    }
    if (jid_domain_to_ascii(domain, ascii) < 0) {
        text_appendf(why, "%s has no form for the DNS", domain);
        timeline_fail(timeline, FAILURE_DNS_NO_ADDRESS, "%s", text_string(why));
        return DNS_NOT_FOUND;
    }
    enum dns_result srv = resolve_srv(domain, ascii, tls, deadline, timeline, hosts);
    if (srv == DNS_NOT_FOUND) {
        text_appendf(why, "the DNS says that %s has no XMPP server (SRV target \".\")", domain);
        timeline_fail(timeline, FAILURE_DNS_NO_SERVER, "%s", text_string(why));
    }
    if (srv == DNS_FAILED) {
        add_host(hosts, ascii, own_port);
        hosts->by_us = row_port != 0;
    }
    return srv == DNS_NOT_FOUND ? DNS_NOT_FOUND : DNS_FOUND;
}

/* --- addresses
 * ------------------------------------------------------------------------------------ */

static void add_address(struct dns_addresses *addresses, int family, const void *bytes, int port)
{
    struct sockaddr_storage *to = &addresses->addresses[addresses->count];
    memset(to, 0, sizeof *to);
    if (family == AF_INET) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)to;
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        memcpy(&v4->sin_addr, bytes, 4);
        addresses->lengths[addresses->count++] = sizeof *v4;
    } else {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        memcpy(&v6->sin6_addr, bytes, 16);
        addresses->lengths[addresses->count++] = sizeof *v6;
    }
}

static bool take_literal(const struct dns_host *host, struct dns_addresses *addresses)
{
    unsigned char bytes[16];
    char inner[64];
    if (inet_pton(AF_INET, host->name, bytes) == 1) {
        add_address(addresses, AF_INET, bytes, host->port);
        return true;
    }
    size_t length = strlen(host->name);
    if (length < 4 || length >= sizeof inner || host->name[0] != '[')
        return false;
    memcpy(inner, host->name + 1, length - 2);
    inner[length - 2] = '\0';
    if (inet_pton(AF_INET6, inner, bytes) != 1)
        return false;
    add_address(addresses, AF_INET6, bytes, host->port);
    return true;
}

/* next_record - the index of the next record of that size from `at` on, or -1 */
static int next_record(const struct ub_result *result, int at, int size)
{
    if (result == NULL || !result->havedata || result->bogus)
        return -1;
    while (result->data[at] != NULL && result->len[at] != size)
        at++;
    return result->data[at] != NULL ? at : -1;
}

/* interleave - RFC 8305 4: IPv6 and IPv4 by turns, IPv6 first */
static void interleave(const struct ub_result *v6, const struct ub_result *v4, int port,
                       struct dns_addresses *addresses)
{
    int six = next_record(v6, 0, 16), four = next_record(v4, 0, 4);
    while ((six >= 0 || four >= 0) && addresses->count < DNS_ADDRESSES_MAX) {
        if (six >= 0) {
            add_address(addresses, AF_INET6, v6->data[six], port);
            six = next_record(v6, six + 1, 16);
        }
        if (four >= 0 && addresses->count < DNS_ADDRESSES_MAX) {
            add_address(addresses, AF_INET, v4->data[four], port);
            four = next_record(v4, four + 1, 4);
        }
    }
}

/* is_answer - a definite one, even if it is "none" */
static bool is_answer(const struct ub_result *result)
{
    return result != NULL && !result->bogus && (result->rcode == 0 || result->nxdomain);
}

enum dns_result dns_util_resolve_addresses(const struct dns_host *host, int64_t deadline,
                                           struct timeline *timeline,
                                           struct dns_addresses *addresses, struct text *why)
{
    addresses->count = 0;
    addresses->secure = false;
    if (take_literal(host, addresses))
        return DNS_FOUND;
    struct resolver *asked = get_resolver(&deadline);
    if (asked == NULL)
        return DNS_FAILED;
    struct resolver_question *question6 = resolver_ask(asked, host->name, RESOLVER_AAAA);
    struct resolver_question *question4 = resolver_ask(asked, host->name, RESOLVER_A);
    struct ub_result *v4 = resolver_wait(question4, deadline);
    struct ub_result *v6 = resolver_wait(question6, deadline);
    interleave(v6, v4, host->port, addresses);
    addresses->secure = v4 != NULL && v4->secure && (v6 == NULL || v6->secure);
    enum dns_result found = addresses->count > 0             ? DNS_FOUND
                            : is_answer(v4) && is_answer(v6) ? DNS_NOT_FOUND
                                                             : DNS_FAILED;
    timeline_step(timeline, "DNSUtil.resolveXMPPDomain", "RFC 6120 3.2", "%s has %d address%s%s",
                  host->name, addresses->count, addresses->count == 1 ? "" : "es",
                  found == DNS_FAILED ? ": the question was not answered" : "");
    if (found != DNS_FOUND) {
        bool bogus = (v4 != NULL && v4->bogus) || (v6 != NULL && v6->bogus);
        const char *words = bogus                 ? "the DNS's answer is bogus"
                            : found == DNS_FAILED ? "the DNS did not answer"
                                                  : "the DNS knows no address";
        text_appendf(why, "%s%s: %s", why->length > 0 ? "; " : "", host->name, words);
        timeline_fail(timeline,
                      bogus                 ? FAILURE_DNS_BOGUS
                      : found == DNS_FAILED ? FAILURE_DNS_SILENT
                                            : FAILURE_DNS_NO_ADDRESS,
                      "%s: %s", host->name, words);
    }
    if (v4 != NULL)
        ub_resolve_free(v4);
    if (v6 != NULL)
        ub_resolve_free(v6);
    resolver_unref(asked);
    return found;
}

/* --- TLSA
 * ----------------------------------------------------------------------------------------- */

/* read_tlsa - RFC 6698 2.1: usage, selector, matching type, data */
static void read_tlsa(const struct ub_result *result, struct dns_tlsa *tlsa)
{
    for (int i = 0; result->havedata && result->data[i] != NULL && tlsa->count < DNS_TLSA_MAX;
         i++) {
        const unsigned char *data = (const unsigned char *)result->data[i];
        int length = result->len[i] - 3;
        if (length < 1 || length > DNS_TLSA_BYTES)
            continue;
        struct dns_tlsa_record *record = &tlsa->records[tlsa->count++];
        record->usage = data[0];
        record->selector = data[1];
        record->matching = data[2];
        record->length = (size_t)length;
        memcpy(record->data, data + 3, (size_t)length);
    }
}

enum dns_result dns_util_resolve_tlsa(const char *host, int port, int64_t deadline,
                                      struct timeline *timeline, struct dns_tlsa *tlsa)
{
    char name[300];
    tlsa->count = 0;
    snprintf(name, sizeof name, "_%d._tcp.%s", port, host);
    struct resolver *asked = get_resolver(&deadline);
    struct ub_result *result =
        asked != NULL ? resolver_wait(resolver_ask(asked, name, RESOLVER_TLSA), deadline) : NULL;
    enum dns_result found = DNS_NOT_FOUND;
    const char *words = "none that are secure";
    if (!is_answer(result)) {
        found = DNS_FAILED;
        words =
            result != NULL && result->bogus ? "bogus: TLS to it would not be safe" : "no answer";
    } else if (result->secure) {
        read_tlsa(result, tlsa);
    }
    if (tlsa->count > 0) {
        found = DNS_FOUND;
        words = "secure";
    }
    timeline_step(timeline, "DNSUtil.resolveTLSA", "RFC 7673 3", "TLSA of %s: %d, %s", name,
                  tlsa->count, words);
    if (result != NULL)
        ub_resolve_free(result);
    resolver_unref(asked);
    return found;
}
