/* SPDX-License-Identifier: Apache-2.0 */
/* printable - what others wrote, made fit for a log line
 *
 * A peer that could write a line feed, a terminal's escape or a right-to-left mark into our log could
 * forge a line of it or play with the administrator's terminal. So everything that does not simply print
 * is shown as \xNN, byte by byte, as is every byte that belongs to no well-formed UTF-8 sequence
 * (RFC 3629 4: no overlong forms, no surrogates, nothing above U+10FFFF).
 *
 * Pure functions, any thread, no allocation: the log must work when memory is short.
 */
#include "server/printable.h"

#include <string.h>

#include "xml/sixteen.h"

static const char ELLIPSIS[] = "\xe2\x80\xa6"; /* … */

/* leads - what a first byte promises: the length of its sequence and the first bits of the code point */
static size_t leads(unsigned char byte, unsigned *bits)
{
    if (byte < 0x80) {
        *bits = byte;
        return 1;
    }
    if (byte >= 0xc2 && byte < 0xe0) {
        *bits = byte & 0x1fU;
        return 2;
    }
    if (byte >= 0xe0 && byte < 0xf0) {
        *bits = byte & 0x0fU;
        return 3;
    }
    if (byte >= 0xf0 && byte < 0xf5) {
        *bits = byte & 0x07U;
        return 4;
    }
    return 0;
}

size_t printable_sequence(const char *bytes, size_t length, unsigned *code)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000}; /* below: overlong */
    unsigned point = 0;
    size_t size = length > 0 ? leads((unsigned char)bytes[0], &point) : 0;
    if (size == 0 || size > length)
        return 0;
    for (size_t i = 1; i < size; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if ((byte & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (byte & 0x3fU);
    }
    if (point < least[size] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return 0;
    *code = point;
    return size;
}

bool printable_is_control(unsigned code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) ||
           (code >= 0x2028 && code <= 0x202e) || /* line and paragraph separators, directions */
           (code >= 0x2066 && code <= 0x2069);   /* directions */
}

/* short_form - \n, \r, \t, \\ for the wire log; 0 for any other byte */
static char short_form(char byte)
{
    switch (byte) {
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    case '\\':
        return '\\';
    default:
        return 0;
    }
}

/* show - write the printable form of the character at `bytes`, of which `*used` bytes are one; at most 16
 * bytes, the length is returned */
static size_t show(char shown[16], const char *bytes, size_t length, bool wire, size_t *used)
{
    static const char digits[] = "0123456789abcdef";
    unsigned code = 0;
    size_t size = printable_sequence(bytes, length, &code);
    *used = size > 0 ? size : 1;
    char form = wire ? short_form(bytes[0]) : 0;
    if (form != 0) {
        shown[0] = '\\';
        shown[1] = form;
        return 2;
    }
    if (size > 0 && !printable_is_control(code)) {
        memcpy(shown, bytes, size);
        return size;
    }
    for (size_t i = 0; i < *used; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        shown[4 * i] = '\\';
        shown[4 * i + 1] = 'x';
        shown[4 * i + 2] = digits[byte >> 4];
        shown[4 * i + 3] = digits[byte & 15];
    }
    return 4 * *used;
}

/* to_show - where a byte is not simply printed as it is; of other characters than ASCII this says it too */
static inline sixteen to_show(sixteen v)
{
    return ~sixteen_in(v, ' ', '~');
}

static inline sixteen to_show_on_wire(sixteen v)
{
    return ~sixteen_in(v, ' ', '~') | (sixteen)(v == '\\');
}

static bool is_simple(const char *bytes, size_t length, bool wire)
{
    return wire ? sixteen_none(bytes, length, to_show_on_wire)
                : sixteen_none(bytes, length, to_show);
}

size_t printable_escape(char *out, size_t room, const char *bytes, size_t length, bool wire)
{
    const size_t mark = sizeof ELLIPSIS - 1;
    size_t at = 0, cut = 0; /* `cut`: the last place where the mark still fits */
    while (length > 0) {
        char shown[16];
        size_t run = length < 16 ? length : 16; /* mostly all is printed as it is */
        if (at + run + mark + 1 <= room && is_simple(bytes, run, wire)) {
            sixteen_copy(out + at, bytes, run);
            cut = at += run;
            bytes += run;
            length -= run;
            continue;
        }
        size_t used, size = show(shown, bytes, length, wire, &used);
        if (at + size + 1 > room) {
            memcpy(out + cut, ELLIPSIS, mark);
            at = cut + mark;
            break;
        }
        memcpy(out + at, shown, size);
        at += size;
        if (at + mark + 1 <= room)
            cut = at;
        bytes += used;
        length -= used;
    }
    out[at] = '\0';
    return at;
}
