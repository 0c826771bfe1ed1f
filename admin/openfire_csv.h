/* openfire_csv - the rows of one of Openfire's tables as CSV (RFC 4180), with its header line
 *
 * As `psql \copy … csv header` and the export of other tools write it.
 */
#ifndef ADMIN_OPENFIRE_CSV_H
#define ADMIN_OPENFIRE_CSV_H

#include "admin/openfire_source.h"

/* openfire_csv_read - add the rows; which table it is follows from the names in the first line. Between values
 * stands what stands there: a comma, a semicolon or a tab. The table, or OPENFIRE_TABLES: the first line names
 * the columns of none of ours, and nothing was added. */
enum openfire_table openfire_csv_read(struct openfire_source *source, struct openfire_input *input);

#endif
