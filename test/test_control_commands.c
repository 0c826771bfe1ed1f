/* SPDX-License-Identifier: Apache-2.0 */
/* test_control_commands - commands are found, checked, permitted, run and written down
 *
 * The real table over real rooms, without listeners; no socket in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/audit_log.h"
#include "admin/control_commands.h"
#include "admin/control_server.h"
#include "admin/reload.h"
#include "dialback/dialback_key.h"
#include "server/certificate_manager.h"
#include "server/connection_manager.h"
#include "server/dns_util.h"
#include "server/external_component_manager.h"
#include "server/remote_server_manager.h"
#include "server/timeline_store.h"
#include "server/upstream_manager.h"
#include "server/xmpp_server.h"
#include "test/support/scratch.h"
#include "test/support/settings.h"

static const struct control_caller root = {"control socket", NULL, 0, 4711, true};
static const struct control_caller guest = {"console", "guest", -1, -1, false};

static int open_rooms(void **state)
{
    settings_open_scratch(state);
    config_publish(settings_load_good("[xmpp.server]\nsocket.active = false\n"
                                      "certificate.file = none\n[adminConsole]\nport = "
                                      "0\nsecurePort = 0\n[s2s]\ndns.trust-anchor =\n"));
    struct text why = TEXT_EMPTY;
    const struct config *config = config_get();
    if (reload_make_home(config, &why) < 0 || reload_apply(config, &why) < 0 ||
        reload_listeners(config, &why) < 0)
        fail_msg("%s", text_string(&why));
    config_unref(config);
    return 0;
}

static int close_rooms(void **state)
{
    dns_util_stop();
    certificate_manager_stop();
    remote_server_manager_stop();
    external_component_manager_stop();
    upstream_manager_stop();
    dialback_key_stop();
    xmpp_server_stop();
    return settings_close_scratch(state);
}

static json_t *ask_with(const char *line, const struct control_caller *caller,
                        struct control_sink *sink)
{
    struct control_words words;
    struct text why = TEXT_EMPTY;
    assert_int_equal(control_request_split(line, strlen(line), &words, &why), 0);
    json_t *answer = control_commands_run(&words, caller, sink);
    control_words_free(&words);
    return answer;
}

/* ask - the result, with a reference; the command must succeed */
static json_t *ask(const char *line, const struct control_caller *caller)
{
    json_t *answer = ask_with(line, caller, NULL);
    if (!json_is_true(json_object_get(answer, "ok")))
        fail_msg("%s: %s", line, json_string_value(json_object_get(answer, "error")));
    json_t *result = json_incref(json_object_get(answer, "result"));
    json_decref(answer);
    return result;
}

static void assert_fails(const char *line, const struct control_caller *caller,
                         const char *condition, const char *words)
{
    json_t *answer = ask_with(line, caller, NULL);
    const char *error = json_string_value(json_object_get(answer, "error"));
    assert_true(json_is_false(json_object_get(answer, "ok")));
    assert_string_equal(json_string_value(json_object_get(answer, "condition")), condition);
    if (error == NULL || strstr(error, words) == NULL)
        fail_msg("%s: %s is not in '%s'", line, words, error);
    json_decref(answer);
}

static void assert_member(const json_t *object, const char *member, const char *expected)
{
    const char *text = json_string_value(json_object_get(object, member));
    assert_non_null(text);
    assert_string_equal(text, expected);
}

static void what_makes_no_sense_is_invalid_and_leaves_no_trace(void **state)
{
    (void)state;
    assert_fails("", &root, "invalid", "a command was expected");
    assert_fails("nothing at all", &root, "invalid", "there is no command nothing");
    assert_fails("close", &root, "invalid", "usage: close DOMAIN-OR-STREAM");
    assert_fails("block a@b", &root, "invalid", "a domain name was expected");
    struct text why = TEXT_EMPTY;
    json_t *lines = audit_log_last(10, &why);
    assert_int_equal(json_array_size(lines), 0);
    json_decref(lines);
}

/* add_argument - one that the parameter accepts */
static void add_argument(const struct control_parameter *parameter, struct text *line)
{
    if (parameter->type == CONTROL_WORD)
        text_appendf(line, " %.*s", (int)strcspn(parameter->words, "|"), parameter->words);
    else if (parameter->type == CONTROL_NUMBER)
        text_appendf(line, " %lld", (long long)parameter->min);
    else
        text_append_string(line, " a.test");
}

static void who_may_only_look_changes_nothing(void **state)
{
    (void)state;
    size_t changes = 0;
    for (size_t i = 0; i < control_command_count; i++) {
        /* the end of the list has its place */
        assert_null(control_commands[i].parameters[CONTROL_PARAMETERS_MAX].name);
        const struct control_command *command = &control_commands[i];
        struct text line = TEXT_EMPTY;
        text_append_string(&line, command->words);
        for (const struct control_parameter *each = command->parameters; each->name; each++)
            if (each->required)
                add_argument(each, &line);
        assert_non_null(command->run);
        if (command->privilege == CONTROL_CHANGE) {
            assert_fails(text_string(&line), &guest, "denied", "you may only look");
            changes++;
        } else if (strcmp(command->words, "diagram") == 0) {
            assert_fails(text_string(&line), &guest, "not-found", "nothing is kept of a.test");
        } else if (strcmp(command->words, "handshake") == 0) {
            assert_fails(text_string(&line), &guest, "not-found", "there is no stream a.test");
        } else if (!command->streams && strcmp(command->words, "get") != 0) {
            json_decref(ask(text_string(&line), &guest));
        }
        text_free(&line);
    }
    assert_fails("trace a.test --stanzas", &guest, "denied", "may read stanzas");
    assert_false(control_server_ends_at_once());
    struct text why = TEXT_EMPTY;
    json_t *lines = audit_log_last(100, &why),
           *who = json_object_get(json_array_get(lines, 0), "who");
    assert_int_equal(json_array_size(lines), changes);
    assert_member(json_array_get(lines, 0), "outcome", "denied");
    assert_member(who, "via", "console");
    assert_member(who, "user", "guest");
    json_decref(lines);
}

static void settings_are_set_told_and_taken_back(void **state)
{
    (void)state;
    json_t *result = ask("set s2s.retry.max 400000", &root);
    assert_member(result, "was", "300000");
    assert_member(result, "value", "400000");
    assert_member(result, "source", "settings.conf");
    json_decref(result);
    result = ask("get s2s.retry.max", &guest);
    assert_member(result, "value", "400000");
    assert_member(result, "default", "300000");
    json_decref(result);
    result = ask("settings --changed", &guest);
    assert_int_equal(json_array_size(result), 1);
    json_decref(result);
    result = ask("unset s2s.retry.max", &root);
    assert_member(result, "value", "300000");
    assert_member(result, "source", "default");
    json_decref(result);
    assert_fails("unset s2s.retry.max", &root, "not-found", "was not changed");
    assert_fails("set s2s.retry.max 0", &root, "invalid", "a whole number from 1");
    assert_fails("set s2s.retry.first 400000", &root, "refused", "s2s.retry.max");
}

static void the_audit_log_tells_before_and_after_and_no_secret(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY, content = TEXT_EMPTY;
    json_decref(ask("set s2s.retry.max 400000", &root));
    json_decref(ask("set xmpp.server.dialback.secret hush-hush", &root));
    assert_fails("set xmpp.server.dialback.secrets hush-hush", &root, "not-found", "no setting");
    json_decref(ask("block bad.test", &root));
    json_t *lines = audit_log_last(3, &why);
    assert_int_equal(json_array_size(lines), 3);
    const json_t *secret = json_array_get(lines, 0), *last = json_array_get(lines, 2);
    assert_member(json_object_get(secret, "arguments"), "value", "(not shown)");
    assert_member(secret, "after", "(set)");
    assert_member(last, "command", "block");
    assert_member(json_object_get(last, "after"), "permission", "blocked");
    assert_true(json_is_null(json_object_get(last, "before")));
    json_decref(lines);
    assert_int_equal(scratch_read(scratch_path("audit.log"), &content), 0);
    assert_null(strstr(text_string(&content), "hush"));
    assert_non_null(strstr(text_string(&content), "\"before\":\"300000\",\"after\":\"400000\""));
    text_free(&content);
}

static void an_audit_log_that_is_damaged_is_told_as_far_as_it_goes(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    scratch_write("audit.log", "{\"n\":1}\nno json\n\n[2]\n{\"n\":3}\n{\"n\":4");
    json_t *lines = audit_log_last(10, &why);
    assert_int_equal(json_array_size(lines), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(lines, 0), "n")), 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(lines, 1), "n")), 3);
    json_decref(lines);
    lines = audit_log_last(1, &why);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(lines, 0), "n")), 3);
    json_decref(lines);
}

/* A sink that takes some events. */
struct counting {
    struct control_sink sink;
    int taken, limit;
    bool wanted;
};

static bool count_event(struct control_sink *sink, const json_t *event)
{
    struct counting *counting = (struct counting *)sink;
    assert_true(json_is_object(event));
    return counting->taken++ < counting->limit;
}

static bool is_wanted(struct control_sink *sink)
{
    return ((struct counting *)sink)->wanted;
}

static void a_command_that_streams_ends_when_nobody_takes_it(void **state)
{
    (void)state;
    struct counting gone = {{count_event, is_wanted}, 0, 0, true};
    json_decref(ask_with("trace a.test", &guest, &gone.sink));
    assert_int_equal(gone.taken, 1);
    struct counting unwanted = {{count_event, is_wanted}, 0, 9, false};
    json_t *answer = ask_with("trace a.test", &guest, &unwanted.sink);
    assert_true(json_is_true(json_object_get(answer, "ok")));
    assert_int_equal(unwanted.taken, 1);
    json_decref(answer);
}

static void bytes_of_others_become_json(void **state)
{
    (void)state;
    json_t *text = control_json_text("a\xff\x1b");
    assert_string_equal(json_string_value(text), "a\\xff\\x1b");
    json_decref(text);
    text = control_json_text("b\xc3\xbc");
    assert_string_equal(json_string_value(text), "b\xc3\xbc");
    json_decref(text);
    assert_true(json_is_null(control_json_text(NULL)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_rooms, close_rooms)

static void assert_overrides(const char *setting)
{
    json_t *result = ask("get dnsutil.dnsOverride", &guest);
    assert_member(result, "value", setting);
    json_decref(result);
}

static void overrides_are_rows_of_one_setting(void **state)
{
    (void)state;
    json_decref(ask("override set * 2001:db8::1 --port=5270", &root));
    json_t *result = ask("override set a.test 192.0.2.1 --port=5299", &root);
    assert_true(json_is_null(json_object_get(result, "was")));
    json_decref(result);
    json_decref(ask("override set *.lab.test host.test", &root));
    json_decref(ask("override set *.a.lab.test host.test", &root));
    result = ask("overrides", &guest); /* in the order in which they are looked at */
    static const char *const order[] = {"a.test", "*.a.lab.test", "*.lab.test", "*"};
    assert_int_equal(json_array_size(result), 4);
    for (size_t i = 0; i < 4; i++)
        assert_member(json_array_get(result, i), "pattern", order[i]);
    json_decref(result);
    json_decref(ask("override remove *.a.lab.test", &root));
    assert_overrides("{a.test,192.0.2.1:5299},{*.lab.test,host.test},{*,[2001:db8::1]:5270}");
    result = ask("override set A.Test 192.0.2.2", &root);
    assert_member(json_object_get(result, "was"), "host", "192.0.2.1");
    assert_member(json_object_get(result, "row"), "host", "192.0.2.2");
    json_decref(result);
    json_decref(ask("override remove *.lab.test", &root));
    assert_overrides("{a.test,192.0.2.2},{*,[2001:db8::1]:5270}");
    result = ask("overrides", &guest);
    assert_int_equal(json_array_size(result), 2);
    assert_member(json_array_get(result, 1), "pattern", "*");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(result, 1), "port")), 5270);
    json_decref(result);
    struct text why = TEXT_EMPTY;
    json_t *lines = audit_log_last(1, &why), *line = json_array_get(lines, 0);
    assert_member(json_object_get(line, "before"), "host", "host.test");
    assert_true(json_is_null(json_object_get(line, "after")));
    json_decref(lines);
}

static void an_override_can_not_become_another_row(void **state)
{
    (void)state;
    json_decref(ask("override set a.test 192.0.2.1", &root));
    assert_fails("override set b.test 192.0.2.9},{c.test,192.0.2.9", &root, "invalid",
                 "holds none");
    assert_fails("override set {b.test 192.0.2.9", &root, "invalid", "holds none");
    assert_fails("override set b.test:1 192.0.2.9", &root, "invalid", "holds none");
    assert_fails("override set b@c 192.0.2.9", &root, "invalid", "a domain");
    assert_fails("override set *b.test 192.0.2.9", &root, "invalid", "a domain");
    assert_fails("override set b.test host:77 --port=78", &root, "invalid", "a host name or an ");
    assert_fails("override set b.test 192.0.2.9 --port=0", &root, "invalid", "1 to 65535");
    assert_fails("override remove b.test", &root, "not-found", "no override for b.test");
    assert_overrides("{a.test,192.0.2.1}");
}

/* file - an attempt to reach the domain that failed, or went well */
static void file(const char *domain, bool good)
{
    struct timeline *timeline = timeline_new();
    struct timeline_attempt attempt = {TIMELINE_OUT, domain, "localhost", "192.0.2.1:5269",
                                       timeline};
    if (good) {
        timeline_store_succeeded(&attempt);
    } else {
        timeline_fail(timeline, FAILURE_OTHER, "it <b>said</b> no");
        timeline_store_failed(&attempt, FAILURE_OTHER, "unused");
    }
    timeline_free(timeline);
}

static void failures_are_told_until_one_goes_well(void **state)
{
    (void)state;
    file("first.test", false);
    file("second.test", false);
    file("second.test", false);
    json_t *result = ask("failures", &guest), *newest = json_array_get(result, 0);
    assert_int_equal(json_array_size(result), 2);
    assert_member(newest, "domain", "second.test");
    assert_int_equal(json_integer_value(json_object_get(newest, "count")), 2);
    assert_member(newest, "why", "it <b>said</b> no");
    assert_member(newest, "direction", "out");
    assert_false(json_is_true(json_object_get(newest, "settled")));
    assert_member(json_array_get(result, 1), "domain", "first.test");
    json_decref(result);
    file("second.test", true);
    result = ask("failures", &guest);
    assert_int_equal(json_array_size(result), 1);
    json_decref(result);
    result = ask("failures --all", &guest);
    assert_int_equal(json_array_size(result), 2);
    json_decref(result);
    timeline_store_stop();
}

static void only_who_may_connect_is_tried_again(void **state)
{
    (void)state;
    json_decref(ask("block bad.test", &root));
    assert_fails("retry bad.test", &root, "refused", "bad.test may not connect");
    assert_fails("retry localhost", &root, "refused", "localhost is served here");
    assert_fails("retry a@b", &root, "invalid", "a domain name was expected");
    assert_fails("software bad.test", &root, "refused", "bad.test may not connect");
    assert_fails("software localhost", &root, "refused", "localhost is served here");
    assert_fails("software a@b", &root, "invalid", "a domain name was expected");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_makes_no_sense_is_invalid_and_leaves_no_trace),
        TEST(who_may_only_look_changes_nothing),
        TEST(settings_are_set_told_and_taken_back),
        TEST(the_audit_log_tells_before_and_after_and_no_secret),
        TEST(an_audit_log_that_is_damaged_is_told_as_far_as_it_goes),
        TEST(a_command_that_streams_ends_when_nobody_takes_it),
        TEST(bytes_of_others_become_json),
        TEST(overrides_are_rows_of_one_setting),
        TEST(an_override_can_not_become_another_row),
        TEST(failures_are_told_until_one_goes_well),
        TEST(only_who_may_connect_is_tried_again),
    };
    return cmocka_run_group_tests_name("control_commands", tests, NULL, NULL);
}
