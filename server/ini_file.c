/* SPDX-License-Identifier: Apache-2.0 */
/* ini_file - an INI file read by iniparser, with the line of each entry
 *
 * Openfire: none; JiveGlobals reads openfire.xml by XMLProperties. The form is that of iniparser 4.1:
 * [section], key = value, comments from ';' or '#', a '\' at the end of a line joins the next to it,
 * names in lower case. iniparser gives a dictionary of "section:key" and "section"; since names can't be
 * looked up by line there, the file is scanned here by the same rules, and only for the places. What the
 * scan does refuse itself is what iniparser passes over without a word: a NUL byte, a heading without a
 * name, a last line that waits for its continuation.
 *
 * Threads: any. One lock for iniparser's process-wide error callback; a leaf.
 * Freed by: ini_file_free.
 */
#include "server/ini_file.h"

#include <ctype.h>
#include <errno.h>
#include <iniparser/iniparser.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LINE_BYTES 1023 /* the longest that iniparser takes */

/* Where a name stands */
struct mark {
    char *name; /* as iniparser's dictionary has it */
    int line;
};

struct scan {
    struct mark *marks;
    size_t count, room;
    char *section;
    struct text joined; /* the line, put together from continued ones */
    int line, start;    /* of the file, and where `joined` began */
    const char *path;
    struct text *why;
    bool faulty;
};

static pthread_mutex_t parser_lock = PTHREAD_MUTEX_INITIALIZER;
static struct text *parser_says; /* guarded by parser_lock */

static int take_message(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void append_formatted(struct text *out, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void append_formatted(struct text *out, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0)
        return;
    text_reserve(out, (size_t)length);
    vsnprintf(out->bytes + out->length, (size_t)length + 1, format, arguments);
    out->length += (size_t)length;
}

void ini_file_fault(struct text *why, const char *path, int line, const char *format, ...)
{
    if (why->length > 0)
        text_append_char(why, '\n');
    text_append_string(why, path);
    if (line > 0)
        text_appendf(why, ":%d", line);
    text_append_string(why, ": ");
    va_list arguments;
    va_start(arguments, format);
    append_formatted(why, format, arguments);
    va_end(arguments);
}

bool ini_file_write_value(struct text *out, const char *key, const char *value)
{
    size_t length = strlen(value);
    bool holds_quote = strchr(value, '"') != NULL;
    bool quoted =
        strpbrk(value, ";#'") != NULL ||
        (length > 0 && (isspace((unsigned char)value[0]) ||
                        isspace((unsigned char)value[length - 1]) || value[length - 1] == '\\'));
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)value[i] < ' ' || value[i] == '\x7f')
            return false;
    if ((holds_quote && (quoted || value[0] == '"')) || strlen(key) + length + 5 > LINE_BYTES)
        return false;
    const char *quote = quoted ? "\"" : "";
    text_appendf(out, "%s =%s%s%s%s\n", key, length > 0 ? " " : "", quote, value, quote);
    return true;
}

bool ini_file_number(const char *text, long long min, long long max, long long *number)
{
    const char *digits = text + (text[0] == '-');
    if (digits[0] == '\0' || digits[strspn(digits, "0123456789")] != '\0')
        return false;
    errno = 0;
    long long read = strtoll(text, NULL, 10);
    if (errno != 0 || read < min || read > max)
        return false;
    *number = read;
    return true;
}

/* --- the scan for places --- */

static bool is_blank(char c)
{
    return isspace((unsigned char)c) != 0;
}

/* trim - without the blanks at both ends */
static struct span trim(struct span text)
{
    while (text.length > 0 && is_blank(text.bytes[0])) {
        text.bytes++;
        text.length--;
    }
    while (text.length > 0 && is_blank(text.bytes[text.length - 1]))
        text.length--;
    return text;
}

/* lower - a copy of the trimmed name as iniparser keeps it */
static char *lower(struct span name)
{
    name = trim(name);
    char *copy = text_copy_n(name.bytes, name.length);
    for (char *c = copy; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return copy;
}

static void add_mark(struct scan *scan, char *name)
{
    if (scan->count == scan->room) {
        scan->room = scan->room == 0 ? 64 : scan->room * 2;
        scan->marks = text_realloc(scan->marks, scan->room * sizeof *scan->marks);
    }
    scan->marks[scan->count++] = (struct mark){name, scan->start};
}

static void scan_heading(struct scan *scan, struct span line)
{
    const char *end = memchr(line.bytes, ']', line.length);
    char *name = lower((struct span){line.bytes + 1, (size_t)(end - line.bytes) - 1});
    if (name[0] == '\0') {
        ini_file_fault(scan->why, scan->path, scan->start,
                       "[]: the name of a section was expected");
        scan->faulty = true;
    }
    free(scan->section);
    scan->section = name;
    add_mark(scan, text_copy(name));
}

/* scan_line - a whole line, continuations joined */
static void scan_line(struct scan *scan)
{
    struct span line = trim((struct span){text_string(&scan->joined), scan->joined.length});
    if (line.length == 0 || line.bytes[0] == '#' || line.bytes[0] == ';')
        return;
    if (line.bytes[0] == '[' && line.bytes[line.length - 1] == ']') {
        scan_heading(scan, line);
        return;
    }
    const char *equals = memchr(line.bytes, '=', line.length);
    if (equals == NULL)
        return; /* iniparser complains */
    char *key = lower((struct span){line.bytes, (size_t)(equals - line.bytes)});
    add_mark(scan, text_format("%s:%s", scan->section, key));
    free(key);
}

/* scan_piece - one line of the file: a line, or a part of one */
static void scan_piece(struct scan *scan, char *bytes, size_t length)
{
    scan->line++;
    if (memchr(bytes, '\0', length) != NULL) {
        ini_file_fault(scan->why, scan->path, scan->line, "a NUL byte: text was expected");
        scan->faulty = true;
    }
    while (length > 0 && is_blank(bytes[length - 1]))
        length--;
    if (scan->start == 0)
        scan->start = scan->line;
    bool continued = length > 0 && bytes[length - 1] == '\\';
    text_append(&scan->joined, bytes, continued ? length - 1 : length);
    if (continued)
        return;
    scan_line(scan);
    text_clear(&scan->joined);
    scan->start = 0;
}

static void scan_file(struct scan *scan, FILE *stream)
{
    char *bytes = NULL;
    size_t room = 0;
    ssize_t length;
    scan->section = text_copy("");
    while ((length = getline(&bytes, &room, stream)) > 0)
        scan_piece(scan, bytes, (size_t)length);
    if (ferror(stream)) {
        ini_file_fault(scan->why, scan->path, 0, "can't be read: %s", strerror(errno));
        scan->faulty = true;
    } else if (scan->start != 0) {
        ini_file_fault(scan->why, scan->path, scan->line,
                       "a '\\' at the end of the last line: another line was expected");
        scan->faulty = true;
    }
    free(bytes);
    free(scan->section);
    text_free(&scan->joined);
}

static int compare_marks(const void *a, const void *b)
{
    const struct mark *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : (left->line > right->line) - (left->line < right->line);
}

static void free_marks(struct scan *scan)
{
    for (size_t i = 0; i < scan->count; i++)
        free(scan->marks[i].name);
    free(scan->marks);
}

/* place - fill in the entry's line from the marks, which are sorted by name and line */
static void place(const struct scan *scan, const char *name, struct ini_entry *entry)
{
    size_t low = 0, high = scan->count; /* the first mark behind all of this name */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(scan->marks[middle].name, name) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || strcmp(scan->marks[low - 1].name, name) != 0)
        return;
    entry->line = scan->marks[low - 1].line;
    entry->repeated = low > 1 && strcmp(scan->marks[low - 2].name, name) == 0;
}

/* --- iniparser --- */

/* take_message - iniparser's error callback: keep its sentence, on one line */
static int take_message(const char *format, ...)
{
    static const char prefix[] = "iniparser: ", syntax[] = "syntax error";
    struct text sentence = TEXT_EMPTY;
    va_list arguments;
    va_start(arguments, format);
    append_formatted(&sentence, format, arguments);
    va_end(arguments);
    struct span rest = trim((struct span){text_string(&sentence), sentence.length});
    if (rest.length > sizeof prefix && memcmp(rest.bytes, prefix, sizeof prefix - 1) == 0) {
        rest.bytes += sizeof prefix - 1;
        rest.length -= sizeof prefix - 1;
    }
    if (parser_says->length > 0)
        text_append_char(parser_says, '\n');
    for (size_t i = 0; i < rest.length; i++)
        text_append_char(parser_says, rest.bytes[i] == '\n' ? ' ' : rest.bytes[i]);
    if (rest.length > sizeof syntax && memcmp(rest.bytes, syntax, sizeof syntax - 1) == 0)
        text_append_string(parser_says, ": name = value or [section] was expected");
    text_free(&sentence);
    return 0;
}

static dictionary *parse(const char *path, struct text *why)
{
    pthread_mutex_lock(&parser_lock);
    parser_says = why;
    iniparser_set_error_callback(take_message);
    size_t before = why->length;
    dictionary *dictionary = iniparser_load(path);
    iniparser_set_error_callback(NULL);
    parser_says = NULL;
    pthread_mutex_unlock(&parser_lock);
    if (dictionary == NULL && why->length == before)
        ini_file_fault(why, path, 0, "can't be read");
    return dictionary;
}

static void add_entry(struct ini_file *file, const struct scan *scan, const char *name,
                      const char *value)
{
    struct ini_entry *entry = &file->entries[file->count++];
    *entry = (struct ini_entry){.value = text_copy(value)};
    /* A key holds no ':' as a rule, a section may; headings are known by their missing value. */
    const char *colon = value != NULL ? strrchr(name, ':') : NULL;
    entry->section = text_copy_n(name, colon != NULL ? (size_t)(colon - name) : strlen(name));
    entry->key = text_copy(colon != NULL ? colon + 1 : value != NULL ? "" : NULL);
    place(scan, name, entry);
}

static int compare_entries(const void *a, const void *b)
{
    const struct ini_entry *left = a, *right = b;
    return (left->line > right->line) - (left->line < right->line);
}

static void take_entries(struct ini_file *file, const struct scan *scan, const dictionary *from)
{
    file->entries = text_calloc((size_t)from->size, sizeof *file->entries);
    for (ssize_t i = 0; i < from->size; i++)
        if (from->key[i] != NULL)
            add_entry(file, scan, from->key[i], from->val[i]);
    qsort(file->entries, file->count, sizeof *file->entries, compare_entries);
}

/* open_file - for the scan; never a FIFO, which would let us wait, nor a directory */
static FILE *open_file(const char *path, enum ini_result *result, struct text *why)
{
    struct stat status;
    *result = INI_FAULTY;
    if (stat(path, &status) < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        *result = INI_MISSING;
        return NULL;
    }
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISCHR(status.st_mode)) {
        ini_file_fault(why, path, 0, "can't be read: a file was expected");
        return NULL;
    }
    FILE *stream = fopen(path, "re");
    if (stream == NULL)
        ini_file_fault(why, path, 0, "can't be read: %s", strerror(errno));
    return stream;
}

enum ini_result ini_file_read(const char *path, struct ini_file *file, struct text *why)
{
    enum ini_result result;
    *file = (struct ini_file){.path = text_copy(path)};
    FILE *stream = open_file(path, &result, why);
    if (stream == NULL)
        return result;
    struct scan scan = {.path = path, .why = why};
    scan_file(&scan, stream);
    fclose(stream);
    dictionary *parsed = parse(path, why);
    if (parsed != NULL && !scan.faulty) {
        if (scan.count > 0)
            qsort(scan.marks, scan.count, sizeof *scan.marks, compare_marks);
        take_entries(file, &scan, parsed);
        result = INI_READ;
    }
    if (parsed != NULL)
        iniparser_freedict(parsed);
    free_marks(&scan);
    return result;
}

void ini_file_free(struct ini_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        free(file->entries[i].section);
        free(file->entries[i].key);
        free(file->entries[i].value);
    }
    free(file->entries);
    free(file->path);
    *file = (struct ini_file){0};
}
