/* ctl_commands - what openfire-s2sctl knows of commands without asking a server
 *
 * Part of openfire-s2sctl only: the rows of admin/control_table.h without the functions that run them; help and completion
 * from them.
 */
#ifndef ADMIN_CTL_COMMANDS_H
#define ADMIN_CTL_COMMANDS_H

#include <stdio.h>

#include "admin/control_request.h"

#define CTL_IMPORT "import" /* done by admin/ctl_import.h, not by a server */

extern const struct control_command ctl_commands[];
extern const size_t ctl_command_count;

/* ctl_commands_print_list - every command with its one line */
void ctl_commands_print_list(FILE *to);
/* ctl_commands_print_help - all of one command: usage, what it does, its arguments */
void ctl_commands_print_help(FILE *to, const struct control_command *command);
/* ctl_commands_print_all - that for every command, for a manual page */
void ctl_commands_print_all(FILE *to);

/* ctl_commands_complete - print what may stand in the place of the last of these words, a line each. Where live names are
 * wanted (a domain, a session, a setting), `fetch` prints those. */
void ctl_commands_complete(FILE *to, const struct control_words *words,
                           void (*fetch)(FILE *to, const char *what, const char *begins,
                                         void *argument),
                           void *argument);

#endif
