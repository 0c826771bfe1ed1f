/* SPDX-License-Identifier: Apache-2.0 */
/* openfire_import - from an Openfire installation to settings and rows of ours
 *
 * Openfire: JiveGlobals.loadSetupProperties, EmbeddedConnectionProvider.
 *
 * Action points:
 *   each source   a directory: conf/openfire.xml (or openfire.xml), embedded-db/openfire.script, and
 *                 openfire.log, which holds what HSQLDB had not written into its script yet
 *                 a file: by its name or its first bytes
 *   all read      -> openfire_plan_make -> our files loaded with the changes, as a start would
 *   --write       -> remote-servers.conf, components.conf, settings.conf
 * One thread; nothing stays in memory.
 */
#include "admin/openfire_import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/openfire_csv.h"
#include "admin/openfire_plan.h"
#include "admin/openfire_properties.h"
#include "admin/openfire_report.h"
#include "admin/openfire_sql.h"
#include "admin/openfire_xml.h"
#include "server/config_changes.h"

#define FILES_MAX 64
#define HEAD_BYTES 4096         /* by which a file's kind is known */
#define ROWS_FILE_MAX (1 << 24) /* of remote-servers.conf and components.conf, in bytes */

enum kind { KIND_XML, KIND_HSQLDB, KIND_CSV, KIND_SQL };
static const char *const kind_words[] = {"openfire.xml", "HSQLDB", "CSV", "SQL"};

struct importing {
    const struct openfire_import_options *options;
    struct openfire_source source;
    struct openfire_file files[FILES_MAX]; /* that were read; paths are owned */
    size_t file_count;
    struct text faults;             /* of files, a line each */
    char *openfire_home, *database; /* owned; NULL: not known */
    char *wrote[4];                 /* owned; NULL behind the last */
    int wrote_count;
};

/* --- reading --- */

static void note_fault(struct importing *importing, const char *path, const char *fault)
{
    struct text *faults = &importing->faults;
    text_appendf(faults, "%s%s: %s", faults->length > 0 ? "\n" : "", path, fault);
}

static void note_file(struct importing *importing, const char *path, const char *what)
{
    if (importing->file_count == FILES_MAX)
        note_fault(importing, path, "more files than can be read at once");
    else
        importing->files[importing->file_count++] =
            (struct openfire_file){.path = text_copy(path), .what = what};
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcasecmp(text + length - end_length, end) == 0;
}

/* is_csv - does the first line name the columns of a table of ours? */
static bool is_csv(char *head, size_t length)
{
    struct openfire_source nothing = {0};
    FILE *file = length > 0 ? fmemopen(head, strcspn(head, "\r\n"), "r") : NULL;
    struct openfire_input input = {.file = file, .left = HEAD_BYTES};
    bool csv = file != NULL && openfire_csv_read(&nothing, &input) != OPENFIRE_TABLES;
    if (file != NULL)
        fclose(file);
    openfire_source_free(&nothing);
    return csv;
}

/* kind_of - an open file's */
static enum kind kind_of(const char *path, int fd)
{
    char head[HEAD_BYTES + 1];
    ssize_t got = pread(fd, head, HEAD_BYTES, 0);
    size_t length = got > 0 ? (size_t)got : 0;
    head[length] = '\0';
    const char *first = head + strspn(head, " \t\r\n");
    if (strncmp(first, "\xef\xbb\xbf<", 4) == 0 || first[0] == '<')
        return KIND_XML;
    if (ends_with(path, ".script") || ends_with(path, ".log"))
        return KIND_HSQLDB;
    return is_csv(head, length) ? KIND_CSV : KIND_SQL;
}

/* read_stream - the rows of one file; NULL, or what is wrong with it */
static const char *read_stream(struct importing *importing, enum kind kind, FILE *file,
                               struct text *fault)
{
    struct openfire_input input = {.file = file, .left = OPENFIRE_FILE_BYTES};
    unsigned long before = importing->source.came;
    if (kind == KIND_XML) {
        if (openfire_xml_read(&importing->source, &input, fault) < 0)
            return text_string(fault);
    } else if (kind == KIND_CSV) {
        openfire_csv_read(&importing->source, &input);
    } else {
        openfire_sql_read(&importing->source, &input,
                          kind == KIND_HSQLDB ? OPENFIRE_SQL_HSQLDB : OPENFIRE_SQL_UNKNOWN);
    }
    if (ferror(file))
        return "it can't be read to its end";
    if (input.too_long)
        return "it is too large";
    if (importing->source.came == before && kind != KIND_XML && kind != KIND_HSQLDB)
        return "no row of Openfire's tables is in it";
    return NULL;
}

/* open_regular - a file, and no device or pipe that could let us wait */
static FILE *open_regular(const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    FILE *file = NULL;
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        errno = EINVAL;
    else
        file = fdopen(fd, "r");
    if (file == NULL)
        close(fd);
    return file;
}

/* read_file - `optional`: nothing is said when it is not there */
static void read_file(struct importing *importing, const char *path, bool optional)
{
    struct text fault = TEXT_EMPTY;
    FILE *file = open_regular(path);
    if (file == NULL) {
        if (!optional || errno != ENOENT)
            note_fault(importing, path, errno == EINVAL ? "it is no file" : strerror(errno));
        return;
    }
    enum kind kind = kind_of(path, fileno(file));
    const char *wrong = read_stream(importing, kind, file, &fault);
    if (wrong != NULL)
        note_fault(importing, path, wrong);
    else
        note_file(importing, path, kind_words[kind]);
    fclose(file);
    text_free(&fault);
}

static void read_below(struct importing *importing, const char *directory, const char *name)
{
    char *path = text_format("%s/%s", directory, name);
    read_file(importing, path, true);
    free(path);
}

static void read_source(struct importing *importing, const char *path)
{
    struct stat status;
    if (stat(path, &status) < 0 || !S_ISDIR(status.st_mode)) {
        read_file(importing, path, false);
        return;
    }
    size_t before = importing->file_count, faults = importing->faults.length;
    read_below(importing, path, "conf/openfire.xml");
    read_below(importing, path, "openfire.xml");
    read_below(importing, path, "embedded-db/openfire.script");
    read_below(importing, path, "embedded-db/openfire.log");
    if (importing->file_count == before && importing->faults.length == faults)
        note_fault(importing, path,
                   "there is neither conf/openfire.xml nor embedded-db/openfire.script in it");
    free(importing->openfire_home);
    importing->openfire_home = text_copy(path);
}

/* note_database - the one that openfire.xml names, without what may be a password */
static void note_database(struct importing *importing)
{
    const struct openfire_row *row = openfire_source_find(&importing->source, OPENFIRE_XML_PROPERTY,
                                                          "database.defaultProvider.serverURL");
    bool has_rows = false;
    for (size_t i = 0; i < importing->source.count; i++)
        has_rows = has_rows || importing->source.rows[i].table != OPENFIRE_XML_PROPERTY;
    if (row != NULL && row->values[1] != NULL && !has_rows)
        importing->database = text_copy_n(row->values[1], strcspn(row->values[1], "?;"));
}

static int read_sources(struct importing *importing, struct text *why)
{
    for (size_t i = 0; i < importing->options->count; i++)
        read_source(importing, importing->options->sources[i]);
    openfire_source_finish(&importing->source);
    note_database(importing);
    text_append_string(why, text_string(&importing->faults));
    if (importing->source.too_much)
        text_appendf(why, "%sthere are more rows than any Openfire has",
                     why->length > 0 ? "\n" : "");
    else if (importing->options->count == 0)
        text_append_string(why, "no directory of Openfire, and no file, was named");
    return why->length > 0 ? -1 : 0;
}

/* --- writing --- */

/* give_away - as root: to whom s2s.home belongs, who shall read it */
static int give_away(const char *path, const char *home, struct text *why)
{
    struct stat status;
    if (geteuid() != 0 || stat(home, &status) < 0 || status.st_uid == 0)
        return 0;
    if (lchown(path, status.st_uid, status.st_gid) == 0)
        return 0;
    text_appendf(why, "%s can't be given to the owner of %s: %s", path, home, strerror(errno));
    return -1;
}

static int write_file(struct importing *importing, const char *home, const char *name,
                      const struct text *content, struct text *why)
{
    char *path = text_format("%s/%s", home, name);
    int result = config_write_file(path, text_string(content), content->length, 0600, why);
    if (result == 0)
        result = give_away(path, home, why);
    if (result == 0)
        importing->wrote[importing->wrote_count++] = path;
    else
        free(path);
    return result;
}

/* read_whole - append what stands in a file that may be missing */
static int read_whole(const char *path, struct text *content, struct text *why)
{
    char bytes[4096];
    size_t got;
    FILE *file = open_regular(path);
    if (file == NULL && errno == ENOENT)
        return 0;
    while (file != NULL && content->length < ROWS_FILE_MAX &&
           (got = fread(bytes, 1, sizeof bytes, file)) > 0)
        text_append(content, bytes, got);
    bool whole = file != NULL && feof(file) && !ferror(file);
    if (file != NULL)
        fclose(file);
    if (!whole)
        text_appendf(why, "%s can't be read", path);
    return whole ? 0 : -1;
}

/* append_rows - what is in the file stays, also its comments */
static int append_rows(struct importing *importing, const char *home, const char *name,
                       const struct openfire_items *items, struct text *why)
{
    struct text content = TEXT_EMPTY;
    char *path = text_format("%s/%s", home, name);
    int result = read_whole(path, &content, why);
    size_t before = content.length;
    if (content.length > 0 && content.bytes[content.length - 1] != '\n')
        text_append_char(&content, '\n');
    for (size_t i = 0; i < items->count; i++)
        if (items->items[i].lines != NULL && items->items[i].fate == OPENFIRE_CARRIED)
            text_append_string(&content, items->items[i].lines);
    if (result == 0 && content.length > before + 1)
        result = write_file(importing, home, name, &content, why);
    free(path);
    text_free(&content);
    return result;
}

static int write_all(struct importing *importing, const struct openfire_plan *plan,
                     const struct config *fresh, bool settings, struct text *why)
{
    const char *home = fresh->s2s_home;
    struct text content = TEXT_EMPTY;
    if (settings && config_changes_write(fresh, &content, why) < 0)
        return -1;
    if (mkdir(home, 0700) < 0 && errno != EEXIST) {
        text_appendf(why, "s2s.home: cannot make %s: %s", home, strerror(errno));
        text_free(&content);
        return -1;
    }
    int result = append_rows(importing, home, "remote-servers.conf", &plan->remotes, why);
    if (result == 0)
        result = append_rows(importing, home, "components.conf", &plan->components, why);
    if (result == 0 && settings)
        result = write_file(importing, home, "settings.conf", &content, why);
    text_free(&content);
    return result;
}

/* --- all of it --- */

/* load_changed - our settings as they would be with all that carries over, or with one item of it; NULL with
 * a sentence: that is not possible */
static struct config *load_changed(const struct openfire_plan *plan, const char *conf,
                                   const struct openfire_item *alone, size_t *count,
                                   struct text *why)
{
    struct config_change *changes = text_calloc(plan->properties.count + 1, sizeof *changes);
    *count = 0;
    for (size_t i = 0; i < plan->properties.count; i++) {
        const struct openfire_item *item = &plan->properties.items[i];
        if (item->fate == OPENFIRE_CARRIED && (alone == NULL || item == alone))
            changes[(*count)++] = (struct config_change){item->setting, item->value};
    }
    struct config *fresh = config_load_changed(conf, changes, *count, why);
    free(changes);
    return fresh;
}

/* is_possible - our settings with this one changed, by themselves and as lines of settings.conf */
static bool is_possible(const struct openfire_plan *plan, const char *conf,
                        const struct openfire_item *item, struct text *why)
{
    size_t count;
    struct text content = TEXT_EMPTY;
    struct config *fresh = load_changed(plan, conf, item, &count, why);
    bool possible = fresh != NULL && config_changes_write(fresh, &content, why) == 0;
    text_free(&content);
    if (fresh != NULL)
        config_unref(fresh);
    return possible;
}

/* refuse_alone - what is not possible even by itself is no reason to leave the rest */
static void refuse_alone(struct openfire_plan *plan, const char *conf)
{
    for (size_t i = 0; i < plan->properties.count; i++) {
        struct openfire_item *item = &plan->properties.items[i];
        struct text why = TEXT_EMPTY;
        if (item->fate == OPENFIRE_CARRIED && !is_possible(plan, conf, item, &why)) {
            item->fate = OPENFIRE_REFUSED;
            free(item->note);
            item->note =
                text_copy(item->secret ? "it can't be written in this form" : text_string(&why));
        }
        text_free(&why);
    }
}

static void make_report(const struct importing *importing, const struct openfire_plan *plan,
                        struct text *out)
{
    struct openfire_report report = {.plan = plan,
                                     .files = importing->files,
                                     .file_count = importing->file_count,
                                     .openfire_home = importing->openfire_home,
                                     .database = importing->database,
                                     .write = importing->options->write,
                                     .wrote = (const char *const *)importing->wrote};
    if (importing->options->json)
        openfire_report_json(&report, out);
    else
        openfire_report_text(&report, out);
}

/* carry_over - what was read, into our files if that is wanted */
static int carry_over(struct importing *importing, const struct config *config, struct text *out,
                      struct text *why)
{
    const struct openfire_import_options *options = importing->options;
    struct openfire_plan plan = {0};
    size_t changes = 0;
    struct config *fresh = NULL;
    int result = openfire_plan_make(&plan, &importing->source, config, options->replace, why);
    if (result == 0) {
        refuse_alone(&plan, options->conf);
        fresh = load_changed(&plan, options->conf, NULL, &changes, why);
        result = fresh != NULL ? 0 : -1;
        if (result == 0 && options->write)
            result = write_all(importing, &plan, fresh, changes > 0, why);
        make_report(importing, &plan, out);
    }
    if (fresh != NULL)
        config_unref(fresh);
    openfire_plan_free(&plan);
    return result;
}

int openfire_import(const struct openfire_import_options *options, struct text *out,
                    struct text *why)
{
    struct importing importing = {.options = options};
    struct config *config = config_load(options->conf, why);
    int result = config != NULL ? read_sources(&importing, why) : -1;
    if (result == 0)
        result = carry_over(&importing, config, out, why);
    if (config != NULL)
        config_unref(config);
    for (size_t i = 0; i < importing.file_count; i++)
        free(importing.files[i].path);
    text_free(&importing.faults);
    for (int i = 0; i < importing.wrote_count; i++)
        free(importing.wrote[i]);
    free(importing.openfire_home);
    free(importing.database);
    openfire_source_free(&importing.source);
    return result;
}
