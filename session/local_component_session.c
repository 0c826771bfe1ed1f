/* SPDX-License-Identifier: Apache-2.0 */
/* local_component_session - a component's connection to us
 *
 * Openfire: LocalComponentSession.createSession, authenticate; LocalExternalComponent.processPacket. XEP-0114 3; `bind` is
 * Openfire's own.
 */
#include "session/local_component_session.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/external_component_manager.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/timeline.h"
#include "server/trace.h"
#include "session/component_routes.h"
#include "session/domain_pair.h"
#include "session/session_description.h"
#include "session/session_manager.h"
#include "xml/stream_header.h"
#include "xml/xmlns.h"

#define DOMAINS_MAX 1000 /* of one connection */

struct local_component_session {
    struct session session;     /* first: a struct session * is one of these */
    char stream_id[33];         /* set before start */
    char *domain;               /* that of its header; set before start */
    bool multiple;              /* likewise */
    _Atomic bool authenticated; /* it has shown its secret, and a domain is its own */
    char **domains;             /* bound; changed by the reader alone, with session.lock held */
    int count, last;            /* the same; last: the one of the stanza before, the reader's own */
};

static struct local_component_session *of(struct session *session)
{
    return (struct local_component_session *)session;
}

static void free_session(struct session *base)
{
    struct local_component_session *session = of(base);
    for (int i = 0; i < session->count; i++)
        free(session->domains[i]);
    free(session->domains);
    free(session->domain);
    session_destroy(base);
    free(session);
}

/* check_permission - after a change of the settings */
static void check_permission(struct session *base)
{
    struct local_component_session *session = of(base);
    struct text why = TEXT_EMPTY;
    if (!external_component_manager_can_access(session->domain, &why) &&
        session_end(base, STREAM_POLICY_VIOLATION, NULL))
        log_info("%s: component %s ended after a change of the settings: %s",
                 socket_connection_name(base->connection), session->domain, text_string(&why));
    text_free(&why);
}

static void tick(struct session *session, int64_t now)
{
    (void)session;
    (void)now;
}

static struct session_standing stand(struct session *base)
{
    bool authenticated = atomic_load(&of(base)->authenticated);
    return (struct session_standing){SESSION_COMPONENT,
                                     authenticated ? SESSION_AUTHENTICATED : SESSION_NEGOTIATING,
                                     authenticated ? SESSION_BY_SECRET : SESSION_BY_NOTHING};
}

static void describe(struct session *base, struct session_description *description)
{
    struct local_component_session *session = of(base);
    description->stream_id = text_copy(session->stream_id);
    description->remote = text_copy(session->domain);
    pthread_mutex_lock(&base->lock);
    description->state = session->count > 0 ? "open" : "handshake";
    for (int i = 0; i < session->count; i++)
        session_description_add(description, NULL, session->domains[i], "handshake");
    pthread_mutex_unlock(&base->lock);
}

static const struct session_operations operations = {
    .kind = "component",
    .free = free_session,
    .check_permission = check_permission,
    .tick = tick,
    .describe = describe,
    .stand = stand,
};

struct local_component_session *local_component_session_create_session(struct socket_reader *reader,
                                                                       const char *domain,
                                                                       bool multiple)
{
    struct local_component_session *session = text_calloc(1, sizeof *session);
    session_init(&session->session, &operations);
    session->session.connection = socket_connection_ref(reader->connection);
    session->domain = text_copy(domain);
    session->multiple = multiple;
    socket_reader_make_stream_id(session->stream_id);
    session_manager_add(&session->session);
    metrics_add(component_sessions, 1);
    struct stream_header_fields fields = {
        .from = domain, .id = session->stream_id, .content_ns = XMLNS_COMPONENT_ACCEPT};
    socket_reader_send_header(reader, &fields);
    timeline_concern(socket_connection_timeline(reader->connection), domain);
    timeline_step(socket_connection_timeline(reader->connection),
                  "LocalComponentSession.createSession", "XEP-0114 3",
                  "our header with id %s; the component shall show that it has the secret",
                  session->stream_id);
    return session;
}

void local_component_session_close(struct local_component_session *session,
                                   struct socket_reader *reader)
{
    component_routes_remove(session);
    log_info("component %s from %s ended: %s (%s); %lld stanzas in, %lld out", session->domain,
             socket_connection_peer(reader->connection),
             reader->end_word ? reader->end_word : "closed", text_string(&reader->end_reason),
             (long long)atomic_load(&session->session.packets_in),
             (long long)socket_connection_stanzas(reader->connection));
    metrics_add(component_sessions, -1);
    session_manager_remove(&session->session);
    session_unref(&session->session);
}

bool local_component_session_authenticate(struct local_component_session *session,
                                          const char *digest)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    char wanted[41], given[41] = "";
    struct text secret = TEXT_EMPTY, both = TEXT_EMPTY;
    bool known = external_component_manager_secret(session->domain, &secret);
    text_appendf(&both, "%s%s", session->stream_id, text_string(&secret));
    EVP_Digest(both.bytes, both.length, hash, &length, EVP_sha1(), NULL);
    for (unsigned i = 0; i < 20; i++)
        snprintf(wanted + 2 * i, 3, "%02x", hash[i]);
    if (strlen(digest) == 40)
        for (int i = 0; i < 41; i++)
            given[i] = (char)(digest[i] >= 'A' && digest[i] <= 'F' ? digest[i] + 32 : digest[i]);
    bool same = CRYPTO_memcmp(given, wanted, sizeof wanted) == 0;
    OPENSSL_cleanse(both.bytes, both.length);
    if (secret.length > 0)
        OPENSSL_cleanse(secret.bytes, secret.length);
    text_free(&secret);
    text_free(&both);
    return known && same;
}

bool local_component_session_bind(struct local_component_session *session, const char *domain,
                                  bool multiple, const char *answer)
{
    if (session->count == DOMAINS_MAX || !component_routes_add(domain, session, multiple, answer))
        return false;
    pthread_mutex_lock(&session->session.lock);
    session->domains =
        text_realloc(session->domains, (size_t)(session->count + 1) * sizeof *session->domains);
    session->domains[session->count++] = text_copy(domain);
    atomic_store(&session->authenticated, true);
    pthread_mutex_unlock(&session->session.lock);
    return true;
}

void local_component_session_answer(struct local_component_session *session, const char *bytes)
{
    socket_connection_deliver_now(session->session.connection, bytes, strlen(bytes));
}

bool local_component_session_has_domain(struct local_component_session *session, struct span domain)
{
    /* most write from the domain that they wrote from before */
    for (int i = session->last, tried = 0; tried < session->count;
         i = (i + 1) % session->count, tried++)
        if (span_equals(domain, session->domains[i], strlen(session->domains[i]))) {
            session->last = i;
            return true;
        }
    return false;
}

const char *local_component_session_domain(const struct local_component_session *session)
{
    return session->domain;
}

bool local_component_session_is_multiple(const struct local_component_session *session)
{
    return session->multiple;
}

int local_component_session_deliver(struct local_component_session *session,
                                    const struct element *packet)
{
    static const struct element_style style = {XMLNS_SERVER, XMLNS_COMPONENT_ACCEPT};
    if (trace_is_on())
        trace_stanza(domain_span(session->domain), TRACE_STANZA_OUT,
                     socket_connection_name(session->session.connection), XMLNS_SERVER, packet);
    return socket_connection_deliver_packet(session->session.connection, packet, &style);
}

void local_component_session_count_packet(struct local_component_session *session)
{
    session_count_packet(&session->session);
}

struct local_component_session *local_component_session_ref(struct local_component_session *session)
{
    session_ref(&session->session);
    return session;
}

void local_component_session_unref(struct local_component_session *session)
{
    if (session != NULL)
        session_unref(&session->session);
}
