/* SPDX-License-Identifier: Apache-2.0 */
/* json_words - jansson's values made from our texts
 *
 * jansson refuses a string that is not UTF-8 by NULL, and a NULL in an object would make the whole object none. So a text is tried as
 * it is, and then escaped.
 */
#include "admin/json_words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "server/printable.h"
#include "xml/text.h"

json_t *json_words(const char *text)
{
    if (text == NULL)
        return json_null();
    json_t *words = json_string(text);
    if (words != NULL)
        return words;
    char escaped[4096];
    printable_escape(escaped, sizeof escaped, text, strlen(text), false);
    words = json_string(escaped);
    if (words == NULL)
        text_out_of_memory();
    return words;
}

json_t *json_wordsf(const char *format, ...)
{
    char text[1001];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return json_words(text);
}

json_t *json_moment(int64_t seconds)
{
    char text[40] = "";
    time_t moment = (time_t)seconds;
    struct tm fields;
    if (gmtime_r(&moment, &fields) != NULL)
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &fields);
    return json_words(text);
}

const char *json_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}
