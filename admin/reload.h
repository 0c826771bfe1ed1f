/* reload - settings come into force, at the start, at SIGHUP and when an operator changes one
 *
 * Openfire: JiveGlobals.setProperty with its PropertyEventListeners (DIFFERS: there each listener gets one property,
 * and nothing checks the whole). One way for all: load and check everything aside, let the rooms take it, publish,
 * move the listeners. What fails leaves the settings, the rooms and the listeners as they were.
 *
 * Threads: main and those of the control commands. One lock makes changes follow each other; it is the outermost lock
 * of the program, held while the disk and a look-up of an upstream's host are waited for.
 */
#ifndef ADMIN_RELOAD_H
#define ADMIN_RELOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "server/config.h"
#include "xml/text.h"

/* reload_make_home - `s2s.home` and what leads to it, for our eyes only. 0, or -1 with `why`. */
int reload_make_home(const struct config *config, struct text *why);
/* reload_apply - for the start: all rooms take these settings. 0, or -1 with `why`: they must not be published. */
int reload_apply(const struct config *config, struct text *why);
/* reload_listeners - for the start: open, close and move the listeners as the published settings say */
int reload_listeners(const struct config *config, struct text *why);

/* reload_settings - read the files again. 0, and `why` has the names of the settings that changed and need a
 * restart; or -1 with `why`, a line per fault: nothing has changed. Sessions that are no longer permitted end. */
int reload_settings(struct text *why);
/* reload_changed - the same with changes that are then kept in settings.conf; when that can't be written, nothing has
 * changed either. The main file is read again too. */
int reload_changed(const struct config_change *changes, size_t count, struct text *why);
/* reload_restart_needed - append the names of settings that wait for a restart, with ", " between them. Any thread. */
void reload_restart_needed(struct text *names);
/* reload_stop - end all listeners, and let no change come after (the program drains) */
void reload_stop(void);

#endif
