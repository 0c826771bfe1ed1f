/* config_changes - s2s.home/settings.conf: settings that were changed while running
 *
 * Openfire: JiveGlobals.setProperty, deleteProperty; its table ofProperty is a file here. An INI file like the
 * main one, which it overrules. It is written whole, from a snapshot that was loaded and checked with the change
 * (config_load_changed), so that it never holds what a start would refuse. Any thread; no locks: who
 * changes settings makes changes follow each other (admin/reload.h).
 */
#ifndef SERVER_CONFIG_CHANGES_H
#define SERVER_CONFIG_CHANGES_H

#include <stdbool.h>

#include "server/config.h"
#include "xml/text.h"

/* config_changes_check - is there such a setting, and does it accept the value? What only the whole can tell is
 * told by config_load_changed. 0, or -1 with a sentence; a secret is not shown in it. */
int config_changes_check(const struct config_change *change, struct text *why);
/* config_changes_write - append the file that holds what is changed in this snapshot. 0, or -1 with a sentence:
 * a value can't be written in this form. */
int config_changes_write(const struct config *config, struct text *out, struct text *why);
/* config_changes_save - put such a file in its place, atomically; blocks on the disk. 0, or -1 with a sentence:
 * the old one is untouched. */
int config_changes_save(const struct config *config, const struct text *content, struct text *why);

#endif
