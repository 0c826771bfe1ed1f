/* web_pages_attempts - attempts that failed, and all that explains why
 *
 * Openfire: server-session-failure-details.jsp (reason, step log, Retry now, Block this domain). Handlers of admin/web_routes.h.
 */
#ifndef ADMIN_WEB_PAGES_ATTEMPTS_H
#define ADMIN_WEB_PAGES_ATTEMPTS_H

struct web_call;

void web_page_failures(struct web_call *call);
void web_page_explain(struct web_call *call);
void web_page_explain_diagram(struct web_call *call);

#endif
