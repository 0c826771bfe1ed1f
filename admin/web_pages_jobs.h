/* web_pages_jobs - the connection test, and following a domain live
 *
 * Openfire: server-connectiontest.jsp. A form starts it and leads to a page that shows what has come so far; without a script it is loaded
 * anew now and then. Handlers of admin/web_routes.h.
 */
#ifndef ADMIN_WEB_PAGES_JOBS_H
#define ADMIN_WEB_PAGES_JOBS_H

struct web_call;

void web_page_check(struct web_call *call);
void web_page_check_start(struct web_call *call);
void web_page_check_progress(struct web_call *call);
void web_page_trace(struct web_call *call);
void web_page_trace_start(struct web_call *call);
void web_page_trace_follow(struct web_call *call);
/* web_page_job_end - either of them is not wanted any more */
void web_page_job_end(struct web_call *call);

#endif
