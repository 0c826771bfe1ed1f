/* SPDX-License-Identifier: Apache-2.0 */
/* test_own_certificate - what we make for ourselves can be used, and is found good again
 *
 * Each test has a directory of its own with one certificate for two domains in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/certificate_identity.h"
#include "server/own_certificate.h"
#include "test/support/scratch.h"

#define BUECHER \
    "b\xc3\xbc" \
    "cher.test"
#define DAY 86400L

static const char *directory;
static struct text why;

static int start(void **state)
{
    (void)state;
    directory = scratch_open();
    return own_certificate_make(scratch_path("own.pem"), "one.test,two.test", &why);
}

static int stop(void **state)
{
    (void)state;
    scratch_close();
    text_free(&why);
    ERR_clear_error();
    return 0;
}

/* count_entries - of the test's directory */
static int count_entries(void)
{
    int count = 0;
    DIR *entries = opendir(directory);
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(entries);
    return count;
}

/* read_certificate - the caller's, X509_free */
static X509 *read_certificate(const char *path)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    assert_non_null(certificate);
    return certificate;
}

static mode_t mode_of(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 07777;
}

static void is_for_our_eyes_only(void **state)
{
    (void)state;
    assert_int_equal(mode_of(scratch_path("own.pem")), 0600);
    assert_int_equal(count_entries(), 1);
    assert_int_equal(why.length, 0);
}

static void takes_the_place_of_another_file(void **state)
{
    (void)state;
    const char *path = scratch_write("old.pem", "old\n");
    assert_int_equal(chmod(path, 0644), 0);
    mode_t mask = umask(0);
    int result = own_certificate_make(path, "three.test", &why);
    umask(mask);
    assert_int_equal(result, 0);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(count_entries(), 2); /* no temporary file stays */
    assert_true(own_certificate_is_good(path, "three.test"));
}

static void is_good_for_its_domains_only(void **state)
{
    (void)state;
    const char *path = scratch_path("own.pem");
    assert_true(own_certificate_is_good(path, "one.test,two.test"));
    assert_true(own_certificate_is_good(path, "two.test,one.test"));
    assert_true(own_certificate_is_good(path, "one.test"));
    assert_true(own_certificate_is_good(path, "two.test"));
    assert_false(own_certificate_is_good(path, "three.test"));
    assert_false(own_certificate_is_good(path, "one.test,three.test"));
    assert_false(own_certificate_is_good(path, "one.test,two.test,three.test"));
    assert_false(own_certificate_is_good(path, "im.one.test"));
}

static void is_not_good_when_there_is_none(void **state)
{
    (void)state;
    assert_false(own_certificate_is_good(scratch_path("missing.pem"), "one.test"));
    assert_false(own_certificate_is_good(scratch_write("empty.pem", ""), "one.test"));
    assert_false(own_certificate_is_good(scratch_write("garbage.pem", "no PEM\n"), "one.test"));
    assert_false(own_certificate_is_good(
        scratch_write("torn.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
        "one.test"));
    assert_false(own_certificate_is_good(directory, "one.test"));
}

/* good_for_days - the same certificate with another end; nobody looks at the signature here */
static bool good_for_days(long days)
{
    const char *path = scratch_path("aged.pem");
    X509 *certificate = read_certificate(scratch_path("own.pem"));
    X509_gmtime_adj(X509_getm_notAfter(certificate), days * DAY);
    i2d_re_X509_tbs(certificate, NULL); /* or what was read before would be written */
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    fclose(file);
    X509_free(certificate);
    return own_certificate_is_good(path, "one.test,two.test");
}

static void is_not_good_in_its_last_thirty_days(void **state)
{
    (void)state;
    assert_true(good_for_days(31));
    assert_false(good_for_days(29));
    assert_false(good_for_days(-1));
}

/* assert_names - each of `kinds` is found by itself, when it is the only name of the certificate */
static void assert_names(const char *domain, const char *const *kinds)
{
    X509 *certificate = read_certificate(scratch_path("own.pem"));
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    assert_non_null(names);
    struct text how = TEXT_EMPTY;
    int found = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        GENERAL_NAMES *single = sk_GENERAL_NAME_new_null();
        sk_GENERAL_NAME_push(single, sk_GENERAL_NAME_value(names, i));
        assert_int_equal(
            X509_add1_ext_i2d(certificate, NID_subject_alt_name, single, 0, X509V3_ADD_REPLACE), 1);
        sk_GENERAL_NAME_free(single);
        text_clear(&how);
        if (certificate_identity_matches(certificate, domain, &how))
            assert_string_equal(text_string(&how), kinds[found++]);
    }
    assert_int_equal(found, 3);
    text_free(&how);
    GENERAL_NAMES_free(names);
    X509_free(certificate);
}

static void has_each_domain_in_all_three_forms(void **state)
{
    (void)state;
    assert_names("one.test", (const char *[]){"xmppAddr one.test", "SRVName _xmpp-server.one.test",
                                              "dNSName one.test"});
    assert_names("two.test", (const char *[]){"xmppAddr two.test", "SRVName _xmpp-server.two.test",
                                              "dNSName two.test"});
    assert_int_equal(own_certificate_make(scratch_path("own.pem"), BUECHER, &why), 0);
    assert_names(BUECHER,
                 (const char *[]){"xmppAddr " BUECHER, "SRVName _xmpp-server.xn--bcher-kva.test",
                                  "dNSName xn--bcher-kva.test"});
}

static void is_the_identity_of_its_domains(void **state)
{
    (void)state;
    X509 *certificate = read_certificate(scratch_path("own.pem"));
    assert_true(certificate_identity_matches(certificate, "one.test", NULL));
    assert_true(certificate_identity_matches(certificate, "two.test", NULL));
    assert_false(certificate_identity_matches(certificate, "three.test", NULL));
    assert_false(certificate_identity_matches(certificate, "test", NULL));
    X509_free(certificate);
}

static void has_its_key_in_the_same_file(void **state)
{
    (void)state;
    const char *path = scratch_path("own.pem");
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    assert_non_null(context);
    assert_int_equal(SSL_CTX_use_certificate_chain_file(context, path), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_CTX_check_private_key(context), 1);
    SSL_CTX_free(context);
}

static void is_signed_by_itself(void **state)
{
    (void)state;
    X509 *certificate = read_certificate(scratch_path("own.pem"));
    assert_int_equal(X509_verify(certificate, X509_get0_pubkey(certificate)), 1);
    assert_true(X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0);
    assert_int_equal(X509_check_ca(certificate), 0);
    X509_free(certificate);
}

/* fingerprint - of the certificate in `path`, appended */
static void fingerprint(const char *path, struct text *out)
{
    X509 *certificate = read_certificate(path);
    own_certificate_fingerprint(certificate, out);
    X509_free(certificate);
}

static void has_a_fingerprint_of_its_own(void **state)
{
    (void)state;
    struct text print = TEXT_EMPTY, again = TEXT_EMPTY, other = TEXT_EMPTY;
    fingerprint(scratch_path("own.pem"), &print);
    assert_int_equal(print.length, 95);
    for (size_t i = 0; i < print.length; i++)
        assert_non_null(strchr(i % 3 == 2 ? ":" : "0123456789ABCDEF", print.bytes[i]));
    fingerprint(scratch_path("own.pem"), &again);
    assert_string_equal(text_string(&print), text_string(&again));
    const char *path = scratch_path("other.pem");
    assert_int_equal(own_certificate_make(path, "one.test,two.test", &why), 0);
    fingerprint(path, &other);
    assert_string_not_equal(text_string(&print), text_string(&other));
    text_free(&print);
    text_free(&again);
    text_free(&other);
}

static void fails_with_a_sentence_where_no_directory_is(void **state)
{
    (void)state;
    const char *path = scratch_path("nowhere/own.pem");
    assert_int_equal(own_certificate_make(path, "one.test", &why), -1);
    assert_non_null(strstr(text_string(&why), path));
    assert_non_null(strstr(text_string(&why), "can't be made: No such file or directory"));
    assert_int_not_equal(access(scratch_path("nowhere"), F_OK), 0);
    assert_int_equal(count_entries(), 1); /* the one that was there */
}

static void fails_for_no_domain(void **state)
{
    (void)state;
    const char *path = scratch_path("none.pem");
    assert_int_equal(own_certificate_make(path, "", &why), -1);
    assert_non_null(strstr(text_string(&why), "a certificate could not be made"));
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(count_entries(), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(is_for_our_eyes_only),
        TEST(takes_the_place_of_another_file),
        TEST(is_good_for_its_domains_only),
        TEST(is_not_good_when_there_is_none),
        TEST(is_not_good_in_its_last_thirty_days),
        TEST(has_each_domain_in_all_three_forms),
        TEST(is_the_identity_of_its_domains),
        TEST(has_its_key_in_the_same_file),
        TEST(is_signed_by_itself),
        TEST(has_a_fingerprint_of_its_own),
        TEST(fails_with_a_sentence_where_no_directory_is),
        TEST(fails_for_no_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
