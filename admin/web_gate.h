/* web_gate - what every request to the web console must pass, before any page is made
 *
 * Openfire: AuthCheckFilter, the filter of its set-up, CSRF checks that each page makes or forgets. One way in for all; the order
 * is that of the action points in web_gate.c. A request that does not pass is answered here, and has changed nothing. Called on the
 * connection's thread, without locks.
 */
#ifndef ADMIN_WEB_GATE_H
#define ADMIN_WEB_GATE_H

#include <stdbool.h>

#include "admin/http_listener.h"

/* web_gate_answer - an http_handler; `owner`: a const bool *, is it inside TLS? */
http_handler web_gate_answer;
/* web_gate_knows_host - is this the name of ours in a Host header (with or without a port)? For tests too. */
bool web_gate_knows_host(const char *host);
/* web_gate_is_from_ours - was it sent by a page of ours, as far as the browser says (Origin, Sec-Fetch-Site; NULL: it does not say)? Since
 * our pages give no referrer, theirs is the Origin "null" as well: that of a stranger's sandbox too, so then Sec-Fetch-Site must say it.
 * `host` is the Host header, which is a name of ours. */
bool web_gate_is_from_ours(const char *origin, const char *site, const char *host, bool secure);

#endif
