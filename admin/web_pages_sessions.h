/* web_pages_sessions - live sessions: a row for each remote server, the streams with one, and the handshake of a stream
 *
 * Openfire: server-session-summary.jsp, server-session-details.jsp; its columns. Handlers of admin/web_routes.h.
 */
#ifndef ADMIN_WEB_PAGES_SESSIONS_H
#define ADMIN_WEB_PAGES_SESSIONS_H

struct web_call;

void web_page_sessions(struct web_call *call);
void web_page_session_details(struct web_call *call);
void web_page_handshake(struct web_call *call);
void web_page_handshake_diagram(struct web_call *call);

#endif
