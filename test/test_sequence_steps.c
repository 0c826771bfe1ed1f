/* SPDX-License-Identifier: Apache-2.0 */
/* test_sequence_steps - who sends what to whom at each step of a timeline, and that no step of the sources is forgotten
 *
 * The last test reads the sources of session/ and server/: a new step there wants a row in the diagram's table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <glob.h>

#include "admin/sequence_steps.h"
#include "test/support/scratch.h"

struct line {
    const char *actor, *clause, *sentence;
};

#define CREATE_OUT "LocalOutgoingServerSession.createOutgoingSession"
#define SECURE "LocalOutgoingServerSession.secureAndAuthenticate"
#define CREATE_IN "LocalIncomingServerSession.createSession"
#define VALIDATE "ServerDialback.validateRemoteDomain"
#define HEADER \
    "stream header received: from=a.test to=b.test id=- version=1.0, xmlns:db is declared"

static const struct line external_out[] = {
    {"DNSUtil.resolveXMPPDomain", "RFC 6120 3.2.1",
     "SRV of b.test, in the order tried: host.b.test:5269 (priority 0, weight 0)"},
    {"DNSUtil.resolveXMPPDomain", "RFC 6120 3.2", "host.b.test has 1 address"},
    {"SocketUtil.createSocketToXmppDomain", "RFC 6120 3.2", "connected to 192.0.2.1:5269"},
    {CREATE_OUT, "RFC 6120 4.7", "stream opened: our header, from a.test to b.test"},
    {"BlockingReadingMode.run", "RFC 6120 4.7", HEADER},
    {CREATE_OUT, "RFC 6120 4.3.2", "features received: starttls dialback"},
    {"TLSStreamHandler.start", "RFC 6120 5.4.3.3", "encrypted: TLSv1.3, SNI b.test"},
    {"ServerTrustManager.checkServerTrusted", "RFC 6120 13.7.2",
     "the other side showed a valid certificate: a chain of 2 up to /CN=Test CA"},
    {CREATE_OUT, "RFC 6120 4.7", "stream opened: our header, from a.test to b.test"},
    {"BlockingReadingMode.run", "RFC 6120 4.7", HEADER},
    {CREATE_OUT, "RFC 6120 4.3.2", "features received: dialback mechanisms"},
    {SECURE, "RFC 6120 13.7.2.1", "the certificate is for b.test: dNSName b.test"},
    {SECURE, "XEP-0178 3", "SASL EXTERNAL asked for, as a.test"},
    {CREATE_OUT, "RFC 6120 4.7", "stream opened: our header, from a.test to b.test"},
    {"BlockingReadingMode.run", "RFC 6120 4.7", HEADER},
};

static const struct line denied_in[] = {
    {"BlockingAcceptingMode.run", "",
     "connection accepted from 192.0.2.1:4711; this thread is its SocketReader"},
    {"BlockingReadingMode.run", "RFC 6120 4.7", HEADER},
    {CREATE_IN, "RFC 6120 4.3.2", "handshake sent: our header with id 1, then features: dialback"},
    {"LocalIncomingServerSession.validateSubsequentDomain", "XEP-0220 2.1.1",
     "db:result received: \"I am a.test, I want to talk to b.test\""},
    {VALIDATE, "XEP-0220 2.1.2",
     "the authoritative server of a.test is asked about the key; this stream goes on meanwhile"},
    {VALIDATE, "XEP-0220 2.2.1",
     "verdict for a.test to b.test: invalid; the authoritative server of a.test says that the key "
     "is not its own"},
};

#define COUNT(lines) (sizeof lines / sizeof lines[0])

static struct sequence_step read_line(struct sequence_reading *reading, const struct line *line)
{
    struct sequence_step step;
    sequence_steps_read(reading, line->actor, line->clause, line->sentence, &step);
    assert_in_range(step.count, 1, SEQUENCE_MOVES);
    assert_in_range(step.told, 0, step.count - 1);
    return step;
}

static void assert_move(const struct sequence_move *move, enum sequence_party from,
                        enum sequence_party to, const char *label, enum sequence_tone tone)
{
    assert_string_equal(move->label, label);
    assert_int_equal(move->shape, SHAPE_ARROW);
    assert_int_equal(move->from, from);
    assert_int_equal(move->to, to);
    assert_int_equal(move->tone, tone);
}

static void arrows_go_from_who_sent_to_who_got(void **state)
{
    (void)state;
    struct sequence_reading reading = {.incoming = false};
    struct sequence_step steps[COUNT(external_out)];
    for (size_t i = 0; i < COUNT(external_out); i++)
        steps[i] = read_line(&reading, &external_out[i]);
    assert_move(&steps[0].moves[0], PARTY_US, PARTY_DNS, "SRV records?", TONE_PLAIN);
    assert_move(&steps[0].moves[1], PARTY_DNS, PARTY_US, "SRV records", TONE_PLAIN);
    assert_move(&steps[2].moves[0], PARTY_US, PARTY_REMOTE, "TCP connection", TONE_PLAIN);
    assert_move(&steps[3].moves[0], PARTY_US, PARTY_REMOTE, "<stream:stream>", TONE_PLAIN);
    assert_move(&steps[4].moves[0], PARTY_REMOTE, PARTY_US, "<stream:stream>", TONE_PLAIN);
    assert_move(&steps[5].moves[0], PARTY_REMOTE, PARTY_US, "<stream:features>", TONE_PLAIN);
    assert_move(&steps[6].moves[0], PARTY_US, PARTY_REMOTE, "<starttls/>", TONE_PLAIN);
    assert_move(&steps[6].moves[1], PARTY_REMOTE, PARTY_US, "<proceed/>", TONE_PLAIN);
    assert_int_equal(steps[6].moves[2].shape, SHAPE_BOTH);
    assert_int_equal(steps[6].told, 2);
    assert_true(steps[6].encrypts);
    assert_int_equal(steps[7].moves[0].shape, SHAPE_NOTE);
    assert_int_equal(steps[7].moves[0].tone, TONE_GOOD);
    assert_int_equal(steps[3].phase, PHASE_STREAM);
    assert_int_equal(steps[8].phase, PHASE_ANEW);
    assert_move(&steps[12].moves[0], PARTY_US, PARTY_REMOTE, "<auth mechanism=\"EXTERNAL\">",
                TONE_PLAIN);
    assert_int_equal(steps[13].count, 2); /* that it begins anew says that it was granted */
    assert_move(&steps[13].moves[0], PARTY_REMOTE, PARTY_US, "<success/>", TONE_GOOD);
    assert_int_equal(steps[13].before, 1);
    assert_int_equal(steps[14].count, 1);
}

static void a_verdict_is_asked_for_and_passed_on(void **state)
{
    (void)state;
    struct sequence_reading reading = {.incoming = true};
    struct sequence_step steps[COUNT(denied_in)];
    for (size_t i = 0; i < COUNT(denied_in); i++)
        steps[i] = read_line(&reading, &denied_in[i]);
    assert_move(&steps[0].moves[0], PARTY_REMOTE, PARTY_US, "TCP connection", TONE_PLAIN);
    assert_move(&steps[2].moves[1], PARTY_US, PARTY_REMOTE, "<stream:features>", TONE_PLAIN);
    assert_move(&steps[3].moves[0], PARTY_REMOTE, PARTY_US, "<db:result> with a key", TONE_PLAIN);
    assert_move(&steps[4].moves[0], PARTY_US, PARTY_AUTHORITY, "<db:verify> with the key",
                TONE_PLAIN);
    assert_move(&steps[5].moves[0], PARTY_AUTHORITY, PARTY_US, "<db:verify type=\"invalid\">",
                TONE_BAD);
    assert_move(&steps[5].moves[1], PARTY_US, PARTY_REMOTE, "<db:result type=\"invalid\">",
                TONE_BAD);
}

static void starttls_is_theirs_on_a_stream_of_theirs_and_absent_with_direct_tls(void **state)
{
    (void)state;
    struct sequence_reading reading = {.incoming = true};
    const struct line tls = external_out[6];
    read_line(&reading, &denied_in[0]);
    struct sequence_step direct = read_line(&reading, &tls);
    assert_int_equal(direct.count, 1);
    assert_string_equal(direct.moves[0].label, "TLS from the first byte");
    read_line(&reading, &denied_in[1]);
    struct sequence_step stream = read_line(&reading, &denied_in[2]);
    assert_int_equal(stream.phase, PHASE_STREAM);
    struct sequence_step within = read_line(&reading, &tls);
    assert_move(&within.moves[0], PARTY_REMOTE, PARTY_US, "<starttls/>", TONE_PLAIN);
    assert_move(&within.moves[1], PARTY_US, PARTY_REMOTE, "<proceed/>", TONE_PLAIN);
}

static void a_refused_proof_is_not_drawn_as_granted(void **state)
{
    (void)state;
    struct sequence_reading reading = {.incoming = false};
    const struct line refused = {SECURE, "XEP-0178 3", "SASL EXTERNAL refused: not-authorized"};
    read_line(&reading, &external_out[12]);
    struct sequence_step step = read_line(&reading, &refused);
    assert_move(&step.moves[0], PARTY_REMOTE, PARTY_US, "<failure>", TONE_BAD);
    assert_int_equal(read_line(&reading, &external_out[13]).count, 1);
}

static void a_peers_words_do_not_change_a_verdict(void **state)
{
    (void)state;
    struct sequence_reading reading = {.incoming = true};
    const struct line verdict = {
        VALIDATE, "XEP-0220 2.2.1",
        "verdict for a.test to b.test: error remote-server-timeout; the authoritative "
        "server of a.test could not say: x : valid; says that the key is its own"};
    struct sequence_step step = read_line(&reading, &verdict);
    assert_int_equal(step.count, 1);
    assert_move(&step.moves[0], PARTY_US, PARTY_REMOTE, "<db:result type=\"error\">", TONE_BAD);
    const struct line asked = {
        "ServerDialback.verifyReceivedKey", "XEP-0220 2.2.2",
        "db:verify received: a.test asked about the key that b.test showed on "
        "its stream : it is ours: it is not ours"};
    step = read_line(&reading, &asked);
    assert_move(&step.moves[1], PARTY_US, PARTY_REMOTE, "<db:verify type=\"invalid\">", TONE_BAD);
    const struct line shown = {
        "ServerTrustManager.checkServerTrusted", "",
        "the other side showed a certificate that is not valid: it is for the other "
        "side showed a valid certificate"};
    assert_int_equal(read_line(&reading, &shown).moves[0].tone, TONE_WARN);
}

static void what_is_not_known_is_a_note(void **state)
{
    (void)state;
    struct sequence_reading reading = {.incoming = false};
    const struct line unknown = {"Something.new", "RFC 9999", "it happened"};
    struct sequence_step step = read_line(&reading, &unknown);
    assert_int_equal(step.count, 1);
    assert_int_equal(step.moves[0].shape, SHAPE_NOTE);
    assert_string_equal(step.moves[0].label, "here");
}

/* next_literal - of C; behind `at`, before `end`; appended to `into`, where adjacent ones are one. NULL: none. */
static const char *next_literal(const char *at, const char *end, struct text *into)
{
    text_clear(into);
    while (at < end && *at != '"')
        at++;
    if (at == end)
        return NULL;
    for (at++; *at != '"'; at++) {
        at += *at == '\\';
        text_append_char(into, *at);
    }
    return at + 1;
}

/* check_call - of timeline_step: the actor, the clause if it is one, and how the sentence begins. Returns whether it has an actor. */
static bool check_call(const char *file, const char *at)
{
    const char *end = strstr(at, ");");
    struct text actor = TEXT_EMPTY, clause = TEXT_EMPTY, sentence = TEXT_EMPTY;
    assert_non_null(end);
    at = next_literal(at, end, &actor);
    const char *next = at != NULL ? next_literal(at, end, &clause) : NULL;
    while (next != NULL && (strncmp(text_string(&clause), "RFC ", 4) == 0 ||
                            strncmp(text_string(&clause), "XEP-", 4) == 0)) {
        next = next_literal(next, end, &sentence); /* perhaps one of two clauses */
        if (strncmp(text_string(&sentence), "XEP-", 4) != 0)
            break;
    }
    if (sentence.length == 0) {
        text_append_string(&sentence, text_string(&clause));
        text_clear(&clause);
    }
    if (at != NULL) {
        struct sequence_reading reading = {.incoming = false};
        struct sequence_step step;
        sequence_steps_read(&reading, text_string(&actor), text_string(&clause),
                            text_string(&sentence), &step);
        if (strcmp(step.moves[0].label, "here") == 0)
            fail_msg("%s: a step that the diagram has no row for: %s [%s] %s", file,
                     text_string(&actor), text_string(&clause), text_string(&sentence));
    }
    text_free(&actor);
    text_free(&clause);
    text_free(&sentence);
    return at != NULL;
}

static void every_step_of_the_sources_has_a_row(void **state)
{
    (void)state;
    glob_t files;
    int checked = 0;
    assert_int_equal(glob("session/*.c", 0, NULL, &files), 0);
    assert_int_equal(glob("server/*.c", GLOB_APPEND, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        struct text source = TEXT_EMPTY;
        assert_int_equal(scratch_read(files.gl_pathv[i], &source), 0);
        const char *at = text_string(&source);
        while (strcmp(files.gl_pathv[i], "server/timeline.c") != 0 &&
               (at = strstr(at, "timeline_step(")) != NULL)
            checked += check_call(files.gl_pathv[i], at += strlen("timeline_step("));
        text_free(&source);
    }
    globfree(&files);
    assert_in_range(checked, 40, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrows_go_from_who_sent_to_who_got),
        cmocka_unit_test(a_verdict_is_asked_for_and_passed_on),
        cmocka_unit_test(starttls_is_theirs_on_a_stream_of_theirs_and_absent_with_direct_tls),
        cmocka_unit_test(a_refused_proof_is_not_drawn_as_granted),
        cmocka_unit_test(a_peers_words_do_not_change_a_verdict),
        cmocka_unit_test(what_is_not_known_is_a_note),
        cmocka_unit_test(every_step_of_the_sources_has_a_row),
    };
    return cmocka_run_group_tests_name("sequence_steps", tests, NULL, NULL);
}
