/* tls_negotiation - what STARTTLS and direct TLS have in common, for both kinds of readers
 *
 * Openfire: SocketReadingMode.negotiateTLS, LocalOutgoingServerSession's secureAndAuthenticate. RFC 6120 5.
 */
#ifndef SESSION_TLS_NEGOTIATION_H
#define SESSION_TLS_NEGOTIATION_H

#include "server/tls_stream_handler.h"
#include "session/socket_reader.h"

/* tls_negotiation_run - on the reader's thread: first `last` (NULL: nothing) unencrypted, then the handshake,
 * until `deadline`. 0; or -1: the connection is ended without another byte of XML (RFC 6120 5.4.3.2), the
 * reason is noted for the log and, when `why` is not NULL, appended to it. Needs certificates to be there. */
int tls_negotiation_run(struct socket_reader *reader, const struct tls_request *request,
                        const char *last, int64_t deadline, struct text *why);
/* tls_negotiation_is_possible - do we have a certificate, or at least TLS? */
bool tls_negotiation_is_possible(void);
/* tls_negotiation_shows_certificate - and do we show it to servers that we connect to? */
bool tls_negotiation_shows_certificate(void);
/* tls_negotiation_failure - what a connection lacks that does not do: TLS, or a certificate that would */
enum failure tls_negotiation_failure(const struct socket_reader *reader);
/* tls_negotiation_verdict - on the peer's certificate; NULL while the connection is plain */
const struct server_verdict *tls_negotiation_verdict(const struct socket_reader *reader);

#endif
