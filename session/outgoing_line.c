/* SPDX-License-Identifier: Apache-2.0 */
/* outgoing_line - how many outgoing sessions are set up at once, and who waits for a turn
 *
 * Openfire: OutgoingSessionPromise's pool, here without threads of its own: a session in line has
 * none yet. A set-up is bounded by its deadline, so the line always moves.
 */
#include "session/outgoing_line.h"

#include <pthread.h>
#include <stddef.h>

#include "server/config.h"

static pthread_mutex_t line_lock = PTHREAD_MUTEX_INITIALIZER;
static struct outgoing_line_place *first, **end = &first; /* guarded by line_lock */
static int turns_taken;                                   /* guarded by line_lock */

bool outgoing_line_enter(struct outgoing_line_place *place)
{
    const struct config *config = config_get();
    int64_t most = config->xmpp_server_outgoing_max_threads;
    config_unref(config);
    pthread_mutex_lock(&line_lock);
    bool now = turns_taken < most;
    if (now) {
        turns_taken++;
    } else {
        place->next = NULL;
        *end = place;
        end = &place->next;
    }
    pthread_mutex_unlock(&line_lock);
    return now;
}

void *outgoing_line_leave(void)
{
    pthread_mutex_lock(&line_lock);
    struct outgoing_line_place *next = first;
    if (next == NULL) {
        turns_taken--;
    } else {
        first = next->next;
        if (first == NULL)
            end = &first;
    }
    pthread_mutex_unlock(&line_lock);
    return next != NULL ? next->owner : NULL;
}
