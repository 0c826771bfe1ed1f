/* SPDX-License-Identifier: Apache-2.0 */
/* metrics - counters, gauges and histograms of the whole process
 *
 * Openfire: ServerTrafficCounter (bytes), StatisticsManager (the named rest). Openfire keeps them with the
 * plugin that draws its graphs; here they are plain numbers which anybody may read at any time.
 *
 * metrics_add and metrics_get are macros on relaxed atomics, since a counter orders nothing. All start at
 * zero with the process and are never reset, as those who scrape counters expect. The count of a histogram
 * is the sum of its buckets as they were read, so the two never disagree; its sum may be one observation
 * ahead or behind. All threads enter; nothing is freed.
 */
#include "server/metrics.h"

#include <time.h>

struct metrics metrics;

/* The buckets: from an answer out of a cache to the two minutes of xmpp.server.read.timeout */
static const struct {
    int64_t below; /* microseconds, this bound included */
    const char *bound;
} buckets[METRICS_BUCKETS] = {
    {1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},  {10000, "0.01"},  {25000, "0.025"},
    {50000, "0.05"},  {100000, "0.1"},  {250000, "0.25"}, {500000, "0.5"},  {1000000, "1"},
    {2500000, "2.5"}, {5000000, "5"},   {10000000, "10"}, {60000000, "60"}, {INT64_MAX, "+Inf"},
};

int64_t metrics_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void metrics_observe(struct metrics_histogram *histogram, int64_t since)
{
    int64_t took = metrics_now() - since;
    int bucket = 0;
    while (took > buckets[bucket].below)
        bucket++;
    __atomic_fetch_add(&histogram->buckets[bucket], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&histogram->sum, took, __ATOMIC_RELAXED);
}

const char *metrics_bucket_bound(int bucket)
{
    return buckets[bucket].bound;
}

/* --- reading them all --- */

static const char *const direction_words[] = {"incoming", "outgoing"};
static const char *const error_direction_words[] = {"received", "sent"};
static const char *const lookup_words[] = {"answered", "failed", "timeout"};
static const char *const verdict_words[] = {"valid", "invalid", "error"};
static const char *const result_words[] = {"success", "failure"};

/* how a pair was proved: by a key, by SASL EXTERNAL, by dialback that the certificate answered (XEP-0344) */
static const char *const proof_words[] = {"dialback", "external", "certificate"};

/* Who reads, and what all samples of a name have in common */
struct reading {
    void (*act)(const struct metrics_sample *sample, void *argument);
    void *argument;
    struct metrics_sample sample;
};

static void begin(struct reading *reading, enum metrics_kind kind, const char *name,
                  const char *help)
{
    reading->sample = (struct metrics_sample){.kind = kind, .name = name, .help = help};
}

static void set_label(struct reading *reading, int index, const char *name, const char *value)
{
    reading->sample.labels[index] = (struct metrics_label){name, value};
    reading->sample.label_count = index + 1;
}

static void give(struct reading *reading, const int64_t *value)
{
    reading->sample.value = __atomic_load_n(value, __ATOMIC_RELAXED);
    reading->act(&reading->sample, reading->argument);
}

static void give_histogram(struct reading *reading, const struct metrics_histogram *histogram)
{
    struct metrics_histogram copy;
    for (int i = 0; i < METRICS_BUCKETS; i++)
        copy.buckets[i] = __atomic_load_n(&histogram->buckets[i], __ATOMIC_RELAXED);
    copy.sum = __atomic_load_n(&histogram->sum, __ATOMIC_RELAXED);
    reading->sample.buckets = &copy;
    reading->act(&reading->sample, reading->argument);
    reading->sample.buckets = NULL;
}

/* give_handshake - a row of either kind */
static void give_handshake(struct reading *reading, enum metrics_result outcome,
                           enum failure_step step, const char *reason, const int64_t *value)
{
    set_label(reading, 1, "outcome", result_words[outcome]);
    set_label(reading, 2, "step", failure_step_word(step));
    set_label(reading, 3, "reason", reason);
    give(reading, value);
}

static void give_handshakes(struct reading *reading)
{
    begin(reading, METRICS_COUNTER, "handshakes",
          "pairs of domains that were proved or refused, and streams that ended before that");
    for (int direction = 0; direction < METRICS_DIRECTIONS; direction++) {
        set_label(reading, 0, "direction", direction_words[direction]);
        for (int i = 0; i < METRICS_PROOFS; i++)
            give_handshake(reading, RESULT_SUCCESS, STEP_NONE, proof_words[i],
                           &metrics.proofs[direction][i]);
        for (int i = FAILURE_NONE + 1; i < METRICS_FAILURES; i++)
            give_handshake(reading, RESULT_FAILURE, failure_step((enum failure)i),
                           failure_word((enum failure)i), &metrics.failures[direction][i]);
    }
}

static void give_errors(struct reading *reading)
{
    begin(reading, METRICS_COUNTER, "stream_errors", "streams that ended with an error");
    for (int direction = 0; direction < METRICS_DIRECTIONS; direction++)
        for (int i = STREAM_ERROR_NONE + 1; i < METRICS_STREAM_ERRORS; i++) {
            set_label(reading, 0, "direction", error_direction_words[direction]);
            set_label(reading, 1, "condition", stream_error_name((enum stream_error)i));
            give(reading, &metrics.stream_errors[direction][i]);
        }
    begin(reading, METRICS_COUNTER, "stanza_errors",
          "stanzas that were answered with an error by us, or came back");
    for (int i = 0; i < METRICS_PACKET_ERRORS; i++) {
        set_label(reading, 0, "condition", packet_error_name((enum packet_error)i));
        give(reading, &metrics.stanza_errors[i]);
    }
}

static void give_durations(struct reading *reading)
{
    begin(reading, METRICS_HISTOGRAM, "dns_lookup_seconds", "questions to the DNS");
    for (int i = 0; i < METRICS_LOOKUPS; i++) {
        set_label(reading, 0, "result", lookup_words[i]);
        give_histogram(reading, &metrics.dns_lookup[i]);
    }
    begin(reading, METRICS_HISTOGRAM, "dialback_seconds",
          "from a key until the verdict on it: incoming, of another domain; outgoing, of ours");
    for (int direction = 0; direction < METRICS_DIRECTIONS; direction++)
        for (int i = 0; i < METRICS_VERDICTS; i++) {
            set_label(reading, 0, "direction", direction_words[direction]);
            set_label(reading, 1, "result", verdict_words[i]);
            give_histogram(reading, &metrics.dialback[direction][i]);
        }
    begin(reading, METRICS_HISTOGRAM, "tls_handshake_seconds", "TLS handshakes");
    for (int direction = 0; direction < METRICS_DIRECTIONS; direction++)
        for (int i = 0; i < METRICS_RESULTS; i++) {
            set_label(reading, 0, "direction", direction_words[direction]);
            set_label(reading, 1, "result", result_words[i]);
            give_histogram(reading, &metrics.tls_handshake[direction][i]);
        }
}

void metrics_each(void (*act)(const struct metrics_sample *sample, void *argument), void *argument)
{
    struct reading reading = {.act = act, .argument = argument};
#define GIVE_COUNTER(field, help)                   \
    begin(&reading, METRICS_COUNTER, #field, help); \
    give(&reading, &metrics.field);
#define GIVE_GAUGE(field, help)                   \
    begin(&reading, METRICS_GAUGE, #field, help); \
    give(&reading, &metrics.field);
    METRICS_COUNTERS(GIVE_COUNTER)
    METRICS_GAUGES(GIVE_GAUGE)
#undef GIVE_COUNTER
#undef GIVE_GAUGE
    give_handshakes(&reading);
    give_errors(&reading);
    give_durations(&reading);
}
