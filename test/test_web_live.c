/* SPDX-License-Identifier: Apache-2.0 */
/* test_web_live - what moves in the web console: samples, charts, and commands that take their time
 *
 * Jobs run the real table of commands; `trace` is one that ends only when it is told to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "admin/json_words.h"
#include "admin/live_samples.h"
#include "admin/web_chart.h"
#include "admin/web_jobs.h"
#include "server/metrics.h"
#include "server/thread.h"
#include "server/xmpp_server.h"
#include "test/support/settings.h"

#define LIMIT_MS 10000

static json_int_t number(const json_t *sample, const char *member)
{
    return json_integer_value(json_object_get(sample, member));
}

/* --- samples --- */

static void a_rate_is_by_the_time_that_really_passed(void **state)
{
    (void)state;
    int64_t now = xmpp_server_now() - 10000;
    json_t *told = live_samples_tell(10);
    assert_int_equal(json_array_size(told), 0); /* there is nothing to compare with */
    json_decref(told);
    live_samples_tick(now);
    told = live_samples_tell(10);
    assert_int_equal(json_array_size(told), 0);
    json_decref(told);
    metrics_add(stanzas_in, 30);
    metrics_add(bytes_out, 5000);
    metrics_add(incoming_sessions, 3);
    live_samples_tick(now + 2500); /* it was late */
    live_samples_tick(now + 3500);
    metrics_add(incoming_sessions, -3);
    told = live_samples_tell(10);
    assert_int_equal(json_array_size(told), 2);
    const json_t *first = json_array_get(told, 0), *second = json_array_get(told, 1);
    assert_int_equal(number(first, "stanzas_in"), 12);
    assert_int_equal(number(first, "bytes_out"), 2000);
    assert_int_equal(number(first, "incoming"), 3);
    assert_int_equal(number(second, "stanzas_in"), 0);
    assert_int_equal(number(second, "bytes_out"), 0);
    assert_true(number(first, "ago_ms") >= 7500 && number(first, "ago_ms") < 7500 + LIMIT_MS);
    assert_int_equal(number(first, "ago_ms") - number(second, "ago_ms"), 1000);
    json_decref(told);
}

static void the_last_ten_minutes_are_kept(void **state)
{
    (void)state;
    int64_t now = xmpp_server_now() - 1000000;
    for (int i = 0; i < 2 * LIVE_SAMPLES; i++) {
        metrics_add(stanzas_out, 7);
        live_samples_tick(now + 1000 * i);
    }
    json_t *told = live_samples_tell(100000);
    assert_int_equal(json_array_size(told), LIVE_SAMPLES - 1);
    size_t i;
    const json_t *each;
    json_array_foreach(told, i, each)
    {
        assert_int_equal(number(each, "stanzas_out"),
                         7); /* no difference over the end of the ring */
    }
    json_decref(told);
    told = live_samples_tell(5);
    assert_int_equal(json_array_size(told), 5);
    assert_true(number(json_array_get(told, 0), "ago_ms") >
                number(json_array_get(told, 4), "ago_ms"));
    json_decref(told);
}

/* --- charts --- */

static const struct web_chart chart = {"Stanzas", {"in", "out"}, {"in", "<out>"}, false, 60};

static void assert_drawn(const json_t *samples, const char *expected)
{
    struct text out = TEXT_EMPTY;
    web_chart_write(&chart, samples, &out);
    if (strstr(text_string(&out), expected) == NULL)
        fail_msg("%s is not in %s", expected, text_string(&out));
    text_free(&out);
}

static void a_chart_has_its_newest_at_the_right_and_fits_its_scale(void **state)
{
    (void)state;
    json_t *samples = json_pack("[{s:i, s:i, s:i}, {s:i, s:i, s:i}, {s:i, s:i, s:i}]", "ago_ms",
                                90500, "in", 4, "out", 0, "ago_ms", 30500, "in", 42, "out", 0,
                                "ago_ms", 500, "in", 25, "out", 50);
    /* 600 wide for 60 s, 8 to 150 high for 0 to 50; what is older than that is left out */
    assert_drawn(samples, "<polyline class=\"line line1\" points=\"300.0,30.7 600.0,79.0 \"/>");
    assert_drawn(samples, "<polyline class=\"line line2\" points=\"300.0,150.0 600.0,8.0 \"/>");
    assert_drawn(samples, "top: 50<");
    assert_drawn(samples, "&lt;out&gt; <b>50</b>");
    json_decref(samples);
}

static void a_chart_of_nothing_is_an_empty_one(void **state)
{
    (void)state;
    json_t *samples = json_array();
    assert_drawn(samples, "points=\"\"");
    assert_drawn(samples, "top: 1<");
    assert_drawn(NULL, "points=\"\"");
    json_decref(samples);
}

/* --- jobs --- */

static int start(const char *line, struct text *why)
{
    struct control_words words;
    assert_int_equal(control_request_split(line, strlen(line), &words, why), 0);
    int number_of = web_jobs_start(&words, "admin@127.0.0.1", why);
    control_words_free(&words);
    return number_of;
}

static int start_good(const char *line)
{
    struct text why = TEXT_EMPTY;
    int job = start(line, &why);
    if (job < 0)
        fail_msg("%s: %s", line, text_string(&why));
    return job;
}

/* told_at_end - what is known of the job once it has ended */
static json_t *told_at_end(int job)
{
    int64_t end = xmpp_server_now() + LIMIT_MS;
    for (;;) {
        json_t *told = web_jobs_tell(job);
        assert_non_null(told);
        if (json_is_false(json_object_get(told, "running")))
            return told;
        json_decref(told);
        if (xmpp_server_now() > end)
            fail_msg("job %d does not end", job);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
}

static void a_job_runs_beside_and_its_answer_is_kept(void **state)
{
    (void)state;
    assert_null(web_jobs_tell(1));
    int job = start_good("help");
    json_t *told = told_at_end(job);
    assert_string_equal(json_text(told, "command"), "help");
    assert_true(json_is_true(json_object_get(json_object_get(told, "answer"), "ok")));
    json_decref(told);
    json_t *list = web_jobs_list("help");
    assert_int_equal(json_array_size(list), 1);
    assert_int_equal(number(json_array_get(list, 0), "job"), job);
    json_decref(list);
    list = web_jobs_list("check");
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    assert_false(web_jobs_end(job + 1));
}

static void so_many_run_at_once_and_each_ends_when_told(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    int jobs[WEB_JOBS_RUNNING];
    for (int i = 0; i < WEB_JOBS_RUNNING; i++)
        jobs[i] = start_good("trace --seconds=600 -- a.test");
    assert_int_equal(start("trace -- a.test", &why), -1);
    assert_non_null(strstr(text_string(&why), "4 run already"));
    json_t *told = web_jobs_tell(jobs[0]);
    assert_true(json_is_true(json_object_get(told, "running")));
    assert_true(json_is_null(json_object_get(told, "answer")));
    assert_string_equal(json_text(told, "subject"), "a.test");
    json_decref(told);
    assert_true(web_jobs_end(jobs[0]));
    json_decref(told_at_end(jobs[0]));
    jobs[0] = start_good("trace --seconds=600 -- b.test"); /* its place is free */
    for (int i = 0; i < WEB_JOBS_RUNNING; i++)
        web_jobs_end(jobs[i]);
    for (int i = 0; i < WEB_JOBS_RUNNING; i++)
        json_decref(told_at_end(jobs[i]));
    text_free(&why);
}

static void the_oldest_that_ended_makes_room(void **state)
{
    (void)state;
    int first = start_good("help"), last = first;
    json_decref(told_at_end(first));
    for (int i = 0; i < WEB_JOBS; i++) {
        last = start_good("help");
        json_decref(told_at_end(last));
    }
    assert_null(web_jobs_tell(first));
    json_t *list = web_jobs_list("help");
    assert_int_equal(json_array_size(list), WEB_JOBS);
    assert_int_equal(number(json_array_get(list, 0), "job"), last); /* the newest first */
    json_decref(list);
}

static void at_the_end_all_are_told_and_none_begins(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    int job = start_good("trace --seconds=600 -- a.test");
    web_jobs_stop();
    json_decref(told_at_end(job));
    assert_int_equal(start("help", &why), -1);
    assert_int_equal(thread_wait_all(xmpp_server_now() + LIMIT_MS), 0);
    text_free(&why);
}

static int open_rooms(void **state)
{
    settings_open_scratch(state);
    config_publish(settings_load_good(""));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_is_by_the_time_that_really_passed),
        cmocka_unit_test(the_last_ten_minutes_are_kept),
        cmocka_unit_test(a_chart_has_its_newest_at_the_right_and_fits_its_scale),
        cmocka_unit_test(a_chart_of_nothing_is_an_empty_one),
        cmocka_unit_test(a_job_runs_beside_and_its_answer_is_kept),
        cmocka_unit_test(so_many_run_at_once_and_each_ends_when_told),
        cmocka_unit_test(the_oldest_that_ended_makes_room),
        cmocka_unit_test(at_the_end_all_are_told_and_none_begins),
    };
    return cmocka_run_group_tests_name("web_live", tests, open_rooms, settings_close_scratch);
}
