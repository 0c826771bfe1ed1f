/* web_pages_settings - settings, DNS overrides, the audit log, the account
 *
 * Openfire: server-properties.jsp, dns-overrides.jsp, security-audit-viewer.jsp, user-password.jsp. Handlers of admin/web_routes.h.
 */
#ifndef ADMIN_WEB_PAGES_SETTINGS_H
#define ADMIN_WEB_PAGES_SETTINGS_H

struct web_call;

void web_page_settings(struct web_call *call);
void web_page_setting(struct web_call *call);
void web_page_overrides(struct web_call *call);
void web_page_audit(struct web_call *call);
void web_page_account(struct web_call *call);

#endif
