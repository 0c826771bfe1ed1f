/* SPDX-License-Identifier: Apache-2.0 */
/* test_iq_handlers - the server's own services
 *
 * XEP-0199, 0092, 0202, 0012, 0030, 0157; what is answered with an error, and what with nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "server/config.h"
#include "server/log.h"
#include "session/iq_handlers.h"
#include "xml/xmlns.h"

static struct arena *arena;
static struct config *config;

static int start(void **state)
{
    char path[] = "/tmp/iq-handlers-XXXXXX";
    struct text why = TEXT_EMPTY;
    int fd = mkstemp(path);
    dprintf(fd, "[xmpp]\nserver.name = The Name\n[s2s]\ncontact.abuse = mailto:a@x, xmpp:b@x\n%s",
            *state != NULL ? (const char *)*state : "");
    close(fd);
    log_set_level(LOG_LEVEL_ERROR);
    config = config_load(path, &why);
    unlink(path);
    text_free(&why);
    arena = arena_new(0);
    return config != NULL ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    arena_free(arena);
    config_unref(config);
    return 0;
}

/* request - an iq with that payload, addressed to us */
static struct element *request(const char *type, const char *id, const char *name, const char *ns)
{
    struct element *iq = element_new(arena, "iq", XMLNS_SERVER);
    element_set(arena, iq, "type", type);
    element_set(arena, iq, "id", id);
    element_set(arena, iq, "from", "u@remote/r");
    element_set(arena, iq, "to", "ours");
    if (name != NULL)
        element_add(arena, iq, name, ns);
    return iq;
}

static void expect_error(const struct element *reply, enum packet_error error)
{
    assert_non_null(reply);
    assert_string_equal(element_get(reply, "type"), "error");
    assert_int_equal(packet_read_error(arena, reply, NULL), error);
}

static void answers_pings_with_addresses_swapped(void **state)
{
    (void)state;
    struct element *reply =
        iq_handlers_answer(arena, request("get", "7", "ping", XMLNS_PING), config);
    assert_string_equal(element_get(reply, "type"), "result");
    assert_string_equal(element_get(reply, "id"), "7");
    assert_string_equal(element_get(reply, "from"), "ours");
    assert_string_equal(element_get(reply, "to"), "u@remote/r");
    assert_null(element_first(reply));
}

static void tells_time_in_the_form_of_xep_0202(void **state)
{
    (void)state;
    struct element *reply =
        iq_handlers_answer(arena, request("get", "7", "time", XMLNS_TIME), config);
    struct element *query = element_child(reply, "time", XMLNS_TIME);
    int year, month, day, hour, minute, second, hours, minutes;
    char sign, end;
    assert_int_equal(sscanf(element_text(element_child(query, "utc", NULL), arena),
                            "%4d-%2d-%2dT%2d:%2d:%2d%c", &year, &month, &day, &hour, &minute,
                            &second, &end),
                     7);
    assert_int_equal(end, 'Z');
    assert_int_equal(sscanf(element_text(element_child(query, "tzo", NULL), arena), "%c%2d:%2d",
                            &sign, &hours, &minutes),
                     3);
    assert_true(sign == '+' || sign == '-');
}

static bool has_feature(const struct element *query, const char *name)
{
    for (const struct element *each = element_first(query); each != NULL; each = element_next(each))
        if (strcmp(each->name, "feature") == 0 && strcmp(element_get(each, "var"), name) == 0)
            return true;
    return false;
}

static void lists_what_it_does_and_whom_to_ask(void **state)
{
    (void)state;
    struct element *reply =
        iq_handlers_answer(arena, request("get", "7", "query", XMLNS_DISCO_INFO), config);
    struct element *query = element_child(reply, "query", XMLNS_DISCO_INFO);
    assert_string_equal(element_get(element_child(query, "identity", NULL), "name"), "The Name");
    static const char *const features[] = {XMLNS_DISCO_INFO, XMLNS_DISCO_ITEMS, XMLNS_PING,
                                           XMLNS_VERSION,    XMLNS_TIME,        XMLNS_LAST};
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        assert_true(has_feature(query, features[i]));
    struct element *form = element_child(query, "x", XMLNS_DATA_FORM);
    struct element *field = element_next(element_first(form));
    assert_string_equal(element_get(field, "var"), "abuse-addresses");
    assert_string_equal(element_text(element_first(field), arena), "mailto:a@x");
    assert_string_equal(element_text(element_next(element_first(field)), arena), "xmpp:b@x");
    assert_null(element_next(field));
}

static void knows_no_nodes(void **state)
{
    (void)state;
    static const char *const spaces[] = {XMLNS_DISCO_INFO, XMLNS_DISCO_ITEMS};
    for (int i = 0; i < 2; i++) {
        struct element *iq = request("get", "7", "query", spaces[i]);
        element_set(arena, element_first(iq), "node", "x");
        expect_error(iq_handlers_answer(arena, iq, config), PACKET_ITEM_NOT_FOUND);
    }
}

static void refuses_bad_requests(void **state)
{
    (void)state;
    expect_error(iq_handlers_answer(arena, request("get", NULL, "ping", XMLNS_PING), config),
                 PACKET_BAD_REQUEST);
    expect_error(iq_handlers_answer(arena, request("get", "7", NULL, NULL), config),
                 PACKET_BAD_REQUEST);
    expect_error(iq_handlers_answer(arena, request("put", "7", "ping", XMLNS_PING), config),
                 PACKET_BAD_REQUEST);
    expect_error(iq_handlers_answer(arena, request(NULL, "7", "ping", XMLNS_PING), config),
                 PACKET_BAD_REQUEST);
    struct element *two = request("get", "7", "ping", XMLNS_PING);
    element_add(arena, two, "ping", XMLNS_PING);
    expect_error(iq_handlers_answer(arena, two, config), PACKET_BAD_REQUEST);
    expect_error(iq_handlers_answer(arena, request("get", "7", "x", "urn:x"), config),
                 PACKET_SERVICE_UNAVAILABLE);
    expect_error(iq_handlers_answer(arena, request("get", "7", "query", XMLNS_PING), config),
                 PACKET_SERVICE_UNAVAILABLE);
    expect_error(iq_handlers_answer(arena, request("set", "7", "query", XMLNS_VERSION), config),
                 PACKET_NOT_ALLOWED);
}

static void never_answers_an_answer(void **state)
{
    (void)state;
    assert_null(iq_handlers_answer(arena, request("result", "7", NULL, NULL), config));
    assert_null(iq_handlers_answer(arena, request("error", "7", "ping", XMLNS_PING), config));
    assert_null(iq_handlers_answer_nobody(arena, request("error", "7", NULL, NULL)));
    static const char *const silent[][2] = {{"message", "error"},
                                            {"message", "headline"},
                                            {"presence", NULL},
                                            {"presence", "probe"},
                                            {"presence", "subscribe"}};
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++) {
        struct element *packet = element_new(arena, silent[i][0], XMLNS_SERVER);
        element_set(arena, packet, "type", silent[i][1]);
        assert_null(iq_handlers_answer_nobody(arena, packet));
    }
    struct element *chat = element_new(arena, "message", XMLNS_SERVER);
    expect_error(iq_handlers_answer_nobody(arena, chat), PACKET_SERVICE_UNAVAILABLE);
    expect_error(iq_handlers_answer_nobody(arena, request("get", "7", "ping", XMLNS_PING)),
                 PACKET_SERVICE_UNAVAILABLE);
}

static void leaves_out_what_is_switched_off(void **state)
{
    (void)state;
    expect_error(iq_handlers_answer(arena, request("get", "7", "ping", XMLNS_PING), config),
                 PACKET_SERVICE_UNAVAILABLE);
    struct element *reply =
        iq_handlers_answer(arena, request("get", "7", "query", XMLNS_DISCO_INFO), config);
    assert_false(has_feature(element_first(reply), XMLNS_PING));
    assert_true(has_feature(element_first(reply), XMLNS_TIME));
}

int main(void)
{
    static char off[] = "services.disabled = ping, last\n";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_pings_with_addresses_swapped, start, stop),
        cmocka_unit_test_setup_teardown(tells_time_in_the_form_of_xep_0202, start, stop),
        cmocka_unit_test_setup_teardown(lists_what_it_does_and_whom_to_ask, start, stop),
        cmocka_unit_test_setup_teardown(knows_no_nodes, start, stop),
        cmocka_unit_test_setup_teardown(refuses_bad_requests, start, stop),
        cmocka_unit_test_setup_teardown(never_answers_an_answer, start, stop),
        cmocka_unit_test_prestate_setup_teardown(leaves_out_what_is_switched_off, start, stop, off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
