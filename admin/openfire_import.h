/* openfire_import - from an Openfire installation to settings and rows of ours
 *
 * Openfire: conf/openfire.xml, its embedded database or a dump of another one. Says what carries over, what
 * is not known here and what stays behind; writes only when told to, and then settings.conf,
 * remote-servers.conf and components.conf below s2s.home, never the main file. Needs no server. Nothing that
 * was set here to another value than the default is changed unless `replace` says so, and no row that is here.
 */
#ifndef ADMIN_OPENFIRE_IMPORT_H
#define ADMIN_OPENFIRE_IMPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "xml/text.h"

struct openfire_import_options {
    const char *conf; /* our main file; it must be there */
    /* directories of Openfire; openfire.xml; HSQLDB's script; dumps (SQL); CSV: later ones win */
    const char *const *sources;
    size_t count;
    bool write, replace, json;
};

/* openfire_import - append the report to `out`. 0; or -1 with sentences in `why`: nothing could be read, or what carries over
 * can't be used together, or could not be written; `out` then holds a report if one was made. Blocks on the disk. Before
 * anything is written all of it has been checked as at a start; each file is replaced whole or not at all, rows before
 * settings. As root it gives the files to the owner of s2s.home. */
int openfire_import(const struct openfire_import_options *options, struct text *out,
                    struct text *why);

#endif
