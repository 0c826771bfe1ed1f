/* SPDX-License-Identifier: Apache-2.0 */
/* test_failure - the table of causes is whole, and what comes on the wire becomes the right one
 *
 * That the causes are noted where they should be is shown by test/staged.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/failure.h"
#include "server/server_trust_manager.h"
#include "server/timeline.h"
#include "session/session_outcome.h"

static void every_cause_has_a_word_a_step_a_side_and_a_remedy(void **state)
{
    (void)state;
    for (int i = FAILURE_OTHER + 1; i <= FAILURE_BLOCKED_HERE; i++) {
        struct text remedy = TEXT_EMPTY;
        failure_remedy(i, "a.test", &remedy);
        assert_true(failure_step(i) != STEP_NONE && failure_side(i) != SIDE_NOBODY);
        assert_true(remedy.length > 20 && strstr(text_string(&remedy), "{d") == NULL);
        assert_true(text_string(&remedy)[remedy.length - 1] !=
                    '.'); /* it becomes part of a sentence */
        text_free(&remedy);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(failure_word(i), failure_word(k));
    }
}

static void a_remedy_names_the_domain(void **state)
{
    (void)state;
    struct text remedy = TEXT_EMPTY;
    failure_remedy(FAILURE_DNS_NO_SRV, "a.test", &remedy);
    assert_non_null(strstr(text_string(&remedy), "_xmpp-server._tcp.a.test "));
    assert_non_null(strstr(text_string(&remedy), "{a.test,host:port}"));
    text_clear(&remedy);
    failure_remedy(FAILURE_NONE, "a.test", &remedy);
    assert_int_equal(remedy.length, 0);
    text_free(&remedy);
}

static void of_two_causes_the_later_step_counts(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    struct timeline *timeline = timeline_new();
    assert_int_equal(timeline_failure(timeline, NULL), FAILURE_NONE);
    timeline_fail(timeline, FAILURE_CERTIFICATE_NAME, "it is for b.test\n");
    timeline_fail(timeline, FAILURE_CERTIFICATE_EXPIRED, "the second of one step");
    timeline_fail(timeline, FAILURE_REFUSED, "the next address");
    assert_int_equal(timeline_failure(timeline, &why), FAILURE_CERTIFICATE_NAME);
    assert_string_equal(text_string(&why), "it is for b.test\\x0a");
    timeline_fail(timeline, FAILURE_BLOCKED_THERE, "no");
    assert_int_equal(timeline_failure(timeline, NULL), FAILURE_BLOCKED_THERE);
    timeline_settle(timeline);
    text_clear(&why);
    assert_int_equal(timeline_failure(timeline, &why), FAILURE_NONE);
    assert_int_equal(why.length, 0);
    timeline_free(timeline);
    text_free(&why);
    timeline_fail(NULL, FAILURE_REFUSED, "nobody listens");
    assert_int_equal(timeline_failure(NULL, NULL), FAILURE_NONE);
}

static void a_port_that_we_named_is_ours_to_correct(void **state)
{
    (void)state;
    static const enum failure ports[] = {FAILURE_REFUSED, FAILURE_NOT_XMPP};
    for (int i = 0; i < 2; i++) {
        struct timeline *timeline = timeline_new();
        timeline_led_by_us(timeline, true);
        timeline_fail(timeline, ports[i], "there");
        assert_int_equal(timeline_failure(timeline, NULL), FAILURE_WRONG_PORT_HERE);
        timeline_settle(timeline);
        timeline_fail(timeline, FAILURE_UNREACHABLE, "there");
        assert_int_equal(timeline_failure(timeline, NULL), FAILURE_UNREACHABLE);
        timeline_settle(timeline);
        timeline_led_by_us(timeline, false);
        timeline_fail(timeline, ports[i], "there");
        assert_int_equal(timeline_failure(timeline, NULL), ports[i]);
        timeline_free(timeline);
    }
}

static void a_story_holds_all_that_a_timeline_does(void **state)
{
    (void)state;
    struct timeline *timeline = timeline_new();
    for (int i = 0; i < TIMELINE_STEPS + 2; i++)
        timeline_step(timeline, "A.b", i % 2 ? "RFC 1" : NULL, "step %d", i);
    struct timeline_story *story = timeline_tell(timeline), *same = timeline_story_ref(story);
    timeline_step(timeline, NULL, NULL, "afterwards");
    timeline_free(timeline);
    timeline_story_unref(story);
    assert_int_equal(same->lost, 2);
    assert_int_equal(same->count, TIMELINE_STEPS);
    assert_string_equal(same->lines[0].sentence, "step 2");
    assert_null(same->lines[0].clause);
    assert_string_equal(same->lines[TIMELINE_STEPS - 1].sentence, "step 65");
    assert_string_equal(same->lines[TIMELINE_STEPS - 1].clause, "RFC 1");
    assert_string_equal(same->lines[1].actor, "A.b");
    assert_true(same->began > 0 && same->took >= 0);
    timeline_story_unref(same);
    assert_null(timeline_tell(NULL));
}

static void verdicts_on_certificates_become_causes(void **state)
{
    (void)state;
    static const struct {
        int error;
        enum failure failure;
    } rows[] = {
        {X509_V_ERR_CERT_HAS_EXPIRED, FAILURE_CERTIFICATE_EXPIRED},
        {X509_V_ERR_CERT_NOT_YET_VALID, FAILURE_CERTIFICATE_NOT_YET},
        {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, FAILURE_CERTIFICATE_SELFSIGNED},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, FAILURE_CERTIFICATE_UNTRUSTED},
        {X509_V_ERR_CERT_REVOKED, FAILURE_CERTIFICATE_REVOKED},
        {X509_V_ERR_EE_KEY_TOO_SMALL, FAILURE_CERTIFICATE_INVALID},
    };
    struct server_verdict verdict = {.trust = TRUST_INVALID};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        verdict.error = rows[i].error;
        assert_int_equal(server_trust_manager_failure(&verdict), rows[i].failure);
    }
    verdict.trust = TRUST_VALID;
    assert_int_equal(server_trust_manager_failure(&verdict), FAILURE_CERTIFICATE_NAME);
    verdict.trust = TRUST_SELFSIGNED;
    assert_int_equal(server_trust_manager_failure(&verdict), FAILURE_CERTIFICATE_SELFSIGNED);
    assert_int_equal(server_trust_manager_failure(NULL), FAILURE_CERTIFICATE_MISSING);
}

static void answers_of_the_other_side_become_causes(void **state)
{
    (void)state;
#define OF(error, text) session_outcome_of_stream_error(error, text)
    assert_int_equal(OF(STREAM_HOST_UNKNOWN, ""), FAILURE_NOT_SERVED_THERE);
    assert_int_equal(OF(STREAM_POLICY_VIOLATION, "go away"), FAILURE_BLOCKED_THERE);
    assert_int_equal(OF(STREAM_NOT_AUTHORIZED, "Your server's certificate is invalid"),
                     FAILURE_OUR_CERTIFICATE);
    assert_int_equal(OF(STREAM_POLICY_VIOLATION, "Use of STARTTLS required"), FAILURE_TLS_OFF_HERE);
    assert_int_equal(OF(STREAM_POLICY_VIOLATION, "Encryption (TLS) is required"),
                     FAILURE_TLS_OFF_HERE);
    assert_int_equal(OF(STREAM_RESOURCE_CONSTRAINT, ""), FAILURE_LIMIT_THERE);
    assert_int_equal(OF(STREAM_REMOTE_CONNECTION_FAILED, ""), FAILURE_DIALBACK_NO_WAY_BACK);
    assert_int_equal(OF(STREAM_INTERNAL_SERVER_ERROR, ""), FAILURE_STREAM_ERROR);
#undef OF
#define OF(error, text) session_outcome_of_dialback_error(error, text)
    assert_int_equal(OF(PACKET_REMOTE_SERVER_TIMEOUT, ""), FAILURE_DIALBACK_NO_WAY_BACK);
    assert_int_equal(OF(PACKET_ITEM_NOT_FOUND, ""), FAILURE_NOT_SERVED_THERE);
    assert_int_equal(OF(PACKET_FORBIDDEN, ""), FAILURE_BLOCKED_THERE);
    assert_int_equal(OF(PACKET_POLICY_VIOLATION, "TLS is required (x)"), FAILURE_TLS_OFF_HERE);
    assert_int_equal(OF(PACKET_POLICY_VIOLATION, "the certificate is not valid"),
                     FAILURE_OUR_CERTIFICATE);
    assert_int_equal(OF(PACKET_RESOURCE_CONSTRAINT, ""), FAILURE_LIMIT_THERE);
    assert_int_equal(OF(PACKET_INTERNAL_SERVER_ERROR, ""), FAILURE_DIALBACK_ERROR);
#undef OF
}

static void other_protocols_are_recognised(void **state)
{
    (void)state;
    assert_non_null(strstr(session_outcome_of_bytes("\x15\x03\x01", 3), "direct TLS"));
    assert_non_null(strstr(session_outcome_of_bytes("HTTP/1.1 400", 12), "HTTP"));
    assert_non_null(strstr(session_outcome_of_bytes("SSH-2.0-x", 9), "SSH"));
    assert_null(session_outcome_of_bytes("HTT", 3));
    assert_null(session_outcome_of_bytes("", 0));
    assert_null(session_outcome_of_bytes("<?xml version='1.0'?>", 21));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cause_has_a_word_a_step_a_side_and_a_remedy),
        cmocka_unit_test(a_remedy_names_the_domain),
        cmocka_unit_test(of_two_causes_the_later_step_counts),
        cmocka_unit_test(a_port_that_we_named_is_ours_to_correct),
        cmocka_unit_test(a_story_holds_all_that_a_timeline_does),
        cmocka_unit_test(verdicts_on_certificates_become_causes),
        cmocka_unit_test(answers_of_the_other_side_become_causes),
        cmocka_unit_test(other_protocols_are_recognised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
