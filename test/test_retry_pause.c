/* SPDX-License-Identifier: Apache-2.0 */
/* test_retry_pause - a dead domain is not tried again at once
 *
 * And what stream headers and stream errors are made of.
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
#include "server/xmpp_server.h"
#include "session/domain_pair.h"
#include "session/retry_pause.h"
#include "xml/stream_error.h"
#include "xml/stream_header.h"
#include "xml/xmlns.h"

static int start(void **state)
{
    (void)state;
    char path[] = "/tmp/retry-pause-XXXXXX";
    struct text why = TEXT_EMPTY;
    int fd = mkstemp(path);
    dprintf(fd, "[s2s]\nretry.first = 200\nretry.max = 700\n");
    close(fd);
    log_set_level(LOG_LEVEL_ERROR);
    struct config *config = config_load(path, &why);
    unlink(path);
    text_free(&why);
    if (config == NULL)
        return -1;
    config_publish(config);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    retry_pause_stop();
    config_stop();
    return 0;
}

/* pause_left - how long the domain is left alone from now; -1: not at all */
static long long pause_left(const char *domain, enum packet_error *error)
{
    struct text why = TEXT_EMPTY;
    long long left = -1;
    if (retry_pause_is_on(RETRY_STANZAS, domain_span(domain), error, &why))
        assert_int_equal(
            sscanf(strstr(text_string(&why), "is made in"), "is made in %lld ms", &left), 1);
    text_free(&why);
    return left;
}

/* wait_over - until the pause has ended, two seconds at most */
static void wait_over(const char *domain)
{
    enum packet_error error;
    for (int i = 0; i < 200 && pause_left(domain, &error) >= 0; i++)
        usleep(10000);
}

static void pauses_grow_up_to_the_cap_and_vary(void **state)
{
    (void)state;
    enum packet_error error = PACKET_BAD_REQUEST;
    static const struct {
        long long least, most;
    } expected[] = {{80, 200}, {220, 400}, {420, 700}, {420, 700}};
    assert_true(pause_left("dead.test", &error) < 0);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        retry_pause_failed(RETRY_STANZAS, "dead.test", PACKET_REMOTE_SERVER_NOT_FOUND,
                           "no such server");
        retry_pause_failed(RETRY_STANZAS, "dead.test", PACKET_REMOTE_SERVER_TIMEOUT, "counts once");
        long long left = pause_left("dead.test", &error);
        assert_in_range(left, expected[i].least, expected[i].most);
        assert_int_equal(error, PACKET_REMOTE_SERVER_NOT_FOUND);
        assert_true(pause_left("other.test", &error) < 0);
        wait_over("dead.test");
    }
}

static void a_success_ends_the_pause(void **state)
{
    (void)state;
    enum packet_error error;
    retry_pause_failed(RETRY_STANZAS, "dead.test", PACKET_REMOTE_SERVER_TIMEOUT, "x");
    assert_true(pause_left("dead.test", &error) >= 0);
    retry_pause_succeeded("dead.test");
    assert_true(pause_left("dead.test", &error) < 0);
    retry_pause_failed(RETRY_STANZAS, "dead.test", PACKET_REMOTE_SERVER_TIMEOUT, "x");
    assert_in_range(pause_left("dead.test", &error), 80, 200); /* from the start again */
    retry_pause_forgotten("dead.test");                        /* so says the operator */
    assert_true(pause_left("dead.test", &error) < 0);
}

static void forgets_what_is_long_over(void **state)
{
    (void)state;
    enum packet_error error;
    retry_pause_failed(RETRY_STANZAS, "dead.test", PACKET_REMOTE_SERVER_TIMEOUT, "x");
    retry_pause_tick(xmpp_server_now());
    assert_true(pause_left("dead.test", &error) >= 0);
    retry_pause_tick(xmpp_server_now() + 3600000);
    assert_true(pause_left("dead.test", &error) < 0);
}

static void questions_pause_by_themselves_and_not_for_long(void **state)
{
    (void)state;
    enum packet_error error = PACKET_BAD_REQUEST;
    struct span dead = domain_span("dead.test");
    struct text why = TEXT_EMPTY;
    retry_pause_failed(RETRY_QUESTIONS, "dead.test", PACKET_REMOTE_SERVER_TIMEOUT, "x");
    assert_false(retry_pause_is_on(RETRY_QUESTIONS, dead, &error, &why)); /* once may be chance */
    retry_pause_tick(xmpp_server_now());
    retry_pause_failed(RETRY_QUESTIONS, "dead.test", PACKET_REMOTE_SERVER_TIMEOUT, "x");
    assert_true(pause_left("dead.test", &error) < 0); /* stanzas need not wait for it */
    assert_true(retry_pause_is_on(RETRY_QUESTIONS, dead, &error, &why));
    assert_int_equal(error, PACKET_REMOTE_SERVER_TIMEOUT);
    retry_pause_failed(RETRY_STANZAS, "dead.test", PACKET_REMOTE_SERVER_TIMEOUT, "x");
    retry_pause_answered("dead.test");
    assert_false(retry_pause_is_on(RETRY_QUESTIONS, dead, &error, &why));
    assert_true(pause_left("dead.test", &error) >= 0);
    for (int i = 0; i < 2; i++)
        retry_pause_failed(RETRY_QUESTIONS, "dead.test", PACKET_REMOTE_SERVER_TIMEOUT, "x");
    assert_true(retry_pause_is_on(RETRY_QUESTIONS, dead, &error, &why));
    retry_pause_succeeded("dead.test");
    assert_false(retry_pause_is_on(RETRY_QUESTIONS, dead, &error, &why));
    assert_true(pause_left("dead.test", &error) < 0);
    text_free(&why);
}

static void reads_versions_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *version;
        bool valid;
        unsigned major;
    } rows[] = {{"1.0", true, 1},   {"2.10", true, 2},  {"0.9", true, 0},           {"1", false, 0},
                {"1.", false, 0},   {".1", false, 0},   {"abc", false, 0},          {"", false, 0},
                {"1.0 ", false, 0}, {"-1.0", false, 0}, {"99999999999.0", false, 0}};
    struct arena *arena = arena_new(0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct element *element = element_new(arena, "stream", XMLNS_STREAM);
        element_set(arena, element, "version", rows[i].version);
        struct stream_header header;
        stream_header_read(&header, element);
        assert_true(header.has_version);
        assert_int_equal(header.version_valid, rows[i].valid);
        assert_int_equal(header.major, rows[i].major);
    }
    arena_free(arena);
}

static void writes_headers_and_errors_escaped(void **state)
{
    (void)state;
    struct text out = TEXT_EMPTY;
    stream_header_write(&out,
                        &(struct stream_header_fields){.to = "a\"<&", .content_ns = XMLNS_SERVER});
    assert_string_equal(
        out.bytes, "<?xml version=\"1.0\"?><stream:stream xmlns=\"jabber:server\" "
                   "xmlns:stream=\"http://etherx.jabber.org/streams\" to=\"a&quot;&lt;&amp;\">");
    text_clear(&out);
    stream_error_write(&out, STREAM_HOST_GONE, "<no>");
    assert_string_equal(
        out.bytes, "<stream:error><host-gone xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\"/><text "
                   "xmlns=\"urn:ietf:params:xml:ns:xmpp-streams\" "
                   "xml:lang=\"en\">&lt;no&gt;</text></stream:error>");
    text_clear(&out);
    stream_error_write(&out, STREAM_ERROR_NONE, "x");
    assert_int_equal(out.length, 0);
    text_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pauses_grow_up_to_the_cap_and_vary, start, stop),
        cmocka_unit_test_setup_teardown(a_success_ends_the_pause, start, stop),
        cmocka_unit_test_setup_teardown(forgets_what_is_long_over, start, stop),
        cmocka_unit_test_setup_teardown(questions_pause_by_themselves_and_not_for_long, start,
                                        stop),
        cmocka_unit_test(reads_versions_strictly),
        cmocka_unit_test(writes_headers_and_errors_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
