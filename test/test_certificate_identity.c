/* SPDX-License-Identifier: Apache-2.0 */
/* test_certificate_identity - for whom a certificate speaks
 *
 * Certificates are built in memory, without keys: only their names count here. The dialogues show the same on the wire.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/x509v3.h>

#include "server/certificate_identity.h"

static X509 *certificate;
static GENERAL_NAMES *names;
static struct text how;

static int start(void **state)
{
    (void)state;
    certificate = X509_new();
    names = GENERAL_NAMES_new();
    text_clear(&how);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    X509_free(certificate);
    GENERAL_NAMES_free(names);
    text_free(&how);
    return 0;
}

static void add(int kind, int type, const char *bytes, size_t length)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *text = ASN1_STRING_type_new(type);
    ASN1_STRING_set(text, bytes, (int)length);
    GENERAL_NAME_set0_value(name, kind, text);
    sk_GENERAL_NAME_push(names, name);
}

static void add_dns(const char *name)
{
    add(GEN_DNS, V_ASN1_IA5STRING, name, strlen(name));
}

static void add_other(const char *form, int type, const char *value)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_TYPE *typed = ASN1_TYPE_new();
    ASN1_STRING *text = ASN1_STRING_type_new(type);
    ASN1_STRING_set(text, value, -1);
    ASN1_TYPE_set(typed, type, text);
    GENERAL_NAME_set0_othername(name, OBJ_txt2obj(form, 1), typed);
    sk_GENERAL_NAME_push(names, name);
}

#define XMPP_ADDR "1.3.6.1.5.5.7.8.5"
#define SRV_NAME "1.3.6.1.5.5.7.8.7"

/* matches - with the names added so far */
static bool matches(const char *domain)
{
    X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_REPLACE);
    text_clear(&how);
    return certificate_identity_matches(certificate, domain, &how);
}

static void takes_a_dns_name_in_any_case_and_as_a_labels(void **state)
{
    (void)state;
    add_dns("EXAMPLE.net");
    add_dns("xn--bcher-kva.test");
    assert_true(matches("example.net"));
    assert_string_equal(text_string(&how), "dNSName EXAMPLE.net");
    assert_true(matches("b\xc3\xbc"
                        "cher.test"));
    assert_false(matches("im.example.net"));
    assert_false(matches("net"));
    assert_string_equal(text_string(&how),
                        "it is for dNSName EXAMPLE.net, dNSName xn--bcher-kva.test");
}

static void takes_one_label_for_a_wildcard(void **state)
{
    (void)state;
    add_dns("*.example.net");
    add_dns("*");
    add_dns("*.com");
    add_dns("f*.example.org");
    add_dns("*.*.example.org");
    assert_true(matches("im.example.net"));
    assert_false(matches("example.net"));
    assert_false(matches("a.im.example.net"));
    assert_false(matches("evilexample.net"));
    assert_false(matches("example.com"));
    assert_false(matches("com"));
    assert_false(matches("foo.example.org"));
    assert_false(matches("a.b.example.org"));
}

static void takes_the_service_name_of_servers_only(void **state)
{
    (void)state;
    add_other(SRV_NAME, V_ASN1_IA5STRING, "_xmpp-server.Example.net");
    add_other(SRV_NAME, V_ASN1_IA5STRING, "_xmpp-client.example.org");
    add_other(SRV_NAME, V_ASN1_IA5STRING, "_xmpp-server.");
    add_other(SRV_NAME, V_ASN1_UTF8STRING, "_xmpp-server.example.com");
    assert_true(matches("example.net"));
    assert_string_equal(text_string(&how), "SRVName _xmpp-server.Example.net");
    assert_false(matches("example.org"));
    assert_false(matches("example.com"));
}

static void takes_an_xmpp_address_that_is_a_bare_domain(void **state)
{
    (void)state;
    add_other(XMPP_ADDR, V_ASN1_UTF8STRING,
              "B\xc3\x9c"
              "CHER.test");
    add_other(XMPP_ADDR, V_ASN1_UTF8STRING, "user@example.net");
    add_other(XMPP_ADDR, V_ASN1_UTF8STRING, "example.net/resource");
    add_other(XMPP_ADDR, V_ASN1_IA5STRING, "example.org");
    assert_true(matches("b\xc3\xbc"
                        "cher.test"));
    assert_false(matches("example.net"));
    assert_false(matches("example.org"));
}

static void takes_nothing_else(void **state)
{
    (void)state;
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               (const unsigned char *)"example.net", -1, -1, 0);
    assert_false(certificate_identity_matches(certificate, "example.net", &how));
    assert_non_null(strstr(text_string(&how), "a common name does not count"));
    add(GEN_URI, V_ASN1_IA5STRING, "xmpp:example.net", 16);
    add(GEN_URI, V_ASN1_IA5STRING, "example.net", 11);
    add(GEN_EMAIL, V_ASN1_IA5STRING, "u@example.net", 13);
    add(GEN_IPADD, V_ASN1_OCTET_STRING, "\x7f\0\0\1", 4);
    add_other("1.3.6.1.4.1.311.20.2.3", V_ASN1_UTF8STRING, "example.net");
    assert_false(matches("example.net"));
    assert_string_equal(text_string(&how), "it is for no domain");
    assert_false(certificate_identity_matches(NULL, "example.net", NULL));
}

static void a_nul_makes_another_name(void **state)
{
    (void)state;
    add(GEN_DNS, V_ASN1_IA5STRING, "example.net\0.evil.org", 21);
    add(GEN_DNS, V_ASN1_IA5STRING, "example.net\0", 12);
    add(GEN_DNS, V_ASN1_IA5STRING, "", 0);
    assert_false(matches("example.net"));
}

static void an_address_is_no_name(void **state)
{
    (void)state;
    add_dns("127.0.0.1");
    add_dns("*.0.0.1");
    assert_false(matches("127.0.0.1"));
}

static void looks_at_a_thousand_names_and_no_more(void **state)
{
    (void)state;
    char name[32];
    for (int i = 0; i < CERTIFICATE_IDENTITIES_MAX - 1; i++) {
        snprintf(name, sizeof name, "n%d.test", i);
        add_dns(name);
    }
    add_dns("example.net");
    assert_true(matches("example.net"));
    add_dns("one.more");
    assert_false(matches("example.net"));
    assert_string_equal(text_string(&how), "it has 1001 names, more than 1000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(takes_a_dns_name_in_any_case_and_as_a_labels, start, stop),
        cmocka_unit_test_setup_teardown(takes_one_label_for_a_wildcard, start, stop),
        cmocka_unit_test_setup_teardown(takes_the_service_name_of_servers_only, start, stop),
        cmocka_unit_test_setup_teardown(takes_an_xmpp_address_that_is_a_bare_domain, start, stop),
        cmocka_unit_test_setup_teardown(takes_nothing_else, start, stop),
        cmocka_unit_test_setup_teardown(a_nul_makes_another_name, start, stop),
        cmocka_unit_test_setup_teardown(an_address_is_no_name, start, stop),
        cmocka_unit_test_setup_teardown(looks_at_a_thousand_names_and_no_more, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
