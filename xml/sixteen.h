/* sixteen - sixteen bytes looked at in a few instructions
 *
 * What every byte of a stanza is asked (may it stand in a domain, must it be escaped) is asked of sixteen at a time, by the vector
 * types of gcc and clang, for which every machine that we care about has instructions. A comparison gives 255 in the bytes where it
 * holds. Pure.
 */
#ifndef XML_SIXTEEN_H
#define XML_SIXTEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef unsigned char sixteen __attribute__((vector_size(16)));
typedef uint64_t sixteen_halves __attribute__((vector_size(16)));

/* sixteen_any - is a byte of it not 0? */
static inline bool sixteen_any(sixteen v)
{
    sixteen_halves halves = (sixteen_halves)v;
    return (halves[0] | halves[1]) != 0;
}

/* sixteen_in - where the byte is in first...last */
static inline sixteen sixteen_in(sixteen v, unsigned char first, unsigned char last)
{
    return (sixteen)((sixteen)(v - first) <= (unsigned char)(last - first));
}

static inline sixteen sixteen_load(const char *bytes)
{
    sixteen v;
    __builtin_memcpy(&v, bytes, sizeof v);
    return v;
}

/* sixteen_load_short - all of these `length` bytes (1 to 15), some of them twice, and no others; nothing behind them is read */
static inline sixteen sixteen_load_short(const char *bytes, size_t length)
{
    uint64_t low, high;
    if (length >= 8) {
        __builtin_memcpy(&low, bytes, 8);
        __builtin_memcpy(&high, bytes + length - 8, 8);
    } else if (length >= 4) {
        uint32_t first, last;
        __builtin_memcpy(&first, bytes, 4);
        __builtin_memcpy(&last, bytes + length - 4, 4);
        low = high = first | (uint64_t)last << 32;
    } else {
        uint64_t first = (unsigned char)bytes[0], middle = (unsigned char)bytes[length / 2],
                 last = (unsigned char)bytes[length - 1];
        low = high = (first | middle << 8 | last << 16 | first << 24) * 0x100000001;
    }
    return (sixteen)(sixteen_halves){low, high};
}

/* sixteen_copy - memcpy without the call, for the short strings that stanzas are made of */
static inline void sixteen_copy(char *to, const char *from, size_t length)
{
    if (length >= 16 && length <= 32) {
        sixteen first = sixteen_load(from), last = sixteen_load(from + length - 16);
        __builtin_memcpy(to, &first, 16);
        __builtin_memcpy(to + length - 16, &last, 16);
    } else if (length >= 8 && length < 16) {
        uint64_t first, last;
        __builtin_memcpy(&first, from, 8);
        __builtin_memcpy(&last, from + length - 8, 8);
        __builtin_memcpy(to, &first, 8);
        __builtin_memcpy(to + length - 8, &last, 8);
    } else if (length >= 4 && length < 8) {
        uint32_t first, last;
        __builtin_memcpy(&first, from, 4);
        __builtin_memcpy(&last, from + length - 4, 4);
        __builtin_memcpy(to, &first, 4);
        __builtin_memcpy(to + length - 4, &last, 4);
    } else if (length > 0 && length < 4) {
        char middle = from[length / 2], last = from[length - 1];
        to[0] = from[0];
        to[length / 2] = middle;
        to[length - 1] = last;
    } else if (length > 0) {
        __builtin_memcpy(to, from, length);
    }
}

/* sixteen_none - is `wrong` (inlined: where a byte is wrong) true of none of the bytes? */
static inline __attribute__((always_inline)) bool sixteen_none(const char *bytes, size_t length,
                                                               sixteen (*wrong)(sixteen))
{
    if (length < 16)
        return length == 0 || !sixteen_any(wrong(sixteen_load_short(bytes, length)));
    for (size_t i = 0; i + 16 <= length; i += 16)
        if (sixteen_any(wrong(sixteen_load(bytes + i))))
            return false;
    return length % 16 == 0 || !sixteen_any(wrong(sixteen_load(bytes + length - 16)));
}

#endif
