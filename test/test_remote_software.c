/* SPDX-License-Identifier: Apache-2.0 */
/* test_remote_software - what is kept of the software of others: the last that was said, and not without end
 *
 * How it is asked for is in test/admin.py.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "admin/json_words.h"
#include "admin/remote_software.h"

static int forget(void **state)
{
    (void)state;
    remote_software_stop();
    return 0;
}

static void learn(const char *domain, const char *name, const char *version)
{
    struct iq_router_software software = {.os = ""};
    snprintf(software.name, sizeof software.name, "%s", name);
    snprintf(software.version, sizeof software.version, "%s", version);
    remote_software_learned(domain, &software);
}

/* assert_known - by that name; NULL: nothing is known */
static void assert_known(const char *domain, const char *name)
{
    json_t *told = remote_software_tell(domain);
    if (name == NULL)
        assert_true(json_is_null(told));
    else
        assert_string_equal(json_text(told, "name"), name);
    json_decref(told);
}

static void what_was_said_last_is_told_of_who_said_it(void **state)
{
    (void)state;
    time_t before = time(NULL);
    assert_known("a.test", NULL);
    assert_known(NULL, NULL);
    learn("a.test", "First", "1");
    learn("b.test", "Other", "");
    learn("a.test", "Second", "2");
    json_t *told = remote_software_tell("a.test");
    assert_string_equal(json_text(told, "name"), "Second");
    assert_string_equal(json_text(told, "version"), "2");
    assert_true(json_is_null(json_object_get(told, "os")));
    struct tm then = {0};
    assert_non_null(strptime(json_text(told, "when"), "%Y-%m-%dT%H:%M:%SZ", &then));
    assert_in_range(timegm(&then), before, time(NULL));
    json_decref(told);
    told = remote_software_tell("b.test");
    assert_true(json_is_null(json_object_get(told, "version")));
    json_decref(told);
    assert_known("A.test", NULL); /* names are prepared */
    remote_software_stop();
    assert_known("a.test", NULL);
}

static void who_was_heard_longest_ago_makes_place(void **state)
{
    (void)state;
    char domain[32];
    for (int i = 0; i < REMOTE_SOFTWARE_MAX; i++) {
        snprintf(domain, sizeof domain, "d%d.test", i);
        learn(domain, domain, "1");
    }
    learn("d0.test", "again", "2"); /* so d1.test is the oldest */
    assert_known("d1.test", "d1.test");
    learn("new.test", "new", "1");
    assert_known("new.test", "new");
    assert_known("d0.test", "again");
    assert_known("d1.test", NULL);
    assert_known("d2.test", "d2.test");
    for (int i = 0; i < 3 * REMOTE_SOFTWARE_MAX; i++) {
        snprintf(domain, sizeof domain, "e%d.test", i);
        learn(domain, domain, "1");
        assert_known(domain, domain);
    }
    assert_known("e511.test", NULL);
    assert_known("e512.test", "e512.test");
}

static void *learn_much(void *name)
{
    char domain[32];
    for (int i = 0; i < 2000; i++) {
        snprintf(domain, sizeof domain, "%s%d.test", (const char *)name, i % 200);
        learn(domain, name, "1");
        snprintf(domain, sizeof domain, "%s%d.test", i % 2 ? "x" : "y", i % 200);
        json_t *told = remote_software_tell(domain);
        assert_true(json_is_null(told) ||
                    strncmp(domain, json_text(told, "name"), 1) == 0); /* never another's */
        json_decref(told);
    }
    return NULL;
}

static void threads_may_learn_and_tell_at_once(void **state)
{
    (void)state;
    char names[][2] = {"x", "y"};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, learn_much, names[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_known("x199.test", "x");
    assert_known("y199.test", "y");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, forget, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_said_last_is_told_of_who_said_it),
        TEST(who_was_heard_longest_ago_makes_place),
        TEST(threads_may_learn_and_tell_at_once),
    };
    return cmocka_run_group_tests_name("remote_software", tests, NULL, NULL);
}
