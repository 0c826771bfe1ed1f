/* service_notify - how the service manager learns what we are doing
 *
 * Openfire: none; its start script forks. The protocol of systemd's sd_notify(3), without its library: datagrams of
 * NAME=value lines to the socket that NOTIFY_SOCKET names, and a sign of life at half of WATCHDOG_USEC. Without these variables
 * all of this does nothing. Nothing here waits: what the manager does not take at once is lost, but for the
 * watchdog, which comes again. By the main thread.
 */
#ifndef SERVER_SERVICE_NOTIFY_H
#define SERVER_SERVICE_NOTIFY_H

#include <stdint.h>

/* service_notify_start - take the variables out of the environment and open the socket */
void service_notify_start(void);
/* service_notify_ready - all that we serve is open, after the start and after each reload */
void service_notify_ready(void);
/* service_notify_reloading - settings are being read again; service_notify_ready ends it, however it went */
void service_notify_reloading(void);
/* service_notify_stopping - streams are being ended */
void service_notify_stopping(void);
/* service_notify_status - one line for people. Told again only when it has changed. */
void service_notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* service_notify_tick - housekeeping, once a second: the watchdog. `now`: xmpp_server_now's clock */
void service_notify_tick(int64_t now);
void service_notify_stop(void);

#endif
