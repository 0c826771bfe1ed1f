/* SPDX-License-Identifier: Apache-2.0 */
/* session_manager - all live sessions, in both directions
 *
 * Openfire: SessionManager (its registry of server sessions), LocalSessionManager (its sweep). The
 * list is walked by copying it with a reference for each under the lock, and acting without the
 * lock: an action may send, wait or remove.
 */
#include "session/session_manager.h"

#include <stdlib.h>

#include "xml/text.h"

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct session *sessions; /* guarded by list_lock */
static int session_count;        /* guarded by list_lock */

void session_manager_add(struct session *session)
{
    session_ref(session);
    pthread_mutex_lock(&list_lock);
    session->previous = NULL;
    session->next = sessions;
    if (sessions != NULL)
        sessions->previous = session;
    sessions = session;
    session_count++;
    pthread_mutex_unlock(&list_lock);
}

void session_manager_remove(struct session *session)
{
    pthread_mutex_lock(&list_lock);
    if (session->previous != NULL)
        session->previous->next = session->next;
    else
        sessions = session->next;
    if (session->next != NULL)
        session->next->previous = session->previous;
    session->next = session->previous = NULL;
    session_count--;
    pthread_mutex_unlock(&list_lock);
    session_unref(session);
}

int session_manager_count(void)
{
    pthread_mutex_lock(&list_lock);
    int count = session_count;
    pthread_mutex_unlock(&list_lock);
    return count;
}

void session_manager_each(void (*act)(struct session *session, void *argument), void *argument)
{
    pthread_mutex_lock(&list_lock);
    int count = 0;
    struct session **copies = text_calloc((size_t)session_count + 1, sizeof *copies);
    for (struct session *each = sessions; each != NULL; each = each->next)
        copies[count++] = session_ref(each);
    pthread_mutex_unlock(&list_lock);
    for (int i = 0; i < count; i++) {
        act(copies[i], argument);
        session_unref(copies[i]);
    }
    free(copies);
}

static void tick_one(struct session *session, void *now)
{
    session->operations->tick(session, *(int64_t *)now);
    struct socket_connection *connection = session_connection(session);
    if (connection != NULL)
        socket_connection_tick(connection, *(int64_t *)now);
    socket_connection_unref(connection);
}

void session_manager_tick(int64_t now)
{
    session_manager_each(tick_one, &now);
}

static void check_one(struct session *session, void *unused)
{
    (void)unused;
    session->operations->check_permission(session);
}

void session_manager_check_permissions(void)
{
    session_manager_each(check_one, NULL);
}

struct ending {
    enum stream_error error;
    const char *text;
};

static void end_one(struct session *session, void *given)
{
    const struct ending *ending = given;
    session_end(session, ending->error, ending->text);
}

void session_manager_end_all(enum stream_error error, const char *text)
{
    session_manager_each(end_one, &(struct ending){error, text});
}

static void abort_one(struct session *session, void *unused)
{
    (void)unused;
    struct socket_connection *connection = session_connection(session);
    if (connection != NULL)
        socket_connection_abort(connection);
    socket_connection_unref(connection);
}

void session_manager_abort_all(void)
{
    session_manager_each(abort_one, NULL);
}
