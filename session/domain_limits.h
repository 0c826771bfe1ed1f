/* domain_limits - what a remote domain may have once it is proved: so many streams, so many stanzas and bytes a second
 *
 * Openfire: xmpp.server.session.allowmultiple, asked by LocalIncomingServerSession; the rest is ours. Streams are counted for each pair
 * of domains (servers such as Prosody open one stream for each, so a count over all domains of ours would punish who serves many). The
 * rates are those of a remote domain over all its streams, and survive them for as long as its bucket is not full: a new stream is no
 * new allowance. `s2s.limit.exempt-domains` are not limited, but for allowmultiple.
 *
 * Locks: one mutex over both tables, one for each rate; leaves of this room.
 */
#ifndef SESSION_DOMAIN_LIMITS_H
#define SESSION_DOMAIN_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "server/config.h"
#include "xml/text.h"

/* domain_limits_may_have - would one more stream of this pair be allowed now? It is not counted: what is only claimed takes no place. */
bool domain_limits_may_have(struct span local, struct span remote);
/* domain_limits_take_stream - the pair is proved on one more stream: count it. False, and it is not counted: that is one too many; the log
 * and the metric have it. domain_limits_give_stream - that stream is over. */
bool domain_limits_take_stream(struct span local, struct span remote);
void domain_limits_give_stream(struct span local, struct span remote);
bool domain_limits_is_exempt(const struct config *config, struct span remote);

struct domain_rate;
/* domain_limits_get_rate - that of a remote domain, with a reference; put_rate gives it back (NULL is allowed) */
struct domain_rate *domain_limits_get_rate(struct span remote);
void domain_limits_put_rate(struct domain_rate *rate);
/* domain_limits_is_rate_of - without a lock, a comparison */
bool domain_limits_is_rate_of(const struct domain_rate *rate, struct span remote);
/* domain_limits_spend - one more stanza of so many bytes; the milliseconds until the domain may send it, 0: at once. Rates of 0 are
 * not limited. */
int64_t domain_limits_spend(struct domain_rate *rate, int64_t stanzas_per_second,
                            int64_t bytes_per_second, size_t bytes, int64_t now);

/* domain_limits_tick - housekeeping: rates that nobody uses and that are full again are forgotten */
void domain_limits_tick(int64_t now);
void domain_limits_stop(void);

#define DOMAIN_LIMITS_BURST_SECONDS 2 /* what a bucket holds */

#endif
