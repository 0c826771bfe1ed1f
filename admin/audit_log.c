/* SPDX-License-Identifier: Apache-2.0 */
/* audit_log - who changed what, when, and what it was before
 *
 * Openfire: SecurityAuditManager.logEvent, DefaultSecurityAuditProvider (a database table there). OF-595, OF-705: what an
 * audit log quotes is input, of other servers too; JSON escapes all of it, whatever is not ASCII as well, so that the file can be read
 * on a terminal, and who shows a line escapes once more for where it is shown.
 *
 * Threads: any. One lock keeps lines whole; a leaf, held while the disk works.
 */
#include "admin/audit_log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "admin/control_commands.h"
#include "server/config.h"
#include "server/log.h"

#define READ_MAX (1 << 20)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static char *path_of(void)
{
    const struct config *config = config_get();
    char *path = text_format("%s/audit.log", config->s2s_home);
    config_unref(config);
    return path;
}

/* who - the caller, for the line */
static json_t *who(const struct control_caller *caller)
{
    json_t *out = json_pack("{s:s}", "via", caller->via);
    if (caller->user != NULL) {
        json_object_set_new(out, "user", control_json_text(caller->user));
        return out;
    }
    char room[1024];
    struct passwd entry, *found = NULL;
    if (getpwuid_r((uid_t)caller->uid, &entry, room, sizeof room, &found) == 0 && found != NULL)
        json_object_set_new(out, "user", control_json_text(entry.pw_name));
    json_object_set_new(out, "uid", json_integer(caller->uid));
    json_object_set_new(out, "pid", json_integer(caller->pid));
    return out;
}

/* append - the line by one write, so that it is whole or not there */
static int append(const char *path, const char *line, size_t length)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -1;
    ssize_t put = write(fd, line, length);
    int failed = put != (ssize_t)length;
    if (failed && put >= 0)
        errno = ENOSPC;
    int saved = errno;
    close(fd);
    errno = saved;
    return failed ? -1 : 0;
}

void audit_log_write(const struct control_caller *caller, json_t *line)
{
    char *path = path_of();
    json_t *whole = json_pack("{s:o, s:o}", "time", control_json_time(0), "who", who(caller));
    json_object_update(whole, line);
    char *dumped = json_dumps(whole, JSON_COMPACT | JSON_ENSURE_ASCII);
    struct text out = TEXT_EMPTY;
    text_appendf(&out, "%s\n", dumped);
    pthread_mutex_lock(&lock);
    if (append(path, out.bytes, out.length) < 0)
        log_error("%s: can't be written (%s); the line is: %s", path, strerror(errno), dumped);
    pthread_mutex_unlock(&lock);
    log_info("changed: %s", dumped);
    text_free(&out);
    free(dumped);
    json_decref(whole);
    json_decref(line);
    free(path);
}

/* read_end - the last READ_MAX bytes of the file; nothing when there is none. -1 with errno. */
static int read_end(const char *path, struct text *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    struct stat status;
    off_t from =
        fstat(fd, &status) == 0 && status.st_size > READ_MAX ? status.st_size - READ_MAX : 0;
    text_reserve(out, READ_MAX);
    ssize_t got;
    while (out->length < READ_MAX &&
           (got = pread(fd, out->bytes + out->length, READ_MAX - out->length,
                        from + (off_t)out->length)) > 0)
        out->length += (size_t)got;
    out->bytes[out->length] = '\0';
    close(fd);
    return 0;
}

json_t *audit_log_last(size_t count, struct text *why)
{
    char *path = path_of();
    struct text content = TEXT_EMPTY;
    if (read_end(path, &content) < 0) {
        text_appendf(why, "%s: can't be read: %s", path, strerror(errno));
        free(path);
        return NULL;
    }
    free(path);
    json_t *lines = json_array();
    size_t end = content.length;
    while (end > 0 && json_array_size(lines) < count) {
        size_t start = --end; /* the line feed at the end of the line */
        while (start > 0 && content.bytes[start - 1] != '\n')
            start--;
        json_t *line = json_loadb(content.bytes + start, end - start, 0, NULL);
        if (json_is_object(line))
            json_array_insert(lines, 0, line);
        json_decref(line);
        end = start;
    }
    text_free(&content);
    return lines;
}
