/* metrics - counters, gauges and histograms of the whole process
 *
 * Openfire: ServerTrafficCounter, StatisticsManager. One row for each in the tables below: field (its
 * name as printed), help. Atomic and relaxed: any thread, no lock. Hot paths count into their session
 * and add up at its end or flush.
 *
 * What has labels is an array with a number for each value of the label, or a second one for each pair of
 * values. All values are words of this program; none is taken from a peer, so nobody outside can make
 * this grow.
 */
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "server/failure.h"
#include "xml/packet.h"
#include "xml/stream_error.h"

/* Numbers that only grow */
#define METRICS_COUNTERS(X)                                                              \
    X(connections_accepted, "TCP connections accepted by the listeners")                 \
    X(connections_refused, "TCP connections closed at once: over a cap")                 \
    X(components_refused, "handshakes of components that were wrong")                    \
    X(stanzas_from_components, "stanzas accepted from components")                       \
    X(domains_validated, "domain pairs that proved themselves to us")                    \
    X(domains_refused, "domain pairs that did not")                                      \
    X(verify_answered_valid, "keys of ours that others asked about, valid")              \
    X(verify_answered_invalid, "the same, invalid")                                      \
    X(stanzas_in, "stanzas accepted from others")                                        \
    X(stanzas_out, "stanzas given to outgoing streams")                                  \
    X(stanzas_refused, "stanzas that ended their stream (address or authorisation)")     \
    X(stanzas_bounced, "stanzas that came back to their sender as an error")             \
    X(stanzas_dropped, "stanzas dropped with a log line, since nothing may answer them") \
    X(bytes_in, "bytes received")                                                        \
    X(bytes_out, "bytes sent")                                                           \
    X(limited_connections, "connections refused: too many in all")                       \
    X(limited_new_connections, "connections refused: too many new ones a second in all") \
    X(limited_address, "connections refused: too many from their address")               \
    X(limited_network, "connections refused: too many from their network")               \
    X(limited_network_rate, "connections refused: too many new ones from their network") \
    X(limited_strangers, "strangers that made place for a newcomer, or found none")      \
    X(limited_stranger_turns, "times that a stranger waited its turn for long")          \
    X(limited_stranger_bytes, "strangers ended: they held most of too many bytes")       \
    X(limited_verifications, "verifications refused: strangers cause too many")          \
    X(limited_stream_claims, "verifications refused: too many on their stream")          \
    X(limited_negotiation_bytes, "streams ended: too much before anything was proved")   \
    X(limited_negotiation_time, "streams ended: nothing was proved in time")             \
    X(limited_stanza, "streams ended: an element too large, deep or rich")               \
    X(limited_peer, "stanzas that came back: larger than the other server takes")        \
    X(limited_streams, "proofs of domains refused: they have enough streams")            \
    X(limited_rate, "times that a stream waited: its domain sends too fast")             \
    X(limited_queue, "stanzas that came back: too many wait for their session")          \
    X(limited_queue_age, "stanzas that came back: they waited too long for it")          \
    X(log_lines_dropped, "log lines that standard error did not take")

/* Numbers of this moment */
#define METRICS_GAUGES(X)                                                             \
    X(connections_open, "TCP connections open now, both directions")                  \
    X(incoming_sessions, "incoming sessions open now")                                \
    X(outgoing_sessions, "outgoing sessions open now")                                \
    X(component_sessions, "components connected now")                                 \
    X(stanzas_queued, "stanzas that wait for their outgoing session")                 \
    X(strangers, "incoming connections now on which nothing is proved yet")           \
    X(stranger_verifications, "verifications under way now that such streams caused") \
    X(threads, "threads of connections alive now")

#define METRICS(X) METRICS_COUNTERS(X) METRICS_GAUGES(X)

/* What became of a handshake: there is one for each pair of domains that was proved or refused, and one for each stream that ended
 * before any pair was judged. A failure has its cause (server/failure.h). */
enum metrics_proof { PROOF_DIALBACK, PROOF_EXTERNAL, PROOF_CERTIFICATE, METRICS_PROOFS };
#define METRICS_FAILURES (FAILURE_BLOCKED_HERE + 1)

/* Who opened the stream, the other side or we; of stream errors: who sent them */
enum metrics_direction { METRICS_INCOMING, METRICS_OUTGOING, METRICS_DIRECTIONS };
enum metrics_lookup { LOOKUP_ANSWERED, LOOKUP_FAILED, LOOKUP_TIMEOUT, METRICS_LOOKUPS };
enum metrics_verdict { VERDICT_VALID, VERDICT_INVALID, VERDICT_ERROR, METRICS_VERDICTS };
enum metrics_result { RESULT_SUCCESS, RESULT_FAILURE, METRICS_RESULTS };

#define METRICS_STREAM_ERRORS (STREAM_UNSUPPORTED_VERSION + 1)
#define METRICS_PACKET_ERRORS (PACKET_UNDEFINED_CONDITION + 1)
#define METRICS_BUCKETS 15 /* the last has no upper bound */

/* Durations; only through metrics_observe and metrics_each */
struct metrics_histogram {
    int64_t buckets[METRICS_BUCKETS]; /* each without those before it */
    int64_t sum;                      /* microseconds */
};

struct metrics {
#define METRICS_FIELD(name, help) int64_t name; /* only through metrics_add and metrics_get */
    METRICS_COUNTERS(METRICS_FIELD)
    METRICS_GAUGES(METRICS_FIELD)
#undef METRICS_FIELD
    int64_t proofs[METRICS_DIRECTIONS][METRICS_PROOFS];
    int64_t failures[METRICS_DIRECTIONS][METRICS_FAILURES];
    int64_t stream_errors[METRICS_DIRECTIONS][METRICS_STREAM_ERRORS];
    int64_t stanza_errors[METRICS_PACKET_ERRORS]; /* those that we wrote */
    struct metrics_histogram dns_lookup[METRICS_LOOKUPS];
    struct metrics_histogram dialback[METRICS_DIRECTIONS][METRICS_VERDICTS];
    struct metrics_histogram tls_handshake[METRICS_DIRECTIONS][METRICS_RESULTS];
};
extern struct metrics metrics;

#define metrics_add(field, n) ((void)__atomic_fetch_add(&metrics.field, (n), __ATOMIC_RELAXED))
#define metrics_get(field) __atomic_load_n(&metrics.field, __ATOMIC_RELAXED)

/* metrics_now - microseconds of the monotonic clock, to begin a duration with */
int64_t metrics_now(void);
/* metrics_observe - one more duration: from `since` (metrics_now) until now */
void metrics_observe(struct metrics_histogram *histogram, int64_t since);

enum metrics_kind { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM };
#define METRICS_LABELS 4

struct metrics_label {
    const char *name, *value;
};

/* One number, or one histogram, as it is printed */
struct metrics_sample {
    enum metrics_kind kind;
    const char *name, *help; /* without prefix and suffix; those of one name follow each other */
    struct metrics_label labels[METRICS_LABELS];
    int label_count;
    int64_t value;                           /* of a counter or gauge */
    const struct metrics_histogram *buckets; /* of a histogram: a copy, for the call */
};

/* metrics_each - call `act` for every sample there is, also those that are zero. No locks are held. */
void metrics_each(void (*act)(const struct metrics_sample *sample, void *argument), void *argument);
/* metrics_bucket_bound - the upper bound of a bucket in seconds, "0.001"; "+Inf" for the last */
const char *metrics_bucket_bound(int bucket);

#endif
