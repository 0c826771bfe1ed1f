/* SPDX-License-Identifier: Apache-2.0 */
/* test_config_snapshots - the settings while the program runs: changes, snapshots, files written
 *
 * The race of config_get with config_publish is for ThreadSanitizer.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/config.h"
#include "server/config_value.h"
#include "server/ini_file.h"
#include "test/support/scratch.h"
#include "test/support/settings.h"

static void settings_changed_at_run_time_win(void **state)
{
    (void)state;
    scratch_write("settings.conf", "[xmpp.server]\nsocket.port = 4712\n");
    scratch_capture_log();
    struct config *config =
        settings_load_good("[xmpp.server]\nsocket.port = 4711\nsocket.remotePort = 1\n");
    char *log = scratch_captured_log();
    assert_int_equal(config->xmpp_server_socket_port, 4712);
    assert_int_equal(config->xmpp_server_socket_remotePort, 1);
    assert_string_equal(log, ""); /* set in two files is no mistake */
    config_unref(config);
    free(log);
}

static void a_fault_in_the_changes_names_their_file(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    scratch_write("settings.conf", "[xmpp]\n\nserver.socket.port = 0\n");
    assert_null(settings_load("", &why));
    assert_non_null(
        strstr(text_string(&why), "/settings.conf:3: xmpp.server.socket.port = 0: a whole number"));
    text_clear(&why);
    scratch_write("settings.conf", "garbage\n");
    assert_null(settings_load("", &why));
    assert_non_null(strstr(text_string(&why), "/settings.conf (1): -> garbage: "));
    text_free(&why);
}

static void the_changes_cannot_move_themselves(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    scratch_write("settings.conf", "[s2s]\nhome = /elsewhere\n");
    assert_null(settings_load("", &why));
    assert_non_null(strstr(text_string(&why),
                           "/settings.conf:2: s2s.home = /elsewhere: a line in the "
                           "main file only"));
    text_free(&why);
}

/* --- snapshots --- */

static void names_what_needs_a_restart(void **state)
{
    (void)state;
    struct text names = TEXT_EMPTY;
    struct config *old = settings_load_good(""), *fresh;
    fresh = settings_load_good(
        "[xmpp]\nsocket.backlog = 51\n[network]\ninterface = ::1\n[s2s]\nretry.max = 5000\n");
    config_restart_needed(old, fresh, &names);
    assert_string_equal(text_string(&names), "xmpp.socket.backlog, network.interface");
    text_clear(&names);
    config_restart_needed(old, old, &names);
    assert_string_equal(text_string(&names), "");
    config_unref(old);
    config_unref(fresh);
    text_free(&names);
}

static void a_snapshot_lives_until_its_last_user_is_gone(void **state)
{
    (void)state;
    config_publish(settings_load_good("[xmpp]\ndomain = old.example\n"));
    const struct config *held = config_get();
    config_publish(settings_load_good("[xmpp]\ndomain = new.example\n"));
    const struct config *now = config_get();
    assert_string_equal(held->xmpp_domain, "old.example");
    assert_string_equal(now->xmpp_domain, "new.example");
    config_unref(held);
    config_stop();
    assert_string_equal(now->xmpp_domain, "new.example");
    config_unref(now);
    config_unref(NULL);
}

static void *read_snapshots(void *stop)
{
    long reads = 0;
    while (!*(_Atomic bool *)stop || reads < 1000) {
        const struct config *config = config_get();
        if (config->s2s_retry_first != config->s2s_retry_max ||
            strlen(config->xmpp_domain) < sizeof "x.example" - 1)
            return NULL;
        config_unref(config);
        reads++;
    }
    return stop;
}

static void readers_see_whole_snapshots_while_others_are_published(void **state)
{
    (void)state;
    pthread_t readers[4];
    _Atomic bool stop = false;
    config_publish(
        settings_load_good("[xmpp]\ndomain = a.example\n[s2s]\nretry.first = 7\nretry.max = 7\n"));
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_snapshots, &stop), 0);
    for (int i = 1; i < 300; i++) {
        char *content = text_format("[xmpp]\ndomain = a%d.example\n[s2s]\nretry.first = %d\n"
                                    "retry.max = %d\n",
                                    i, i, i);
        config_publish(settings_load_good(content));
        free(content);
    }
    stop = true;
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(readers[i], &result);
        assert_non_null(result);
    }
}

static void *load_faulty(void *path)
{
    struct text why = TEXT_EMPTY;
    size_t wrong = 0;
    for (int i = 0; i < 50; i++) {
        text_clear(&why);
        wrong += config_load(path, &why) != NULL;
        wrong += strstr(text_string(&why), path) == NULL || strchr(text_string(&why), '\n') != NULL;
    }
    text_free(&why);
    return (void *)wrong;
}

static void syntax_errors_of_two_threads_do_not_mix(void **state)
{
    (void)state;
    pthread_t threads[2];
    char *paths[2] = {text_copy(scratch_write("one.conf", "garbage\n")),
                      text_copy(scratch_write("two.conf", "rubbish\n"))};
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, load_faulty, paths[i]), 0);
    for (int i = 0; i < 2; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
        free(paths[i]);
    }
}

/* --- files that are written --- */

static void writes_a_file_whole_with_its_mode(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY, content = TEXT_EMPTY;
    struct stat status;
    const char *path = scratch_write("secret", "old and longer");
    assert_int_equal(config_write_file(path, "new", 3, 0600, &why), 0);
    assert_int_equal(scratch_read(path, &content), 0);
    assert_string_equal(text_string(&content), "new");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(config_write_file(path, "", 0, 0644, &why), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0644);
    assert_int_equal(status.st_size, 0);
    text_free(&why);
    text_free(&content);
}

static void leaves_the_old_file_when_the_new_one_cannot_be_written(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    assert_int_equal(config_write_file(scratch_path("no/such/file"), "x", 1, 0600, &why), -1);
    assert_non_null(strstr(text_string(&why), "No such file or directory"));
    text_clear(&why);
    const char *path = scratch_path("directory");
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(config_write_file(path, "x", 1, 0600, &why), -1);
    assert_non_null(strstr(text_string(&why), "directory can't be written: Is a directory"));
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(scratch_path("")), 0); /* no temporary file stays behind */
    assert_int_equal(mkdir(scratch_path(""), 0700), 0);
    text_free(&why);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, settings_open_scratch, settings_close_scratch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(settings_changed_at_run_time_win),
        TEST(a_fault_in_the_changes_names_their_file),
        TEST(the_changes_cannot_move_themselves),
        TEST(names_what_needs_a_restart),
        TEST(a_snapshot_lives_until_its_last_user_is_gone),
        TEST(readers_see_whole_snapshots_while_others_are_published),
        TEST(syntax_errors_of_two_threads_do_not_mix),
        TEST(writes_a_file_whole_with_its_mode),
        TEST(leaves_the_old_file_when_the_new_one_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
