/* SPDX-License-Identifier: Apache-2.0 */
/* stream_limits - what the other side of a stream says that it takes (XEP-0478)
 *
 * The numbers are xs:positiveInteger: white space around them, a plus sign and zeros before them do not matter. One that is too large
 * for our own integers is no limit that could bite, so it is the largest that we have.
 */
#include "xml/stream_limits.h"

#include <string.h>

#include "xml/xmlns.h"

/* read_number - a positive integer; 0 when it is none */
static int64_t read_number(const char *text)
{
    static const char blank[] = " \t\r\n";
    int64_t number = 0;
    text += strspn(text, blank);
    text += *text == '+';
    size_t digits = strspn(text, "0123456789");
    if (text[digits + strspn(text + digits, blank)] != '\0')
        return 0;
    for (size_t i = 0; i < digits; i++) {
        int digit = text[i] - '0';
        number = number > (INT64_MAX - digit) / 10 ? INT64_MAX : 10 * number + digit;
    }
    return number;
}

/* read_child - the number in a child; 0 when there is no such child; `*good` turns false when it holds none */
static int64_t read_child(const struct element *limits, const char *name, struct arena *arena,
                          bool *good)
{
    const struct element *child = element_child(limits, name, XMLNS_LIMITS);
    if (child == NULL)
        return 0;
    int64_t number = read_number(element_text(child, arena));
    *good = *good && number > 0;
    return number;
}

bool stream_limits_read(const struct element *features, struct arena *arena,
                        struct stream_limits *limits)
{
    const struct element *found = element_child(features, "limits", XMLNS_LIMITS);
    bool good = true;
    *limits = (struct stream_limits){0};
    if (found == NULL)
        return true;
    limits->max_bytes = read_child(found, "max-bytes", arena, &good);
    limits->idle_seconds = read_child(found, "idle-seconds", arena, &good);
    if (limits->max_bytes == 0 || limits->max_bytes >= STREAM_LIMITS_LEAST_BYTES)
        return good;
    limits->max_bytes = STREAM_LIMITS_LEAST_BYTES;
    return false;
}
