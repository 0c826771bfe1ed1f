/* SPDX-License-Identifier: Apache-2.0 */
/* web_form - names and values of a form, a query, or a Cookie header
 *
 * The value is decoded in place of nothing: a copy grows byte by byte and is judged as a whole.
 */
#include "admin/web_form.h"

#include <stdlib.h>
#include <string.h>

#include "server/printable.h"

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* decode - '+' is a blank, %XX a byte. false: '%' without digits. */
static bool decode(const char *bytes, size_t length, struct text *out)
{
    for (size_t i = 0; i < length; i++) {
        char c = bytes[i] == '+' ? ' ' : bytes[i];
        if (c == '%') {
            int high = i + 2 < length ? digit_of(bytes[i + 1]) : -1;
            int low = i + 2 < length ? digit_of(bytes[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        text_append_char(out, c);
    }
    return true;
}

/* is_text - UTF-8 without control characters that no field of a form holds */
static bool is_text(const struct text *text)
{
    const char *bytes = text_string(text);
    for (size_t at = 0, size; at < text->length; at += size) {
        unsigned code = 0;
        size = printable_sequence(bytes + at, text->length - at, &code);
        if (size == 0 || code == 0x7f ||
            (code < 0x20 && code != '\t' && code != '\r' && code != '\n'))
            return false;
    }
    return true;
}

/* read_field - one "name=value" */
static bool read_field(const char *bytes, size_t length, struct web_form *form, struct text *why)
{
    struct text name = TEXT_EMPTY, value = TEXT_EMPTY;
    const char *equals = memchr(bytes, '=', length);
    size_t before = equals != NULL ? (size_t)(equals - bytes) : length;
    size_t after = equals != NULL ? length - before - 1 : 0;
    const char *fault = NULL;
    if (form->count == WEB_FORM_FIELDS)
        fault = "too many fields";
    else if (!decode(bytes, before, &name) ||
             !decode(equals != NULL ? equals + 1 : bytes, after, &value))
        fault = "'%' stands without two hexadecimal digits";
    else if (!is_text(&name) || !is_text(&value))
        fault = "a field is no text";
    else if (name.length == 0 || name.length > WEB_FORM_NAME)
        fault = "a field has no name, or a long one";
    else if (web_form_get(form, text_string(&name)) != NULL)
        fault = "a field is there twice";
    if (fault == NULL) {
        memcpy(form->fields[form->count].name, text_string(&name), name.length + 1);
        form->fields[form->count++].value = text_copy(text_string(&value));
    } else {
        text_append_string(why, fault);
    }
    text_free(&name);
    text_free(&value);
    return fault == NULL;
}

int web_form_read(const char *bytes, size_t length, struct web_form *form, struct text *why)
{
    form->count = 0;
    for (size_t at = 0, size; at < length; at += size + 1) {
        const char *end = memchr(bytes + at, '&', length - at);
        size = end != NULL ? (size_t)(end - bytes) - at : length - at;
        if (size > 0 && !read_field(bytes + at, size, form, why))
            return -1;
    }
    return 0;
}

void web_form_free(struct web_form *form)
{
    for (int i = 0; i < form->count; i++)
        free(form->fields[i].value);
    form->count = 0;
}

const char *web_form_get(const struct web_form *form, const char *name)
{
    for (int i = 0; i < form->count; i++)
        if (strcmp(form->fields[i].name, name) == 0)
            return form->fields[i].value;
    return NULL;
}

const char *web_form_given(const struct web_form *form, const char *name)
{
    const char *value = web_form_get(form, name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

bool web_form_cookie(const char *header, const char *name, struct text *value)
{
    size_t length = strlen(name);
    int found = 0;
    while (header != NULL && *header != '\0') {
        header += strspn(header, " \t");
        size_t size = strcspn(header, ";");
        if (size > length && strncmp(header, name, length) == 0 && header[length] == '=') {
            if (found++ == 0)
                text_append(value, header + length + 1, size - length - 1);
        }
        header += size + (header[size] == ';');
    }
    if (found != 1)
        text_clear(value);
    return found == 1;
}
