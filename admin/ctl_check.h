/* ctl_check - `openfire-s2sctl check` where no server answers
 *
 * Part of openfire-s2sctl only. The same steps as in a server, but for those whose answer comes to it.
 */
#ifndef ADMIN_CTL_CHECK_H
#define ADMIN_CTL_CHECK_H

#include <jansson.h>
#include <stdint.h>

#include "xml/text.h"

/* ctl_check_alone - with the settings of `file`: the result, after each step was given to `show`; NULL with `why`. `local` and `limit` as
 * in struct connection_check. What is not tried is told on standard error. */
json_t *ctl_check_alone(const char *file, const char *domain, const char *local, int64_t limit,
                        void (*show)(void *owner, const json_t *step), void *owner,
                        struct text *why);

#endif
