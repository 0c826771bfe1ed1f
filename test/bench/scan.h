/* SPDX-License-Identifier: Apache-2.0 */
/* scan - where elements end, without a parser
 *
 * For bytes of servers under test, which are well-formed: quotes in tags are looked at, entities and
 * CDATA are not. The stanzas of a load are all alike, so that the fast way in scan_like only looks
 * whether the next one has the shape of the last.
 */
#ifndef TEST_BENCH_SCAN_H
#define TEST_BENCH_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The mark of a numbered stanza, the value of its id: s, stream, n, number. */
#define MARK_FORMAT "s%05un%09u"
#define MARK_LENGTH 16

/* The shape of the last stanza; zeroed at first. */
struct shape {
    size_t length; /* 0: none yet */
    size_t mark;   /* where its mark begins */
    char end[8];   /* its last bytes */
};

struct mark {
    uint32_t stream, number;
};

/* scan_element - the length of what stands at `at`: a declaration, the opening or closing tag of the
 * stream, white space, or a whole element. 0: it is not complete. */
size_t scan_element(const char *at, const char *end);

/* scan_is - does an element begin with this tag, such as "<message"? */
bool scan_is(const char *at, size_t length, const char *tag);

/* scan_has - are these words in it? */
bool scan_has(const char *at, size_t length, const char *words);

/* scan_attribute - the value of an attribute of the first tag, copied (cut) into `value`; false: it has none */
bool scan_attribute(const char *at, size_t length, const char *name, char *value, size_t size);

/* scan_mark - reads the id of a stanza, if that is a mark, and remembers the shape */
bool scan_mark(const char *at, size_t length, struct shape *shape, struct mark *mark);

/* scan_like - is the next stanza complete and of this shape? Then its mark; else scan_element is asked. */
bool scan_like(const char *at, const char *end, const struct shape *shape, struct mark *mark);

#endif
