/* SPDX-License-Identifier: Apache-2.0 */
/* check_target - one address of a domain's server: connect, stream, TLS, certificate, features, authentication, ping
 *
 * Action points:
 *   connected -> direct TLS: handshake; header and features; STARTTLS if it is offered: handshake, header and features again
 *   certificate -> judged as a live stream would: what would end that ends the check of this address
 *   EXTERNAL offered and possible -> asked for; <success/>: ping
 *   dialback offered              -> a second connection if EXTERNAL was tried; key, answer; valid: ping
 * The handshake itself is not strict, so that a bad certificate can be shown; secure TLSA records refuse in it, as they always do.
 * A second connection repeats the steps up to its features without reporting them again.
 */
#include "admin/check_target.h"

#include <stdio.h>
#include <string.h>

#include "admin/check_certificate.h"
#include "dialback/dialback_element.h"
#include "dialback/dialback_key.h"
#include "server/certificate_identity.h"
#include "server/socket_util.h"
#include "server/timeline_store.h"
#include "session/iq_router.h"
#include "session/sasl_authentication.h"
#include "session/session_outcome.h"
#include "xml/xmlns.h"

#define CONNECT_MS 5000
#define STEP_MS 10000     /* a header, features, a handshake, an answer to SASL */
#define DIALBACK_MS 20000 /* they have to connect to us meanwhile */
#define PING_MS 20000     /* likewise */

struct target {
    struct check_context *context;
    const struct dns_host *host;
    const struct sockaddr_storage *address;
    const struct dns_tlsa *tlsa;
    bool own;
    bool quiet; /* a second connection: only what goes wrong is told */
    char name[400];
    struct check_stream *stream;
    bool encrypted, proved;  /* by TLS; the certificate is for the domain */
    bool external, dialback; /* offered */
};

static struct check_place place_of(const struct target *target, enum failure_step step,
                                   const char *clause)
{
    return (struct check_place){step, target->name, clause, xmpp_server_now()};
}

/* told - a step that went well */
static void told(struct target *target, const struct check_place *place, enum check_verdict verdict,
                 json_t *details, const char *sentence)
{
    if (!target->quiet)
        check_report_step(&target->context->report, place, verdict, details, "%s", sentence);
    else
        json_decref(details);
}

/* lost - what happened to the stream ends this step; always -1 */
static int lost(struct target *target, const struct check_place *place, enum failure otherwise)
{
    enum failure failure = check_stream_failure(target->stream);
    return check_report_bad(&target->context->report, place,
                            failure != FAILURE_NONE && failure != FAILURE_OTHER ? failure
                                                                                : otherwise,
                            NULL, check_stream_why(target->stream));
}

/* --- TCP, the stream and its features --- */

static int reach(struct target *target)
{
    struct check_context *context = target->context;
    struct check_place place = place_of(target, STEP_CONNECT, "RFC 6120 3.1");
    struct text why = TEXT_EMPTY;
    enum failure failure = FAILURE_OUR_OWN_ADDRESS;
    const char *refused = socket_util_refuse_reason(target->address);
    int fd = -1;
    if (refused != NULL)
        text_append_string(&why, refused);
    else
        fd = check_stream_connect(target->address, check_until(context, CONNECT_MS),
                                  context->wanted, context->owner, &failure, &why);
    if (fd < 0) {
        if (target->own && failure != FAILURE_OUR_OWN_ADDRESS)
            failure = FAILURE_DNS_NO_SRV;
        check_report_bad(&context->report, &place, failure, NULL, text_string(&why));
    } else {
        target->stream = check_stream_new(fd, context->wanted, context->owner);
        told(target, &place, CHECK_GOOD, NULL, "connected");
    }
    text_free(&why);
    return fd < 0 ? -1 : 0;
}

static void list_mechanisms(const struct element *features, struct text *out)
{
    const struct element *mechanisms = element_child(features, "mechanisms", XMLNS_SASL);
    for (const struct element *each = mechanisms != NULL ? element_first(mechanisms) : NULL;
         each != NULL; each = element_next(each))
        if (each->children != NULL && each->children->name == NULL)
            text_appendf(out, " %.*s", (int)each->children->text_length, each->children->text);
}

/* note_features - what is offered, for us and in words */
static void note_features(struct target *target, const struct check_place *place)
{
    const struct element *features = check_stream_features(target->stream);
    struct text words = TEXT_EMPTY;
    /* COMPAT: MongooseIM and older servers announce dialback by the namespace on their header only */
    target->dialback = check_stream_declares_dialback(target->stream);
    target->external = false;
    if (features == NULL) {
        text_append_string(&words, "no features: it is older than XMPP 1.0");
    } else {
        text_append_string(&words, "offered:");
        for (const struct element *each = element_first(features); each != NULL;
             each = element_next(each))
            text_appendf(&words, " %s", each->name);
        target->dialback =
            target->dialback || element_child(features, "dialback", XMLNS_DIALBACK_FEATURE) != NULL;
        target->external = sasl_authentication_offers_external(features);
        if (element_child(features, "mechanisms", XMLNS_SASL) != NULL) {
            text_append_string(&words, "; mechanisms:");
            list_mechanisms(features, &words);
        }
        if (element_child(features, "dialback", XMLNS_DIALBACK_FEATURE) == NULL && target->dialback)
            text_append_string(&words, "; dialback by the header's namespace");
    }
    told(target, place, CHECK_GOOD, NULL, text_string(&words));
    text_free(&words);
}

/* begin - a header and the features: 0 or -1 */
static int begin(struct target *target, const char *clause)
{
    struct check_context *context = target->context;
    struct check_place place = place_of(target, STEP_STREAM, clause);
    int result = check_stream_begin(target->stream, context->local, context->domain,
                                    context->dialback, check_until(context, STEP_MS));
    if (result < 0)
        return lost(target, &place, FAILURE_NO_HEADER);
    place.step = STEP_FEATURES;
    note_features(target, &place);
    return 0;
}

/* --- TLS and certificate --- */

static int shake_hands(struct target *target, bool direct)
{
    struct check_context *context = target->context;
    struct check_place place = place_of(target, STEP_TLS, direct ? "XEP-0368 3" : "RFC 6120 5.4.3");
    struct tls_request request = {.client = true,
                                  .local = context->local,
                                  .remote = context->domain,
                                  .direct = direct,
                                  .tlsa = target->tlsa,
                                  .target = target->host->name};
    if (check_stream_secure(target->stream, &request, check_until(context, STEP_MS)) < 0)
        return lost(target, &place, FAILURE_TLS_FAILED);
    struct text words = TEXT_EMPTY;
    text_append_string(&words, direct ? "direct TLS: " : "STARTTLS: ");
    tls_stream_handler_describe(check_stream_tls(target->stream), &words);
    told(target, &place, CHECK_GOOD, NULL, text_string(&words));
    text_free(&words);
    target->encrypted = true;
    return 0;
}

/* judge - the certificate, as a live stream would: 0, or -1 when that would end there */
static int judge(struct target *target)
{
    struct check_context *context = target->context;
    const struct tls_policy *policy = &context->policy;
    struct check_place place = place_of(target, STEP_CERTIFICATE, "RFC 6120 13.7.2.1");
    const struct tls_stream_handler *tls = check_stream_tls(target->stream);
    const struct server_verdict *verdict = tls_stream_handler_verdict(tls);
    struct text how = TEXT_EMPTY, words = TEXT_EMPTY;
    int result = 0;
    target->proved = server_trust_manager_proves(verdict, context->domain, &how) ||
                     (verdict->dane &&
                      certificate_identity_matches(verdict->certificate, target->host->name, NULL));
    json_t *details =
        target->quiet ? NULL
                      : check_certificate_tell(verdict->certificate, tls_stream_handler_chain(tls));
    bool bad =
        verdict->trust == TRUST_INVALID || (verdict->trust == TRUST_VALID && !target->proved);
    if (target->proved) {
        text_appendf(&words, "%s; it is for %s: %s", text_string(&verdict->why), context->domain,
                     text_string(&how));
        told(target, &place, CHECK_GOOD, details, text_string(&words));
    } else if (policy->certificate || (policy->strict && bad)) {
        result = check_report_bad(&context->report, &place, server_trust_manager_failure(verdict),
                                  details, text_string(&how));
    } else {
        text_appendf(&words, "%s; it proves nothing, so dialback must (%s)", text_string(&how),
                     policy->source);
        told(target, &place, CHECK_NOTE, details, text_string(&words));
    }
    text_free(&how);
    text_free(&words);
    return result;
}

/* ask_for_tls - <starttls/>: 0, or -1 */
static int ask_for_tls(struct target *target)
{
    struct check_context *context = target->context;
    struct check_place place = place_of(target, STEP_TLS, "RFC 6120 5.4.2");
    int64_t until = check_until(context, STEP_MS);
    const struct element *answer = NULL;
    if (check_stream_send(target->stream, "<starttls xmlns=\"" XMLNS_TLS "\"/>", until) == 0)
        answer = check_stream_receive(target->stream, until);
    if (answer == NULL)
        return lost(target, &place, FAILURE_TLS_FAILED);
    if (!element_is(answer, "proceed", XMLNS_TLS)) {
        struct text why = TEXT_EMPTY;
        text_appendf(&why, "it offers STARTTLS, and answers <%s/> to it", answer->name);
        check_report_bad(&context->report, &place, FAILURE_TLS_REFUSED, NULL, text_string(&why));
        text_free(&why);
        return -1;
    }
    return shake_hands(target, false);
}

/* without_tls - it is not offered, or we have none: may the stream go on? 0 or -1 */
static int without_tls(struct target *target, const struct element *starttls)
{
    struct check_context *context = target->context;
    struct check_place place = place_of(target, STEP_TLS, "RFC 7590 3.1");
    char why[300];
    if (starttls != NULL && element_child(starttls, "required", XMLNS_TLS) != NULL)
        return check_report_bad(&context->report, &place, FAILURE_TLS_OFF_HERE, NULL,
                                "TLS is required there, and there is none here");
    if (context->policy.required) {
        snprintf(why, sizeof why, "TLS is required here (%s), and not offered there",
                 context->policy.source);
        return check_report_bad(&context->report, &place, FAILURE_TLS_MISSING, NULL, why);
    }
    told(target, &place, CHECK_NOTE, NULL,
         starttls != NULL ? "it is offered, and there is none here: the stream is not encrypted"
                          : "it is not offered: the stream is not encrypted");
    return 0;
}

/* open_stream - from TCP to the features after which keys and mechanisms may follow: 0 or -1 */
static int open_stream(struct target *target)
{
    target->encrypted = target->proved = false;
    if (reach(target) < 0)
        return -1;
    if (target->host->direct_tls && (shake_hands(target, true) < 0 || judge(target) < 0))
        return -1;
    if (begin(target, "RFC 6120 4.7") < 0)
        return -1;
    if (target->encrypted)
        return 0;
    const struct element *features = check_stream_features(target->stream);
    const struct element *starttls =
        features != NULL ? element_child(features, "starttls", XMLNS_TLS) : NULL;
    if (starttls == NULL || !target->context->has_tls || !target->context->policy.allowed)
        return without_tls(target, starttls);
    if (ask_for_tls(target) < 0 || judge(target) < 0)
        return -1;
    return begin(target, "RFC 6120 5.4.3.3");
}

/* --- authentication and ping --- */

/* note_way - we were let in by it */
static void note_way(struct check_context *context, const char *way)
{
    if (strstr(text_string(&context->ways), way) == NULL)
        text_appendf(&context->ways, "%s%s", context->ways.length > 0 ? ", " : "", way);
}

/* ping - over the stream on which we were just let in; once in a check */
static void ping(struct target *target)
{
    struct check_context *context = target->context;
    struct check_place place = place_of(target, STEP_PING, "XEP-0199 4.3");
    struct iq_router_answer pong;
    struct text out = TEXT_EMPTY;
    char id[24];
    if (context->pinged)
        return;
    if (context->alone) {
        check_report_step(&context->report, &place, CHECK_SKIPPED, NULL,
                          "the answer would come to the server, which must run for that");
        context->pinged = true;
        return;
    }
    if (iq_router_expect_answer(context->domain, id) < 0)
        return;
    text_appendf(&out,
                 "<iq type=\"get\" id=\"%s\" from=\"%s\" to=\"%s\"><ping xmlns=\"" XMLNS_PING
                 "\"/></iq>",
                 id, context->local, context->domain);
    int64_t until = check_until(context, PING_MS);
    bool sent = check_stream_send(target->stream, text_string(&out), until) == 0, came = false;
    while (sent && !came && xmpp_server_now() < until && context->wanted(context->owner)) {
        int64_t slice = xmpp_server_now() + 200;
        came = iq_router_await_answer(id, slice < until ? slice : until, &pong);
    }
    iq_router_forget_answer(id);
    text_free(&out);
    context->pinged = true;
    if (!came) {
        context->ping = -1;
        check_report_bad(&context->report, &place, FAILURE_PING_SILENT, NULL,
                         "they took our ping, and no answer came back to us");
        return;
    }
    context->ping = pong.took;
    check_report_step(&context->report, &place, CHECK_GOOD, NULL, "%s after %lld ms%s%s",
                      pong.is_result ? "pong" : packet_error_name(pong.error), (long long)pong.took,
                      pong.text[0] ? ": " : "", pong.text);
}

/* try_external - SASL EXTERNAL: true when it let us in */
static bool try_external(struct target *target)
{
    struct check_context *context = target->context;
    struct check_place place = place_of(target, STEP_SASL, "XEP-0178 3");
    bool skip = context->config->xmpp_auth_external_server_skip_sending_authzid;
    int64_t until = check_until(context, STEP_MS);
    struct text out = TEXT_EMPTY;
    sasl_authentication_ask(skip ? NULL : context->local, &out);
    const struct element *answer = NULL;
    if (check_stream_send(target->stream, text_string(&out), until) == 0)
        answer = check_stream_receive(target->stream, until);
    text_free(&out);
    if (answer == NULL) {
        lost(target, &place, FAILURE_EXTERNAL_SILENT);
        return false;
    }
    if (!element_is(answer, "success", XMLNS_SASL)) {
        const struct element *condition = element_first(answer);
        struct text why = TEXT_EMPTY;
        text_appendf(&why, "SASL EXTERNAL refused: %s",
                     condition != NULL ? condition->name : "no reason given");
        check_report_bad(&context->report, &place, FAILURE_EXTERNAL_REFUSED, NULL,
                         text_string(&why));
        text_free(&why);
        return false;
    }
    if (check_stream_begin(target->stream, context->local, context->domain, context->dialback,
                           check_until(context, STEP_MS)) < 0) {
        lost(target, &place, FAILURE_EXTERNAL_SILENT);
        return false;
    }
    check_report_step(&context->report, &place, CHECK_GOOD, NULL,
                      "SASL EXTERNAL: our certificate proves %s there", context->local);
    note_way(context, "SASL EXTERNAL");
    ping(target);
    return true;
}

/* await_result - the db:result that answers ours: 0, or -1 */
static int await_result(struct target *target, struct dialback_element *answer)
{
    int64_t until = check_until(target->context, DIALBACK_MS);
    for (;;) {
        const struct element *element = check_stream_receive(target->stream, until);
        if (element == NULL)
            return -1;
        if (dialback_element_kind(element) != DIALBACK_RESULT)
            continue;
        dialback_element_read(answer, element, check_stream_arena(target->stream));
        if (answer->type != DIALBACK_REQUEST &&
            strcmp(answer->from, target->context->domain) == 0 &&
            strcmp(answer->to, target->context->local) == 0)
            return 0;
    }
}

/* unanswered - no answer to our key: did they ask about it meanwhile? */
static void unanswered(struct target *target, const struct check_place *place)
{
    struct check_context *context = target->context;
    struct timeline_asked asked;
    enum failure failure = check_stream_failure(target->stream);
    char why[700];
    bool came = timeline_store_last_asked(context->domain, &asked) && asked.valid &&
                asked.at >= place->since;
    bool late = failure == FAILURE_OTHER || failure == FAILURE_NONE;
    context->silent = context->silent || late;
    if (!late && failure_step(failure) == STEP_STREAM)
        failure = FAILURE_DIALBACK_ERROR;
    else if (late)
        failure = came ? FAILURE_DIALBACK_SILENT : FAILURE_DIALBACK_NOT_ASKED;
    snprintf(why, sizeof why, "no answer to our key%s%s; they %s", late ? "" : ": ",
             late ? " in time" : check_stream_why(target->stream),
             came ? "asked here about it" : "did not ask here about it");
    check_report_bad(&context->report, place, failure, NULL, why);
}

/* answered - true when it is valid */
static bool answered(struct target *target, const struct check_place *place,
                     const struct dialback_element *answer)
{
    struct check_context *context = target->context;
    struct text why = TEXT_EMPTY;
    if (answer->type == DIALBACK_VALID) {
        check_report_step(&context->report, place, CHECK_GOOD, NULL,
                          "dialback: our key proves %s there", context->local);
        note_way(context, "dialback");
        return true;
    }
    bool error = answer->type == DIALBACK_ERROR;
    text_appendf(&why, "they answer our key with %s%s%s",
                 error ? packet_error_name(answer->error) : "invalid",
                 error && answer->error_text[0] ? ": " : "", error ? answer->error_text : "");
    check_report_bad(&context->report, place,
                     error ? session_outcome_of_dialback_error(answer->error, answer->error_text)
                           : FAILURE_OUR_KEY_DENIED,
                     NULL, text_string(&why));
    text_free(&why);
    return false;
}

/* try_dialback - true when it let us in, or (alone) can't be tried */
static bool try_dialback(struct target *target)
{
    struct check_context *context = target->context;
    struct check_place place = place_of(target, STEP_DIALBACK_ANSWER, "XEP-0220 2.1.1");
    struct dialback_element answer;
    struct text out = TEXT_EMPTY;
    char key[65];
    if (context->alone) {
        check_report_step(&context->report, &place, CHECK_SKIPPED, NULL,
                          "they would ask the server about our key, which must run for that");
        return true;
    }
    if (context->silent) {
        check_report_step(&context->report, &place, CHECK_SKIPPED, NULL,
                          "dialback was not answered before; it is not waited for again");
        return false;
    }
    if (check_stream_id(target->stream)[0] == '\0') {
        check_report_bad(&context->report, &place, FAILURE_BAD_STREAM, NULL,
                         "its stream header has no id");
        return false;
    }
    dialback_key_make(key, context->domain, context->local, check_stream_id(target->stream));
    dialback_element_write_request(&out, DIALBACK_RESULT, context->local, context->domain, NULL,
                                   key);
    int result =
        check_stream_send(target->stream, text_string(&out), check_until(context, STEP_MS));
    text_free(&out);
    if (result < 0 || await_result(target, &answer) < 0) {
        unanswered(target, &place);
        return false;
    }
    if (!answered(target, &place, &answer))
        return false;
    ping(target);
    return true;
}

/* no_way - nothing that is offered would let us in */
static void no_way(struct target *target)
{
    struct check_context *context = target->context;
    struct check_place place = place_of(target, STEP_FEATURES, "RFC 6120 6.3.3");
    if (target->dialback)
        check_report_bad(&context->report, &place, FAILURE_DIALBACK_OFF_HERE, NULL,
                         "nothing but dialback would do, and it is off here");
    else
        check_report_bad(&context->report, &place, FAILURE_NO_WAY_OFFERED, NULL,
                         target->external ? "it offers SASL EXTERNAL only, and our certificate is "
                                            "not shown or theirs does not prove them"
                                          : "it offers neither dialback nor SASL EXTERNAL");
}

static void close_stream(struct target *target)
{
    check_stream_free(target->stream);
    target->stream = NULL;
}

/* authenticate - by each way offered: was one good? */
static bool authenticate(struct target *target)
{
    struct check_context *context = target->context;
    bool external = target->external && target->encrypted && target->proved && context->presents &&
                    context->policy.external;
    bool dialback = target->dialback && context->dialback, good = false;
    if (!external && !dialback) {
        no_way(target);
        return false;
    }
    if (external)
        good = try_external(target);
    if (!dialback || !check_goes_on(context))
        return good;
    if (external) {
        close_stream(target);
        target->quiet = true;
        if (open_stream(target) < 0)
            return good;
    }
    return try_dialback(target) || good;
}

void check_target_run(struct check_context *context, const struct dns_host *host, bool own,
                      const struct sockaddr_storage *address, const struct dns_tlsa *tlsa)
{
    struct target target = {
        .context = context, .host = host, .address = address, .tlsa = tlsa, .own = own};
    char name[80];
    socket_util_name((const struct sockaddr *)address, name, sizeof name);
    snprintf(target.name, sizeof target.name, "%s at %s", host->name, name);
    if (strncmp(name, host->name, strlen(host->name)) == 0)
        snprintf(target.name, sizeof target.name, "%s", name);
    context->tried++;
    if (open_stream(&target) == 0 && authenticate(&target))
        context->good++;
    close_stream(&target);
}
