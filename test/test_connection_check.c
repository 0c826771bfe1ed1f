/* SPDX-License-Identifier: Apache-2.0 */
/* test_connection_check - what of a check needs no other server: its report, texts of others in it, the wait for a pong,
 * and for the other answers of session/iq_router
 *
 * Whole checks are in test/staged.py and, with DNSSEC, in test/dane.py.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "admin/check_report.h"
#include "admin/connection_check.h"
#include "admin/explain_text.h"
#include "admin/json_words.h"
#include "server/config.h"
#include "server/log.h"
#include "server/remote_server_manager.h"
#include "server/timeline.h"
#include "server/xmpp_server.h"
#include "session/iq_router.h"
#include "test/support/scratch.h"
#include "test/support/settings.h"
#include "xml/xmlns.h"

static int start(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_ERROR);
    settings_open_scratch(state);
    struct text why = TEXT_EMPTY;
    scratch_write("remote-servers.conf", "[blocked.test]\npermission = blocked\n");
    struct config *config = settings_load_good("[xmpp]\ndomain = s2s.test\n");
    assert_int_equal(remote_server_manager_load(config, &why), 0);
    assert_int_equal(xmpp_server_configure(config), 0);
    config_publish(config);
    return 0;
}

static int stop(void **state)
{
    remote_server_manager_stop();
    xmpp_server_stop();
    config_stop();
    return settings_close_scratch(state);
}

static int steps_seen;

static void see(void *owner, const json_t *step)
{
    assert_ptr_equal(owner, &steps_seen);
    assert_string_not_equal(json_text(step, "verdict"), "");
    steps_seen++;
}

static json_t *run(const char *domain, const char *local, struct text *why)
{
    struct connection_check check = {
        .domain = domain, .local = local, .limit = 1000, .progress = see, .owner = &steps_seen};
    steps_seen = 0;
    return connection_check_run(&check, why);
}

static void what_is_no_domain_or_not_ours_is_refused(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    assert_null(run("a b", NULL, &why));
    assert_string_equal(text_string(&why), "'a b' is no domain");
    text_clear(&why);
    assert_null(run("a.test", "other.test", &why));
    assert_string_equal(text_string(&why), "'other.test' is no domain of this server");
    text_free(&why);
}

static void a_domain_that_is_blocked_here_is_not_tried(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY, text = TEXT_EMPTY;
    json_t *result = run("sub.BLOCKED.test", NULL, &why);
    assert_int_equal(steps_seen, 1);
    const json_t *step = json_array_get(json_object_get(result, "steps"), 0);
    assert_string_equal(json_text(step, "verdict"), "bad");
    assert_string_equal(json_text(step, "cause"), "blocked-here");
    assert_string_equal(json_text(json_object_get(result, "conclusion"), "side"), "ours");
    assert_true(json_is_false(json_object_get(json_object_get(result, "conclusion"), "works")));
    explain_text_check(result, &text);
    assert_non_null(strstr(text_string(&text), "bad     policy "));
    assert_non_null(strstr(text_string(&text), "row 'blocked' of blocked.test, parent of"));
    text_free(&text);
    json_decref(result);
}

static void our_own_domain_needs_no_check(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    json_t *result = run("s2s.test", NULL, &why);
    assert_int_equal(steps_seen, 0);
    assert_true(json_is_true(json_object_get(json_object_get(result, "conclusion"), "works")));
    json_decref(result);
}

static void texts_of_others_can_not_spoil_the_report(void **state)
{
    (void)state;
    struct check_report report;
    struct text text = TEXT_EMPTY;
    char long_text[3000];
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    check_report_init(&report, NULL, NULL);
    struct check_place place = {STEP_STREAM, "host.test at 192.0.2.1:1", "RFC 1",
                                xmpp_server_now()};
    check_report_bad(&report, &place, FAILURE_STREAM_ERROR, NULL, "evil\n\x1b[2J\xff\xc3(");
    check_report_step(&report, &place, CHECK_NOTE, NULL, "%s", long_text);
    const json_t *first = json_array_get(report.steps, 0);
    assert_string_equal(json_text(first, "sentence"), "evil\\x0a\\x1b[2J\\xff\\xc3(");
    assert_in_range(strlen(json_text(json_array_get(report.steps, 1), "sentence")), 700, 800);
    assert_int_equal(timeline_failure(report.timeline, &text), FAILURE_STREAM_ERROR);
    text_clear(&text);
    explain_text_step(first, &text);
    assert_null(strchr(text_string(&text), '\x1b'));
    text_free(&text);
    check_report_free(&report);

    json_t *words = json_words("no \xff utf-8");
    assert_string_equal(json_string_value(words), "no \\xff utf-8");
    json_decref(words);
    words = json_words(NULL);
    assert_true(json_is_null(words));
    words = json_moment(1772366400);
    assert_string_equal(json_string_value(words), "2026-03-01T12:00:00Z");
    json_decref(words);
}

/* answer - an iq to us, as it comes from `from` */
static void answer(const char *id, const char *from, const char *type)
{
    struct arena *arena = arena_new(0);
    struct element *iq = element_new(arena, "iq", XMLNS_SERVER);
    struct jid to;
    element_set(arena, iq, "id", id);
    element_set(arena, iq, "from", from);
    element_set(arena, iq, "to", "s2s.test");
    element_set(arena, iq, "type", type);
    if (strcmp(type, "error") == 0)
        packet_add_error(arena, iq, PACKET_SERVICE_UNAVAILABLE, "no pings");
    assert_int_equal(jid_parse(&to, "s2s.test", 8), 0);
    iq_router_route(arena, iq, &to);
    arena_free(arena);
}

static void a_pong_is_awaited_from_who_was_asked(void **state)
{
    (void)state;
    struct iq_router_answer pong;
    char id[24], other[24];
    assert_int_equal(iq_router_expect_answer("a.test", id), 0);
    assert_int_equal(iq_router_expect_answer("b.test", other), 0);
    answer(id, "b.test", "result");
    answer("ask-0", "a.test", "result");
    assert_false(iq_router_await_answer(id, xmpp_server_now() + 20, &pong));
    iq_router_tick(xmpp_server_now() + 100000);
    answer(id, "a.test", "result");
    assert_true(iq_router_await_answer(id, xmpp_server_now(), &pong));
    assert_true(pong.is_result && pong.took >= 0);
    answer(other, "b.test", "error");
    assert_true(iq_router_await_answer(other, xmpp_server_now(), &pong));
    assert_false(pong.is_result);
    assert_int_equal(pong.error, PACKET_SERVICE_UNAVAILABLE);
    assert_string_equal(pong.text, "no pings");
    iq_router_forget_answer(id);
    iq_router_forget_answer(other);
    assert_false(iq_router_await_answer(id, xmpp_server_now(), &pong));
}

static void *answer_soon(void *id)
{
    usleep(50000);
    answer(id, "a.test", "result");
    return NULL;
}

static void a_pong_wakes_who_waits(void **state)
{
    (void)state;
    struct iq_router_answer pong;
    pthread_t thread;
    char id[24];
    assert_int_equal(iq_router_expect_answer("a.test", id), 0);
    assert_int_equal(pthread_create(&thread, NULL, answer_soon, id), 0);
    assert_true(iq_router_await_answer(id, xmpp_server_now() + 10000, &pong));
    assert_in_range(pong.took, 1, 9000);
    pthread_join(thread, NULL);
    iq_router_forget_answer(id);
}

static void pings_that_are_forgotten_make_room(void **state)
{
    (void)state;
    char ids[64][24], id[24];
    for (int i = 0; i < 64; i++)
        assert_int_equal(iq_router_expect_answer("a.test", ids[i]), 0);
    assert_int_equal(iq_router_expect_answer("a.test", id), -1);
    iq_router_forget_answer(ids[7]);
    assert_int_equal(iq_router_expect_answer("a.test", ids[7]), 0);
    for (int i = 0; i < 64; i++)
        iq_router_forget_answer(ids[i]);
}

/* answer_with - a result that tells this software; NULL: of that it says nothing */
static void answer_with(const char *id, const char *name, const char *version, const char *os)
{
    struct arena *arena = arena_new(0);
    struct element *iq = element_new(arena, "iq", XMLNS_SERVER);
    const char *const words[] = {"name", name, "version", version, "os", os};
    struct jid to;
    element_set(arena, iq, "id", id);
    element_set(arena, iq, "from", "a.test");
    element_set(arena, iq, "to", "s2s.test");
    element_set(arena, iq, "type", "result");
    struct element *query = element_add(arena, iq, "query", XMLNS_VERSION);
    for (int i = 0; i < 6; i += 2)
        if (words[i + 1] != NULL)
            element_add_text(arena, element_add(arena, query, words[i], NULL), words[i + 1],
                             strlen(words[i + 1]));
    assert_int_equal(jid_parse(&to, "s2s.test", 8), 0);
    iq_router_route(arena, iq, &to);
    arena_free(arena);
}

/* heard - what the answer to a question says, which is answered so */
static struct iq_router_answer heard(const char *name, const char *version, const char *os)
{
    struct iq_router_answer got;
    char id[24];
    memset(&got, 'x', sizeof got);
    assert_int_equal(iq_router_expect_answer("a.test", id), 0);
    answer_with(id, name, version, os);
    assert_true(iq_router_await_answer(id, xmpp_server_now(), &got));
    iq_router_forget_answer(id);
    assert_true(got.is_result);
    return got;
}

static void an_answer_tells_the_software(void **state)
{
    (void)state;
    struct iq_router_answer got = heard("Some <b>Server</b>", "1.2\n3", "Plan 9");
    assert_string_equal(got.software.name, "Some <b>Server</b>");
    assert_string_equal(got.software.version, "1.2\n3");
    assert_string_equal(got.software.os, "Plan 9");
    assert_string_equal(got.text, "");
    got = heard("Some", NULL, "");
    assert_string_equal(got.software.name, "Some");
    assert_string_equal(got.software.version, "");
    assert_string_equal(got.software.os, "");
}

static void long_words_are_cut_between_characters(void **state)
{
    (void)state;
    char longest[IQ_ROUTER_WORD + 1], longer[IQ_ROUTER_WORD + 2], split[IQ_ROUTER_WORD + 3];
    memset(longest, 'a', IQ_ROUTER_WORD);
    longest[IQ_ROUTER_WORD] = '\0';
    snprintf(longer, sizeof longer, "%sb", longest);
    snprintf(split, sizeof split, "%.*s\xe2\x82\xac", IQ_ROUTER_WORD - 2, longest); /* 3 bytes */
    struct iq_router_answer got = heard(longest, longer, split);
    assert_string_equal(got.software.name, longest);
    assert_string_equal(got.software.version, longest);
    assert_int_equal(strlen(got.software.os), IQ_ROUTER_WORD - 2);
    assert_memory_equal(got.software.os, longest, IQ_ROUTER_WORD - 2);
}

static void only_a_version_result_tells_software(void **state)
{
    (void)state;
    struct iq_router_answer got;
    char id[24];
    assert_int_equal(iq_router_expect_answer("a.test", id), 0);
    answer(id, "a.test", "result");
    assert_true(iq_router_await_answer(id, xmpp_server_now(), &got));
    assert_string_equal(got.software.name, "");
    answer_with(id, "too", "late", NULL); /* the first counts */
    assert_true(iq_router_await_answer(id, xmpp_server_now(), &got));
    assert_string_equal(got.software.name, "");
    iq_router_forget_answer(id);
    answer_with(id, "much", "too late", NULL);
    assert_false(iq_router_await_answer(id, xmpp_server_now(), &got));
}

static void who_is_asked_gets_the_question(void **state)
{
    (void)state;
    struct iq_router_answer got;
    char id[24];
    assert_int_equal(iq_router_ask("s2s.test", "query", XMLNS_VERSION, id), 0); /* that is us */
    assert_true(iq_router_await_answer(id, xmpp_server_now(), &got));
    iq_router_forget_answer(id);
    assert_true(got.is_result && got.took >= 0);
    assert_string_equal(got.software.name, XMPP_SERVER_SOFTWARE);
    assert_string_equal(got.software.version, XMPP_SERVER_VERSION);
    assert_int_equal(iq_router_ask("s2s.test", "query", "urn:nobody:knows", id), 0);
    assert_true(iq_router_await_answer(id, xmpp_server_now(), &got));
    iq_router_forget_answer(id);
    assert_false(got.is_result);
    assert_int_equal(got.error, PACKET_SERVICE_UNAVAILABLE);
}

static void *stop_soon(void *unused)
{
    usleep(50000);
    iq_router_stop();
    return unused;
}

/* The last one: nobody waits any more in this process. */
static void at_the_end_nobody_waits(void **state)
{
    (void)state;
    struct iq_router_answer got;
    pthread_t thread;
    char id[24];
    int64_t begun = xmpp_server_now();
    assert_int_equal(iq_router_expect_answer("a.test", id), 0);
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, NULL), 0);
    assert_false(iq_router_await_answer(id, begun + 60000, &got));
    assert_in_range(xmpp_server_now() - begun, 1, 30000);
    pthread_join(thread, NULL);
    answer(id, "a.test", "result");
    assert_true(iq_router_await_answer(id, begun + 60000, &got)); /* what has come counts still */
    iq_router_forget_answer(id);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_no_domain_or_not_ours_is_refused),
        TEST(a_domain_that_is_blocked_here_is_not_tried),
        TEST(our_own_domain_needs_no_check),
        TEST(texts_of_others_can_not_spoil_the_report),
        TEST(a_pong_is_awaited_from_who_was_asked),
        TEST(a_pong_wakes_who_waits),
        TEST(pings_that_are_forgotten_make_room),
        TEST(an_answer_tells_the_software),
        TEST(long_words_are_cut_between_characters),
        TEST(only_a_version_result_tells_software),
        TEST(who_is_asked_gets_the_question),
        TEST(at_the_end_nobody_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
