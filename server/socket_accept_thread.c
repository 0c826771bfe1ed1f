/* SPDX-License-Identifier: Apache-2.0 */
/* socket_accept_thread - the thread that listens on one port
 *
 * Openfire: SocketAcceptThread. It is joined, not detached: when shutdown returns, nothing of the
 * port is left and another listener may bind it. Its run is that of the accepting mode it holds.
 * DIFFERS: Openfire runs it at the highest priority; here it has the normal one, as raising it
 * needs rights and gains nothing for a thread that blocks.
 */
#include "server/socket_accept_thread.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/blocking_accepting_mode.h"
#include "server/log.h"

struct socket_accept_thread {
    pthread_t thread;
    bool started; /* touched by the owner only */
    int port;
    struct blocking_accepting_mode *accepting_mode; /* owned */
};

struct socket_accept_thread *socket_accept_thread_new(const struct sockaddr *address,
                                                      socklen_t length, int backlog,
                                                      enum connection_kind kind, struct text *why)
{
    struct blocking_accepting_mode *mode =
        blocking_accepting_mode_new(address, length, backlog, kind, why);
    if (mode == NULL)
        return NULL;
    struct socket_accept_thread *thread = text_calloc(1, sizeof *thread);
    thread->accepting_mode = mode;
    thread->port = ntohs(address->sa_family == AF_INET6
                             ? ((const struct sockaddr_in6 *)(const void *)address)->sin6_port
                             : ((const struct sockaddr_in *)(const void *)address)->sin_port);
    return thread;
}

static void *run(void *given)
{
    struct socket_accept_thread *thread = given;
    char name[32];
    snprintf(name, sizeof name, "accept-%d", thread->port);
    log_set_id(name);
    pthread_setname_np(pthread_self(), name);
    blocking_accepting_mode_run(thread->accepting_mode);
    return NULL;
}

int socket_accept_thread_start(struct socket_accept_thread *thread, struct text *why)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    int failed = pthread_create(&thread->thread, NULL, run, thread);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed) {
        text_appendf(why, "no thread to accept connections: %s", strerror(failed));
        return -1;
    }
    thread->started = true;
    return 0;
}

void socket_accept_thread_shutdown(struct socket_accept_thread *thread)
{
    if (thread == NULL)
        return;
    blocking_accepting_mode_stop(thread->accepting_mode);
    if (thread->started)
        pthread_join(thread->thread, NULL);
    blocking_accepting_mode_free(thread->accepting_mode);
    free(thread);
}
