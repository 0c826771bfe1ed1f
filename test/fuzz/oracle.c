/* SPDX-License-Identifier: Apache-2.0 */
/* oracle - what the fuzz targets have in common: input, piece by piece, and the word of failure
 *
 * One thread, as libFuzzer has it.
 */
#include "test/fuzz/oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void insist(bool holds, const char *sentence, ...)
{
    if (holds)
        return;
    va_list arguments;
    va_start(arguments, sentence);
    fputs("\noracle: ", stderr);
    vfprintf(stderr, sentence, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}

unsigned char input_byte(struct input *input)
{
    if (input->length == 0)
        return 0;
    input->length--;
    return (unsigned char)*input->bytes++;
}

char *input_field(struct input *input, char end)
{
    const char *found = input->length > 0 ? memchr(input->bytes, end, input->length) : NULL;
    size_t length = found != NULL ? (size_t)(found - input->bytes) : input->length;
    char *field = text_copy_n(input->bytes, length);
    size_t taken = found != NULL ? length + 1 : length;
    input->bytes += taken;
    input->length -= taken;
    return field;
}

char *input_exact(const char *bytes, size_t length)
{
    char *copy = text_alloc(length);
    if (length > 0)
        memcpy(copy, bytes, length);
    return copy;
}

/* next_character - its code point, and the bytes it took; -1 when it is no UTF-8 */
static long next_character(const unsigned char *at, size_t left, size_t *size)
{
    static const struct {
        unsigned char mask, mark;
        long least;
    } forms[] = {{0x80, 0, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t form = 0; form < 4; form++) {
        if ((at[0] & forms[form].mask) != forms[form].mark || form >= left)
            continue;
        long code = at[0] & (unsigned char)~forms[form].mask;
        for (size_t i = 1; i <= form; i++) {
            if ((at[i] & 0xc0) != 0x80)
                return -1;
            code = code << 6 | (at[i] & 0x3f);
        }
        *size = form + 1;
        bool surrogate = code >= 0xd800 && code <= 0xdfff;
        return code < forms[form].least || code > 0x10ffff || surrogate ? -1 : code;
    }
    return -1;
}

bool is_xml_text(const char *text, size_t length)
{
    while (length > 0) {
        size_t size = 0;
        long code = next_character((const unsigned char *)text, length, &size);
        if (code < 0 || code == 0xfffe || code == 0xffff)
            return false;
        if (code < 0x20 && code != '\t' && code != '\n' && code != '\r')
            return false;
        text += size;
        length -= size;
    }
    return true;
}
