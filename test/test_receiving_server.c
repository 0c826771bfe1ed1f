/* SPDX-License-Identifier: Apache-2.0 */
/* test_receiving_server - the roles' books: what was asked, and which answer counts
 *
 * With originating_server, whose matching is the same idea, and the table of pairs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dialback/originating_server.h"
#include "dialback/receiving_server.h"
#include "session/domain_pair.h"

static int finished;
static enum dialback_type last_type;

static void done(void *owner, const struct dialback_verification *verification,
                 const struct dialback_verdict *verdict)
{
    (void)owner;
    (void)verification;
    finished++;
    last_type = verdict->type;
}

static struct dialback_element element(enum dialback_kind kind, enum dialback_type type,
                                       const char *from, const char *to, const char *id)
{
    struct dialback_element made = {
        .kind = kind, .type = type, .addressed = true, .id = id, .key = "k", .error_text = ""};
    snprintf(made.from, sizeof made.from, "%s", from);
    snprintf(made.to, sizeof made.to, "%s", to);
    return made;
}

static void counts_only_the_answer_to_what_was_asked(void **state)
{
    (void)state;
    struct receiving_server server = {0};
    struct dialback_element request =
        element(DIALBACK_RESULT, DIALBACK_REQUEST, "remote", "ours", NULL);
    struct text out = TEXT_EMPTY, why = TEXT_EMPTY;
    struct dialback_verdict verdict;
    receiving_server_take(&server, dialback_verification_new(&request, "id1", done, NULL));
    struct dialback_element right =
        element(DIALBACK_VERIFY, DIALBACK_VALID, "remote", "ours", "id1");
    assert_null(
        receiving_server_take_answered(&server, &right, &verdict, &why)); /* not asked yet */
    receiving_server_verify_keys(&server, 1000, &out);
    assert_string_equal(out.bytes,
                        "<db:verify from=\"ours\" to=\"remote\" id=\"id1\">k</db:verify>");
    receiving_server_verify_keys(&server, 1000, &out);
    assert_int_equal(
        out.length,
        strlen("<db:verify from=\"ours\" to=\"remote\" id=\"id1\">k</db:verify>")); /* once */
    struct dialback_element wrong[] = {
        element(DIALBACK_VERIFY, DIALBACK_VALID, "remote", "ours", "id2"),
        element(DIALBACK_VERIFY, DIALBACK_VALID, "other", "ours", "id1"),
        element(DIALBACK_VERIFY, DIALBACK_VALID, "remote", "other", "id1"),
        element(DIALBACK_VERIFY, DIALBACK_VALID, "remote", "ours", NULL),
        element(DIALBACK_VERIFY, DIALBACK_REQUEST, "remote", "ours", "id1"),
        element(DIALBACK_RESULT, DIALBACK_VALID, "remote", "ours", "id1")};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_null(receiving_server_take_answered(&server, &wrong[i], &verdict, &why));
    struct dialback_verification *found =
        receiving_server_take_answered(&server, &right, &verdict, &why);
    assert_non_null(found);
    assert_null(receiving_server_take_answered(&server, &right, &verdict, &why)); /* twice */
    dialback_verification_finish(found, &verdict);
    assert_int_equal(finished, 1);
    assert_int_equal(last_type, DIALBACK_VALID);
    text_free(&out);
    text_free(&why);
}

static void takes_no_unknown_type_for_valid(void **state)
{
    (void)state;
    static const struct {
        enum dialback_type type, expected;
    } rows[] = {{DIALBACK_VALID, DIALBACK_VALID},
                {DIALBACK_INVALID, DIALBACK_INVALID},
                {DIALBACK_ERROR, DIALBACK_ERROR},
                {DIALBACK_UNKNOWN_TYPE, DIALBACK_ERROR}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct receiving_server server = {0};
        struct text out = TEXT_EMPTY, why = TEXT_EMPTY;
        struct dialback_verdict verdict;
        struct dialback_element request =
            element(DIALBACK_RESULT, DIALBACK_REQUEST, "remote", "ours", NULL);
        receiving_server_take(&server, dialback_verification_new(&request, "id1", done, NULL));
        receiving_server_verify_keys(&server, 1000, &out);
        struct dialback_element answer =
            element(DIALBACK_VERIFY, rows[i].type, "remote", "ours", "id1");
        struct dialback_verification *found =
            receiving_server_take_answered(&server, &answer, &verdict, &why);
        assert_non_null(found);
        assert_int_equal(verdict.type, rows[i].expected);
        dialback_verification_finish(found, &verdict);
        text_free(&out);
        text_free(&why);
    }
}

static void expires_what_is_not_answered(void **state)
{
    (void)state;
    struct receiving_server server = {0};
    struct text out = TEXT_EMPTY;
    struct dialback_element request =
        element(DIALBACK_RESULT, DIALBACK_REQUEST, "remote", "ours", NULL);
    receiving_server_take(&server, dialback_verification_new(&request, "id1", done, NULL));
    assert_null(receiving_server_take_expired(
        &server, 1000000)); /* before it is asked, the set-up's deadline counts */
    receiving_server_verify_keys(&server, 1000, &out);
    assert_null(receiving_server_take_expired(&server, 999));
    struct dialback_verification *late = receiving_server_take_expired(&server, 1000);
    assert_non_null(late);
    dialback_verification_finish(
        late, &(struct dialback_verdict){DIALBACK_ERROR, PACKET_REMOTE_SERVER_TIMEOUT, "late"});
    assert_null(receiving_server_take_expired(&server, INT64_MAX));
    text_free(&out);
}

static void matches_results_to_the_pairs_that_were_shown(void **state)
{
    (void)state;
    struct originating_server server = {0};
    struct text out = TEXT_EMPTY;
    originating_server_authenticate_domain(&server, "ours", "remote", "theirs", 500, &out);
    originating_server_authenticate_domain(&server, "second", "remote", "theirs", 600, &out);
    assert_true(originating_server_is_pending(&server, "ours", "remote"));
    assert_false(originating_server_is_pending(&server, "ours", "other"));
    struct dialback_element wrong =
        element(DIALBACK_RESULT, DIALBACK_VALID, "remote", "third", NULL);
    assert_null(originating_server_take_answered(&server, &wrong));
    wrong = element(DIALBACK_RESULT, DIALBACK_REQUEST, "remote", "ours", NULL);
    assert_null(originating_server_take_answered(&server, &wrong));
    struct dialback_element right =
        element(DIALBACK_RESULT, DIALBACK_VALID, "remote", "ours", NULL);
    struct originating_request *found = originating_server_take_answered(&server, &right);
    assert_non_null(found);
    assert_string_equal(found->local, "ours");
    originating_request_free(found);
    assert_null(originating_server_take_answered(&server, &right));
    assert_null(originating_server_take_expired(&server, 599));
    found = originating_server_take_expired(&server, 600);
    assert_non_null(found);
    assert_string_equal(found->local, "second");
    originating_request_free(found);
    text_free(&out);
}

static void keeps_a_thousand_pairs_apart(void **state)
{
    (void)state;
    struct domain_pair_table table = {0};
    char local[32], remote[32];
    for (int round = 0; round < 3; round++) {
        for (intptr_t i = 0; i < 1000; i++) {
            snprintf(local, sizeof local, "l%d.test", (int)(i % 7));
            snprintf(remote, sizeof remote, "r%d.test", (int)i);
            assert_null(domain_pair_table_put(&table, domain_span(local), domain_span(remote),
                                              (void *)(i + 1)));
        }
        assert_int_equal(table.count, 1000);
        assert_null(domain_pair_table_get(&table, domain_span("l0.test"), domain_span("r1.test")));
        assert_null(domain_pair_table_get(&table, domain_span("l1.testr"),
                                          domain_span("1.test"))); /* no concatenation */
        size_t position = 0;
        int walked = 0;
        while (domain_pair_table_next(&table, &position) != NULL)
            walked++;
        assert_int_equal(walked, 1000);
        for (intptr_t i = 0; i < 1000; i++) {
            snprintf(local, sizeof local, "l%d.test", (int)(i % 7));
            snprintf(remote, sizeof remote, "r%d.test", (int)i);
            assert_ptr_equal(domain_pair_table_get(&table, domain_span(local), domain_span(remote)),
                             (void *)(i + 1));
            assert_ptr_equal(
                domain_pair_table_remove(&table, domain_span(local), domain_span(remote)),
                (void *)(i + 1));
        }
    }
    assert_int_equal(table.count, 0);
    assert_true(table.room < 20000);
    domain_pair_table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_only_the_answer_to_what_was_asked),
        cmocka_unit_test(takes_no_unknown_type_for_valid),
        cmocka_unit_test(expires_what_is_not_answered),
        cmocka_unit_test(matches_results_to_the_pairs_that_were_shown),
        cmocka_unit_test(keeps_a_thousand_pairs_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
