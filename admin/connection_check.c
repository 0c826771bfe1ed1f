/* SPDX-License-Identifier: Apache-2.0 */
/* connection_check - try a domain's server step by step, without touching live sessions
 *
 * Action points:
 *   rules (explain_rules): what they bar is not tried -> the hosts, from DNS or settings
 *   -> each address of each host (check_target), while there is time
 *   -> the conclusion: let in somewhere and no ping lost: it works; else the cause of the furthest step. A ping that was lost is
 *   explained by their last attempt to come in, if one was made since.
 */
#include "admin/connection_check.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/check_dns.h"
#include "admin/check_target.h"
#include "admin/explain.h"
#include "admin/explain_rules.h"
#include "admin/json_words.h"
#include "server/certificate_manager.h"
#include "server/timeline_store.h"
#include "xml/jid.h"

#define CHECKS_MAX 8     /* at once */
#define ADDRESSES_MAX 16 /* tried in one check */

static _Atomic int under_way;

static bool always(void *owner)
{
    (void)owner;
    return true;
}

/* check_rules - true when they bar nothing; else `verdict` says what */
static bool check_rules(struct check_context *context, struct rule_verdict *verdict)
{
    struct check_place place = {STEP_POLICY, NULL, NULL, xmpp_server_now()};
    struct rule_book book;
    struct text why = TEXT_EMPTY;
    bool open = explain_rules_open(&book, NULL, &why) == 0;
    json_t *rules = open ? explain_rules_ask(&book, context->domain, verdict) : NULL;
    json_decref(rules);
    explain_rules_close(&book);
    text_free(&why);
    context->policy = verdict->policy;
    context->dialback = verdict->dialback;
    if (verdict->ours && !verdict->upstream)
        return false;
    if (verdict->bars_out) {
        check_report_bad(&context->report, &place, verdict->failure, NULL,
                         text_string(&verdict->why));
        return false;
    }
    check_report_step(&context->report, &place, CHECK_GOOD, NULL, "no rule of ours bars it (%s)",
                      verdict->policy.source);
    return true;
}

static void check_hosts(struct check_context *context)
{
    struct dns_hosts *hosts = text_calloc(1, sizeof *hosts);
    struct dns_addresses *addresses = text_calloc(1, sizeof *addresses);
    struct dns_tlsa *tlsa = text_calloc(1, sizeof *tlsa);
    int count = check_dns_hosts(context, hosts) == 0 ? hosts->count : 0;
    for (int i = 0; i < count && check_goes_on(context); i++) {
        bool own = !hosts->from_srv && !hosts->by_us;
        if (check_dns_addresses(context, hosts, i, addresses, tlsa) < 0)
            continue;
        for (int k = 0; k < addresses->count && check_goes_on(context); k++) {
            if (context->tried == ADDRESSES_MAX)
                break;
            check_target_run(context, &hosts->hosts[i], own, &addresses->addresses[k], tlsa);
        }
    }
    free(tlsa);
    free(addresses);
    free(hosts);
}

/* --- the conclusion --- */

static json_t *conclude_good(struct check_context *context)
{
    struct text sentence = TEXT_EMPTY, why = TEXT_EMPTY;
    enum failure failure = timeline_failure(context->report.timeline, &why);
    if (context->alone)
        text_appendf(&sentence, "As far as can be seen without the server, %s can be reached",
                     context->domain);
    else
        text_appendf(&sentence, "%s can be reached, and lets %s in", context->domain,
                     context->local);
    if (context->ways.length > 0)
        text_appendf(&sentence, " by %s", text_string(&context->ways));
    if (context->pinged && !context->alone)
        text_appendf(&sentence, "; the ping came back after %lld ms", (long long)context->ping);
    if (failure != FAILURE_NONE) {
        text_appendf(&sentence, "; but (%s, step %s) %s", failure_word(failure),
                     failure_step_word(failure_step(failure)), text_string(&why));
        if (context->good < context->tried)
            text_appendf(&sentence, "; %d of %d addresses are good", context->good, context->tried);
    }
    text_append_char(&sentence, '.');
    json_t *conclusion =
        json_pack("{s:o, s:s, s:s, s:s, s:s, s:o, s:s, s:o}", "works",
                  context->alone ? json_null() : json_true(), "direction", "out", "cause",
                  failure_word(failure), "step", failure_step_word(failure_step(failure)), "side",
                  failure_side_word(failure_side(failure)), "why", json_words(text_string(&why)),
                  "remedy", "", "sentence", json_words(text_string(&sentence)));
    text_free(&sentence);
    text_free(&why);
    return conclusion;
}

/* conclude_ping - no answer came: what of their way in to us? */
static json_t *conclude_ping(struct check_context *context, const char *why)
{
    struct timeline_records failures;
    timeline_store_get(context->domain, TIMELINE_IN, false, &failures);
    bool tried = failures.count > 0 && failures.records[0].when >= context->began;
    json_t *conclusion =
        tried ? explain_conclusion(context->domain, "in", failures.records[0].failure,
                                   failures.records[0].why)
              : explain_conclusion(context->domain, "in", FAILURE_PING_SILENT, why);
    timeline_records_free(&failures);
    return conclusion;
}

static json_t *conclude(struct check_context *context, const struct rule_verdict *verdict)
{
    struct text why = TEXT_EMPTY;
    enum failure failure = timeline_failure(context->report.timeline, &why);
    json_t *conclusion;
    bool stopped = !check_goes_on(context);
    if (verdict->ours && !verdict->upstream) {
        text_appendf(&why, "%s is served by this server: there is nothing to check.",
                     context->domain);
        conclusion = json_pack("{s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "works", 1, "direction",
                               "both", "cause", "none", "step", "none", "side", "nobody", "why", "",
                               "remedy", "", "sentence", json_words(text_string(&why)));
    } else if (context->good > 0 && !(context->pinged && context->ping < 0)) {
        conclusion = conclude_good(context);
    } else if (context->good > 0) {
        conclusion = conclude_ping(context, text_string(&why));
    } else {
        if (failure == FAILURE_NONE)
            text_append_string(&why, stopped ? "the check was stopped before it came to anything"
                                             : "no address was left to try");
        conclusion = explain_conclusion(
            context->domain, verdict->failure != FAILURE_NONE ? "both" : "out",
            failure != FAILURE_NONE ? failure : FAILURE_OTHER, text_string(&why));
    }
    text_free(&why);
    return conclusion;
}

/* --- all of it --- */

/* prepare - the two domains; false with `why` */
static bool prepare(const struct connection_check *check, const char *own,
                    char domain[JID_PART_MAX + 1], char local[JID_PART_MAX + 1], struct text *why)
{
    const char *wanted = check->local != NULL ? check->local : own;
    if (jid_prepare_domain(check->domain, strlen(check->domain), domain) < 0)
        text_appendf(why, "'%.200s' is no domain", check->domain);
    else if (jid_prepare_domain(wanted, strlen(wanted), local) < 0 ||
             (!check->alone && !xmpp_server_is_local(local, strlen(local))))
        text_appendf(why, "'%.200s' is no domain of this server", wanted);
    else
        return true;
    return false;
}

static json_t *run(const struct connection_check *check, const struct config *config,
                   const char *domain, const char *local)
{
    int64_t since = xmpp_server_now();
    struct certificates *certificates = certificate_manager_get();
    struct rule_verdict verdict = {0};
    struct check_context context = {
        .domain = domain,
        .local = local,
        .config = config,
        .has_tls = certificates != NULL,
        .presents = certificates != NULL && certificates_present(certificates),
        .alone = check->alone,
        .deadline = since + (check->limit > 0 ? check->limit : CONNECTION_CHECK_LIMIT_MS),
        .began = (int64_t)time(NULL),
        .wanted = check->wanted != NULL ? check->wanted : always,
        .owner = check->owner,
    };
    certificates_unref(certificates);
    check_report_init(&context.report, check->progress, check->owner);
    if (check_rules(&context, &verdict))
        check_hosts(&context);
    json_t *result = json_pack(
        "{s:o, s:o, s:b, s:O, s:I, s:o}", "domain", json_words(domain), "local", json_words(local),
        "alone", check->alone, "steps", context.report.steps, "took_ms",
        (json_int_t)(xmpp_server_now() - since), "conclusion", conclude(&context, &verdict));
    check_report_free(&context.report);
    text_free(&context.ways);
    text_free(&verdict.why);
    return result;
}

json_t *connection_check_run(const struct connection_check *check, struct text *why)
{
    char domain[JID_PART_MAX + 1], local[JID_PART_MAX + 1];
    const struct config *config = config_get();
    json_t *result = NULL;
    if (atomic_fetch_add(&under_way, 1) >= CHECKS_MAX)
        text_appendf(why, "%d checks are under way already", CHECKS_MAX);
    else if (prepare(check, config->xmpp_domain, domain, local, why))
        result = run(check, config, domain, local);
    atomic_fetch_sub(&under_way, 1);
    config_unref(config);
    return result;
}
