/* explain_text - an explanation for people; see explain_write in admin/explain.h
 *
 * Openfire: none. Reads the JSON that explain and connection_check make, nothing else. Pure.
 */
#ifndef ADMIN_EXPLAIN_TEXT_H
#define ADMIN_EXPLAIN_TEXT_H

#include <jansson.h>

#include "xml/text.h"

/* explain_text_wrap - a sentence in lines of at most 100 columns, each begun with `indent` blanks */
void explain_text_wrap(struct text *out, int indent, const char *sentence);

#endif
