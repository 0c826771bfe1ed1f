/* ctl_view - the answer of a command, for a person
 *
 * Part of openfire-s2sctl only. Some commands have columns of their own; every other answer is shown by its shape, so a
 * command that this program never heard of is readable too: an object is a line for each member, an array of objects a
 * table, and a member "text" (a string) is shown as it stands.
 */
#ifndef ADMIN_CTL_VIEW_H
#define ADMIN_CTL_VIEW_H

#include <jansson.h>
#include <stdio.h>

#include "admin/ctl_table.h"

/* ctl_view_print - the result of the command that has these words */
void ctl_view_print(FILE *to, const char *words, const json_t *result,
                    const struct ctl_style *style);
/* ctl_view_event - one event of a command that streams, on a line */
void ctl_view_event(FILE *to, const json_t *event, const struct ctl_style *style);

#endif
