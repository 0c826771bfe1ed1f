/* SPDX-License-Identifier: Apache-2.0 */
/* config - the settings: load, check, snapshots, sample file
 *
 * Openfire: JiveGlobals (getProperty, setProperty), SystemProperty. Openfire asks its property table at
 * each use, so two reads in one function may disagree; here a reader holds a snapshot that never changes.
 *
 * Life of a snapshot: config_load makes it (one reference, the caller's) -> config_publish takes that
 * reference -> config_get adds one per user -> the last config_unref frees it. The pointer to the
 * published one and the addition of a reference are guarded by one lock, a leaf; giving back is atomic.
 *
 * Threads: any in config_get and config_unref; main loads, publishes and stops.
 */
#include "server/config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/config_value.h"
#include "server/ini_file.h"
#include "server/log.h"

#define HELP_WIDTH 80 /* columns of the sample's comments */

/* Where a value came from, for sentences about it */
struct origin {
    const char *path; /* NULL: the default */
    int line;
};

struct loading {
    struct config *config;
    struct origin origins[CONFIG_ROWS];
    struct text *why;
    bool faulty;
    enum config_source source; /* of what is applied now */
    const struct config_change *changes;
    size_t change_count;
};

static pthread_mutex_t published_lock = PTHREAD_MUTEX_INITIALIZER;
static struct config *published; /* guarded by published_lock */

/* --- snapshots --- */

static struct config *make_defaults(void)
{
    struct config *config = text_calloc(1, sizeof *config);
    config->references = 1;
    config->file = text_copy("");
    for (size_t i = 0; i < config_row_count; i++)
        if (!config_value_set(config, &config_rows[i], config_rows[i].text))
            log_panic("the default of %s is out of its own bounds", config_rows[i].property);
    return config;
}

static void free_config(struct config *config)
{
    for (size_t i = 0; i < config_row_count; i++)
        config_value_free(config, &config_rows[i]);
    free(config->file);
    free(config);
}

void config_publish(const struct config *config)
{
    pthread_mutex_lock(&published_lock);
    struct config *old = published;
    published = (struct config *)(uintptr_t)config; /* for its count of references only */
    pthread_mutex_unlock(&published_lock);
    if (old != NULL)
        config_unref(old);
}

const struct config *config_get(void)
{
    pthread_mutex_lock(&published_lock);
    if (published == NULL)
        published = make_defaults();
    struct config *config = published;
    config->references++;
    pthread_mutex_unlock(&published_lock);
    return config;
}

void config_unref(const struct config *config)
{
    /* Readers get it const; it was made writable, and the last reference may write. */
    struct config *mine = (struct config *)(uintptr_t)config;
    if (mine != NULL && --mine->references == 0)
        free_config(mine);
}

void config_stop(void)
{
    config_publish(NULL);
}

/* --- loading --- */

/* fault - one more line about a row's value in force */
static void fault(struct loading *loading, const struct config_row *row, const char *value,
                  const char *expected)
{
    const struct origin *origin = &loading->origins[row - config_rows];
    const char *shown = row->type == CONFIG_SECRET ? "(not shown)" : value;
    ini_file_fault(loading->why, origin->path != NULL ? origin->path : "default", origin->line,
                   "%s = %s: %s was expected", row->property, shown, expected);
    loading->faulty = true;
}

/* property_of - the name that an entry sets; to be freed */
static char *property_of(const struct ini_entry *entry)
{
    return text_format("%s%s%s", entry->section, entry->section[0] != '\0' ? "." : "", entry->key);
}

/* apply - one entry of a file */
static void apply(struct loading *loading, const char *path, const struct ini_entry *entry)
{
    if (strncasecmp(entry->section, "upstream ", 9) == 0)
        return; /* upstream_manager's */
    char *property = property_of(entry);
    const struct config_row *row = config_value_find(property);
    if (row == NULL) {
        log_warn("%s:%d: there is no setting %s; the line is ignored", path, entry->line, property);
        free(property);
        return;
    }
    free(property);
    struct origin *origin = &loading->origins[row - config_rows];
    if (entry->repeated || (origin->path != NULL && strcmp(origin->path, path) == 0))
        log_warn("%s:%d: %s was set before in this file; this line wins", path, entry->line,
                 row->property);
    *origin = (struct origin){path, entry->line};
    loading->config->sources[row - config_rows] = (unsigned char)loading->source;
    if (!config_value_set(loading->config, row, entry->value)) {
        struct text expected = TEXT_EMPTY;
        config_value_expected(row, &expected);
        fault(loading, row, entry->value, text_string(&expected));
        text_free(&expected);
    }
}

/* is_overruled - does one of the changes take the place of this entry? */
static bool is_overruled(const struct loading *loading, const struct ini_entry *entry)
{
    bool overruled = false;
    char *property = property_of(entry);
    for (size_t i = 0; i < loading->change_count && !overruled; i++)
        overruled = strcasecmp(property, loading->changes[i].property) == 0;
    free(property);
    return overruled;
}

static void apply_all(struct loading *loading, const struct ini_file *file)
{
    for (size_t i = 0; i < file->count; i++)
        if (file->entries[i].key != NULL && !is_overruled(loading, &file->entries[i]))
            apply(loading, file->path, &file->entries[i]);
}

/* apply_changes - those that stand in no file yet, as if they stood in `path` */
static void apply_changes(struct loading *loading, const char *path)
{
    for (size_t i = 0; i < loading->change_count; i++) {
        const struct config_row *row = config_value_find(loading->changes[i].property);
        if (row == NULL || loading->changes[i].value == NULL)
            continue;
        struct ini_entry entry = {.section = text_copy(row->section),
                                  .key = text_copy(row->key),
                                  .value = text_copy(loading->changes[i].value)};
        apply(loading, path, &entry);
        free(entry.section);
        free(entry.key);
        free(entry.value);
    }
}

/* load_changes - s2s.home/settings.conf: what an administrator changed at run time */
static void load_changes(struct loading *loading, const struct config_change *changes, size_t count,
                         struct ini_file *file)
{
    loading->source = CONFIG_FROM_CHANGES;
    loading->changes = changes;
    loading->change_count = count;
    char *path = text_format("%s/settings.conf", loading->config->s2s_home);
    char *home = text_copy(loading->config->s2s_home);
    enum ini_result result = ini_file_read(path, file, loading->why);
    free(path);
    if (result == INI_FAULTY)
        loading->faulty = true;
    apply_all(loading, file);
    apply_changes(loading, file->path);
    if (strcmp(home, loading->config->s2s_home) != 0)
        fault(loading, config_value_find("s2s.home"), loading->config->s2s_home,
              "a line in the main file only (this file is found by it)");
    free(home);
}

/* check_order - two numbers, of which the first must not be greater; the one to blame is one that was set */
static void check_order(struct loading *loading, const char *lesser, int64_t low,
                        const char *greater, int64_t high)
{
    if (low <= high)
        return;
    const struct config_row *row = config_value_find(lesser);
    bool set = loading->origins[row - config_rows].path != NULL;
    struct text value = TEXT_EMPTY, expected = TEXT_EMPTY;
    text_appendf(&value, "%lld", (long long)(set ? low : high));
    text_appendf(&expected, "at %s %s, which is %lld,", set ? "most" : "least",
                 set ? greater : lesser, (long long)(set ? high : low));
    fault(loading, set ? row : config_value_find(greater), text_string(&value),
          text_string(&expected));
    text_free(&value);
    text_free(&expected);
}

/* check_together - what no row alone can tell */
static void check_together(struct loading *loading)
{
    const struct config *config = loading->config;
    check_order(loading, "s2s.retry.first", config->s2s_retry_first, "s2s.retry.max",
                config->s2s_retry_max);
    check_order(loading, "s2s.negotiation.bytes", config->s2s_negotiation_bytes,
                "s2s.negotiation.total", config->s2s_negotiation_total);
    if (config->s2s_metrics_port != 0 && config->s2s_metrics_token[0] == '\0' &&
        !config_value_is_loopback(config->s2s_metrics_address))
        fault(loading, config_value_find("s2s.metrics.address"), config->s2s_metrics_address,
              "a loopback address, as long as there is no s2s.metrics.token,");
    if (config->adminConsole_port != 0 && !config_value_is_loopback(config->adminConsole_interface))
        fault(loading, config_value_find("adminConsole.interface"), config->adminConsole_interface,
              "a loopback address, as long as adminConsole.port is not 0 (that port is without "
              "TLS),");
    if (config->adminConsole_port != 0 &&
        config->adminConsole_port == config->adminConsole_securePort)
        fault(loading, config_value_find("adminConsole.securePort"),
              "the same as adminConsole.port", "another port");
    if (config->xmpp_server_session_idle == 0)
        fault(loading, config_value_find("xmpp.server.session.idle"), "0",
              "-1 (never) or at least 1");
}

struct config *config_load(const char *file, struct text *why)
{
    return config_load_changed(file, NULL, 0, why);
}

struct config *config_load_changed(const char *file, const struct config_change *changes_made,
                                   size_t count, struct text *why)
{
    struct loading loading = {.config = make_defaults(), .why = why, .source = CONFIG_FROM_FILE};
    struct ini_file main_file, changes = {0};
    free(loading.config->file);
    loading.config->file = text_copy(file);
    enum ini_result result = ini_file_read(file, &main_file, why);
    if (result == INI_MISSING)
        ini_file_fault(why, file, 0, "there is no such file");
    loading.faulty = result != INI_READ;
    apply_all(&loading, &main_file);
    if (result == INI_READ)
        load_changes(&loading, changes_made, count, &changes);
    if (!loading.faulty)
        check_together(&loading);
    ini_file_free(&main_file);
    ini_file_free(&changes);
    if (loading.faulty) {
        config_unref(loading.config);
        return NULL;
    }
    return loading.config;
}

/* --- telling --- */

static bool is_same(const struct config *a, const struct config *b, const struct config_row *row)
{
    struct text left = TEXT_EMPTY, right = TEXT_EMPTY;
    config_value_write(a, row, &left);
    config_value_write(b, row, &right);
    bool same = strcmp(text_string(&left), text_string(&right)) == 0;
    text_free(&left);
    text_free(&right);
    return same;
}

void config_restart_needed(const struct config *old, const struct config *new_config,
                           struct text *names)
{
    const char *between = "";
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        if (!row->restart || is_same(old, new_config, row))
            continue;
        text_appendf(names, "%s%s", between, row->property);
        between = ", ";
    }
}

void config_write_list(const struct config *config, struct text *out)
{
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        struct text value = TEXT_EMPTY;
        config_value_write(config, row, &value);
        bool hidden = row->type == CONFIG_SECRET && value.length > 0;
        text_appendf(out, "%s = %s\n", row->property, hidden ? "(set)" : text_string(&value));
        text_free(&value);
    }
}

/* write_comment - text as comment lines of at most HELP_WIDTH columns */
static void write_comment(struct text *out, const char *words)
{
    size_t column = 0;
    while (*words != '\0') {
        size_t length = strcspn(words, " ");
        if (column > 0 && column + 1 + length > HELP_WIDTH) {
            text_append_char(out, '\n');
            column = 0;
        }
        text_append_string(out, column == 0 ? "# " : " ");
        text_append(out, words, length);
        column += (column == 0 ? 2 : 1) + length;
        words += length;
        words += strspn(words, " ");
    }
    text_append_char(out, '\n');
}

/* write_accepted - "[a whole number from 1 to 10]"; for text the help says all there is to say */
static void write_accepted(struct text *out, const struct config_row *row)
{
    bool says_little = row->type != CONFIG_BOOLEAN && row->type != CONFIG_NUMBER &&
                       row->type != CONFIG_CHOICE && row->type != CONFIG_WORDS;
    if (says_little && !row->restart)
        return;
    struct text accepted = TEXT_EMPTY;
    text_append_char(&accepted, '[');
    if (!says_little)
        config_value_expected(row, &accepted);
    if (row->restart)
        text_appendf(&accepted, "%stakes effect at the next start", says_little ? "" : "; ");
    text_append_char(&accepted, ']');
    write_comment(out, text_string(&accepted));
    text_free(&accepted);
}

/* write_row - help, what is accepted, and the line with the default */
static void write_row(struct text *out, const struct config_row *row)
{
    text_append_char(out, '\n');
    write_comment(out, row->help);
    write_accepted(out, row);
    text_appendf(out, "%s =%s%s\n", row->key, row->text[0] != '\0' ? " " : "", row->text);
}

void config_write_sample(struct text *out)
{
    text_append_string(
        out, "# openfire-s2s.conf - every setting of openfire-s2s, with its default.\n"
             "#\n"
             "# Section + \".\" + key is the name of a setting: [xmpp.server] socket.port is\n"
             "# xmpp.server.socket.port, and so is [xmpp] server.socket.port. A line that is\n"
             "# left out means the default. ';' and '#' begin a comment; a value that holds\n"
             "# one of them goes into double quotes. SIGHUP makes the program read this file\n"
             "# again; when there is a fault in it, the old settings stay in force.\n");
    const char *section = "";
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        if (strcmp(section, row->section) != 0)
            text_appendf(out, "\n[%s]\n", row->section);
        section = row->section;
        write_row(out, row);
    }
}

/* --- files that we write --- */

static int write_all(int fd, const char *content, size_t length)
{
    while (length > 0) {
        ssize_t put = write(fd, content, length);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return -1;
        content += put;
        length -= (size_t)put;
    }
    return 0;
}

/* sync_directory - make the rename survive a crash. A file system that can't is no fault of the caller's. */
static void sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash == NULL   ? text_copy(".")
                      : slash == path ? text_copy("/")
                                      : text_copy_n(path, (size_t)(slash - path));
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        log_warn("%s: can't be synced, a crash now may bring back the old %s: %s", directory, path,
                 strerror(errno));
    if (fd >= 0)
        close(fd);
    free(directory);
}

/* fill_file - content, mode and fsync; closes `fd` in any case */
static int fill_file(int fd, const char *content, size_t length, unsigned mode)
{
    int failed =
        fchmod(fd, (mode_t)mode) < 0 || write_all(fd, content, length) < 0 || fsync(fd) < 0;
    int saved = errno;
    if (close(fd) < 0 && !failed)
        return -1;
    errno = saved;
    return failed ? -1 : 0;
}

int config_write_file(const char *path, const char *content, size_t length, unsigned mode,
                      struct text *why)
{
    char *temporary = text_format("%s.XXXXXX", path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        text_appendf(why, "%s can't be made: %s", temporary, strerror(errno));
        free(temporary);
        return -1;
    }
    if (fill_file(fd, content, length, mode) < 0 || rename(temporary, path) < 0) {
        text_appendf(why, "%s can't be written: %s", path, strerror(errno));
        unlink(temporary);
        free(temporary);
        return -1;
    }
    free(temporary);
    sync_directory(path);
    return 0;
}
