/* SPDX-License-Identifier: Apache-2.0 */
/* text - growing strings, spans, and the only memory allocation calls of the program
 *
 * Growth is by doubling, so that a text built of n pieces costs n copies at most twice; sizes are
 * checked for overflow in reserve and in the allocation calls, nowhere else. Out of memory ends the
 * program here: a thread could not go on without it, and Linux hands out what it does not have
 * anyway. The hash is keyed by a seed of getrandom made once; threads may race to need it, so
 * pthread_once.
 */
#include "xml/text.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "xml/sixteen.h"

#define FIRST_ROOM 64

void text_out_of_memory(void)
{
    fputs("openfire-s2s: out of memory\n", stderr);
    abort();
}

static void *check(void *memory)
{
    if (memory == NULL)
        text_out_of_memory();
    return memory;
}

void *text_alloc(size_t size)
{
    return check(malloc(size > 0 ? size : 1));
}

void *text_calloc(size_t count, size_t size)
{
    return check(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *text_realloc(void *old, size_t size)
{
    return check(realloc(old, size > 0 ? size : 1));
}

char *text_copy_n(const char *bytes, size_t length)
{
    char *copy = text_alloc(length + 1);
    if (length > 0)
        memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}

char *text_copy(const char *string)
{
    return string != NULL ? text_copy_n(string, strlen(string)) : NULL;
}

char *text_format(const char *format, ...)
{
    char *made = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&made, format, arguments) < 0)
        text_out_of_memory();
    va_end(arguments);
    return made;
}

void text_init(struct text *text)
{
    *text = TEXT_EMPTY;
}

void text_free(struct text *text)
{
    free(text->bytes);
    *text = TEXT_EMPTY;
}

void text_clear(struct text *text)
{
    text->length = 0;
    if (text->bytes != NULL)
        text->bytes[0] = '\0';
}

void text_clear_most(struct text *text, size_t kept)
{
    if (text->room > kept)
        text_free(text);
    else
        text_clear(text);
}

void text_cut(struct text *text, size_t length)
{
    if (length >= text->length)
        return;
    text->length = length;
    text->bytes[length] = '\0';
}

void text_grow(struct text *text, size_t more)
{
    if (more >= SIZE_MAX / 2 - text->length)
        text_out_of_memory();
    size_t needed = text->length + more + 1;
    if (needed <= text->room)
        return;
    size_t room = text->room > 0 ? text->room : FIRST_ROOM;
    while (room < needed)
        room *= 2;
    text->bytes = text_realloc(text->bytes, room);
    text->room = room;
}

void text_appendf(struct text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length > 0) {
        text_reserve(text, (size_t)length);
        vsnprintf(text->bytes + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
}

/* Which bytes can't stand for themselves: 1 anywhere, 2 in attribute values only. */
static const unsigned char special[256] = {
    ['&'] = 1, ['<'] = 1, ['>'] = 1, ['"'] = 1, ['\''] = 1, ['\r'] = 1, ['\t'] = 2, ['\n'] = 2};

static const char *replacement(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&apos;";
    case '\t':
        return "&#9;";
    case '\n':
        return "&#10;";
    default:
        return "&#13;";
    }
}

/* plain_length - how many of the bytes can stand for themselves, from the first one on */
static size_t plain_length(const char *bytes, size_t length, bool attribute)
{
    size_t i = 0;
    while (length - i >= 16 && text_is_plain(bytes + i, 16, attribute))
        i += 16;
    for (unsigned char limit = attribute ? 2 : 1; i < length; i++) {
        unsigned char kind = special[(unsigned char)bytes[i]];
        if (kind != 0 && kind <= limit)
            return i;
    }
    return length;
}

void text_append_escaped(struct text *text, const char *bytes, size_t length, bool attribute)
{
    if (text_is_plain(bytes, length, attribute)) {
        text_append(text, bytes, length);
        return;
    }
    text_reserve(text, length);
    for (;;) {
        size_t plain = plain_length(bytes, length, attribute);
        text_append(text, bytes, plain);
        if (plain == length)
            return;
        text_append_string(text, replacement(bytes[plain]));
        bytes += plain + 1;
        length -= plain + 1;
    }
}

const char *text_string(const struct text *text)
{
    return text->bytes != NULL ? text->bytes : "";
}

char *text_take(struct text *text)
{
    char *taken = text->bytes != NULL ? text->bytes : text_copy("");
    *text = TEXT_EMPTY;
    return taken;
}

static pthread_once_t seed_once = PTHREAD_ONCE_INIT;
static uint64_t seed;

static void make_seed(void)
{
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = 0x9e3779b97f4a7c15u ^ (uintptr_t)&seed;
}

unsigned text_hash(const char *bytes, size_t length)
{
    pthread_once(&seed_once, make_seed);
    uint64_t hash = seed ^ length;
    for (; length >= 8; bytes += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        hash = (hash ^ word) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32;
    }
    for (; length > 0; bytes++, length--)
        hash = (hash ^ (unsigned char)*bytes) * 0x100000001b3u;
    hash = (hash ^ (hash >> 29)) * 0xc4ceb9fe1a85ec53u;
    return (unsigned)(hash ^ (hash >> 32));
}
