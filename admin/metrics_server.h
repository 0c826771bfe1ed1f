/* metrics_server - where Prometheus fetches its page
 *
 * Openfire has none; its plugins draw graphs themselves. GET /metrics on `s2s.metrics.address`,
 * `s2s.metrics.port` (0: there is no such port), and nothing else. With `s2s.metrics.token` a request must
 * carry it ("Authorization: Bearer …"); without, the settings take only a loopback address.
 */
#ifndef ADMIN_METRICS_SERVER_H
#define ADMIN_METRICS_SERVER_H

#include <stdint.h>

#include "xml/text.h"

struct config;

/* metrics_server_configure - open, move or close the port as the settings say (at start and at each reload);
 * one that stays where it is is not touched, one that stays at its port and changes its address is closed
 * first. 0, or -1 with a sentence in `why`: then the old one, if it has another port, is open still. Any
 * thread. */
int metrics_server_configure(const struct config *config, struct text *why);
/* metrics_server_tick - housekeeping, once a second. Any thread. */
void metrics_server_tick(int64_t now);
/* metrics_server_stop - close the port; waits for a page that is being made */
void metrics_server_stop(void);

#endif
