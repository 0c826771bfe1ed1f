/* SPDX-License-Identifier: Apache-2.0 */
/* control_socket - the operator's way in: a unix socket under s2s.home
 *
 * Openfire: none. After OpenSMTPD's control.c: refuse to start where a live socket answers, ask the kernel who the client
 * is, bound everything.
 *
 * Action points:
 *   open    -> the directory locked (flock, gone with the process whatever ends it) -> does anybody answer? -> a stale
 *              socket removed -> bound, mode 0600
 *   accept  -> credentials, a free place -> a thread; else one line that says why not, and the end
 *   client  -> greeting; each line: words -> control_commands_run -> answer
 *   stop    -> the accept thread joined; each client's receiving side is shut, which wakes its thread
 *
 * Threads: main opens, starts, stops; the accept thread; one for each client. `lock` guards the places, a leaf.
 */
#include "admin/control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "admin/control_commands.h"
#include "server/log.h"
#include "server/thread.h"
#include "server/touched_connections.h"
#include "server/xmpp_server.h"

#define CLIENTS_MAX 32
#define LINE_MAX_BYTES 8192
#define LINE_MS 10000  /* for a whole line, from its first byte */
#define IDLE_MS 300000 /* for that byte */
#define WRITE_MS 10000 /* for a line of ours */
#define PAUSE_MS 100   /* after a failed accept */
#define STACK (512 << 10)

struct client {
    struct control_sink sink; /* first: a struct control_sink * is one of these */
    int fd;
    int place;
    bool broken; /* takes no more */
    struct control_caller caller;
    size_t length; /* bytes in `line` */
    char line[LINE_MAX_BYTES];
};

static int home_fd = -1, listen_fd = -1, stop_fd = -1; /* main's, set before start */
static struct sockaddr_un address;                     /* likewise */
static pthread_t accept_thread;
static bool started; /* main's */
static _Atomic bool ending;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct client *places[CLIENTS_MAX]; /* guarded by lock */

/* --- lines --- */

/* wait_for - an event on the socket until `deadline`, or the end of it all: false */
static bool wait_for(int fd, short events, int64_t deadline)
{
    for (;;) {
        int64_t left = deadline - xmpp_server_now();
        struct pollfd entry = {.fd = fd, .events = events};
        if (left <= 0)
            return false;
        int ready = poll(&entry, 1, (int)left);
        if (ready > 0)
            return true;
        if (ready == 0 || errno != EINTR)
            return false;
    }
}

static bool put_all(int fd, const char *bytes, size_t length)
{
    int64_t deadline = xmpp_server_now() + WRITE_MS;
    while (length > 0) {
        ssize_t put = send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put > 0) {
            bytes += put;
            length -= (size_t)put;
            deadline = xmpp_server_now() + WRITE_MS;
        } else if (put < 0 && errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
            return false;
        } else if (!wait_for(fd, POLLOUT, deadline)) {
            return false;
        }
    }
    return true;
}

/* put_json - as a line; takes it */
static bool put_json(int fd, json_t *json)
{
    char *dumped = json_dumps(json, JSON_COMPACT);
    struct text line = TEXT_EMPTY;
    text_appendf(&line, "%s\n", dumped != NULL ? dumped : "null");
    bool put = put_all(fd, line.bytes, line.length);
    text_free(&line);
    free(dumped);
    json_decref(json);
    return put;
}

static json_t *greeting(void)
{
    return json_pack("{s:s, s:s, s:i, s:i}", "hello", XMPP_SERVER_SOFTWARE, "version",
                     XMPP_SERVER_VERSION, "protocol", CONTROL_SOCKET_PROTOCOL, "pid",
                     (int)getpid());
}

/* read_line - the length of the next line without its line feed, or -1: no more comes, or it must not go on; then `why` has
 * a sentence if the client is to be told */
static ssize_t read_line(struct client *client, struct text *why)
{
    int64_t deadline = xmpp_server_now() + (client->length > 0 ? LINE_MS : IDLE_MS);
    for (size_t scanned = 0;;) {
        const char *end = memchr(client->line + scanned, '\n', client->length - scanned);
        if (end != NULL)
            return end - client->line;
        scanned = client->length;
        if (client->length == sizeof client->line) {
            text_appendf(why, "a request has at most %d bytes", LINE_MAX_BYTES);
            return -1;
        }
        if (!wait_for(client->fd, POLLIN, deadline)) {
            text_append_string(why, "no whole request came in time");
            return -1;
        }
        ssize_t got = recv(client->fd, client->line + client->length,
                           sizeof client->line - client->length, MSG_DONTWAIT);
        if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
            continue;
        if (got <= 0)
            return -1;
        if (client->length == 0)
            deadline = xmpp_server_now() + LINE_MS;
        client->length += (size_t)got;
    }
}

/* --- one client --- */

static bool send_event(struct control_sink *sink, const json_t *event)
{
    struct client *client = (struct client *)sink;
    json_t *kept = json_incref((json_t *)(uintptr_t)event); /* its count of references only */
    if (!client->broken)
        client->broken = !put_json(client->fd, json_pack("{s:o}", "event", kept));
    else
        json_decref(kept);
    return !client->broken;
}

/* is_wanted - nothing came meanwhile, not even the end */
static bool is_wanted(struct control_sink *sink)
{
    struct client *client = (struct client *)sink;
    struct pollfd entry = {.fd = client->fd, .events = POLLIN | POLLRDHUP};
    return !client->broken && !atomic_load(&ending) && client->length == 0 &&
           poll(&entry, 1, 0) == 0;
}

/* answer - one request of `length` bytes at the start of the line */
static bool answer(struct client *client, size_t length)
{
    char request[LINE_MAX_BYTES];
    struct control_words words;
    struct text why = TEXT_EMPTY;
    size_t used = length + 1;
    memcpy(request, client->line, length);
    client->length -= used;
    memmove(client->line, client->line + used, client->length);
    if (length > 0 && request[length - 1] == '\r')
        length--;
    json_t *json = control_request_split(request, length, &words, &why) < 0
                       ? control_commands_error(CONTROL_INVALID, text_string(&why))
                       : control_commands_run(&words, &client->caller, &client->sink);
    control_words_free(&words);
    text_free(&why);
    touched_connections_flush(false);
    if (client->broken) {
        json_decref(json);
        return false;
    }
    return put_json(client->fd, json);
}

static void leave(struct client *client)
{
    pthread_mutex_lock(&lock);
    places[client->place] = NULL;
    pthread_mutex_unlock(&lock);
    close(client->fd);
    free(client);
}

/* run - a client's thread */
static void run(void *given)
{
    struct client *client = given;
    struct text why = TEXT_EMPTY;
    ssize_t length;
    bool good = put_json(client->fd, greeting());
    while (good && !atomic_load(&ending) && (length = read_line(client, &why)) >= 0)
        good = answer(client, (size_t)length);
    if (good && why.length > 0)
        put_json(client->fd, control_commands_error(CONTROL_INVALID, text_string(&why)));
    text_free(&why);
    leave(client);
}

/* --- accepting --- */

/* refuse - one line, and the end. Never waits. */
static void refuse(int fd, enum control_condition condition, const char *why)
{
    json_t *json = control_commands_error(condition, why);
    char *dumped = json_dumps(json, JSON_COMPACT);
    struct text line = TEXT_EMPTY;
    text_appendf(&line, "%s\n", dumped);
    if (send(fd, line.bytes, line.length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_debug("a client of the control socket was refused and not told: %s", strerror(errno));
    text_free(&line);
    free(dumped);
    json_decref(json);
    close(fd);
}

/* take_place - false: all are taken */
static bool take_place(struct client *client)
{
    bool taken = false;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < CLIENTS_MAX && !taken; i++)
        if (places[i] == NULL) {
            places[i] = client;
            client->place = i;
            taken = true;
        }
    pthread_mutex_unlock(&lock);
    return taken;
}

static void welcome(int fd)
{
    struct ucred peer = {0};
    socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 ||
        (peer.uid != 0 && peer.uid != geteuid())) {
        log_warn("a client of the control socket, uid %ld, pid %ld, was refused", (long)peer.uid,
                 (long)peer.pid);
        refuse(fd, CONTROL_DENIED, "only root and the server's own user may control it");
        return;
    }
    struct client *client = text_calloc(1, sizeof *client);
    client->sink = (struct control_sink){send_event, is_wanted};
    client->fd = fd;
    client->caller =
        (struct control_caller){"control socket", NULL, (long)peer.uid, (long)peer.pid, true};
    if (!take_place(client)) {
        free(client);
        refuse(fd, CONTROL_REFUSED, "too many clients of the control socket");
        return;
    }
    char name[32];
    snprintf(name, sizeof name, "control-%d", client->place + 1);
    if (thread_start(name, STACK, run, client) < 0)
        leave(client);
}

static void *accept_all(void *unused)
{
    (void)unused;
    log_set_id("control");
    pthread_setname_np(pthread_self(), "control");
    while (!atomic_load(&ending)) {
        struct pollfd entries[] = {{.fd = listen_fd, .events = POLLIN},
                                   {.fd = stop_fd, .events = POLLIN}};
        if (poll(entries, 2, -1) < 0 && errno != EINTR)
            nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
        if (atomic_load(&ending) || entries[0].revents == 0)
            continue;
        int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            welcome(fd);
        } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            log_error("accept on the control socket: %s", strerror(errno));
            nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
        }
    }
    return NULL;
}

/* --- open, start, stop --- */

/* somebody_answers - is the socket that is there alive? */
static bool somebody_answers(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool alive = fd >= 0 &&
                 (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN);
    if (fd >= 0)
        close(fd);
    return alive;
}

static int make_address(const char *home, struct text *why)
{
    char *path = text_format("%s/" CONTROL_SOCKET_NAME, home);
    size_t length = strlen(path);
    address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (length < sizeof address.sun_path)
        memcpy(address.sun_path, path, length);
    else
        text_appendf(why,
                     "s2s.home: the control socket would be %s, %zu bytes; the path of a socket "
                     "has at most %zu",
                     path, length, sizeof address.sun_path - 1);
    free(path);
    return length < sizeof address.sun_path ? 0 : -1;
}

static int bind_socket(struct text *why)
{
    unlink(address.sun_path);
    listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (listen_fd >= 0 && stop_fd >= 0 &&
        bind(listen_fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        chmod(address.sun_path, 0600) == 0 && listen(listen_fd, SOMAXCONN) == 0)
        return 0;
    text_appendf(why, "%s can't be made: %s", address.sun_path, strerror(errno));
    return -1;
}

int control_socket_open(const char *home, struct text *why)
{
    if (make_address(home, why) < 0)
        return -1;
    home_fd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (home_fd < 0) {
        text_appendf(why, "s2s.home: %s can't be opened: %s", home, strerror(errno));
        return -1;
    }
    if ((flock(home_fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) || somebody_answers()) {
        text_appendf(why, "s2s.home: another server runs with %s already", home);
        return -1;
    }
    return bind_socket(why);
}

int control_socket_start(struct text *why)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    int failed = pthread_create(&accept_thread, NULL, accept_all, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed)
        text_appendf(why, "no thread for the control socket: %s", strerror(failed));
    started = !failed;
    return failed ? -1 : 0;
}

const char *control_socket_path(void)
{
    return address.sun_path;
}

void control_socket_stop(void)
{
    static const uint64_t one = 1;
    if (!started)
        return;
    started = false;
    atomic_store(&ending, true);
    if (write(stop_fd, &one, sizeof one) < 0)
        log_error("the control socket can't be told to end: %s", strerror(errno));
    pthread_join(accept_thread, NULL);
    unlink(address.sun_path);
    close(listen_fd);
    close(stop_fd);
    pthread_mutex_lock(&lock);
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (places[i] != NULL)
            shutdown(places[i]->fd, SHUT_RD);
    pthread_mutex_unlock(&lock);
}
