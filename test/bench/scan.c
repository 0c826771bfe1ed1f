/* SPDX-License-Identifier: Apache-2.0 */
/* scan - where elements end, without a parser
 *
 * See scan.h.
 */
#include "test/bench/scan.h"

#include <string.h>

/* tag_end - behind the `>` of the tag at `at`; NULL: not there yet */
static const char *tag_end(const char *at, const char *end)
{
    char quote = 0;
    for (const char *p = at; p < end; p++) {
        if (quote != 0) {
            p = memchr(p, quote, (size_t)(end - p));
            if (p == NULL)
                return NULL;
            quote = 0;
        } else if (*p == '\'' || *p == '"') {
            quote = *p;
        } else if (*p == '>') {
            return p + 1;
        }
    }
    return NULL;
}

static bool begins(const char *at, const char *end, const char *words)
{
    size_t length = strlen(words);
    return (size_t)(end - at) >= length && memcmp(at, words, length) == 0;
}

size_t scan_element(const char *at, const char *end)
{
    const char *p = at;
    if (p < end && *p != '<') {
        p = memchr(p, '<', (size_t)(end - p));
        return (size_t)((p != NULL ? p : end) - at);
    }
    bool is_alone =
        begins(at, end, "<?") || begins(at, end, "</") || begins(at, end, "<stream:stream");
    for (int depth = 0;;) {
        const char *after = tag_end(p, end);
        if (after == NULL)
            return 0;
        if (p[1] == '/')
            depth--;
        else if (after[-2] != '/')
            depth++;
        if (is_alone || depth <= 0)
            return (size_t)(after - at);
        p = memchr(after, '<', (size_t)(end - after));
        if (p == NULL || p + 1 >= end)
            return 0;
    }
}

bool scan_is(const char *at, size_t length, const char *tag)
{
    return begins(at, at + length, tag);
}

bool scan_has(const char *at, size_t length, const char *words)
{
    return memmem(at, length, words, strlen(words)) != NULL;
}

/* find_value - where the value of an attribute of the first tag begins; its length in *length */
static const char *find_value(const char *at, const char *end, const char *name, size_t *length)
{
    size_t name_length = strlen(name);
    const char *stop = tag_end(at, end);
    for (const char *p = at; stop != NULL && p < stop; p++) {
        if (*p == '\'' || *p == '"') {
            const char *close = memchr(p + 1, *p, (size_t)(stop - p - 1));
            if (close == NULL)
                return NULL;
            const char *key = p - 1 - name_length; /* name=' with white space before it */
            if (key > at && p[-1] == '=' && memcmp(key, name, name_length) == 0 &&
                (key[-1] == ' ' || key[-1] == '\n' || key[-1] == '\t')) {
                *length = (size_t)(close - p - 1);
                return p + 1;
            }
            p = close;
        }
    }
    return NULL;
}

bool scan_attribute(const char *at, size_t length, const char *name, char *value, size_t size)
{
    size_t found;
    const char *from = find_value(at, at + length, name, &found);
    if (from == NULL)
        return false;
    if (found >= size)
        found = size - 1;
    memcpy(value, from, found);
    value[found] = '\0';
    return true;
}

/* read_number - `count` decimal digits; false: something else is there */
static bool read_number(const char *at, unsigned count, uint32_t *number)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned digit = (unsigned)(unsigned char)at[i] - '0';
        if (digit > 9)
            return false;
        value = value * 10 + digit;
    }
    *number = value;
    return true;
}

static bool read_mark(const char *at, struct mark *mark)
{
    return at[0] == 's' && at[6] == 'n' && read_number(at + 1, 5, &mark->stream) &&
           read_number(at + 7, 9, &mark->number);
}

bool scan_mark(const char *at, size_t length, struct shape *shape, struct mark *mark)
{
    size_t found;
    const char *id = find_value(at, at + length, "id", &found);
    shape->length = 0;
    if (id == NULL || found != MARK_LENGTH || !read_mark(id, mark))
        return false;
    if (length < sizeof(shape->end) * 2)
        return true;
    shape->length = length;
    shape->mark = (size_t)(id - at);
    memcpy(shape->end, at + length - sizeof(shape->end), sizeof(shape->end));
    return true;
}

bool scan_like(const char *at, const char *end, const struct shape *shape, struct mark *mark)
{
    size_t length = shape->length;
    return length != 0 && (size_t)(end - at) >= length && at[0] == '<' && at[1] != '/' &&
           memcmp(at + length - sizeof(shape->end), shape->end, sizeof(shape->end)) == 0 &&
           read_mark(at + shape->mark, mark);
}
