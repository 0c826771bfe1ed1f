/* audit_log - who changed what, when, and what it was before
 *
 * Openfire: SecurityAuditManager. One line of JSON for each change, appended to s2s.home/audit.log (mode 0600) and never
 * rewritten; shared by the control socket and the console. The file is opened for each line, so it may be rotated.
 */
#ifndef ADMIN_AUDIT_LOG_H
#define ADMIN_AUDIT_LOG_H

#include <jansson.h>

#include "xml/text.h"

struct control_caller;

/* audit_log_write - add time and caller to `line` (taken) and append it. A line that can't be written goes to the log, with
 * the reason. Blocks on the disk; any thread. */
void audit_log_write(const struct control_caller *caller, json_t *line);
/* audit_log_last - the last `count` lines, oldest first, as an array; those that are no JSON are left out. NULL with `why`.
 * Reads at most 1 MiB. */
json_t *audit_log_last(size_t count, struct text *why);

#endif
