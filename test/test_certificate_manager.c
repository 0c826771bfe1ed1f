/* SPDX-License-Identifier: Apache-2.0 */
/* test_certificate_manager - our certificates: read, made, renewed, refused
 *
 * Files of a scratch directory; the certificates are made by own_certificate, which is tested on the way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/certificate_identity.h"
#include "server/certificate_manager.h"
#include "server/log.h"
#include "server/own_certificate.h"
#include "server/tls_context.h"
#include "test/support/scratch.h"
#include "test/support/settings.h"

static struct text why;

static int start(void **state)
{
    log_set_level(LOG_LEVEL_ERROR);
    text_clear(&why);
    return settings_open_scratch(state);
}

static int stop(void **state)
{
    certificate_manager_stop();
    text_free(&why);
    return settings_close_scratch(state);
}

/* load - the manager with these settings: 0 or -1 with `why` */
static int load(const char *settings)
{
    struct config *config = settings_load_good(settings);
    text_clear(&why);
    int result = certificate_manager_start(config, &why);
    config_unref(config);
    return result;
}

/* make - NAME.pem for these domains; its path */
static const char *make(const char *name, const char *domains)
{
    const char *path = scratch_path(name);
    assert_int_equal(own_certificate_make(path, domains, &why), 0);
    return path;
}

/* shown - the fingerprint of the certificate for `domain` */
static char *shown(const char *domain)
{
    struct certificates *set = certificate_manager_get();
    struct text out = TEXT_EMPTY;
    assert_non_null(set);
    own_certificate_fingerprint(SSL_CTX_get0_certificate(certificates_context(set, domain)), &out);
    certificates_unref(set);
    return text_take(&out);
}

static bool is_for(const char *domain, const char *name)
{
    struct certificates *set = certificate_manager_get();
    bool is = certificate_identity_matches(
        SSL_CTX_get0_certificate(certificates_context(set, domain)), name, NULL);
    certificates_unref(set);
    return is;
}

static void makes_its_own_once_and_anew_for_another_domain(void **state)
{
    (void)state;
    struct stat status;
    assert_int_equal(load("[xmpp]\ndomain = one.test\n[s2s]\ndomains = b\xc3\xbc"
                          "cher.test\n"),
                     0);
    assert_int_equal(stat(scratch_path("certificate.pem"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    char *first = shown(NULL);
    assert_int_equal(strlen(first), 32 * 3 - 1);
    assert_true(is_for(NULL, "one.test"));
    assert_true(is_for(NULL, "b\xc3\xbc"
                             "cher.test"));
    assert_int_equal(load("[xmpp]\ndomain = one.test\n"), 0);
    char *second = shown(NULL);
    assert_string_equal(first, second);
    assert_int_equal(load("[xmpp]\ndomain = two.test\n"), 0);
    char *third = shown(NULL);
    assert_string_not_equal(first, third);
    assert_true(is_for(NULL, "two.test"));
    free(first);
    free(second);
    free(third);
}

static void has_none_when_told_so(void **state)
{
    (void)state;
    assert_int_equal(load("[xmpp.server]\ncertificate.file = none\n"), 0);
    assert_null(certificate_manager_get());
    assert_int_equal(load("[xmpp.server]\ntls.policy = disabled\n"), 0);
    assert_null(certificate_manager_get());
    assert_int_equal(access(scratch_path("certificate.pem"), F_OK), -1);
}

static void checks_without_making(void **state)
{
    (void)state;
    struct config *config = settings_load_good("[xmpp]\ndomain = one.test\n");
    assert_int_equal(certificate_manager_check(config, &why), 0);
    assert_int_equal(access(scratch_path("certificate.pem"), F_OK), -1);
    assert_null(certificate_manager_get());
    config_unref(config);
}

static void names_what_is_wrong_and_keeps_the_old_ones(void **state)
{
    (void)state;
    static const struct {
        const char *certificate, *property, *value, *sentence;
    } faults[] = {
        {"none.pem", "name", "x",
         "none.pem: a certificate chain in PEM form was expected: No such file"},
        {"s2s.conf", "name", "x", "s2s.conf: a certificate chain in PEM form was expected"},
        {"good.pem", "certificate.key", "other.pem",
         "private key in PEM form, without a password, was expected"},
        {"good.pem", "certificate.trust", "s2s.conf", "xmpp.server.certificate.trust = "},
        {"good.pem", "certificate.crl", "s2s.conf", "revocation lists in PEM form were expected"},
        {"good.pem", "certificate.ocsp", "s2s.conf", "an OCSP response in DER form was expected"},
        {"good.pem", "certificate.ocsp", "none.der", "an OCSP response was expected: No such file"},
        {"good.pem", "certificate.directory", "none", "xmpp.server.certificate.directory = "},
    };
    make("good.pem", "one.test");
    make("other.pem", "one.test");
    char *good =
        text_format("[xmpp]\ndomain = one.test\n[xmpp.server]\ncertificate.file = %s/good.pem\n",
                    scratch_path(""));
    assert_int_equal(load(good), 0);
    free(good);
    char *first = shown(NULL);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        char *all = text_format(
            "[xmpp]\ndomain = one.test\n[xmpp.server]\ncertificate.file = %s/%s\n%s = %s/%s\n",
            scratch_path(""), faults[i].certificate, faults[i].property, scratch_path(""),
            faults[i].value);
        assert_int_equal(load(all), -1);
        if (strstr(text_string(&why), faults[i].sentence) == NULL)
            fail_msg("%s does not say '%s'", text_string(&why), faults[i].sentence);
        free(all);
    }
    char *last = shown(NULL);
    assert_string_equal(first, last);
    free(first);
    free(last);
}

static void has_certificates_for_single_domains(void **state)
{
    (void)state;
    mkdir(scratch_path("domains"), 0700);
    make("first.pem", "one.test");
    make("domains/two.test.crt", "two.test");
    make("domains/xn--bcher-kva.test.crt", "b\xc3\xbc"
                                           "cher.test");
    scratch_write("domains/readme.txt", "no certificate");
    char *settings =
        text_format("[xmpp]\ndomain = one.test\n[xmpp.server]\ncertificate.file = %s/first.pem\n"
                    "certificate.directory = %s/domains\n",
                    scratch_path(""), scratch_path(""));
    assert_int_equal(load(settings), 0);
    assert_true(is_for("two.test", "two.test"));
    assert_true(is_for("TWO.test", "two.test"));
    assert_true(is_for("b\xc3\xbc"
                       "cher.test",
                       "b\xc3\xbc"
                       "cher.test"));
    assert_true(is_for("xn--bcher-kva.test", "b\xc3\xbc"
                                             "cher.test"));
    assert_true(is_for("three.test", "one.test"));
    assert_true(is_for(NULL, "one.test"));
    assert_true(is_for("no domain@at all", "one.test"));
    scratch_write("domains/bad.test.crt", "nonsense");
    assert_int_equal(load(settings), -1);
    assert_non_null(strstr(text_string(&why), "bad.test.crt"));
    free(settings);
}

static void its_own_must_last_and_fit(void **state)
{
    (void)state;
    const char *path = make("own.pem", "one.test,two.test");
    assert_true(own_certificate_is_good(path, "one.test,two.test"));
    assert_true(own_certificate_is_good(path, "two.test"));
    assert_false(own_certificate_is_good(path, "one.test,three.test"));
    assert_false(own_certificate_is_good(scratch_path("none.pem"), "one.test"));
    assert_false(own_certificate_is_good(scratch_write("bad.pem", "nonsense"), "one.test"));
    ERR_clear_error();
    assert_int_equal(own_certificate_make("/nonexistent/own.pem", "one.test", &why), -1);
    assert_non_null(strstr(text_string(&why), "/nonexistent/own.pem"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(makes_its_own_once_and_anew_for_another_domain, start,
                                        stop),
        cmocka_unit_test_setup_teardown(has_none_when_told_so, start, stop),
        cmocka_unit_test_setup_teardown(checks_without_making, start, stop),
        cmocka_unit_test_setup_teardown(names_what_is_wrong_and_keeps_the_old_ones, start, stop),
        cmocka_unit_test_setup_teardown(has_certificates_for_single_domains, start, stop),
        cmocka_unit_test_setup_teardown(its_own_must_last_and_fit, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
