/* web_form - names and values of a form, a query, or a Cookie header
 *
 * Openfire: ParamUtils over the servlet container's parser. application/x-www-form-urlencoded as the URL standard says, and bounded:
 * so many fields, a name of so many bytes. What is not well-formed is refused, not mended: '%' without two hexadecimal digits, a NUL,
 * bytes that are no UTF-8, control characters but for TAB, CR and LF, a name that stands there twice. Pure, any thread; what comes in
 * is hostile.
 */
#ifndef ADMIN_WEB_FORM_H
#define ADMIN_WEB_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "xml/text.h"

#define WEB_FORM_FIELDS 16
#define WEB_FORM_NAME 40

struct web_form {
    struct {
        char name[WEB_FORM_NAME + 1];
        char *value; /* owned */
    } fields[WEB_FORM_FIELDS];
    int count;
};

/* web_form_read - "a=1&b=2". 0, or -1 with a sentence in `why`. Free with web_form_free in any case. */
int web_form_read(const char *bytes, size_t length, struct web_form *form, struct text *why);
void web_form_free(struct web_form *form);
/* web_form_get - the value of that name, or NULL. Borrowed. */
const char *web_form_get(const struct web_form *form, const char *name);
/* web_form_given - the same, and NULL for an empty one: a field that was left out */
const char *web_form_given(const struct web_form *form, const char *name);

/* web_form_cookie - append the value of that cookie in a Cookie header (RFC 6265 4.2). false: it is not there, or there twice
 * (somebody has put a second one beside ours: which is ours can't be told). */
bool web_form_cookie(const char *header, const char *name, struct text *value);

#endif
