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
#include "server/xmpp_server.h"
#include "session/iq_handlers.h"
#include "session/packet_router.h"
#include "xml/xmlns.h"

#define PINGS_MAX 64

struct ping {
    char id[24]; /* "" when free */
    char domain[JID_PART_MAX + 1];
    int64_t sent, deadline;
};

static pthread_mutex_t pings_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ping pings[PINGS_MAX]; /* guarded by pings_lock */

/* take_ping - the ping that this answer from `domain` ends; true with a copy */
static bool take_ping(const char *id, const char *domain, struct ping *taken)
{
    bool found = false;
    pthread_mutex_lock(&pings_lock);
    for (int i = 0; i < PINGS_MAX && !found; i++) {
        if (pings[i].id[0] == '\0' || strcmp(pings[i].id, id) != 0 ||
            strcmp(pings[i].domain, domain) != 0)
            continue;
        *taken = pings[i];
        pings[i].id[0] = '\0';
        found = true;
    }
    pthread_mutex_unlock(&pings_lock);
    return found;
}

/* answer_received - a result or error for us. Also an error counts as a sign of life unless it
 * came from our own side. */
static void answer_received(struct arena *arena, const struct element *iq)
{
    const char *id = element_get(iq, "id"), *from = element_get(iq, "from");
    char domain[JID_PART_MAX + 1];
    struct ping ping;
    if (id == NULL || from == NULL || jid_prepare_domain(from, strlen(from), domain) < 0 ||
        !take_ping(id, domain, &ping))
        return;
    long long took = (long long)(xmpp_server_now() - ping.sent);
    const char *type = element_get(iq, "type"), *text = "";
    if (type != NULL && strcmp(type, "result") == 0) {
        log_info("pong from %s in %lld ms", ping.domain, took);
        return;
    }
    enum packet_error error = packet_read_error(arena, iq, &text);
    log_info("ping to %s failed: %s after %lld ms%s%s", ping.domain, packet_error_name(error), took,
             text[0] != '\0' ? ": " : "", text);
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
    if (reply != NULL)
        packet_router_route_reply(arena, reply);
}

/* note_ping - remember it under a fresh id. -1 when the table is full. */
static int note_ping(const char *domain, int64_t timeout, char id[24])
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
        note_ping(prepared, timeout, id) < 0) {
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

void iq_router_tick(int64_t now)
{
    pthread_mutex_lock(&pings_lock);
    for (int i = 0; i < PINGS_MAX; i++) {
        if (pings[i].id[0] == '\0' || pings[i].deadline > now)
            continue;
        log_info("ping to %s failed: no answer within %lld ms", pings[i].domain,
                 (long long)(pings[i].deadline - pings[i].sent));
        pings[i].id[0] = '\0';
    }
    pthread_mutex_unlock(&pings_lock);
}
