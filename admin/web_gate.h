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

#endif
