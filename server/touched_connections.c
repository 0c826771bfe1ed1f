/* SPDX-License-Identifier: Apache-2.0 */
/* touched_connections - the connections that this thread has appended to and not flushed
 *
 * A short array, looked through from its end: a thread mostly writes to the one that it wrote to before.
 */
#include "server/touched_connections.h"

#include "server/socket_connection.h"

#define TOUCHED_MAX 64

static _Thread_local struct socket_connection *touched[TOUCHED_MAX];
static _Thread_local int touched_count;

void touched_connections_add(struct socket_connection *connection)
{
    for (int i = touched_count - 1; i >= 0; i--)
        if (touched[i] == connection)
            return;
    if (touched_count == TOUCHED_MAX)
        touched_connections_flush(true);
    touched[touched_count++] = socket_connection_ref(connection);
}

void touched_connections_flush(bool wait)
{
    /* First all that take their bytes at once: a slow one delays none of them. */
    for (int i = 0; i < touched_count; i++)
        socket_connection_flush(touched[i], false);
    while (touched_count > 0) {
        struct socket_connection *connection = touched[--touched_count];
        if (wait)
            socket_connection_flush(connection, true);
        socket_connection_unref(connection);
    }
}
