/* metrics - named counters and gauges of the whole process
 *
 * Openfire: ServerTrafficCounter, StatisticsManager. One row for each in METRICS below: field,
 * name as printed, help. Atomic
 * and relaxed: any thread, no lock. Hot paths count into their session and add up at its end or
 * flush.
 */
#ifndef SERVER_METRICS_H
#define SERVER_METRICS_H

#include <stdint.h>

#define METRICS(X)                                                                       \
    X(connections_accepted, "TCP connections accepted by the listeners")                 \
    X(connections_refused, "TCP connections closed at once: over a cap")                 \
    X(connections_open, "TCP connections open now, both directions")                     \
    X(incoming_sessions, "incoming sessions open now")                                   \
    X(outgoing_sessions, "outgoing sessions open now")                                   \
    X(component_sessions, "components connected now")                                    \
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
    X(stream_errors_sent, "streams that we ended with an error")                         \
    X(stream_errors_received, "streams that the other side ended with an error")         \
    X(tls_handshakes, "TLS handshakes completed, both directions")                       \
    X(tls_failures, "TLS handshakes that failed")                                        \
    X(threads, "threads of connections alive now")                                       \
    X(log_lines_dropped, "log lines that standard error did not take")

struct metrics {
#define METRICS_FIELD(name, help) int64_t name; /* only through metrics_add and metrics_get */
    METRICS(METRICS_FIELD)
#undef METRICS_FIELD
};
extern struct metrics metrics;

#define metrics_add(field, n) ((void)__atomic_fetch_add(&metrics.field, (n), __ATOMIC_RELAXED))
#define metrics_get(field) __atomic_load_n(&metrics.field, __ATOMIC_RELAXED)

#endif
