/* SPDX-License-Identifier: Apache-2.0 */
/* test_remote_server_manager - who may connect
 *
 * Rows in the shape of ofRemoteServerConf, policies, parents; every fault of the file with its line and
 * what was expected; changes that fail and change nothing. Askers beside changes are for ThreadSanitizer.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "server/config.h"
#include "server/log.h"
#include "server/remote_server_manager.h"
#include "test/support/scratch.h"

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

/* assert_reason - what decides about this domain, in words */
static void assert_reason(const char *domain, bool allowed, const char *reason)
{
    struct text words = TEXT_EMPTY;
    assert_int_equal(remote_server_manager_can_access(domain, &words), allowed);
    assert_string_equal(text_string(&words), reason);
    text_free(&words);
}

static void names_the_rule_that_decided(void **state)
{
    (void)state;
    const char *rows =
        "[example.net]\npermission = Blocked\n[im.example.net]\npermission = allowed\n"
        "[port.example.net]\nremotePort = 5270\n[1.2.3]\npermission = blocked\n"
        "[2.3.4]\npermission = blocked\n";
    assert_int_equal(load(rows, ""), 0);
    assert_reason("example.net", false, "row 'blocked' of example.net");
    assert_reason("a.b.example.net", false,
                  "row 'blocked' of example.net, parent of a.b.example.net");
    assert_reason("im.example.net", true, "row 'allowed' of im.example.net");
    assert_reason("x.im.example.net", true,
                  "row 'allowed' of im.example.net, parent of x.im.example.net");
    /* a row without a permission says nothing about it, and its port is its own */
    assert_reason("port.example.net", false,
                  "row 'blocked' of example.net, parent of port.example.net");
    assert_int_equal(remote_server_manager_port("port.example.net"), 5270);
    assert_int_equal(remote_server_manager_port("sub.port.example.net"), 0);
    assert_int_equal(remote_server_manager_port("other.example"), 0);
    assert_reason("net", true, "policy blacklist and no row");
    assert_reason("1.2.3.4", true, "policy blacklist and no row"); /* an address has no parents */
    assert_reason("[2001:db8::1]", true, "policy blacklist and no row");
    assert_reason("", true, "policy blacklist and no row");
    assert_int_equal(load(rows, "[xmpp]\nserver.permission = whitelist"), 0);
    assert_reason("other.example", false, "policy whitelist and no row");
    assert_reason("im.example.net", true, "row 'allowed' of im.example.net");
}

/* assert_fault - these rows are refused with this one fault, and what was in force stays */
static void assert_fault(const char *rows, const char *fault)
{
    assert_int_equal(load("[bad.example]\npermission = blocked\n", ""), 0);
    assert_int_equal(load(rows, "[xmpp]\nserver.permission = whitelist"), -1);
    char *expected = text_format("%s/remote-servers.conf%s", directory, fault);
    assert_string_equal(text_string(&why), expected);
    free(expected);
    assert_reason("bad.example", false, "row 'blocked' of bad.example");
    assert_reason("other.example", true, "policy blacklist and no row"); /* the old policy, too */
}

static void tells_the_line_of_each_fault(void **state)
{
    (void)state;
    assert_fault("\n[a.example]\npermission = perhaps\n",
                 ":3: [a.example] permission = perhaps: allowed or blocked was expected");
    assert_fault("[a.example]\npermission =\n",
                 ":2: [a.example] permission = : allowed or blocked was expected");
    assert_fault("[a.example]\nremotePort = 65536\n",
                 ":2: [a.example] remoteport = 65536: a whole number from 0 to 65535 was expected");
    assert_fault("[a.example]\nremotePort = -1\n",
                 ":2: [a.example] remoteport = -1: a whole number from 0 to 65535 was expected");
    assert_fault("[a.example]\nremotePort = x\n",
                 ":2: [a.example] remoteport = x: a whole number from 0 to 65535 was expected");
    assert_fault("[u@a.example]\npermission = allowed\n",
                 ":1: [u@a.example]: a domain name was expected");
    assert_fault("[::1]\npermission = blocked\n",
                 ":1: [::1]: an IPv6 literal can't have a row; a domain name was expected");
    assert_fault("permission = blocked\n",
                 ":1: permission = blocked: a heading [domain] was expected above it");
    assert_fault("[a.example]\n[b.example]\npermission = blocked\n",
                 ":1: [a.example]: permission = allowed or blocked, a remotePort, or security = "
                 "encrypted, certificate or dialback, was expected");
    assert_fault("[b\xc3\xbc"
                 "cher.example]\npermission = blocked\n[xn--bcher-kva.example]\n"
                 "permission = allowed\n",
                 ":3: [xn--bcher-kva.example]: b\xc3\xbc"
                 "cher.example has a row already; one row was "
                 "expected");
    assert_int_equal(load("[a.example]\npermission = x\n[b.example]\nremotePort = y\n", ""), -1);
    assert_non_null(strchr(text_string(&why), '\n')); /* both */
    assert_int_equal(load("garbage\n", ""), -1);
    assert_non_null(strstr(text_string(&why), "remote-servers.conf (1): -> garbage: name = value"));
}

static void warns_of_names_it_does_not_know_and_of_lines_that_lose(void **state)
{
    (void)state;
    log_set_level(LOG_LEVEL_WARN);
    scratch_capture_log();
    int result = load("[A.example]\npermission = blocked\npremission = allowed\n[a.example]\n"
                      "permission = allowed\n",
                      "");
    char *log = scratch_captured_log();
    assert_int_equal(result, 0);
    assert_true(may("a.example"));
    assert_non_null(
        strstr(log, "conf:3: [a.example] there is no setting premission; the line is ignored"));
    assert_non_null(strstr(log, "conf:5: [a.example] permission was set before in this file"));
    free(log);
}

/* assert_change_fails - with this sentence, and nothing has changed */
static void assert_change_fails(int result, const char *sentence)
{
    assert_int_equal(result, -1);
    if (strstr(text_string(&why), sentence) == NULL)
        fail_msg("%s is not in %s", sentence, text_string(&why));
    text_clear(&why);
    assert_false(may("bad.example"));
    assert_true(may("new.example"));
}

static void a_change_that_fails_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(remote_server_manager_block_access("new.example", &why), -1);
    assert_string_equal(text_string(&why), "the rows have not been loaded yet");
    assert_int_equal(load("[bad.example]\npermission = blocked\n", ""), 0);
    char *long_domain = text_format("%0250d.example", 0); /* more than DNS could carry */
    assert_change_fails(remote_server_manager_block_access(long_domain, &why),
                        "a domain name was expected");
    free(long_domain);
    assert_change_fails(remote_server_manager_block_access("[::1]", &why),
                        "[::1]: an IPv6 literal can't have a row");
    assert_change_fails(remote_server_manager_block_access("", &why), "a domain name was expected");
    assert_change_fails(remote_server_manager_block_access("a]b", &why),
                        "a domain name was expected");
    assert_change_fails(remote_server_manager_block_access("a\n[b", &why),
                        "a domain name was expected");
    assert_change_fails(remote_server_manager_allow_access("bad.example", 65536, &why),
                        "port 65536: ");
    assert_change_fails(remote_server_manager_allow_access("bad.example", -1, &why), "port -1: ");
    assert_change_fails(remote_server_manager_delete_configuration("u@bad.example", &why),
                        "a domain name was expected");

    char *moved =
        text_format("%s-moved", directory); /* the home goes away: nothing can be written */
    assert_int_equal(rename(directory, moved), 0);
    assert_change_fails(remote_server_manager_block_access("new.example", &why), "No such file");
    assert_change_fails(remote_server_manager_allow_access("bad.example", 0, &why), "No such file");
    assert_change_fails(remote_server_manager_delete_configuration("bad.example", &why),
                        "No such file");
    assert_int_equal(rename(moved, directory), 0);
    free(moved);
    assert_int_equal(remote_server_manager_delete_configuration("never.example", &why), 0);
}

static void keeps_rows_in_a_file_that_only_we_read(void **state)
{
    (void)state;
    struct text content = TEXT_EMPTY;
    struct stat status;
    char *path = text_format("%s/remote-servers.conf", directory);
    assert_int_equal(load("[m.example]\nremotePort = 1\n", ""), 0);
    assert_int_equal(remote_server_manager_block_access("z.example", &why), 0);
    assert_int_equal(remote_server_manager_allow_access("a.example", 5270, &why), 0);
    assert_int_equal(remote_server_manager_allow_access("z.example", 0, &why), 0);
    assert_int_equal(remote_server_manager_block_access("xn--bcher-kva.example", &why), 0);
    assert_int_equal(scratch_read(path, &content), 0);
    const char *rows = strstr(text_string(&content), "\n[");
    assert_non_null(rows);
    assert_string_equal(rows, "\n[a.example]\npermission = allowed\nremotePort = 5270\n"
                              "\n[b\xc3\xbc"
                              "cher.example]\npermission = blocked\nremotePort = 0\n"
                              "\n[m.example]\nremotePort = 1\n"
                              "\n[z.example]\npermission = allowed\nremotePort = 0\n");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(remote_server_manager_load(config, &why), 0); /* it reads what it writes */
    assert_false(may("im.b\xc3\xbc"
                     "cher.example"));
    assert_int_equal(remote_server_manager_port("m.example"), 1);
    text_free(&content);
    free(path);
}

static void *ask(void *stop_asking)
{
    struct text words = TEXT_EMPTY;
    bool sane = true;
    for (int i = 0; i < 1000 || !*(_Atomic bool *)stop_asking; i++) {
        text_clear(&words);
        sane =
            !remote_server_manager_can_access("im.bad.example", &words) && words.length > 0 && sane;
        sane = remote_server_manager_port("bad.example") == 0 && sane;
    }
    text_free(&words);
    return sane ? stop_asking : NULL;
}

static void answers_while_rows_change(void **state)
{
    (void)state;
    pthread_t threads[3];
    _Atomic bool done = false;
    assert_int_equal(load("[bad.example]\npermission = blocked\n", ""), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &done), 0);
    for (int i = 0; i < 20; i++) {
        char *domain = text_format("host%d.example", i / 2);
        assert_int_equal(i % 2 == 0 ? remote_server_manager_allow_access(domain, i, &why)
                                    : remote_server_manager_delete_configuration(domain, &why),
                         0);
        assert_int_equal(remote_server_manager_load(config, &why), 0);
        free(domain);
    }
    done = true;
    for (int i = 0; i < 3; i++) {
        void *sane;
        pthread_join(threads[i], &sane);
        assert_non_null(sane);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lets_everyone_in_but_the_blocked, start, stop),
        cmocka_unit_test_setup_teardown(lets_in_only_the_allowed_under_whitelist, start, stop),
        cmocka_unit_test_setup_teardown(looks_at_parents_only_when_told, start, stop),
        cmocka_unit_test_setup_teardown(keeps_the_old_rows_when_the_file_is_bad, start, stop),
        cmocka_unit_test_setup_teardown(changes_rows_and_finds_them_again, start, stop),
        cmocka_unit_test_setup_teardown(names_the_rule_that_decided, start, stop),
        cmocka_unit_test_setup_teardown(tells_the_line_of_each_fault, start, stop),
        cmocka_unit_test_setup_teardown(warns_of_names_it_does_not_know_and_of_lines_that_lose,
                                        start, stop),
        cmocka_unit_test_setup_teardown(a_change_that_fails_changes_nothing, start, stop),
        cmocka_unit_test_setup_teardown(keeps_rows_in_a_file_that_only_we_read, start, stop),
        cmocka_unit_test_setup_teardown(answers_while_rows_change, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
