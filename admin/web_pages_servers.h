/* web_pages_servers - the page Server to Server: the service, how long it waits, and who may connect
 *
 * Openfire: server2server-settings.jsp, connection-settings-socket-s2s.jsp. Handler of admin/web_routes.h.
 */
#ifndef ADMIN_WEB_PAGES_SERVERS_H
#define ADMIN_WEB_PAGES_SERVERS_H

struct web_call;

void web_page_servers(struct web_call *call);

#endif
