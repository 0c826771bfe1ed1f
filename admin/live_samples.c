/* SPDX-License-Identifier: Apache-2.0 */
/* live_samples - sessions, stanzas and bytes of the last ten minutes, second by second
 *
 * The housekeeping may be late; so a rate is what came in between two samples, by the time that really lies between them.
 */
#include "admin/live_samples.h"

#include <pthread.h>

#include "admin/control_commands.h"
#include "server/metrics.h"
#include "server/xmpp_server.h"

#define COUNTED 4

struct sample {
    int64_t at; /* xmpp_server_now's clock */
    int64_t incoming, outgoing, components;
    int64_t counted[COUNTED]; /* since the start: stanzas in, out, bytes in, out */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sample samples[LIVE_SAMPLES]; /* guarded by lock, like the next */
static uint64_t taken;

void live_samples_tick(int64_t now)
{
    struct sample sample = {
        .at = now,
        .incoming = metrics_get(incoming_sessions),
        .outgoing = metrics_get(outgoing_sessions),
        .components = metrics_get(component_sessions),
        .counted = {metrics_get(stanzas_in), metrics_get(stanzas_out), metrics_get(bytes_in),
                    metrics_get(bytes_out)},
    };
    pthread_mutex_lock(&lock);
    samples[taken++ % LIVE_SAMPLES] = sample;
    pthread_mutex_unlock(&lock);
}

/* tell - one sample, by that before it */
static json_t *tell(const struct sample *before, const struct sample *sample, int64_t now)
{
    static const char *const names[COUNTED] = {"stanzas_in", "stanzas_out", "bytes_in",
                                               "bytes_out"};
    json_t *out = json_pack(
        "{s:o, s:I, s:I, s:I, s:I}", "time", control_json_time(now - sample->at), "ago_ms",
        (json_int_t)(now - sample->at), "incoming", (json_int_t)sample->incoming, "outgoing",
        (json_int_t)sample->outgoing, "components", (json_int_t)sample->components);
    int64_t between = sample->at > before->at ? sample->at - before->at : 1;
    for (int i = 0; i < COUNTED; i++) {
        int64_t more = sample->counted[i] - before->counted[i];
        json_object_set_new(out, names[i],
                            json_integer((json_int_t)((more * 1000 + between / 2) / between)));
    }
    return out;
}

json_t *live_samples_tell(int count)
{
    json_t *all = json_array();
    int64_t now = xmpp_server_now();
    pthread_mutex_lock(&lock);
    uint64_t kept = taken < LIVE_SAMPLES ? taken : LIVE_SAMPLES;
    uint64_t told = kept == 0 ? 0 : kept - 1 < (uint64_t)count ? kept - 1 : (uint64_t)count;
    for (uint64_t i = taken - told; i < taken; i++)
        json_array_append_new(
            all, tell(&samples[(i - 1) % LIVE_SAMPLES], &samples[i % LIVE_SAMPLES], now));
    pthread_mutex_unlock(&lock);
    return all;
}

void control_rates(struct control_call *call)
{
    call->result = live_samples_tell((int)control_call_number(call, "--last", 60));
}
