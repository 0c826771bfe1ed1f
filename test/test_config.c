/* SPDX-License-Identifier: Apache-2.0 */
/* test_config - settings: files, faults, snapshots
 *
 * Each fault must name file, line, property and what was expected.
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
#include <sys/stat.h>
#include <unistd.h>

#include "server/config.h"
#include "server/log.h"

static char directory[64], path[128];
static struct text why;

static int make_directory(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/config-XXXXXX");
    log_set_level(LOG_LEVEL_ERROR);
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/conf", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    char command[200];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    text_free(&why);
    config_stop();
    return system(command);
}

static void write_to(const char *name, const char *content)
{
    char file[200];
    snprintf(file, sizeof file, "%s/%s", directory, name);
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fputs(content, out);
    fclose(out);
}

static struct config *load(const char *content)
{
    write_to("conf", content);
    text_clear(&why);
    return config_load(path, &why);
}

static void takes_openfires_defaults(void **state)
{
    (void)state;
    struct config *config = load("");
    assert_non_null(config);
    assert_string_equal(config->xmpp_domain, "localhost");
    assert_true(config->xmpp_server_socket_active);
    assert_int_equal(config->xmpp_server_socket_port, 5269);
    assert_true(config->xmpp_server_dialback_enabled);
    assert_int_equal(config->xmpp_server_permission, CONFIG_BLACKLIST);
    assert_int_equal(config->xmpp_server_session_idle, 1800000);
    assert_true(config->xmpp_server_session_allowmultiple);
    assert_int_equal(config->xmpp_server_read_timeout, 120000);
    assert_int_equal(config->xmpp_server_outgoing_queue, 2000);
    assert_int_equal(config->xmpp_parser_buffer_size, 1048576);
    config_unref(config);
}

static void splits_a_name_anywhere(void **state)
{
    (void)state;
    struct config *config = load("[xmpp]\nserver.socket.port = 1\ndomain = EXAMPLE.org\n");
    assert_non_null(config);
    assert_int_equal(config->xmpp_server_socket_port, 1);
    assert_string_equal(config->xmpp_domain, "example.org"); /* prepared */
    config_unref(config);
    config = load("[xmpp.server]\nsocket.port = 2\n[s2s.log]\nlevel = debug\n");
    assert_non_null(config);
    assert_int_equal(config->xmpp_server_socket_port, 2);
    assert_int_equal(config->s2s_log_level, CONFIG_LOG_DEBUG);
    config_unref(config);
}

static void check_fault(const char *content, const char *property)
{
    struct config *config = load(content);
    if (config != NULL)
        fail_msg("taken: %s", content);
    if (strstr(text_string(&why), property) == NULL || strstr(text_string(&why), path) == NULL)
        fail_msg("'%s' does not name %s and the file", text_string(&why), property);
}

static void refuses_values_out_of_bounds_and_says_where(void **state)
{
    (void)state;
    check_fault("[xmpp]\nserver.socket.port = 0\n", "xmpp.server.socket.port");
    check_fault("[xmpp]\nserver.socket.port = 65536\n", "xmpp.server.socket.port");
    check_fault("[xmpp]\nserver.socket.port = 52x\n", "xmpp.server.socket.port");
    check_fault("[xmpp]\nserver.socket.port = 99999999999999999999\n", "xmpp.server.socket.port");
    check_fault("[xmpp]\nserver.socket.active = maybe\n", "xmpp.server.socket.active");
    check_fault("[xmpp]\nserver.permission = greylist\n", "xmpp.server.permission");
    check_fault("[xmpp]\ndomain = u@example.org\n", "xmpp.domain");
    check_fault("[s2s]\ndomains = a.org, b..org\n", "s2s.domains");
    struct config *config = load("[xmpp]\n\nserver.socket.port = many\n");
    assert_null(config);
    assert_non_null(strstr(text_string(&why), ":3")); /* the line */
    assert_null(config_load("/nonexistent/file", &why));
}

static void lets_changes_at_run_time_win(void **state)
{
    (void)state;
    char content[200];
    snprintf(content, sizeof content, "[xmpp]\nserver.socket.port = 1\nserver.socket.backlog = 9\n[s2s]\nhome = %s\n",
             directory);
    write_to("settings.conf", "[xmpp]\nserver.socket.port = 7\n");
    struct config *config = load(content);
    assert_non_null(config);
    assert_int_equal(config->xmpp_server_socket_port, 7);
    config_unref(config);
    write_to("settings.conf", "[xmpp]\nserver.socket.port = x\n");
    assert_null(load(content));
    assert_non_null(strstr(text_string(&why), "settings.conf"));
}

static void equals_the_sample_file(void **state)
{
    (void)state;
    struct text sample = TEXT_EMPTY;
    config_write_sample(&sample);
    FILE *file = fopen("openfire-s2s.conf", "r");
    assert_non_null(file);
    for (size_t i = 0; i < sample.length; i++)
        assert_int_equal(fgetc(file), sample.bytes[i]);
    assert_int_equal(fgetc(file), EOF);
    fclose(file);
    struct config *config = load(sample.bytes); /* and it can be read, unedited */
    if (config == NULL)
        fail_msg("%s", text_string(&why));
    config_unref(config);
    text_free(&sample);
}

static void replaces_a_file_whole_or_not_at_all(void **state)
{
    (void)state;
    char file[200], got[20] = "";
    struct stat about;
    snprintf(file, sizeof file, "%s/kept", directory);
    assert_int_equal(config_write_file(file, "one", 3, 0600, &why), 0);
    assert_int_equal(config_write_file(file, "three", 5, 0600, &why), 0);
    assert_int_equal(stat(file, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    FILE *in = fopen(file, "r");
    assert_int_equal(fread(got, 1, sizeof got - 1, in), 5);
    fclose(in);
    assert_string_equal(got, "three");
    assert_int_equal(config_write_file("/nonexistent/file", "x", 1, 0600, &why), -1);
    assert_non_null(strstr(text_string(&why), "/nonexistent/file"));
}

static _Atomic bool over;

static void *use_snapshots(void *unused)
{
    (void)unused;
    long sum = 0;
    while (!atomic_load(&over)) {
        const struct config *config = config_get();
        sum += config->xmpp_server_socket_port + (long)strlen(config->xmpp_domain);
        config_unref(config);
    }
    return (void *)(intptr_t)(sum > 0);
}

static void publishes_while_others_read(void **state)
{
    (void)state;
    config_publish(load("[xmpp]\nserver.socket.port = 1\n"));
    pthread_t readers[2];
    atomic_store(&over, false);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, use_snapshots, NULL), 0);
    for (int i = 0; i < 200; i++)
        config_publish(load(i % 2 ? "[xmpp]\ndomain = a.example\n" : "[xmpp]\ndomain = bb.example\n"));
    atomic_store(&over, true);
    for (int i = 0; i < 2; i++) {
        void *good;
        pthread_join(readers[i], &good);
        assert_non_null(good);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(takes_openfires_defaults, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(splits_a_name_anywhere, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(refuses_values_out_of_bounds_and_says_where, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(lets_changes_at_run_time_win, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(equals_the_sample_file, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(replaces_a_file_whole_or_not_at_all, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(publishes_while_others_read, make_directory, remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
