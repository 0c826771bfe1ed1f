/* SPDX-License-Identifier: Apache-2.0 */
/* check_dns - what the DNS (or our settings) says of where a domain's server is
 *
 * The order of the hosts is that of server/dns_util, which is asked as by a live stream; the two questions for SRV records are asked
 * once more, each for itself, to show what each brings (the resolver's cache answers).
 */
#include "admin/check_dns.h"

#include <stdio.h>
#include <string.h>

#include "server/socket_util.h"
#include "server/timeline.h"
#include "xml/jid.h"

#define TOLD 8 /* records of one answer that are listed */

static const char *security(bool secure)
{
    return secure ? "secure by DNSSEC" : "not signed";
}

/* tell_srv - one kind of SRV records */
static void tell_srv(struct check_context *context, bool direct_tls)
{
    struct check_place place = {STEP_DNS, NULL, direct_tls ? "XEP-0368" : "RFC 6120 3.2.1",
                                xmpp_server_now()};
    struct dns_hosts found;
    int roots;
    struct dns_answer answer =
        dns_util_ask_srv(context->domain, direct_tls, context->deadline, &found, &roots);
    static const char *const words[] = {"no answer", "the question failed", "bogus", "no such name",
                                        "none there"};
    const char *name = direct_tls ? "_xmpps-server" : "_xmpp-server";
    struct text list = TEXT_EMPTY;
    for (int i = 0; i < found.count && i < TOLD; i++)
        text_appendf(&list, "%s%s:%d (priority %u, weight %u)", i > 0 ? ", " : "",
                     found.hosts[i].name, found.hosts[i].port, found.hosts[i].priority,
                     found.hosts[i].weight);
    if (found.count > TOLD)
        text_appendf(&list, " and %d more", found.count - TOLD);
    if (roots > 0)
        text_appendf(&list, "%starget \".\": no such service", found.count > 0 ? ", " : "");
    if (answer.state == DNS_STATE_DATA)
        check_report_step(&context->report, &place, CHECK_GOOD, NULL, "SRV %s._tcp: %s; %s", name,
                          text_string(&list), security(answer.secure));
    else if (answer.state == DNS_STATE_SILENT || answer.state == DNS_STATE_BOGUS) {
        text_appendf(&list, "SRV %s._tcp: %s", name, words[answer.state]);
        check_report_bad(&context->report, &place,
                         answer.state == DNS_STATE_BOGUS ? FAILURE_DNS_BOGUS : FAILURE_DNS_SILENT,
                         NULL, text_string(&list));
    } else
        check_report_step(&context->report, &place, CHECK_NOTE, NULL, "SRV %s._tcp: %s", name,
                          words[answer.state]);
    text_free(&list);
}

int check_dns_hosts(struct check_context *context, struct dns_hosts *hosts)
{
    struct check_place place = {STEP_DNS, NULL, "RFC 6120 3.2", xmpp_server_now()};
    struct timeline *aside = timeline_new();
    struct text why = TEXT_EMPTY;
    int port = (int)context->config->xmpp_server_socket_remotePort, result = 0;
    enum dns_result found = dns_util_resolve_xmpp_server(context->domain, port, context->has_tls,
                                                         context->deadline, aside, hosts, &why);
    timeline_led_by_us(context->report.timeline, hosts->by_us);
    if (!hosts->from_override && !jid_domain_is_ip(context->domain)) {
        tell_srv(context, false);
        tell_srv(context, true);
    }
    if (found != DNS_FOUND)
        result = check_report_bad(&context->report, &place, timeline_failure(aside, NULL), NULL,
                                  text_string(&why));
    else if (hosts->from_override)
        check_report_step(&context->report, &place, CHECK_NOTE, NULL,
                          "%s:%d, named by our own settings; the DNS is not asked for SRV records",
                          hosts->hosts[0].name, hosts->hosts[0].port);
    else if (!hosts->from_srv)
        check_report_step(&context->report, &place, CHECK_NOTE, NULL,
                          "no SRV record: its own address is tried, port %d%s",
                          hosts->hosts[0].port, hosts->by_us ? " (remotePort of its row)" : "");
    timeline_free(aside);
    text_free(&why);
    return result;
}

static void list_addresses(const struct dns_addresses *addresses, struct text *list)
{
    char name[80];
    for (int i = 0; i < addresses->count; i++) {
        socket_util_name((const struct sockaddr *)&addresses->addresses[i], name, sizeof name);
        text_appendf(list, "%s%s", i > 0 ? ", " : "", name);
    }
}

/* tell_tlsa - where DNSSEC vouches for the way to the host: 0, or -1 when its records can't be had */
static int tell_tlsa(struct check_context *context, const struct dns_host *host,
                     struct dns_tlsa *tlsa)
{
    struct check_place place = {STEP_DNS, host->name, "RFC 7673 3", xmpp_server_now()};
    enum dns_result found =
        dns_util_resolve_tlsa(host->name, host->port, context->deadline, NULL, tlsa);
    if (found == DNS_FAILED)
        return check_report_bad(&context->report, &place, FAILURE_TLSA_SILENT, NULL,
                                "its TLSA records can't be had, though its DNS is secure");
    check_report_step(&context->report, &place, tlsa->count > 0 ? CHECK_GOOD : CHECK_NOTE, NULL,
                      "TLSA: %d record%s that count%s", tlsa->count, tlsa->count == 1 ? "" : "s",
                      tlsa->count == 1 ? "s" : "");
    return 0;
}

static bool is_literal(const char *host)
{
    return jid_domain_is_ip(host);
}

int check_dns_addresses(struct check_context *context, const struct dns_hosts *hosts, int index,
                        struct dns_addresses *addresses, struct dns_tlsa *tlsa)
{
    const struct dns_host *host = &hosts->hosts[index];
    struct check_place place = {STEP_DNS, host->name, "RFC 6120 3.2", xmpp_server_now()};
    struct timeline *aside = timeline_new();
    struct text words = TEXT_EMPTY;
    int result = 0;
    tlsa->count = 0;
    if (dns_util_resolve_addresses(host, context->deadline, aside, addresses, &words) !=
        DNS_FOUND) {
        place.target = NULL; /* the words name it */
        result = check_report_bad(&context->report, &place, timeline_failure(aside, NULL), NULL,
                                  text_string(&words));
    } else if (!is_literal(host->name)) {
        list_addresses(addresses, &words);
        check_report_step(&context->report, &place, CHECK_GOOD, NULL, "%s; %s", text_string(&words),
                          security(addresses->secure));
        if (context->config->s2s_dane_enabled && context->has_tls && addresses->secure &&
            (host->secure || !hosts->from_srv))
            result = tell_tlsa(context, host, tlsa);
    }
    timeline_free(aside);
    text_free(&words);
    return result;
}
