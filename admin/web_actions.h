/* web_actions - what the forms of the web console do: each runs the command of its row
 *
 * Openfire: the scriptlets at the head of its pages. A form's fields are the command's parameters, by their names without dashes; the
 * table of commands checks them. Then the browser is led back to the page (303), which says what came of it. Handlers of
 * admin/web_routes.h.
 */
#ifndef ADMIN_WEB_ACTIONS_H
#define ADMIN_WEB_ACTIONS_H

struct web_call;

/* web_actions_run - of a row with one command */
void web_actions_run(struct web_call *call);
/* web_actions_end - drain and stop: only with confirm=yes */
void web_actions_end(struct web_call *call);
/* web_actions_software - ask the domain, which may take 10 s; leads back to the streams with it */
void web_actions_software(struct web_call *call);
/* web_actions_idle - idle=never, or idle=after with minutes: as Openfire's page has it */
void web_actions_idle(struct web_call *call);

#endif
