/* SPDX-License-Identifier: Apache-2.0 */
/* test_config_changes - what is changed at run time: checked, written, read back, taken back
 *
 * Every value that is written must be read back as it was; what the form of the file has no way to say is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/config_changes.h"
#include "server/config_value.h"
#include "test/support/scratch.h"
#include "test/support/settings.h"

/* write_main - a main file whose home is the scratch directory, with more lines; its path */
static const char *write_main(const char *more)
{
    static char path[512];
    char *home = text_copy(scratch_path("."));
    home[strlen(home) - 2] = '\0';
    char *content = text_format("[s2s]\nhome = %s\n%s", home, more);
    snprintf(path, sizeof path, "%s", scratch_write("main.conf", content));
    free(content);
    free(home);
    return path;
}

static enum config_source source_of(const struct config *config, const char *property)
{
    return (enum config_source)config->sources[config_value_find(property) - config_rows];
}

/* save - load with the changes and write settings.conf */
static struct config *save(const char *file, const struct config_change *changes, size_t count)
{
    struct text why = TEXT_EMPTY, content = TEXT_EMPTY;
    struct config *config = config_load_changed(file, changes, count, &why);
    if (config == NULL)
        fail_msg("%s", text_string(&why));
    assert_int_equal(config_changes_write(config, &content, &why), 0);
    assert_int_equal(config_changes_save(config, &content, &why), 0);
    text_free(&content);
    text_free(&why);
    return config;
}

static void a_change_wins_over_the_main_file_until_it_is_taken_back(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    const char *file = write_main("[xmpp.server]\nsocket.port = 5300\n");
    struct config_change change = {"XMPP.server.socket.PORT", "5400"};
    config_unref(save(file, &change, 1));
    struct config *config = config_load(file, &why);
    assert_int_equal(config->xmpp_server_socket_port, 5400);
    assert_int_equal(source_of(config, "xmpp.server.socket.port"), CONFIG_FROM_CHANGES);
    assert_int_equal(source_of(config, "s2s.home"), CONFIG_FROM_FILE);
    assert_int_equal(source_of(config, "xmpp.domain"), CONFIG_FROM_DEFAULT);
    config_unref(config);
    change.value = NULL;
    config = save(file, &change, 1);
    assert_int_equal(config->xmpp_server_socket_port, 5300);
    assert_int_equal(source_of(config, "xmpp.server.socket.port"), CONFIG_FROM_FILE);
    config_unref(config);
    config = config_load(file, &why);
    assert_int_equal(config->xmpp_server_socket_port, 5300);
    config_unref(config);
}

static void a_change_leaves_the_others_in_place(void **state)
{
    (void)state;
    const char *file = write_main("");
    config_unref(save(file, &(struct config_change){"s2s.log.level", "debug"}, 1));
    config_unref(save(file, &(struct config_change){"xmpp.server.permission", "whitelist"}, 1));
    config_unref(save(file, &(struct config_change){"s2s.log.level", "warn"}, 1));
    struct text why = TEXT_EMPTY;
    struct config *config = config_load(file, &why);
    assert_int_equal(config->s2s_log_level, CONFIG_LOG_WARN);
    assert_int_equal(config->xmpp_server_permission, CONFIG_WHITELIST);
    config_unref(config);
}

static void every_value_that_is_written_is_read_back(void **state)
{
    (void)state;
    static const char *const values[] = {
        "plain", "semi;colon",   "number # sign", "  blanks around  ",
        "it's",  "'quoted'",     "say \"hello\"", "back\\slash\\",
        "a = b", "[no heading]", "\xc3\xbc",      "%s%n",
    };
    const char *file = write_main("");
    struct text why = TEXT_EMPTY;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        config_unref(save(file, &(struct config_change){"xmpp.server.name", values[i]}, 1));
        struct config *config = config_load(file, &why);
        if (config == NULL)
            fail_msg("%s: %s", values[i], text_string(&why));
        assert_string_equal(config->xmpp_server_name, values[i]);
        config_unref(config);
    }
}

static void an_empty_value_is_written_and_read_back(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    const char *file = write_main("[dnsutil]\ndnsOverride = {a.test,127.0.0.1}\n");
    config_unref(save(file, &(struct config_change){"dnsutil.dnsOverride", ""}, 1));
    struct config *config = config_load(file, &why);
    assert_string_equal(config->dnsutil_dnsOverride, "");
    assert_int_equal(source_of(config, "dnsutil.dnsOverride"), CONFIG_FROM_CHANGES);
    config_unref(config);
}

static void what_the_form_can_not_hold_is_refused(void **state)
{
    (void)state;
    static const char *const values[] = {"\"quoted\"", "both \" and ;", "ends in \" and \\"};
    const char *file = write_main("");
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct text why = TEXT_EMPTY, content = TEXT_EMPTY;
        struct config *config = config_load_changed(
            file, &(struct config_change){"xmpp.server.name", values[i]}, 1, &why);
        assert_int_equal(config_changes_write(config, &content, &why), -1);
        assert_non_null(strstr(text_string(&why), "xmpp.server.name: the form of settings.conf"));
        text_free(&why);
        text_free(&content);
        config_unref(config);
    }
    struct text longest = TEXT_EMPTY, why = TEXT_EMPTY, content = TEXT_EMPTY;
    for (int i = 0; i < 1000; i++)
        text_append_char(&longest, i == 0 ? ';' : 'x');
    struct config *config = config_load_changed(
        file, &(struct config_change){"xmpp.server.certificate.directory", text_string(&longest)},
        1, &why);
    assert_non_null(config);
    assert_int_equal(config_changes_write(config, &content, &why), -1);
    config_unref(config);
    text_free(&content);
    text_free(&why);
    text_free(&longest);
}

static void a_change_is_checked_by_its_row(void **state)
{
    (void)state;
    static const struct {
        struct config_change change;
        const char *why; /* NULL: good */
    } cases[] = {
        {{"xmpp.server.socket.port", "5269"}, NULL},
        {{"xmpp.server.socket.port", NULL}, NULL},
        {{"xmpp.server.socket.port", "0"},
         "xmpp.server.socket.port = 0: a whole number from 1 to 65535 was expected"},
        {{"xmpp.server.socket.port", "many"},
         "xmpp.server.socket.port = many: a whole number from 1 to 65535 was expected"},
        {{"xmpp.server.socket", "1"}, "there is no setting xmpp.server.socket"},
        {{"nothing", NULL}, "there is no setting nothing"},
        {{"xmpp.server.dialback.secret", "a\nb"},
         "xmpp.server.dialback.secret = (not shown): 0 to 900 bytes of UTF-8 without control "
         "characters was expected"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text why = TEXT_EMPTY;
        assert_int_equal(config_changes_check(&cases[i].change, &why),
                         cases[i].why == NULL ? 0 : -1);
        assert_string_equal(text_string(&why), cases[i].why != NULL ? cases[i].why : "");
        text_free(&why);
    }
}

static void settings_that_do_not_go_together_are_refused(void **state)
{
    (void)state;
    const char *file = write_main("[s2s]\nretry.max = 2000\n");
    struct text why = TEXT_EMPTY;
    assert_null(
        config_load_changed(file, &(struct config_change){"s2s.retry.first", "3000"}, 1, &why));
    assert_non_null(strstr(text_string(&why), "s2s.retry.first = 3000"));
    text_clear(&why);
    struct config_change both[] = {{"s2s.retry.first", "3000"}, {"s2s.retry.max", "3000"}};
    struct config *config = config_load_changed(file, both, 2, &why);
    assert_non_null(config);
    config_unref(config);
    text_free(&why);
}

static void the_home_stays_where_it_is(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    assert_null(config_load_changed(write_main(""),
                                    &(struct config_change){"s2s.home", "/elsewhere"}, 1, &why));
    assert_non_null(strstr(text_string(&why), "a line in the main file only"));
    text_free(&why);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, settings_open_scratch, settings_close_scratch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_wins_over_the_main_file_until_it_is_taken_back),
        TEST(a_change_leaves_the_others_in_place),
        TEST(every_value_that_is_written_is_read_back),
        TEST(an_empty_value_is_written_and_read_back),
        TEST(what_the_form_can_not_hold_is_refused),
        TEST(a_change_is_checked_by_its_row),
        TEST(settings_that_do_not_go_together_are_refused),
        TEST(the_home_stays_where_it_is),
    };
    return cmocka_run_group_tests_name("config_changes", tests, NULL, NULL);
}
