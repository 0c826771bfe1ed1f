/* scratch - a directory of its own for a test, and standard error as a text
 *
 * Not thread-safe; a test program uses one directory at a time.
 */
#ifndef TEST_SUPPORT_SCRATCH_H
#define TEST_SUPPORT_SCRATCH_H

#include "xml/text.h"

/* scratch_open - make a new empty directory; its path, which scratch_close removes with all in it */
const char *scratch_open(void);
void scratch_close(void);
/* scratch_path - "<directory>/name"; borrowed, good for the next seven calls */
const char *scratch_path(const char *name);
/* scratch_write - make or replace a file of the directory; its path, borrowed likewise */
const char *scratch_write(const char *name, const char *content);
/* scratch_read - append a file's bytes; -1 when it can't be read */
int scratch_read(const char *path, struct text *out);

/* scratch_capture_log - standard error goes into a file from now on; scratch_captured_log ends that and
 * returns what was written, to be freed by the caller */
void scratch_capture_log(void);
char *scratch_captured_log(void);

#endif
