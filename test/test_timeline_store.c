/* SPDX-License-Identifier: Apache-2.0 */
/* test_timeline_store - what is kept of whom, and what a stranger can not push out
 *
 * Stories are made by hand here; which of them sessions file is shown by test/staged.py. Threads beside each other are for
 * ThreadSanitizer.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/config.h"
#include "server/log.h"
#include "server/timeline_store.h"
#include "test/support/settings.h"

#define SMALL "[s2s]\ntimeline.bytes = 65536\n"

static void configure(const char *settings)
{
    struct config *config = settings_load_good(settings);
    timeline_store_configure(config);
    config_unref(config);
}

static int start(void **state)
{
    log_set_level(LOG_LEVEL_ERROR);
    int result = settings_open_scratch(state);
    configure("");
    return result;
}

static int stop(void **state)
{
    timeline_store_stop();
    return settings_close_scratch(state);
}

/* file - an attempt with one step `words`; `failure` FAILURE_NONE: it went well */
static void file(enum timeline_direction direction, const char *domain, const char *peer,
                 enum failure failure, const char *words)
{
    struct timeline *timeline = timeline_new();
    struct timeline_attempt attempt = {direction, domain, "s2s.test", peer, timeline};
    timeline_step(timeline, NULL, "RFC 1", "%s", words);
    if (failure == FAILURE_NONE) {
        timeline_store_succeeded(&attempt);
    } else {
        timeline_fail(timeline, failure, "%s", words);
        timeline_store_failed(&attempt, FAILURE_OTHER, "unused");
    }
    timeline_free(timeline);
}

static int count(const char *domain, enum timeline_direction direction, bool succeeded)
{
    struct timeline_records found;
    timeline_store_get(domain, direction, succeeded, &found);
    int number = found.count;
    timeline_records_free(&found);
    return number;
}

static void keeps_the_last_of_each_kind_newest_first(void **state)
{
    (void)state;
    static const enum failure failures[] = {FAILURE_REFUSED, FAILURE_UNREACHABLE, FAILURE_NOT_XMPP,
                                            FAILURE_ENDED};
    struct timeline_records found;
    for (int i = 0; i < 4; i++) {
        char words[20];
        snprintf(words, sizeof words, "number %d", i);
        file(TIMELINE_OUT, "a.test", "192.0.2.1:5269", failures[i], words);
        file(TIMELINE_OUT, "a.test", "192.0.2.1:5269", FAILURE_NONE, words);
    }
    timeline_store_get("a.test", TIMELINE_OUT, false, &found);
    assert_int_equal(found.count, 3);
    assert_string_equal(found.records[0].why, "number 3");
    assert_string_equal(found.records[2].why, "number 1");
    assert_int_equal(found.records[0].failure, FAILURE_ENDED);
    assert_string_equal(found.records[0].local, "s2s.test");
    assert_string_equal(found.records[0].peer, "192.0.2.1:5269");
    assert_int_equal(found.records[0].story->count, 1);
    assert_string_equal(found.records[0].story->lines[0].sentence, "number 3");
    assert_string_equal(found.records[0].story->lines[0].clause, "RFC 1");
    timeline_records_free(&found);
    timeline_store_get("a.test", TIMELINE_OUT, true, &found);
    assert_int_equal(found.count, 3);
    assert_string_equal(found.records[0].story->lines[0].sentence, "number 3");
    timeline_records_free(&found);
    assert_int_equal(count("a.test", TIMELINE_IN, true), 0);
    assert_int_equal(count("b.test", TIMELINE_OUT, true), 0);
}

static void counts_a_failure_that_comes_again(void **state)
{
    (void)state;
    struct timeline_records found;
    file(TIMELINE_OUT, "a.test", NULL, FAILURE_DNS_NO_ADDRESS, "none");
    file(TIMELINE_OUT, "a.test", "192.0.2.1:5269", FAILURE_REFUSED, "first");
    for (int i = 0; i < 9; i++)
        file(TIMELINE_OUT, "a.test", "192.0.2.1:1234", FAILURE_REFUSED, "again");
    file(TIMELINE_OUT, "a.test", "192.0.2.2:5269", FAILURE_REFUSED, "elsewhere");
    timeline_store_get("a.test", TIMELINE_OUT, false, &found);
    assert_int_equal(found.count, 3);
    assert_string_equal(found.records[0].why, "elsewhere");
    assert_int_equal(found.records[0].count, 1);
    assert_string_equal(found.records[1].why, "again");
    assert_int_equal(found.records[1].count, 10);
    assert_int_equal(found.records[2].failure, FAILURE_DNS_NO_ADDRESS);
    timeline_records_free(&found);
}

static void a_failure_without_a_noted_cause_has_that_of_the_caller(void **state)
{
    (void)state;
    struct timeline_records found;
    struct timeline *timeline = timeline_new();
    struct timeline_attempt attempt = {TIMELINE_IN, "a.test", NULL, NULL, timeline};
    assert_false(timeline_was_filed(timeline));
    timeline_store_failed(&attempt, FAILURE_NOTHING_PROVED, "evil\nline");
    assert_true(timeline_was_filed(timeline));
    timeline_store_get("a.test", TIMELINE_IN, false, &found);
    assert_int_equal(found.records[0].failure, FAILURE_NOTHING_PROVED);
    assert_string_equal(found.records[0].why, "evil\\x0aline");
    assert_string_equal(found.records[0].local, "");
    assert_false(found.records[0].certain);
    timeline_records_free(&found);
    timeline_free(timeline);
}

static void a_noted_cause_is_settled_when_it_is_filed(void **state)
{
    (void)state;
    struct timeline *timeline = timeline_new();
    struct timeline_attempt attempt = {TIMELINE_OUT, "a.test", NULL, NULL, timeline};
    timeline_fail(timeline, FAILURE_EXTERNAL_REFUSED, "no");
    timeline_store_succeeded(&attempt);
    assert_int_equal(timeline_failure(timeline, NULL), FAILURE_NONE);
    timeline_fail(timeline, FAILURE_EXTERNAL_REFUSED, "no");
    timeline_store_failed(&attempt, FAILURE_OTHER, "");
    assert_int_equal(timeline_failure(timeline, NULL), FAILURE_NONE);
    timeline_free(timeline);
}

static void name_domains(int from, int to, enum timeline_direction direction, enum failure failure)
{
    char domain[40], words[TIMELINE_SENTENCE];
    memset(words, 'x', sizeof words);
    words[sizeof words - 1] = '\0';
    for (int i = from; i < to; i++) {
        snprintf(domain, sizeof domain, "d%d.test", i);
        file(direction, domain, "198.51.100.1:1", failure, words);
    }
}

static void domains_used_least_recently_go_first(void **state)
{
    (void)state;
    configure(SMALL);
    file(TIMELINE_IN, "old.test", "192.0.2.1:1", FAILURE_NOTHING_PROVED, "old");
    file(TIMELINE_IN, "used.test", "192.0.2.1:1", FAILURE_NOTHING_PROVED, "used");
    for (int i = 0; i < 500; i += 10) {
        name_domains(i, i + 10, TIMELINE_IN, FAILURE_NOTHING_PROVED);
        file(TIMELINE_IN, "used.test", "192.0.2.1:1", FAILURE_NOTHING_PROVED, "used");
    }
    assert_int_equal(count("old.test", TIMELINE_IN, false), 0);
    assert_int_equal(count("used.test", TIMELINE_IN, false), 1);
    assert_int_equal(count("d499.test", TIMELINE_IN, false), 1);
    assert_int_equal(count("d0.test", TIMELINE_IN, false), 0);
}

static void strangers_push_out_nobody_who_was_proved(void **state)
{
    (void)state;
    configure(SMALL);
    file(TIMELINE_IN, "a.test", "192.0.2.1:1", FAILURE_NONE, "proved");
    file(TIMELINE_OUT, "a.test", "192.0.2.1:5269", FAILURE_REFUSED, "refused");
    name_domains(0, 2000, TIMELINE_IN, FAILURE_NOTHING_PROVED);
    name_domains(0, 2000, TIMELINE_OUT, FAILURE_UNREACHABLE);
    assert_int_equal(count("a.test", TIMELINE_IN, true), 1);
    assert_int_equal(count("a.test", TIMELINE_OUT, false), 1);
}

static void who_claims_to_be_a_proved_domain_pushes_out_none_of_its_failures(void **state)
{
    (void)state;
    static const enum failure kinds[] = {FAILURE_TLS_MISSING, FAILURE_NOTHING_PROVED,
                                         FAILURE_LIMIT_HERE, FAILURE_THEIR_KEY_DENIED};
    struct timeline_records found;
    file(TIMELINE_OUT, "a.test", "192.0.2.1:5269", FAILURE_NONE, "proved");
    file(TIMELINE_IN, "a.test", "192.0.2.1:40000", FAILURE_CERTIFICATE_EXPIRED, "its own");
    for (int i = 0; i < 4; i++)
        file(TIMELINE_IN, "a.test", "198.51.100.1:1", kinds[i], "not its own");
    timeline_store_get("a.test", TIMELINE_IN, false, &found);
    assert_int_equal(found.count, 4); /* three of the stranger's, and its own */
    assert_false(found.records[0].certain);
    assert_int_equal(found.records[0].failure, FAILURE_THEIR_KEY_DENIED);
    assert_true(found.records[3].certain);
    assert_string_equal(found.records[3].why, "its own");
    timeline_records_free(&found);
}

static void a_domain_that_proves_itself_takes_its_stories_along(void **state)
{
    (void)state;
    configure(SMALL);
    file(TIMELINE_OUT, "a.test", NULL, FAILURE_DNS_SILENT, "before");
    file(TIMELINE_OUT, "a.test", "192.0.2.1:5269", FAILURE_NONE, "proved");
    name_domains(0, 500, TIMELINE_IN, FAILURE_NOTHING_PROVED);
    assert_int_equal(count("a.test", TIMELINE_OUT, false), 1);
}

static void remembers_who_asked_about_a_key(void **state)
{
    (void)state;
    struct timeline_asked asked;
    assert_false(timeline_store_last_asked("a.test", &asked));
    timeline_store_asked("a.test", false);
    assert_true(timeline_store_last_asked("a.test", &asked));
    assert_false(asked.valid);
    file(TIMELINE_OUT, "a.test", "192.0.2.1:5269", FAILURE_NONE, "proved");
    timeline_store_asked("a.test", true);
    assert_true(timeline_store_last_asked("a.test", &asked) && asked.valid && asked.when > 0);
}

static void tell_names(void *owner, const char *domain, bool proved)
{
    text_appendf(owner, "%s%s ", domain, proved ? "" : "?");
}

static void names_all_domains_the_proved_first(void **state)
{
    (void)state;
    struct text names = TEXT_EMPTY;
    file(TIMELINE_OUT, "a.test", "192.0.2.1:5269", FAILURE_NONE, "");
    file(TIMELINE_IN, "stranger.test", "192.0.2.1:5269", FAILURE_LIMIT_HERE, "");
    file(TIMELINE_OUT, "b.test", "192.0.2.1:5269", FAILURE_NONE, "");
    timeline_store_each(10, tell_names, &names);
    assert_string_equal(text_string(&names), "b.test a.test stranger.test? ");
    text_clear(&names);
    timeline_store_each(1, tell_names, &names);
    assert_string_equal(text_string(&names), "b.test stranger.test? ");
    text_free(&names);
}

static void follows_the_settings_at_a_reload(void **state)
{
    (void)state;
    file(TIMELINE_OUT, "a.test", NULL, FAILURE_DNS_SILENT, "1");
    file(TIMELINE_OUT, "a.test", NULL, FAILURE_DNS_BOGUS, "2");
    configure("[s2s]\ntimeline.kept = 1\n");
    assert_int_equal(count("a.test", TIMELINE_OUT, false), 1);
    configure("[s2s]\ntimeline.kept = 0\n");
    assert_int_equal(count("a.test", TIMELINE_OUT, false), 0);
    file(TIMELINE_OUT, "a.test", NULL, FAILURE_DNS_SILENT, "3");
    timeline_store_asked("a.test", true);
    configure("");
    assert_int_equal(count("a.test", TIMELINE_OUT, false), 0);
    struct timeline_asked asked;
    assert_false(timeline_store_last_asked("a.test", &asked));
}

static void *work(void *given)
{
    struct timeline_records found;
    char domain[20];
    for (int i = 0; i < 300; i++) {
        snprintf(domain, sizeof domain, "d%d.test", i % 7);
        file(i % 2, domain, "192.0.2.1:1", i % 3 ? FAILURE_REFUSED : FAILURE_NONE, given);
        timeline_store_get(domain, i % 2, i % 3, &found);
        timeline_records_free(&found);
    }
    return NULL;
}

static void many_threads_may_file_and_ask(void **state)
{
    (void)state;
    pthread_t threads[4];
    configure(SMALL);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, "words"), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_true(count("d0.test", TIMELINE_OUT, true) > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keeps_the_last_of_each_kind_newest_first),
        TEST(counts_a_failure_that_comes_again),
        TEST(a_failure_without_a_noted_cause_has_that_of_the_caller),
        TEST(a_noted_cause_is_settled_when_it_is_filed),
        TEST(domains_used_least_recently_go_first),
        TEST(strangers_push_out_nobody_who_was_proved),
        TEST(who_claims_to_be_a_proved_domain_pushes_out_none_of_its_failures),
        TEST(a_domain_that_proves_itself_takes_its_stories_along),
        TEST(remembers_who_asked_about_a_key),
        TEST(names_all_domains_the_proved_first),
        TEST(follows_the_settings_at_a_reload),
        TEST(many_threads_may_file_and_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
