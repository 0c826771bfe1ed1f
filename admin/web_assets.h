/* web_assets - the style sheet, the script and the icon of the web console, which are part of the program
 *
 * Openfire: the files beside its pages. Nothing is read while it runs: the assembler takes the files admin/web_console.css, .js and
 * admin/web_console_icon.svg in. Constant; any thread.
 */
#ifndef ADMIN_WEB_ASSETS_H
#define ADMIN_WEB_ASSETS_H

struct web_call;

/* web_assets_version - changes with their contents, so that a browser may keep them as long as it likes */
const char *web_assets_version(void);
/* web_assets_style, …_script, …_icon - handlers of admin/web_routes.h */
void web_assets_style(struct web_call *call);
void web_assets_script(struct web_call *call);
void web_assets_icon(struct web_call *call);

#endif
