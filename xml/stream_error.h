/* stream_error - the conditions that end a stream, and their XML
 *
 * Openfire: org.xmpp.packet.StreamError. RFC 6120 4.9. Pure.
 */
#ifndef XML_STREAM_ERROR_H
#define XML_STREAM_ERROR_H

#include "xml/element.h"

enum stream_error {
    STREAM_ERROR_NONE, /* no error: a plain </stream:stream> */
    STREAM_BAD_FORMAT,
    STREAM_BAD_NAMESPACE_PREFIX,
    STREAM_CONFLICT,
    STREAM_CONNECTION_TIMEOUT,
    STREAM_HOST_GONE,
    STREAM_HOST_UNKNOWN,
    STREAM_IMPROPER_ADDRESSING,
    STREAM_INTERNAL_SERVER_ERROR,
    STREAM_INVALID_FROM,
    STREAM_INVALID_NAMESPACE,
    STREAM_INVALID_XML,
    STREAM_NOT_AUTHORIZED,
    STREAM_NOT_WELL_FORMED,
    STREAM_POLICY_VIOLATION,
    STREAM_REMOTE_CONNECTION_FAILED,
    STREAM_RESET,
    STREAM_RESOURCE_CONSTRAINT,
    STREAM_RESTRICTED_XML,
    STREAM_SEE_OTHER_HOST,
    STREAM_SYSTEM_SHUTDOWN,
    STREAM_UNDEFINED_CONDITION,
    STREAM_UNSUPPORTED_ENCODING,
    STREAM_UNSUPPORTED_FEATURE,
    STREAM_UNSUPPORTED_STANZA_TYPE,
    STREAM_UNSUPPORTED_VERSION
};

const char *stream_error_name(
    enum stream_error error); /* "bad-format"; "none" for STREAM_ERROR_NONE */
/* stream_error_write - append <stream:error>…</stream:error>; `text` (English, escaped here) may
 * be NULL. Nothing for STREAM_ERROR_NONE. */
void stream_error_write(struct text *out, enum stream_error error, const char *text);
/* stream_error_read - the condition inside a received <stream:error/>; its text (in the arena,
 * "" if none) through `text` unless NULL. STREAM_UNDEFINED_CONDITION when it holds none that we
 * know. */
enum stream_error stream_error_read(struct arena *arena, const struct element *element,
                                    const char **text);

#endif
