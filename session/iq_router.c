/* SPDX-License-Identifier: Apache-2.0 */
/* iq_router - packets for ourselves: to the service that answers, or to who of us asked
 *
 * Openfire: IQRouter.route, IQRouter.addIQResultListener. The id of a ping holds 64 random bits and
 * the answer must come from the domain that was asked, so that nobody else can answer it. The table
 * of pings has a mutex, a leaf.
 */
#include "session/iq_router.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "server/config.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/thread.h"
#include "server/xmpp_server.h"
#include "session/iq_handlers.h"
#include "session/packet_router.h"
#include "xml/xmlns.h"

#define PINGS_MAX 64

struct ping {
    char id[24]; /* "" when free */
    char domain[JID_PART_MAX + 1];
    int64_t sent, deadline;
    bool awaited; /* somebody waits for the answer: it is left for them */
    bool answered;
    struct iq_router_pong pong; /* once it is answered */
};

static pthread_mutex_t pings_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t pong_once = PTHREAD_ONCE_INIT;
static pthread_cond_t pong_came;
static struct ping pings[PINGS_MAX]; /* guarded by pings_lock */

static void make_condition(void)
{
    thread_condition_init(&pong_came);
}

/* fill_pong - what the answer says; the lock is held */
static void fill_pong(struct arena *arena, const struct element *iq, struct ping *ping)
{
    const char *type = element_get(iq, "type"), *text = "";
    ping->pong.took = xmpp_server_now() - ping->sent;
    ping->pong.is_result = type != NULL && strcmp(type, "result") == 0;
    if (!ping->pong.is_result)
        ping->pong.error = packet_read_error(arena, iq, &text);
    snprintf(ping->pong.text, sizeof ping->pong.text, "%s", text);
    ping->answered = true;
}

/* take_ping - the ping that this answer from `domain` ends; true with a copy, unless somebody waits for it, who is told */
static bool take_ping(struct arena *arena, const struct element *iq, const char *id,
                      const char *domain, struct ping *taken)
{
    bool found = false;
    pthread_once(&pong_once, make_condition);
    pthread_mutex_lock(&pings_lock);
    for (int i = 0; i < PINGS_MAX && !found; i++) {
        if (pings[i].id[0] == '\0' || pings[i].answered || strcmp(pings[i].id, id) != 0 ||
            strcmp(pings[i].domain, domain) != 0)
            continue;
        fill_pong(arena, iq, &pings[i]);
        *taken = pings[i];
        if (pings[i].awaited)
            pthread_cond_broadcast(&pong_came);
        else
            pings[i].id[0] = '\0';
        found = true;
    }
    pthread_mutex_unlock(&pings_lock);
    return found && !taken->awaited;
}

/* answer_received - a result or error for us. Also an error counts as a sign of life unless it
 * came from our own side. */
static void answer_received(struct arena *arena, const struct element *iq)
{
    const char *id = element_get(iq, "id"), *from = element_get(iq, "from");
    char domain[JID_PART_MAX + 1];
    struct ping ping;
    if (id == NULL || from == NULL || jid_prepare_domain(from, strlen(from), domain) < 0 ||
        !take_ping(arena, iq, id, domain, &ping))
        return;
    if (ping.pong.is_result)
        log_info("pong from %s in %lld ms", ping.domain, (long long)ping.pong.took);
    else
        log_info("ping to %s failed: %s after %lld ms%s%s", ping.domain,
                 packet_error_name(ping.pong.error), (long long)ping.pong.took,
                 ping.pong.text[0] != '\0' ? ": " : "", ping.pong.text);
}

void iq_router_route(struct arena *arena, struct element *packet, const struct jid *to)
{
    if (packet_kind(packet) == PACKET_IQ && !packet_iq_is_request(packet)) {
        const char *type = element_get(packet, "type");
        if (type != NULL && (strcmp(type, "result") == 0 || strcmp(type, "error") == 0)) {
            answer_received(arena, packet);
            return;
        }
    }
    const struct config *config = config_get();
    struct element *reply =
        to->local.length == 0 && to->resource.length == 0 && packet_kind(packet) == PACKET_IQ
            ? iq_handlers_answer(arena, packet, config)
            : iq_handlers_answer_nobody(arena, packet);
    config_unref(config);
    if (reply == NULL)
        return;
    if (strcmp(element_get(reply, "type"), "error") == 0)
        metrics_add(stanza_errors[packet_read_error(arena, reply, NULL)], 1);
    packet_router_route_reply(arena, reply);
}

/* note_ping - remember it under a fresh id. -1 when the table is full. */
static int note_ping(const char *domain, int64_t timeout, bool awaited, char id[24])
{
    unsigned long long random;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return -1;
    snprintf(id, 24, "ping-%016llx", random);
    int result = -1;
    pthread_mutex_lock(&pings_lock);
    for (int i = 0; i < PINGS_MAX && result < 0; i++) {
        if (pings[i].id[0] != '\0')
            continue;
        pings[i] = (struct ping){.awaited = awaited};
        memcpy(pings[i].id, id, 24);
        snprintf(pings[i].domain, sizeof pings[i].domain, "%s", domain);
        pings[i].sent = xmpp_server_now();
        pings[i].deadline = pings[i].sent + timeout;
        result = 0;
    }
    pthread_mutex_unlock(&pings_lock);
    return result;
}

int iq_router_ping(const char *domain, int64_t timeout)
{
    char prepared[JID_PART_MAX + 1], id[24];
    if (jid_prepare_domain(domain, strlen(domain), prepared) < 0 ||
        note_ping(prepared, timeout, false, id) < 0) {
        log_error("cannot ping '%s': no domain, or too many pings are under way", domain);
        return -1;
    }
    const struct config *config = config_get();
    struct arena *arena = arena_new(0);
    struct element *iq = element_new(arena, "iq", XMLNS_SERVER);
    element_set(arena, iq, "type", "get");
    element_set(arena, iq, "id", id);
    element_set(arena, iq, "from", config->xmpp_domain);
    element_set(arena, iq, "to", prepared);
    element_add(arena, iq, "ping", XMLNS_PING);
    packet_router_route_reply(arena, iq);
    arena_free(arena);
    config_unref(config);
    return 0;
}

int iq_router_expect_pong(const char *domain, char id[24])
{
    return note_ping(domain, 0, true, id);
}

/* find_awaited - the lock is held */
static struct ping *find_awaited(const char *id)
{
    for (int i = 0; i < PINGS_MAX; i++)
        if (pings[i].awaited && strcmp(pings[i].id, id) == 0)
            return &pings[i];
    return NULL;
}

bool iq_router_await_pong(const char *id, int64_t deadline, struct iq_router_pong *pong)
{
    struct timespec until = {.tv_sec = deadline / 1000, .tv_nsec = (deadline % 1000) * 1000000};
    pthread_once(&pong_once, make_condition);
    pthread_mutex_lock(&pings_lock);
    struct ping *ping = find_awaited(id);
    while (ping != NULL && !ping->answered &&
           pthread_cond_timedwait(&pong_came, &pings_lock, &until) == 0) {
    }
    bool answered = ping != NULL && ping->answered;
    if (answered)
        *pong = ping->pong;
    pthread_mutex_unlock(&pings_lock);
    return answered;
}

void iq_router_forget_pong(const char *id)
{
    pthread_mutex_lock(&pings_lock);
    struct ping *ping = find_awaited(id);
    if (ping != NULL)
        *ping = (struct ping){0};
    pthread_mutex_unlock(&pings_lock);
}

void iq_router_tick(int64_t now)
{
    pthread_mutex_lock(&pings_lock);
    for (int i = 0; i < PINGS_MAX; i++) {
        if (pings[i].id[0] == '\0' || pings[i].awaited || pings[i].deadline > now)
            continue;
        log_info("ping to %s failed: no answer within %lld ms", pings[i].domain,
                 (long long)(pings[i].deadline - pings[i].sent));
        pings[i].id[0] = '\0';
    }
    pthread_mutex_unlock(&pings_lock);
}
