/* parse - the stream reader as a function: bytes to the first element
 *
 * For targets that are about elements. What the reader lends is copied into the caller's arena.
 */
#ifndef TEST_FUZZ_PARSE_H
#define TEST_FUZZ_PARSE_H

#include "test/fuzz/oracle.h"
#include "xml/element.h"

/* parse_packet - the first packet in these bytes, which stand behind a header with dialback;
 * NULL: there is none */
struct element *parse_packet(struct arena *arena, const char *bytes, size_t length);
/* parse_header - the header that these bytes begin with, or NULL */
struct element *parse_header(struct arena *arena, const char *bytes, size_t length);
/* parse_written_packet, parse_written_header - the same of what we wrote ourselves: it must be
 * there, all of it */
struct element *parse_written_packet(struct arena *arena, const struct text *written);
struct element *parse_written_header(struct arena *arena, const struct text *written);

#endif
