/* check_alone - what a check needs, in a process where no server runs
 *
 * Openfire: none. Settings, rows, resolver and certificates are read as the server would read them; nothing is made or changed in its
 * home, nothing listens. When our certificate can't be read (it belongs to the server), TLS is tried without showing one.
 */
#ifndef ADMIN_CHECK_ALONE_H
#define ADMIN_CHECK_ALONE_H

#include "xml/text.h"

/* check_alone_start - 0, or -1 with one line per fault in `why`; `note` gets a sentence when something will not be tried. Blocks for the
 * disk. */
int check_alone_start(const char *file, struct text *note, struct text *why);
void check_alone_stop(void);

#endif
