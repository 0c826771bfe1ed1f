/* SPDX-License-Identifier: Apache-2.0 */
/* test_metrics - counters, histograms and their page; the HTTP listener's limit of time
 *
 * What the page says of real traffic is proved by metrics.py; here are the edges.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "admin/http_listener.h"
#include "admin/metrics_page.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/xmpp_server.h"

/* --- histograms --- */

/* bucket_of - into which bucket a duration of so many microseconds falls */
static int bucket_of(int64_t duration)
{
    struct metrics_histogram histogram = {0};
    int found = -1;
    metrics_observe(&histogram, metrics_now() - duration);
    assert_true(histogram.sum >= duration);
    for (int i = 0; i < METRICS_BUCKETS; i++) {
        if (histogram.buckets[i] == 0)
            continue;
        assert_int_equal(histogram.buckets[i], 1);
        assert_int_equal(found, -1);
        found = i;
    }
    return found;
}

static void a_duration_falls_into_the_first_bucket_that_holds_it(void **state)
{
    (void)state;
    assert_string_equal(metrics_bucket_bound(METRICS_BUCKETS - 1), "+Inf");
    for (int i = 0; i < METRICS_BUCKETS - 1; i++) {
        int64_t bound = (int64_t)(atof(metrics_bucket_bound(i)) * 1e6 + 0.5);
        assert_true(i == 0 || bound > atof(metrics_bucket_bound(i - 1)) * 1e6);
        assert_int_equal(bucket_of(bound + 1), i + 1);
        assert_true(bucket_of(bound / 2) <= i);
    }
    assert_int_equal(bucket_of(0), 0);
    assert_int_equal(bucket_of((int64_t)1 << 50), METRICS_BUCKETS - 1);
}

#define OBSERVATIONS 20000

static void *observe_many(void *histogram)
{
    for (int i = 0; i < OBSERVATIONS; i++)
        metrics_observe(histogram, metrics_now());
    return NULL;
}

static void no_observation_is_lost(void **state)
{
    (void)state;
    struct metrics_histogram histogram = {0};
    pthread_t threads[4];
    int64_t count = 0;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, observe_many, &histogram), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < METRICS_BUCKETS; i++)
        count += histogram.buckets[i];
    assert_int_equal(count, 4 * OBSERVATIONS);
}

/* --- all of them --- */

struct seen {
    char names[2000][200];
    int count;
    const char *name;
};

/* note - names with their labels stand once, those of one name together, and no word is missing */
static void note(const struct metrics_sample *sample, void *given)
{
    struct seen *seen = given;
    struct text whole = TEXT_EMPTY;
    assert_true(sample->help[0] != '\0');
    assert_true((sample->kind == METRICS_HISTOGRAM) == (sample->buckets != NULL));
    text_append_string(&whole, sample->name);
    for (int i = 0; i < sample->label_count; i++) {
        assert_non_null(sample->labels[i].value);
        assert_true(sample->labels[i].value[0] != '\0');
        text_appendf(&whole, " %s=%s", sample->labels[i].name, sample->labels[i].value);
    }
    if (seen->name == NULL || strcmp(seen->name, sample->name) != 0)
        for (int i = 0; i < seen->count; i++)
            assert_true(strncmp(seen->names[i], sample->name, strlen(sample->name)) != 0 ||
                        strchr(" ", seen->names[i][strlen(sample->name)]) == NULL);
    for (int i = 0; i < seen->count; i++)
        assert_string_not_equal(seen->names[i], text_string(&whole));
    assert_true(seen->count < 2000);
    snprintf(seen->names[seen->count++], sizeof seen->names[0], "%s", text_string(&whole));
    seen->name = sample->name;
    text_free(&whole);
}

static bool was_seen(const struct seen *seen, const char *name)
{
    for (int i = 0; i < seen->count; i++)
        if (strcmp(seen->names[i], name) == 0)
            return true;
    return false;
}

static void every_number_is_given_once(void **state)
{
    (void)state;
    struct seen *seen = text_calloc(1, sizeof *seen);
    metrics_each(note, seen);
    assert_true(was_seen(seen, "stanzas_in"));
    assert_true(
        was_seen(seen, "handshakes direction=incoming outcome=success step=none reason=external"));
    assert_true(
        was_seen(seen, "handshakes direction=outgoing outcome=failure step=dns reason=no-server"));
    assert_true(was_seen(seen, "stream_errors direction=sent condition=unsupported-version"));
    assert_true(was_seen(seen, "stanza_errors condition=undefined-condition"));
    assert_false(was_seen(seen, "stream_errors direction=sent condition=none"));
    free(seen);
}

static void a_failure_has_its_step_and_cause(void **state)
{
    (void)state;
    struct seen *seen = text_calloc(1, sizeof *seen);
    metrics_each(note, seen);
    for (int i = FAILURE_NONE + 1; i < METRICS_FAILURES; i++) {
        char *whole = text_format("handshakes direction=outgoing outcome=failure step=%s reason=%s",
                                  failure_step_word(failure_step((enum failure)i)),
                                  failure_word((enum failure)i));
        assert_true(was_seen(seen, whole));
        free(whole);
    }
    free(seen);
}

/* --- the page --- */

static void assert_page_holds(const char *lines)
{
    struct text page = TEXT_EMPTY;
    metrics_page_write(&page);
    if (strstr(text_string(&page), lines) == NULL)
        fail_msg("not on the page:\n%s", lines);
    text_free(&page);
}

static void what_is_counted_stands_on_the_page(void **state)
{
    (void)state;
    metrics_add(stanzas_in, 41);
    metrics_add(stanzas_in, 1);
    metrics_add(threads, 3);
    metrics_add(threads, -1);
    metrics_add(failures[METRICS_OUTGOING][FAILURE_TLS_VERSION], 7);
    metrics_add(stream_errors[METRICS_INCOMING][STREAM_RESET], 2);
    assert_page_holds("\n# TYPE openfire_s2s_stanzas_in_total counter\n"
                      "openfire_s2s_stanzas_in_total 42\n");
    assert_page_holds("\n# TYPE openfire_s2s_threads gauge\nopenfire_s2s_threads 2\n");
    assert_page_holds("\nopenfire_s2s_handshakes_total{direction=\"outgoing\","
                      "outcome=\"failure\",step=\"tls\",reason=\"tls-version\"} 7\n");
    assert_page_holds("\nopenfire_s2s_stream_errors_total{direction=\"received\","
                      "condition=\"reset\"} 2\n");
    assert_page_holds("\nopenfire_s2s_build_info{version=\"" XMPP_SERVER_VERSION "\"} 1\n");
}

static void buckets_add_up(void **state)
{
    (void)state;
    struct metrics_histogram *histogram = &metrics.tls_handshake[METRICS_INCOMING][RESULT_SUCCESS];
    histogram->buckets[0] = 2;
    histogram->buckets[3] = 1;
    histogram->buckets[METRICS_BUCKETS - 1] = 4;
    histogram->sum = 61000005;
    assert_page_holds(
        "\n# TYPE openfire_s2s_tls_handshake_seconds histogram\n"
        "openfire_s2s_tls_handshake_seconds_bucket{direction=\"incoming\",result=\"success\","
        "le=\"0.001\"} 2\n"
        "openfire_s2s_tls_handshake_seconds_bucket{direction=\"incoming\",result=\"success\","
        "le=\"0.0025\"} 2\n"
        "openfire_s2s_tls_handshake_seconds_bucket{direction=\"incoming\",result=\"success\","
        "le=\"0.005\"} 2\n"
        "openfire_s2s_tls_handshake_seconds_bucket{direction=\"incoming\",result=\"success\","
        "le=\"0.01\"} 3\n");
    assert_page_holds(
        "le=\"60\"} 3\n"
        "openfire_s2s_tls_handshake_seconds_bucket{direction=\"incoming\",result=\"success\","
        "le=\"+Inf\"} 7\n"
        "openfire_s2s_tls_handshake_seconds_sum{direction=\"incoming\",result=\"success\"} "
        "61.000005\n"
        "openfire_s2s_tls_handshake_seconds_count{direction=\"incoming\",result=\"success\"} 7\n");
}

static void what_has_a_meaning_in_the_format_is_escaped(void **state)
{
    (void)state;
    struct text out = TEXT_EMPTY;
    metrics_page_write_label(&out, "name", "a\\b\"c\nd");
    assert_string_equal(text_string(&out), "name=\"a\\\\b\\\"c\\nd\"");
    text_clear(&out);
    metrics_page_write_head(&out, "n", "gauge", "a\\b\"c\nd");
    assert_string_equal(text_string(&out), "# HELP n a\\\\b\"c\\nd\n# TYPE n gauge\n");
    text_free(&out);
}

/* --- the listener --- */

static void greet(const struct http_request *request, struct http_response *response, void *owner)
{
    const char *name = http_request_header(request, "X-NAME");
    text_appendf(&response->body, "%s %s, %s", (const char *)owner, name != NULL ? name : "nobody",
                 http_request_path(request));
}

static int connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 15};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *words)
{
    assert_int_equal(send(fd, words, strlen(words), MSG_NOSIGNAL), strlen(words));
}

/* read_answer - until the end; true when it is one with that body */
static bool read_answer(int fd, const char *body)
{
    char answer[4096] = "";
    size_t length = 0;
    ssize_t got;
    while ((got = recv(fd, answer + length, sizeof answer - 1 - length, 0)) > 0)
        length += (size_t)got;
    assert_int_equal(got, 0);
    close(fd);
    const char *end = strstr(answer, "\r\n\r\n");
    return end != NULL && strncmp(answer, "HTTP/1.1 200 ", 13) == 0 && strcmp(end + 4, body) == 0;
}

static struct http_listener *listen_anywhere(const char *address, struct text *why)
{
    static char greeting[] = "hello";
    struct http_listener_options options = {
        .name = "greeter", .address = address, .handler = greet, .owner = greeting};
    return http_listener_new(&options, why);
}

static void a_handler_answers_on_every_kind_of_address(void **state)
{
    (void)state;
    static const char *const addresses[] = {"127.0.0.1", "0.0.0.0", ""};
    struct text why = TEXT_EMPTY;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        struct http_listener *listener = listen_anywhere(addresses[i], &why);
        assert_non_null(listener);
        int fd = connect_to(http_listener_port(listener));
        say(fd, "GET /a%41?b HTTP/1.1\r\nHost: h\r\nx-name: you\r\n\r\n");
        assert_true(read_answer(fd, "hello you, /a%41"));
        fd = connect_to(http_listener_port(listener));
        say(fd, "GET / HTTP/1.0\r\n\r\n");
        assert_true(read_answer(fd, "hello nobody, /"));
        http_listener_free(listener);
    }
    assert_null(listen_anywhere("192.0.2.77", &why)); /* none of this machine's */
    assert_non_null(strstr(text_string(&why), "can't listen on 192.0.2.77 port 0: "));
    text_free(&why);
}

static void what_lasts_too_long_is_cut(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    struct http_listener *listener = listen_anywhere("127.0.0.1", &why);
    int slow = connect_to(http_listener_port(listener));
    say(slow, "GET / HTTP/1.1\r\nHost: h\r\n");
    int other = connect_to(http_listener_port(listener));
    say(other, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(read_answer(other, "hello nobody, /")); /* so the first one was accepted as well */
    int64_t now = xmpp_server_now();
    http_listener_tick(listener, now + HTTP_LISTENER_LAST_MS - 5000);
    struct pollfd quiet = {.fd = slow, .events = POLLIN};
    assert_int_equal(poll(&quiet, 1, 100), 0);
    http_listener_tick(listener, now + HTTP_LISTENER_LAST_MS);
    assert_false(read_answer(slow, ""));
    int fd = connect_to(http_listener_port(listener)); /* the place of a closed one is free again */
    say(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(read_answer(fd, "hello nobody, /"));
    http_listener_tick(NULL, now);
    http_listener_free(listener);
    http_listener_free(NULL);
    text_free(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_duration_falls_into_the_first_bucket_that_holds_it),
        cmocka_unit_test(no_observation_is_lost),
        cmocka_unit_test(every_number_is_given_once),
        cmocka_unit_test(a_failure_has_its_step_and_cause),
        cmocka_unit_test(what_is_counted_stands_on_the_page),
        cmocka_unit_test(buckets_add_up),
        cmocka_unit_test(what_has_a_meaning_in_the_format_is_escaped),
        cmocka_unit_test(a_handler_answers_on_every_kind_of_address),
        cmocka_unit_test(what_lasts_too_long_is_cut),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
