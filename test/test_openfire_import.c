/* SPDX-License-Identifier: Apache-2.0 */
/* test_openfire_import - from an Openfire installation to settings and rows of ours
 *
 * test/openfire/ holds one and the same set of rows as the databases themselves wrote it: HSQLDB 2.7.1 (its script and
 * log, in an installation), MariaDB 10.11 (mariadb-dump), PostgreSQL 15 (pg_dump with COPY and with INSERT, and \copy
 * as CSV). All must lead to the same; only HSQLDB's log changes two things.
 */
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
#include <jansson.h>

#include "admin/openfire_import.h"
#include "server/config.h"
#include "server/external_component_manager.h"
#include "server/log.h"
#include "server/remote_server_manager.h"
#include "server/xmpp_server.h"
#include "test/support/scratch.h"

#define FIXTURES "test/openfire/"

static int open_scratch(void **state)
{
    (void)state;
    scratch_open();
    log_set_level(LOG_LEVEL_ERROR);
    return 0;
}

static int close_scratch(void **state)
{
    (void)state;
    remote_server_manager_stop();
    external_component_manager_stop();
    xmpp_server_stop();
    config_stop();
    scratch_close();
    return 0;
}

/* write_conf - our main file, with s2s.home in the scratch directory */
static const char *write_conf(const char *more)
{
    char *content = text_format("s2s.home = %s\n%s", scratch_path("home"), more);
    const char *path = scratch_write("s2s.conf", content);
    free(content);
    return path;
}

/* run - the report, to be freed; the import must end so */
static char *run(const struct openfire_import_options *options, int wanted, const char *wanted_why)
{
    struct text out = TEXT_EMPTY, why = TEXT_EMPTY;
    int result = openfire_import(options, &out, &why);
    if (result != wanted || (wanted_why != NULL && strstr(text_string(&why), wanted_why) == NULL))
        fail_msg("%d, %s\n%s", result, text_string(&why), text_string(&out));
    if (wanted == 0)
        assert_string_equal(text_string(&why), "");
    text_free(&why);
    return text_take(&out);
}

static void assert_holds(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' is not in:\n%s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("'%s' is in:\n%s", part, text);
}

static char *read_home(const char *name)
{
    struct text content = TEXT_EMPTY;
    char *path = text_format("%s/%s", scratch_path("home"), name);
    scratch_read(path, &content);
    free(path);
    return content.bytes != NULL ? text_take(&content) : text_copy("");
}

/* load - what a start would load now */
static struct config *load(const char *conf)
{
    struct text why = TEXT_EMPTY;
    struct config *config = config_load(conf, &why);
    if (config == NULL || remote_server_manager_load(config, &why) < 0 ||
        external_component_manager_load(config, &why) < 0)
        fail_msg("%s", text_string(&why));
    return config;
}

/* --- every form of the same rows --- */

static const char *const installation[] = {FIXTURES "installation"};
static const char *const mariadb[] = {FIXTURES "mariadb.sql"};
static const char *const copies[] = {FIXTURES "postgresql-copy.sql"};
static const char *const inserts[] = {FIXTURES "postgresql-inserts.sql"};
static const char *const tables[] = {FIXTURES "ofProperty.csv", FIXTURES "ofRemoteServerConf.csv",
                                     FIXTURES "ofExtComponentConf.csv"};

static const struct {
    const char *const *sources;
    size_t count;
    bool changed; /* HSQLDB's log */
} forms[] = {
    {installation, 1, true}, {mariadb, 1, false}, {copies, 1, false},
    {inserts, 1, false},     {tables, 3, false},
};
#define FORMS (sizeof forms / sizeof *forms)

/* assert_rows - remote-servers.conf and components.conf say what Openfire's tables said */
static void assert_rows(bool changed)
{
    struct text secret = TEXT_EMPTY;
    assert_true(remote_server_manager_can_access("friend.example", NULL));
    assert_int_equal(remote_server_manager_port("friend.example"), 5279);
    assert_false(remote_server_manager_can_access("bad.example", NULL));
    assert_false(remote_server_manager_can_access("new.example", NULL));
    char *rows = read_home("remote-servers.conf");
    assert_true((strstr(rows, "[bad.example]") != NULL) == !changed);
    assert_true((strstr(rows, "[new.example]") != NULL) == changed);
    free(rows);
    assert_true(external_component_manager_is_configured("bot.example.org", 15));
    assert_true(external_component_manager_secret("bot.example.org", &secret));
    assert_string_equal(text_string(&secret), "s3cret's");
    text_clear(&secret);
    assert_true(external_component_manager_secret("any.example.org", &secret));
    assert_string_equal(text_string(&secret), "wild;card");
    assert_true(external_component_manager_can_access("open.example.org", NULL));
    text_free(&secret);
}

static void all_forms_lead_to_the_same_settings_and_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORMS; i++) {
        const char *conf = write_conf("");
        struct openfire_import_options options = {
            .conf = conf, .sources = forms[i].sources, .count = forms[i].count, .write = true};
        char *report = run(&options, 0, NULL);
        assert_holds(report, "\n  xmpp.server.name = It's Bücher; \\ \"x\" €😀\n      "
                             "xmpp.server.name: the form of settings.conf has no way to write");
        free(report);
        struct config *config = load(conf);
        assert_string_equal(config->xmpp_domain, "example.org");
        assert_int_equal(config->xmpp_server_socket_port, forms[i].changed ? 5301 : 5299);
        assert_int_equal(config->xmpp_server_permission, CONFIG_WHITELIST);
        assert_string_equal(config->xmpp_server_name, "Openfire Server");
        assert_string_equal(config->xmpp_component_defaultSecret, "s;e'c#r\\et");
        assert_false(config->xmpp_server_dialback_enabled);
        assert_int_equal(config->xmpp_server_tls_policy, CONFIG_TLS_REQUIRED);
        assert_int_equal(config->xmpp_server_session_idle, 600000);
        assert_string_equal(config->xmpp_socket_ssl_protocols, "TLSv1.2");
        assert_int_equal(config->xmpp_component_socket_port, 5275);
        assert_true(config->xmpp_socket_ssl_certificate_accept_selfsigned);
        assert_string_equal(config->dnsutil_dnsOverride, "{friend.example,192.0.2.7:5269}");
        assert_string_equal(config->xmpp_server_dialback_secret, "");
        assert_string_equal(config->network_interface, i == 0 ? "192.0.2.17" : "");
        assert_rows(forms[i].changed);
        config_unref(config);
        scratch_close();
        scratch_open();
    }
}

static void a_dry_run_says_the_same_and_writes_nothing(void **state)
{
    (void)state;
    struct openfire_import_options options = {
        .conf = write_conf(""), .sources = installation, .count = 1};
    char *dry = run(&options, 0, NULL);
    assert_int_equal(access(scratch_path("home"), F_OK), -1);
    assert_holds(dry, "\nNothing was written. With --write what carries over is.\n");
    options.write = true;
    char *wet = run(&options, 0, NULL);
    char *end = strstr(dry, "\nNothing was written.");
    assert_int_equal(strncmp(dry, wet, (size_t)(end - dry)), 0);
    char *wrote =
        text_format("\nWritten: %s %s %s\n", scratch_path("home/remote-servers.conf"),
                    scratch_path("home/components.conf"), scratch_path("home/settings.conf"));
    assert_holds(wet, wrote);
    free(wrote);
    free(dry);
    free(wet);
}

static void the_report_names_everything_and_no_secret(void **state)
{
    (void)state;
    struct openfire_import_options options = {
        .conf = write_conf(""), .sources = installation, .count = 1, .write = true};
    char *report = run(&options, 0, NULL);
    static const char *const parts[] = {
        "\nCarries over:\n",
        "\n  xmpp.domain = example.org   (so far localhost)\n",
        "\n  xmpp.component.defaultSecret = (not shown)\n",
        "\n  xmpp.server.tls.enabled -> xmpp.server.tls.policy = required   (so far optional)\n",
        "\n      without TLSv1.1, which is not spoken here\n",
        "\nIs so here already:\n  xmpp.component.permission = blacklist\n",
        "\n  xmpp.component.socket.port = 70000\n      a whole number from 1 to 65535 was "
        "expected\n",
        "\n  xmpp.server.dialback.secret\n      it is encrypted with Openfire's own key; set it "
        "anew\n",
        "\n  xmpp.server.compression.policy = disabled\n      there is no compression here",
        "\n  xmpp.server.idle\n      xmpp.server.session.idle is set as well, and counts\n",
        "\nNot known here, though by its name it may matter:\n  xmpp.server.unheard-of = x\n",
        "\nRemote servers: carried over:\n  friend.example: allowed, port 5279\n",
        "\n  friend.example = allowed, port 5269\n      there is another row of this domain\n",
        "\n  no domain\n      it is no domain\n",
        "\n  *.example.org: allowed, with its secret\n",
        "\n  gate%\n      a wildcard here stands for whole labels: [*.domain]\n",
        "\n  keytool -importkeystore -srckeystore "
        "'test/openfire/installation/resources/security/keystore' -srcstoretype jks "
        "-destkeystore openfire.p12 -deststoretype PKCS12\n",
        "(password: xmpp.socket.ssl.keypass of Openfire)",
    };
    static const char *const secrets[] = {"s;e'c",    "t0psecret", "s3cret",      "wild;card",
                                          "cipher\n", "b2Nl",      "evil.example"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_holds(report, parts[i]);
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        assert_lacks(report, secrets[i]);
    free(report);
    options.json = true;
    options.replace = true;
    report = run(&options, 0, NULL);
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        assert_lacks(report, secrets[i]);
    free(report);
}

static void json_says_the_same(void **state)
{
    (void)state;
    struct openfire_import_options options = {.conf =
                                                  write_conf("xmpp.server.socket.port = 5999\n"),
                                              .sources = installation,
                                              .count = 1,
                                              .json = true,
                                              .write = true};
    char *report = run(&options, 0, NULL);
    json_t *json = json_loads(report, 0, NULL);
    assert_non_null(json);
    const char *property, *value, *before, *kind;
    json_t *kept, *carried, *wrote, *rows;
    assert_int_equal(json_unpack(json, "{s:[{s:s}],s:{s:[{s:s,s:s,s:s}],s:o},s:{s:o},s:o}", "files",
                                 "kind", &kind, "properties", "kept", "property", &property,
                                 "value", &value, "before", &before, "carried", &carried,
                                 "remoteServers", "carried", &rows, "wrote", &wrote),
                     0);
    assert_string_equal(kind, "openfire.xml");
    assert_string_equal(property, "xmpp.server.socket.port");
    assert_string_equal(value, "5301");
    assert_string_equal(before, "5999");
    assert_int_equal(json_array_size(wrote), 3);
    assert_int_equal(json_array_size(rows), 2);
    size_t i;
    bool seen = false;
    json_array_foreach(carried, i, kept) seen =
        seen ||
        strcmp(json_string_value(json_object_get(kept, "property")), "xmpp.server.permission") == 0;
    assert_true(seen);
    json_decref(json);
    free(report);
}

/* --- what is here already --- */

static void what_was_set_here_stays_unless_told_otherwise(void **state)
{
    (void)state;
    const char *conf = write_conf("xmpp.domain = mine.example\nxmpp.server.socket.port = 5269\n");
    struct openfire_import_options options = {
        .conf = conf, .sources = mariadb, .count = 1, .write = true};
    char *report = run(&options, 0, NULL);
    assert_holds(report, "stays as it is (--replace: Openfire's counts):\n"
                         "  xmpp.domain = mine.example; Openfire: example.org\n");
    struct config *config = load(conf);
    assert_string_equal(config->xmpp_domain, "mine.example");
    assert_int_equal(config->xmpp_server_socket_port,
                     5299); /* a default that was written down is none of his */
    config_unref(config);
    free(report);
    options.replace = true;
    report = run(&options, 0, NULL);
    assert_holds(report, "Carries over:\n  xmpp.domain = example.org   (so far mine.example)\n");
    config = load(conf);
    assert_string_equal(config->xmpp_domain, "example.org");
    config_unref(config);
    free(report);
    report = run(&options, 0, NULL); /* once more: there is nothing left to do */
    assert_lacks(report, "Carries over");
    assert_holds(report, "\nWritten: nothing, since nothing carries over.\n");
    free(report);
}

static void rows_that_are_here_stay_with_their_comments(void **state)
{
    (void)state;
    static const char mine[] = "# mine\n[FRIEND.example]\npermission = blocked\n\n[other.example]\n"
                               "security = dialback";
    const char *conf = write_conf("");
    assert_int_equal(mkdir(scratch_path("home"), 0700), 0);
    scratch_write("home/remote-servers.conf", mine);
    scratch_write("home/components.conf", "[bot.example.org]\nsecret = mine\n");
    struct openfire_import_options options = {
        .conf = conf, .sources = mariadb, .count = 1, .write = true, .replace = true};
    char *report = run(&options, 0, NULL);
    assert_holds(report, "Remote servers: had a row here, which stays:\n  friend.example\n");
    assert_holds(report, "Components: had a row here, which stays:\n  bot.example.org\n");
    char *rows = read_home("remote-servers.conf");
    assert_int_equal(strncmp(rows, mine, sizeof mine - 1), 0);
    assert_holds(rows, "\nsecurity = dialback\n\n[bad.example]\n");
    config_unref(load(conf));
    assert_false(remote_server_manager_can_access("friend.example", NULL));
    free(rows);
    free(report);
}

static void files_are_for_nobody_else(void **state)
{
    (void)state;
    static const char *const names[] = {"home", "home/settings.conf", "home/components.conf",
                                        "home/remote-servers.conf"};
    struct openfire_import_options options = {
        .conf = write_conf(""), .sources = mariadb, .count = 1, .write = true};
    free(run(&options, 0, NULL));
    for (size_t i = 0; i < 4; i++) {
        struct stat status;
        assert_int_equal(stat(scratch_path(names[i]), &status), 0);
        assert_int_equal(status.st_mode & 0777, i == 0 ? 0700 : 0600);
    }
}

static void root_gives_the_files_to_the_owner_of_the_home(void **state)
{
    (void)state;
    struct stat status;
    if (geteuid() != 0)
        skip();
    assert_int_equal(mkdir(scratch_path("home"), 0700), 0);
    assert_int_equal(chown(scratch_path("home"), 12345, 12346), 0);
    struct openfire_import_options options = {
        .conf = write_conf(""), .sources = mariadb, .count = 1, .write = true};
    free(run(&options, 0, NULL));
    assert_int_equal(stat(scratch_path("home/settings.conf"), &status), 0);
    assert_int_equal(status.st_uid, 12345);
    assert_int_equal(status.st_gid, 12346);
}

/* --- faults --- */

/* assert_refused - a source of this content is refused for this reason, and nothing is written */
static void assert_refused(const char *name, const char *content, const char *why)
{
    const char *source = content != NULL ? scratch_write(name, content) : scratch_path(name);
    struct openfire_import_options options = {
        .conf = write_conf(""), .sources = &source, .count = 1, .write = true};
    free(run(&options, -1, why));
    assert_int_equal(access(scratch_path("home"), F_OK), -1);
}

static void what_is_none_of_openfire_is_refused(void **state)
{
    (void)state;
    assert_refused("missing.sql", NULL, "missing.sql: No such file");
    assert_refused("empty.sql", "", "no row of Openfire's tables is in it");
    assert_refused("other.sql", "INSERT INTO other VALUES ('a', 'b');\n", "no row of Openfire's");
    assert_refused("other.csv", "a,b\nc,d\n", "no row of Openfire's");
    assert_refused("bad.xml", "<jive><a></jive>", "it is no well-formed XML");
    assert_refused("other.xml", "<html/>", "its root is not <jive>");
    assert_refused(
        "entity.xml",
        "<!DOCTYPE jive [<!ENTITY a \"b\">]><jive><xmpp><domain>&a;</domain></xmpp></jive>",
        "it has a document type");
    assert_int_equal(mkdir(scratch_path("directory"), 0700), 0);
    assert_refused("directory", NULL, "there is neither conf/openfire.xml nor embedded-db");
    assert_int_equal(mkfifo(scratch_path("fifo"), 0600), 0);
    assert_refused("fifo", NULL, "it is no file");
    struct openfire_import_options options = {.conf = write_conf("")};
    free(run(&options, -1, "no directory of Openfire, and no file, was named"));
    options = (struct openfire_import_options){
        .conf = scratch_path("none.conf"), .sources = mariadb, .count = 1};
    free(run(&options, -1, "none.conf: there is no such file"));
}

static void faults_here_stop_it_before_anything_is_written(void **state)
{
    (void)state;
    struct openfire_import_options options = {.sources = mariadb, .count = 1, .write = true};
    options.conf = write_conf("xmpp.server.socket.port = many\n");
    free(run(&options, -1, "xmpp.server.socket.port = many"));
    options.conf = write_conf("");
    assert_int_equal(mkdir(scratch_path("home"), 0700), 0);
    scratch_write("home/components.conf", "[a.example\n");
    free(run(&options, -1, "components.conf"));
    assert_int_equal(access(scratch_path("home/settings.conf"), F_OK), -1);
    assert_int_equal(access(scratch_path("home/remote-servers.conf"), F_OK), -1);
}

static void a_value_that_a_start_would_refuse_does_not_stop_the_rest(void **state)
{
    (void)state;
    const char *source = scratch_write(
        "dump.sql",
        "INSERT INTO ofProperty VALUES ('xmpp.server.session.idle', '0', 0, NULL);\n"
        "INSERT INTO ofProperty VALUES ('dnsutil.dnsOverride', '{a', 0, NULL);\n"
        "INSERT INTO ofProperty VALUES ('xmpp.domain', 'good.example', 0, NULL);\n"
        "INSERT INTO ofProperty VALUES ('xmpp.component.defaultSecret', 'a\"b;c', 0, NULL);\n"
        "INSERT INTO ofExtComponentConf VALUES ('c', 0, 'a\"b;c', 'allowed');\n");
    const char *conf = write_conf("");
    struct openfire_import_options options = {.conf = conf, .sources = &source, .count = 1};
    char *report = run(&options, 0, NULL);
    assert_holds(report, "Can't be used:\n  dnsutil.dnsOverride = {a\n");
    assert_holds(report, "\n  xmpp.server.session.idle = 0\n");
    assert_holds(report, "-1 (never) or at least 1 was expected\n");
    assert_holds(report, "\n  xmpp.domain = good.example ");
    assert_holds(report,
                 "\n  c.good.example\n      its secret can't be written into components.conf\n");
    free(report);
}

static void an_external_database_is_named_without_its_password(void **state)
{
    (void)state;
    const char *source = scratch_write(
        "openfire.xml",
        "<jive><connectionProvider><className>org.jivesoftware.database."
        "DefaultConnectionProvider</className></connectionProvider><database>"
        "<defaultProvider><serverURL>jdbc:mysql://db.example:3306/openfire?user=x&amp;"
        "password=hidden</serverURL><username encrypted=\"true\">abc</username>"
        "</defaultProvider></database></jive>");
    const char *both[] = {source, FIXTURES "mariadb.sql"};
    struct openfire_import_options options = {.conf = write_conf(""), .sources = both, .count = 1};
    char *report = run(&options, 0, NULL);
    assert_holds(report,
                 "\nopenfire.xml names a database: jdbc:mysql://db.example:3306/openfire\n");
    assert_lacks(report, "hidden");
    free(report);
    options.count = 2; /* its dump is there as well */
    report = run(&options, 0, NULL);
    assert_lacks(report, "names a database");
    free(report);
}

static void what_is_foreign_cannot_speak_to_the_terminal_or_the_shell(void **state)
{
    (void)state;
    const char *source =
        scratch_write("dump.sql", "-- MySQL dump\nINSERT INTO `ofProperty` VALUES "
                                  "('xmpp.server.\\\x1b[31mx', 'a\x1b]0;b\x07', 0, NULL),"
                                  "('xmpp.socket.ssl.keystore', '/tmp/$(x)\\';reboot', 0, NULL),"
                                  "('xmpp.socket.ssl.storeType', 'jks;reboot', 0, NULL);\n");
    struct openfire_import_options options = {
        .conf = write_conf(""), .sources = &source, .count = 1};
    char *report = run(&options, 0, NULL);
    assert_null(strpbrk(report, "\x1b\x07"));
    assert_holds(report, "\n  xmpp.server.\\x1b[31mx = a\\x1b]0;b\\x07\n");
    assert_lacks(report, "keytool");
    free(report);
    source = scratch_write("dump.sql", "INSERT INTO ofProperty VALUES ('xmpp.socket.ssl.keystore', "
                                       "'/tmp/$(x);reboot', 0, NULL),('xmpp.socket.ssl.storeType', "
                                       "'jks;reboot', 0, NULL);\n");
    report = run(&options, 0, NULL);
    assert_holds(report, "-srckeystore '/tmp/$(x);reboot' -srcstoretype jks -destkeystore");
    free(report);
}

static void of_3_7_1_the_queue_does_not_carry_over(void **state)
{
    (void)state;
    const char *source = scratch_write(
        "old.script", "CREATE SCHEMA PUBLIC AUTHORIZATION DBA\n"
                      "INSERT INTO OFPROPERTY VALUES('xmpp.server.outgoing.queue','50')\n"
                      "INSERT INTO OFPROPERTY VALUES('xmpp.server.tls.enabled','false')\n");
    struct openfire_import_options options = {
        .conf = write_conf(""), .sources = &source, .count = 1};
    char *report = run(&options, 0, NULL);
    assert_holds(report,
                 "Stays behind: it has no counterpart here:\n  xmpp.server.outgoing.queue = 50\n"
                 "      in this version of Openfire it was the length of a pool's queue");
    assert_holds(report, "xmpp.server.tls.enabled -> xmpp.server.tls.policy = disabled");
    free(report);
}

static void a_domain_that_is_none_has_no_components(void **state)
{
    (void)state;
    char label[80] = "";
    memset(label, 'x', 70);
    char *sql = text_format("INSERT INTO ofProperty VALUES ('xmpp.domain','a.%s.org',0,NULL);\n"
                            "INSERT INTO ofExtComponentConf VALUES ('%%',1,'s','allowed');\n"
                            "INSERT INTO ofExtComponentConf VALUES ('bot',0,'s','allowed');\n",
                            label);
    const char *source = scratch_write("dump.sql", sql), *conf = write_conf("");
    struct openfire_import_options options = {
        .conf = conf, .sources = &source, .count = 1, .write = true};
    char *report = run(&options, 0, NULL);
    assert_holds(report, "Components: can't be used:\n  %\n      it is no domain\n  bot\n");
    config_unref(load(conf));
    free(report);
    free(sql);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, open_scratch, close_scratch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(all_forms_lead_to_the_same_settings_and_rows),
        WITH(a_dry_run_says_the_same_and_writes_nothing),
        WITH(the_report_names_everything_and_no_secret),
        WITH(json_says_the_same),
        WITH(what_was_set_here_stays_unless_told_otherwise),
        WITH(rows_that_are_here_stay_with_their_comments),
        WITH(files_are_for_nobody_else),
        WITH(root_gives_the_files_to_the_owner_of_the_home),
        WITH(what_is_none_of_openfire_is_refused),
        WITH(faults_here_stop_it_before_anything_is_written),
        WITH(a_value_that_a_start_would_refuse_does_not_stop_the_rest),
        WITH(an_external_database_is_named_without_its_password),
        WITH(what_is_foreign_cannot_speak_to_the_terminal_or_the_shell),
        WITH(of_3_7_1_the_queue_does_not_carry_over),
        WITH(a_domain_that_is_none_has_no_components),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
