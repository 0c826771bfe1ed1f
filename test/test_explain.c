/* SPDX-License-Identifier: Apache-2.0 */
/* test_explain - the rule chain follows settings and rows, in force or of a file; the sentence names cause, side and remedy
 *
 * Stories are made by hand here; staged.py has them from real failures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/explain.h"
#include "admin/explain_text.h"
#include "admin/json_words.h"
#include "server/config.h"
#include "server/external_component_manager.h"
#include "server/log.h"
#include "server/remote_server_manager.h"
#include "server/timeline_store.h"
#include "server/upstream_manager.h"
#include "server/xmpp_server.h"
#include "session/retry_pause.h"
#include "test/support/scratch.h"
#include "test/support/settings.h"

static json_t *explanation;
static struct text written;

static int start(void **state)
{
    log_set_level(LOG_LEVEL_ERROR);
    explanation = NULL;
    return settings_open_scratch(state);
}

static int stop(void **state)
{
    json_decref(explanation);
    text_free(&written);
    timeline_store_stop();
    retry_pause_stop();
    remote_server_manager_stop();
    external_component_manager_stop();
    upstream_manager_stop();
    xmpp_server_stop();
    config_stop();
    return settings_close_scratch(state);
}

/* publish - these settings and rows are in force */
static void publish(const char *settings, const char *rows)
{
    struct text why = TEXT_EMPTY;
    scratch_write("remote-servers.conf", rows);
    struct config *config = settings_load_good(settings);
    assert_int_equal(remote_server_manager_load(config, &why), 0);
    assert_int_equal(external_component_manager_load(config, &why), 0);
    assert_int_equal(upstream_manager_load(config, &why), 0);
    assert_int_equal(xmpp_server_configure(config), 0);
    timeline_store_configure(config);
    config_publish(config);
}

static void ask_with(const char *domain, const char *file)
{
    struct text why = TEXT_EMPTY;
    json_decref(explanation);
    text_clear(&written);
    explanation = explain_domain(domain, file, &why);
    if (explanation == NULL)
        fail_msg("%s", text_string(&why));
    explain_text_write(explanation, &written);
}

static void ask(const char *domain)
{
    ask_with(domain, NULL);
}

static const json_t *rule(const char *direction, const char *name)
{
    size_t i;
    const json_t *each;
    json_array_foreach(json_object_get(explanation, "rules"), i, each)
    {
        if (strcmp(json_text(each, "direction"), direction) == 0 &&
            strcmp(json_text(each, "rule"), name) == 0)
            return each;
    }
    fail_msg("no rule %s %s", direction, name);
    return NULL;
}

static void assert_rule(const char *direction, const char *name, bool allows, const char *decision,
                        const char *by)
{
    const json_t *found = rule(direction, name);
    assert_int_equal(json_is_true(json_object_get(found, "allows")), allows);
    if (strstr(json_text(found, "decision"), decision) == NULL)
        fail_msg("%s %s: %s", direction, name, json_text(found, "decision"));
    if (strstr(json_text(found, "by"), by) == NULL)
        fail_msg("%s %s by %s", direction, name, json_text(found, "by"));
}

static void assert_conclusion(const char *cause, const char *side, const char *direction,
                              const char *words)
{
    const json_t *conclusion = json_object_get(explanation, "conclusion");
    const char *sentence = json_text(conclusion, "sentence");
    assert_string_equal(json_text(conclusion, "cause"), cause);
    assert_string_equal(json_text(conclusion, "side"), side);
    assert_string_equal(json_text(conclusion, "direction"), direction);
    if (strstr(sentence, words) == NULL)
        fail_msg("no '%s' in: %s", words, sentence);
    /* the text ends with it, once more; without its line breaks it is the same */
    size_t length = strlen(sentence);
    assert_true(written.length > length);
    char *last = written.bytes + written.length - 1 - length;
    for (size_t i = 0; i < length; i++)
        assert_true(last[i] == sentence[i] || (last[i] == '\n' && sentence[i] == ' '));
}

static void file(enum timeline_direction direction, const char *domain, const char *peer,
                 enum failure failure, const char *why)
{
    struct timeline *timeline = timeline_new();
    struct timeline_attempt attempt = {direction, domain, "s2s.test", peer, timeline};
    timeline_step(timeline, "DNSUtil.resolveXMPPDomain", "RFC 6120 3.2.1", "step of %s", why);
    if (failure == FAILURE_NONE)
        timeline_store_succeeded(&attempt);
    else
        timeline_store_failed(&attempt, failure, why);
    timeline_free(timeline);
}

static void the_chain_of_the_defaults(void **state)
{
    (void)state;
    publish("[xmpp]\ndomain = s2s.test\n", "");
    ask("A.test");
    assert_string_equal(json_text(explanation, "domain"), "a.test");
    assert_rule("both", "permission", true, "allowed", "policy blacklist and no row");
    assert_rule("in", "listener", true, "port 5269, and 5270 for direct TLS", "socket.active");
    assert_rule("in", "tls", true, "offered", "xmpp.server.tls.policy = optional");
    assert_rule("in", "certificate", true, "refuses them", "strict-validation = true");
    assert_rule("in", "authentication", true, "SASL EXTERNAL if", "dialback.enabled = true");
    assert_rule("in", "limits", true, "60000 ms", "s2s.connections.max");
    assert_rule("out", "destination", true, "SRV records name", "socket.remotePort");
    assert_rule("out", "tls", true, "used if they offer it", "tls.policy = optional");
    assert_rule("out", "limits", true, "10 s for the set-up", "initialise-timeout");
    assert_conclusion("none", "nobody", "both", "nothing is known of it yet");
    assert_true(json_is_null(json_object_get(json_object_get(explanation, "conclusion"), "works")));
}

static void a_row_or_a_parents_row_blocks(void **state)
{
    (void)state;
    publish("", "[evil.test]\npermission = blocked\n[good.evil.test]\npermission = allowed\n");
    ask("im.evil.test");
    assert_rule("both", "permission", false, "blocked", "evil.test, parent of im.evil.test");
    assert_conclusion("blocked-here", "ours", "both", "[im.evil.test] permission = allowed");
    ask("good.evil.test");
    assert_rule("both", "permission", true, "allowed", "row 'allowed' of good.evil.test");
    publish("[xmpp.server]\npermission = whitelist\n", "");
    ask("a.test");
    assert_rule("both", "permission", false, "blocked", "policy whitelist and no row");
}

static void rows_of_security_win(void **state)
{
    (void)state;
    publish("", "[cert.test]\nsecurity = certificate\n[*.lab.test]\nsecurity = dialback\n");
    ask("cert.test");
    assert_rule("in", "tls", true, "required", "security = certificate of cert.test");
    assert_rule("out", "certificate", true, "must be valid", "security = certificate of cert.test");
    ask("a.lab.test");
    assert_rule("out", "certificate", true, "need not be valid",
                "security = dialback of *.lab.test");
    assert_rule("out", "authentication", true, "dialback only", "dialback.enabled");
}

static void settings_that_leave_no_way_are_told(void **state)
{
    (void)state;
    publish("[xmpp.server]\ntls.policy = required\ncertificate.file = none\n", "");
    ask("a.test");
    assert_rule("out", "tls", false, "required, and there is none", "certificate.file = none");
    assert_conclusion("settings", "ours", "out", "certificate.file = none");
    publish("[xmpp.server]\ndialback.enabled = false\ntls.policy = disabled\n", "");
    ask("a.test");
    assert_rule("in", "authentication", false, "no way is left", "dialback.enabled = false");
    publish("[xmpp.server]\nsocket.active = false\n", "");
    ask("a.test");
    assert_rule("in", "listener", false, "off", "socket.active");
    assert_conclusion("settings", "ours", "in", "a.test does not get in to us: listener: off");
}

static void the_destination_is_that_of_overrides_rows_and_the_domain(void **state)
{
    (void)state;
    publish("[dnsutil]\ndnsOverride = \"{a.test,192.0.2.7},{*.lab.test,[2001:db8::5]:5299},"
            "{x.test,y.test},{y.test,x.test}\"\n",
            "[a.test]\nremotePort = 5280\n[row.test]\nremotePort = 5290\n");
    ask("a.test");
    assert_rule("out", "destination", true, "192.0.2.7:5280", "dnsOverride, remotePort of its row");
    ask("b.lab.test");
    assert_rule("out", "destination", true, "[2001:db8::5]:5299", "dnsutil.dnsOverride");
    ask("row.test");
    assert_rule("out", "destination", true, "its own address, port 5290", "remotePort of its row");
    ask("192.0.2.9");
    assert_rule("out", "destination", true, "itself, port 5269", "remotePort");
    ask("x.test");
    assert_rule("out", "destination", false, "circle", "dnsutil.dnsOverride");
    assert_conclusion("override-circle", "ours", "out", "correct dnsutil.dnsOverride");
}

static void a_pause_is_shown(void **state)
{
    (void)state;
    publish("", "");
    retry_pause_failed(RETRY_STANZAS, "a.test", PACKET_REMOTE_SERVER_TIMEOUT, "it was down");
    ask("a.test");
    assert_rule("out", "pause", true, "it was down", "s2s.retry.first");
}

static void our_own_domains_are_told_as_such(void **state)
{
    (void)state;
    scratch_write("components.conf", "[bot.test]\nsecret = x\n");
    publish("[xmpp]\ndomain = s2s.test\n[s2s]\ndomains = second.test\n"
            "[upstream behind.test]\nhost = 127.0.0.1\nport = 5999\n",
            "");
    ask("second.test");
    assert_rule("both", "ours", true, "our own services", "s2s.domains");
    assert_conclusion("none", "nobody", "both", "served by this server");
    ask("bot.test");
    assert_rule("both", "ours", true, "a component", "components.conf");
    ask("behind.test");
    assert_rule("both", "ours", true, "127.0.0.1:5999", "[upstream]");
    assert_rule("out", "authentication", true, "dialback", "dialback.enabled");
}

static void the_newest_failure_is_the_conclusion(void **state)
{
    (void)state;
    publish("", "");
    file(TIMELINE_OUT, "a.test", "192.0.2.1:5269", FAILURE_NONE, "");
    ask("a.test");
    assert_conclusion("none", "nobody", "both",
                      "Nothing is wrong: with a.test, the last attempt out went");
    file(TIMELINE_OUT, "a.test", "192.0.2.1:5269", FAILURE_CERTIFICATE_EXPIRED,
         "certificate has expired");
    ask("a.test");
    assert_conclusion("certificate-expired", "theirs", "out",
                      "We do not get through to a.test: certificate has expired; that is at the "
                      "step certificate, on their side: they must renew their certificate");
    assert_non_null(
        strstr(text_string(&written), "step of certificate has expired [RFC 6120 3.2.1]"));
    assert_non_null(strstr(text_string(&written), "Out: failures, the last first:"));
    file(TIMELINE_OUT, "a.test", "192.0.2.1:5269", FAILURE_NONE, "");
    ask("a.test");
    assert_conclusion("none", "nobody", "both", "Nothing is wrong");
}

static void a_way_in_that_needs_the_way_out_points_there(void **state)
{
    (void)state;
    publish("", "");
    file(TIMELINE_OUT, "a.test", NULL, FAILURE_REFUSED, "192.0.2.1:5269: Connection refused");
    file(TIMELINE_IN, "a.test", "192.0.2.1:4000", FAILURE_DIALBACK_UNVERIFIED, "could not ask");
    ask("a.test");
    assert_conclusion("connection-refused", "theirs", "out", "Connection refused");
    file(TIMELINE_OUT, "a.test", "192.0.2.1:5269", FAILURE_NONE, "");
    file(TIMELINE_IN, "a.test", "192.0.2.1:4000", FAILURE_THEIR_KEY_DENIED, "not its own");
    ask("a.test");
    assert_conclusion("dialback-key-denied", "theirs", "in", "a.test does not get in to us");
}

static void what_a_stranger_claimed_counts_where_nothing_else_is_known(void **state)
{
    (void)state;
    publish("", "");
    file(TIMELINE_IN, "a.test", "198.51.100.1:1", FAILURE_NOTHING_PROVED, "closed");
    ask("a.test");
    assert_conclusion("nothing-proved", "theirs", "in", "closed");
    assert_non_null(strstr(text_string(&written), "nothing proves that it was this domain"));
    file(TIMELINE_IN, "a.test", "192.0.2.1:4000", FAILURE_NONE, "");
    file(TIMELINE_IN, "a.test", "198.51.100.1:1", FAILURE_THEIR_KEY_DENIED, "a stranger");
    ask("a.test");
    assert_conclusion("none", "nobody", "both", "Nothing is wrong");
}

static void settings_that_are_not_loaded_can_be_asked(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    publish("", "[a.test]\npermission = blocked\n");
    file(TIMELINE_OUT, "a.test", NULL, FAILURE_BLOCKED_HERE, "row 'blocked' of a.test");
    ask("a.test");
    assert_conclusion("blocked-here", "ours", "both", "permission = allowed");
    char *file_name = text_format("%s", scratch_write("other.conf", ""));
    char *home = text_format("%s/other", scratch_path("."));
    char *settings = text_format("[xmpp]\ndomain = new.test\n[xmpp.server]\ntls.policy = required\n"
                                 "certificate.file = none\n[s2s]\nhome = %s\n",
                                 home);
    scratch_write("other.conf", settings);
    ask_with("a.test", file_name);
    assert_string_equal(json_text(explanation, "settings"), file_name);
    assert_rule("both", "permission", true, "allowed", "policy blacklist and no row");
    assert_rule("out", "tls", false, "required, and there is none", "certificate.file = none");
    ask_with("new.test", file_name);
    assert_rule("both", "ours", true, "our own services", "xmpp.domain");
    free(settings);
    settings = text_format("[s2s]\nhome = %s\n", home);
    scratch_write("other.conf", settings);
    ask_with("a.test", file_name);
    assert_conclusion("none", "nobody", "out", "bars a.test any more");
    ask("a.test"); /* and nothing of it is in force */
    assert_conclusion("blocked-here", "ours", "both", "permission = allowed");
    ask("new.test");
    assert_rule("both", "permission", true, "allowed", "policy blacklist and no row");
    scratch_write("other.conf", "[xmpp.server]\nsocket.port = many\n");
    assert_null(explain_domain("a.test", file_name, &why));
    assert_non_null(strstr(text_string(&why), "socket.port = many"));
    text_clear(&why);
    assert_null(explain_domain("a b", NULL, &why));
    assert_string_equal(text_string(&why), "'a b' is no domain");
    text_free(&why);
    free(settings);
    free(home);
    free(file_name);
}

static void a_row_that_excuses_a_certificate_changes_the_conclusion(void **state)
{
    (void)state;
    publish("", "");
    file(TIMELINE_OUT, "a.test", NULL, FAILURE_CERTIFICATE_SELFSIGNED, "self-signed");
    ask("a.test");
    assert_conclusion("certificate-selfsigned", "theirs", "out", "security = dialback");
    publish("", "[a.test]\nsecurity = dialback\n");
    ask("a.test");
    assert_conclusion("none", "nobody", "out", "would not come again for that reason");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_chain_of_the_defaults),
        TEST(a_row_or_a_parents_row_blocks),
        TEST(rows_of_security_win),
        TEST(settings_that_leave_no_way_are_told),
        TEST(the_destination_is_that_of_overrides_rows_and_the_domain),
        TEST(a_pause_is_shown),
        TEST(our_own_domains_are_told_as_such),
        TEST(the_newest_failure_is_the_conclusion),
        TEST(a_way_in_that_needs_the_way_out_points_there),
        TEST(what_a_stranger_claimed_counts_where_nothing_else_is_known),
        TEST(settings_that_are_not_loaded_can_be_asked),
        TEST(a_row_that_excuses_a_certificate_changes_the_conclusion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
