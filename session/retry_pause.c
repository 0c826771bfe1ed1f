/* SPDX-License-Identifier: Apache-2.0 */
/* retry_pause - a dead domain is not tried again at once
 *
 * RFC 6120 3.3. Openfire: what OutgoingSessionPromise remembers of a failed domain. Only stanzas of
 * ours wait for a pause: a verification that the domain itself caused is always asked, since it
 * says that the domain is alive, and its success ends the pause. At most MAX_DOMAINS are
 * remembered; one more failure is then not, which costs an attempt and nothing else.
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
#define FORGET_AFTER_MS 600000 /* past the end of the pause */

struct pause {
    int64_t length; /* ms, before chance */
    int64_t until;  /* xmpp_server_now's clock */
    enum packet_error error;
    char *why;
};

static pthread_mutex_t pauses_lock = PTHREAD_MUTEX_INITIALIZER;
static struct domain_pair_table pauses; /* key ("", remote); guarded by pauses_lock */
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

void retry_pause_failed(const char *remote, enum packet_error error, const char *why)
{
    const struct config *config = config_get();
    int64_t first = config->s2s_retry_first, most = config->s2s_retry_max, now = xmpp_server_now(),
            length = 0;
    config_unref(config);
    struct span name = domain_span(remote);
    pthread_mutex_lock(&pauses_lock);
    struct pause *pause = domain_pair_table_get(&pauses, nobody, name);
    if (pause == NULL && pauses.count < MAX_DOMAINS) {
        pause = text_calloc(1, sizeof *pause);
        domain_pair_table_put(&pauses, nobody, name, pause);
    }
    if (pause != NULL && pause->until <= now) { /* failures of one attempt count once */
        pause->length = pause->length == 0         ? first
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
        log_debug("%s is left alone for %lld ms: %s", remote, (long long)length, why);
}

void retry_pause_succeeded(const char *remote)
{
    pthread_mutex_lock(&pauses_lock);
    free_pause(domain_pair_table_remove(&pauses, nobody, domain_span(remote)));
    pthread_mutex_unlock(&pauses_lock);
}

bool retry_pause_is_on(struct span remote, enum packet_error *error, struct text *why)
{
    int64_t now = xmpp_server_now();
    pthread_mutex_lock(&pauses_lock);
    struct pause *pause = domain_pair_table_get(&pauses, nobody, remote);
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

void retry_pause_tick(int64_t now)
{
    size_t position = 0;
    pthread_mutex_lock(&pauses_lock);
    for (struct domain_pair *pair; (pair = domain_pair_table_next(&pauses, &position)) != NULL;) {
        const struct pause *pause = pair->value;
        if (pause->until <= now - FORGET_AFTER_MS)
            free_pause(domain_pair_table_remove(&pauses, nobody, domain_span(pair->remote)));
    }
    pthread_mutex_unlock(&pauses_lock);
}

void retry_pause_stop(void)
{
    retry_pause_tick(INT64_MAX);
    pthread_mutex_lock(&pauses_lock);
    domain_pair_table_free(&pauses);
    pthread_mutex_unlock(&pauses_lock);
}
