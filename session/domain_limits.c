/* SPDX-License-Identifier: Apache-2.0 */
/* domain_limits - what a remote domain may have once it is proved: so many streams, so many stanzas and bytes a second
 *
 * Openfire: LocalIncomingServerSession asks its session manager for other sessions of the domain; here a table answers.
 */
#include "session/domain_limits.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "server/limit_log.h"
#include "server/token_bucket_rate_limiter.h"
#include "server/xmpp_server.h"
#include "session/domain_pair.h"

#define RATES_MAX 10000 /* beyond so many, those that nobody uses are forgotten at once */

struct domain_rate {
    char *domain; /* set before start */
    size_t length;
    int64_t users; /* guarded by tables_lock */
    pthread_mutex_t lock;
    struct token_bucket stanzas, bytes; /* guarded by lock, as what follows */
    bool fresh;
    int64_t full_at; /* at the latest */
};

static pthread_mutex_t tables_lock = PTHREAD_MUTEX_INITIALIZER;
/* guarded by tables_lock: */
static struct domain_pair_table streams; /* of a pair: their number, as a pointer */
static struct domain_pair_table rates;   /* key ("", remote): struct domain_rate, owned */

static const struct span nobody = {"", 0};

/* --- streams --- */

bool domain_limits_is_exempt(const struct config *config, struct span remote)
{
    for (const char *at = config->s2s_limit_exempt_domains; *at != '\0';) {
        size_t length = strcspn(at, ",");
        if (span_equals(remote, at, length))
            return true;
        at += length + (at[length] == ',');
    }
    return false;
}

/* most_streams - of a pair; 0: any number */
static uintptr_t most_streams(struct span remote)
{
    const struct config *config = config_get();
    int64_t most = !config->xmpp_server_session_allowmultiple ? 1
                   : domain_limits_is_exempt(config, remote)  ? 0
                                                             : config->s2s_limit_streams_per_domain;
    config_unref(config);
    return (uintptr_t)most;
}

/* count - how many there are, with tables_lock held */
static uintptr_t count(struct span local, struct span remote)
{
    return (uintptr_t)domain_pair_table_get(&streams, local, remote);
}

bool domain_limits_may_have(struct span local, struct span remote)
{
    uintptr_t most = most_streams(remote);
    pthread_mutex_lock(&tables_lock);
    bool may = most == 0 || count(local, remote) < most;
    pthread_mutex_unlock(&tables_lock);
    return may;
}

bool domain_limits_take_stream(struct span local, struct span remote)
{
    uintptr_t most = most_streams(remote);
    pthread_mutex_lock(&tables_lock);
    uintptr_t now = count(local, remote);
    bool taken = most == 0 || now < most;
    if (taken)
        domain_pair_table_put(&streams, local, remote, (void *)(now + 1));
    pthread_mutex_unlock(&tables_lock);
    return taken;
}

void domain_limits_give_stream(struct span local, struct span remote)
{
    pthread_mutex_lock(&tables_lock);
    uintptr_t now = count(local, remote);
    if (now > 1)
        domain_pair_table_put(&streams, local, remote, (void *)(now - 1));
    else
        domain_pair_table_remove(&streams, local, remote);
    pthread_mutex_unlock(&tables_lock);
}

/* --- rates --- */

static void free_rate(struct domain_rate *rate)
{
    pthread_mutex_destroy(&rate->lock);
    free(rate->domain);
    free(rate);
}

/* forget_rates - those that nobody uses and that are full at `now`; with tables_lock held */
static void forget_rates(int64_t now)
{
    size_t position = 0;
    for (struct domain_pair *pair; (pair = domain_pair_table_next(&rates, &position)) != NULL;) {
        struct domain_rate *rate = pair->value;
        if (rate->users > 0 ||
            rate->full_at > now) /* nobody else has its lock while it has no user */
            continue;
        domain_pair_table_remove(&rates, nobody, domain_span(pair->remote));
        free_rate(rate);
    }
}

struct domain_rate *domain_limits_get_rate(struct span remote)
{
    pthread_mutex_lock(&tables_lock);
    struct domain_rate *rate = domain_pair_table_get(&rates, nobody, remote);
    if (rate == NULL) {
        if (rates.count >= RATES_MAX)
            forget_rates(INT64_MAX);
        rate = text_calloc(1, sizeof *rate);
        rate->domain = text_copy_n(remote.bytes, remote.length);
        rate->length = remote.length;
        rate->fresh = true;
        pthread_mutex_init(&rate->lock, NULL);
        domain_pair_table_put(&rates, nobody, remote, rate);
    }
    rate->users++;
    pthread_mutex_unlock(&tables_lock);
    return rate;
}

void domain_limits_put_rate(struct domain_rate *rate)
{
    if (rate == NULL)
        return;
    pthread_mutex_lock(&tables_lock);
    rate->users--;
    pthread_mutex_unlock(&tables_lock);
}

bool domain_limits_is_rate_of(const struct domain_rate *rate, struct span remote)
{
    return rate != NULL && span_equals(remote, rate->domain, rate->length);
}

/* spend - of one of its buckets */
static int64_t spend(struct token_bucket *bucket, int64_t rate, int64_t count_, int64_t now)
{
    if (rate <= 0)
        return 0;
    return token_bucket_spend(bucket, rate, DOMAIN_LIMITS_BURST_SECONDS * rate, count_, now);
}

int64_t domain_limits_spend(struct domain_rate *rate, int64_t stanzas_per_second,
                            int64_t bytes_per_second, size_t bytes, int64_t now)
{
    pthread_mutex_lock(&rate->lock);
    if (rate->fresh) {
        token_bucket_init(&rate->stanzas, DOMAIN_LIMITS_BURST_SECONDS * stanzas_per_second, now);
        token_bucket_init(&rate->bytes, DOMAIN_LIMITS_BURST_SECONDS * bytes_per_second, now);
        rate->fresh = false;
    }
    int64_t one = spend(&rate->stanzas, stanzas_per_second, 1, now);
    int64_t other = spend(&rate->bytes, bytes_per_second, (int64_t)bytes, now);
    int64_t wait = one > other ? one : other;
    rate->full_at = now + wait + 1000 * DOMAIN_LIMITS_BURST_SECONDS;
    pthread_mutex_unlock(&rate->lock);
    return wait;
}

void domain_limits_tick(int64_t now)
{
    pthread_mutex_lock(&tables_lock);
    forget_rates(now);
    pthread_mutex_unlock(&tables_lock);
}

void domain_limits_stop(void)
{
    domain_limits_tick(INT64_MAX);
    pthread_mutex_lock(&tables_lock);
    domain_pair_table_free(&rates);
    domain_pair_table_free(&streams);
    pthread_mutex_unlock(&tables_lock);
}
