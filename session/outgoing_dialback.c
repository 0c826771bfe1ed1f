/* SPDX-License-Identifier: Apache-2.0 */
/* outgoing_dialback - what is asked and answered on a stream that we opened
 *
 * Openfire: ServerDialback.authenticateDomain, verifyKey. XEP-0220 2.1.1, 2.1.2, 2.6.1.
 *
 * Action points:
 *   work is offered    -> opened: db:result or db:verify at once; being set up: it waits; authenticated by certificate:
 *   a pair of its own domain needs no key, one of another domain has no place here
 *   db:result answered -> valid: the promise is fulfilled, the route is there; invalid or error: the promise fails
 *   db:verify answered -> the verification is finished
 *   deadline of either -> by housekeeping, as an error
 */
#include "session/outgoing_dialback.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/config.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/timeline_store.h"
#include "server/xmpp_server.h"
#include "session/domain_pair.h"
#include "session/outgoing_session_promise.h"
#include "session/outgoing_session_state.h"
#include "session/retry_pause.h"
#include "session/session_outcome.h"

static _Atomic int unproved; /* sessions without a proved pair */

void outgoing_dialback_begin(void)
{
    atomic_fetch_add(&unproved, 1);
}

void outgoing_dialback_count_domain(struct local_outgoing_server_session *session)
{
    if (session->domains++ == 0)
        atomic_fetch_sub(&unproved, 1);
}

void outgoing_dialback_over(struct local_outgoing_server_session *session)
{
    pthread_mutex_lock(&session->session.lock);
    if (session->domains == 0)
        atomic_fetch_sub(&unproved, 1);
    pthread_mutex_unlock(&session->session.lock);
}

enum outgoing_crowd outgoing_dialback_crowd(void)
{
    const struct config *config = config_get();
    int64_t most = config->xmpp_server_outgoing_max_threads, now = atomic_load(&unproved);
    config_unref(config);
    return now >= most * CROWD_FACTOR ? CROWD_FULL : now >= most ? CROWD_MANY : CROWD_FEW;
}

enum outgoing_offer outgoing_dialback_offer(struct local_outgoing_server_session *session,
                                            struct span local,
                                            struct dialback_verification *verification,
                                            struct text *out)
{
    if (session->state == RETIRED)
        return OFFER_RETIRED;
    if (session->external && verification == NULL)
        return span_equals(local, session->local, strlen(session->local)) ? OFFER_PROVED
                                                                          : OFFER_NOT_MINE;
    int64_t answer_by = xmpp_server_now() + session->read_timeout;
    if (verification != NULL) {
        receiving_server_take(&session->receiving, verification);
        if (session->state == OPENED) {
            timeline_step(session->timeline, "ServerDialback.verifyKey", "XEP-0220 2.1.2",
                          "db:verify sent on this open stream: did %s make the key shown to us?",
                          session->remote);
            receiving_server_verify_keys(&session->receiving, answer_by, out);
        }
        return OFFER_TAKEN;
    }
    char *domain = text_copy_n(local.bytes, local.length);
    if (session->state == OPENED) {
        timeline_step(session->timeline, "ServerDialback.authenticateDomain", "XEP-0220 2.6.1",
                      "db:result sent on this open stream: a key that proves %s", domain);
        originating_server_authenticate_domain(&session->originating, domain, session->remote,
                                               session->stream_id, answer_by, out);
        free(domain);
    } else {
        struct wanted *wanted = text_calloc(1, sizeof *wanted);
        wanted->local = domain;
        wanted->next = session->wanted;
        session->wanted = wanted;
    }
    return OFFER_TAKEN;
}

void outgoing_dialback_send_waiting(struct local_outgoing_server_session *session, struct text *out)
{
    int64_t answer_by = xmpp_server_now() + session->read_timeout;
    while (session->wanted != NULL) {
        struct wanted *wanted = session->wanted;
        session->wanted = wanted->next;
        timeline_step(session->timeline, "ServerDialback.authenticateDomain", "XEP-0220 2.1.1",
                      "db:result sent: a key that proves %s, made for stream %s", wanted->local,
                      session->stream_id);
        originating_server_authenticate_domain(&session->originating, wanted->local,
                                               session->remote, session->stream_id, answer_by, out);
        free(wanted->local);
        free(wanted);
    }
    if (session->receiving.verifications != NULL)
        timeline_step(session->timeline, "ServerDialback.verifyKey", "XEP-0220 2.1.2",
                      "db:verify sent: did %s make the key shown to us?", session->remote);
    receiving_server_verify_keys(&session->receiving, answer_by, out);
}

/* note_silence - our key was not answered: was it asked about meanwhile? */
static void note_silence(struct local_outgoing_server_session *session, int64_t now)
{
    struct timeline_asked asked;
    bool came = timeline_store_last_asked(session->remote, &asked) && asked.valid &&
                asked.at >= now - session->read_timeout;
    timeline_fail(session->timeline, came ? FAILURE_DIALBACK_SILENT : FAILURE_DIALBACK_NOT_ASKED,
                  "no answer to our dialback key within %lld ms; it %s",
                  (long long)session->read_timeout,
                  came ? "was asked about here" : "was not asked about here");
}

void outgoing_dialback_expire(struct local_outgoing_server_session *session, int64_t now)
{
    struct originating_request *request;
    struct dialback_verification *verification;
    do {
        pthread_mutex_lock(&session->session.lock);
        request = originating_server_take_expired(&session->originating, now);
        verification = receiving_server_take_expired(&session->receiving, now);
        pthread_mutex_unlock(&session->session.lock);
        if (request != NULL) {
            note_silence(session, now);
            session_outcome_out(session, request->local, FAILURE_OTHER, "");
            retry_pause_failed(RETRY_STANZAS, session->remote, PACKET_REMOTE_SERVER_TIMEOUT,
                               "no answer to our dialback key in time");
            outgoing_session_promise_failed(
                domain_span(request->local), domain_span(request->remote),
                PACKET_REMOTE_SERVER_TIMEOUT, "no answer to our dialback key in time");
            originating_request_free(request);
        }
        if (verification != NULL)
            dialback_verification_finish(
                verification,
                &(struct dialback_verdict){DIALBACK_ERROR, PACKET_REMOTE_SERVER_TIMEOUT,
                                           "the authoritative server did not answer in time"});
    } while (request != NULL || verification != NULL);
}

/* is_of_use - does anything else hang on this stream? */
static bool is_of_use(struct local_outgoing_server_session *session)
{
    pthread_mutex_lock(&session->session.lock);
    bool use = session->domains > 0 || session->originating.requests != NULL ||
               session->receiving.verifications != NULL;
    pthread_mutex_unlock(&session->session.lock);
    return use;
}

/* proved - valid: from now on the pair's stanzas go over this stream, those that waited first */
static void proved(struct local_outgoing_server_session *session,
                   const struct originating_request *request)
{
    pthread_mutex_lock(&session->session.lock);
    outgoing_dialback_count_domain(session);
    pthread_mutex_unlock(&session->session.lock);
    retry_pause_succeeded(session->remote);
    session_outcome_out(session, request->local, FAILURE_NONE, "");
    metrics_add(proofs[METRICS_OUTGOING][PROOF_DIALBACK], 1);
    log_info("outgoing session to %s: %s is proved by dialback, at %s", session->remote,
             request->local, socket_connection_peer(session->session.connection));
    outgoing_session_promise_fulfilled(domain_span(request->local), domain_span(request->remote),
                                       session);
}

/* not_proved - XEP-0220 2.1.1: invalid -> internal-server-error to the senders; error ->
 * remote-server-timeout, the stream stays */
static int not_proved(struct local_outgoing_server_session *session,
                      const struct originating_request *request,
                      const struct dialback_element *answer)
{
    bool error = answer->type == DIALBACK_ERROR;
    char why[256];
    snprintf(why, sizeof why, "the other server refused %s: %s%s%s", request->local,
             error ? packet_error_name(answer->error) : "invalid key", error ? ", " : "",
             error ? answer->error_text : "");
    log_info("outgoing session to %s: %s", session->remote, why);
    timeline_fail(session->timeline,
                  error ? session_outcome_of_dialback_error(answer->error, answer->error_text)
                        : FAILURE_OUR_KEY_DENIED,
                  "%s", why);
    session_outcome_out(session, request->local, FAILURE_OTHER, why);
    enum packet_error condition =
        error ? PACKET_REMOTE_SERVER_TIMEOUT : PACKET_INTERNAL_SERVER_ERROR;
    retry_pause_failed(RETRY_STANZAS, session->remote, condition, why);
    outgoing_session_promise_failed(domain_span(request->local), domain_span(request->remote),
                                    condition, why);
    return error || is_of_use(session) ? 0 : -1;
}

static void log_unasked(const struct local_outgoing_server_session *session,
                        const struct dialback_element *answer)
{
    const char *name = answer->kind == DIALBACK_RESULT ? "db:result" : "db:verify";
    timeline_step(session->timeline, "ServerDialback", "XEP-0220 3.1",
                  "an answer that nobody asked for on this stream (%s from %s to %s): ignored",
                  name, answer->from, answer->to);
    log_warn("%s: %s sent a %s that was not asked for on this stream (from %s to %s): ignored",
             session->name, session->remote, name, answer->from, answer->to);
}

int outgoing_dialback_result_received(struct local_outgoing_server_session *session,
                                      const struct dialback_element *answer)
{
    pthread_mutex_lock(&session->session.lock);
    struct originating_request *request =
        originating_server_take_answered(&session->originating, answer);
    pthread_mutex_unlock(&session->session.lock);
    if (request == NULL) {
        log_unasked(session, answer);
        return 0;
    }
    timeline_step(session->timeline, "ServerDialback.authenticateDomain", "XEP-0220 2.1.1",
                  "db:result received: %s is %s at %s", request->local,
                  answer->type == DIALBACK_VALID     ? "valid"
                  : answer->type == DIALBACK_INVALID ? "invalid"
                                                     : packet_error_name(answer->error),
                  session->remote);
    int result = 0;
    if (answer->type == DIALBACK_VALID)
        proved(session, request);
    else
        result = not_proved(session, request, answer);
    originating_request_free(request);
    return result;
}

void outgoing_dialback_verify_received(struct local_outgoing_server_session *session,
                                       const struct dialback_element *answer)
{
    struct dialback_verdict verdict;
    struct text why = TEXT_EMPTY;
    pthread_mutex_lock(&session->session.lock);
    struct dialback_verification *verification =
        receiving_server_take_answered(&session->receiving, answer, &verdict, &why);
    pthread_mutex_unlock(&session->session.lock);
    if (verification != NULL) {
        retry_pause_answered(session->remote);
        timeline_step(session->timeline, "ServerDialback.verifyKey", "XEP-0220 2.1.2",
                      "db:verify answered: %s", verdict.why);
        dialback_verification_finish(verification, &verdict);
    } else {
        log_unasked(session, answer);
    }
    text_free(&why);
}

void outgoing_dialback_fail(struct local_outgoing_server_session *session, enum packet_error error,
                            const char *why)
{
    pthread_mutex_lock(&session->session.lock);
    struct wanted *wanted = session->wanted;
    struct originating_server originating = session->originating;
    struct receiving_server receiving = session->receiving;
    session->wanted = NULL;
    session->originating = (struct originating_server){0};
    session->receiving = (struct receiving_server){0};
    pthread_mutex_unlock(&session->session.lock);
    if (originating.requests != NULL)
        timeline_fail(session->timeline, FAILURE_DIALBACK_ERROR,
                      "the stream ended before our dialback key was answered: %s", why);
    enum failure noted = timeline_failure(session->timeline, NULL);
    bool refused = noted == FAILURE_BLOCKED_THERE || noted == FAILURE_NOT_SERVED_THERE;
    if (wanted != NULL || originating.requests != NULL || receiving.verifications != NULL ||
        refused)
        session_outcome_out(session, session->local, FAILURE_OTHER, why);
    while (wanted != NULL) {
        struct wanted *each = wanted;
        wanted = each->next;
        outgoing_session_promise_failed(domain_span(each->local), domain_span(session->remote),
                                        error, why);
        free(each->local);
        free(each);
    }
    for (struct originating_request *each;
         (each = originating_server_take_expired(&originating, INT64_MAX)) != NULL;
         originating_request_free(each))
        outgoing_session_promise_failed(domain_span(each->local), domain_span(session->remote),
                                        error, why);
    if (receiving.verifications != NULL) /* before they are finished: the next may come at once */
        retry_pause_failed(RETRY_QUESTIONS, session->remote, error, why);
    for (struct dialback_verification *each;
         (each = receiving_server_take_expired(&receiving, INT64_MAX)) != NULL;)
        dialback_verification_finish(each, &(struct dialback_verdict){DIALBACK_ERROR, error, why});
}
