/* ini_file - an INI file read by iniparser, with the line of each entry
 *
 * iniparser keeps names and values but no lines, and an administrator who made a mistake wants the line.
 * So the file is scanned once more for the places of its names; what counts is what iniparser read.
 * Names are in lower case (iniparser's way). A value ends at ';' or '#' unless it is quoted. Any thread:
 * iniparser's error callback is one for the whole process, a lock inside (a leaf) guards it.
 */
#ifndef SERVER_INI_FILE_H
#define SERVER_INI_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "xml/text.h"

struct ini_entry {
    char *section; /* "" above the first heading */
    char *key;     /* NULL: this is the heading itself */
    char *value;   /* NULL for a heading */
    int line;      /* the last one that names it; 0 if it can't be found */
    bool repeated; /* earlier lines name it too: their values are lost */
};

struct ini_file {
    char *path;
    struct ini_entry *entries; /* by line */
    size_t count;
};

enum ini_result { INI_READ, INI_MISSING, INI_FAULTY };

/* ini_file_read - read `path`. INI_MISSING: there is no such file. INI_FAULTY: `why` has one more line per
 * fault. In all cases free it with ini_file_free. */
enum ini_result ini_file_read(const char *path, struct ini_file *file, struct text *why);
void ini_file_free(struct ini_file *file);
/* ini_file_fault - append a line to `why`: "path:line: sentence" (without the line when it is 0) */
void ini_file_fault(struct text *why, const char *path, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* ini_file_write_value - append a line "key = value" that is read back as this very value, quoted if need be.
 * false, and nothing was appended: there is no way to write it (a '"' beside what needs quotes; control
 * characters; a line of more than iniparser's 1,023 bytes). */
bool ini_file_write_value(struct text *out, const char *key, const char *value);
/* ini_file_number - read a whole number, nothing but digits and perhaps a '-', within bounds */
bool ini_file_number(const char *text, long long min, long long max, long long *number);

#endif
