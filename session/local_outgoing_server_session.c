/* SPDX-License-Identifier: Apache-2.0 */
/* local_outgoing_server_session - a stream that we opened to another domain
 *
 * Openfire: LocalOutgoingServerSession (authenticateDomain, createOutgoingSession). XEP-0220 2.1.1,
 * 2.1.2, 2.6.1; RFC 6120 10.4.
 *
 * Action points:
 *   a pair is wanted, or a key is to be verified
 *     -> there is a session to that domain: opened: db:result or db:verify at once; being set up:
 *     it waits
 *     -> there is none: a new one on a new thread, at most `xmpp.server.outgoing.max.threads`
 *     being set up at once, the others in line
 *   opened             -> all that waited is sent
 *   db:result answered -> valid: the promise is fulfilled, the route is there; invalid or error:
 *   the promise fails
 *   db:verify answered -> the verification is finished
 *   deadline of either -> by housekeeping, as an error
 *   the end            -> all that wait are told; what was appended and not sent comes back to its
 *   senders
 * DIFFERS: Openfire asks db:verify on a connection of its own each time; waits for answers one by
 * one (D26); and guesses parent
 * domains and shares streams by substring (D17). None of that here.
 */
#include "session/local_outgoing_server_session.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dialback/originating_server.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/remote_server_manager.h"
#include "server/thread.h"
#include "server/timeline.h"
#include "server/xmpp_server.h"
#include "session/outgoing_line.h"
#include "session/outgoing_server_socket_reader.h"
#include "session/outgoing_session_promise.h"
#include "session/retry_pause.h"
#include "session/routing_table.h"
#include "session/session_manager.h"
#include "xml/xmlns.h"

enum state { WAITING_FOR_THREAD, SETTING_UP, OPENED, RETIRED };

struct wanted {
    struct wanted *next;
    char *local;
};

struct local_outgoing_server_session {
    struct session session;    /* first: a struct session * is one of these */
    char *local, *remote;      /* set before start */
    char name[32];             /* set before start */
    int64_t deadline;          /* of the set-up; set before its thread starts */
    int64_t read_timeout;      /* set before start */
    int64_t keep_alive;        /* set before start */
    int64_t next_keep_alive;   /* housekeeping's own */
    struct timeline *timeline; /* the session's until it is connected, then its connection's */
    enum state state;          /* guarded by session.lock */
    char *stream_id;           /* the peer's, from opened on; guarded by session.lock */
    struct wanted *wanted;     /* pairs to be proved once it is opened; guarded by session.lock */
    struct originating_server originating; /* guarded by session.lock */
    struct receiving_server receiving;     /* guarded by session.lock */
    int domains;                           /* pairs proved; guarded by session.lock */
    struct outgoing_line_place place;      /* in line for a thread; the line's */
};

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct domain_pair_table
    by_remote; /* key ("", remote); a reference for each; guarded by table_lock */
static _Atomic unsigned next_number;

static const struct span nobody = {"", 0};

static struct local_outgoing_server_session *of(struct session *session)
{
    return (struct local_outgoing_server_session *)session;
}

static void free_session(struct session *base)
{
    struct local_outgoing_server_session *session = of(base);
    if (base->connection == NULL)
        timeline_free(session->timeline);
    session_destroy(base);
    free(session->local);
    free(session->remote);
    free(session->stream_id);
    free(session);
}

static void check_permission(struct session *base)
{
    struct local_outgoing_server_session *session = of(base);
    struct text why = TEXT_EMPTY;
    if (!remote_server_manager_can_access(session->remote, &why)) {
        local_outgoing_server_session_retire(session);
        if (session_end(base, STREAM_POLICY_VIOLATION, NULL))
            log_info("%s: to %s ended after a change of the settings: %s", session->name,
                     session->remote, text_string(&why));
    }
    text_free(&why);
}

/* expire - what has not been answered in time */
static void expire(struct local_outgoing_server_session *session, int64_t now)
{
    struct originating_request *request;
    struct dialback_verification *verification;
    do {
        pthread_mutex_lock(&session->session.lock);
        request = originating_server_take_expired(&session->originating, now);
        verification = receiving_server_take_expired(&session->receiving, now);
        pthread_mutex_unlock(&session->session.lock);
        if (request != NULL) {
            retry_pause_failed(session->remote, PACKET_REMOTE_SERVER_TIMEOUT,
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

static void tick(struct session *base, int64_t now)
{
    struct local_outgoing_server_session *session = of(base);
    expire(session, now);
    if (session->keep_alive <= 0 || !local_outgoing_server_session_is_open(session))
        return;
    int64_t quiet_since = socket_connection_last_active(base->connection);
    if (now < quiet_since + session->keep_alive || now < session->next_keep_alive)
        return;
    session->next_keep_alive = now + session->keep_alive;
    socket_connection_keep_alive(base->connection);
}

static const struct session_operations operations = {"outgoing", free_session, check_permission,
                                                     tick};

struct local_outgoing_server_session *local_outgoing_server_session_ref(
    struct local_outgoing_server_session *session)
{
    session_ref(&session->session);
    return session;
}

void local_outgoing_server_session_unref(struct local_outgoing_server_session *session)
{
    if (session != NULL)
        session_unref(&session->session);
}

/* --- making one
 * ------------------------------------------------------------------------------------------------------ */

static struct local_outgoing_server_session *new_session(struct span local, struct span remote)
{
    const struct config *config = config_get();
    struct local_outgoing_server_session *session = text_calloc(1, sizeof *session);
    session_init(&session->session, &operations);
    session->local = text_copy_n(local.bytes, local.length);
    session->remote = text_copy_n(remote.bytes, remote.length);
    session->deadline =
        session->session.created + config->xmpp_server_session_initialise_timeout * 1000;
    session->read_timeout = config->xmpp_server_read_timeout;
    session->keep_alive = config->s2s_keepalive_interval;
    session->timeline = timeline_new();
    snprintf(session->name, sizeof session->name, "s2sout-%x",
             atomic_fetch_add(&next_number, 1) + 1);
    config_unref(config);
    metrics_add(outgoing_sessions, 1);
    session_manager_add(&session->session);
    return session;
}

static void start_next(void);

/* run - the session's thread */
static void run(void *given)
{
    struct local_outgoing_server_session *session = given;
    outgoing_server_socket_reader_run(session);
    routing_table_remove_server_routes(session);
    local_outgoing_server_session_failed(session, PACKET_REMOTE_SERVER_TIMEOUT, "the stream ended");
    metrics_add(outgoing_sessions, -1);
    session_manager_remove(&session->session);
    local_outgoing_server_session_unref(session);
}

/* start_thread - give the session (and the caller's reference) to a thread of its own */
static void start_thread(struct local_outgoing_server_session *session)
{
    const struct config *config = config_get();
    size_t stack = (size_t)config->s2s_stack_size;
    config_unref(config);
    pthread_mutex_lock(&session->session.lock);
    bool wanted = session->state == WAITING_FOR_THREAD;
    if (wanted)
        session->state = SETTING_UP;
    pthread_mutex_unlock(&session->session.lock);
    if (wanted && thread_start(session->name, stack, run, session) == 0)
        return;
    local_outgoing_server_session_failed(session, PACKET_RESOURCE_CONSTRAINT,
                                         "no thread for an outgoing session");
    if (!wanted) /* it was retired while in line: its turn goes to the next */
        start_next();
    metrics_add(outgoing_sessions, -1);
    session_manager_remove(&session->session);
    local_outgoing_server_session_unref(session);
}

/* start_next - a set-up is over: whoever is first in line may start */
static void start_next(void)
{
    struct local_outgoing_server_session *next = outgoing_line_leave();
    if (next != NULL)
        start_thread(next);
}

/* give_work - under the session's lock: a pair to be proved or a verification. False when the
 * session takes no more. */
static bool give_work(struct local_outgoing_server_session *session, struct span local,
                      struct dialback_verification *verification, struct text *out)
{
    if (session->state == RETIRED)
        return false;
    int64_t answer_by = xmpp_server_now() + session->read_timeout;
    if (verification != NULL) {
        receiving_server_take(&session->receiving, verification);
        if (session->state == OPENED) {
            timeline_step(session->timeline, "ServerDialback.verifyKey", "XEP-0220 2.1.2",
                          "db:verify sent on this open stream: did %s make the key shown to us?",
                          session->remote);
            receiving_server_verify_keys(&session->receiving, answer_by, out);
        }
        return true;
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
    return true;
}

/* offer_work - the same with its lock, and what is to be sent appended in order */
static bool offer_work(struct local_outgoing_server_session *session, struct span local,
                       struct dialback_verification *verification)
{
    struct text out = TEXT_EMPTY;
    pthread_mutex_lock(&session->session.lock);
    bool taken = give_work(session, local, verification, &out);
    if (out.length > 0)
        socket_connection_deliver_now(session->session.connection, out.bytes, out.length);
    pthread_mutex_unlock(&session->session.lock);
    if (out.length > 0)
        socket_connection_flush_now(session->session.connection);
    text_free(&out);
    return taken;
}

/* find_or_make - a session to `remote` that has taken the work */
static void find_or_make(struct span local, struct span remote,
                         struct dialback_verification *verification)
{
    struct local_outgoing_server_session *made = NULL, *old = NULL;
    bool start = false;
    pthread_mutex_lock(&table_lock);
    struct local_outgoing_server_session *session =
        domain_pair_table_get(&by_remote, nobody, remote);
    if (session == NULL || !offer_work(session, local, verification)) {
        made = new_session(local, remote);
        offer_work(made, local, verification);
        old = domain_pair_table_put(&by_remote, nobody, remote,
                                    local_outgoing_server_session_ref(made));
        made->place.owner = made;
        start = outgoing_line_enter(&made->place);
    }
    pthread_mutex_unlock(&table_lock);
    local_outgoing_server_session_unref(old);
    if (start)
        start_thread(made);
}

void local_outgoing_server_session_authenticate_domain(struct span local, struct span remote)
{
    find_or_make(local, remote, NULL);
}

void local_outgoing_server_session_verify_key(struct dialback_verification *verification)
{
    find_or_make(domain_span(verification->local), domain_span(verification->remote), verification);
}

/* --- its life
 * --------------------------------------------------------------------------------------------------------- */

const char *local_outgoing_server_session_remote(
    const struct local_outgoing_server_session *session)
{
    return session->remote;
}

const char *local_outgoing_server_session_local(const struct local_outgoing_server_session *session)
{
    return session->local;
}

int64_t local_outgoing_server_session_deadline(const struct local_outgoing_server_session *session)
{
    return session->deadline;
}

struct timeline *local_outgoing_server_session_timeline(
    const struct local_outgoing_server_session *session)
{
    return session->timeline;
}

void local_outgoing_server_session_connected(struct local_outgoing_server_session *session,
                                             struct socket_connection *connection)
{
    pthread_mutex_lock(&session->session.lock);
    session->session.connection = socket_connection_ref(connection);
    pthread_mutex_unlock(&session->session.lock);
}

void local_outgoing_server_session_opened(struct local_outgoing_server_session *session,
                                          const char *stream_id)
{
    struct text out = TEXT_EMPTY;
    int64_t answer_by = xmpp_server_now() + session->read_timeout;
    pthread_mutex_lock(&session->session.lock);
    bool first = session->state == SETTING_UP;
    if (first) {
        session->state = OPENED;
        session->stream_id = text_copy(stream_id);
        while (session->wanted != NULL) {
            struct wanted *wanted = session->wanted;
            session->wanted = wanted->next;
            timeline_step(session->timeline, "ServerDialback.authenticateDomain", "XEP-0220 2.1.1",
                          "db:result sent: a key that proves %s, made for stream %s", wanted->local,
                          stream_id);
            originating_server_authenticate_domain(&session->originating, wanted->local,
                                                   session->remote, stream_id, answer_by, &out);
            free(wanted->local);
            free(wanted);
        }
        if (session->receiving.verifications != NULL)
            timeline_step(session->timeline, "ServerDialback.verifyKey", "XEP-0220 2.1.2",
                          "db:verify sent: did %s make the key shown to us?", session->remote);
        receiving_server_verify_keys(&session->receiving, answer_by, &out);
        socket_connection_deliver_now(session->session.connection, out.bytes, out.length);
    }
    pthread_mutex_unlock(&session->session.lock);
    text_free(&out);
    if (first) {
        socket_connection_flush(session->session.connection);
        start_next();
    }
}

bool local_outgoing_server_session_is_open(struct local_outgoing_server_session *session)
{
    pthread_mutex_lock(&session->session.lock);
    bool open = session->state == OPENED;
    pthread_mutex_unlock(&session->session.lock);
    return open;
}

bool local_outgoing_server_session_has_domain(struct local_outgoing_server_session *session)
{
    pthread_mutex_lock(&session->session.lock);
    bool has = session->domains > 0;
    pthread_mutex_unlock(&session->session.lock);
    return has;
}

bool local_outgoing_server_session_is_waiting(struct local_outgoing_server_session *session)
{
    pthread_mutex_lock(&session->session.lock);
    bool waiting =
        session->originating.requests != NULL || session->receiving.verifications != NULL;
    pthread_mutex_unlock(&session->session.lock);
    return waiting;
}

/* proved - valid: from now on the pair's stanzas go over this stream, those that waited first */
static void proved(struct local_outgoing_server_session *session,
                   const struct originating_request *request)
{
    pthread_mutex_lock(&session->session.lock);
    session->domains++;
    pthread_mutex_unlock(&session->session.lock);
    retry_pause_succeeded(session->remote);
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
    enum packet_error condition =
        error ? PACKET_REMOTE_SERVER_TIMEOUT : PACKET_INTERNAL_SERVER_ERROR;
    retry_pause_failed(session->remote, condition, why);
    outgoing_session_promise_failed(domain_span(request->local), domain_span(request->remote),
                                    condition, why);
    return error || local_outgoing_server_session_has_domain(session) ||
                   local_outgoing_server_session_is_waiting(session)
               ? 0
               : -1;
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

int local_outgoing_server_session_result_received(struct local_outgoing_server_session *session,
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

void local_outgoing_server_session_verify_received(struct local_outgoing_server_session *session,
                                                   const struct dialback_element *answer)
{
    struct dialback_verdict verdict;
    struct text why = TEXT_EMPTY;
    pthread_mutex_lock(&session->session.lock);
    struct dialback_verification *verification =
        receiving_server_take_answered(&session->receiving, answer, &verdict, &why);
    pthread_mutex_unlock(&session->session.lock);
    if (verification != NULL) {
        timeline_step(session->timeline, "ServerDialback.verifyKey", "XEP-0220 2.1.2",
                      "db:verify answered: %s", verdict.why);
        dialback_verification_finish(verification, &verdict);
    } else {
        log_unasked(session, answer);
    }
    text_free(&why);
}

/* count - a packet was taken (0) or not (-1) */
static int count(struct local_outgoing_server_session *session, int result)
{
    if (result == 0) {
        metrics_add(stanzas_out, 1);
        atomic_fetch_add_explicit(&session->session.packets_out, 1, memory_order_relaxed);
    }
    return result;
}

static const struct element_style server_style = {XMLNS_SERVER, XMLNS_SERVER};

int local_outgoing_server_session_deliver(struct local_outgoing_server_session *session,
                                          const struct element *packet)
{
    return count(session, socket_connection_deliver_packet(session->session.connection, packet,
                                                           &server_style));
}

int local_outgoing_server_session_deliver_now(struct local_outgoing_server_session *session,
                                              const struct element *packet)
{
    return count(session, socket_connection_deliver_packet_now(session->session.connection, packet,
                                                               &server_style));
}

/* --- its end
 * ---------------------------------------------------------------------------------------------------------- */

void local_outgoing_server_session_retire(struct local_outgoing_server_session *session)
{
    struct local_outgoing_server_session *listed = NULL;
    struct span remote = domain_span(session->remote);
    pthread_mutex_lock(&table_lock);
    if (domain_pair_table_get(&by_remote, nobody, remote) == session)
        listed = domain_pair_table_remove(&by_remote, nobody, remote);
    pthread_mutex_lock(&session->session.lock);
    bool was_setting_up = session->state == SETTING_UP;
    session->state = RETIRED;
    pthread_mutex_unlock(&session->session.lock);
    pthread_mutex_unlock(&table_lock);
    local_outgoing_server_session_unref(listed);
    if (was_setting_up)
        start_next();
}

void local_outgoing_server_session_failed(struct local_outgoing_server_session *session,
                                          enum packet_error error, const char *why)
{
    local_outgoing_server_session_retire(session);
    pthread_mutex_lock(&session->session.lock);
    struct wanted *wanted = session->wanted;
    struct originating_server originating = session->originating;
    struct receiving_server receiving = session->receiving;
    session->wanted = NULL;
    session->originating = (struct originating_server){0};
    session->receiving = (struct receiving_server){0};
    pthread_mutex_unlock(&session->session.lock);
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
    for (struct dialback_verification *each;
         (each = receiving_server_take_expired(&receiving, INT64_MAX)) != NULL;)
        dialback_verification_finish(each, &(struct dialback_verdict){DIALBACK_ERROR, error, why});
}

void local_outgoing_server_session_stop(void)
{
    pthread_mutex_lock(&table_lock);
    size_t position = 0;
    for (struct domain_pair *pair; (pair = domain_pair_table_next(&by_remote, &position)) != NULL;)
        local_outgoing_server_session_unref(pair->value);
    domain_pair_table_free(&by_remote);
    pthread_mutex_unlock(&table_lock);
}
