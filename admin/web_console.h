/* web_console - the web console: its ports, and what every request must pass
 *
 * Openfire: AdminConsolePlugin, AuthCheckFilter, CSRF cookies of its pages. `adminConsole.port` without TLS, on a loopback address only,
 * and `adminConsole.securePort` with TLS, by the certificate that other servers see. Each request: a name of ours in Host (else a
 * stranger's page could read ours by a name that leads here: DNS rebinding) -> a row of the table -> the session -> for what changes
 * something also that it comes from a page of ours (Origin, Sec-Fetch-Site) and brings the session's token -> the handler.
 *
 * A port that can't be opened at the start does not keep the server from starting: it is there for other servers first of all. A change of
 * the settings that would move the console to a port that can't be opened is refused.
 *
 * Threads: one for each port and each connection. Who puts settings in force configures it, which may be a handler of ours; so what is to be
 * closed is only put aside there, and closed by the tick.
 */
#ifndef ADMIN_WEB_CONSOLE_H
#define ADMIN_WEB_CONSOLE_H

#include <jansson.h>
#include <stdint.h>

#include "xml/text.h"

struct config;

/* web_console_configure - open, move or close the ports as the settings say; at the start also make the first password, which is printed
 * then and never again. 0, or -1 with a sentence in `why`: the old ports are open still. Any thread. */
int web_console_configure(const struct config *config, struct text *why);
/* web_console_tick - housekeeping, once a second; by main only. Waits for handlers that run on a port that was closed. */
void web_console_tick(int64_t now);
/* web_console_stop - close the ports; answers that are on their way have a second. By main only. */
void web_console_stop(void);
/* web_console_places - an array of the addresses at which it can be reached, "http://127.0.0.1:9090/"; a new reference */
json_t *web_console_places(void);

#endif
