/* json_words - jansson's values made from our texts
 *
 * Openfire: none. What others wrote may be no UTF-8, which JSON can't hold: it is escaped as in the log. Pure; any thread.
 */
#ifndef ADMIN_JSON_WORDS_H
#define ADMIN_JSON_WORDS_H

#include <jansson.h>
#include <stdint.h>

/* json_words - a string (NULL: JSON's null); a new reference, never NULL */
json_t *json_words(const char *text);
/* json_wordsf - the same, printed; cut at 1,000 bytes */
json_t *json_wordsf(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* json_moment - seconds since 1970 as "2026-03-01T12:00:00Z"; a new reference */
json_t *json_moment(int64_t seconds);
/* json_text - the string at `key` of an object, "" when there is none; borrowed */
const char *json_text(const json_t *object, const char *key);

#endif
