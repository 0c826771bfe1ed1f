/* SPDX-License-Identifier: Apache-2.0 */
/* outgoing_line - how many outgoing sessions are set up at once, and who waits for a turn
 *
 * Openfire: OutgoingSessionPromise's pool, here without threads of its own: a session in line has
 * none yet. A set-up is bounded by its deadline, so the line always moves.
 * DIFFERS: Openfire has one line for all, and asks about keys on the readers' own threads, as many at once as there are streams.
 */
#include "session/outgoing_line.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "server/config.h"

struct line {
    struct outgoing_line_place *first, **end;
    int64_t turns;                 /* taken for this reason */
    int64_t held[OUTGOING_CAUSES]; /* of those, by cause */
};

static pthread_mutex_t line_lock = PTHREAD_MUTEX_INITIALIZER;
static struct line lines[OUTGOING_REASONS]; /* guarded by line_lock */

struct bounds {
    int64_t all, share[OUTGOING_REASONS];
};

/* read_bounds - from the settings of now */
static struct bounds read_bounds(void)
{
    const struct config *config = config_get();
    int64_t all = config->xmpp_server_outgoing_max_threads;
    int64_t strangers = config->s2s_unauthenticated_setups;
    config_unref(config);
    int64_t half = all > 1 ? all / 2 : 1;
    return (struct bounds){all, {all - all / 4, half, strangers < half ? strangers : half}};
}

/* has_room - may one more begin for this reason? Verifications, whosever they are, leave a quarter of the turns alone. With
 * line_lock held, as all below. */
static bool has_room(const struct bounds *bounds, enum outgoing_reason reason)
{
    int64_t questions = lines[OUTGOING_FOR_PEERS].turns + lines[OUTGOING_FOR_STRANGERS].turns;
    int64_t most = bounds->all > 1 ? bounds->all - (bounds->all + 3) / 4 : 1;
    if (reason != OUTGOING_FOR_STANZAS && questions >= most)
        return false;
    return questions + lines[OUTGOING_FOR_STANZAS].turns < bounds->all &&
           lines[reason].turns < bounds->share[reason];
}

static void append(struct outgoing_line_place *place)
{
    struct line *line = &lines[place->reason];
    if (line->first == NULL)
        line->end = &line->first;
    place->next = NULL;
    place->waiting = true;
    *line->end = place;
    line->end = &place->next;
}

static void take_out(struct outgoing_line_place *place)
{
    struct line *line = &lines[place->reason];
    struct outgoing_line_place **at = &line->first;
    while (*at != place)
        at = &(*at)->next;
    *at = place->next;
    if (line->end == &place->next)
        line->end = at;
    place->waiting = false;
}

/* may_start - is there a turn for this one? Of those for verifications no cause has more than half. */
static bool may_start(const struct outgoing_line_place *place, const struct bounds *bounds)
{
    int64_t half = (bounds->share[place->reason] + 1) / 2;
    return has_room(bounds, place->reason) && (place->reason == OUTGOING_FOR_STANZAS ||
                                               lines[place->reason].held[place->cause] < half);
}

static void take_turn(struct outgoing_line_place *place)
{
    lines[place->reason].turns++;
    lines[place->reason].held[place->cause]++;
}

/* start_or_wait - with place->reason and ->cause set */
static bool start_or_wait(struct outgoing_line_place *place, const struct bounds *bounds)
{
    bool now = may_start(place, bounds);
    if (now)
        take_turn(place);
    else
        append(place);
    return now;
}

/* find_next - whose turn it is in this line: of those whose cause has fewest turns, the first; NULL when nobody may start */
static struct outgoing_line_place *find_next(enum outgoing_reason reason,
                                             const struct bounds *bounds)
{
    const struct line *line = &lines[reason];
    struct outgoing_line_place *best = NULL;
    if (line->first == NULL || !has_room(bounds, reason))
        return NULL;
    if (reason == OUTGOING_FOR_STANZAS)
        return line->first;
    for (struct outgoing_line_place *each = line->first; each != NULL; each = each->next)
        if (may_start(each, bounds) &&
            (best == NULL || line->held[each->cause] < line->held[best->cause]))
            best = each;
    return best;
}

bool outgoing_line_enter(struct outgoing_line_place *place, enum outgoing_reason reason,
                         unsigned cause)
{
    struct bounds bounds = read_bounds();
    pthread_mutex_lock(&line_lock);
    place->reason = reason;
    place->cause = cause % OUTGOING_CAUSES;
    bool now = start_or_wait(place, &bounds);
    pthread_mutex_unlock(&line_lock);
    return now;
}

enum outgoing_hurry outgoing_line_hurry(struct outgoing_line_place *place,
                                        enum outgoing_reason reason, unsigned cause)
{
    struct bounds bounds = read_bounds();
    enum outgoing_hurry result = OUTGOING_STAYS;
    pthread_mutex_lock(&line_lock);
    if (place->waiting && reason < place->reason) {
        take_out(place);
        place->reason = reason;
        place->cause = cause % OUTGOING_CAUSES;
        result = start_or_wait(place, &bounds) ? OUTGOING_STARTS : OUTGOING_MOVED;
    }
    pthread_mutex_unlock(&line_lock);
    return result;
}

void *outgoing_line_leave(struct outgoing_line_place *place)
{
    struct bounds bounds = read_bounds();
    struct outgoing_line_place *next = NULL;
    pthread_mutex_lock(&line_lock);
    lines[place->reason].turns--;
    lines[place->reason].held[place->cause]--;
    for (int reason = 0; reason < OUTGOING_REASONS && next == NULL; reason++)
        next = find_next((enum outgoing_reason)reason, &bounds);
    if (next != NULL) {
        take_out(next);
        take_turn(next);
    }
    pthread_mutex_unlock(&line_lock);
    return next != NULL ? next->owner : NULL;
}
