/* SPDX-License-Identifier: Apache-2.0 */
/* test_xmpp_server - who we are; and the story of a connection
 *
 * With timeline and thread: names that come and go, steps that are kept, threads that are counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "server/config.h"
#include "server/log.h"
#include "server/thread.h"
#include "server/timeline.h"
#include "server/xmpp_server.h"
#include "test/support/scratch.h"

static struct text why;

static void serve(const char *domains)
{
    char path[] = "/tmp/xmpp-server-XXXXXX";
    int fd = mkstemp(path);
    dprintf(fd, "[xmpp]\ndomain = ours.test\n[s2s]\ndomains = %s\n", domains);
    close(fd);
    log_set_level(LOG_LEVEL_ERROR);
    struct config *config = config_load(path, &why);
    unlink(path);
    assert_non_null(config);
    config_publish(config);
    assert_int_equal(xmpp_server_configure(config), 0);
}

static bool is_local(const char *domain)
{
    return xmpp_server_is_local(domain, strlen(domain));
}

static bool was_local(const char *domain)
{
    return xmpp_server_was_local(domain, strlen(domain));
}

static void serves_its_names_by_equality_and_remembers_those_gone(void **state)
{
    (void)state;
    serve("second.test, third.test");
    assert_true(is_local("ours.test") && is_local("second.test") && is_local("third.test"));
    assert_false(is_local("sub.ours.test") || is_local("notours.test") ||
                 is_local("ours.test.evil"));
    assert_false(is_local("ours.tes") || is_local(""));
    assert_false(was_local("third.test"));
    serve("second.test");
    assert_false(is_local("third.test"));
    assert_true(was_local("third.test"));
    assert_false(was_local("never.test"));
    serve("third.test");
    assert_true(is_local("third.test"));
    assert_false(was_local("third.test"));
    xmpp_server_stop();
    config_stop();
}

static void keeps_its_names_when_a_new_one_is_no_domain(void **state)
{
    (void)state;
    serve("second.test");
    const struct config *good = config_get();
    struct config broken = {.xmpp_domain = good->xmpp_domain};
    broken.s2s_domains = (char[]){"third.test,not@a.domain"};
    scratch_capture_log();
    int result = xmpp_server_configure(&broken);
    char *log = scratch_captured_log();
    assert_int_equal(result, -1);
    assert_non_null(strstr(log, "s2s.domains: not@a.domain is no domain name\n"));
    assert_true(is_local("second.test"));
    assert_false(is_local("third.test"));
    assert_false(was_local("second.test"));
    free(log);
    config_unref(good);
    xmpp_server_stop();
    assert_false(is_local("second.test")); /* after the end, none */
    assert_false(was_local("second.test"));
    config_stop();
}

static void finds_each_of_many_names_after_many_reloads(void **state)
{
    (void)state;
    struct text list = TEXT_EMPTY;
    for (int round = 0; round < 10; round++) {
        text_clear(&list);
        for (int i = 0; i < 60; i++)
            text_appendf(&list, "%sn%d.r%d.test", i > 0 ? "," : "", i, round);
        serve(text_string(&list));
    }
    for (int round = 0; round < 10; round++)
        for (int i = 0; i < 60; i++) {
            char *name = text_format("n%d.r%d.test", i, round);
            assert_int_equal(is_local(name), round == 9);
            assert_int_equal(was_local(name), round < 9);
            free(name);
        }
    assert_true(is_local("ours.test"));
    text_free(&list);
    xmpp_server_stop();
    config_stop();
}

static _Atomic bool asking_done;

static void *ask(void *argument)
{
    bool sane = true;
    for (int i = 0; i < 1000 || !atomic_load(&asking_done); i++)
        sane = is_local("ours.test") && !is_local("never.test") && sane;
    return sane ? argument : NULL;
}

static void answers_while_names_change(void **state)
{
    (void)state;
    pthread_t threads[3];
    serve("a.test");
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, threads), 0);
    for (int i = 0; i < 50; i++)
        serve(i % 2 == 0 ? "b.test,c.test" : "a.test");
    atomic_store(&asking_done, true);
    for (int i = 0; i < 3; i++) {
        void *sane;
        pthread_join(threads[i], &sane);
        assert_non_null(sane);
    }
    xmpp_server_stop();
    config_stop();
}

static void tells_its_uptime_from_its_start(void **state)
{
    (void)state;
    assert_int_equal(xmpp_server_uptime(), 0); /* not started */
    int64_t before = xmpp_server_now();
    serve("");
    int64_t uptime = xmpp_server_uptime();
    assert_true(uptime >= 0 && uptime <= (xmpp_server_now() - before) / 1000);
    assert_true(before > 0 && xmpp_server_now() >= before);
    xmpp_server_stop();
    config_stop();
}

static void keeps_the_last_steps_of_a_connection(void **state)
{
    (void)state;
    struct timeline *timeline = timeline_new();
    struct text story = TEXT_EMPTY;
    timeline_step(timeline, "Class.method", "RFC 6120 4.7", "the first step, %d", 1);
    timeline_step(NULL, NULL, NULL, "nothing to be kept in");
    timeline_write(timeline, &story);
    assert_non_null(strstr(story.bytes, "Class.method"));
    assert_non_null(strstr(story.bytes, "the first step, 1"));
    assert_non_null(strstr(story.bytes, "RFC 6120 4.7"));
    for (int i = 0; i < 3 * TIMELINE_STEPS; i++)
        timeline_step(timeline, NULL, NULL, "step %d.", i);
    text_clear(&story);
    timeline_write(timeline, &story);
    assert_null(strstr(story.bytes, "the first step"));
    assert_non_null(strstr(story.bytes, "step 191."));
    assert_null(strstr(story.bytes, "step 127."));
    text_free(&story);
    timeline_free(timeline);
    timeline_free(NULL);
}

static _Atomic int ran;
static _Atomic bool may_end;

static void run(void *argument)
{
    atomic_fetch_add(&ran, *(int *)argument);
    while (!atomic_load(&may_end))
        usleep(1000);
}

static void counts_its_threads_until_the_last_has_ended(void **state)
{
    (void)state;
    int one = 1;
    assert_int_equal(thread_wait_all(xmpp_server_now()), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(thread_start("a-long-name-for-a-thread", 0, run, &one), 0);
    assert_int_equal(thread_wait_all(xmpp_server_now() + 50), 5);
    atomic_store(&may_end, true);
    assert_int_equal(thread_wait_all(xmpp_server_now() + 20000), 0);
    assert_int_equal(atomic_load(&ran), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_its_names_by_equality_and_remembers_those_gone),
        cmocka_unit_test(keeps_its_names_when_a_new_one_is_no_domain),
        cmocka_unit_test(finds_each_of_many_names_after_many_reloads),
        cmocka_unit_test(answers_while_names_change),
        cmocka_unit_test(tells_its_uptime_from_its_start),
        cmocka_unit_test(keeps_the_last_steps_of_a_connection),
        cmocka_unit_test(counts_its_threads_until_the_last_has_ended),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    text_free(&why);
    return failed;
}
