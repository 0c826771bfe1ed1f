/* limit_log - a limit has bitten: the metric, and at most one line a second for each
 *
 * Openfire: the suppressed logging of ratelimit.NewConnectionLimiterRegistry. Who floods us must not flood the log: the first bite has a
 * line at once, those after it are counted, and the count stands on the next line. One mutex, a leaf but for log.
 */
#ifndef SERVER_LIMIT_LOG_H
#define SERVER_LIMIT_LOG_H

#include <stdint.h>

/* X(enum value, field of the metrics, the setting as it stands in the log) */
#define LIMITS(X)                                                                                \
    X(LIMIT_CONNECTIONS, limited_connections, "s2s.connections.max")                             \
    X(LIMIT_NEW_CONNECTIONS, limited_new_connections, "xmpp.ratelimit.newconnections.s2s")       \
    X(LIMIT_ADDRESS, limited_address, "s2s.limit.*-per-address")                                 \
    X(LIMIT_NETWORK, limited_network, "s2s.limit.*-per-network")                                 \
    X(LIMIT_NETWORK_RATE, limited_network_rate, "s2s.limit.connections-per-second")              \
    X(LIMIT_STRANGERS, limited_strangers, "s2s.unauthenticated.max")                             \
    X(LIMIT_STRANGER_TURNS, limited_stranger_turns, "s2s.unauthenticated.threads")               \
    X(LIMIT_STRANGER_BYTES, limited_stranger_bytes, "s2s.unauthenticated.bytes")                 \
    X(LIMIT_VERIFICATIONS, limited_verifications, "s2s.unauthenticated.verifications")           \
    X(LIMIT_STREAM_CLAIMS, limited_stream_claims,                                                \
      "s2s.negotiation.verifications, s2s.domains.per.stream")                                   \
    X(LIMIT_NEGOTIATION_BYTES, limited_negotiation_bytes, "s2s.negotiation.total")               \
    X(LIMIT_STANZA, limited_stanza, "xmpp.parser.buffer.size, s2s.xml.*, s2s.negotiation.bytes") \
    X(LIMIT_PEER, limited_peer, "of another server (XEP-0478)")                                  \
    X(LIMIT_STREAMS, limited_streams,                                                            \
      "s2s.limit.streams-per-domain, xmpp.server.session.allowmultiple")                         \
    X(LIMIT_RATE, limited_rate, "s2s.limit.stanzas-per-second, s2s.limit.bytes-per-second")      \
    X(LIMIT_QUEUE, limited_queue, "xmpp.server.outgoing.queue")                                  \
    X(LIMIT_QUEUE_AGE, limited_queue_age, "s2s.queue.age")

#define LIMIT_VALUE(value, metric, setting) value,
enum limit { LIMITS(LIMIT_VALUE) LIMIT_COUNT };
#undef LIMIT_VALUE

/* limit_log_bites - once more; the sentence is for the log, should it be this one's turn */
void limit_log_bites(enum limit limit, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* limit_log_set_interval - milliseconds between two lines of this limit (1000 until it is set) */
void limit_log_set_interval(enum limit limit, int64_t interval);
/* limit_log_tick - housekeeping: what was counted and has no line yet, once the flood is over */
void limit_log_tick(int64_t now);

#endif
