/* SPDX-License-Identifier: Apache-2.0 */
/* test_remote_server_manager - who may connect
 *
 * Rows in the shape of ofRemoteServerConf, policies, parents.
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
#include "server/remote_server_manager.h"

static char directory[64];
static struct text why;
static struct config *config;

static int start(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/remote-servers-XXXXXX");
    log_set_level(LOG_LEVEL_ERROR);
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    char command[200];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    remote_server_manager_stop();
    config_stop();
    text_free(&why);
    return system(command);
}

/* load - with these rows (NULL: no file) and further settings */
static int load(const char *rows, const char *settings)
{
    char path[128];
    snprintf(path, sizeof path, "%s/remote-servers.conf", directory);
    unlink(path);
    if (rows != NULL) {
        FILE *file = fopen(path, "w");
        fputs(rows, file);
        fclose(file);
    }
    snprintf(path, sizeof path, "%s/conf", directory);
    FILE *file = fopen(path, "w");
    fprintf(file, "%s\n[s2s]\nhome = %s\n", settings, directory);
    fclose(file);
    text_clear(&why);
    config = config_load(path, &why);
    assert_non_null(config);
    config_publish(config);
    return remote_server_manager_load(config, &why);
}

static bool may(const char *domain)
{
    return remote_server_manager_can_access(domain, NULL);
}

static void lets_everyone_in_but_the_blocked(void **state)
{
    (void)state;
    assert_int_equal(load(NULL, ""), 0);
    assert_true(may("any.example"));
    assert_int_equal(load("[bad.example]\npermission = blocked\nremotePort = "
                          "0\n[good.bad.example]\npermission = allowed\n"
                          "remotePort = 5270\n",
                          ""),
                     0);
    assert_false(may("bad.example"));
    assert_false(may("im.bad.example"));
    assert_true(may("good.bad.example"));
    assert_true(may("x.good.bad.example"));
    assert_true(may("notbad.example"));
    assert_true(may("bad.example.org"));
    assert_int_equal(remote_server_manager_port("good.bad.example"), 5270);
    assert_int_equal(remote_server_manager_port("bad.example"), 0);
    text_clear(&why);
    assert_false(remote_server_manager_can_access("im.bad.example", &why));
    assert_non_null(strstr(text_string(&why), "bad.example"));
}

static void lets_in_only_the_allowed_under_whitelist(void **state)
{
    (void)state;
    assert_int_equal(load("[good.example]\npermission = allowed\nremotePort = 0\n",
                          "[xmpp]\nserver.permission = whitelist"),
                     0);
    assert_true(may("good.example"));
    assert_true(may("im.good.example"));
    assert_false(may("other.example"));
}

static void looks_at_parents_only_when_told(void **state)
{
    (void)state;
    assert_int_equal(load("[bad.example]\npermission = blocked\nremotePort = 0\n",
                          "[xmpp]\nserver.permission-apply-recursive = false"),
                     0);
    assert_false(may("bad.example"));
    assert_true(may("im.bad.example"));
}

static void keeps_the_old_rows_when_the_file_is_bad(void **state)
{
    (void)state;
    assert_int_equal(load("[bad.example]\npermission = blocked\nremotePort = 0\n", ""), 0);
    assert_int_equal(load("[bad.example]\npermission = perhaps\n", ""), -1);
    assert_non_null(strstr(text_string(&why), "perhaps"));
    assert_int_equal(load("[a..b]\npermission = blocked\n", ""), -1);
    assert_int_equal(load("[a.b]\npermission = allowed\nremotePort = 70000\n", ""), -1);
    assert_false(may("bad.example"));
}

static void changes_rows_and_finds_them_again(void **state)
{
    (void)state;
    assert_int_equal(load(NULL, ""), 0);
    assert_int_equal(remote_server_manager_block_access("Bad.Example", &why), 0);
    assert_int_equal(remote_server_manager_allow_access("good.example", 5271, &why), 0);
    assert_false(may("bad.example"));
    assert_int_equal(remote_server_manager_load(config, &why), 0); /* from the file */
    assert_false(may("bad.example"));
    assert_int_equal(remote_server_manager_port("good.example"), 5271);
    assert_int_equal(remote_server_manager_delete_configuration("bad.example", &why), 0);
    assert_true(may("bad.example"));
    assert_int_equal(remote_server_manager_load(config, &why), 0);
    assert_true(may("bad.example"));
    assert_int_equal(remote_server_manager_block_access("u@a.b", &why), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lets_everyone_in_but_the_blocked, start, stop),
        cmocka_unit_test_setup_teardown(lets_in_only_the_allowed_under_whitelist, start, stop),
        cmocka_unit_test_setup_teardown(looks_at_parents_only_when_told, start, stop),
        cmocka_unit_test_setup_teardown(keeps_the_old_rows_when_the_file_is_bad, start, stop),
        cmocka_unit_test_setup_teardown(changes_rows_and_finds_them_again, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
