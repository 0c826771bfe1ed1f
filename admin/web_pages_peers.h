/* web_pages_peers - what hangs on us: components, and XMPP servers behind us
 *
 * Openfire: external-components-settings.jsp, component-session-summary.jsp. Handler of admin/web_routes.h.
 */
#ifndef ADMIN_WEB_PAGES_PEERS_H
#define ADMIN_WEB_PAGES_PEERS_H

struct web_call;

void web_page_peers(struct web_call *call);

#endif
