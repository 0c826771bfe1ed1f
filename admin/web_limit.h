/* web_limit - how often a password may be tried
 *
 * Openfire: LoginLimitManager. Each attempt costs one of what an address may try (an IPv6 network of 64 bits counts as one address),
 * and one of what all may; both come back with time. An address from which somebody has logged in needs nothing of the latter, so
 * strangers who try from everywhere do not lock out who comes from where he came before. One mutex, a leaf; any thread.
 */
#ifndef ADMIN_WEB_LIMIT_H
#define ADMIN_WEB_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define WEB_LIMIT_ADDRESS 5        /* attempts in a row from one address */
#define WEB_LIMIT_ADDRESS_MS 30000 /* until one more is allowed */
#define WEB_LIMIT_ALL 30           /* the same for all addresses together */
#define WEB_LIMIT_ALL_MS 2000
#define WEB_LIMIT_ADDRESSES 256 /* remembered; the one used least recently makes room */

/* web_limit_take - may `address` try now (by xmpp_server_now's clock)? 0: yes, and it is counted; else the seconds to wait. */
int web_limit_take(const char *address, int64_t now);
/* web_limit_succeeded - the attempt was right: what the address may try is whole again */
void web_limit_succeeded(const char *address, int64_t now);
/* web_limit_reset - forget all; for tests, and when the password was changed at the server itself */
void web_limit_reset(void);

#endif
