/* live_samples - sessions, stanzas and bytes of the last ten minutes, second by second
 *
 * Openfire: StatisticsManager and the graphs of its monitoring plugin. Housekeeping takes a sample of the counters each second; they are
 * kept in a ring. One mutex, a leaf; any thread.
 */
#ifndef ADMIN_LIVE_SAMPLES_H
#define ADMIN_LIVE_SAMPLES_H

#include <jansson.h>
#include <stdint.h>

#define LIVE_SAMPLES 601 /* one more than can be asked for: a rate is a difference */

struct control_call;

/* live_samples_tick - take one; about once a second, by housekeeping. `now`: xmpp_server_now's clock. */
void live_samples_tick(int64_t now);
/* live_samples_tell - the last `count` seconds, oldest first: an array of {"time","ago_ms","incoming", "outgoing",
 * "components": sessions; "stanzas_in", "stanzas_out", "bytes_in", "bytes_out": per second, since the sample before} */
json_t *live_samples_tell(int count);
/* control_rates - the command: the same */
void control_rates(struct control_call *call);

#endif
