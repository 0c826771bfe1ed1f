/* web_jobs - commands that take their time, run for the web console on threads of their own
 *
 * Openfire: S2STestService. A page starts one, and others show what it has told so far. At most WEB_JOBS_RUNNING at once; of those that
 * have ended the last are kept, so that their results can be looked at again. Events are kept up to WEB_JOBS_EVENTS; of more the oldest
 * go. One mutex, a leaf; any thread.
 */
#ifndef ADMIN_WEB_JOBS_H
#define ADMIN_WEB_JOBS_H

#include <jansson.h>
#include <stdbool.h>

#include "admin/control_request.h"
#include "xml/text.h"

#define WEB_JOBS 12
#define WEB_JOBS_RUNNING 4
#define WEB_JOBS_EVENTS 500

/* web_jobs_start - run the command of these words (copied) for that user (copied, for the audit log). Its number, or -1 with a sentence. */
int web_jobs_start(const struct control_words *words, const char *user, struct text *why);
/* web_jobs_tell - {"job","command","subject": its first argument,"since","running","lost","events":[…],"answer": null while it runs}, a
 * new reference; NULL: there is no such job */
json_t *web_jobs_tell(int job);
/* web_jobs_list - all that are kept of the command, newest first, as {"job","subject","since","running","works"} */
json_t *web_jobs_list(const char *command);
/* web_jobs_end - it is not wanted any more; false: there is no such job */
bool web_jobs_end(int job);
/* web_jobs_stop - at the end of the program: all are told to end; no new ones */
void web_jobs_stop(void);

#endif
