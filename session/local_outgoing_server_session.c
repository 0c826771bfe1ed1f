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
#include "server/limit_log.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/remote_server_manager.h"
#include "server/thread.h"
#include "server/timeline.h"
#include "server/trace.h"
#include "server/upstream_manager.h"
#include "server/xmpp_server.h"
#include "session/outgoing_dialback.h"
#include "session/outgoing_line.h"
#include "session/outgoing_server_socket_reader.h"
#include "session/outgoing_session_promise.h"
#include "session/outgoing_session_state.h"
#include "session/retry_pause.h"
#include "session/routing_table.h"
#include "session/server_session_description.h"
#include "session/session_manager.h"
#include "session/session_outcome.h"
#include "xml/stream_limits.h"
#include "xml/xmlns.h"

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct domain_pair_table
    by_remote; /* key ("", remote), beside one for EXTERNAL (local, remote); a reference for each; guarded by table_lock */
static _Atomic unsigned next_number;

static const struct span nobody = {"", 0};

static struct local_outgoing_server_session *of(struct session *session)
{
    return (struct local_outgoing_server_session *)session;
}

static void free_session(struct session *base)
{
    struct local_outgoing_server_session *session = of(base);
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

/* end_expired - the certificate that this stream relies on has run out (RFC 6120 13.7.2.3) */
static void end_expired(struct local_outgoing_server_session *session)
{
    if (!local_outgoing_server_session_is_open(session) ||
        !socket_connection_has_expired(session->session.connection))
        return;
    local_outgoing_server_session_retire(session);
    if (session_end(&session->session, STREAM_RESET, "your certificate has expired"))
        log_info("%s: to %s ended: its certificate has expired", session->name, session->remote);
}

/* expire_in_line - who waits for it waits no longer than for one that is being set up */
static void expire_in_line(struct local_outgoing_server_session *session, int64_t now)
{
    pthread_mutex_lock(&session->session.lock);
    bool late = session->state == WAITING_FOR_THREAD && now >= session->deadline;
    pthread_mutex_unlock(&session->session.lock);
    if (!late)
        return;
    log_info("outgoing session to %s given up: too many are being set up before it",
             session->remote);
    local_outgoing_server_session_failed(session, PACKET_REMOTE_SERVER_TIMEOUT,
                                         "too many outgoing sessions are being set up before it");
}

/* keep_alive - a blank where we have sent nothing for so long (what comes does not count: the other side's patience is with us). By
 * housekeeping. */
static void keep_alive(struct local_outgoing_server_session *session, int64_t now)
{
    int64_t interval = atomic_load_explicit(&session->keep_alive, memory_order_relaxed);
    int64_t sent = socket_connection_stanzas(session->session.connection);
    if (sent != session->sent || session->sent_at == 0)
        session->sent_at = now;
    session->sent = sent;
    if (interval <= 0 || now < session->sent_at + interval)
        return;
    session->sent_at = now;
    socket_connection_keep_alive(session->session.connection);
}

static void tick(struct session *base, int64_t now)
{
    struct local_outgoing_server_session *session = of(base);
    outgoing_dialback_expire(session, now);
    expire_in_line(session, now);
    end_expired(session);
    if (local_outgoing_server_session_is_open(session))
        keep_alive(session, now);
}

static void retire(struct session *base)
{
    local_outgoing_server_session_retire(of(base));
}

static const struct session_operations operations = {
    .kind = "outgoing",
    .free = free_session,
    .check_permission = check_permission,
    .tick = tick,
    .describe = server_session_description_outgoing,
    .stand = server_session_description_stand_outgoing,
    .retire = retire,
};

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
    session->setup_time = config->xmpp_server_session_initialise_timeout * 1000;
    session->deadline = session->session.created + session->setup_time;
    session->read_timeout = config->xmpp_server_read_timeout;
    session->keep_alive = config->s2s_keepalive_interval;
    session->timeline = timeline_new();
    snprintf(session->name, sizeof session->name, "s2sout-%x",
             atomic_fetch_add(&next_number, 1) + 1);
    timeline_set_name(session->timeline, session->name);
    timeline_concern(session->timeline, session->remote);
    config_unref(config);
    metrics_add(outgoing_sessions, 1);
    outgoing_dialback_begin();
    session_manager_add(&session->session);
    return session;
}

static void start_next(struct local_outgoing_server_session *session);

/* run - the session's thread */
static void run(void *given)
{
    struct local_outgoing_server_session *session = given;
    outgoing_server_socket_reader_run(session);
    routing_table_remove_server_routes(session);
    local_outgoing_server_session_failed(session, PACKET_REMOTE_SERVER_TIMEOUT, "the stream ended");
    metrics_add(outgoing_sessions, -1);
    outgoing_dialback_over(session);
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
        start_next(session);
    metrics_add(outgoing_sessions, -1);
    outgoing_dialback_over(session);
    session_manager_remove(&session->session);
    local_outgoing_server_session_unref(session);
}

/* start_next - the set-up of `session` is over: whoever is first in line may start */
static void start_next(struct local_outgoing_server_session *session)
{
    struct local_outgoing_server_session *next = outgoing_line_leave(&session->place);
    if (next != NULL)
        start_thread(next);
}

/* offer_work - the same with its lock, and what is to be sent appended in order */
static enum outgoing_offer offer_work(struct local_outgoing_server_session *session,
                                      struct span local, struct dialback_verification *verification)
{
    struct text out = TEXT_EMPTY;
    pthread_mutex_lock(&session->session.lock);
    enum outgoing_offer taken = outgoing_dialback_offer(session, local, verification, &out);
    if (out.length > 0)
        socket_connection_deliver_now(session->session.connection, out.bytes, out.length);
    pthread_mutex_unlock(&session->session.lock);
    if (out.length > 0)
        socket_connection_flush(session->session.connection, false);
    text_free(&out);
    return taken;
}

/* What a session is wanted for, and its place in line. */
struct errand {
    enum outgoing_reason reason;
    unsigned cause;
    struct dialback_verification *verification; /* taken; NULL: a pair is to be proved */
};

/* hurry - it has work now that is more urgent than what it was made for; with table_lock held. True: it is to be started. Its deadline
 * begins anew, as for a session that this work would have made. */
static bool hurry(struct local_outgoing_server_session *session, const struct errand *errand)
{
    enum outgoing_hurry result =
        outgoing_line_hurry(&session->place, errand->reason, errand->cause);
    if (result == OUTGOING_STAYS)
        return false;
    pthread_mutex_lock(&session->session.lock);
    if (session->state == WAITING_FOR_THREAD)
        session->deadline = xmpp_server_now() + session->setup_time;
    pthread_mutex_unlock(&session->session.lock);
    return result == OUTGOING_STARTS;
}

/* find_or_make - a session to `remote` that has taken the work: that for all our domains, or, when it turned out to
 * be for another of them only, one for this domain alone. False: there is none, and none may be made. */
static bool find_or_make(struct span local, struct span remote, const struct errand *errand,
                         bool may_make)
{
    struct local_outgoing_server_session *made = NULL, *old = NULL, *proved = NULL, *start = NULL;
    const struct span keys[] = {nobody, local};
    enum outgoing_offer offer = OFFER_NOT_MINE;
    pthread_mutex_lock(&table_lock);
    for (int i = 0; i < 2 && offer == OFFER_NOT_MINE; i++) {
        struct local_outgoing_server_session *session =
            domain_pair_table_get(&by_remote, keys[i], remote);
        offer = session == NULL ? OFFER_RETIRED : offer_work(session, local, errand->verification);
        if (offer == OFFER_PROVED)
            proved = local_outgoing_server_session_ref(session);
        if (offer == OFFER_TAKEN && hurry(session, errand))
            start = session; /* with the line's reference */
        if (offer != OFFER_RETIRED || !may_make)
            continue;
        made = new_session(local, remote);
        made->exact = i == 1;
        offer_work(made, local, errand->verification);
        old = domain_pair_table_put(&by_remote, keys[i], remote,
                                    local_outgoing_server_session_ref(made));
        made->place.owner = made;
        start = outgoing_line_enter(&made->place, errand->reason, errand->cause) ? made : NULL;
    }
    pthread_mutex_unlock(&table_lock);
    local_outgoing_server_session_unref(old);
    if (proved != NULL) /* since this thread looked for a route, one was made */
        outgoing_session_promise_fulfilled(local, remote, proved);
    local_outgoing_server_session_unref(proved);
    if (start != NULL)
        start_thread(start);
    return made != NULL || offer != OFFER_RETIRED;
}

void local_outgoing_server_session_authenticate_domain(struct span local, struct span remote)
{
    find_or_make(local, remote, &(struct errand){.reason = OUTGOING_FOR_STANZAS}, true);
}

/* may_connect - for a question, which whoever claims a domain causes? Not to a domain that does not answer, and not when there are too
 * many streams for questions already. */
static bool may_connect(struct span remote, enum packet_error *error, struct text *why)
{
    if (upstream_manager_has(remote.bytes, remote.length)) /* near, and ours */
        return true;
    if (retry_pause_is_on(RETRY_QUESTIONS, remote, error, why))
        return false;
    *error = PACKET_RESOURCE_CONSTRAINT;
    text_append_string(why, "too many streams are open for questions about keys");
    return outgoing_dialback_crowd() != CROWD_FULL;
}

void local_outgoing_server_session_verify_key(struct dialback_verification *verification,
                                              enum outgoing_reason reason, unsigned cause)
{
    struct span local = domain_span(verification->local),
                remote = domain_span(verification->remote);
    struct errand errand = {reason, cause, verification};
    struct text why = TEXT_EMPTY;
    enum packet_error error = PACKET_REMOTE_SERVER_TIMEOUT;
    bool may = may_connect(remote, &error, &why);
    if (!find_or_make(local, remote, &errand, may)) /* nor is there a stream */
        dialback_verification_finish(
            verification, &(struct dialback_verdict){DIALBACK_ERROR, error, text_string(&why)});
    text_free(&why);
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
    struct socket_connection *before = session->session.connection;
    session->session.connection = socket_connection_ref(connection);
    pthread_mutex_unlock(&session->session.lock);
    socket_connection_unref(before);
}

void local_outgoing_server_session_opened(struct local_outgoing_server_session *session,
                                          const char *stream_id)
{
    struct text out = TEXT_EMPTY;
    pthread_mutex_lock(&session->session.lock);
    bool first = session->state == SETTING_UP;
    if (first) {
        session->state = OPENED;
        session->stream_id = text_copy(stream_id);
        outgoing_dialback_send_waiting(session, &out);
        socket_connection_deliver_now(session->session.connection, out.bytes, out.length);
    }
    pthread_mutex_unlock(&session->session.lock);
    text_free(&out);
    if (first) {
        socket_connection_flush(session->session.connection, true);
        start_next(session);
    }
}

void local_outgoing_server_session_authenticated(struct local_outgoing_server_session *session,
                                                 const char *stream_id)
{
    struct text out = TEXT_EMPTY;
    struct span own = domain_span(session->local), remote = domain_span(session->remote);
    struct wanted *wanted = NULL;
    pthread_mutex_lock(&session->session.lock);
    bool first = session->state == SETTING_UP;
    if (first) {
        session->state = OPENED;
        session->external = true;
        outgoing_dialback_count_domain(session);
        session->stream_id = text_copy(stream_id);
        wanted = session->wanted;
        session->wanted = NULL;
        outgoing_dialback_send_waiting(session, &out);
        socket_connection_deliver_now(session->session.connection, out.bytes, out.length);
    }
    pthread_mutex_unlock(&session->session.lock);
    text_free(&out);
    if (!first)
        return;
    retry_pause_succeeded(session->remote);
    session_outcome_out(session, session->local, FAILURE_NONE, "");
    metrics_add(proofs[METRICS_OUTGOING][PROOF_EXTERNAL], 1);
    log_info("outgoing session to %s: %s is proved by its certificate, at %s", session->remote,
             session->local, socket_connection_peer(session->session.connection));
    outgoing_session_promise_fulfilled(own, remote, session);
    socket_connection_flush(session->session.connection, true);
    start_next(session);
    while (wanted != NULL) { /* those of other domains of ours: on streams of their own */
        struct wanted *each = wanted;
        wanted = each->next;
        if (strcmp(each->local, session->local) != 0)
            local_outgoing_server_session_authenticate_domain(domain_span(each->local), remote);
        free(each->local);
        free(each);
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

/* --- stanzas --- */

void local_outgoing_server_session_take_limits(struct local_outgoing_server_session *session,
                                               const struct element *features, struct arena *arena)
{
    struct stream_limits limits;
    bool good = stream_limits_read(features, arena, &limits);
    const struct config *config = config_get();
    int64_t interval = config->s2s_keepalive_interval;
    config_unref(config);
    /* at half of the other side's patience, but housekeeping looks once a second only */
    if (limits.idle_seconds > 0 && limits.idle_seconds < interval / 500)
        interval = limits.idle_seconds * 500 > 1000 ? limits.idle_seconds * 500 : 1000;
    atomic_store_explicit(&session->keep_alive, interval, memory_order_relaxed);
    socket_connection_set_packet_limit(session->session.connection, (size_t)limits.max_bytes);
    if (limits.max_bytes > 0 || limits.idle_seconds > 0 || !good)
        timeline_step(session->timeline, "LocalOutgoingServerSession.createOutgoingSession",
                      "XEP-0478 4",
                      "they take stanzas of %lld bytes and wait for %lld seconds (0: not said)%s",
                      (long long)limits.max_bytes, (long long)limits.idle_seconds,
                      good ? "" : "; not all that they said makes sense");
}

static const struct element_style server_style = {XMLNS_SERVER, XMLNS_SERVER};

/* follow - for who follows the domain (server/trace.h) */
static void follow(const struct local_outgoing_server_session *session,
                   const struct element *packet)
{
    if (trace_is_on())
        trace_stanza(domain_span(session->remote), TRACE_STANZA_OUT, session->name, XMLNS_SERVER,
                     packet);
}

void local_outgoing_server_session_refuse_large(struct local_outgoing_server_session *session,
                                                const struct element *packet)
{
    limit_log_bites(LIMIT_PEER, "a <%s> is larger than %s takes", packet->name, session->remote);
    outgoing_session_promise_return_to_sender(packet, PACKET_POLICY_VIOLATION,
                                              "this is larger than the other server takes");
}

int local_outgoing_server_session_deliver(struct local_outgoing_server_session *session,
                                          const struct element *packet)
{
    follow(session, packet);
    int result =
        socket_connection_deliver_packet(session->session.connection, packet, &server_style);
    if (result <= 0)
        return result;
    local_outgoing_server_session_refuse_large(session, packet);
    return 0;
}

int local_outgoing_server_session_deliver_now(struct local_outgoing_server_session *session,
                                              const struct element *packet)
{
    follow(session, packet);
    return socket_connection_deliver_packet_now(session->session.connection, packet, &server_style);
}

/* --- its end
 * ---------------------------------------------------------------------------------------------------------- */

void local_outgoing_server_session_retire(struct local_outgoing_server_session *session)
{
    struct local_outgoing_server_session *listed = NULL;
    struct span remote = domain_span(session->remote);
    struct span key = session->exact ? domain_span(session->local) : nobody;
    pthread_mutex_lock(&table_lock);
    if (domain_pair_table_get(&by_remote, key, remote) == session)
        listed = domain_pair_table_remove(&by_remote, key, remote);
    pthread_mutex_lock(&session->session.lock);
    bool was_setting_up = session->state == SETTING_UP;
    session->state = RETIRED;
    pthread_mutex_unlock(&session->session.lock);
    pthread_mutex_unlock(&table_lock);
    if (was_setting_up)
        start_next(session);
    local_outgoing_server_session_unref(listed);
}

void local_outgoing_server_session_failed(struct local_outgoing_server_session *session,
                                          enum packet_error error, const char *why)
{
    local_outgoing_server_session_retire(session);
    outgoing_dialback_fail(session, error, why);
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
