/* explain_text - explanations and checks for people
 *
 * Openfire: none. Reads the JSON that admin/explain and admin/connection_check make, and nothing else: so openfire-s2sctl uses it as
 * well. Pure.
 */
#ifndef ADMIN_EXPLAIN_TEXT_H
#define ADMIN_EXPLAIN_TEXT_H

#include <jansson.h>

#include "xml/text.h"

/* explain_text_write - an explanation: the rules, the last attempts step by step, the sentence */
void explain_text_write(const json_t *explanation, struct text *out);
/* explain_text_check - the result of a check: its steps, the sentence */
void explain_text_check(const json_t *result, struct text *out);
/* explain_text_step - one step of a check, for showing it as it ends */
void explain_text_step(const json_t *step, struct text *out);
/* explain_text_conclusion - the sentence of either, behind an empty line, wrapped */
void explain_text_conclusion(const json_t *result, struct text *out);

#endif
