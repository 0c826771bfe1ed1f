/* SPDX-License-Identifier: Apache-2.0 */
/* service_notify - how the service manager learns what we are doing
 *
 * Openfire: none. systemd's sd_notify(3), sd_watchdog_enabled(3). A name that begins with '@' is an abstract one: its first
 * byte is a NUL. RELOADING=1 carries the time (Type=notify-reload looks for it), and READY=1 ends it.
 *
 * The watchdog says that the housekeeping goes round, and nothing more. Threads: main's own.
 */
#include "server/service_notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "server/log.h"

static int notify_fd = -1;
static int64_t watchdog_interval; /* ms; 0: nobody watches */
static int64_t next_watchdog;
static char last_status[256];

/* tell - one datagram; what is not taken is lost */
static void tell(const char *lines)
{
    if (notify_fd >= 0)
        (void)!send(notify_fd, lines, strlen(lines), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* open_socket - connected to the one that is named; -1 with errno */
static int open_socket(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || length < 2 || length >= sizeof address.sun_path) {
        errno = EINVAL;
        return -1;
    }
    memcpy(address.sun_path, name, length);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, size) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* read_interval - half of what the manager waits for, if it is us whom it watches */
static int64_t read_interval(const char *usec, const char *pid)
{
    char *end;
    if (usec == NULL || (pid != NULL && strtoll(pid, NULL, 10) != (long long)getpid()))
        return 0;
    errno = 0;
    long long value = strtoll(usec, &end, 10);
    if (errno != 0 || *end != '\0' || value <= 0)
        return 0;
    return value < 2000 ? 1 : value / 2000;
}

void service_notify_start(void)
{
    const char *name = getenv("NOTIFY_SOCKET");
    if (name != NULL && (notify_fd = open_socket(name)) < 0)
        log_warn("NOTIFY_SOCKET=%s: %s; the service manager is told nothing", name,
                 strerror(errno));
    watchdog_interval = read_interval(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void service_notify_ready(void)
{
    tell("READY=1");
}

void service_notify_reloading(void)
{
    struct timespec now;
    char lines[64];
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    tell(lines);
}

void service_notify_stopping(void)
{
    tell("STOPPING=1");
}

void service_notify_status(const char *format, ...)
{
    char lines[sizeof last_status] = "STATUS=";
    va_list arguments;
    if (notify_fd < 0)
        return;
    va_start(arguments, format);
    vsnprintf(lines + 7, sizeof lines - 7, format, arguments);
    va_end(arguments);
    lines[strcspn(lines, "\n")] = '\0';
    if (strcmp(lines, last_status) == 0)
        return;
    memcpy(last_status, lines, sizeof last_status);
    tell(lines);
}

void service_notify_tick(int64_t now)
{
    if (watchdog_interval == 0 || now < next_watchdog)
        return;
    next_watchdog = now + watchdog_interval;
    tell("WATCHDOG=1");
}

void service_notify_stop(void)
{
    if (notify_fd >= 0)
        close(notify_fd);
    notify_fd = -1;
    watchdog_interval = 0;
}
