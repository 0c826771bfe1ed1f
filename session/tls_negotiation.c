/* SPDX-License-Identifier: Apache-2.0 */
/* tls_negotiation - what STARTTLS and direct TLS have in common, for both kinds of readers
 *
 * Openfire: SocketReadingMode.negotiateTLS. The steps go to the timeline: what was agreed on, and the verdict
 * on the other side's certificate in words. DIFFERS: no stream is ever tried again without TLS (D32).
 */
#include "session/tls_negotiation.h"

#include "server/connection_limiter.h"
#include "server/metrics.h"
#include "server/stranger_turns.h"
#include "server/timeline.h"
#include "xml/xmlns.h"

int tls_negotiation_refuse(struct socket_reader *reader, const char *why)
{
    static const char failure[] = "<failure xmlns=\"" XMLNS_TLS "\"/>";
    socket_connection_deliver(reader->connection, failure, sizeof failure - 1);
    return socket_reader_fail(reader, FAILURE_TLS_OFF_HERE, STREAM_ERROR_NONE, NULL, "%s", why);
}

int tls_negotiation_find_tlsa(const struct socket_reader *reader,
                              const struct socket_util_target *target, int64_t deadline,
                              struct dns_tlsa *tlsa, struct text *why)
{
    tlsa->count = 0;
    if (!reader->config->s2s_dane_enabled || !target->secure ||
        dns_util_resolve_tlsa(target->host, target->port, deadline,
                              socket_connection_timeline(reader->connection), tlsa) != DNS_FAILED)
        return 0;
    text_appendf(why, "the TLSA records of %s can't be had, though its DNS is secure",
                 target->host);
    return -1;
}

bool tls_negotiation_is_possible(void)
{
    struct certificates *certificates = certificate_manager_get();
    certificates_unref(certificates);
    return certificates != NULL;
}

bool tls_negotiation_shows_certificate(void)
{
    struct certificates *certificates = certificate_manager_get();
    bool shows = certificates != NULL && certificates_present(certificates);
    certificates_unref(certificates);
    return shows;
}

const struct server_verdict *tls_negotiation_verdict(const struct socket_reader *reader)
{
    return tls_stream_handler_verdict(socket_connection_tls(reader->connection));
}

enum failure tls_negotiation_failure(const struct socket_reader *reader)
{
    const struct server_verdict *verdict = tls_negotiation_verdict(reader);
    return verdict == NULL ? FAILURE_TLS_MISSING : server_trust_manager_failure(verdict);
}

static void note_success(const struct socket_reader *reader)
{
    static const char *const words[] = {"no certificate", "a valid certificate",
                                        "a self-signed certificate",
                                        "a certificate that is not valid"};
    const struct server_verdict *verdict = tls_negotiation_verdict(reader);
    struct timeline *timeline = socket_connection_timeline(reader->connection);
    struct text what = TEXT_EMPTY;
    tls_stream_handler_describe(socket_connection_tls(reader->connection), &what);
    timeline_step(timeline, "TLSStreamHandler.start", "RFC 6120 5.4.3.3", "encrypted: %s",
                  text_string(&what));
    timeline_step(timeline, "ServerTrustManager.checkServerTrusted", "RFC 6120 13.7.2",
                  "the other side showed %s: %s", words[verdict->trust],
                  text_string(&verdict->why));
    text_free(&what);
}

int tls_negotiation_run(struct socket_reader *reader, const struct tls_request *request,
                        const char *last, int64_t deadline, struct text *why)
{
    struct text reason = TEXT_EMPTY;
    struct certificates *certificates = certificate_manager_get();
    struct tls_stream_handler *handler = NULL;
    enum failure failure = certificates == NULL ? FAILURE_TLS_OFF_HERE : FAILURE_TLS_FAILED;
    struct tls_request wanted = *request;
    wanted.failure = &failure;
    int64_t began = metrics_now();
    int result = -1;
    stranger_turns_join(connection_limiter_is_stranger(reader->ticket));
    if (certificates == NULL)
        text_append_string(&reason, "TLS was switched off here meanwhile");
    else
        handler = tls_stream_handler_new(socket_connection_fd(reader->connection), &wanted,
                                         certificates, &reason);
    if (handler != NULL)
        result = socket_connection_start_tls(reader->connection, handler, last, deadline, &reason);
    metrics_observe(&metrics.tls_handshake[request->client ? METRICS_OUTGOING : METRICS_INCOMING]
                                          [result == 0 ? RESULT_SUCCESS : RESULT_FAILURE],
                    began);
    if (result == 0) {
        note_success(reader);
    } else {
        timeline_step(socket_connection_timeline(reader->connection), "TLSStreamHandler.start",
                      "RFC 6120 5.4.3.2", "TLS failed: %s", text_string(&reason));
        timeline_fail(socket_connection_timeline(reader->connection), failure, "%s",
                      text_string(&reason));
        socket_reader_note_end(reader, "TLS failed", text_string(&reason));
        socket_connection_end(reader->connection, NULL, 0);
        if (why != NULL)
            text_append_string(why, text_string(&reason));
    }
    certificates_unref(certificates);
    text_free(&reason);
    return result;
}
