/* SPDX-License-Identifier: Apache-2.0 */
/* test_tls_policy - settings and rows become demands, and demands are met or not
 *
 * Verdicts on certificates are made by hand here; test/matrix.py shows the same rules between whole servers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/log.h"
#include "server/remote_server_manager.h"
#include "server/tls_policy.h"
#include "test/support/scratch.h"
#include "test/support/settings.h"

static struct config *config;
static struct text why;

static int start(void **state)
{
    log_set_level(LOG_LEVEL_ERROR);
    config = NULL;
    return settings_open_scratch(state);
}

static int stop(void **state)
{
    if (config != NULL)
        config_unref(config);
    remote_server_manager_stop();
    text_free(&why);
    return settings_close_scratch(state);
}

static int load(const char *settings, const char *rows)
{
    if (config != NULL)
        config_unref(config);
    config = settings_load_good(settings);
    scratch_write("remote-servers.conf", rows);
    text_clear(&why);
    return remote_server_manager_load(config, &why);
}

static struct tls_policy of(const char *domain)
{
    return tls_policy_get(config, domain);
}

static void follows_the_general_settings(void **state)
{
    (void)state;
    assert_int_equal(load("", ""), 0);
    assert_true(of("a.test").allowed && !of("a.test").required && of("a.test").strict &&
                of("a.test").external && !of("a.test").certificate);
    assert_string_equal(of(NULL).source, "xmpp.server.tls.policy = optional");
    assert_int_equal(load("[xmpp.server]\ntls.policy = "
                          "required\n[xmpp.socket]\nssl.certificate.strict-validation = false\n",
                          ""),
                     0);
    assert_true(of("a.test").required && !of("a.test").strict);
    assert_int_equal(load("[xmpp.server]\ntls.policy = disabled\n", ""), 0);
    assert_false(of("a.test").allowed || of("a.test").required);
}

static void rows_win_over_them(void **state)
{
    (void)state;
    assert_int_equal(
        load("",
             "[enc.test]\nsecurity = encrypted\n[cert.test]\nsecurity = Certificate\n"
             "[*.lab.test]\nsecurity = dialback\n[*.deep.lab.test]\nsecurity = encrypted\n"
             "[own.lab.test]\nsecurity = certificate\n[other.lab.test]\npermission = allowed\n"),
        0);
    assert_true(of("enc.test").required && !of("enc.test").certificate);
    assert_true(of("cert.test").required && of("cert.test").certificate &&
                of("cert.test").external);
    assert_false(of("x.lab.test").strict || of("x.lab.test").external || of("x.lab.test").required);
    assert_string_equal(of("a.b.lab.test").source, "security = dialback of *.lab.test");
    assert_true(of("x.deep.lab.test").required);
    assert_true(of("own.lab.test").certificate);
    assert_false(of("other.lab.test").strict); /* its row says nothing of security */
    assert_true(of("lab.test").strict);        /* not below itself */
    assert_true(of("notlab.test").strict);
    assert_true(of("sub.enc.test").strict && !of("sub.enc.test").required);
}

static void rows_are_checked(void **state)
{
    (void)state;
    assert_int_equal(load("", "[a.test]\nsecurity = high\n"), -1);
    assert_non_null(strstr(text_string(&why),
                           "security = high: encrypted, certificate or dialback was expected"));
    assert_int_equal(load("", "[*.a.test]\npermission = blocked\n"), -1);
    assert_non_null(
        strstr(text_string(&why),
               "security, the one thing that can be said of all domains below one, was expected"));
    assert_int_equal(load("", "[*]\nsecurity = dialback\n"), -1);
    assert_int_equal(load("", "[a.*.test]\nsecurity = dialback\n"), -1);
    assert_int_equal(load("", "[a.test]\nremotePort = 1\nsecurity = dialback\n"), 0);
    assert_int_equal(remote_server_manager_block_access("a.test", &why), 0);
    assert_int_equal(remote_server_manager_load(config, &why), 0);
    assert_int_equal(remote_server_manager_security("a.test", NULL), SECURITY_DIALBACK);
    assert_int_equal(remote_server_manager_block_access("*.a.test", &why), -1);
}

static bool admits(const struct tls_policy *policy, enum server_trust trust, bool demand)
{
    struct server_verdict verdict = {.trust = trust};
    text_clear(&why);
    bool admitted = tls_policy_admits(policy, &verdict, "a.test", demand, &why);
    assert_int_equal(admitted, why.length == 0);
    return admitted;
}

static void judges_what_a_connection_has(void **state)
{
    (void)state;
    struct tls_policy strict = {.strict = true, .external = true}, lax = {.external = true},
                      certain = {.required = true, .certificate = true, .external = true},
                      dialback = {0};
    assert_false(admits(&strict, TRUST_INVALID, false));
    assert_true(admits(&strict, TRUST_MISSING, false));
    assert_true(admits(&strict, TRUST_SELFSIGNED, false));
    assert_true(admits(&strict, TRUST_VALID, true));
    assert_false(admits(&strict, TRUST_MISSING, true));
    assert_true(admits(&lax, TRUST_INVALID, false));
    for (enum server_trust trust = TRUST_MISSING; trust <= TRUST_INVALID; trust++) {
        assert_false(admits(&certain, trust, false)); /* TRUST_VALID, but for no domain */
        assert_true(admits(&dialback, trust, true));
    }
    text_clear(&why);
    assert_true(tls_policy_admits_plain(&lax, &why));
    assert_false(tls_policy_admits_plain(&certain, &why));
    assert_non_null(strstr(text_string(&why), "TLS is required"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(follows_the_general_settings, start, stop),
        cmocka_unit_test_setup_teardown(rows_win_over_them, start, stop),
        cmocka_unit_test_setup_teardown(rows_are_checked, start, stop),
        cmocka_unit_test_setup_teardown(judges_what_a_connection_has, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
