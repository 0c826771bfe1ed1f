/* openfire_sql - the rows of Openfire's tables in a dump of its database
 *
 * Openfire: its schema scripts and DbConnectionManager. What is understood: the .script and .log of the
 * embedded HSQLDB; dumps of MySQL and MariaDB; dumps of PostgreSQL, with COPY or with INSERT; INSERT of
 * others, if they write strings as SQL says. What is about other tables is passed over.
 */
#ifndef ADMIN_OPENFIRE_SQL_H
#define ADMIN_OPENFIRE_SQL_H

#include "admin/openfire_source.h"

/* What a backslash in a string means */
enum openfire_dialect {
    OPENFIRE_SQL_UNKNOWN, /* nothing, until the file shows what it is */
    OPENFIRE_SQL_HSQLDB,  /* \uXXXX */
    OPENFIRE_SQL_MYSQL    /* \n and its like */
};

/* openfire_sql_read - add all rows of our tables. Never fails: what is no SQL has no rows. */
void openfire_sql_read(struct openfire_source *source, struct openfire_input *input,
                       enum openfire_dialect dialect);

#endif
