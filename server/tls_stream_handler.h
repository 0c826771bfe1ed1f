/* tls_stream_handler - TLS on a connected socket
 *
 * Openfire: TLSStreamHandler, TLSWrapper. OpenSSL over a non-blocking socket: no call waits. One thread
 * shakes hands; then one may read while another writes. RFC 6120 5, RFC 7590, RFC 9325: TLS 1.2 and 1.3, no
 * renegotiation, no compression, no resumption (each handshake shows its certificates anew).
 *
 * Lock: one mutex per handler, over single calls of OpenSSL, a leaf.
 */
#ifndef SERVER_TLS_STREAM_HANDLER_H
#define SERVER_TLS_STREAM_HANDLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/certificate_manager.h"
#include "server/server_trust_manager.h"

struct tls_stream_handler;
struct dns_tlsa;

/* What is wanted of a handshake. */
struct tls_request {
    bool client; /* we open the stream */
    const char
        *local; /* the domain of ours (prepared) whose certificate is shown; NULL: the first */
    const char *remote; /* client: the domain that the certificate must be for (prepared) */
    bool strict;        /* client: give up when the certificate is not good or not for `remote` */
    bool direct;        /* direct TLS: offer ALPN xmpp-server */
    const struct dns_tlsa *tlsa; /* client: secure TLSA records, or NULL; borrowed for the call */
    const char
        *target; /* client, with tlsa: the host they were found for, a name that counts too */
    enum failure *
        failure; /* gets the cause of a handshake that fails; NULL: not wanted. Must outlive the handshake. */
};

/* tls_stream_handler_new - for a connected non-blocking socket, which stays the caller's. Takes a
 * reference of `certificates`. NULL with a sentence in `why`. */
struct tls_stream_handler *tls_stream_handler_new(int fd, const struct tls_request *request,
                                                  struct certificates *certificates,
                                                  struct text *why);
void tls_stream_handler_free(struct tls_stream_handler *handler);

enum tls_step { TLS_DONE, TLS_WANTS_READ, TLS_WANTS_WRITE, TLS_FAILED };

/* tls_stream_handler_handshake - as far as it goes without waiting. TLS_FAILED with a sentence in `why`: who
 * objected to what. */
enum tls_step tls_stream_handler_handshake(struct tls_stream_handler *handler, struct text *why);
/* tls_stream_handler_run - the same to its end, waiting on `fd` until `deadline` (xmpp_server_now's clock) or
 * until `stopped`. 0, or -1 with `why`. */
int tls_stream_handler_run(struct tls_stream_handler *handler, int fd, const _Atomic bool *stopped,
                           int64_t deadline, struct text *why);
/* tls_stream_handler_read, _write - like recv and send: -1 with errno EAGAIN when nothing can be done now,
 * another errno when the connection is broken; read gives 0 at the end */
ssize_t tls_stream_handler_read(struct tls_stream_handler *handler, char *buffer, size_t size);
ssize_t tls_stream_handler_write(struct tls_stream_handler *handler, const char *bytes,
                                 size_t length);
/* tls_stream_handler_broke - after a read that failed: what the other side's alert says, FAILURE_NONE when there was none (or `handler`
 * is NULL). In TLS 1.3 a client learns only so that its certificate was not taken. By the reader. */
enum failure tls_stream_handler_broke(const struct tls_stream_handler *handler);
/* tls_stream_handler_wire - bytes that were written to the socket so far, handshake and all */
uint64_t tls_stream_handler_wire(struct tls_stream_handler *handler);
/* tls_stream_handler_rest - by a thread that is about to wait for long: what OpenSSL keeps for each thread (random numbers, errors) is given back,
 * and comes again when it is needed. NULL: nothing is encrypted. */
void tls_stream_handler_rest(const struct tls_stream_handler *handler);
/* tls_stream_handler_shutdown - say that we send no more; never waits */
void tls_stream_handler_shutdown(struct tls_stream_handler *handler);

/* After the handshake; constant from then on: */

/* tls_stream_handler_verdict - on the peer's certificate; borrowed, lives as long as the
 * handler. NULL for NULL: nothing is encrypted. */
const struct server_verdict *tls_stream_handler_verdict(const struct tls_stream_handler *handler);
/* tls_stream_handler_protocol, _cipher - "TLSv1.3", "TLS_AES_256_GCM_SHA384": constants; NULL for NULL */
const char *tls_stream_handler_protocol(const struct tls_stream_handler *handler);
const char *tls_stream_handler_cipher(const struct tls_stream_handler *handler);
/* tls_stream_handler_chain - the certificates that the other side sent, its own first; borrowed, NULL when there are none. After a client's
 * handshake. */
STACK_OF(X509) * tls_stream_handler_chain(const struct tls_stream_handler *handler);
/* tls_stream_handler_describe - append "TLSv1.3, TLS_AES_256_GCM_SHA384, SNI one.test, ALPN xmpp-server" */
void tls_stream_handler_describe(const struct tls_stream_handler *handler, struct text *out);

#endif
