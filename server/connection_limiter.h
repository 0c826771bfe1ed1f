/* connection_limiter - how many connections an address, a network and all strangers together may have
 *
 * Openfire: ratelimit.NewConnectionLimiterRegistry, which knows one rate for all S2S connections together; the rest is ours. Asked for
 * each accepted connection before it gets a thread. A connection is a stranger until something is proved on it (connection_limiter_proved);
 * strangers are what a flood is made of, so their limits are narrow, while a hoster with many domains behind one address has wide
 * ones. What comes from `s2s.limit.exempt` is never a stranger and is not counted by address or network.
 *
 * When all places for strangers are taken, the newcomer gets the place of another one: of the network that has most of them, the
 * oldest, once it has had CONNECTION_LIMITER_GRACE_MS. Who refuses newcomers instead is shut as soon as somebody opens enough connections and says nothing on them.
 *
 * A ticket stands for a connection here; counted references; NULL is one that is counted nowhere. One mutex over all, a leaf but for the log; no call waits.
 */
#ifndef SERVER_CONNECTION_LIMITER_H
#define SERVER_CONNECTION_LIMITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct config;
struct connection_ticket;

/* connection_limiter_configure - the settings, at the start and when they change. What is open stays. */
void connection_limiter_configure(const struct config *config);
/* connection_limiter_stop - at the end of the program, when no ticket is left */
void connection_limiter_stop(void);

/* connection_limiter_admit - may this connection stay? `now` is xmpp_server_now's clock. NULL: no, and what has to be logged and counted
 * is; else its ticket, one reference for the caller, to be released before `fd` is closed. `known` is for a port where only known
 * addresses are let in: they are exempt. May end another connection, by shutdown(2) of its descriptor: its reader sees the end of TCP. */
struct connection_ticket *connection_limiter_admit(int fd, const struct sockaddr *peer, bool known,
                                                   int64_t now);
/* connection_limiter_release - the connection is over. Its verifications still count until they end. Gives the reference back. */
void connection_limiter_release(struct connection_ticket *ticket);
struct connection_ticket *connection_limiter_ref(struct connection_ticket *ticket);
void connection_limiter_unref(struct connection_ticket *ticket);

/* connection_limiter_proved - something is proved on it: no stranger any more. Idempotent; any thread, also after release. */
void connection_limiter_proved(struct connection_ticket *ticket);
bool connection_limiter_is_stranger(const struct connection_ticket *ticket);
/* connection_limiter_was_evicted - did it lose its place to another? */
bool connection_limiter_was_evicted(const struct connection_ticket *ticket);
/* connection_limiter_cause - a number for the network that it comes from, also of an exempt one: the same for the same network, and
 * which one is hard to foresee */
unsigned connection_limiter_cause(const struct connection_ticket *ticket);
/* connection_limiter_charge - it sent so many bytes more, which it holds until something is proved or it ends. When that is too much
 * for all strangers together, whoever holds most loses its place. False: that was this one. */
bool connection_limiter_charge(struct connection_ticket *ticket, size_t bytes);
/* connection_limiter_begin_verification - may a question be asked for it (a look-up, a connection)? True when it is no stranger. Each true
 * is answered by an end_verification, from any thread, whatever has become of the connection. */
bool connection_limiter_begin_verification(struct connection_ticket *ticket);
void connection_limiter_end_verification(struct connection_ticket *ticket);

#define CONNECTION_LIMITER_GRACE_MS 2000 /* so long nobody loses its place to a newcomer */

#endif
