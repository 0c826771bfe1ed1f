/* local_component_session - a component's connection to us
 *
 * Openfire: LocalComponentSession with its LocalExternalComponent. XEP-0114. It holds the domains that the component has bound;
 * it may write from those and gets what is for them.
 *
 * Threads: its reader's, and any that delivers. The domains are the reader's own.
 */
#ifndef SESSION_LOCAL_COMPONENT_SESSION_H
#define SESSION_LOCAL_COMPONENT_SESSION_H

#include "session/session.h"
#include "session/socket_reader.h"

struct local_component_session;

/* local_component_session_create_session - for the stream of a component that wants to be `domain` (prepared); sends our header
 * with a fresh id. Registered with the session manager until close. One reference for the caller. */
struct local_component_session *local_component_session_create_session(struct socket_reader *reader,
                                                                       const char *domain,
                                                                       bool multiple);
/* local_component_session_close - its reader has ended: routes gone, end logged, the caller's reference dropped */
void local_component_session_close(struct local_component_session *session,
                                   struct socket_reader *reader);
/* local_component_session_authenticate - is `digest` the hex SHA-1 of our stream id and the secret (XEP-0114 3)? In constant time;
 * upper or lower case. */
bool local_component_session_authenticate(struct local_component_session *session,
                                          const char *digest);
/* local_component_session_bind - one more domain for it, and `answer` to say so: false when another component has it */
bool local_component_session_bind(struct local_component_session *session, const char *domain,
                                  bool multiple, const char *answer);
/* local_component_session_answer - write what is no stanza. Never waits; its reader sends it before it next does. */
void local_component_session_answer(struct local_component_session *session, const char *bytes);
/* local_component_session_has_domain - has it bound this one? By the reader's thread. */
bool local_component_session_has_domain(struct local_component_session *session,
                                        struct span domain);
/* local_component_session_domain - the first, that of its header */
const char *local_component_session_domain(const struct local_component_session *session);
/* local_component_session_is_multiple - may its domain have several connections? */
bool local_component_session_is_multiple(const struct local_component_session *session);
/* local_component_session_deliver - write a packet to it. 0, or -1 when it has ended: nothing was taken. Waits for a slow
 * component as socket_connection_deliver does. */
int local_component_session_deliver(struct local_component_session *session,
                                    const struct element *packet);
void local_component_session_count_packet(struct local_component_session *session);
struct local_component_session *local_component_session_ref(
    struct local_component_session *session);
void local_component_session_unref(struct local_component_session *session);

#endif
