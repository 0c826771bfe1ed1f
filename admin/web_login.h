/* web_login - the door of the web console
 *
 * Openfire: login.jsp, and user-password.jsp. A log-in always makes a new session, whatever the browser brought. The form of the door has
 * a token too, bound to a cookie of its own, so that nobody can be logged in by a stranger's page. Handlers of admin/web_routes.h.
 */
#ifndef ADMIN_WEB_LOGIN_H
#define ADMIN_WEB_LOGIN_H

#include <stdbool.h>

struct web_call;

void web_login_page(struct web_call *call);
void web_login_try(struct web_call *call);
void web_login_end(struct web_call *call);
/* web_login_change - another password; who asks must know the old one, and gets a new session, the only one then */
void web_login_change(struct web_call *call);

/* web_login_cookie, web_login_door_cookie - the names of the two cookies: under TLS the prefix __Host- keeps others from setting them */
const char *web_login_cookie(bool secure);
const char *web_login_door_cookie(bool secure);
/* web_login_door_is_right - does the token fit the door's cookie? */
bool web_login_door_is_right(const char *cookie, const char *token);

#endif
