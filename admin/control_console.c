/* SPDX-License-Identifier: Apache-2.0 */
/* control_console - commands about the web console itself
 *
 * A password is shown where it was made, and nowhere else: neither the log nor the audit log has it.
 */
#include "admin/control_console.h"

#include "admin/control_commands.h"
#include "admin/web_console.h"
#include "admin/web_limit.h"
#include "admin/web_password.h"
#include "admin/web_session.h"
#include "server/config.h"
#include "server/xmpp_server.h"

void control_console(struct control_call *call)
{
    call->result = json_pack("{s:o, s:s, s:o}", "places", web_console_places(), "user",
                             WEB_PASSWORD_USER, "sessions", web_session_list(xmpp_server_now()));
}

void control_console_password(struct control_call *call)
{
    struct text made = TEXT_EMPTY, why = TEXT_EMPTY;
    const char *given = control_call_text(call, "password");
    const struct config *config = config_get();
    control_call_hide(call, "password");
    if (given == NULL)
        web_password_random(&made);
    if (web_password_change(config->s2s_home, given != NULL ? given : text_string(&made), &why) <
        0) {
        control_call_fail(call, CONTROL_INVALID, "%s", text_string(&why));
    } else {
        web_session_close_all();
        web_limit_reset();
        call->result = json_pack("{s:s, s:o}", "user", WEB_PASSWORD_USER, "password",
                                 control_json_text(given != NULL ? NULL : text_string(&made)));
    }
    config_unref(config);
    text_free(&made);
    text_free(&why);
}
