/* SPDX-License-Identifier: Apache-2.0 */
/* test_config - the settings: table, files, faults, snapshots, sample file
 *
 * Each fault must name file, line, property, value and what was expected; each check has a value that
 * passes and one that doesn't.
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

static void assert_list_holds(const struct config *config, const char *line)
{
    struct text list = TEXT_EMPTY;
    config_write_list(config, &list);
    if (strstr(text_string(&list), line) == NULL)
        fail_msg("%s is not in\n%s", line, text_string(&list));
    text_free(&list);
}

/* --- the table and the sample file --- */

static void every_row_is_named_after_its_section_and_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        char *property = text_format("%s.%s", row->section, row->key);
        assert_string_equal(property, row->property);
        assert_ptr_equal(config_value_find(property), row); /* no name stands twice */
        assert_true(row->help[0] != '\0');
        assert_true(row->min <= row->max);
        free(property);
    }
    assert_null(config_value_find("xmpp.server.socket"));
}

static void the_defaults_are_those_of_openfire(void **state)
{
    (void)state;
    const struct config *config = config_get();
    assert_string_equal(config->xmpp_domain, "localhost");
    assert_string_equal(config->xmpp_server_name, "Openfire Server");
    assert_true(config->xmpp_server_socket_active);
    assert_int_equal(config->xmpp_server_socket_port, 5269);
    assert_true(config->xmpp_server_dialback_enabled);
    assert_int_equal(config->xmpp_server_permission, CONFIG_BLACKLIST);
    assert_true(config->xmpp_server_permission_apply_recursive);
    assert_int_equal(config->xmpp_server_session_idle, 1800000);
    assert_int_equal(config->xmpp_server_session_initialise_timeout, 10);
    assert_int_equal(config->xmpp_server_read_timeout, 120000);
    assert_int_equal(config->xmpp_server_outgoing_max_threads, 100);
    assert_int_equal(config->xmpp_server_outgoing_queue, 2000);
    assert_int_equal(config->xmpp_server_connection_attempt_delay, 250);
    assert_int_equal(config->xmpp_parser_buffer_size, 1048576);
    assert_int_equal(config->xmpp_socket_write_timeout_seconds, 30);
    assert_string_equal(config->s2s_home, "./var");
    assert_string_equal(config->dnsutil_dnsOverride, "");
    assert_int_equal(config->s2s_log_level, CONFIG_LOG_INFO);
    assert_false(config->s2s_log_wire);
    config_unref(config);
}

static void the_shipped_file_is_the_sample(void **state)
{
    (void)state;
    struct text sample = TEXT_EMPTY, shipped = TEXT_EMPTY;
    config_write_sample(&sample);
    assert_int_equal(scratch_read("openfire-s2s.conf", &shipped), 0);
    assert_string_equal(text_string(&shipped), text_string(&sample));
    text_free(&sample);
    text_free(&shipped);
}

static void the_sample_loads_without_a_word_and_means_the_defaults(void **state)
{
    (void)state;
    struct text sample = TEXT_EMPTY, list = TEXT_EMPTY, defaults = TEXT_EMPTY, why = TEXT_EMPTY;
    config_write_sample(&sample);
    const char *path = scratch_write("s2s.conf", text_string(&sample));
    scratch_capture_log();
    struct config *config = config_load(path, &why);
    char *log = scratch_captured_log();
    assert_non_null(config);
    assert_string_equal(log, "");
    config_write_list(config, &list);
    const struct config *plain = config_get();
    config_write_list(plain, &defaults);
    assert_string_equal(text_string(&list), text_string(&defaults));
    assert_string_equal(config->file, path);
    config_unref(plain);
    config_unref(config);
    free(log);
    text_free(&sample);
    text_free(&list);
    text_free(&defaults);
    text_free(&why);
}

static void the_sample_sets_every_setting(void **state)
{
    (void)state;
    struct text sample = TEXT_EMPTY, why = TEXT_EMPTY;
    struct ini_file file;
    config_write_sample(&sample);
    assert_int_equal(ini_file_read(scratch_write("s2s.conf", text_string(&sample)), &file, &why),
                     INI_READ);
    size_t settings = 0;
    for (size_t i = 0; i < file.count; i++) {
        settings += file.entries[i].key != NULL;
        assert_true(file.entries[i].line > 0);
        assert_false(file.entries[i].repeated);
    }
    assert_int_equal(settings, config_row_count);
    ini_file_free(&file);
    text_free(&sample);
    text_free(&why);
}

/* --- names --- */

static void the_place_where_a_name_is_split_is_free(void **state)
{
    (void)state;
    static const char *const ways[] = {
        "[xmpp]\nserver.socket.port = 4711\n", "[xmpp.server]\nsocket.port = 4711\n",
        "[xmpp.server.socket]\nport=4711\n", "[XMPP.Server]\nSOCKET.Port = 4711\n"};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct config *config = settings_load_good(ways[i]);
        assert_int_equal(config->xmpp_server_socket_port, 4711);
        config_unref(config);
    }
    struct config *config = settings_load_good("xmpp.server.socket.port = 4712");
    assert_int_equal(config->xmpp_server_socket_port, 4712);
    config_unref(config);
}

/* assert_warns - the file loads, and the log says this; returns the snapshot */
static struct config *assert_warns(const char *content, const char *warning)
{
    scratch_capture_log();
    struct text why = TEXT_EMPTY;
    struct config *config = settings_load(content, &why);
    char *log = scratch_captured_log();
    assert_non_null(config);
    char *line = text_format("warn  -            %s%s\n", scratch_path("s2s.conf"), warning);
    if (strstr(log, line) == NULL)
        fail_msg("%s is not in\n%s", line, log);
    free(line);
    free(log);
    text_free(&why);
    return config;
}

static void warns_of_an_unknown_name_with_its_line(void **state)
{
    (void)state;
    struct config *config =
        assert_warns("\n# x\n[xmpp]\nserver.socket.prot = 1\nserver.socket.port = 4711\n",
                     ":5: there is no setting xmpp.server.socket.prot; the line is ignored");
    assert_int_equal(config->xmpp_server_socket_port, 4711);
    config_unref(config);
    config_unref(
        assert_warns("[s2s]\na:b = 1\n", ":3: there is no setting s2s:a.b; the line is ignored"));
}

static void the_last_of_two_lines_wins_with_a_warning(void **state)
{
    (void)state;
    struct config *config =
        assert_warns("[xmpp.server]\nsocket.port = 1\nsocket.port = 2\n",
                     ":4: xmpp.server.socket.port was set before in this file; this line wins");
    assert_int_equal(config->xmpp_server_socket_port, 2);
    config_unref(config);
    config =
        assert_warns("[xmpp]\nserver.socket.port = 3\n[xmpp.server]\nsocket.port = 4\n",
                     ":5: xmpp.server.socket.port was set before in this file; this line wins");
    assert_int_equal(config->xmpp_server_socket_port, 4);
    config_unref(config);
}

/* --- values --- */

static void an_empty_value_is_a_value(void **state)
{
    (void)state;
    struct config *config =
        settings_load_good("[network]\ninterface =\n[dnsutil]\ndnsOverride = ; none\n"
                           "[xmpp.server]\ndialback.secret = \"\"\n[s2s]\ndomains =   \n");
    assert_string_equal(config->network_interface, "");
    assert_string_equal(config->dnsutil_dnsOverride, "");
    assert_string_equal(config->xmpp_server_dialback_secret, "");
    assert_string_equal(config->s2s_domains, "");
    config_unref(config);
    settings_assert_refused("[xmpp]\ndomain =\n", ":3: xmpp.domain = : a domain name was expected");
    settings_assert_refused("[xmpp.server]\nname =\n",
                            ":3: xmpp.server.name = : 1 to 255 bytes of UTF-8 "
                            "without control characters was expected");
}

static void strings_are_kept_as_they_are(void **state)
{
    (void)state;
    const char *overrides = "{remote.test,127.0.0.2:5269},{*.lab.test,[::1]:5270},{*,h:1}";
    char *content =
        text_format("[dnsutil]\ndnsOverride = %s\n[xmpp.server]\nname = \"a;b#c\"  ; x\n"
                    "dialback.secret = s3cr3t\n",
                    overrides);
    struct config *config = settings_load_good(content);
    assert_string_equal(config->dnsutil_dnsOverride, overrides);
    assert_string_equal(config->xmpp_server_name, "a;b#c");
    assert_string_equal(config->xmpp_server_dialback_secret, "s3cr3t");
    config_unref(config);
    free(content);
}

static void refuses_text_that_others_could_not_be_sent(void **state)
{
    (void)state;
    static const char *const bad[] = {"a\x01z", "a\xff", "a\xed\xa0\x80", "a\xef\xbf\xbf",
                                      "\xc2\x9b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct text why = TEXT_EMPTY;
        char *content = text_format("[xmpp.server]\nname = %s\n", bad[i]);
        assert_null(settings_load(content, &why));
        assert_non_null(strstr(text_string(&why), ":3: xmpp.server.name = "));
        free(content);
        text_free(&why);
    }
    struct config *config =
        settings_load_good("[xmpp.server]\nname = K\xc3\xb6ln \xf0\x9f\x93\x9a\n");
    assert_string_equal(config->xmpp_server_name, "K\xc3\xb6ln \xf0\x9f\x93\x9a");
    config_unref(config);
}

static void numbers_are_whole_and_within_their_bounds(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "0",    "65536", "-1",  "5269x", "0x10", "+5", "",
        "5 69", "5.0",   "1e3", "five",  "--5",  "-",  "99999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *content = text_format("[xmpp.server]\nsocket.port = %s\n", bad[i]);
        char *fault = text_format(":3: xmpp.server.socket.port = %s: a whole number from 1 to "
                                  "65535 was expected",
                                  bad[i]);
        settings_assert_refused(content, fault);
        free(content);
        free(fault);
    }
    static const char *const good[] = {"1", "65535", "05269"};
    static const int values[] = {1, 65535, 5269};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char *content = text_format("[xmpp.server]\nsocket.port = %s\n", good[i]);
        struct config *config = settings_load_good(content);
        assert_int_equal(config->xmpp_server_socket_port, values[i]);
        config_unref(config);
        free(content);
    }
}

static void booleans_are_true_or_false(void **state)
{
    (void)state;
    struct config *config =
        settings_load_good("[xmpp.server]\nsocket.active = FALSE\n[s2s]\nlog.wire = true\n");
    assert_false(config->xmpp_server_socket_active);
    assert_true(config->s2s_log_wire);
    config_unref(config);
    settings_assert_refused("[s2s]\nlog.wire = yes\n",
                            ":3: s2s.log.wire = yes: true or false was expected");
    settings_assert_refused("[s2s]\nlog.wire = 1\n",
                            ":3: s2s.log.wire = 1: true or false was expected");
}

static void a_choice_is_one_of_its_words(void **state)
{
    (void)state;
    struct config *config =
        settings_load_good("[xmpp.server]\npermission = Whitelist\n[s2s]\nlog.level = error\n");
    assert_int_equal(config->xmpp_server_permission, CONFIG_WHITELIST);
    assert_int_equal(config->s2s_log_level, CONFIG_LOG_ERROR);
    assert_list_holds(config, "\nxmpp.server.permission = whitelist\n");
    config_unref(config);
    settings_assert_refused("[s2s]\nlog.level = loud\n",
                            ":3: s2s.log.level = loud: debug, info, warn or error was expected");
    settings_assert_refused(
        "[xmpp.server]\npermission = white\n",
        ":3: xmpp.server.permission = white: blacklist or whitelist was expected");
}

static void domains_are_kept_prepared(void **state)
{
    (void)state;
    struct config *config = settings_load_good("[xmpp]\ndomain = EXAMPLE.org\n[s2s]\n"
                                               "domains = Im.Example.org , B\xc3\x9c"
                                               "CHER.example,,"
                                               "im.example.org\n");
    assert_string_equal(config->xmpp_domain, "example.org");
    assert_string_equal(config->s2s_domains, "im.example.org,b\xc3\xbc"
                                             "cher.example");
    config_unref(config);
    settings_assert_refused("[xmpp]\ndomain = user@example.org\n",
                            ":3: xmpp.domain = user@example.org: a domain name was expected");
    settings_assert_refused(
        "[s2s]\ndomains = a.example,b@c\n",
        ":3: s2s.domains = a.example,b@c: domain names with commas between them, or "
        "nothing was expected");
}

static void the_interface_is_an_address(void **state)
{
    (void)state;
    static const char *const good[] = {"127.0.0.1", "::1", ""};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char *content = text_format("[network]\ninterface = %s\n", good[i]);
        struct config *config = settings_load_good(content);
        assert_string_equal(config->network_interface, good[i]);
        config_unref(config);
        free(content);
    }
    settings_assert_refused(
        "[network]\ninterface = eth0\n",
        ":3: network.interface = eth0: an IPv4 or IPv6 address, or nothing was expected");
}

static void services_are_named_from_a_set(void **state)
{
    (void)state;
    struct config *config = settings_load_good("[s2s]\nservices.disabled = Ping, time ,ping\n");
    assert_string_equal(config->s2s_services_disabled, "ping,time");
    config_unref(config);
    settings_assert_refused(
        "[s2s]\nservices.disabled = ping, pong\n",
        ":3: s2s.services.disabled = ping, pong: nothing, or with commas between them "
        "any of ping, version, time or last was expected");
}

static void values_that_contradict_each_other_are_refused(void **state)
{
    (void)state;
    settings_assert_refused(
        "[s2s]\nretry.first = 5000\nretry.max = 4999\n",
        ":3: s2s.retry.first = 5000: at most s2s.retry.max, which is 4999, was expected");
    config_unref(settings_load_good("[s2s]\nretry.first = 5000\nretry.max = 5000\n"));
    settings_assert_refused(
        "[s2s]\nnegotiation.bytes = 5000\nnegotiation.total = 4999\n",
        ":3: s2s.negotiation.bytes = 5000: at most s2s.negotiation.total, which is "
        "4999, was expected");
    settings_assert_refused(
        "[xmpp.server]\nsession.idle = 0\n",
        ":3: xmpp.server.session.idle = 0: -1 (never) or at least 1 was expected");
    config_unref(settings_load_good("[xmpp.server]\nsession.idle = -1\n"));

    /* the other one is a default: it is the line in the file that gets the blame */
    settings_assert_refused(
        "[s2s]\nretry.max = 999\n",
        ":3: s2s.retry.max = 999: at least s2s.retry.first, which is 1000, was expected");
}

static void takes_lists_of_networks(void **state)
{
    (void)state;
    struct config *config =
        settings_load_good("[s2s]\nlimit.exempt = 10.0.0.0/8 , 2001:db8::1,, 10.0.0.0/8\n");
    assert_string_equal(config->s2s_limit_exempt, "10.0.0.0/8,2001:db8::1");
    config_unref(config);
    config = settings_load_good("[s2s]\nlimit.exempt =\n");
    assert_string_equal(config->s2s_limit_exempt, "");
    config_unref(config);
    settings_assert_refused("[s2s]\nlimit.exempt = 10.0.0.0/8,10.0.0.0/33\n",
                            ":3: s2s.limit.exempt = 10.0.0.0/8,10.0.0.0/33: addresses or networks "
                            "(192.0.2.0/24) with commas between them, or nothing was expected");
}

static void every_row_refuses_what_it_says_and_takes_its_default(void **state)
{
    (void)state;
    struct config *config = settings_load_good("");
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        struct text before = TEXT_EMPTY, after = TEXT_EMPTY;
        assert_true(config_value_set(config, row, row->text));
        config_value_write(config, row, &before);
        assert_string_equal(text_string(&before), row->text);
        assert_false(config_value_set(config, row, "\x02"));
        if (row->type == CONFIG_NUMBER) {
            char bound[32];
            snprintf(bound, sizeof bound, "%lld", (long long)row->min - 1);
            assert_false(config_value_set(config, row, bound));
            snprintf(bound, sizeof bound, "%lld", (long long)row->max + 1);
            assert_false(config_value_set(config, row, bound));
            assert_true(row->max <= INT32_MAX);
        }
        config_value_write(config, row, &after);
        assert_string_equal(text_string(&after), row->text);
        text_free(&before);
        text_free(&after);
    }
    config_unref(config);
}

/* --- faults of the file --- */

static void tells_every_fault_in_one_go(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    assert_null(settings_load("[xmpp.server]\nsocket.port = x\n\nsocket.active = maybe\n", &why));
    const char *path = scratch_path("s2s.conf");
    char *both =
        text_format("%s:3: xmpp.server.socket.port = x: a whole number from 1 to 65535 was "
                    "expected\n%s:5: xmpp.server.socket.active = maybe: true or false was "
                    "expected",
                    path, path);
    assert_string_equal(text_string(&why), both);
    free(both);
    text_free(&why);
}

static void never_shows_a_secret(void **state)
{
    (void)state;
    struct config *config = settings_load_good("[xmpp.server]\ndialback.secret = s3cr3t\n");
    assert_list_holds(config, "\nxmpp.server.dialback.secret = (set)\n");
    config_unref(config);
    config = settings_load_good("");
    assert_list_holds(config, "\nxmpp.server.dialback.secret = \n");
    config_unref(config);
    settings_assert_refused(
        "[xmpp.server]\ndialback.secret = s3c\x01r3t\n",
        ":3: xmpp.server.dialback.secret = (not shown): 0 to 900 bytes of UTF-8 without "
        "control characters was expected");
}

static void tells_a_syntax_error_with_its_line(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    assert_null(settings_load("[xmpp]\ndomain example.org\n", &why));
    char *fault = text_format("syntax error in %s (3): -> domain example.org: name = value or "
                              "[section] was expected",
                              scratch_path("s2s.conf"));
    assert_string_equal(text_string(&why), fault);
    free(fault);
    text_free(&why);
    settings_assert_refused("[]\nx = 1\n", ":2: []: the name of a section was expected");
    settings_assert_refused("[xmpp]\nserver.name = x \\\n",
                            ":3: a '\\' at the end of the last line: another line was expected");
}

static void refuses_a_line_that_is_too_long(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY, content = TEXT_EMPTY;
    text_append_string(&content, "[dnsutil]\ndnsOverride = ");
    for (int i = 0; i < 1100; i++)
        text_append_char(&content, 'a');
    assert_null(settings_load(text_string(&content), &why));
    char *fault = text_format("input line too long in %s (3)", scratch_path("s2s.conf"));
    assert_string_equal(text_string(&why), fault);
    free(fault);
    text_free(&why);
    text_free(&content);
}

static void refuses_a_nul_byte(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    const char *path = scratch_path("nul.conf");
    static const char content[] = "[s2s]\nlog.wire = tr\0ue\n";
    assert_int_equal(config_write_file(path, content, sizeof content - 1, 0600, &why), 0);
    assert_null(config_load(path, &why));
    char *fault = text_format("%s:2: a NUL byte: text was expected", path);
    assert_non_null(strstr(text_string(&why), fault));
    free(fault);
    text_free(&why);
}

static void counts_lines_across_continued_ones(void **state)
{
    (void)state;
    struct config *config = settings_load_good("[dnsutil]\ndnsOverride = {a.test,127.0.0.1:1},\\\n"
                                               "{b.test,127.0.0.1:2}\n");
    assert_string_equal(config->dnsutil_dnsOverride, "{a.test,127.0.0.1:1},{b.test,127.0.0.1:2}");
    config_unref(config);
    settings_assert_refused("[dnsutil]\r\ndnsOverride = a\\\r\nb\r\n[s2s]\r\nlog.wire = x\r\n",
                            ":6: s2s.log.wire = x: true or false was expected");
    settings_assert_refused("[s2s]\nlog.wire = \\\nx\n",
                            ":3: s2s.log.wire = x: true or false was expected");
}

static void refuses_a_file_that_is_not_there_or_none(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    assert_null(config_load(scratch_path("absent.conf"), &why));
    assert_non_null(strstr(text_string(&why), "/absent.conf: there is no such file"));
    text_clear(&why);
    assert_null(config_load(scratch_path(""), &why));
    assert_non_null(strstr(text_string(&why), "/: can't be read: a file was expected"));
    text_clear(&why);
    assert_int_equal(mkfifo(scratch_path("fifo"), 0600), 0);
    assert_null(config_load(scratch_path("fifo"), &why));
    assert_non_null(strstr(text_string(&why), "/fifo: can't be read: a file was expected"));
    text_free(&why);
}

static void refuses_a_file_that_it_may_not_read(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    const char *path = scratch_write("s2s.conf", "");
    uid_t user = geteuid();
    assert_int_equal(chmod(path, 0), 0);
    if (user == 0) /* root may read everything */
        assert_int_equal(seteuid(65534), 0);
    struct config *config = config_load(path, &why);
    if (user == 0)
        assert_int_equal(seteuid(0), 0);
    assert_null(config);
    assert_non_null(strstr(text_string(&why), "s2s.conf: can't be read: Permission denied"));
    text_free(&why);
}

/* --- what was changed at run time --- */

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, settings_open_scratch, settings_close_scratch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_row_is_named_after_its_section_and_key),
        TEST(the_defaults_are_those_of_openfire),
        TEST(the_shipped_file_is_the_sample),
        TEST(the_sample_loads_without_a_word_and_means_the_defaults),
        TEST(the_sample_sets_every_setting),
        TEST(the_place_where_a_name_is_split_is_free),
        TEST(warns_of_an_unknown_name_with_its_line),
        TEST(the_last_of_two_lines_wins_with_a_warning),
        TEST(an_empty_value_is_a_value),
        TEST(strings_are_kept_as_they_are),
        TEST(refuses_text_that_others_could_not_be_sent),
        TEST(numbers_are_whole_and_within_their_bounds),
        TEST(booleans_are_true_or_false),
        TEST(a_choice_is_one_of_its_words),
        TEST(domains_are_kept_prepared),
        TEST(the_interface_is_an_address),
        TEST(services_are_named_from_a_set),
        TEST(values_that_contradict_each_other_are_refused),
        TEST(takes_lists_of_networks),
        TEST(every_row_refuses_what_it_says_and_takes_its_default),
        TEST(tells_every_fault_in_one_go),
        TEST(never_shows_a_secret),
        TEST(tells_a_syntax_error_with_its_line),
        TEST(refuses_a_line_that_is_too_long),
        TEST(refuses_a_nul_byte),
        TEST(counts_lines_across_continued_ones),
        TEST(refuses_a_file_that_is_not_there_or_none),
        TEST(refuses_a_file_that_it_may_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
