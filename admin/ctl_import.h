/* ctl_import - `openfire-s2sctl import`: settings and rows of an Openfire installation
 *
 * Part of openfire-s2sctl only; it needs no server. admin/openfire_import.h does the work.
 */
#ifndef ADMIN_CTL_IMPORT_H
#define ADMIN_CTL_IMPORT_H

#include <stdbool.h>

#include "admin/control_request.h"
#include "xml/text.h"

#define CTL_IMPORT_MISUSED (-2)

/* ctl_import_run - the words are "import", paths, and options; `file` is our main settings file. The report is appended to
 * `out`. 0; -1 with a line per fault in `why`; CTL_IMPORT_MISUSED with how it would be right. Blocks on the disk. */
int ctl_import_run(const struct control_words *words, const char *file, bool json, struct text *out,
                   struct text *why);

#endif
