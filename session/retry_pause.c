/* SPDX-License-Identifier: Apache-2.0 */
/* retry_pause - a dead domain is not tried again at once
 *
 * RFC 6120 3.3. Openfire: what OutgoingSessionPromise remembers of a failed domain. A verification that succeeds says that the
 * domain is alive, and ends its pauses. At most MAX_DOMAINS are remembered of each kind; one more failure is then not, which costs
 * an attempt and nothing else.
 */
#include "session/retry_pause.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "server/config.h"
#include "server/log.h"
#include "server/xmpp_server.h"
#include "session/domain_pair.h"

#define MAX_DOMAINS 10000
#define FORGET_AFTER_MS 600000  /* past the end of the pause */
#define QUESTIONS_MOST_MS 30000 /* the longest pause of questions */
#define KINDS 2

struct pause {
    int64_t length; /* ms, before chance */
    int64_t until;  /* xmpp_server_now's clock */
    enum packet_error error;
    char *why;
};

static pthread_mutex_t pauses_lock = PTHREAD_MUTEX_INITIALIZER;
static struct domain_pair_table pauses[KINDS]; /* key ("", remote); guarded by pauses_lock */
static const struct span nobody = {"", 0};

static void free_pause(struct pause *pause)
{
    if (pause != NULL)
        free(pause->why);
    free(pause);
}

/* shorten - by up to a quarter, at random, so that servers that failed together do not come back
 * together */
static int64_t shorten(int64_t length)
{
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
        random = 0;
    return length - (int64_t)((double)length * 0.25 * ((double)random / UINT32_MAX));
}

void retry_pause_failed(enum retry_kind kind, const char *remote, enum packet_error error,
                        const char *why)
{
    const struct config *config = config_get();
    int64_t first = config->s2s_retry_first, most = config->s2s_retry_max, now = xmpp_server_now(),
            length = 0;
    config_unref(config);
    if (kind == RETRY_QUESTIONS && most > QUESTIONS_MOST_MS)
        most = QUESTIONS_MOST_MS;
    struct span name = domain_span(remote);
    pthread_mutex_lock(&pauses_lock);
    struct pause *pause = domain_pair_table_get(&pauses[kind], nobody, name);
    bool forgiven = kind == RETRY_QUESTIONS && pause == NULL; /* once may be chance */
    if (pause == NULL && pauses[kind].count < MAX_DOMAINS) {
        pause = text_calloc(1, sizeof *pause);
        pause->until = now;
        domain_pair_table_put(&pauses[kind], nobody, name, pause);
    }
    if (pause != NULL && !forgiven &&
        pause->until <= now) { /* failures of one attempt count once */
        pause->length = pause->length == 0         ? (first < most ? first : most)
                        : pause->length * 2 < most ? pause->length * 2
                                                   : most;
        length = shorten(pause->length);
        pause->until = now + length;
        pause->error = error;
        free(pause->why);
        pause->why = text_copy(why);
    }
    pthread_mutex_unlock(&pauses_lock);
    if (length > 0)
        log_debug("%s is %s for %lld ms: %s", remote,
                  kind == RETRY_QUESTIONS ? "asked nothing" : "left alone", (long long)length, why);
}

static void end_pause(enum retry_kind kind, const char *remote)
{
    pthread_mutex_lock(&pauses_lock);
    free_pause(domain_pair_table_remove(&pauses[kind], nobody, domain_span(remote)));
    pthread_mutex_unlock(&pauses_lock);
}

void retry_pause_succeeded(const char *remote)
{
    end_pause(RETRY_STANZAS, remote);
    end_pause(RETRY_QUESTIONS, remote);
}

void retry_pause_forgotten(const char *remote)
{
    retry_pause_succeeded(remote);
}

void retry_pause_answered(const char *remote)
{
    end_pause(RETRY_QUESTIONS, remote);
}

bool retry_pause_is_on(enum retry_kind kind, struct span remote, enum packet_error *error,
                       struct text *why)
{
    int64_t now = xmpp_server_now();
    pthread_mutex_lock(&pauses_lock);
    struct pause *pause = domain_pair_table_get(&pauses[kind], nobody, remote);
    bool on = pause != NULL && pause->until > now;
    if (on) {
        *error = pause->error;
        text_appendf(
            why, "the last attempt failed (%s); the next one is made in %lld ms at the earliest",
            pause->why, (long long)(pause->until - now));
    }
    pthread_mutex_unlock(&pauses_lock);
    return on;
}

static void forget_old(struct domain_pair_table *table, int64_t now)
{
    size_t position = 0;
    for (struct domain_pair *pair; (pair = domain_pair_table_next(table, &position)) != NULL;) {
        const struct pause *pause = pair->value;
        if (pause->until <= now - FORGET_AFTER_MS)
            free_pause(domain_pair_table_remove(table, nobody, domain_span(pair->remote)));
    }
}

void retry_pause_tick(int64_t now)
{
    pthread_mutex_lock(&pauses_lock);
    for (int kind = 0; kind < KINDS; kind++)
        forget_old(&pauses[kind], now);
    pthread_mutex_unlock(&pauses_lock);
}

void retry_pause_stop(void)
{
    retry_pause_tick(INT64_MAX);
    pthread_mutex_lock(&pauses_lock);
    for (int kind = 0; kind < KINDS; kind++)
        domain_pair_table_free(&pauses[kind]);
    pthread_mutex_unlock(&pauses_lock);
}
