/* SPDX-License-Identifier: Apache-2.0 */
/* blocking_accepting_mode - listens, and accepts until it is told to end
 *
 * Openfire: BlockingAcceptingMode.run. The thread of a SocketAcceptThread blocks in accept(2).
 * Errors of accept are of two kinds: those of the connection that was waiting (it went away: go on)
 * and those of the process (no descriptors, no memory: pause, so as not to spin, and go on).
 * Neither ends the loop; only stop does, by shutting the listening socket down, which wakes accept. Errors last, and whoever
 * connects can cause them: one line of the log tells of many.
 */
#include "server/blocking_accepting_mode.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server/connection_manager.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/socket_util.h"
#include "server/thread.h"
#include "server/xmpp_server.h"

#define PAUSE_MS 200     /* after an error of the process */
#define SILENCE_MS 10000 /* after a line about an error */

struct blocking_accepting_mode {
    int fd; /* set before start */
    _Atomic bool ending;
    enum connection_kind kind;
    int64_t silent_until; /* xmpp_server_now's clock; the accepting thread's own */
    char name[80];
};

struct blocking_accepting_mode *blocking_accepting_mode_new(const struct sockaddr *address,
                                                            socklen_t length, int backlog,
                                                            enum connection_kind kind,
                                                            struct text *why)
{
    char name[80];
    socket_util_name(address, name, sizeof name);
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1, off = 0;
    if (fd < 0) {
        text_appendf(why, "no socket for %s: %s", name, strerror(errno));
        return NULL;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->sa_family == AF_INET6) /* :: takes IPv4 as well */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, address, length) < 0 || listen(fd, backlog) < 0) {
        text_appendf(why, "cannot listen on %s: %s", name, strerror(errno));
        close(fd);
        return NULL;
    }
    struct blocking_accepting_mode *mode = text_calloc(1, sizeof *mode);
    mode->fd = fd;
    mode->kind = kind;
    memcpy(mode->name, name, sizeof name);
    return mode;
}

void blocking_accepting_mode_free(struct blocking_accepting_mode *mode)
{
    if (mode == NULL)
        return;
    close(mode->fd);
    free(mode);
}

void blocking_accepting_mode_stop(struct blocking_accepting_mode *mode)
{
    atomic_store(&mode->ending, true);
    shutdown(mode->fd, SHUT_RDWR);
}

/* is_process_error - out of something that only time gives back */
static bool is_process_error(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* report - an error, unless one was just reported */
static void report(struct blocking_accepting_mode *mode, int error)
{
    int64_t now = xmpp_server_now();
    if (now < mode->silent_until)
        return;
    mode->silent_until = now + SILENCE_MS;
    log_error("accept on %s: %s%s", mode->name, strerror(error),
              is_process_error(error) ? "; who connects must wait" : "");
}

/* start_reader - the connection's own thread, or its end */
static void start_reader(int fd, const struct sockaddr *peer, enum connection_kind kind)
{
    struct socket_reader_task task;
    if (connection_manager_create_socket_reader(fd, peer, kind, &task) < 0) {
        metrics_add(connections_refused, 1);
        close(fd);
        return;
    }
    if (thread_start(task.name, task.stack, task.run, task.reader) < 0) {
        metrics_add(connections_refused, 1);
        task.discard(task.reader);
    }
}

void blocking_accepting_mode_run(struct blocking_accepting_mode *mode)
{
    while (!atomic_load(&mode->ending)) {
        struct sockaddr_storage peer;
        socklen_t length = sizeof peer;
        int fd = accept4(mode->fd, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            char name[80];
            socket_util_name((struct sockaddr *)&peer, name, sizeof name);
            metrics_add(connections_accepted, 1);
            log_debug("BlockingAcceptingMode.run: connection from %s to %s", name, mode->name);
            start_reader(fd, (struct sockaddr *)&peer, mode->kind);
        } else if (!atomic_load(&mode->ending)) {
            int error = errno;
            if (error != EINTR && error != ECONNABORTED)
                report(mode, error);
            if (is_process_error(error) || error == EINVAL || error == EBADF)
                nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
        }
    }
}
