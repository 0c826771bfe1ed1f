/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_page - all numbers of the program as a page that Prometheus reads
 *
 * Openfire: StatisticsManager. The text format 0.0.4: for each name a HELP and a TYPE line, then its samples,
 * one a line; a histogram as cumulative buckets, _sum and _count. Samples that are zero are printed too: a
 * rate can only be seen from the first event on when the number was there before it.
 *
 * The sessions are counted when the page is asked for: so their numbers cannot drift from the truth, and no
 * session pays for being counted. Threads: any; the text is the caller's.
 */
#include "admin/metrics_page.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "server/metrics.h"
#include "server/socket_connection.h"
#include "server/xmpp_server.h"
#include "session/session_manager.h"

#define PREFIX "openfire_s2s_"

static const char *const kind_words[] = {
    [METRICS_COUNTER] = "counter", [METRICS_GAUGE] = "gauge", [METRICS_HISTOGRAM] = "histogram"};

/* append_escaped - backslash and line feed, and inside a label the quote */
static void append_escaped(struct text *out, const char *string, bool label)
{
    for (; *string != '\0'; string++) {
        if (*string == '\n') {
            text_append_string(out, "\\n");
            continue;
        }
        if (*string == '\\' || (label && *string == '"'))
            text_append_char(out, '\\');
        text_append_char(out, *string);
    }
}

void metrics_page_write_label(struct text *out, const char *name, const char *value)
{
    text_appendf(out, "%s=\"", name);
    append_escaped(out, value, true);
    text_append_char(out, '"');
}

void metrics_page_write_head(struct text *out, const char *name, const char *type, const char *help)
{
    text_appendf(out, "# HELP %s ", name);
    append_escaped(out, help, false);
    text_appendf(out, "\n# TYPE %s %s\n", name, type);
}

/* --- the tables --- */

struct writing {
    struct text *out;
    const char *name; /* of the samples before; NULL: none */
};

/* write_name - "openfire_s2s_handshakes_total{direction="incoming"", ready for a further label */
static void write_name(struct text *out, const struct metrics_sample *sample, const char *suffix)
{
    text_appendf(out, PREFIX "%s%s", sample->name, suffix);
    for (int i = 0; i < sample->label_count; i++) {
        text_append_char(out, i == 0 ? '{' : ',');
        metrics_page_write_label(out, sample->labels[i].name, sample->labels[i].value);
    }
}

static void write_number(struct text *out, const struct metrics_sample *sample, const char *suffix,
                         int64_t number)
{
    write_name(out, sample, suffix);
    text_appendf(out, "%s %lld\n", sample->label_count > 0 ? "}" : "", (long long)number);
}

static void write_histogram(struct text *out, const struct metrics_sample *sample)
{
    int64_t count = 0;
    for (int i = 0; i < METRICS_BUCKETS; i++) {
        count += sample->buckets->buckets[i];
        write_name(out, sample, "_bucket");
        text_append_char(out, sample->label_count > 0 ? ',' : '{');
        metrics_page_write_label(out, "le", metrics_bucket_bound(i));
        text_appendf(out, "} %lld\n", (long long)count);
    }
    write_name(out, sample, "_sum");
    text_appendf(out, "%s %lld.%06lld\n", sample->label_count > 0 ? "}" : "",
                 (long long)(sample->buckets->sum / 1000000),
                 (long long)(sample->buckets->sum % 1000000));
    write_number(out, sample, "_count", count);
}

static void write_sample(const struct metrics_sample *sample, void *given)
{
    struct writing *writing = given;
    const char *suffix = sample->kind == METRICS_COUNTER ? "_total" : "";
    if (writing->name == NULL || strcmp(writing->name, sample->name) != 0) {
        char *name = text_format(PREFIX "%s%s", sample->name, suffix);
        metrics_page_write_head(writing->out, name, kind_words[sample->kind], sample->help);
        free(name);
        writing->name = sample->name;
    }
    if (sample->kind == METRICS_HISTOGRAM)
        write_histogram(writing->out, sample);
    else
        write_number(writing->out, sample, suffix, sample->value);
}

/* --- the sessions --- */

static const char *const directions[] = {[SESSION_INCOMING] = "incoming",
                                         [SESSION_OUTGOING] = "outgoing",
                                         [SESSION_COMPONENT] = "component"};
static const char *const states[] = {[SESSION_WAITING] = "waiting",
                                     [SESSION_NEGOTIATING] = "negotiating",
                                     [SESSION_AUTHENTICATED] = "authenticated",
                                     [SESSION_CLOSING] = "closing"};
static const char *const authentications[] = {[SESSION_BY_NOTHING] = "none",
                                              [SESSION_BY_DIALBACK] = "dialback",
                                              [SESSION_BY_CERTIFICATE] = "certificate",
                                              [SESSION_BY_EXTERNAL] = "external",
                                              [SESSION_BY_SECRET] = "secret"};

struct census {
    long sessions[SESSION_KINDS][SESSION_STATES][SESSION_AUTHENTICATIONS];
    unsigned long long unsent[SESSION_KINDS]; /* bytes */
};

static void count_session(struct session *session, void *given)
{
    struct census *census = given;
    struct session_standing standing = session_stand(session);
    census->sessions[standing.kind][standing.state][standing.authentication]++;
    struct socket_connection *connection = session_connection(session);
    struct socket_connection_measures measures = {0};
    if (connection != NULL)
        socket_connection_measure(connection, &measures);
    census->unsent[standing.kind] += measures.unsent;
    socket_connection_unref(connection);
}

/* can_be - is there such a session? What cannot be is not printed, what is not there now is, as 0. */
static bool can_be(enum session_kind kind, enum session_state state, enum session_authentication by)
{
    if (state == SESSION_WAITING && kind != SESSION_OUTGOING)
        return false;
    if (state != SESSION_CLOSING && (state == SESSION_AUTHENTICATED) == (by == SESSION_BY_NOTHING))
        return false;
    if (by == SESSION_BY_NOTHING)
        return true;
    if (kind == SESSION_COMPONENT || by == SESSION_BY_SECRET)
        return kind == SESSION_COMPONENT && by == SESSION_BY_SECRET;
    return kind == SESSION_INCOMING || by != SESSION_BY_CERTIFICATE;
}

static void write_sessions(struct text *out)
{
    struct census *census = text_calloc(1, sizeof *census);
    session_manager_each(count_session, census);
    metrics_page_write_head(out, PREFIX "sessions", "gauge",
                            "sessions by direction, state, and how they were authenticated");
    for (int kind = 0; kind < SESSION_KINDS; kind++)
        for (int state = 0; state < SESSION_STATES; state++)
            for (int by = 0; by < SESSION_AUTHENTICATIONS; by++)
                if (census->sessions[kind][state][by] > 0 ||
                    can_be((enum session_kind)kind, (enum session_state)state,
                           (enum session_authentication)by))
                    text_appendf(out,
                                 PREFIX "sessions{direction=\"%s\",state=\"%s\","
                                        "authentication=\"%s\"} %ld\n",
                                 directions[kind], states[state], authentications[by],
                                 census->sessions[kind][state][by]);
    metrics_page_write_head(out, PREFIX "queue_bytes", "gauge",
                            "bytes that were given to connections and are not sent yet");
    for (int kind = 0; kind < SESSION_KINDS; kind++)
        text_appendf(out, PREFIX "queue_bytes{direction=\"%s\"} %llu\n", directions[kind],
                     census->unsent[kind]);
    free(census);
}

/* --- the process --- */

static void write_gauge(struct text *out, const char *name, const char *help, long long value)
{
    metrics_page_write_head(out, name, "gauge", help);
    text_appendf(out, "%s %lld\n", name, value);
}

/* write_status - from lines "VmRSS:  1234 kB" */
static void write_status(struct text *out)
{
    static const struct {
        const char *line, *name, *help;
        int factor;
    } rows[] = {
        {"VmSize:", "process_virtual_memory_bytes", "virtual memory", 1024},
        {"VmRSS:", "process_resident_memory_bytes", "resident memory", 1024},
        {"Threads:", "process_threads", "threads of the whole process", 1},
    };
    char line[256];
    FILE *file = fopen("/proc/self/status", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            size_t name = strlen(rows[i].line);
            char *end;
            if (strncmp(line, rows[i].line, name) != 0)
                continue;
            long long value = strtoll(line + name, &end, 10);
            if (end != line + name)
                write_gauge(out, rows[i].name, rows[i].help, value * rows[i].factor);
        }
    }
    if (file != NULL)
        fclose(file);
}

static void write_descriptors(struct text *out)
{
    struct rlimit limit;
    DIR *directory = opendir("/proc/self/fd");
    long long open = -3; /* ".", "..", and that of the directory */
    while (directory != NULL && readdir(directory) != NULL)
        open++;
    if (directory != NULL) {
        closedir(directory);
        write_gauge(out, "process_open_fds", "open descriptors", open);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        write_gauge(out, "process_max_fds", "descriptors that may be open",
                    (long long)limit.rlim_cur);
}

static void write_process(struct text *out)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    metrics_page_write_head(out, "process_cpu_seconds_total", "counter", "processor time");
    text_appendf(out, "process_cpu_seconds_total %lld.%06ld\n", (long long)used.tv_sec,
                 used.tv_nsec / 1000);
    write_gauge(out, "process_start_time_seconds", "when it started, seconds since 1970",
                (long long)time(NULL) - xmpp_server_uptime());
    write_status(out);
    write_descriptors(out);
    metrics_page_write_head(out, PREFIX "build_info", "gauge", "always 1; the version");
    text_append_string(out, PREFIX "build_info{");
    metrics_page_write_label(out, "version", XMPP_SERVER_VERSION);
    text_append_string(out, "} 1\n");
}

void metrics_page_write(struct text *out)
{
    struct writing writing = {.out = out};
    metrics_each(write_sample, &writing);
    write_sessions(out);
    write_process(out);
}
