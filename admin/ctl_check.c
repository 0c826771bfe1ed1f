/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_check - `openfire-s2sctl check` where no server answers
 *
 * One thread beside the resolver's; it ends with the program.
 */
#include "admin/ctl_check.h"

#include <libxml/parser.h>
#include <signal.h>
#include <stdio.h>

#include "admin/check_alone.h"
#include "admin/connection_check.h"
#include "server/log.h"

json_t *ctl_check_alone(const char *file, const char *domain, const char *local, int64_t limit,
                        void (*show)(void *owner, const json_t *step), void *owner,
                        struct text *why)
{
    struct text note = TEXT_EMPTY;
    json_t *result = NULL;
    log_set_level(LOG_LEVEL_ERROR);
    log_set_id("check");
    xmlInitParser();
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to a socket that the other side may have closed */
    if (check_alone_start(file, &note, why) == 0) {
        struct connection_check check = {.domain = domain,
                                         .local = local,
                                         .limit = limit,
                                         .alone = true,
                                         .progress = show,
                                         .owner = owner};
        if (note.length > 0)
            fprintf(stderr, "openfire-s2sctl: %s\n", text_string(&note));
        result = connection_check_run(&check, why);
    }
    check_alone_stop();
    signal(SIGPIPE, SIG_DFL);
    text_free(&note);
    return result;
}
