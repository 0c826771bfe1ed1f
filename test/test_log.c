/* SPDX-License-Identifier: Apache-2.0 */
/* test_log - lines of the log: form, escapes, cuts, and a standard error that takes nothing
 *
 * The escapes are tried by themselves too (printable), since timelines use them.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <regex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/log.h"
#include "server/metrics.h"
#include "server/printable.h"
#include "test/support/scratch.h"

#define TIME "^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{6}Z "

static int reset(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_INFO);
    log_set_wire(false);
    log_set_id("main");
    return 0;
}

static bool matches(const char *text, const char *pattern)
{
    regex_t regex;
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    bool found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

/* sentence_of - what a line says behind time, level and id */
static const char *sentence_of(const char *line)
{
    return line + strlen("2026-11-24T04:15:02.123456Z info  s2sin-4f2a   ");
}

/* --- escapes --- */

static void assert_escaped(const char *bytes, size_t length, bool wire, const char *expected)
{
    char out[256];
    size_t written = printable_escape(out, sizeof out, bytes, length, wire);
    assert_string_equal(out, expected);
    assert_int_equal(written, strlen(expected));
}

static void escapes_control_characters(void **state)
{
    (void)state;
    assert_escaped("a\0b\n\r\t\x1b[31m\x7f", 12, false, "a\\x00b\\x0a\\x0d\\x09\\x1b[31m\\x7f");
    assert_escaped("\xc2\x9b", 2, false, "\\xc2\\x9b");          /* U+009B, CSI */
    assert_escaped("\xe2\x80\xae", 3, false, "\\xe2\\x80\\xae"); /* right to left */
    assert_escaped("\xe2\x80\xa8", 3, false, "\\xe2\\x80\\xa8"); /* line separator */
    assert_escaped("\xc2\xa0 \\ ~", 6, false, "\xc2\xa0 \\ ~");  /* these print */
}

static void escapes_what_is_no_utf8(void **state)
{
    (void)state;
    assert_escaped("\xff", 1, false, "\\xff");
    assert_escaped("\xc0\xaf", 2, false, "\\xc0\\xaf"); /* overlong '/' */
    assert_escaped("\xe0\x80\xaf", 3, false, "\\xe0\\x80\\xaf");
    assert_escaped("\xf0\x80\x80\xaf", 4, false, "\\xf0\\x80\\x80\\xaf");
    assert_escaped("\xed\xa0\x80", 3, false, "\\xed\\xa0\\x80");          /* a surrogate */
    assert_escaped("\xf4\x90\x80\x80", 4, false, "\\xf4\\x90\\x80\\x80"); /* above U+10FFFF */
    assert_escaped("\xc3", 1, false, "\\xc3");                            /* cut short */
    assert_escaped("\xc3(", 2, false, "\\xc3(");
    assert_escaped("\xc3\xa9 \xe2\x82\xac \xf4\x8f\xbf\xbf", 11, false,
                   "\xc3\xa9 \xe2\x82\xac \xf4\x8f\xbf\xbf");
}

static void the_wire_form_can_be_read_back(void **state)
{
    (void)state;
    assert_escaped("<a>\r\n\t\\n\x01</a>", 13, true, "<a>\\r\\n\\t\\\\n\\x01</a>");
}

static void cuts_between_characters_whatever_the_room(void **state)
{
    (void)state;
    static const char bytes[] = "ab\xc3\xa9\n\xe2\x82\xac"
                                "cd\xf4\x8f\xbf\xbf";
    char whole[64];
    size_t full = printable_escape(whole, sizeof whole, bytes, sizeof bytes - 1, false);
    for (size_t room = 8; room <= full; room++) {
        char *out = malloc(room); /* so that a sanitizer sees a byte too many */
        size_t length = printable_escape(out, room, bytes, sizeof bytes - 1, false);
        assert_true(length < room);
        assert_int_equal(strlen(out), length);
        assert_string_equal(out + length - 3, "\xe2\x80\xa6");
        assert_memory_equal(out, whole, length - 3);
        free(out);
    }
    char *exact = malloc(full + 1);
    assert_int_equal(printable_escape(exact, full + 1, bytes, sizeof bytes - 1, false), full);
    assert_string_equal(exact, whole);
    free(exact);
}

/* --- lines --- */

static void a_line_is_time_level_id_sentence(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_DEBUG);
    log_set_id("s2sin-4f2a");
    scratch_capture_log();
    log_debug("one %d", 1);
    log_info("two");
    log_warn("three");
    log_error("four %s", "4");
    char *log = scratch_captured_log();
    assert_true(matches(log, TIME "debug s2sin-4f2a   one 1\n"
                                  "[^ ]+ info  s2sin-4f2a   two\n"
                                  "[^ ]+ warn  s2sin-4f2a   three\n"
                                  "[^ ]+ error s2sin-4f2a   four 4\n$"));
    free(log);
}

static void says_nothing_below_its_level(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_WARN);
    assert_false(log_enabled(LOG_LEVEL_DEBUG));
    assert_false(log_enabled(LOG_LEVEL_INFO));
    assert_true(log_enabled(LOG_LEVEL_WARN));
    assert_true(log_enabled(LOG_LEVEL_ERROR));
    scratch_capture_log();
    log_debug("no");
    log_info("no");
    log_warn("yes");
    char *log = scratch_captured_log();
    assert_true(matches(log, TIME "warn  main         yes\n$"));
    free(log);
}

static void *read_own_id(void *id)
{
    char *first = strcmp(log_id(), "-") == 0 ? id : NULL;
    log_set_id(id);
    return first != NULL && strcmp(log_id(), id) == 0 ? id : NULL;
}

static void each_thread_has_an_id_of_its_own(void **state)
{
    (void)state;
    pthread_t thread;
    void *result;
    char id[] = "s2sout-1c";
    assert_int_equal(pthread_create(&thread, NULL, read_own_id, id), 0);
    pthread_join(thread, &result);
    assert_non_null(result);
    assert_string_equal(log_id(), "main");
    log_set_id("0123456789012345678901234567890123456789");
    assert_string_equal(log_id(), "0123456789012345678901234567890");
    log_set_id(NULL);
    assert_string_equal(log_id(), "-");
}

static void a_peer_cannot_forge_a_line(void **state)
{
    (void)state;
    log_set_id("s2sin-4f2a");
    scratch_capture_log();
    log_info("from %s", "evil\n2026-11-24T04:15:02.123Z info  main         all is well");
    char *log = scratch_captured_log();
    assert_string_equal(sentence_of(log),
                        "from evil\\x0a2026-11-24T04:15:02.123Z info  main         all is well\n");
    free(log);
}

static void a_sentence_is_cut_at_a_thousand_bytes(void **state)
{
    (void)state;
    char peer[5001], expected[1100];
    memset(peer, 'x', 5000);
    peer[5000] = '\0';
    log_set_id("s2sin-4f2a");
    scratch_capture_log();
    log_info("%s", peer);
    log_info("%.1000s", peer);
    char *log = scratch_captured_log();
    snprintf(expected, sizeof expected, "%.997s\xe2\x80\xa6\n", peer);
    assert_memory_equal(sentence_of(log), expected, strlen(expected));
    const char *second = strchr(log, '\n') + 1;
    snprintf(expected, sizeof expected, "%.1000s\n", peer);
    assert_string_equal(sentence_of(second), expected);
    free(log);

    for (int i = 0; i < 5000; i += 2) /* a cut in the middle of a character would show as \xc3 */
        memcpy(peer + i, "\xc3\xa9", 2);
    for (int shift = 0; shift < 2; shift++) {
        scratch_capture_log();
        log_info("%.*s%s", shift, "x", peer);
        log = scratch_captured_log();
        assert_null(strstr(log, "\\x"));
        assert_string_equal(log + strlen(log) - 4, "\xe2\x80\xa6\n");
        free(log);
    }
}

static void several_faults_are_several_lines(void **state)
{
    (void)state;
    scratch_capture_log();
    log_error_lines("one\n\ntwo\x01\nthree");
    char *log = scratch_captured_log();
    assert_true(matches(log, TIME "error main         one\n[^ ]+ error main         two\\\\x01\n"
                                  "[^ ]+ error main         three\n$"));
    free(log);
}

/* --- the wire --- */

static void the_wire_is_logged_only_when_asked_for_at_debug_level(void **state)
{
    (void)state;
    scratch_capture_log();
    log_wire("test", "<<", "a", 1);
    log_set_wire(true);
    assert_false(log_wire_enabled());
    log_wire("test", "<<", "b", 1);
    log_set_level(LOG_LEVEL_DEBUG);
    assert_true(log_wire_enabled());
    log_wire("test", "<<", "<c/>\n\0", 6);
    log_wire("test", ">>", "<d/>", 4);
    log_set_wire(false);
    log_wire("test", "<<", "e", 1);
    char *log = scratch_captured_log();
    assert_true(matches(log, TIME "debug test         << <c/>\\\\n\\\\x00\n"
                                  "[^ ]+ debug test         >> <d/>\n$"));
    free(log);
}

static void a_piece_of_the_wire_is_cut_at_4096_bytes(void **state)
{
    (void)state;
    static char bytes[100000];
    memset(bytes, 'y', sizeof bytes);
    log_set_level(LOG_LEVEL_DEBUG);
    log_set_wire(true);
    scratch_capture_log();
    log_wire("test", "<<", bytes, 3000);
    log_wire("test", "<<", bytes, sizeof bytes);
    char *log = scratch_captured_log();
    const char *second = strchr(log, '\n') + 1;
    assert_int_equal(second - log, 3000 + 3 + (sentence_of(log) - log) + 1);
    assert_int_equal(strlen(second), 4096 - 1);
    assert_string_equal(second + strlen(second) - 4, "\xe2\x80\xa6\n");
    free(log);
}

/* --- a standard error that takes nothing --- */

/* replace_stderr - by this descriptor; the old one */
static int replace_stderr(int fd)
{
    int kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    assert_true(kept >= 0);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    return kept;
}

static void restore_stderr(int kept)
{
    dup2(kept, STDERR_FILENO);
    close(kept);
}

/* drain - read all that is in the pipe, the end of it as text */
static void drain(int fd, char end[600])
{
    char bytes[65536];
    ssize_t got;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    memset(end, 0, 600);
    while ((got = read(fd, bytes, sizeof bytes)) > 0)
        snprintf(end, 600, "%.*s", (int)(got < 599 ? got : 599),
                 bytes + (got < 599 ? 0 : got - 599));
}

/* fill - a pipe nobody reads: write until lines are dropped */
static int fill(int flags, int pipes[2])
{
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    if (flags != 0)
        fcntl(pipes[1], F_SETFL, flags);
    return replace_stderr(pipes[1]);
}

static void drops_lines_instead_of_waiting_and_tells_how_many(void **state)
{
    (void)state;
    static const int flags[] = {0, O_NONBLOCK};
    for (int kind = 0; kind < 2; kind++) {
        int pipes[2];
        char end[600], expected[400];
        int64_t before = metrics_get(log_lines_dropped);
        int kept = fill(flags[kind], pipes);
        while (metrics_get(log_lines_dropped) < before + 5)
            log_info("nobody reads this");
        int64_t dropped = metrics_get(log_lines_dropped) - before;
        drain(pipes[0], end);
        assert_non_null(strstr(end, "nobody reads this\n"));
        log_info("somebody reads again");
        log_info("and again");
        drain(pipes[0], end);
        restore_stderr(kept);
        snprintf(expected, sizeof expected,
                 TIME "warn  log          %lld lines of the log are missing here: [^\n]+\n[^ ]+ "
                      "info  main         somebody reads again\n[^ ]+ info  main         and "
                      "again\n$",
                 (long long)dropped);
        assert_true(matches(end, expected));
        assert_int_equal(metrics_get(log_lines_dropped) - before, dropped);
        close(pipes[0]);
        close(pipes[1]);
    }
}

static void survives_a_full_disk(void **state)
{
    (void)state;
    int64_t before = metrics_get(log_lines_dropped);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(full >= 0);
    int kept = replace_stderr(full);
    log_info("no space left");
    log_info("no space left");
    int devices = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(devices, STDERR_FILENO);
    log_info("there is space again");
    restore_stderr(kept);
    close(full);
    close(devices);
    assert_int_equal(metrics_get(log_lines_dropped) - before, 2);
}

static void survives_a_reader_that_went_away_and_a_closed_descriptor(void **state)
{
    (void)state;
    int pipes[2];
    int64_t before = metrics_get(log_lines_dropped);
    void (*old)(int) = signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    close(pipes[0]);
    int kept = replace_stderr(pipes[1]);
    log_info("broken pipe");
    close(STDERR_FILENO);
    log_info("no descriptor");
    dup2(kept, STDERR_FILENO);
    assert_int_equal(metrics_get(log_lines_dropped) - before, 2);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(null, STDERR_FILENO);
    log_info("the count is told here");
    restore_stderr(kept);
    close(null);
    close(pipes[1]);
    signal(SIGPIPE, old);
}

static void keeps_errno(void **state)
{
    (void)state;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    int kept = replace_stderr(full);
    errno = ENOENT;
    log_info("no space left");
    int after = errno;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(null, STDERR_FILENO);
    log_info("the count is told here");
    restore_stderr(kept);
    close(full);
    close(null);
    assert_int_equal(after, ENOENT);
}

static void *write_lines(void *id)
{
    log_set_id(id);
    for (int i = 0; i < 500; i++) {
        log_info("line %d of this thread, long enough to be torn if it could be torn at all", i);
        log_set_level(i % 2 == 0 ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    }
    return NULL;
}

static void lines_of_several_threads_do_not_mix_and_keep_their_order(void **state)
{
    (void)state;
    pthread_t threads[3];
    char ids[3][8] = {"a", "b", "c"}, last[32] = "";
    scratch_capture_log();
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, ids[i]), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    char *log = scratch_captured_log();
    int lines = 0;
    for (char *line = log; *line != '\0'; lines++) {
        char *end = strchr(line, '\n');
        assert_non_null(end);
        *end = '\0';
        assert_true(matches(line, TIME "info  [abc]            line [0-9]+ of this thread, long "
                                       "enough to be torn if it could be torn at all$"));
        assert_true(strncmp(last, line, 24) <= 0);
        snprintf(last, sizeof last, "%.24s", line);
        line = end + 1;
    }
    assert_int_equal(lines, 1500);
    free(log);
}

/* --- ends --- */

/* status_of - how a child ends that does this */
static int status_of(void (*act)(void))
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        act();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void die_fatally(void)
{
    log_fatal("the installation is %s", "wrong");
}

static void die_in_panic(void)
{
    log_panic("we are %s", "wrong");
}

static void fatal_exits_with_1_and_panic_aborts(void **state)
{
    (void)state;
    scratch_capture_log();
    int fatal = status_of(die_fatally), panic = status_of(die_in_panic);
    char *log = scratch_captured_log();
    assert_true(WIFEXITED(fatal) && WEXITSTATUS(fatal) == 1);
    assert_true(WIFSIGNALED(panic) && WTERMSIG(panic) == SIGABRT);
    assert_non_null(strstr(log, "error main         the installation is wrong\n"));
    assert_non_null(strstr(log, "error main         we are wrong\n"));
    free(log);
}

#define TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(escapes_control_characters),
        TEST(escapes_what_is_no_utf8),
        TEST(the_wire_form_can_be_read_back),
        TEST(cuts_between_characters_whatever_the_room),
        TEST(a_line_is_time_level_id_sentence),
        TEST(says_nothing_below_its_level),
        TEST(each_thread_has_an_id_of_its_own),
        TEST(a_peer_cannot_forge_a_line),
        TEST(a_sentence_is_cut_at_a_thousand_bytes),
        TEST(several_faults_are_several_lines),
        TEST(the_wire_is_logged_only_when_asked_for_at_debug_level),
        TEST(a_piece_of_the_wire_is_cut_at_4096_bytes),
        TEST(drops_lines_instead_of_waiting_and_tells_how_many),
        TEST(survives_a_full_disk),
        TEST(survives_a_reader_that_went_away_and_a_closed_descriptor),
        TEST(keeps_errno),
        TEST(lines_of_several_threads_do_not_mix_and_keep_their_order),
        TEST(fatal_exits_with_1_and_panic_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
