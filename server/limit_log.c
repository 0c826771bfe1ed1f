/* SPDX-License-Identifier: Apache-2.0 */
/* limit_log - a limit has bitten: the metric, and at most one line a second for each
 *
 * What has no line is counted until the next bite, or the housekeeping, may write one.
 */
#include "server/limit_log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "server/log.h"
#include "server/metrics.h"
#include "server/xmpp_server.h"

#define INTERVAL_MS 1000

struct bites {
    int64_t next;     /* no line before; xmpp_server_now's clock */
    int64_t interval; /* 0: INTERVAL_MS */
    long long untold; /* since the last line */
};

static pthread_mutex_t bites_lock = PTHREAD_MUTEX_INITIALIZER;
static struct bites all[LIMIT_COUNT]; /* guarded by bites_lock */

#define LIMIT_SETTING(value, metric, setting) [value] = setting,
static const char *const settings[] = {LIMITS(LIMIT_SETTING)};

static void count(enum limit limit)
{
    switch (limit) {
#define LIMIT_METRIC(value, metric, setting) \
    case value:                              \
        metrics_add(metric, 1);              \
        break;
        LIMITS(LIMIT_METRIC)
    case LIMIT_COUNT:
        break;
    }
}

/* take_turn - may this one have a line? Then `*untold` is how many before it had none. With bites_lock held. */
static bool take_turn(struct bites *bites, int64_t now, long long *untold)
{
    if (now < bites->next)
        return false;
    *untold = bites->untold;
    bites->untold = 0;
    bites->next = now + (bites->interval > 0 ? bites->interval : INTERVAL_MS);
    return true;
}

void limit_log_bites(enum limit limit, const char *format, ...)
{
    long long untold = 0;
    count(limit);
    pthread_mutex_lock(&bites_lock);
    bool turn = take_turn(&all[limit], xmpp_server_now(), &untold);
    if (!turn)
        all[limit].untold++;
    pthread_mutex_unlock(&bites_lock);
    if (!turn)
        return;
    char sentence[512], more[64] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (untold > 0)
        snprintf(more, sizeof more, " (and %lld times since the last line)", untold);
    log_warn("limit %s: %s%s", settings[limit], sentence, more);
}

void limit_log_set_interval(enum limit limit, int64_t interval)
{
    pthread_mutex_lock(&bites_lock);
    all[limit].interval = interval;
    pthread_mutex_unlock(&bites_lock);
}

void limit_log_tick(int64_t now)
{
    for (int limit = 0; limit < LIMIT_COUNT; limit++) {
        long long untold = 0;
        pthread_mutex_lock(&bites_lock);
        bool turn = all[limit].untold > 0 && take_turn(&all[limit], now, &untold);
        pthread_mutex_unlock(&bites_lock);
        if (turn)
            log_warn("limit %s: %lld times more since the last line", settings[limit], untold);
    }
}
