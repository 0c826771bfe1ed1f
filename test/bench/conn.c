/* SPDX-License-Identifier: Apache-2.0 */
/* conn - the connections of the load generator: one thread, epoll, plain or TLS 1.3
 *
 * See conn.h. Level-triggered: EPOLLOUT is asked for only while the kernel takes no more.
 */
#include "test/bench/conn.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER (256 * 1024)
#define EVENTS 512

uint64_t conn_bytes_out, conn_bytes_in;

static int epoll_fd = -1;
static SSL_CTX *client_context, *server_context;
static struct conn *dead;
static void (*accept_handler)(int fd);
static struct conn watched[4]; /* descriptors that are no connections; only their fd counts */
static void (*watchers[4])(int fd);
static unsigned watched_count;
static char buffer[BUFFER];

void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "load: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    exit(1);
}

static SSL_CTX *make_context(const SSL_METHOD *method)
{
    SSL_CTX *context = SSL_CTX_new(method);
    if (context == NULL || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION))
        die("no TLS 1.3");
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_num_tickets(context, 0); /* no stream is resumed */
    return context;
}

void conn_setup(const char *certificate)
{
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        die("epoll: %s", strerror(errno));
    if (certificate == NULL)
        return;
    client_context = make_context(TLS_client_method());
    server_context = make_context(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(server_context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(server_context, certificate, SSL_FILETYPE_PEM) != 1)
        die("%s: no certificate with its key", certificate);
}

static void bury(struct conn *conn)
{
    if (conn->is_dead)
        return;
    conn->is_dead = true;
    SSL_free(conn->ssl);
    close(conn->fd);
    free(conn->text);
    free(conn->rest);
    conn->next_dead = dead;
    dead = conn;
}

void conn_close(struct conn *conn)
{
    bury(conn);
}

static void fail(struct conn *conn, const char *why)
{
    if (conn->is_dead)
        return;
    bury(conn);
    conn->events->ended(conn, why);
}

static void arm(struct conn *conn, bool on)
{
    if (conn->is_armed == on)
        return;
    conn->is_armed = on;
    struct epoll_event event = {.events = on ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = conn};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, conn->fd, &event);
}

bool conn_init(struct conn *conn, int fd, const struct conn_events *events,
               const struct sockaddr_in *from, const struct sockaddr_in *to)
{
    int on = 1;
    conn->events = events;
    conn->fd = fd;
    if (fd < 0) {
        conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (conn->fd < 0)
            die("socket: %s", strerror(errno));
        if (from != NULL) {
            setsockopt(conn->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
            bind(conn->fd, (const struct sockaddr *)from, sizeof(*from));
        }
        if (connect(conn->fd, (const struct sockaddr *)to, sizeof(*to)) < 0 &&
            errno != EINPROGRESS) {
            close(conn->fd);
            return false;
        }
        conn->is_connecting = conn->is_armed = true;
    }
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct epoll_event event = {.events = fd < 0 ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = conn};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) < 0)
        die("epoll_ctl: %s", strerror(errno));
    return true;
}

void conn_watch(int fd, void (*readable)(int fd))
{
    if (watched_count == sizeof(watched) / sizeof(watched[0]))
        die("too many descriptors are watched");
    watched[watched_count].fd = fd;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &watched[watched_count]};
    watchers[watched_count++] = readable;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl: %s", strerror(errno));
}

static void accept_all(int listener)
{
    for (int i = 0; i < 64; i++) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        accept_handler(fd);
    }
}

void conn_listen(const struct sockaddr_in *address, void (*accepted)(int fd))
{
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    accept_handler = accepted;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
        listen(listener, 4096) < 0)
        die("cannot listen: %s", strerror(errno));
    conn_watch(listener, accept_all);
}

/* put - writes what it can; 0: would block, -1: a fault */
static ssize_t put(struct conn *conn, const char *from, size_t length)
{
    ssize_t done;
    if (conn->ssl == NULL) {
        done = send(conn->fd, from, length, MSG_NOSIGNAL);
        if (done < 0)
            return errno == EAGAIN ? 0 : -1;
    } else {
        ERR_clear_error();
        done = SSL_write(conn->ssl, from, length > 16384 ? 16384 : (int)length);
        if (done <= 0) {
            int error = SSL_get_error(conn->ssl, (int)done);
            return error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ ? 0 : -1;
        }
    }
    conn_bytes_out += (uint64_t)done;
    return done;
}

/* flush - sends until nothing is left or the kernel takes no more */
static void flush(struct conn *conn)
{
    while (!conn->is_dead && !conn->is_connecting && !conn->is_shaking) {
        ssize_t done;
        if (conn->block_left > 0) {
            done = put(conn, conn->block, conn->block_left);
            if (done > 0) {
                conn->block += done;
                conn->block_left -= (size_t)done;
            }
        } else if (conn->text_sent < conn->text_length) {
            done = put(conn, conn->text + conn->text_sent, conn->text_length - conn->text_sent);
            if (done > 0)
                conn->text_sent += (size_t)done;
        } else {
            conn->text_sent = conn->text_length = 0;
            arm(conn, false);
            return;
        }
        if (done == 0)
            return arm(conn, true);
        if (done < 0)
            return fail(conn, "the connection failed when written to");
    }
}

void conn_send(struct conn *conn, const char *format, ...)
{
    char text[2048];
    va_list arguments;
    if (conn->is_dead)
        return;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof(text))
        die("a text is too long");
    conn->text = realloc(conn->text, conn->text_length + (size_t)length);
    if (conn->text == NULL)
        die("out of memory");
    memcpy(conn->text + conn->text_length, text, (size_t)length);
    conn->text_length += (size_t)length;
    if (!conn->is_armed)
        flush(conn);
}

void conn_lend(struct conn *conn, const char *block, size_t length)
{
    if (conn->is_dead)
        return;
    conn->block = block;
    conn->block_left = length;
    if (!conn->is_armed)
        flush(conn);
}

static void shake(struct conn *conn)
{
    ERR_clear_error();
    int done = SSL_do_handshake(conn->ssl);
    if (done == 1) {
        conn->is_shaking = false;
        arm(conn, false);
        conn->events->opened(conn);
        return;
    }
    int error = SSL_get_error(conn->ssl, done);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        return fail(conn, "the TLS handshake failed");
    arm(conn, error == SSL_ERROR_WANT_WRITE);
}

void conn_start_tls(struct conn *conn, bool is_server, char *server_name)
{
    conn->ssl = SSL_new(is_server ? server_context : client_context);
    if (conn->ssl == NULL || SSL_set_fd(conn->ssl, conn->fd) != 1)
        die("out of memory");
    if (is_server) {
        SSL_set_accept_state(conn->ssl);
    } else {
        SSL_set_connect_state(conn->ssl);
        SSL_set_tlsext_host_name(conn->ssl, server_name);
    }
    conn->is_shaking = true;
    if (!is_server)
        shake(conn);
}

/* fetch - fills the buffer from `have` on; returns the bytes added, 0 for none; *is_end for the end */
static size_t fetch(struct conn *conn, size_t have, bool *is_end)
{
    size_t added = 0;
    *is_end = false;
    if (conn->ssl == NULL) {
        ssize_t got = recv(conn->fd, buffer + have, sizeof(buffer) - have, 0);
        *is_end = got == 0 || (got < 0 && errno != EAGAIN);
        added = got > 0 ? (size_t)got : 0;
    } else {
        /* epoll knows nothing of what OpenSSL holds, so all of it is read. */
        while (have + added < sizeof(buffer)) {
            ERR_clear_error();
            int got =
                SSL_read(conn->ssl, buffer + have + added, (int)(sizeof(buffer) - have - added));
            if (got <= 0) {
                *is_end = SSL_get_error(conn->ssl, got) != SSL_ERROR_WANT_READ;
                break;
            }
            added += (size_t)got;
        }
    }
    conn_bytes_in += added;
    return added;
}

static void keep_rest(struct conn *conn, const char *from, size_t length)
{
    if (length == 0 || length > conn->rest_length) {
        free(conn->rest);
        conn->rest = length > 0 ? malloc(length) : NULL;
        if (conn->rest == NULL && length > 0)
            die("out of memory");
    }
    if (length > 0)
        memcpy(conn->rest, from, length);
    conn->rest_length = length;
}

static void read_some(struct conn *conn)
{
    bool is_end;
    do {
        size_t have = conn->rest_length;
        if (have > 0)
            memcpy(buffer, conn->rest, have);
        size_t added = fetch(conn, have, &is_end);
        if (added > 0) {
            size_t used = conn->events->bytes(conn, buffer, buffer + have + added);
            if (conn->is_dead)
                return;
            if (used == 0 && have + added == sizeof(buffer))
                return fail(conn, "an element is too large");
            keep_rest(conn, buffer + used, have + added - used);
        }
    } while (!is_end && !conn->is_shaking && conn->ssl != NULL && SSL_pending(conn->ssl) > 0);
    if (is_end)
        fail(conn, "the connection ended");
}

static void handle(struct conn *conn, uint32_t happened)
{
    if (conn->is_connecting) {
        int error = 0;
        socklen_t size = sizeof(error);
        getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0)
            return fail(conn, strerror(error));
        conn->is_connecting = false;
        arm(conn, false);
        conn->events->opened(conn);
        return;
    }
    if (conn->is_shaking)
        return shake(conn);
    if (happened & (EPOLLIN | EPOLLHUP | EPOLLERR))
        read_some(conn);
    if (!conn->is_dead && (happened & EPOLLOUT))
        flush(conn);
}

void conn_round(int timeout)
{
    struct epoll_event happened[EVENTS];
    int count = epoll_wait(epoll_fd, happened, EVENTS, timeout);
    for (int i = 0; i < count; i++) {
        struct conn *conn = happened[i].data.ptr;
        if (conn >= watched && conn < watched + watched_count)
            watchers[conn - watched](conn->fd);
        else if (!conn->is_dead)
            handle(conn, happened[i].events);
    }
    while (dead != NULL) {
        struct conn *next = dead->next_dead;
        free(dead);
        dead = next;
    }
}
