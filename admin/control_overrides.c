/* SPDX-License-Identifier: Apache-2.0 */
/* control_overrides - commands about the DNS overrides
 *
 * Openfire: dns-overrides.jsp, DNSUtil.setDnsOverride. A row is put together and read as the setting would be, alone, before it joins
 * the others: so what is in it can't become another row. `changing` is held from reading the rows until the new ones are in force, so
 * of two changes at once none is lost; it is taken before the lock of reload.
 */
#include "admin/control_overrides.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "admin/control_commands.h"
#include "admin/control_settings.h"
#include "server/config.h"
#include "server/dns_override.h"

#define PROPERTY "dnsutil.dnsOverride"

static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;

static json_t *row_object(const struct text *pattern, const struct text *host, int port)
{
    return json_pack("{s:o, s:o, s:o}", "pattern", control_json_text(text_string(pattern)), "host",
                     control_json_text(text_string(host)), "port",
                     port > 0 ? json_integer(port) : json_null());
}

/* rows_of - of the text of the setting; empty when it is none */
static json_t *rows_of(const char *setting)
{
    struct text why = TEXT_EMPTY, pattern = TEXT_EMPTY, host = TEXT_EMPTY;
    struct dns_overrides *overrides = dns_override_parse(setting, &why);
    json_t *rows = json_array();
    int port;
    for (int i = 0; overrides != NULL && dns_override_row(overrides, i, &pattern, &host, &port);
         i++) {
        json_array_append_new(rows, row_object(&pattern, &host, port));
        text_clear(&pattern);
        text_clear(&host);
    }
    dns_override_free(overrides);
    text_free(&pattern);
    text_free(&host);
    text_free(&why);
    return rows;
}

static json_t *rows_now(void)
{
    const struct config *config = config_get();
    json_t *rows = rows_of(config->dnsutil_dnsOverride);
    config_unref(config);
    return rows;
}

static const char *pattern_of(const json_t *row)
{
    return json_string_value(json_object_get(row, "pattern"));
}

void control_overrides(struct control_call *call)
{
    call->result = rows_now();
}

/* read_one - what was asked for, as the one row that it makes; NULL and the call has failed */
static json_t *read_one(struct control_call *call, const char *pattern, const char *host, int port)
{
    struct text setting = TEXT_EMPTY;
    if (strpbrk(pattern, "{},:") != NULL || strpbrk(host, "{},") != NULL) {
        control_call_fail(call, CONTROL_INVALID,
                          "a pattern holds none of { } , : and a host none of { } ,");
        return NULL;
    }
    struct in6_addr v6;
    bool bare = inet_pton(AF_INET6, host, &v6) == 1;
    text_appendf(&setting, "{%s,%s%s%s", pattern, bare ? "[" : "", host, bare ? "]" : "");
    if (port > 0)
        text_appendf(&setting, ":%d", port);
    text_append_char(&setting, '}');
    json_t *rows = rows_of(text_string(&setting)), *row = NULL;
    if (json_array_size(rows) == 1)
        row = json_incref(json_array_get(rows, 0));
    else
        control_call_fail(call, CONTROL_INVALID,
                          "%s to %s: a domain, *.suffix or *, and a host name or an address were "
                          "expected",
                          pattern, host);
    json_decref(rows);
    text_free(&setting);
    return row;
}

/* find - the index of the row of a pattern, -1: there is none */
static int find(const json_t *rows, const char *pattern)
{
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (strcmp(pattern_of(json_array_get(rows, i)), pattern) == 0)
            return (int)i;
    return -1;
}

/* put - the rows into force, and the answer: `row` (NULL: gone) was `was`. Takes `was`. */
static void put(struct control_call *call, const json_t *rows, json_t *row, json_t *was)
{
    struct text setting = TEXT_EMPTY;
    const char *pattern = pattern_of(row != NULL ? row : was);
    size_t i;
    const json_t *each;
    json_array_foreach(rows, i, each)
    {
        const json_t *port = json_object_get(each, "port");
        text_appendf(&setting, "%s{%s,%s", i > 0 ? "," : "", pattern_of(each),
                     json_string_value(json_object_get(each, "host")));
        if (json_is_integer(port))
            text_appendf(&setting, ":%d", (int)json_integer_value(port));
        text_append_char(&setting, '}');
    }
    struct config_change change = {PROPERTY, text_string(&setting)};
    if (control_settings_change(call, &change, 1)) {
        json_t *now = row != NULL ? json_incref(row) : json_null();
        call->result = json_pack("{s:s, s:O, s:O}", "pattern", pattern, "row", now, "was", was);
        control_call_changed(call, json_incref(was), now);
    }
    json_decref(was);
    text_free(&setting);
}

void control_override_set(struct control_call *call)
{
    json_t *row =
        read_one(call, control_call_text(call, "pattern"), control_call_text(call, "host"),
                 (int)control_call_number(call, "--port", 0));
    if (row == NULL)
        return;
    pthread_mutex_lock(&changing);
    json_t *rows = rows_now(), *was = json_null();
    int index = find(rows, pattern_of(row));
    if (index >= 0) {
        was = json_incref(json_array_get(rows, (size_t)index));
        json_array_set(rows, (size_t)index, row);
    } else {
        json_array_append(rows, row);
    }
    put(call, rows, row, was);
    pthread_mutex_unlock(&changing);
    json_decref(rows);
    json_decref(row);
}

void control_override_remove(struct control_call *call)
{
    const char *pattern = control_call_text(call, "pattern");
    json_t *row = read_one(call, pattern, "localhost", 0);
    pthread_mutex_lock(&changing);
    json_t *rows = rows_now();
    int index = row != NULL ? find(rows, pattern_of(row)) : -1;
    if (index >= 0) {
        json_t *was = json_incref(json_array_get(rows, (size_t)index));
        json_array_remove(rows, (size_t)index);
        put(call, rows, NULL, was);
    } else if (row != NULL) {
        control_call_fail(call, CONTROL_NOT_FOUND, "there is no override for %s", pattern);
    }
    pthread_mutex_unlock(&changing);
    json_decref(row);
    json_decref(rows);
}
