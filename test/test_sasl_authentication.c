/* SPDX-License-Identifier: Apache-2.0 */
/* test_sasl_authentication - EXTERNAL and every way in which it can fail
 *
 * The elements are built in an arena; what the stream does with the outcome, the dialogues show.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "session/sasl_authentication.h"
#include "xml/xmlns.h"

static struct arena *arena;

static int start(void **state)
{
    (void)state;
    arena = arena_new(0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct element *make(const char *name, const char *mechanism, const char *text)
{
    struct element *element = element_new(arena, name, XMLNS_SASL);
    element_set(arena, element, "mechanism", mechanism);
    if (text != NULL)
        element_add_text(arena, element, text, strlen(text));
    return element;
}

static const struct sasl_offer good = {.encrypted = true, .external = true, .from = "remote.test"};

/* judge - "success", or the condition */
static const char *judge(const struct element *element, const struct sasl_offer *offer)
{
    const char *condition = sasl_authentication_handle(element, offer, arena);
    return condition != NULL ? condition : "success";
}

static const char *judge_text(const char *text)
{
    return judge(make("auth", "EXTERNAL", text), &good);
}

static void takes_the_streams_from(void **state)
{
    (void)state;
    assert_string_equal(judge_text("="), "success");
    assert_string_equal(judge_text(NULL), "success");
    assert_string_equal(judge_text("cmVtb3RlLnRlc3Q="), "success"); /* remote.test */
    assert_string_equal(judge_text("UmVtb3RlLlRFU1Q="), "success"); /* Remote.TEST */
}

static void refuses_other_identities(void **state)
{
    (void)state;
    assert_string_equal(judge_text("b3RoZXIudGVzdA=="), "invalid-authzid");     /* other.test */
    assert_string_equal(judge_text("dUByZW1vdGUudGVzdA=="), "invalid-authzid"); /* u@remote.test */
    assert_string_equal(judge_text("cmVtb3RlLnRlc3QA"),
                        "invalid-authzid"); /* and a NUL behind it */
    assert_string_equal(judge_text("cmVtb3RlLnRlcw=="), "invalid-authzid"); /* remote.tes */
    struct sasl_offer wanting = good;
    wanting.require_authzid = true;
    assert_string_equal(judge(make("auth", "EXTERNAL", "="), &wanting), "invalid-authzid");
    assert_string_equal(judge(make("auth", "EXTERNAL", "cmVtb3RlLnRlc3Q="), &wanting), "success");
}

static void refuses_what_is_no_base64(void **state)
{
    (void)state;
    char long_text[2001];
    memset(long_text, 'A', 2000);
    long_text[2000] = '\0';
    static const char *const wrong[] = {
        "*!",   "cmV",  "cm=VtZQ=", "cmVt b3Rl", "cmVtb3RlLnRlc3Q=\n",
        "====", "A===", "-_-_",     "cmVt=b3R",  "=A=="};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (strcmp(judge_text(wrong[i]), "incorrect-encoding") != 0)
            fail_msg("'%s' gives %s", wrong[i], judge_text(wrong[i]));
    assert_string_equal(judge_text(long_text), "incorrect-encoding");
}

static void refuses_other_mechanisms(void **state)
{
    (void)state;
    struct sasl_offer none = good;
    none.external = false;
    assert_string_equal(judge(make("auth", "EXTERNAL", "="), &none), "invalid-mechanism");
    assert_string_equal(judge(make("auth", "external", "="), &good), "invalid-mechanism");
    assert_string_equal(judge(make("auth", "PLAIN", "="), &good), "invalid-mechanism");
    assert_string_equal(judge(make("auth", NULL, "="), &good), "invalid-mechanism");
    struct sasl_offer plain = good;
    plain.encrypted = false;
    assert_string_equal(judge(make("auth", "EXTERNAL", "="), &plain), "encryption-required");
}

static void answers_the_other_elements(void **state)
{
    (void)state;
    assert_string_equal(judge(make("abort", NULL, NULL), &good), "aborted");
    assert_string_equal(judge(make("response", NULL, "="), &good), "malformed-request");
    assert_true(sasl_authentication_is_element(make("auth", NULL, NULL)));
    assert_true(sasl_authentication_is_element(make("abort", NULL, NULL)));
    assert_true(sasl_authentication_is_element(make("response", NULL, NULL)));
    assert_false(sasl_authentication_is_element(make("success", NULL, NULL)));
    assert_false(sasl_authentication_is_element(element_new(arena, "auth", XMLNS_TLS)));
}

static struct element *features_with(const char *ns, const char *name)
{
    struct element *features = element_new(arena, "features", XMLNS_STREAM);
    struct element *mechanisms = element_add(arena, features, "mechanisms", ns);
    element_add_text(arena, element_add(arena, mechanisms, "mechanism", ns), "PLAIN", 5);
    if (name != NULL)
        element_add_text(arena, element_add(arena, mechanisms, "mechanism", ns), name,
                         strlen(name));
    return features;
}

static void finds_external_in_features(void **state)
{
    (void)state;
    assert_true(sasl_authentication_offers_external(features_with(XMLNS_SASL, "EXTERNAL")));
    assert_false(sasl_authentication_offers_external(features_with(XMLNS_SASL, NULL)));
    assert_false(sasl_authentication_offers_external(features_with(XMLNS_SASL, "EXTERNAL-PLUS")));
    assert_false(sasl_authentication_offers_external(
        features_with(XMLNS_SASL, "A-VERY-LONG-NAME-OF-A-MECHANISM-THAT-NOBODY-KNOWS")));
    assert_false(sasl_authentication_offers_external(features_with(XMLNS_TLS, "EXTERNAL")));
    assert_false(sasl_authentication_offers_external(element_new(arena, "features", XMLNS_STREAM)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(takes_the_streams_from, start, stop),
        cmocka_unit_test_setup_teardown(refuses_other_identities, start, stop),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_base64, start, stop),
        cmocka_unit_test_setup_teardown(refuses_other_mechanisms, start, stop),
        cmocka_unit_test_setup_teardown(answers_the_other_elements, start, stop),
        cmocka_unit_test_setup_teardown(finds_external_in_features, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
