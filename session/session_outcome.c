/* SPDX-License-Identifier: Apache-2.0 */
/* session_outcome - what an answer of the other side means for the question why we can not talk, and where a stream's story is filed
 *
 * RFC 6120 4.9.3 (stream errors), 8.3.3; XEP-0220 2.5 (errors of dialback). The condition says most of it; some servers say in the
 * text only that it is about TLS or our certificate.
 */
#include "session/session_outcome.h"

#include <string.h>

#include "server/metrics.h"
#include "server/timeline_store.h"
#include "session/local_outgoing_server_session.h"
#include "session/outgoing_session_state.h"

/* says - without regard to case */
static bool says(const char *text, const char *word)
{
    return strcasestr(text, word) != NULL;
}

enum failure session_outcome_of_stream_error(enum stream_error error, const char *text)
{
    switch (error) {
    case STREAM_HOST_UNKNOWN:
    case STREAM_HOST_GONE:
        return FAILURE_NOT_SERVED_THERE;
    case STREAM_POLICY_VIOLATION:
    case STREAM_NOT_AUTHORIZED:
        /* COMPAT: Prosody says not-authorized, and in the text that it is about our certificate; it and ejabberd say
         * policy-violation, and in the text that TLS is required */
        if (says(text, "certificate"))
            return FAILURE_OUR_CERTIFICATE;
        if (says(text, "TLS") || says(text, "encrypt"))
            return FAILURE_TLS_OFF_HERE;
        return FAILURE_BLOCKED_THERE;
    case STREAM_RESOURCE_CONSTRAINT:
        return FAILURE_LIMIT_THERE;
    case STREAM_REMOTE_CONNECTION_FAILED:
        return FAILURE_DIALBACK_NO_WAY_BACK;
    default:
        return FAILURE_STREAM_ERROR;
    }
}

enum failure session_outcome_of_dialback_error(enum packet_error error, const char *text)
{
    switch (error) {
    case PACKET_REMOTE_SERVER_NOT_FOUND:
    case PACKET_REMOTE_SERVER_TIMEOUT:
        return FAILURE_DIALBACK_NO_WAY_BACK;
    case PACKET_ITEM_NOT_FOUND:
        return FAILURE_NOT_SERVED_THERE;
    case PACKET_POLICY_VIOLATION:
    case PACKET_FORBIDDEN:
    case PACKET_NOT_ALLOWED:
    case PACKET_NOT_AUTHORIZED:
    case PACKET_NOT_ACCEPTABLE:
        if (says(text, "certificate"))
            return FAILURE_OUR_CERTIFICATE;
        return says(text, "TLS") || says(text, "encrypt") ? FAILURE_TLS_OFF_HERE
                                                          : FAILURE_BLOCKED_THERE;
    case PACKET_RESOURCE_CONSTRAINT:
        return FAILURE_LIMIT_THERE;
    default:
        return FAILURE_DIALBACK_ERROR;
    }
}

const char *session_outcome_of_bytes(const char *bytes, size_t length)
{
    static const struct {
        const char *begin, *words;
    } rows[] = {
        {"\x15\x03", "that is TLS; is the port one for direct TLS?"},
        {"\x16\x03", "that is TLS; is the port one for direct TLS?"},
        {"HTTP/", "that is HTTP"},
        {"SSH-", "that is SSH"},
        {"220 ", "that is a mail or FTP server"},
        {"* OK", "that is IMAP"},
        {"+OK", "that is POP3"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t begin = strlen(rows[i].begin);
        if (length >= begin && memcmp(bytes, rows[i].begin, begin) == 0)
            return rows[i].words;
    }
    return NULL;
}

void session_outcome_unanswered(const struct socket_reader *reader, bool tls, bool sasl)
{
    if (tls || sasl)
        timeline_fail(socket_connection_timeline(reader->connection),
                      tls ? FAILURE_TLS_FAILED : FAILURE_EXTERNAL_SILENT, "%s was not answered: %s",
                      tls ? "starttls" : "SASL EXTERNAL", text_string(&reader->end_reason));
}

void session_outcome_external_refused(const struct socket_reader *reader, const char *condition)
{
    struct timeline *timeline = socket_connection_timeline(reader->connection);
    timeline_step(timeline, "LocalOutgoingServerSession.secureAndAuthenticate", "XEP-0178 3",
                  "SASL EXTERNAL refused: %s", condition);
    timeline_fail(timeline, FAILURE_EXTERNAL_REFUSED, "SASL EXTERNAL refused: %s", condition);
}

static void tell(const struct timeline_attempt *attempt, enum failure failure, const char *why)
{
    if (failure == FAILURE_NONE)
        timeline_store_succeeded(attempt);
    else
        timeline_store_failed(attempt, failure, why);
}

void session_outcome_in(const struct socket_connection *connection, const char *remote,
                        const char *local, enum failure failure, const char *why)
{
    struct timeline_attempt attempt = {TIMELINE_IN, remote, local,
                                       socket_connection_peer(connection),
                                       socket_connection_timeline(connection)};
    tell(&attempt, failure, why);
}

void session_outcome_in_over(struct socket_reader *reader, const char *remote, const char *local)
{
    struct timeline *timeline = socket_connection_timeline(reader->connection);
    const char *why = text_string(&reader->end_reason);
    if (remote == NULL || timeline_was_filed(timeline) ||
        reader->operations->is_authenticated(reader))
        return;
    enum failure noted = timeline_failure(timeline, NULL);
    if (noted == FAILURE_ENDED || noted == FAILURE_BROKE) /* of itself no reason */
        timeline_settle(timeline);
    session_outcome_in(reader->connection, remote, local, FAILURE_NOTHING_PROVED, why);
}

void session_outcome_in_nameless(const struct socket_reader *reader)
{
    struct timeline *timeline = socket_connection_timeline(reader->connection);
    enum failure noted = timeline_failure(timeline, NULL);
    if (!timeline_was_filed(timeline))
        metrics_add(
            failures[METRICS_INCOMING][noted != FAILURE_NONE ? noted : FAILURE_NOTHING_PROVED], 1);
}

void session_outcome_asked(const struct socket_reader *reader,
                           const struct dialback_element *request, enum dialback_type answer)
{
    struct timeline *timeline = socket_connection_timeline(reader->connection);
    if (request->addressed)
        timeline_concern(timeline, request->from);
    if (answer != DIALBACK_VALID && answer != DIALBACK_INVALID)
        return;
    timeline_file(timeline);
    timeline_store_asked(request->from, answer == DIALBACK_VALID);
}

void session_outcome_sasl_refused(const struct socket_reader *reader, const char *condition)
{
    struct timeline *timeline = socket_connection_timeline(reader->connection);
    timeline_step(timeline, "SASLAuthentication.handle", "RFC 6120 6.5",
                  "SASL refused: %s; dialback may still follow", condition);
    timeline_fail(timeline, FAILURE_EXTERNAL_WRONG, "SASL refused: %s", condition);
}

void session_outcome_out(struct local_outgoing_server_session *session, const char *local,
                         enum failure failure, const char *why)
{
    struct socket_connection *connection = session_connection(&session->session);
    struct timeline_attempt attempt = {
        TIMELINE_OUT, session->remote, local,
        connection != NULL ? socket_connection_peer(connection) : NULL, session->timeline};
    tell(&attempt, failure, why);
    socket_connection_unref(connection);
}
