/* local_incoming_server_session - a stream that another domain opened to us
 *
 * Openfire: LocalIncomingServerSession. Model, statements 9 to 13. It makes itself and sends its
 * handshake; it is not verified until a ServerDialback role says that a domain proved itself, and
 * then only for that exact pair of domains.
 *
 * Threads: its reader's, and those of outgoing streams that bring verdicts. The session's lock
 * guards the pairs.
 */
#ifndef SESSION_LOCAL_INCOMING_SERVER_SESSION_H
#define SESSION_LOCAL_INCOMING_SERVER_SESSION_H

#include "dialback/dialback_element.h"
#include "session/domain_pair.h"
#include "session/session.h"
#include "session/socket_reader.h"

struct local_incoming_server_session;

/* What the handshake has to offer to this stream. */
struct handshake_offer {
    bool starttls, starttls_required;
    bool external; /* the certificate proves the header's `from` */
    bool dialback;
    bool upstream; /* the private port: a server behind us proves its domains to all others */
    const char
        *authenticated; /* who proved itself by SASL on this stream before (prepared), or NULL */
    int64_t deadline; /* of the negotiation: while nothing is proved, no claim is taken after it */
};

/* local_incoming_server_session_create_session - for a stream whose opening tag is acceptable:
 * `local` is the domain it is addressed to. Sends the handshake: our header with a new stream id
 * and, if the peer's version is 1.0 or later, the features (never to others: OF-443). A
 * domain that has proved itself by SASL is validated from the start, unless it has enough streams. One reference for the caller; registered with the session manager until close. */
struct local_incoming_server_session *local_incoming_server_session_create_session(
    struct socket_reader *reader, const char *local, const struct stream_header *header,
    const struct handshake_offer *offer);
/* local_incoming_server_session_replace - its stream has begun anew: leave the session manager without a word,
 * drop the caller's reference. Only for a session that has no pairs. */
void local_incoming_server_session_replace(struct local_incoming_server_session *session);
/* local_incoming_server_session_has_pairs - was any db:result taken on it, whatever came of it so far? */
bool local_incoming_server_session_has_pairs(struct local_incoming_server_session *session);
/* local_incoming_server_session_close - its reader has ended: leave the session manager, log the
 * end, drop the caller's reference */
void local_incoming_server_session_close(struct local_incoming_server_session *session,
                                         struct socket_reader *reader);
const char *local_incoming_server_session_stream_id(
    const struct local_incoming_server_session *session);

/* local_incoming_server_session_validate_subsequent_domain - a db:result came: check it, and
 * have the authoritative server of its sender asked. Never waits: the verdict comes by another
 * thread. 0 to go on, -1 when the stream was ended. By the reader's thread. */
int local_incoming_server_session_validate_subsequent_domain(
    struct local_incoming_server_session *session, struct socket_reader *reader,
    const struct dialback_element *request);

enum domain_right {
    DOMAIN_VALIDATED,    /* this pair was proved on this stream */
    DOMAIN_OTHER_PAIR,   /* the remote domain was proved, but not to this local domain */
    DOMAIN_NOT_VALIDATED /* the remote domain was proved to nobody here */
};
/* local_incoming_server_session_is_valid_domain - may `remote` write to `local` on this stream?
 * Prepared domains. A remembered answer, or one hash probe. By the reader's thread. */
enum domain_right local_incoming_server_session_is_valid_domain(
    struct local_incoming_server_session *session, struct span local, struct span remote);
/* local_incoming_server_session_is_validated - was anything proved yet? Any thread. NULL, here and below: no. */
bool local_incoming_server_session_is_validated(struct local_incoming_server_session *session);
/* local_incoming_server_session_has_pending - is a verification under way? Any thread. */
bool local_incoming_server_session_has_pending(struct local_incoming_server_session *session);
/* local_incoming_server_session_count_packet - one more stanza accepted */
void local_incoming_server_session_count_packet(struct local_incoming_server_session *session);

#endif
