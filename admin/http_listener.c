/* SPDX-License-Identifier: Apache-2.0 */
/* http_listener - one address and port on which we answer HTTP
 *
 * Openfire: AdminConsolePlugin. RFC 9112 is libmicrohttpd's affair.
 *
 * The socket is ours, so that what is wrong with it can be said. Every answer says `Connection: close`: who
 * asks again in fifteen seconds can connect again, and a connection needs no state beyond its request.
 *
 * Threads: libmicrohttpd's own runs the callbacks; housekeeping ticks. `lock`, a leaf, guards the table of
 * live connections: a descriptor stands in it from libmicrohttpd's "started" until its "closed", which comes
 * before close(2), so what is cut under the lock is never somebody else's descriptor.
 */
#include "admin/http_listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server/config_value.h"
#include "server/log.h"
#include "server/xmpp_server.h"

#define BACKLOG 64
#define HEAD_BYTES_MAX (64u << 10)
#define THREAD_STACK (512u << 10)
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

#define PLACES (HTTP_LISTENER_CONNECTIONS + HTTP_LISTENER_GOING)

struct live {
    int fd; /* -1: free */
    int64_t since;
    char peer[INET6_ADDRSTRLEN];
    bool busy;  /* a handler is at work */
    bool going; /* it was told to go */
};

struct http_listener {
    struct MHD_Daemon *daemon;
    const char *name;
    int port;
    http_handler *handler;
    void *owner;
    size_t body_bytes;
    bool quiesced; /* guarded by lock */
    pthread_mutex_t lock;
    struct live live[PLACES]; /* guarded by lock */
};

struct http_request {
    struct MHD_Connection *connection;
    const char *method, *path;
    uintptr_t end; /* of what the first line asks for, where libmicrohttpd has it */
    char *query;   /* owned */
    struct text body;
    bool begun; /* its head was looked at */
};

/* --- the socket --- */

/* read_address - into `address`; its length, or 0 when it is none */
static socklen_t read_address(const char *text, int port, struct sockaddr_storage *address)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    memset(address, 0, sizeof *address);
    if (text[0] != '\0' && inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        return sizeof *v4;
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)port);
    if (text[0] == '\0' || inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
        return sizeof *v6;
    return 0;
}

static int listening_socket(const struct sockaddr_storage *address, socklen_t length, bool all)
{
    int one = 1, both = all ? 0 : 1;
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (address->ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof both);
    if (bind(fd, (const struct sockaddr *)address, length) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* open_socket - on all of a machine without IPv6: on all of its IPv4 addresses */
static int open_socket(const char *text, int port)
{
    struct sockaddr_storage address;
    socklen_t length = read_address(text, port, &address);
    errno = EINVAL;
    int fd = length > 0 ? listening_socket(&address, length, text[0] == '\0') : -1;
    if (fd < 0 && text[0] == '\0' && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
        length = read_address("0.0.0.0", port, &address);
        fd = listening_socket(&address, length, false);
    }
    return fd;
}

static int port_of(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    getsockname(fd, (struct sockaddr *)&address, &length);
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

/* --- libmicrohttpd's callbacks --- */

static void take_message(void *given, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* take_message - what libmicrohttpd has to say, mostly about connections that ended early */
static void take_message(void *given, const char *format, va_list arguments)
{
    (void)given;
    char sentence[256];
    vsnprintf(sentence, sizeof sentence, format, arguments);
    sentence[strcspn(sentence, "\n")] = '\0';
    log_debug("HTTP: %s", sentence);
}

/* leave_escaped - a path is compared as it was sent */
static size_t leave_escaped(void *given, struct MHD_Connection *connection, char *text)
{
    (void)given;
    (void)connection;
    return strlen(text);
}

/* begin_request - its first line is there: the query is kept as it was sent */
static void *begin_request(void *given, const char *uri, struct MHD_Connection *connection)
{
    (void)given;
    (void)connection;
    struct http_request *request = text_calloc(1, sizeof *request);
    const char *query = strchr(uri, '?');
    request->end = (uintptr_t)uri + strlen(uri) + 1;
    request->query = text_copy(query != NULL ? query + 1 : "");
    return request;
}

static void end_request(void *given, struct MHD_Connection *connection, void **state,
                        enum MHD_RequestTerminationCode how)
{
    (void)given;
    (void)connection;
    (void)how;
    struct http_request *request = *state;
    if (request == NULL)
        return;
    text_free(&request->body);
    free(request->query);
    free(request);
    *state = NULL;
}

static void address_of(struct MHD_Connection *connection, char out[INET6_ADDRSTRLEN])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info != NULL ? info->client_addr : NULL;
    out[0] = '\0';
    if (address != NULL && address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, out, INET6_ADDRSTRLEN);
    else if (address != NULL && address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, out,
                  INET6_ADDRSTRLEN);
}

/* count_of - how many are there of that address, or in all (NULL); under the lock */
static int count_of(const struct http_listener *listener, const char *peer)
{
    int count = 0;
    for (int i = 0; i < PLACES; i++) {
        const struct live *each = &listener->live[i];
        count += each->fd >= 0 && !each->going && (peer == NULL || strcmp(each->peer, peer) == 0);
    }
    return count;
}

/* make_room - by the oldest of the address that has most; under the lock. Its own thread then ends it. */
static void make_room(struct http_listener *listener)
{
    struct live *chosen = NULL;
    int most = 0;
    for (int i = 0; i < PLACES; i++) {
        struct live *each = &listener->live[i];
        if (each->fd < 0 || each->going || each->busy)
            continue;
        int count = count_of(listener, each->peer);
        if (chosen == NULL || count > most || (count == most && each->since < chosen->since)) {
            chosen = each;
            most = count;
        }
    }
    if (chosen != NULL) {
        chosen->going = true;
        shutdown(chosen->fd, SHUT_RDWR);
    }
}

/* take_place - of a connection that begins, under the lock; NULL: there is none */
static struct live *take_place(struct http_listener *listener, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (count_of(listener, NULL) >= HTTP_LISTENER_CONNECTIONS)
        make_room(listener);
    for (int i = 0; i < PLACES; i++) {
        struct live *place = &listener->live[i];
        if (place->fd >= 0)
            continue;
        *place = (struct live){.fd = info->connect_fd, .since = xmpp_server_now()};
        address_of(connection, place->peer);
        return place;
    }
    return NULL;
}

/* note_connection - when it began; `*place` is libmicrohttpd's memory of our table's entry. At its limit, libmicrohttpd closes who comes;
 * so where many are going, its thread, which accepts, gives theirs a moment. */
static void note_connection(void *given, struct MHD_Connection *connection, void **place,
                            enum MHD_ConnectionNotificationCode what)
{
    struct http_listener *listener = given;
    int going = 0;
    pthread_mutex_lock(&listener->lock);
    if (what == MHD_CONNECTION_NOTIFY_CLOSED && *place != NULL)
        ((struct live *)*place)->fd = -1;
    else if (what == MHD_CONNECTION_NOTIFY_STARTED)
        *place = take_place(listener, connection);
    for (int i = 0; i < PLACES; i++)
        going += listener->live[i].fd >= 0 && listener->live[i].going;
    pthread_mutex_unlock(&listener->lock);
    if (what == MHD_CONNECTION_NOTIFY_STARTED && going > HTTP_LISTENER_GOING / 2)
        nanosleep(&(struct timespec){.tv_nsec = 5 * 1000000L}, NULL);
}

/* set_busy - a handler begins, or has ended */
static void set_busy(struct http_listener *listener, struct MHD_Connection *connection, bool busy)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct live *place = info != NULL ? info->socket_context : NULL;
    pthread_mutex_lock(&listener->lock);
    if (place != NULL)
        place->busy = busy;
    pthread_mutex_unlock(&listener->lock);
}

void http_response_header(struct http_response *response, const char *name, const char *value)
{
    for (int i = 0; i < HTTP_HEADERS; i++)
        if (response->headers[i].name == NULL) {
            response->headers[i].name = name;
            response->headers[i].value = text_copy(value);
            return;
        }
    log_panic("more than %d headers", HTTP_HEADERS);
}

/* send_response - hand it to libmicrohttpd, which frees the body */
static enum MHD_Result send_response(struct MHD_Connection *connection,
                                     struct http_response *response)
{
    size_t length = response->body.length;
    struct MHD_Response *made =
        MHD_create_response_from_buffer(length, text_take(&response->body), MHD_RESPMEM_MUST_FREE);
    if (made == NULL)
        text_out_of_memory();
    MHD_add_response_header(made, "Content-Type", response->content_type);
    MHD_add_response_header(made, "Cache-Control",
                            response->keep ? "private, max-age=31536000, immutable" : "no-store");
    MHD_add_response_header(made, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(made, "Connection", "close");
    for (int i = 0; i < HTTP_HEADERS && response->headers[i].name != NULL; i++) {
        MHD_add_response_header(made, response->headers[i].name, response->headers[i].value);
        free(response->headers[i].value);
    }
    enum MHD_Result result = MHD_queue_response(connection, response->status, made);
    MHD_destroy_response(made);
    return result;
}

static enum MHD_Result note_odd(void *given, enum MHD_ValueKind kind, const char *name,
                                const char *value)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"; /* RFC 9110 5.6.2 */
    (void)kind;
    (void)value;
    bool *odd = given;
    *odd = *odd || name[0] == '\0' || name[strspn(name, token)] != '\0';
    return MHD_YES;
}

/* is_odd - a header's name is none (RFC 9112 5.1: a blank before the colon is refused), or there is a NUL in what the first line asks for.
 *
 * COMPAT: libmicrohttpd 0.9.75 lets a NUL pass and gives a string that ends before it, so that "/login\0.css" looks like "/login". In
 * its memory the version follows what is asked for, one byte behind its end. */
static bool is_odd(const struct http_request *request, const char *version)
{
    bool odd = false;
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, note_odd, &odd);
    return odd || ((uintptr_t)version > request->end &&
                   (uintptr_t)version - request->end <= HEAD_BYTES_MAX);
}

/* judge_body - by the head: 0, or the status that refuses it */
static unsigned judge_body(const struct http_listener *listener, const struct http_request *request,
                           bool *has_body)
{
    const char *length = http_request_header(request, "Content-Length");
    bool in_pieces = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
                                                 "Transfer-Encoding") != NULL;
    *has_body = in_pieces || MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
                                                         "Content-Length") != NULL;
    if (in_pieces && listener->body_bytes > 0)
        return 411;
    if (!*has_body || (length != NULL && strcmp(length, "0") == 0)) {
        *has_body = false;
        return 0;
    }
    if (listener->body_bytes == 0)
        return 413;
    if (length == NULL || length[strspn(length, "0123456789")] != '\0' || length[0] == '\0')
        return 411;
    return strlen(length) > 9 || strtoul(length, NULL, 10) > listener->body_bytes ? 413 : 0;
}

static enum MHD_Result refuse(const struct http_request *request, unsigned status)
{
    struct http_response response = {.status = status, .content_type = "text/plain; charset=utf-8"};
    text_append_string(&response.body, status == 400   ? "this is no request\n"
                                       : status == 411 ? "how long is the body?\n"
                                                       : "a body of that size is not taken here\n");
    http_response_header(&response, "Content-Security-Policy",
                         "default-src 'none'; frame-ancestors 'none'; base-uri 'none'");
    log_debug("HTTP: %s %s: %u", request->method, request->path, status);
    return send_response(request->connection, &response);
}

/* answer - the head of a request is there, or more of its body, or all of it */
static enum MHD_Result answer(void *given, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state)
{
    struct http_listener *listener = given;
    struct http_request *request = *state;
    struct http_response response = {.status = 200, .content_type = "text/plain; charset=utf-8"};
    log_set_id(listener->name);
    request->connection = connection;
    request->method = method;
    request->path = path;
    if (!request->begun) {
        bool has_body;
        request->begun = true;
        unsigned refused =
            is_odd(request, version) ? 400 : judge_body(listener, request, &has_body);
        if (refused != 0)
            return refuse(request, refused);
        if (has_body)
            return MHD_YES;
    } else if (*upload_size > 0) {
        if (request->body.length + *upload_size > listener->body_bytes)
            return MHD_NO; /* more than was said: libmicrohttpd does not let it come so far */
        text_append(&request->body, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    set_busy(listener, connection, true);
    listener->handler(request, &response, listener->owner);
    set_busy(listener, connection, false);
    log_debug("HTTP: %s %s: %u", method, path, response.status);
    return send_response(connection, &response);
}

/* --- its life --- */

static struct MHD_Daemon *start_daemon(struct http_listener *listener,
                                       const struct http_listener_options *options, int fd)
{
    size_t head = options->head_bytes > 0 ? options->head_bytes : HTTP_LISTENER_HEAD_BYTES;
    unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG | MHD_USE_ITC;
    struct MHD_OptionItem more[6];
    int count = 0;
    if (!config_value_is_loopback(options->address))
        more[count++] =
            (struct MHD_OptionItem){MHD_OPTION_PER_IP_CONNECTION_LIMIT, HTTP_LISTENER_OF_ONE, NULL};
    if (options->threads) {
        flags |= MHD_USE_THREAD_PER_CONNECTION;
        more[count++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_STACK_SIZE, THREAD_STACK, NULL};
    }
    if (options->certificate != NULL) { /* read while it starts */
        flags |= MHD_USE_TLS;
        more[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0,
                                                (void *)(uintptr_t)options->certificate};
        more[count++] =
            (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)options->key};
        more[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0,
                                                (void *)(uintptr_t)TLS_PRIORITIES};
    }
    more[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    return MHD_start_daemon(
        flags, 0, NULL, NULL, answer, listener, MHD_OPTION_EXTERNAL_LOGGER, take_message, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)PLACES,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_LISTENER_QUIET_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, head, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
        MHD_OPTION_NOTIFY_CONNECTION, note_connection, listener, MHD_OPTION_NOTIFY_COMPLETED,
        end_request, NULL, MHD_OPTION_URI_LOG_CALLBACK, begin_request, NULL,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
}

struct http_listener *http_listener_new(const struct http_listener_options *options,
                                        struct text *why)
{
    int fd = open_socket(options->address, options->port);
    if (fd < 0) {
        text_appendf(why, "can't listen on %s port %d: %s",
                     options->address[0] != '\0' ? options->address : "all addresses,",
                     options->port, strerror(errno));
        return NULL;
    }
    struct http_listener *listener = text_calloc(1, sizeof *listener);
    listener->name = options->name;
    listener->port = port_of(fd);
    listener->handler = options->handler;
    listener->owner = options->owner;
    pthread_mutex_init(&listener->lock, NULL);
    for (int i = 0; i < PLACES; i++)
        listener->live[i].fd = -1;
    listener->body_bytes = options->body_bytes;
    listener->daemon = start_daemon(listener, options, fd);
    if (listener->daemon == NULL) {
        text_appendf(why, "no thread to listen on %s port %d%s", options->address, options->port,
                     options->certificate != NULL ? ", or a certificate that can't be used" : "");
        close(fd);
        http_listener_free(listener);
        return NULL;
    }
    return listener;
}

void http_listener_free(struct http_listener *listener)
{
    if (listener == NULL)
        return;
    if (listener->daemon != NULL)
        MHD_stop_daemon(listener->daemon);
    pthread_mutex_destroy(&listener->lock);
    free(listener);
}

void http_listener_quiesce(struct http_listener *listener)
{
    pthread_mutex_lock(&listener->lock);
    bool first = !listener->quiesced;
    listener->quiesced = true;
    pthread_mutex_unlock(&listener->lock);
    int fd = first ? MHD_quiesce_daemon(listener->daemon) : -1;
    if (fd >= 0)
        close(fd);
}

bool http_listener_is_idle(struct http_listener *listener)
{
    bool idle = true;
    pthread_mutex_lock(&listener->lock);
    for (int i = 0; i < PLACES; i++)
        idle = idle && listener->live[i].fd < 0;
    pthread_mutex_unlock(&listener->lock);
    return idle;
}

int http_listener_port(const struct http_listener *listener)
{
    return listener->port;
}

void http_listener_tick(struct http_listener *listener, int64_t now)
{
    if (listener == NULL)
        return;
    pthread_mutex_lock(&listener->lock);
    for (int i = 0; i < PLACES; i++)
        if (listener->live[i].fd >= 0 && now >= listener->live[i].since + HTTP_LISTENER_LAST_MS)
            shutdown(listener->live[i].fd, SHUT_RDWR);
    pthread_mutex_unlock(&listener->lock);
}

const char *http_request_method(const struct http_request *request)
{
    return request->method;
}

const char *http_request_path(const struct http_request *request)
{
    return request->path;
}

const char *http_request_query(const struct http_request *request)
{
    return request->query;
}

const char *http_request_body(const struct http_request *request, size_t *length)
{
    *length = request->body.length;
    return text_string(&request->body);
}

/* A header that is looked for. */
struct wanted {
    const char *name, *value;
    int count;
};

static enum MHD_Result note_header(void *given, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    (void)kind;
    struct wanted *wanted = given;
    if (strcasecmp(name, wanted->name) == 0) {
        wanted->value = value;
        wanted->count++;
    }
    return MHD_YES;
}

const char *http_request_header(const struct http_request *request, const char *name)
{
    struct wanted wanted = {.name = name};
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, note_header, &wanted);
    return wanted.count == 1 ? wanted.value : NULL;
}

void http_request_peer(const struct http_request *request, char out[INET6_ADDRSTRLEN])
{
    address_of(request->connection, out);
}
