/* openfire_report - a plan, told to the operator
 *
 * As text or as JSON. What stands in it of the installation is foreign: control characters are escaped. Secrets
 * are not shown.
 */
#ifndef ADMIN_OPENFIRE_REPORT_H
#define ADMIN_OPENFIRE_REPORT_H

#include "admin/openfire_plan.h"

/* One file that was read */
struct openfire_file {
    char *path;       /* owned by who made it */
    const char *what; /* what: "openfire.xml", "HSQLDB" … */
};

struct openfire_report {
    const struct openfire_plan *plan;
    const struct openfire_file *files;
    size_t file_count;
    const char *openfire_home; /* NULL: not known */
    const char *database;      /* that openfire.xml names and nothing here reads; NULL: none */
    bool write;                /* it was to be written */
    const char *const *wrote;  /* paths; NULL behind the last */
};

void openfire_report_text(const struct openfire_report *report, struct text *out);
void openfire_report_json(const struct openfire_report *report, struct text *out);

#endif
