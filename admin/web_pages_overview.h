/* web_pages_overview - the page that shows what runs, how much of it, and what waits for somebody; counters and commands
 *
 * Openfire: index.jsp, and the graphs of its monitoring plugin. Handlers of admin/web_routes.h.
 */
#ifndef ADMIN_WEB_PAGES_OVERVIEW_H
#define ADMIN_WEB_PAGES_OVERVIEW_H

struct web_call;

void web_page_overview(struct web_call *call);
void web_page_counters(struct web_call *call);
/* web_page_commands - all commands, and for each the pages here from which it is run */
void web_page_commands(struct web_call *call);

#endif
