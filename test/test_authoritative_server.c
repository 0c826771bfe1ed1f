/* SPDX-License-Identifier: Apache-2.0 */
/* test_authoritative_server - which keys we call our own, and what a db:result may ask for at all
 *
 * XEP-0220 2.2.2 and 2.1.2: authoritative_server, and receiving_server's check, which asks the same rooms:
 * the names served here and the domains permitted. The keys are those that originating_server shows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dialback/authoritative_server.h"
#include "dialback/dialback_key.h"
#include "dialback/originating_server.h"
#include "dialback/receiving_server.h"
#include "server/config.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/remote_server_manager.h"
#include "server/xmpp_server.h"
#include "test/support/scratch.h"

#define SECRET "s3cr3tf0rd14lb4ck"

static struct text why, out;

static int start(void **state)
{
    (void)state;
    const char *home = scratch_open();
    struct text conf = TEXT_EMPTY;
    text_appendf(&conf, "[xmpp]\ndomain = ours.test\n[s2s]\nhome = %s\ndomains = second.test\n",
                 home);
    scratch_write("remote-servers.conf", "[blocked.test]\npermission = blocked\nremotePort = 0\n");
    log_set_level(LOG_LEVEL_ERROR);
    struct config *config = config_load(scratch_write("conf", text_string(&conf)), &why);
    text_free(&conf);
    if (config == NULL)
        return -1;
    config_publish(config);
    return xmpp_server_configure(config) == 0 && remote_server_manager_load(config, &why) == 0 &&
                   dialback_key_start(home, SECRET, &why) == 0
               ? 0
               : -1;
}

static int stop(void **state)
{
    (void)state;
    dialback_key_stop();
    remote_server_manager_stop();
    xmpp_server_stop();
    config_stop();
    scratch_close();
    text_free(&why);
    text_free(&out);
    return 0;
}

static struct dialback_element request(enum dialback_kind kind, const char *from, const char *to,
                                       const char *id, const char *key)
{
    struct dialback_element made = {
        .kind = kind, .addressed = from[0] != '\0', .id = id, .key = key, .error_text = ""};
    snprintf(made.from, sizeof made.from, "%s", from);
    snprintf(made.to, sizeof made.to, "%s", to);
    return made;
}

/* ask - the authoritative server's answer about a key */
static enum dialback_type ask(const char *from, const char *to, const char *id, const char *key)
{
    struct dialback_element element = request(DIALBACK_VERIFY, from, to, id, key);
    text_clear(&out);
    text_clear(&why);
    return authoritative_server_verify_received_key(&element, true, &out, &why);
}

/* shown - the key that we show as `local` on the stream that `remote` called `id` */
static void shown(char key[65], const char *local, const char *remote, const char *id)
{
    struct originating_server server = {0};
    struct text element = TEXT_EMPTY;
    originating_server_authenticate_domain(&server, local, remote, id, 1, &element);
    const char *text = strchr(text_string(&element), '>');
    assert_non_null(text);
    snprintf(key, 65, "%s", text + 1);
    assert_string_equal(strchr(text, '<'), "</db:result>");
    originating_request_free(originating_server_take_expired(&server, INT64_MAX));
    text_free(&element);
}

static void calls_the_key_that_we_showed_valid(void **state)
{
    (void)state;
    char key[65];
    shown(key, "ours.test", "remote.test", "D60000229F");
    int64_t before = metrics_get(verify_answered_valid);
    assert_int_equal(ask("remote.test", "ours.test", "D60000229F", key), DIALBACK_VALID);
    assert_string_equal(text_string(&out), "<db:verify from=\"ours.test\" to=\"remote.test\" "
                                           "id=\"D60000229F\" type=\"valid\"/>");
    assert_int_equal(metrics_get(verify_answered_valid), before + 1);
    shown(key, "second.test", "remote.test", "x y"); /* their id, whatever it is */
    assert_int_equal(ask("remote.test", "second.test", "x y", key), DIALBACK_INVALID);
    shown(key, "second.test", "remote.test", "x-y");
    assert_int_equal(ask("remote.test", "second.test", "x-y", key), DIALBACK_VALID);
}

static void calls_every_other_key_invalid(void **state)
{
    (void)state;
    char key[65];
    shown(key, "ours.test", "remote.test", "id1");
    int64_t before = metrics_get(verify_answered_invalid);
    assert_int_equal(ask("remote.test", "ours.test", "id2", key), DIALBACK_INVALID);
    assert_int_equal(ask("other.test", "ours.test", "id1", key), DIALBACK_INVALID);
    assert_int_equal(ask("remote.test", "second.test", "id1", key), DIALBACK_INVALID);
    assert_int_equal(ask("remote.test", "ours.test", "id1", ""), DIALBACK_INVALID);
    assert_string_equal(text_string(&out), "<db:verify from=\"ours.test\" to=\"remote.test\" "
                                           "id=\"id1\" type=\"invalid\"/>");
    key[0] = key[0] == '0' ? '1' : '0';
    assert_int_equal(ask("remote.test", "ours.test", "id1", key), DIALBACK_INVALID);
    assert_int_equal(metrics_get(verify_answered_invalid), before + 5);
}

static void has_no_keys_left_when_the_secret_is_another(void **state)
{
    (void)state;
    char key[65];
    shown(key, "ours.test", "remote.test", "id1");
    assert_int_equal(ask("remote.test", "ours.test", "id1", key), DIALBACK_VALID);
    assert_int_equal(dialback_key_start("", "another secret of enough letters", &why), 0);
    assert_int_equal(ask("remote.test", "ours.test", "id1", key), DIALBACK_INVALID);
}

static void knows_no_keys_of_domains_that_it_does_not_serve(void **state)
{
    (void)state;
    static const char *const names[] = {"theirs.test", "test", "xours.test", "sub.ours.test"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char key[65];
        dialback_key_make(key, "remote.test", names[i], "id1");
        assert_int_equal(ask("remote.test", names[i], "id1", key), DIALBACK_ERROR);
        assert_non_null(strstr(text_string(&out), "<item-not-found "));
        assert_null(strstr(text_string(&out), "valid"));
    }
}

static void says_so_when_dialback_is_switched_off(void **state)
{
    (void)state;
    char key[65];
    shown(key, "ours.test", "remote.test", "id1");
    struct dialback_element element =
        request(DIALBACK_VERIFY, "remote.test", "ours.test", "id1", key);
    assert_int_equal(authoritative_server_verify_received_key(&element, false, &out, &why),
                     DIALBACK_ERROR);
    assert_non_null(strstr(text_string(&out), "<policy-violation "));
    assert_null(strstr(text_string(&out), "type=\"valid\""));
}

static void answers_nothing_to_a_question_without_addresses_or_id(void **state)
{
    (void)state;
    assert_int_equal(ask("", "", "id1", "k"), DIALBACK_UNKNOWN_TYPE);
    assert_int_equal(out.length, 0);
    assert_int_equal(ask("remote.test", "ours.test", NULL, "k"), DIALBACK_UNKNOWN_TYPE);
    assert_int_equal(out.length, 0);
    assert_true(why.length > 0);
}

struct outcome {
    enum receiving_check check;
    enum packet_error error;
    enum stream_error stream_error;
};

static struct outcome check(const char *from, const char *to, bool dialback_enabled)
{
    struct outcome outcome = {0};
    struct dialback_element element = request(DIALBACK_RESULT, from, to, NULL, "k");
    text_clear(&why);
    outcome.check = receiving_server_check(&element, dialback_enabled, &outcome.error,
                                           &outcome.stream_error, &why);
    return outcome;
}

static void asks_about_a_permitted_domain_that_wants_one_of_ours(void **state)
{
    (void)state;
    assert_int_equal(check("remote.test", "ours.test", true).check, RECEIVING_ASK);
    assert_int_equal(check("remote.test", "second.test", true).check, RECEIVING_ASK);
}

static void ends_the_stream_of_who_may_not_ask(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        bool enabled;
        enum stream_error error;
    } rows[] = {
        {"", "", true, STREAM_IMPROPER_ADDRESSING},
        {"blocked.test", "ours.test", true, STREAM_POLICY_VIOLATION},
        {"im.blocked.test", "ours.test", true, STREAM_POLICY_VIOLATION},
        {"blocked.test", "theirs.test", true, STREAM_POLICY_VIOLATION},
        {"remote.test", "ours.test", false, STREAM_POLICY_VIOLATION},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct outcome outcome = check(rows[i].from, rows[i].to, rows[i].enabled);
        assert_int_equal(outcome.check, RECEIVING_END_STREAM);
        assert_int_equal(outcome.stream_error, rows[i].error);
        assert_true(why.length > 0);
    }
}

static void answers_an_error_for_a_target_or_sender_that_cannot_be(void **state)
{
    (void)state;
    struct outcome outcome = check("remote.test", "sub.ours.test", true);
    assert_int_equal(outcome.check, RECEIVING_ANSWER_ERROR);
    assert_int_equal(outcome.error, PACKET_ITEM_NOT_FOUND);
    outcome = check("second.test", "ours.test", true); /* it says that it is one of us */
    assert_int_equal(outcome.check, RECEIVING_ANSWER_ERROR);
    assert_int_equal(outcome.error, PACKET_NOT_ALLOWED);
    assert_non_null(strstr(text_string(&why), "second.test"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(calls_the_key_that_we_showed_valid),
        TEST(calls_every_other_key_invalid),
        TEST(has_no_keys_left_when_the_secret_is_another),
        TEST(knows_no_keys_of_domains_that_it_does_not_serve),
        TEST(says_so_when_dialback_is_switched_off),
        TEST(answers_nothing_to_a_question_without_addresses_or_id),
        TEST(asks_about_a_permitted_domain_that_wants_one_of_ours),
        TEST(ends_the_stream_of_who_may_not_ask),
        TEST(answers_an_error_for_a_target_or_sender_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
