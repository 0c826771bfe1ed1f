/* printable - what others wrote, made fit for a log line
 *
 * Pure; any thread.
 */
#ifndef SERVER_PRINTABLE_H
#define SERVER_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>

/* printable_sequence - the length (1 to 4) of the well-formed UTF-8 sequence at `bytes` and its code point,
 * or 0 when there is none */
size_t printable_sequence(const char *bytes, size_t length, unsigned *code);
/* printable_is_control - does this code point move the cursor, end the line or turn the writing direction? */
bool printable_is_control(unsigned code);
/* printable_escape - write `bytes` to `out` (room for `room` bytes with the NUL, at least 8): control
 * characters and bytes that are no UTF-8 as \xNN; with `wire` also \n, \r, \t and \\ so that no byte can be
 * mistaken. What doesn't fit is cut between characters and "…" stands in its place. Returns the length. */
size_t printable_escape(char *out, size_t room, const char *bytes, size_t length, bool wire);

#endif
