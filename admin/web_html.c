/* SPDX-License-Identifier: Apache-2.0 */
/* web_html - HTML of which no value can get out of its place
 *
 * Two steps for each text: what would harm a reader (server/printable.h), then what would harm a parser (& < > " ').
 */
#include "admin/web_html.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/printable.h"

#define SHORT 500       /* bytes of a value that need no memory of their own */
#define ESCAPED_TIMES 4 /* \xNN for a byte */

void html_text(struct text *out, const char *value)
{
    char room[ESCAPED_TIMES * SHORT + 8], *escaped = room;
    if (value == NULL)
        return;
    size_t length = strlen(value);
    size_t size = ESCAPED_TIMES * length + 8;
    if (length > SHORT)
        escaped = text_alloc(size);
    size_t written = printable_escape(escaped, size, value, length, false);
    text_append_escaped(out, escaped, written, false);
    if (escaped != room)
        free(escaped);
}

/* write_value - of the conversion that begins behind '%'; returns what follows it */
static const char *write_value(struct text *out, const char *conversion, va_list *values)
{
    if (conversion[0] == 's')
        html_text(out, va_arg(*values, const char *));
    else if (conversion[0] == 'd')
        text_appendf(out, "%d", va_arg(*values, int));
    else if (strncmp(conversion, "zu", 2) == 0)
        text_appendf(out, "%zu", va_arg(*values, size_t));
    else if (strncmp(conversion, "lld", 3) == 0)
        text_appendf(out, "%lld", va_arg(*values, long long));
    else
        text_append_char(out, conversion[0]); /* %% */
    return conversion + (conversion[0] == 'l' ? 3 : conversion[0] == 'z' ? 2 : 1);
}

void html(struct text *out, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    while (*format != '\0') {
        size_t plain = strcspn(format, "%");
        text_append(out, format, plain);
        format += plain;
        if (*format == '%')
            format = write_value(out, format + 1, &values);
    }
    va_end(values);
}

/* --- values of commands --- */

static void write_members(struct text *out, const json_t *object)
{
    const char *key;
    json_t *member;
    bool first = true;
    json_object_foreach((json_t *)(uintptr_t)object, key, member)
    {
        html(out, "%s%s: ", first ? "" : "; ", key);
        html_json(out, member);
        first = false;
    }
}

void html_json(struct text *out, const json_t *value)
{
    size_t i;
    const json_t *item;
    switch (value != NULL ? json_typeof(value) : JSON_NULL) {
    case JSON_STRING:
        html(out, "%s", json_string_length(value) > 0 ? json_string_value(value) : "–");
        break;
    case JSON_INTEGER:
        html(out, "%lld", (long long)json_integer_value(value));
        break;
    case JSON_REAL:
        text_appendf(out, "%.1f", json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        html(out, "%s", json_is_true(value) ? "yes" : "no");
        break;
    case JSON_ARRAY:
        json_array_foreach(value, i, item)
        {
            html(out, "%s", i > 0 ? ", " : "");
            html_json(out, item);
        }
        if (json_array_size(value) == 0)
            html(out, "–");
        break;
    case JSON_OBJECT:
        write_members(out, value);
        break;
    case JSON_NULL:
        html(out, "–");
    }
}

void html_query(struct text *out, const char *name, const char *value)
{
    text_appendf(out, "%s=", name);
    for (; value != NULL && *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '.' || c == '_' || c == '~')
            text_append_char(out, (char)c);
        else
            text_appendf(out, "%%%02X", c);
    }
}

void html_bytes(struct text *out, int64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes;
    int unit = 0;
    for (; value >= 1000 && unit < 5; unit++)
        value /= 1000;
    text_appendf(out, unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

void html_seconds(struct text *out, int64_t seconds)
{
    if (seconds < 60)
        text_appendf(out, "%lld s", (long long)seconds);
    else if (seconds < 3600)
        text_appendf(out, "%lld min %lld s", (long long)seconds / 60, (long long)seconds % 60);
    else if (seconds < 86400)
        text_appendf(out, "%lld h %lld min", (long long)seconds / 3600,
                     (long long)seconds / 60 % 60);
    else
        text_appendf(out, "%lld d %lld h", (long long)seconds / 86400,
                     (long long)seconds / 3600 % 24);
}

void html_time(struct text *out, const json_t *moment)
{
    const char *text = json_string_value(moment);
    if (text == NULL) {
        html(out, "–");
        return;
    }
    char shown[40];
    snprintf(shown, sizeof shown, "%s", text);
    if (strlen(shown) == 20) { /* 2026-11-24T04:15:02Z */
        shown[10] = ' ';
        shown[19] = '\0';
    }
    html(out, "<time datetime=\"%s\">%s</time>", text, shown);
}
