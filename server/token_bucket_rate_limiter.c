/* SPDX-License-Identifier: Apache-2.0 */
/* token_bucket_rate_limiter - so many a second, with a burst
 *
 * Thousandths of a token: rate * milliseconds are just these, so nothing is ever rounded away.
 */
#include "server/token_bucket_rate_limiter.h"

void token_bucket_init(struct token_bucket *bucket, int64_t burst, int64_t now)
{
    *bucket = (struct token_bucket){burst * 1000, now};
}

/* refill - what the time since has brought */
static void refill(struct token_bucket *bucket, int64_t rate, int64_t burst, int64_t now)
{
    int64_t most = burst * 1000, passed = now - bucket->at;
    if (passed <= 0)
        return;
    bucket->at = now;
    if (rate > 0 && passed > (most - bucket->thousandths) / rate)
        bucket->thousandths = most;
    else
        bucket->thousandths += passed * rate;
}

bool token_bucket_try_take(struct token_bucket *bucket, int64_t rate, int64_t burst, int64_t now)
{
    refill(bucket, rate, burst, now);
    if (bucket->thousandths < 1000)
        return false;
    bucket->thousandths -= 1000;
    return true;
}

int64_t token_bucket_spend(struct token_bucket *bucket, int64_t rate, int64_t burst, int64_t count,
                           int64_t now)
{
    refill(bucket, rate, burst, now);
    bucket->thousandths -= count * 1000;
    return bucket->thousandths < 0 ? (-bucket->thousandths + rate - 1) / rate : 0;
}

int64_t token_bucket_refill_time(int64_t rate, int64_t burst)
{
    return rate > 0 ? burst * 1000 / rate + 1 : 0;
}
