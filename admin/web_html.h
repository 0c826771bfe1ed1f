/* web_html - HTML of which no value can get out of its place
 *
 * Openfire: StringUtils.escapeHTMLTags, which a page calls or forgets (CVE-2015-6972, OF-671). Here a page can write nothing else:
 * what is not escaped stands in a literal format, which the compiler checks (-Wformat-nonliteral), and every text that is printed
 * into one is escaped, for text and for attributes in double quotes alike. Control characters, and those that turn the writing
 * direction, are shown as \xNN, as in the log; so is what is no UTF-8. Pure, any thread.
 */
#ifndef ADMIN_WEB_HTML_H
#define ADMIN_WEB_HTML_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "xml/text.h"

/* html - append the format with its values. Of printf there are %s (NULL: nothing), %d, %lld, %zu and %%. */
void html(struct text *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* html_text - a value alone, escaped */
void html_text(struct text *out, const char *value);
/* html_json - a JSON value for people: a text, a number, "yes" or "no", a dash for null and ""; an array with commas; an object as
 * "name: value; …" */
void html_json(struct text *out, const json_t *value);
/* html_query - "name=value" of a query, percent-encoded: nothing in it needs to be escaped. `name` is a constant. */
void html_query(struct text *out, const char *name, const char *value);
/* html_bytes, html_seconds - "1.5 MB"; "3 d 4 h" */
void html_bytes(struct text *out, int64_t bytes);
void html_seconds(struct text *out, int64_t seconds);
/* html_time - a moment that a command told, "2026-11-24T04:15:02Z", as <time>; a dash for null */
void html_time(struct text *out, const json_t *moment);

#endif
