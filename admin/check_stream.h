/* check_stream - a stream to another server that one thread opens, reads and writes, step by step
 *
 * Openfire: what S2STestService leaves to a live session. Nothing of it is known to the sessions, the routes or the retry pauses: it is
 * there for connection_check only. RFC 6120 4, 5. One thread; every wait ends at its deadline, or soon after nobody wants the check any
 * more. What went wrong stays with the stream: cause and words.
 */
#ifndef ADMIN_CHECK_STREAM_H
#define ADMIN_CHECK_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "server/failure.h"
#include "server/tls_stream_handler.h"
#include "xml/element.h"

struct check_stream;

/* Is the check still wanted? Asked while waiting, several times a second. */
typedef bool check_wanted(void *owner);

/* check_stream_connect - a connected socket to `address`, or -1 with cause and words. Blocks until `deadline` at most. */
int check_stream_connect(const struct sockaddr_storage *address, int64_t deadline,
                         check_wanted *wanted, void *owner, enum failure *failure,
                         struct text *why);

/* check_stream_new - take over a connected non-blocking socket */
struct check_stream *check_stream_new(int fd, check_wanted *wanted, void *owner);
/* check_stream_free - says goodbye (closing tag, closing alert) without waiting; NULL is allowed */
void check_stream_free(struct check_stream *stream);

/* check_stream_begin - our header; theirs; and if they are 1.0 or later, their features. Called again after TLS and after SASL. 0 or
 * -1. */
int check_stream_begin(struct check_stream *stream, const char *from, const char *to, bool dialback,
                       int64_t deadline);
/* check_stream_secure - the handshake, as client. 0 or -1. */
int check_stream_secure(struct check_stream *stream, const struct tls_request *request,
                        int64_t deadline);
/* check_stream_send - whole elements. 0 or -1. */
int check_stream_send(struct check_stream *stream, const char *xml, int64_t deadline);
/* check_stream_receive - the next element, borrowed until the next call, or NULL */
const struct element *check_stream_receive(struct check_stream *stream, int64_t deadline);

/* After check_stream_begin: */
const struct element *check_stream_features(
    const struct check_stream *stream);                           /* NULL: none come */
const char *check_stream_id(const struct check_stream *stream);   /* theirs, "" if none */
const char *check_stream_from(const struct check_stream *stream); /* as they wrote it, "" if none */
bool check_stream_declares_dialback(const struct check_stream *stream);
/* check_stream_tls - NULL while it is plain; borrowed */
const struct tls_stream_handler *check_stream_tls(const struct check_stream *stream);
struct arena *check_stream_arena(struct check_stream *stream); /* of the last element received */

/* After a failure: */
enum failure check_stream_failure(const struct check_stream *stream);
const char *check_stream_why(const struct check_stream *stream);

#endif
