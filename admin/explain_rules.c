/* SPDX-License-Identifier: Apache-2.0 */
/* explain_rules - the chain of rules that would decide for a domain, of the settings in force or of others
 *
 * Action points:
 *   open  -> in force: a snapshot; of a file: loaded aside with its rows, sections and overrides, nothing published
 *   ask   -> whose the domain is -> permission -> the way in: listener, TLS, certificate, authentication, limits
 *            -> the way out: pause, destination, TLS, certificate, authentication, limits
 * A rule that lets nothing through is marked; the first of them is the verdict.
 */
#include "admin/explain_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/json_words.h"
#include "server/certificate_manager.h"
#include "server/dns_override.h"
#include "server/external_component_manager.h"
#include "server/metrics.h"
#include "server/remote_server_manager.h"
#include "server/upstream_manager.h"
#include "server/xmpp_server.h"
#include "session/domain_pair.h"
#include "session/local_outgoing_server_session.h"
#include "session/retry_pause.h"
#include "session/routing_table.h"
#include "xml/jid.h"

#define BOTH "both"
#define IN "in"
#define OUT "out"

/* What the rules are written with. */
struct chain {
    const struct rule_book *book;
    const struct config *config;
    const char *domain;
    json_t *rules;
    struct rule_verdict *verdict;
};

/* rule - one more that lets things through */
static void rule(struct chain *chain, const char *direction, const char *name, const char *clause,
                 json_t *decision, json_t *by)
{
    json_array_append_new(chain->rules,
                          json_pack("{s:s, s:s, s:b, s:o, s:o, s:o}", "direction", direction,
                                    "rule", name, "allows", 1, "decision", decision, "by", by,
                                    "clause", json_words(clause)));
}

/* bar - the last rule written lets nothing through, for this cause */
static void bar(struct chain *chain, enum failure failure)
{
    json_t *last = json_array_get(chain->rules, json_array_size(chain->rules) - 1);
    struct rule_verdict *verdict = chain->verdict;
    const char *direction = json_text(last, "direction");
    bool out = strcmp(direction, IN) != 0;
    json_object_set_new(last, "allows", json_false());
    if (verdict->failure != FAILURE_NONE && (verdict->bars_out || !out))
        return;
    verdict->failure = failure;
    verdict->bars_out = out;
    verdict->direction = !out ? IN : strcmp(direction, OUT) == 0 ? OUT : BOTH;
    text_clear(&verdict->why);
    text_appendf(&verdict->why, "%s: %s (%s)", json_text(last, "rule"), json_text(last, "decision"),
                 json_text(last, "by"));
}

static bool is_in_list(const char *list, const char *domain)
{
    size_t length = strlen(domain);
    for (; *list != '\0'; list += strcspn(list, ","), list += *list == ',')
        if (strcspn(list, ",") == length && memcmp(list, domain, length) == 0)
            return true;
    return false;
}

/* whose - is it one of ours? */
static void whose(struct chain *chain)
{
    const struct config *config = chain->config;
    const char *domain = chain->domain;
    char host[256];
    int port;
    bool named =
        strcmp(config->xmpp_domain, domain) == 0 || is_in_list(config->s2s_domains, domain);
    struct text ignored = TEXT_EMPTY; /* faults were told when the rules were opened */
    int component = chain->book->in_force
                        ? external_component_manager_is_configured(domain, strlen(domain)) ||
                              (!named && xmpp_server_is_local(domain, strlen(domain)))
                        : external_component_manager_would_serve(config, domain, &ignored) == 1;
    text_free(&ignored);
    if (upstreams_target(chain->book->upstreams, domain, host, &port, NULL)) {
        chain->verdict->ours = chain->verdict->upstream = true;
        rule(chain, BOTH, "ours", NULL,
             json_wordsf("an XMPP server behind us, at %s:%d", host, port),
             json_wordsf("[upstream] of %s", domain));
    } else if (component) {
        chain->verdict->ours = true;
        rule(chain, BOTH, "ours", "XEP-0114", json_words("a component serves it"),
             json_words("components.conf, or it is connected"));
    } else if (named) {
        chain->verdict->ours = true;
        rule(chain, BOTH, "ours", NULL, json_words("our own services serve it"),
             json_words(strcmp(config->xmpp_domain, domain) == 0 ? "xmpp.domain" : "s2s.domains"));
    }
}

static void permission(struct chain *chain)
{
    struct text why = TEXT_EMPTY;
    bool allowed = remote_servers_can_access(chain->book->servers, chain->domain, &why);
    rule(chain, BOTH, "permission", NULL, json_words(allowed ? "allowed" : "blocked"),
         json_words(text_string(&why)));
    if (!allowed)
        bar(chain, FAILURE_BLOCKED_HERE);
    text_free(&why);
}

/* tls - the same settings decide in both directions; what a stream does with them differs */
static void tls(struct chain *chain, bool in)
{
    const struct tls_policy *policy = &chain->verdict->policy;
    bool possible = policy->allowed && chain->verdict->has_tls;
    const char *why_not = policy->allowed ? "xmpp.server.certificate.file = none" : policy->source;
    rule(chain, in ? IN : OUT, "tls", "RFC 7590 3.1",
         json_words(!possible && policy->required ? "required, and there is none here"
                    : policy->required            ? "required"
                    : possible                    ? in ? "offered" : "used if they offer it"
                                                  : "none"),
         json_words(possible ? policy->source : why_not));
    if (!possible && policy->required)
        bar(chain, FAILURE_SETTINGS);
}

static void certificate(struct chain *chain, bool in)
{
    const struct config *config = chain->config;
    const struct tls_policy *policy = &chain->verdict->policy;
    if (!policy->allowed || !chain->verdict->has_tls)
        return;
    const char *asked = in && config->xmpp_server_cert_policy == CONFIG_CERT_DISABLED
                            ? "theirs is not asked for"
                        : policy->certificate ? "theirs must be valid and for this domain"
                        : policy->strict      ? "theirs, if it is not valid, refuses them"
                                              : "theirs need not be valid: dialback does";
    rule(chain, in ? IN : OUT, "certificate", "RFC 6120 13.7.2", json_words(asked),
         policy->certificate || !policy->external
             ? json_words(policy->source)
             : json_wordsf(
                   "xmpp.socket.ssl.certificate.strict-validation = %s, accept-selfsigned = "
                   "%s, xmpp.server.cert.policy",
                   config->xmpp_socket_ssl_certificate_strict_validation ? "true" : "false",
                   config->xmpp_socket_ssl_certificate_accept_selfsigned ? "true" : "false"));
}

static void authentication(struct chain *chain, bool in)
{
    const struct config *config = chain->config;
    const struct rule_verdict *verdict = chain->verdict;
    bool external = verdict->policy.allowed && verdict->has_tls && verdict->policy.external &&
                    (in ? config->xmpp_server_cert_policy != CONFIG_CERT_DISABLED
                        : config->xmpp_server_certificate_present);
    rule(chain, in ? IN : OUT, "authentication", external ? "XEP-0178, XEP-0220" : "XEP-0220",
         json_words(external && verdict->dialback ? "SASL EXTERNAL if the certificate proves it, "
                                                    "else dialback"
                    : external                    ? "SASL EXTERNAL only"
                    : verdict->dialback           ? "dialback only"
                                                  : "no way is left"),
         json_wordsf("xmpp.server.dialback.enabled = %s, %s",
                     config->xmpp_server_dialback_enabled ? "true" : "false",
                     in ? "xmpp.server.cert.policy" : "xmpp.server.certificate.present"));
    if (!external && !verdict->dialback)
        bar(chain, FAILURE_SETTINGS);
}

static void listener(struct chain *chain)
{
    const struct config *config = chain->config;
    bool direct = config->xmpp_server_socket_ssl_active && chain->verdict->has_tls;
    rule(chain, IN, "listener", "RFC 6120 3.2",
         !config->xmpp_server_socket_active ? json_words("off")
         : direct                           ? json_wordsf("port %lld, and %lld for direct TLS",
                                                          (long long)config->xmpp_server_socket_port,
                                                          (long long)config->xmpp_server_socket_ssl_port)
                  : json_wordsf("port %lld", (long long)config->xmpp_server_socket_port),
         json_words("xmpp.server.socket.active, .port, .ssl.active, .ssl.port"));
    if (!config->xmpp_server_socket_active)
        bar(chain, FAILURE_SETTINGS);
}

static void limits_in(struct chain *chain)
{
    const struct config *config = chain->config;
    int64_t open = metrics_get(incoming_sessions);
    rule(chain, IN, "limits", "XEP-0205",
         json_wordsf("%lld ms until the first domain is proved, %lld verifications under way and "
                     "%lld pairs on one stream, %lld connections (%lld open now)%s",
                     (long long)config->s2s_negotiation_timeout,
                     (long long)config->s2s_negotiation_verifications,
                     (long long)config->s2s_domains_per_stream,
                     (long long)config->s2s_connections_max, (long long)open,
                     config->xmpp_server_session_allowmultiple ? "" : ", one stream of a domain"),
         json_words("s2s.negotiation.timeout, s2s.negotiation.verifications, "
                    "s2s.domains.per.stream, s2s.connections.max, "
                    "xmpp.server.session.allowmultiple"));
    if (chain->book->in_force && open >= config->s2s_connections_max)
        bar(chain, FAILURE_LIMIT_HERE);
}

/* state - what this server has with the domain now: a stream, or a pause after failures. No rule; nothing is barred for long. */
static void state(struct chain *chain)
{
    struct span local = domain_span(chain->config->xmpp_domain),
                remote = domain_span(chain->domain);
    struct local_outgoing_server_session *session = routing_table_get_server_route(local, remote);
    struct text why = TEXT_EMPTY;
    enum packet_error error;
    if (session != NULL)
        rule(chain, OUT, "stream", NULL, json_words("one is open"), json_words("what goes on now"));
    else if (retry_pause_is_on(RETRY_STANZAS, remote, &error, &why))
        rule(chain, OUT, "pause", "RFC 6120 3.3", json_words(text_string(&why)),
             json_words("s2s.retry.first, s2s.retry.max"));
    local_outgoing_server_session_unref(session);
    text_free(&why);
}

static void destination(struct chain *chain)
{
    char host[256];
    int port = 0, row = remote_servers_port(chain->book->servers, chain->domain);
    int own = row != 0 ? row : (int)chain->config->xmpp_server_socket_remotePort;
    const char *port_by = row != 0 ? "remotePort of its row" : "xmpp.server.socket.remotePort";
    int found = dns_override_find(chain->book->overrides, chain->domain, host, &port);
    if (chain->verdict->upstream) /* said already */
        return;
    if (found < 0) {
        rule(chain, OUT, "destination", NULL, json_words("the overrides run in a circle"),
             json_words("dnsutil.dnsOverride"));
        bar(chain, FAILURE_OVERRIDE_CIRCLE);
    } else if (found > 0) {
        rule(chain, OUT, "destination", NULL,
             json_wordsf("%s:%d, without asking the DNS", host, port != 0 ? port : own),
             port != 0 ? json_words("dnsutil.dnsOverride")
                       : json_wordsf("dnsutil.dnsOverride, %s", port_by));
    } else if (jid_domain_is_ip(chain->domain)) {
        rule(chain, OUT, "destination", "RFC 6120 3.2.3", json_wordsf("itself, port %d", own),
             json_words(port_by));
    } else {
        rule(chain, OUT, "destination", "RFC 6120 3.2",
             json_wordsf("what its SRV records name; without any, its own address, port %d", own),
             json_words(port_by));
    }
}

static void limits_out(struct chain *chain)
{
    const struct config *config = chain->config;
    rule(chain, OUT, "limits", "RFC 6120 10.4.3",
         json_wordsf("%lld s for the set-up, %lld ms for the answer to a dialback, %lld stanzas "
                     "waiting, %lld set-ups at once",
                     (long long)config->xmpp_server_session_initialise_timeout,
                     (long long)config->xmpp_server_read_timeout,
                     (long long)config->xmpp_server_outgoing_queue,
                     (long long)config->xmpp_server_outgoing_max_threads),
         json_words("xmpp.server.session.initialise-timeout, xmpp.server.read.timeout, "
                    "xmpp.server.outgoing.queue, xmpp.server.outgoing.max.threads"));
}

int explain_rules_open(struct rule_book *book, const char *file, struct text *why)
{
    *book = (struct rule_book){.in_force = file == NULL};
    if (file == NULL) {
        book->config = config_get();
    } else {
        book->config = config_load(file, why);
        if (book->config == NULL)
            return -1;
        book->servers = remote_servers_read(book->config, why);
        book->upstreams = upstreams_read(book->config, why);
        if (book->servers == NULL || book->upstreams == NULL ||
            certificate_manager_check(book->config, why) < 0 ||
            external_component_manager_would_serve(book->config, "", why) < 0)
            return -1;
    }
    book->overrides = dns_override_parse(book->config->dnsutil_dnsOverride, why);
    return book->overrides != NULL ? 0 : -1;
}

void explain_rules_close(struct rule_book *book)
{
    dns_override_free(book->overrides);
    upstreams_free(book->upstreams);
    remote_servers_free(book->servers);
    config_unref(book->config);
    *book = (struct rule_book){0};
}

json_t *explain_rules_ask(const struct rule_book *book, const char *domain,
                          struct rule_verdict *verdict)
{
    const struct config *config = book->config;
    struct chain chain = {book, config, domain, json_array(), verdict};
    *verdict = (struct rule_verdict){
        .policy = tls_policy_of(config, book->servers, book->upstreams, domain),
        .has_tls = certificate_manager_wants_tls(config),
        .dialback = config->xmpp_server_dialback_enabled,
    };
    whose(&chain);
    if (verdict->ours && !verdict->upstream)
        return chain.rules;
    verdict->dialback = verdict->dialback || verdict->upstream;
    if (!verdict->upstream) {
        permission(&chain);
        listener(&chain);
        tls(&chain, true);
        certificate(&chain, true);
        authentication(&chain, true);
        limits_in(&chain);
    }
    if (book->in_force)
        state(&chain);
    destination(&chain);
    tls(&chain, false);
    certificate(&chain, false);
    authentication(&chain, false);
    limits_out(&chain);
    return chain.rules;
}

bool explain_rules_still(const struct rule_verdict *verdict, enum failure failure)
{
    const struct tls_policy *policy = &verdict->policy;
    bool possible = policy->allowed && verdict->has_tls;
    switch (failure) {
    case FAILURE_BLOCKED_HERE:
    case FAILURE_SETTINGS:
    case FAILURE_OVERRIDE_CIRCLE:
        return verdict->failure == failure;
    case FAILURE_TLS_MISSING:
        return policy->required;
    case FAILURE_TLS_OFF_HERE:
        return !possible;
    case FAILURE_DIALBACK_OFF_HERE:
        return !verdict->dialback;
    case FAILURE_CERTIFICATE_MISSING:
        return policy->certificate || policy->external;
    default:
        break;
    }
    if (failure_step(failure) == STEP_CERTIFICATE && failure_side(failure) == SIDE_THEIRS)
        return policy->strict || policy->certificate || !verdict->dialback;
    return true;
}
