/* SPDX-License-Identifier: Apache-2.0 */
/* log - what the program says while it runs, on standard error
 *
 * Openfire: the Log4j loggers of each class. There the thread and class name the speaker; here it is the
 * thread's id, which names the connection.
 *
 *     2026-11-24T04:15:02.123Z info  s2sin-4f2a   sentence
 *
 * A line is put together on the caller's stack and leaves by one write(2) of at most PIPE_BUF bytes, so
 * lines of several processes on one pipe don't mix. Standard error is often a pipe or a terminal that
 * somebody has stopped; it is shared with other programs, so it can't be made non-blocking. Hence poll()
 * first: what it calls writable takes PIPE_BUF bytes without blocking (pipe(7)).
 *
 * Threads: any. One lock keeps the lines in the order of their times; a leaf. Nothing is allocated.
 */
#include "server/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server/metrics.h"
#include "server/printable.h"

#define TIME_LENGTH 27 /* of 2026-11-24T04:15:02.123456Z */
#define HEAD_ROOM 96   /* time, level, id */
#define TEXT_MAX 1000
#define PATIENCE 1000 /* ms to wait for a standard error that takes nothing */

static _Atomic int lowest = LOG_LEVEL_INFO;
static _Atomic bool wire_on;
static _Thread_local char thread_id[32] = "-";

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t last_time;        /* microseconds, of the line before; guarded by lock */
static unsigned long unreported; /* lines dropped and not yet told; guarded by lock */
static bool torn;                /* the last line went out in part; guarded by lock */

static void say(enum log_level level, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

void log_set_level(enum log_level level)
{
    lowest = (int)level;
}

bool log_enabled(enum log_level level)
{
    return (int)level >= lowest;
}

void log_set_id(const char *id)
{
    snprintf(thread_id, sizeof thread_id, "%s", id != NULL && id[0] != '\0' ? id : "-");
}

const char *log_id(void)
{
    return thread_id;
}

/* write_head - all before the sentence; the time is filled in when the line leaves */
static size_t write_head(char head[HEAD_ROOM], enum log_level level, const char *id)
{
    static const char *const words[] = {"debug", "info", "warn", "error"};
    int length = snprintf(head, HEAD_ROOM, "%*s %-5s %-12.31s ", TIME_LENGTH, "", words[level], id);
    return (size_t)length;
}

/* stamp - the time, by the wall clock, but never a little earlier than that of the line before: a clock
 * that NTP sets back by moments must not turn the story round. A minute or more is believed. */
static void stamp(char *line)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    if (us < last_time && last_time - us < 60000000)
        us = last_time;
    last_time = us;
    time_t seconds = (time_t)(us / 1000000);
    struct tm utc;
    char text[64];
    gmtime_r(&seconds, &utc);
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", utc.tm_year + 1900,
             utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, (int)(us % 1000000));
    memcpy(line, text, TIME_LENGTH);
}

/* put - write it all, or false; waits at most `patience` ms at a time */
static bool put(const char *bytes, size_t length, int patience)
{
    while (length > 0) {
        struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
        int ready = poll(&out, 1, patience);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return false;
        ssize_t done = write(STDERR_FILENO, bytes, length);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        torn = (size_t)done < length;
        bytes += done;
        length -= (size_t)done;
    }
    return true;
}

/* tell_dropped - before the first line that goes out again: how many did not */
static bool tell_dropped(void)
{
    char line[HEAD_ROOM + 128];
    size_t length = write_head(line, LOG_LEVEL_WARN, "log");
    length += (size_t)snprintf(line + length, 128,
                               "%lu lines of the log are missing here: standard error took none\n",
                               unreported);
    stamp(line);
    if ((torn && !put("\n", 1, 0)) || !put(line, length, 0))
        return false;
    unreported = 0;
    return true;
}

/* emit - a line, whose first bytes are kept free for the time */
static void emit(char *line, size_t length)
{
    int saved = errno;
    pthread_mutex_lock(&lock);
    bool out = unreported == 0 || tell_dropped();
    if (out) {
        stamp(line);
        out = put(line, length, PATIENCE);
    }
    if (!out) {
        unreported++;
        metrics_add(log_lines_dropped, 1);
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
}

static void say(enum log_level level, const char *format, va_list arguments)
{
    char raw[TEXT_MAX + 8]; /* longer than what is shown, so a cut here is never seen */
    char line[HEAD_ROOM + TEXT_MAX + 2];
    int length = vsnprintf(raw, sizeof raw, format, arguments);
    if (length < 0)
        length = snprintf(raw, sizeof raw, "(a line that can't be printed)");
    if ((size_t)length >= sizeof raw)
        length = (int)sizeof raw - 1;
    size_t at = write_head(line, level, thread_id);
    at += printable_escape(line + at, TEXT_MAX + 1, raw, (size_t)length, false);
    line[at++] = '\n';
    emit(line, at);
}

void log_debug(const char *format, ...)
{
    if (!log_enabled(LOG_LEVEL_DEBUG))
        return;
    va_list arguments;
    va_start(arguments, format);
    say(LOG_LEVEL_DEBUG, format, arguments);
    va_end(arguments);
}

void log_info(const char *format, ...)
{
    if (!log_enabled(LOG_LEVEL_INFO))
        return;
    va_list arguments;
    va_start(arguments, format);
    say(LOG_LEVEL_INFO, format, arguments);
    va_end(arguments);
}

void log_warn(const char *format, ...)
{
    if (!log_enabled(LOG_LEVEL_WARN))
        return;
    va_list arguments;
    va_start(arguments, format);
    say(LOG_LEVEL_WARN, format, arguments);
    va_end(arguments);
}

void log_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(LOG_LEVEL_ERROR, format, arguments);
    va_end(arguments);
}

void log_error_lines(const char *lines)
{
    while (*lines != '\0') {
        size_t length = strcspn(lines, "\n");
        if (length > 0)
            log_error("%.*s", (int)length, lines);
        lines += length + (lines[length] == '\n');
    }
}

void log_fatal(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(LOG_LEVEL_ERROR, format, arguments);
    va_end(arguments);
    exit(EXIT_FAILURE);
}

void log_panic(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(LOG_LEVEL_ERROR, format, arguments);
    va_end(arguments);
    abort();
}

void log_set_wire(bool on)
{
    wire_on = on;
}

bool log_wire_enabled(void)
{
    return wire_on && log_enabled(LOG_LEVEL_DEBUG);
}

void log_wire(const char *id, const char *direction, const char *bytes, unsigned long length)
{
    if (!log_wire_enabled())
        return;
    char line[PIPE_BUF];
    size_t at = write_head(line, LOG_LEVEL_DEBUG, id);
    at += (size_t)snprintf(line + at, 8, "%.4s ", direction);
    at += printable_escape(line + at, sizeof line - 1 - at, bytes, length, true);
    line[at++] = '\n';
    emit(line, at);
}
