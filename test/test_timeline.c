/* SPDX-License-Identifier: Apache-2.0 */
/* test_timeline - the story of a connection: its lines, its bounds, its escapes
 *
 * What the ring keeps and forgets is in test_xmpp_server too; here are the exact lines. Writers beside
 * readers are for ThreadSanitizer.
 */
#include <pthread.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/log.h"
#include "server/timeline.h"
#include "test/support/scratch.h"

#define AFTER "\\+[0-9]+\\.[0-9] ms  "

static int reset(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_INFO);
    log_set_id("s2sin-1");
    return 0;
}

static void assert_matches(const char *text, const char *pattern)
{
    regex_t regex;
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    if (regexec(&regex, text, 0, NULL, 0) != 0)
        fail_msg("%s does not match %s", text, pattern);
    regfree(&regex);
}

static void a_step_is_a_line_with_what_it_has(void **state)
{
    (void)state;
    struct timeline *timeline = timeline_new();
    struct text story = TEXT_EMPTY;
    timeline_write(timeline, &story);
    assert_int_equal(story.length, 0);
    timeline_step(timeline, "ServerDialback.verifyKey", "XEP-0220 2.1.2", "key of %s", "a.test");
    timeline_step(timeline, NULL, "RFC 6120 4.4", "closed");
    timeline_step(timeline, "SocketReader.run", NULL, "began");
    timeline_step(timeline, NULL, NULL, "end");
    timeline_write(timeline, &story);
    assert_matches(
        text_string(&story),
        "^" AFTER "ServerDialback\\.verifyKey  key of a\\.test  \\[XEP-0220 2\\.1\\.2\\]\n" AFTER
        "closed  \\[RFC 6120 4\\.4\\]\n" AFTER "SocketReader\\.run  began\n" AFTER "end\n$");
    text_free(&story);
    timeline_free(timeline);
}

static void tells_how_many_steps_it_has_forgotten(void **state)
{
    (void)state;
    struct timeline *timeline = timeline_new();
    struct text story = TEXT_EMPTY;
    for (int i = 0; i < TIMELINE_STEPS; i++)
        timeline_step(timeline, NULL, NULL, "step %d.", i);
    timeline_write(timeline, &story);
    assert_matches(text_string(&story), "^" AFTER "step 0\\.\n");
    timeline_step(timeline, NULL, NULL, "one more");
    text_clear(&story);
    timeline_write(timeline, &story);
    assert_matches(text_string(&story),
                   "^\\(1 earlier steps are not kept\\)\n" AFTER "step 1\\.\n");
    assert_matches(text_string(&story), AFTER "one more\n$");
    text_free(&story);
    timeline_free(timeline);
}

static void what_a_peer_wrote_is_escaped_and_cut(void **state)
{
    (void)state;
    struct timeline *timeline = timeline_new();
    struct text story = TEXT_EMPTY;
    char peer[2 * TIMELINE_SENTENCE];
    memset(peer, 'x', sizeof peer);
    peer[sizeof peer - 1] = '\0';
    timeline_step(timeline, NULL, NULL, "id %s", "evil\n+0.0 ms  all is well\xff");
    timeline_step(timeline, NULL, NULL, "%s", peer);
    timeline_write(timeline, &story);
    const char *second = strchr(text_string(&story), '\n') + 1;
    assert_non_null(strstr(text_string(&story), "id evil\\x0a+0.0 ms  all is well\\xff\n"));
    assert_int_equal(strlen(strchr(second, 'x')), TIMELINE_SENTENCE + 1);
    assert_string_equal(second + strlen(second) - 4, "\xe2\x80\xa6\n");
    text_free(&story);
    timeline_free(timeline);
}

static void steps_are_logged_at_debug_level_only(void **state)
{
    (void)state;
    struct timeline *timeline = timeline_new();
    scratch_capture_log();
    timeline_step(timeline, "A.b", "RFC 1", "unseen");
    log_set_level(LOG_LEVEL_DEBUG);
    timeline_step(timeline, "A.b", "RFC 1", "seen");
    timeline_step(NULL, NULL, NULL, "without a timeline");
    timeline_write(NULL, NULL);
    char *log = scratch_captured_log();
    assert_matches(log, "^[^ ]+ debug s2sin-1      A\\.b: seen \\[RFC 1\\]\n"
                        "[^ ]+ debug s2sin-1      without a timeline\n$");
    free(log);
    timeline_free(timeline);
}

static void *add_steps(void *timeline)
{
    for (int i = 0; i < 500; i++)
        timeline_step(timeline, "A.b", "RFC 1", "step %d", i);
    return NULL;
}

static void may_be_read_while_others_add_to_it(void **state)
{
    (void)state;
    pthread_t threads[2];
    struct timeline *timeline = timeline_new();
    struct text story = TEXT_EMPTY;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_steps, timeline), 0);
    for (int i = 0; i < 50; i++) {
        text_clear(&story);
        timeline_write(timeline, &story);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    text_clear(&story);
    timeline_write(timeline, &story);
    assert_matches(text_string(&story), "^\\(936 earlier steps are not kept\\)\n");
    text_free(&story);
    timeline_free(timeline);
}

#define TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_step_is_a_line_with_what_it_has),    TEST(tells_how_many_steps_it_has_forgotten),
        TEST(what_a_peer_wrote_is_escaped_and_cut), TEST(steps_are_logged_at_debug_level_only),
        TEST(may_be_read_while_others_add_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
