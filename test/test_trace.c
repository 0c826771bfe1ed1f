/* SPDX-License-Identifier: Apache-2.0 */
/* test_trace - who follows a domain gets its steps and stanzas, and nobody else's
 *
 * Timelines are real ones; the stanzas are parsed ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include "server/timeline.h"
#include "server/trace.h"
#include "server/xmpp_server.h"
#include "xml/arena.h"
#include "xml/element.h"
#include "xml/xmlns.h"

static void expect(struct trace *trace, const char *connection, const char *text)
{
    struct trace_event event;
    assert_true(trace_next(trace, xmpp_server_now() + 10000, &event));
    assert_string_equal(event.connection, connection);
    assert_string_equal(event.text, text);
    free(event.text);
}

static void expect_nothing(struct trace *trace)
{
    struct trace_event event;
    assert_false(trace_next(trace, xmpp_server_now(), &event));
}

static struct timeline *make(const char *name, const char *domain)
{
    struct timeline *timeline = timeline_new();
    timeline_set_name(timeline, name);
    if (domain != NULL)
        timeline_concern(timeline, domain);
    return timeline;
}

static void steps_go_to_those_who_follow_their_domain(void **state)
{
    (void)state;
    struct timeline *a = make("s2sin-1", "a.test"), *b = make("s2sout-2", "b.test");
    assert_false(trace_is_on());
    timeline_step(a, "Actor.act", "RFC 1", "before");
    struct trace *trace = trace_start("a.test", false), *second = trace_start("a.test", false);
    assert_true(trace_is_on());
    timeline_step(a, "Actor.act", "RFC 1", "to %s", "a");
    timeline_step(b, "Actor.act", "RFC 1", "to b");
    timeline_step(NULL, "Actor.act", "RFC 1", "to nobody");
    struct trace_event event;
    assert_true(trace_next(trace, xmpp_server_now() + 10000, &event));
    assert_int_equal(event.kind, TRACE_STEP);
    assert_string_equal(event.actor, "Actor.act");
    assert_string_equal(event.clause, "RFC 1");
    assert_string_equal(event.text, "to a");
    free(event.text);
    expect_nothing(trace);
    expect(second, "s2sin-1", "to a");
    expect_nothing(second);
    timeline_step(a, NULL, NULL, "left in the queue");
    trace_stop(trace);
    trace_stop(second);
    assert_false(trace_is_on());
    timeline_free(a);
    timeline_free(b);
}

static void a_story_that_turns_out_to_concern_the_domain_is_told_from_its_beginning(void **state)
{
    (void)state;
    struct trace *trace = trace_start("a.test", false);
    struct timeline *timeline = make("s2sin-3", NULL);
    timeline_step(timeline, NULL, NULL, "accepted");
    timeline_step(timeline, NULL, NULL, "header");
    expect_nothing(trace);
    timeline_concern(timeline, "b.test");
    expect_nothing(trace);
    timeline_concern(timeline, "a.test");
    expect(trace, "s2sin-3", "accepted");
    expect(trace, "s2sin-3", "header");
    timeline_concern(timeline, "a.test"); /* once is enough */
    expect_nothing(trace);
    timeline_step(timeline, NULL, NULL, "more");
    expect(trace, "s2sin-3", "more");
    trace_stop(trace);
    timeline_free(timeline);
}

static void of_a_long_story_the_kept_steps_are_told_in_their_order(void **state)
{
    (void)state;
    struct timeline *timeline = make("s2sin-4", NULL);
    for (int i = 0; i < TIMELINE_STEPS + 10; i++)
        timeline_step(timeline, NULL, NULL, "step %d", i);
    struct trace *trace = trace_start("a.test", false);
    timeline_concern(timeline, "a.test");
    int64_t before = 0;
    for (int i = 10; i < TIMELINE_STEPS + 10; i++) {
        char sentence[32];
        struct trace_event event;
        snprintf(sentence, sizeof sentence, "step %d", i);
        assert_true(trace_next(trace, xmpp_server_now() + 10000, &event));
        assert_string_equal(event.text, sentence);
        assert_true(event.time + 1000000 > before); /* the wall clock may be set meanwhile */
        before = event.time;
        free(event.text);
    }
    expect_nothing(trace);
    trace_stop(trace);
    timeline_free(timeline);
}

static void the_domains_of_a_stream_are_bounded_and_the_last_ones_count(void **state)
{
    (void)state;
    struct timeline *timeline = make("s2sin-5", NULL);
    for (int i = 0; i < 2 * TIMELINE_DOMAINS; i++) {
        char domain[32];
        snprintf(domain, sizeof domain, "d%d.test", i);
        timeline_concern(timeline, domain);
    }
    struct trace *first = trace_start("d0.test", false), *last = trace_start("d31.test", false);
    struct trace *part = trace_start("1.test", false); /* whole names count */
    timeline_step(timeline, NULL, NULL, "step");
    expect_nothing(first);
    expect_nothing(part);
    expect(last, "s2sin-5", "step");
    trace_stop(first);
    trace_stop(last);
    trace_stop(part);
    timeline_free(timeline);
}

static void who_does_not_read_loses_events_and_is_told_how_many(void **state)
{
    (void)state;
    struct timeline *timeline = make("s2sin-6", "a.test");
    struct trace *trace = trace_start("a.test", false);
    for (int i = 0; i < TRACE_QUEUE + 7; i++)
        timeline_step(timeline, NULL, NULL, "step %d", i);
    assert_int_equal(trace_lost(trace), 7);
    assert_int_equal(trace_lost(trace), 0);
    for (int i = 0; i < TRACE_QUEUE; i++) {
        char sentence[32];
        snprintf(sentence, sizeof sentence, "step %d", i);
        expect(trace, "s2sin-6", sentence);
    }
    expect_nothing(trace);
    timeline_step(timeline, NULL, NULL, "after");
    expect(trace, "s2sin-6", "after");
    trace_stop(trace);
    timeline_free(timeline);
}

static struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

static void stanzas_come_when_they_are_asked_for(void **state)
{
    (void)state;
    struct arena *arena = arena_new(0);
    struct element *message = element_new(arena, "message", XMLNS_SERVER);
    element_set(arena, message, "from", "x@a.test");
    struct trace *steps = trace_start("a.test", false), *all = trace_start("a.test", true);
    trace_stanza(span_of("a.test"), TRACE_STANZA_IN, "s2sin-7", XMLNS_SERVER, message);
    trace_stanza(span_of("b.test"), TRACE_STANZA_IN, "s2sin-8", XMLNS_SERVER, message);
    expect(all, "s2sin-7", "<message from=\"x@a.test\"/>");
    expect_nothing(all);
    expect_nothing(steps);
    char *long_text = text_alloc(3 * TRACE_STANZA_BYTES + 1);
    for (int i = 0; i < TRACE_STANZA_BYTES; i++)
        memcpy(long_text + 3 * i, "\xe2\x82\xac", 4);
    element_set(arena, message, "id", long_text);
    trace_stanza(span_of("a.test"), TRACE_STANZA_OUT, "s2sout-7", XMLNS_SERVER, message);
    struct trace_event event;
    assert_true(trace_next(all, xmpp_server_now() + 10000, &event));
    assert_int_equal(event.kind, TRACE_STANZA_OUT);
    assert_in_range(strlen(event.text), TRACE_STANZA_BYTES - 3, TRACE_STANZA_BYTES + 3);
    assert_string_equal(event.text + strlen(event.text) - 6, "\xe2\x82\xac\xe2\x80\xa6"); /* €… */
    free(event.text);
    free(long_text);
    trace_stop(steps);
    trace_stop(all);
    arena_free(arena);
}

static void only_so_many_may_follow(void **state)
{
    (void)state;
    struct trace *traces[TRACE_MAX];
    for (int i = 0; i < TRACE_MAX; i++)
        assert_non_null(traces[i] = trace_start("a.test", false));
    assert_null(trace_start("a.test", false));
    trace_stop(traces[3]);
    assert_non_null(traces[3] = trace_start("a.test", false));
    for (int i = 0; i < TRACE_MAX; i++)
        trace_stop(traces[i]);
    assert_false(trace_is_on());
}

static _Atomic bool over;

static void *step_on(void *timeline)
{
    while (!over) {
        timeline_concern(timeline, "a.test");
        timeline_step(timeline, NULL, NULL, "step");
    }
    return NULL;
}

static void following_begins_and_ends_while_others_step_on(void **state)
{
    (void)state;
    struct timeline *timeline = make("s2sin-9", "a.test");
    pthread_t threads[3];
    over = false;
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, step_on, timeline);
    for (int i = 0; i < 200; i++) {
        struct trace *trace = trace_start("a.test", false);
        expect(trace, "s2sin-9", "step");
        trace_stop(trace);
    }
    over = true;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    timeline_free(timeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_go_to_those_who_follow_their_domain),
        cmocka_unit_test(a_story_that_turns_out_to_concern_the_domain_is_told_from_its_beginning),
        cmocka_unit_test(of_a_long_story_the_kept_steps_are_told_in_their_order),
        cmocka_unit_test(the_domains_of_a_stream_are_bounded_and_the_last_ones_count),
        cmocka_unit_test(who_does_not_read_loses_events_and_is_told_how_many),
        cmocka_unit_test(stanzas_come_when_they_are_asked_for),
        cmocka_unit_test(only_so_many_may_follow),
        cmocka_unit_test(following_begins_and_ends_while_others_step_on),
    };
    return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
