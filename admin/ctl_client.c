/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_client - openfire-s2sctl's end of the control socket
 *
 * A line has no upper bound here: the server is trusted by this program, which runs for root or the server's own user.
 */
#include "admin/ctl_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "admin/control_request.h"
#include "admin/control_socket.h"
#include "server/ini_file.h"

struct ctl_client {
    int fd;
    long pid;
    struct text received;
    size_t used; /* of it, by the line before */
    int64_t timeout;
};

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* wait_for - until `deadline` (negative: none); false: it passed */
static bool wait_for(int fd, short events, int64_t deadline)
{
    for (;;) {
        int64_t left = deadline < 0 ? -1 : deadline - now();
        struct pollfd entry = {.fd = fd, .events = events};
        if (deadline >= 0 && left <= 0)
            return false;
        int ready = poll(&entry, 1, (int)left);
        if (ready > 0)
            return true;
        if (ready == 0 || errno != EINTR)
            return false;
    }
}

static int dial(const char *path, struct text *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        text_appendf(why, "%s is too long for a socket", path);
        return -1;
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
        return fd;
    text_appendf(why, "no server can be reached at %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

struct ctl_client *ctl_client_open(const char *path, int64_t timeout, struct text *why)
{
    int fd = dial(path, why);
    if (fd < 0)
        return NULL;
    struct ctl_client *client = text_calloc(1, sizeof *client);
    client->fd = fd;
    client->timeout = timeout;
    json_t *greeting = ctl_client_receive(client, timeout, why);
    const char *error = json_string_value(json_object_get(greeting, "error"));
    long long protocol = json_integer_value(json_object_get(greeting, "protocol"));
    client->pid = (long)json_integer_value(json_object_get(greeting, "pid"));
    bool good = protocol == CONTROL_SOCKET_PROTOCOL;
    if (error != NULL)
        text_append_string(why, error);
    else if (greeting != NULL && !good)
        text_appendf(why, "the server speaks protocol %lld, this program %d", protocol,
                     CONTROL_SOCKET_PROTOCOL);
    json_decref(greeting);
    if (good)
        return client;
    ctl_client_close(client);
    return NULL;
}

void ctl_client_close(struct ctl_client *client)
{
    if (client == NULL)
        return;
    close(client->fd);
    text_free(&client->received);
    free(client);
}

long ctl_client_pid(const struct ctl_client *client)
{
    return client->pid;
}

int ctl_client_send(struct ctl_client *client, char *const *words, int count, struct text *why)
{
    struct text line = TEXT_EMPTY;
    for (int i = 0; i < count; i++) {
        text_append_string(&line, i > 0 ? " " : "");
        control_request_quote(words[i], &line);
    }
    text_append_char(&line, '\n');
    int64_t deadline = now() + client->timeout;
    size_t sent = 0;
    while (sent < line.length) {
        ssize_t put = send(client->fd, line.bytes + sent, line.length - sent, MSG_NOSIGNAL);
        if (put > 0)
            sent += (size_t)put;
        else if (errno != EAGAIN || !wait_for(client->fd, POLLOUT, deadline))
            break;
    }
    bool all = sent == line.length;
    if (!all)
        text_append_string(why, "the server does not take the request");
    text_free(&line);
    return all ? 0 : -1;
}

/* take_line - the next whole line, or NULL; its bytes stay until the next call */
static char *take_line(struct ctl_client *client)
{
    if (client->used > 0) {
        client->received.length -= client->used;
        memmove(client->received.bytes, client->received.bytes + client->used,
                client->received.length);
        client->used = 0;
    }
    char *end = client->received.length > 0
                    ? memchr(client->received.bytes, '\n', client->received.length)
                    : NULL;
    if (end == NULL)
        return NULL;
    *end = '\0';
    client->used = (size_t)(end - client->received.bytes) + 1;
    return client->received.bytes;
}

json_t *ctl_client_receive(struct ctl_client *client, int64_t timeout, struct text *why)
{
    int64_t deadline = timeout < 0 ? -1 : now() + timeout;
    char *line;
    while ((line = take_line(client)) == NULL) {
        if (!wait_for(client->fd, POLLIN, deadline)) {
            text_append_string(why, "no answer came in time");
            return NULL;
        }
        text_reserve(&client->received, 65536);
        ssize_t got = recv(client->fd, client->received.bytes + client->received.length, 65536, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (got <= 0) {
            text_append_string(why, "the server ended the connection");
            return NULL;
        }
        client->received.length += (size_t)got;
    }
    json_t *json = json_loads(line, 0, NULL);
    if (json == NULL)
        text_append_string(why, "what the server answers is no JSON");
    return json;
}

int ctl_client_socket_of(const char *settings_file, struct text *path, struct text *why)
{
    struct ini_file file;
    const char *home = "./var"; /* the table's default */
    enum ini_result result = ini_file_read(settings_file, &file, why);
    if (result == INI_MISSING)
        text_appendf(why, "%s: there is no such file", settings_file);
    for (size_t i = 0; i < file.count; i++) {
        const struct ini_entry *entry = &file.entries[i];
        char *property = text_format("%s%s%s", entry->section, entry->section[0] ? "." : "",
                                     entry->key != NULL ? entry->key : "");
        if (entry->key != NULL && strcasecmp(property, "s2s.home") == 0)
            home = entry->value;
        free(property);
    }
    text_appendf(path, "%s/" CONTROL_SOCKET_NAME, home);
    ini_file_free(&file);
    return result == INI_READ ? 0 : -1;
}
