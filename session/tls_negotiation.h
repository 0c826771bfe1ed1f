/* tls_negotiation - what STARTTLS and direct TLS have in common, for both kinds of readers
 *
 * Openfire: SocketReadingMode.negotiateTLS, LocalOutgoingServerSession's secureAndAuthenticate. RFC 6120 5.
 */
#ifndef SESSION_TLS_NEGOTIATION_H
#define SESSION_TLS_NEGOTIATION_H

#include "server/socket_util.h"
#include "server/tls_stream_handler.h"
#include "session/socket_reader.h"

/* tls_negotiation_run - on the reader's thread: first `last` (NULL: nothing) unencrypted, then the handshake,
 * until `deadline`. 0; or -1: the connection is ended without another byte of XML (RFC 6120 5.4.3.2), the
 * reason is noted for the log and, when `why` is not NULL, appended to it. Needs certificates to be there. */
int tls_negotiation_run(struct socket_reader *reader, const struct tls_request *request,
                        const char *last, int64_t deadline, struct text *why);
/* tls_negotiation_refuse - <failure/>, and the end of the stream (RFC 6120 5.4.2.2). Always -1. */
int tls_negotiation_refuse(struct socket_reader *reader, const char *why);
/* tls_negotiation_find_tlsa - before a stream that we open is encrypted: what DNSSEC says of the certificate of `target`, by `deadline`.
 * -1 with a sentence in `why` when it should say something and can't be heard: then TLS must not go on (RFC 7672 2.1.1). */
int tls_negotiation_find_tlsa(const struct socket_reader *reader,
                              const struct socket_util_target *target, int64_t deadline,
                              struct dns_tlsa *tlsa, struct text *why);
/* tls_negotiation_is_possible - do we have a certificate, or at least TLS? */
bool tls_negotiation_is_possible(void);
/* tls_negotiation_shows_certificate - and do we show it to servers that we connect to? */
bool tls_negotiation_shows_certificate(void);
/* tls_negotiation_failure - what a connection lacks that does not do: TLS, or a certificate that would */
enum failure tls_negotiation_failure(const struct socket_reader *reader);
/* tls_negotiation_verdict - on the peer's certificate; NULL while the connection is plain */
const struct server_verdict *tls_negotiation_verdict(const struct socket_reader *reader);

#endif
