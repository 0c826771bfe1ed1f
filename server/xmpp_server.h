/* xmpp_server - who we are: our domains, when we started
 *
 * Openfire: XMPPServer, XMPPServerInfo. The names we serve are `xmpp.domain` and `s2s.domains` now;
 * components and upstreams will add theirs. A table under a read-write lock (a leaf); asked for each
 * stanza, so a look-up is one hash probe on the prepared domain.
 */
#ifndef SERVER_XMPP_SERVER_H
#define SERVER_XMPP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;

#define XMPP_SERVER_SOFTWARE "openfire-s2s"
#define XMPP_SERVER_VERSION "0.1.0"

/* xmpp_server_configure - take the names from the settings (at start and at each reload). Names that are
 * gone are remembered as "gone" (host-gone, RFC 6120 4.9.3.5). 0, or -1 when a name is no domain (named in
 * the log): then nothing has changed. */
int xmpp_server_configure(const struct config *config);
/* xmpp_server_serve, _unserve - a further prepared domain (a component's) is served, or no more; kept over reloads. Any
 * thread. */
void xmpp_server_serve(const char *domain);
void xmpp_server_unserve(const char *domain);
void xmpp_server_stop(void);
/* xmpp_server_is_local - do we serve this prepared domain? */
bool xmpp_server_is_local(const char *domain, size_t length);
/* xmpp_server_was_local - did we, earlier in this run, and no more? */
bool xmpp_server_was_local(const char *domain, size_t length);
/* xmpp_server_uptime - whole seconds since the start (the first xmpp_server_configure), by the monotonic
 * clock */
int64_t xmpp_server_uptime(void);
/* xmpp_server_now - milliseconds of the monotonic clock, for deadlines */
int64_t xmpp_server_now(void);
/* xmpp_server_now_about - the same, up to a few milliseconds late, for a fraction of the price: for what is only noted */
int64_t xmpp_server_now_about(void);
/* xmpp_server_routes - a number that changes whenever a domain may have another route than before: it becomes or ceases to be ours, a
 * component's, an upstream's, or reachable over another stream. Who remembers a route reads the number before looking for it, and looks
 * again when it has changed. */
unsigned xmpp_server_routes(void);
/* xmpp_server_routes_changed - by each table of the above, after each change */
void xmpp_server_routes_changed(void);

#endif
