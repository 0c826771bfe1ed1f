/* control_console - commands about the web console itself
 *
 * Openfire: user-password.jsp, and the list of who is logged in to its console, which it has not. Functions of rows of
 * admin/control_table.h.
 */
#ifndef ADMIN_CONTROL_CONSOLE_H
#define ADMIN_CONTROL_CONSOLE_H

struct control_call;

/* control_console - {"places":[addresses],"user","sessions":[{"user","peer","age_seconds","idle_seconds"}]} */
void control_console(struct control_call *call);
/* control_console_password - {"user","password": the one that was made; null: the one that was given} */
void control_console_password(struct control_call *call);

#endif
