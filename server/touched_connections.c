/* SPDX-License-Identifier: Apache-2.0 */
/* touched_connections - the connections that this thread has written to and not flushed
 *
 * An array, looked at first where the last one was found: a thread mostly writes to the connection that it wrote to before, or to
 * many in turn. What a refused handler does may write to connections again, so nothing here holds on to an entry across one.
 */
#include "server/touched_connections.h"

#include <stdlib.h>
#include <string.h>

#include "server/socket_connection.h"

#define TOUCHED_MAX 256   /* connections, before all are flushed */
#define BATCH_BYTES 65536 /* of a batch, before it is handed over */
#define FEW 4             /* entries that need no memory of their own */

struct touched {
    struct socket_connection *connection; /* a reference */
    struct text batch;                    /* stanzas not yet handed over */
    int stanzas;
};

static _Thread_local struct touched few[FEW], *touched; /* NULL: not used yet */
static _Thread_local int touched_count, touched_room, last_found;

static struct touched *find(const struct socket_connection *connection)
{
    for (int i = last_found; i < touched_count; i++)
        if (touched[i].connection == connection) {
            last_found = i;
            return &touched[i];
        }
    for (int i = 0; i < last_found && i < touched_count; i++)
        if (touched[i].connection == connection) {
            last_found = i;
            return &touched[i];
        }
    return NULL;
}

static void grow(void)
{
    if (touched == NULL) {
        touched = few;
        touched_room = FEW;
        return;
    }
    touched_room *= 2;
    struct touched *more =
        text_realloc(touched != few ? touched : NULL, (size_t)touched_room * sizeof *touched);
    if (touched == few)
        memcpy(more, few, sizeof few);
    touched = more;
}

static struct touched *find_or_add(struct socket_connection *connection)
{
    struct touched *found = find(connection);
    if (found != NULL)
        return found;
    if (touched_count == TOUCHED_MAX)
        touched_connections_flush(true);
    if (touched_count == touched_room)
        grow();
    last_found = touched_count;
    touched[touched_count] = (struct touched){.connection = socket_connection_ref(connection)};
    return &touched[touched_count++];
}

void touched_connections_add(struct socket_connection *connection)
{
    find_or_add(connection);
}

/* hand_over - the entry's batch, which is empty afterwards */
static void hand_over(struct touched *entry, bool wait)
{
    struct text batch = entry->batch;
    struct socket_connection *connection = entry->connection;
    int stanzas = entry->stanzas;
    entry->batch = TEXT_EMPTY;
    entry->stanzas = 0;
    if (stanzas > 0 && socket_connection_deliver_batch(connection, &batch, stanzas, wait) < 0) {
        socket_connection_ref(connection); /* the entry may go meanwhile */
        socket_connection_refuse(connection, &batch);
        socket_connection_unref(connection);
        text_free(&batch);
        return;
    }
    if ((entry = find(connection)) != NULL && entry->batch.room == 0)
        entry->batch = batch; /* its memory serves again */
    else
        text_free(&batch);
}

bool touched_connections_write(struct socket_connection *connection, const struct element *packet,
                               const struct element_style *style, size_t most)
{
    struct touched *entry = find_or_add(connection);
    size_t before = entry->batch.length;
    element_write(packet, style, &entry->batch);
    if (most > 0 && entry->batch.length - before > most) {
        text_cut(&entry->batch, before);
        return false;
    }
    entry->stanzas++;
    if (entry->batch.length >= BATCH_BYTES)
        hand_over(entry, true);
    return true;
}

void touched_connections_hand_over(struct socket_connection *connection, bool wait)
{
    struct touched *entry = touched_count > 0 ? find(connection) : NULL;
    if (entry != NULL && entry->stanzas > 0)
        hand_over(entry, wait);
}

void touched_connections_flush(bool wait)
{
    /* First all that take their bytes at once: a slow one delays none of them. */
    for (int i = 0; i < touched_count; i++)
        hand_over(&touched[i], false);
    for (int i = 0; i < touched_count; i++)
        socket_connection_flush(touched[i].connection, false);
    while (touched_count > 0) {
        hand_over(&touched[touched_count - 1], false); /* of stanzas that came back meanwhile */
        if (touched_count == 0)
            break;
        struct touched entry = touched[--touched_count];
        if (wait && socket_connection_wait_room(entry.connection) == 0)
            socket_connection_flush(entry.connection, true);
        text_free(&entry.batch);
        socket_connection_unref(entry.connection);
    }
    if (touched != few)
        free(touched);
    touched = NULL;
    touched_room = 0;
}
