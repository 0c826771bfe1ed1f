/* token_bucket_rate_limiter - so many a second, with a burst
 *
 * Openfire: ratelimit.TokenBucketRateLimiter. A bucket holds at most `burst` tokens and gets `rate` of them a second. The clock is the
 * caller's (milliseconds that only grow), and so is the lock. Rate and burst may differ from call to call: settings change.
 * DIFFERS: one more way to take: into debt, for what has happened already and can only be waited for.
 */
#ifndef SERVER_TOKEN_BUCKET_RATE_LIMITER_H
#define SERVER_TOKEN_BUCKET_RATE_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

struct token_bucket {
    int64_t thousandths; /* of a token; negative: in debt */
    int64_t at;          /* when that was so */
};

/* token_bucket_init - full */
void token_bucket_init(struct token_bucket *bucket, int64_t burst, int64_t now);
/* token_bucket_try_take - one token; false, and nothing is taken, when there is none */
bool token_bucket_try_take(struct token_bucket *bucket, int64_t rate, int64_t burst, int64_t now);
/* token_bucket_spend - `count` tokens in any case; the milliseconds from now until the debt is paid, 0 when there is none.
 * `rate` is at least 1. */
int64_t token_bucket_spend(struct token_bucket *bucket, int64_t rate, int64_t burst, int64_t count,
                           int64_t now);
/* token_bucket_refill_time - the milliseconds in which an empty bucket becomes full */
int64_t token_bucket_refill_time(int64_t rate, int64_t burst);

#endif
