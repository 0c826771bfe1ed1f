/* text - growing strings, spans, and the only memory allocation calls of the program
 *
 * A `struct text` owns its bytes and always keeps a NUL behind them. A `struct span` borrows bytes
 * that somebody else owns and has no NUL. Allocation failure ends the program through one function
 * (text_out_of_memory), so no caller checks for it. Pure: no locks, no logging, safe from any
 * thread on different objects.
 */
#ifndef XML_TEXT_H
#define XML_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "xml/sixteen.h"

struct span {
    const char *bytes; /* borrowed, not NUL-terminated */
    size_t length;
};

struct text {
    char *bytes; /* owned; NULL until the first append, then NUL-terminated */
    size_t length;
    size_t room; /* bytes allocated */
};

#define TEXT_EMPTY ((struct text){0})

/* text_init - make an empty text; allocates nothing */
void text_init(struct text *text);
/* text_free - give the bytes back and make it empty again; harmless on an empty text */
void text_free(struct text *text);
/* text_clear - length 0, memory kept */
void text_clear(struct text *text);
/* text_clear_most - length 0; the memory is given back if it is more than `kept` bytes */
void text_clear_most(struct text *text, size_t kept);
/* text_cut - keep the first `length` bytes, no more than there are; memory kept */
void text_cut(struct text *text, size_t length);
/* text_grow - for text_reserve: more memory */
void text_grow(struct text *text, size_t more);
/* text_reserve - make room for `more` further bytes and the NUL */
static inline void text_reserve(struct text *text, size_t more)
{
    if (more >= text->room - text->length) /* room is 0, or more than length */
        text_grow(text, more);
}
static inline void text_append(struct text *text, const char *bytes, size_t length)
{
    text_reserve(text, length);
    if (length > 0)
        __builtin_memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}
static inline void text_append_string(struct text *text, const char *string)
{
    text_append(text, string, __builtin_strlen(string));
}
static inline void text_append_char(struct text *text, char c)
{
    text_append(text, &c, 1);
}
void text_appendf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* text_to_escape - where a byte can't stand for itself in text: & < > " ' and carriage return */
static inline sixteen text_to_escape(sixteen v)
{
    return (sixteen)((v | 2) == '>') | (sixteen)((v | 4) == '&') | (sixteen)(v == '\'') |
           (sixteen)(v == '\r');
}

/* text_to_escape_in_attribute - and in an attribute: also white space that would become a blank */
static inline sixteen text_to_escape_in_attribute(sixteen v)
{
    return (sixteen)((v | 2) == '>') | (sixteen)((v | 4) == '&') | (sixteen)(v == '\'') |
           (sixteen)(v < ' ');
}

/* text_is_plain - does text_append_escaped append these bytes as they are? */
static inline bool text_is_plain(const char *bytes, size_t length, bool attribute)
{
    return attribute ? sixteen_none(bytes, length, text_to_escape_in_attribute)
                     : sixteen_none(bytes, length, text_to_escape);
}
/* text_append_escaped - append with & < > " ' replaced by XML's five entities, and, so that an
 * attribute value survives, TAB LF CR by character references when `attribute` is true */
void text_append_escaped(struct text *text, const char *bytes, size_t length, bool attribute);
/* text_string - the bytes as a C string ("" for an empty text); borrowed until the next change */
const char *text_string(const struct text *text);
/* text_take - the string, now the caller's (free with free()); the text is empty afterwards */
char *text_take(struct text *text);

/* text_out_of_memory - say so and abort(): the one way the program ends for lack of memory */
void text_out_of_memory(void) __attribute__((noreturn));
/* Checked allocation: these do not return on failure. Free with free(). */
void *text_alloc(size_t size);
void *text_calloc(size_t count, size_t size);
void *text_realloc(void *old, size_t size);
char *text_copy(const char *string); /* NULL gives NULL */
char *text_copy_n(const char *bytes, size_t length);
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* text_hash - 32-bit keyed hash for tables whose keys a peer can choose (seed made at first use
 * from getrandom, so that collisions can't be prepared) */
unsigned text_hash(const char *bytes, size_t length);

static inline bool span_equals(struct span a, const char *b, size_t b_length)
{
    return a.length == b_length && (b_length == 0 || __builtin_memcmp(a.bytes, b, b_length) == 0);
}

#endif
