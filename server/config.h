/* config - the settings: one table, immutable snapshots
 *
 * Openfire: JiveGlobals and ofProperty. Read with iniparser from openfire-s2s.conf; section + "."
 * + key
 * is the property name, with Openfire's name, type, unit and default wherever Openfire has a
 * property of
 * that meaning (README, "Settings"). The table PROPERTIES in config_table.h is the only place
 * where a
 * setting is defined: it drives loading, range errors, the list of settings and the sample file.
 * What is
 * changed at run time stands in `s2s.home`/settings.conf, same form, and wins.
 *
 * A snapshot never changes after it was made; reload makes a new one aside and swaps it in when it
 * is
 * whole, so a bad file leaves the old settings in force. config_get takes a reference under a lock
 * held
 * for a few instructions. Long-lived threads keep a snapshot for what must not change under them
 * and get
 * a fresh one where a change should show.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/config_table.h"
#include "xml/text.h"

#define CONFIG_COUNT_ROW(...) +1
enum { CONFIG_ROWS = 0 PROPERTIES(CONFIG_COUNT_ROW) };

/* Where a value comes from */
enum config_source {
    CONFIG_FROM_DEFAULT,
    CONFIG_FROM_FILE,   /* the main file */
    CONFIG_FROM_CHANGES /* s2s.home/settings.conf */
};

/* One field per row of PROPERTIES: char * for strings (never NULL), bool, int64_t, or an enum
 * value. */
struct config {
    CONFIG_FIELDS
    char *file;                         /* the file it was read from; "" for plain defaults */
    unsigned char sources[CONFIG_ROWS]; /* enum config_source of each row */
    _Atomic int references;             /* the memory goes with the last */
};

/* config_load - read `file` (and, when it exists, s2s.home/settings.conf) into a new snapshot with
 * one
 * reference. NULL on error: `why` then holds one line per fault: file, line, name, value, what was
 * expected. Unknown names are warnings: they are logged. Relative paths in settings are taken from
 * the
 * working directory, as the shell user expects. */
struct config *config_load(const char *file, struct text *why);
/* A setting that is changed at run time. */
struct config_change {
    const char *property; /* in any case */
    const char *value;    /* NULL: the change is taken back, what the main file says counts again */
};

/* config_load_changed - the same, as it would be with these changes in settings.conf. Nothing is
 * written: config_changes.h does that. */
struct config *config_load_changed(const char *file, const struct config_change *changes,
                                   size_t count, struct text *why);
/* config_publish - make it the snapshot that config_get gives (takes the reference); the old one
 * goes
 * with its last user */
void config_publish(const struct config *config);
/* config_get - the snapshot in force (the defaults, before the first config_publish), one
 * reference for
 * the caller; config_unref gives it back */
const struct config *config_get(void);
void config_unref(const struct config *config);
/* config_restart_needed - append the names of settings that differ between two snapshots and can't
 * change while running, with ", " between them */
void config_restart_needed(const struct config *old, const struct config *new_config,
                           struct text *names);
/* config_write_sample - append a sample file: every setting with its default and help
 * (openfire-s2s.conf is kept equal to it by a test) */
void config_write_sample(struct text *out);
/* config_write_list - append every setting of a snapshot, a line each: "property = value"; of a
 * secret
 * only whether it is set */
void config_write_list(const struct config *config, struct text *out);
/* config_stop - drop the published snapshot at the end of the program */
void config_stop(void);

/* config_write_file - write `content` to `path` so that after a crash either the old or the new
 * file is
 * there, whole: temporary file of mode `mode`, fsync, rename, fsync of the directory. 0, or -1
 * with a
 * sentence in `why`; then the old file is untouched. */
int config_write_file(const char *path, const char *content, size_t length, unsigned mode,
                      struct text *why);

#endif
