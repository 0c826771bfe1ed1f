/* SPDX-License-Identifier: Apache-2.0 */
/* stream_error - the conditions that end a stream, and their XML
 *
 * Openfire: StreamError. RFC 6120 4.9.2 (form), 4.9.3 (conditions). An error is one condition,
 * perhaps a text in English, and the caller's closing tag behind it. Pure; any thread.
 */
#include "xml/stream_error.h"

#include <string.h>

#include "xml/xmlns.h"

static const char *const names[] = {
    [STREAM_ERROR_NONE] = "none",
    [STREAM_BAD_FORMAT] = "bad-format",
    [STREAM_BAD_NAMESPACE_PREFIX] = "bad-namespace-prefix",
    [STREAM_CONFLICT] = "conflict",
    [STREAM_CONNECTION_TIMEOUT] = "connection-timeout",
    [STREAM_HOST_GONE] = "host-gone",
    [STREAM_HOST_UNKNOWN] = "host-unknown",
    [STREAM_IMPROPER_ADDRESSING] = "improper-addressing",
    [STREAM_INTERNAL_SERVER_ERROR] = "internal-server-error",
    [STREAM_INVALID_FROM] = "invalid-from",
    [STREAM_INVALID_NAMESPACE] = "invalid-namespace",
    [STREAM_INVALID_XML] = "invalid-xml",
    [STREAM_NOT_AUTHORIZED] = "not-authorized",
    [STREAM_NOT_WELL_FORMED] = "not-well-formed",
    [STREAM_POLICY_VIOLATION] = "policy-violation",
    [STREAM_REMOTE_CONNECTION_FAILED] = "remote-connection-failed",
    [STREAM_RESET] = "reset",
    [STREAM_RESOURCE_CONSTRAINT] = "resource-constraint",
    [STREAM_RESTRICTED_XML] = "restricted-xml",
    [STREAM_SEE_OTHER_HOST] = "see-other-host",
    [STREAM_SYSTEM_SHUTDOWN] = "system-shutdown",
    [STREAM_UNDEFINED_CONDITION] = "undefined-condition",
    [STREAM_UNSUPPORTED_ENCODING] = "unsupported-encoding",
    [STREAM_UNSUPPORTED_FEATURE] = "unsupported-feature",
    [STREAM_UNSUPPORTED_STANZA_TYPE] = "unsupported-stanza-type",
    [STREAM_UNSUPPORTED_VERSION] = "unsupported-version",
};

const char *stream_error_name(enum stream_error error)
{
    return names[error];
}

void stream_error_write(struct text *out, enum stream_error error, const char *text)
{
    if (error == STREAM_ERROR_NONE)
        return;
    text_appendf(out, "<stream:error><%s xmlns=\"" XMLNS_STREAM_ERRORS "\"/>", names[error]);
    if (text != NULL && text[0] != '\0') {
        text_append_string(out, "<text xmlns=\"" XMLNS_STREAM_ERRORS "\" xml:lang=\"en\">");
        text_append_escaped(out, text, strlen(text), false);
        text_append_string(out, "</text>");
    }
    text_append_string(out, "</stream:error>");
}

static enum stream_error find(const char *name)
{
    for (size_t i = STREAM_ERROR_NONE + 1; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return (enum stream_error)i;
    return STREAM_UNDEFINED_CONDITION;
}

enum stream_error stream_error_read(struct arena *arena, const struct element *element,
                                    const char **text)
{
    enum stream_error error = STREAM_UNDEFINED_CONDITION;
    const char *words = "";
    for (const struct element *each = element_first(element); each != NULL;
         each = element_next(each)) {
        if (strcmp(each->ns, XMLNS_STREAM_ERRORS) != 0)
            continue;
        if (strcmp(each->name, "text") == 0)
            words = element_text(each, arena);
        else if (error == STREAM_UNDEFINED_CONDITION)
            error = find(each->name);
    }
    if (text != NULL)
        *text = words;
    return error;
}
