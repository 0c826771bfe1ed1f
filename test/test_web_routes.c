/* SPDX-License-Identifier: Apache-2.0 */
/* test_web_routes - the table of the console's paths: exact, complete, and honest about what each may do
 *
 * The table is held against that of the commands, in both directions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/control_commands.h"
#include "admin/web_call.h"
#include "admin/web_gate.h"
#include "admin/web_routes.h"
#include "server/config.h"
#include "test/support/settings.h"

/* next_of - the item at `*list` of a comma list, which moves on; NULL at its end. To be freed. */
static char *next_of(const char **list)
{
    size_t length = strcspn(*list, ",");
    if (length == 0)
        return NULL;
    char *item = text_copy_n(*list, length);
    *list += length + ((*list)[length] == ',');
    return item;
}

static const struct control_command *command_of(const char *words)
{
    for (size_t i = 0; i < control_command_count; i++)
        if (strcmp(control_commands[i].words, words) == 0)
            return &control_commands[i];
    return NULL;
}

static bool names(const struct web_route *route, const char *words)
{
    const char *list = route->commands;
    bool found = false;
    for (char *item; (item = next_of(&list)) != NULL; free(item))
        found = found || strcmp(item, words) == 0;
    return found;
}

static void only_the_very_path_is_found(void **state)
{
    (void)state;
    static const char *const others[] = {
        "",         "//",        "/login/",
        "/Login",   "/login/..", "/login/../sessions",
        "/./login", "/login%2f", "/setup/../sessions",
        "/login;x", "/%6cogin",  "/style.css/../audit",
        "login",    "/login ",
    };
    bool known;
    assert_non_null(web_routes_find("/login", false, &known));
    assert_non_null(web_routes_find("/login", true, &known));
    assert_null(web_routes_find("/logout", false, &known));
    assert_true(known);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_null(web_routes_find(others[i], false, &known));
        assert_false(known);
        assert_null(web_routes_find(others[i], true, &known));
        assert_false(known);
    }
}

static void no_row_stands_there_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < web_route_count; i++)
        for (size_t j = 0; j < i; j++)
            assert_false(web_routes[i].post == web_routes[j].post &&
                         strcmp(web_routes[i].path, web_routes[j].path) == 0);
}

static void whatever_runs_a_command_needs_a_person(void **state)
{
    (void)state;
    int open = 0;
    for (size_t i = 0; i < web_route_count; i++) {
        const struct web_route *route = &web_routes[i];
        assert_non_null(route->handler);
        assert_int_equal(route->path[0], '/');
        if (route->access == WEB_OPEN) {
            assert_string_equal(route->commands, "");
            open++;
        }
    }
    assert_int_equal(open, 5); /* the door, twice, and three files */
}

static void what_only_shows_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < web_route_count; i++) {
        const char *list = web_routes[i].commands;
        for (char *words; (words = next_of(&list)) != NULL; free(words)) {
            const struct control_command *command = command_of(words);
            if (command == NULL)
                fail_msg("%s names %s, which is no command", web_routes[i].path, words);
            if (!web_routes[i].post && command->privilege != CONTROL_READ)
                fail_msg("%s shows, and may run %s", web_routes[i].path, words);
        }
    }
}

/* The other way round: everything that openfire-s2sctl can ask a server for can be done here. */
static void every_command_has_a_page(void **state)
{
    (void)state;
    for (size_t i = 0; i < control_command_count; i++) {
        const struct control_command *command = &control_commands[i];
        int rows = 0;
        for (size_t j = 0; j < web_route_count; j++)
            rows +=
                names(&web_routes[j], command->words) &&
                web_routes[j].post == (command->privilege == CONTROL_CHANGE || command->streams);
        if (rows == 0)
            fail_msg("%s can't be done in the console", command->words);
    }
}

static void a_form_leads_back_to_a_page(void **state)
{
    (void)state;
    bool known;
    for (size_t i = 0; i < web_route_count; i++)
        if (web_routes[i].back != NULL) {
            assert_true(web_routes[i].post);
            assert_null(strchr(web_routes[i].commands, ','));
            assert_non_null(web_routes_find(web_routes[i].back, false, &known));
        }
}

/* --- names --- */

static int open_settings(void **state)
{
    settings_open_scratch(state);
    config_publish(settings_load_good("[xmpp]\ndomain = b\xc3\xbc"
                                      "cher.example\n[s2s]\ndomains = two.example\n"
                                      "[adminConsole]\nnames = console.example\n"));
    return 0;
}

static void only_names_of_ours_are_answered(void **state)
{
    (void)state;
    static const char *const ours[] = {
        "localhost",
        "LOCALHOST:9090",
        "127.0.0.1",
        "127.0.0.1:9090",
        "[::1]",
        "[::1]:9090",
        "192.0.2.1:1",
        "two.example",
        "console.example:9091",
        ("b\xc3\xbc"
         "cher.example"),
        "xn--bcher-kva.example",
    };
    static const char *const others[] = {
        "",
        ":",
        ":9090",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:9090",
        "localhost:9090:1",
        "localhost:x",
        "127.0.0.1@evil.example",
        "[::1",
        "[::1]x",
        "[localhost]",
        "a/b",
        "localhost/",
        "two.example.",
        "localhost, evil.example",
        "xtwo.example",
        "example",
    };
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (!web_gate_knows_host(ours[i]))
            fail_msg("%s is not known", ours[i]);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (web_gate_knows_host(others[i]) && strcmp(others[i], "two.example.") != 0)
            fail_msg("%s is known", others[i]);
    assert_false(web_gate_knows_host(NULL));
}

/* --- what a route may run --- */

/* assert_words - the request that a form of the route makes; NULL: none, it may not */
static void assert_words(const char *path, const char *words, const struct web_argument *arguments,
                         size_t count, const char *const *expected)
{
    bool known;
    struct web_call call = {.route = web_routes_find(path, true, &known)};
    struct control_words made;
    assert_non_null(call.route);
    assert_int_equal(web_call_words(&call, words, arguments, count, &made), expected != NULL);
    for (int i = 0; expected != NULL && i < made.count; i++) {
        assert_non_null(expected[i]);
        assert_string_equal(made.word[i], expected[i]);
    }
    assert_true(expected == NULL || expected[made.count] == NULL);
    control_words_free(&made);
}

static void a_value_never_becomes_an_option_or_another_word(void **state)
{
    (void)state;
    static const struct web_argument options[] = {{"domain", "--port=1"}, {"port", "5 --x"}};
    static const char *const allow[] = {"allow", "--port=5 --x", "--", "--port=1", NULL};
    assert_words("/permissions/allow", "allow", options, 2, allow);
    /* what the command has no parameter for is not looked at; what was left empty is left out */
    static const struct web_argument more[] = {
        {"--with", "/etc/passwd"}, {"token", "x"}, {"port", ""}, {"domain", "a.test b.test"}};
    static const char *const plain[] = {"allow", "--", "a.test b.test", NULL};
    assert_words("/permissions/allow", "allow", more, 4, plain);
    static const struct web_argument value[] = {{"value", ""}, {"setting", "s2s.domains"}};
    static const char *const set[] = {"set", "--", "s2s.domains", "", NULL};
    assert_words("/settings/set", "set", value, 2, set);
}

static void a_route_runs_no_command_that_it_does_not_name(void **state)
{
    (void)state;
    static const struct web_argument domain[] = {{"domain", "a.test"}};
    assert_words("/permissions/allow", "block", domain, 1, NULL);
    assert_words("/permissions/allow", "", domain, 1, NULL);
    assert_words("/permissions/allow", "allow x", domain, 1, NULL);
    assert_words("/logout", "stop", NULL, 0, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_very_path_is_found),
        cmocka_unit_test(no_row_stands_there_twice),
        cmocka_unit_test(whatever_runs_a_command_needs_a_person),
        cmocka_unit_test(what_only_shows_changes_nothing),
        cmocka_unit_test(every_command_has_a_page),
        cmocka_unit_test(a_form_leads_back_to_a_page),
        cmocka_unit_test(a_value_never_becomes_an_option_or_another_word),
        cmocka_unit_test(a_route_runs_no_command_that_it_does_not_name),
        cmocka_unit_test_setup_teardown(only_names_of_ours_are_answered, open_settings,
                                        settings_close_scratch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
