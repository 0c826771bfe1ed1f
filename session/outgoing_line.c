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

#define KINDS 2

struct line {
    struct outgoing_line_place *first, **end; /* end: NULL while nobody ever stood here */
    int64_t turns;
};

static pthread_mutex_t line_lock = PTHREAD_MUTEX_INITIALIZER;
static struct line lines[KINDS]; /* guarded by line_lock */

static int64_t read_most(void)
{
    const struct config *config = config_get();
    int64_t most = config->xmpp_server_outgoing_max_threads;
    config_unref(config);
    return most;
}

/* has_room - may one of this kind start? With the lock held. */
static bool has_room(enum outgoing_line_kind kind, int64_t most)
{
    int64_t limit = kind == LINE_QUESTIONS ? (most + 1) / 2 : most - most / 4;
    return lines[kind].turns < limit && lines[0].turns + lines[1].turns < most;
}

static void append(struct line *line, struct outgoing_line_place *place)
{
    if (line->first == NULL)
        line->end = &line->first;
    place->next = NULL;
    place->waiting = true;
    *line->end = place;
    line->end = &place->next;
}

/* take_out - of the line of its kind, where it stands */
static void take_out(struct outgoing_line_place *place)
{
    struct line *line = &lines[place->kind];
    struct outgoing_line_place **at = &line->first;
    while (*at != place)
        at = &(*at)->next;
    *at = place->next;
    if (*at == NULL)
        line->end = at;
    place->waiting = false;
}

/* begin - take a turn, or stand in line */
static bool begin(struct outgoing_line_place *place, int64_t most)
{
    bool now = has_room(place->kind, most);
    if (now)
        lines[place->kind].turns++;
    else
        append(&lines[place->kind], place);
    return now;
}

bool outgoing_line_enter(struct outgoing_line_place *place)
{
    int64_t most = read_most();
    pthread_mutex_lock(&line_lock);
    bool now = begin(place, most);
    pthread_mutex_unlock(&line_lock);
    return now;
}

bool outgoing_line_hurry(struct outgoing_line_place *place)
{
    int64_t most = read_most();
    bool now = false;
    pthread_mutex_lock(&line_lock);
    if (place->waiting && place->kind == LINE_QUESTIONS) {
        take_out(place);
        place->kind = LINE_STANZAS;
        now = begin(place, most);
    }
    pthread_mutex_unlock(&line_lock);
    return now;
}

void *outgoing_line_leave(const struct outgoing_line_place *place)
{
    int64_t most = read_most();
    struct outgoing_line_place *next = NULL;
    pthread_mutex_lock(&line_lock);
    lines[place->kind].turns--;
    for (int kind = 0; kind < KINDS && next == NULL; kind++)
        if (lines[kind].first != NULL && has_room((enum outgoing_line_kind)kind, most))
            next = lines[kind].first;
    if (next != NULL) {
        take_out(next);
        lines[next->kind].turns++;
    }
    pthread_mutex_unlock(&line_lock);
    return next != NULL ? next->owner : NULL;
}
