/* SPDX-License-Identifier: Apache-2.0 */
/* iq_handlers - the server's own services, and its answers for users that it does not have
 *
 * XEP-0199 ping, XEP-0092 version, XEP-0202 time, XEP-0012 last activity (of a server: its uptime),
 * XEP-0030 disco, XEP-0157 contact addresses. Checking (answer) and doing (the functions of the
 * table) are apart: a function gets a good get request and returns its reply. What
 * `s2s.services.disabled` names is neither answered nor listed.
 */
#include "session/iq_handlers.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "server/config.h"
#include "server/xmpp_server.h"
#include "session/component_routes.h"
#include "xml/xmlns.h"

struct handler {
    const char *ns, *element;
    const char *word; /* in s2s.services.disabled; NULL: can't be switched off */
    struct element *(*answer)(struct arena *arena, const struct element *iq,
                              const struct config *config);
};

static const struct handler handlers[];

/* is_disabled - is the word in the comma list? */
static bool is_disabled(const struct config *config, const char *word)
{
    if (word == NULL)
        return false;
    size_t length = strlen(word);
    for (const char *at = config->s2s_services_disabled; *at != '\0';) {
        at += strspn(at, " ,\t");
        size_t item = strcspn(at, " ,\t");
        if (item == length && strncasecmp(at, word, length) == 0)
            return true;
        at += item;
    }
    return false;
}

static struct element *add_with_text(struct arena *arena, struct element *parent, const char *name,
                                     const char *text)
{
    struct element *child = element_add(arena, parent, name, NULL);
    element_add_text(arena, child, text, strlen(text));
    return child;
}

static struct element *answer_ping(struct arena *arena, const struct element *iq,
                                   const struct config *config)
{
    (void)config;
    return packet_reply(arena, iq, "result");
}

static struct element *answer_version(struct arena *arena, const struct element *iq,
                                      const struct config *config)
{
    (void)config;
    struct element *reply = packet_reply(arena, iq, "result");
    struct element *query = element_add(arena, reply, "query", XMLNS_VERSION);
    struct utsname system;
    add_with_text(arena, query, "name", XMPP_SERVER_SOFTWARE);
    add_with_text(arena, query, "version", XMPP_SERVER_VERSION);
    if (uname(&system) == 0)
        add_with_text(arena, query, "os", system.sysname);
    return reply;
}

static struct element *answer_time(struct arena *arena, const struct element *iq,
                                   const struct config *config)
{
    (void)config;
    struct element *reply = packet_reply(arena, iq, "result");
    struct element *query = element_add(arena, reply, "time", XMLNS_TIME);
    time_t now = time(NULL);
    struct tm local, utc;
    localtime_r(&now, &local);
    gmtime_r(&now, &utc);
    long minutes = local.tm_gmtoff / 60, size = minutes < 0 ? -minutes : minutes;
    char offset[32], stamp[64];
    snprintf(offset, sizeof offset, "%c%02ld:%02ld", minutes < 0 ? '-' : '+', size / 60 % 100,
             size % 60);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
    add_with_text(arena, query, "tzo", offset);
    add_with_text(arena, query, "utc", stamp);
    return reply;
}

static struct element *answer_last(struct arena *arena, const struct element *iq,
                                   const struct config *config)
{
    (void)config;
    struct element *reply = packet_reply(arena, iq, "result");
    struct element *query = element_add(arena, reply, "query", XMLNS_LAST);
    char seconds[24];
    snprintf(seconds, sizeof seconds, "%lld", (long long)xmpp_server_uptime());
    element_set(arena, query, "seconds", seconds);
    return reply;
}

/* has_node - we know none */
static bool has_node(const struct element *iq, const char *ns)
{
    const struct element *query = element_child(iq, "query", ns);
    const char *node = element_get(query, "node");
    return node != NULL && node[0] != '\0';
}

/* add_contacts - one field of the XEP-0157 form: a comma list of URIs */
static void add_contacts(struct arena *arena, struct element *form, const char *name,
                         const char *list)
{
    struct element *field = NULL;
    for (const char *at = list; *at != '\0';) {
        at += strspn(at, " ,\t");
        size_t length = strcspn(at, ",");
        while (length > 0 && strchr(" \t", at[length - 1]) != NULL)
            length--;
        if (length > 0 && field == NULL) {
            field = element_add(arena, form, "field", NULL);
            element_set(arena, field, "var", name);
            element_set(arena, field, "type", "list-multi");
        }
        if (length > 0)
            element_add_text(arena, element_add(arena, field, "value", NULL), at, length);
        at += length;
    }
}

static void add_contact_form(struct arena *arena, struct element *query,
                             const struct config *config)
{
    const struct {
        const char *name, *list;
    } fields[] = {{"abuse-addresses", config->s2s_contact_abuse},
                  {"admin-addresses", config->s2s_contact_admin},
                  {"feedback-addresses", config->s2s_contact_feedback},
                  {"sales-addresses", config->s2s_contact_sales},
                  {"security-addresses", config->s2s_contact_security},
                  {"status-addresses", config->s2s_contact_status},
                  {"support-addresses", config->s2s_contact_support}};
    struct element *form = element_new(arena, "x", XMLNS_DATA_FORM);
    element_set(arena, form, "type", "result");
    struct element *field = element_add(arena, form, "field", NULL);
    element_set(arena, field, "var", "FORM_TYPE");
    element_set(arena, field, "type", "hidden");
    add_with_text(arena, field, "value", XMLNS_SERVER_INFO);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        add_contacts(arena, form, fields[i].name, fields[i].list);
    if (element_next(field) != NULL)
        element_append(query, form);
}

static void add_feature(struct arena *arena, struct element *query, const char *name)
{
    element_set(arena, element_add(arena, query, "feature", NULL), "var", name);
}

static struct element *answer_disco_info(struct arena *arena, const struct element *iq,
                                         const struct config *config)
{
    if (has_node(iq, XMLNS_DISCO_INFO))
        return packet_error_reply(arena, iq, PACKET_ITEM_NOT_FOUND, "no such node");
    struct element *reply = packet_reply(arena, iq, "result");
    struct element *query = element_add(arena, reply, "query", XMLNS_DISCO_INFO);
    struct element *identity = element_add(arena, query, "identity", NULL);
    element_set(arena, identity, "category", "server");
    element_set(arena, identity, "type", "im");
    element_set(arena, identity, "name", config->xmpp_server_name);
    for (const struct handler *each = handlers; each->ns != NULL; each++)
        if (!is_disabled(config, each->word))
            add_feature(arena, query, each->ns);
    add_contact_form(arena, query, config);
    return reply;
}

/* What add_item needs. */
struct items {
    struct arena *arena;
    struct element *query;
};

static void add_item(const char *domain, void *given)
{
    struct items *items = given;
    element_set(items->arena, element_add(items->arena, items->query, "item", NULL), "jid", domain);
}

static struct element *answer_disco_items(struct arena *arena, const struct element *iq,
                                          const struct config *config)
{
    const char *to = element_get(iq, "to");
    if (has_node(iq, XMLNS_DISCO_ITEMS))
        return packet_error_reply(arena, iq, PACKET_ITEM_NOT_FOUND, "no such node");
    struct element *reply = packet_reply(arena, iq, "result");
    struct items items = {arena, element_add(arena, reply, "query", XMLNS_DISCO_ITEMS)};
    if (to != NULL && strcasecmp(to, config->xmpp_domain) == 0)
        component_routes_each_domain(add_item, &items);
    return reply;
}

static const struct handler handlers[] = {
    {XMLNS_DISCO_INFO, "query", NULL, answer_disco_info},
    {XMLNS_DISCO_ITEMS, "query", NULL, answer_disco_items},
    {XMLNS_PING, "ping", "ping", answer_ping},
    {XMLNS_VERSION, "query", "version", answer_version},
    {XMLNS_TIME, "time", "time", answer_time},
    {XMLNS_LAST, "query", "last", answer_last},
    {NULL, NULL, NULL, NULL},
};

static const struct handler *find_handler(const struct element *payload,
                                          const struct config *config)
{
    for (const struct handler *each = handlers; each->ns != NULL; each++)
        if (element_is(payload, each->element, each->ns))
            return is_disabled(config, each->word) ? NULL : each;
    return NULL;
}

/* is_type - of the packet's type attribute; NULL: absent */
static bool is_type(const struct element *packet, const char *type)
{
    const char *value = element_get(packet, "type");
    return value != NULL && strcmp(value, type) == 0;
}

struct element *iq_handlers_answer(struct arena *arena, const struct element *iq,
                                   const struct config *config)
{
    if (is_type(iq, "result") || is_type(iq, "error"))
        return NULL;
    const struct element *payload = element_first(iq);
    if (!packet_iq_is_request(iq) || element_get(iq, "id") == NULL || payload == NULL ||
        element_next(payload) != NULL)
        return packet_error_reply(arena, iq, PACKET_BAD_REQUEST,
                                  "an iq needs an id, a type of get or set, and one child element");
    const struct handler *handler = find_handler(payload, config);
    if (handler == NULL)
        return packet_error_reply(arena, iq, PACKET_SERVICE_UNAVAILABLE, NULL);
    if (is_type(iq, "set"))
        return packet_error_reply(arena, iq, PACKET_NOT_ALLOWED, "only get has a meaning here");
    return handler->answer(arena, iq, config);
}

struct element *iq_handlers_answer_nobody(struct arena *arena, const struct element *packet)
{
    switch (packet_kind(packet)) {
    case PACKET_IQ:
        return packet_error_reply(
            arena, packet,
            packet_iq_is_request(packet) ? PACKET_SERVICE_UNAVAILABLE : PACKET_BAD_REQUEST, NULL);
    case PACKET_MESSAGE:
        return is_type(packet, "headline")
                   ? NULL
                   : packet_error_reply(arena, packet, PACKET_SERVICE_UNAVAILABLE, NULL);
    default:
        return NULL;
    }
}
