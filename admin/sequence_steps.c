/* SPDX-License-Identifier: Apache-2.0 */
/* sequence_steps - what a step of a timeline looks like in a sequence diagram: who sends what to whom
 *
 * One table, read from top to bottom: the first row that has the step's actor, whose clause (if any) is the step's, and whose words
 * the sentence begins with. What a row can't say because it hangs on the sentence's end or on earlier steps is said by a function.
 * A peer's words never stand at the beginning of a sentence; where what follows them is looked for, it holds a blank, which no
 * name of a domain or host has.
 */
#include "admin/sequence_steps.h"

#include <stddef.h>
#include <string.h>

struct rule {
    const char *actor, *clause, *begins; /* clause NULL: any */
    enum sequence_phase phase;
    struct sequence_move moves[2];
    void (*adjust)(struct sequence_reading *reading, const char *sentence,
                   struct sequence_step *step);
};

#define ARROW(from, to, label)                   \
    {                                            \
        SHAPE_ARROW, from, to, label, TONE_PLAIN \
    }
#define OUT(label) ARROW(PARTY_US, PARTY_REMOTE, label)
#define IN(label) ARROW(PARTY_REMOTE, PARTY_US, label)
#define ASK(label) ARROW(PARTY_US, PARTY_DNS, label)
#define TOLD(label) ARROW(PARTY_DNS, PARTY_US, label)
#define NOTE(label, tone)                           \
    {                                               \
        SHAPE_NOTE, PARTY_US, PARTY_US, label, tone \
    }

/* --- what hangs on more than a sentence's beginning --- */

static bool begins(const char *sentence, const char *with)
{
    return strncmp(sentence, with, strlen(with)) == 0;
}

static bool ends(const char *sentence, const char *with)
{
    size_t length = strlen(sentence), tail = strlen(with);
    return length >= tail && strcmp(sentence + length - tail, with) == 0;
}

static bool holds(const char *sentence, const char *words)
{
    return strstr(sentence, words) != NULL;
}

static struct sequence_move *last_of(struct sequence_step *step)
{
    return &step->moves[step->count - 1];
}

/* put_first - one more move, before the others */
static void put_first(struct sequence_step *step, struct sequence_move move)
{
    memmove(&step->moves[1], &step->moves[0], (SEQUENCE_MOVES - 1) * sizeof step->moves[0]);
    step->moves[0] = move;
    step->count++;
    step->told++;
}

static void good(struct sequence_reading *reading, const char *sentence, struct sequence_step *step)
{
    (void)reading, (void)sentence;
    last_of(step)->tone = TONE_GOOD;
}

static void warn(struct sequence_reading *reading, const char *sentence, struct sequence_step *step)
{
    (void)reading, (void)sentence;
    last_of(step)->tone = TONE_WARN;
}

static void bad(struct sequence_reading *reading, const char *sentence, struct sequence_step *step)
{
    (void)reading, (void)sentence;
    last_of(step)->tone = TONE_BAD;
}

static void addresses(struct sequence_reading *reading, const char *sentence,
                      struct sequence_step *step)
{
    if (holds(sentence, " has 0 addresses"))
        bad(reading, sentence, step);
}

static void tlsa(struct sequence_reading *reading, const char *sentence, struct sequence_step *step)
{
    if (holds(sentence, ", bogus: ") || ends(sentence, ", no answer"))
        bad(reading, sentence, step);
    else if (ends(sentence, ", secure"))
        good(reading, sentence, step);
}

static void connected(struct sequence_reading *reading, const char *sentence,
                      struct sequence_step *step)
{
    (void)sentence, (void)step;
    reading->opened = reading->asserted = reading->anew = false;
}

/* stream - of the first headers, or of those behind TLS or a proof */
static void stream(struct sequence_reading *reading, const char *sentence,
                   struct sequence_step *step)
{
    (void)sentence;
    step->phase = reading->anew ? PHASE_ANEW : PHASE_STREAM;
}

/* opened - a header. Behind SASL EXTERNAL, that the stream begins anew says that the answer was <success/>. */
static void opened(struct sequence_reading *reading, const char *sentence,
                   struct sequence_step *step)
{
    if (reading->asserted) {
        put_first(step, (struct sequence_move)IN("<success/>"));
        step->moves[0].tone = TONE_GOOD;
        step->before = 1;
        reading->anew = true;
    }
    stream(reading, sentence, step);
    reading->asserted = false;
    reading->opened = true;
}

/* proved - by SASL EXTERNAL, to us */
static void proved(struct sequence_reading *reading, const char *sentence,
                   struct sequence_step *step)
{
    good(reading, sentence, step);
    reading->anew = true;
}

static void refused_external(struct sequence_reading *reading, const char *sentence,
                             struct sequence_step *step)
{
    reading->asserted = false;
    bad(reading, sentence, step);
}

static void asserted(struct sequence_reading *reading, const char *sentence,
                     struct sequence_step *step)
{
    (void)sentence, (void)step;
    reading->asserted = true;
}

/* starttls - before TLS, unless TLS came before all else (XEP-0368) */
static void starttls(struct sequence_reading *reading, struct sequence_step *step)
{
    if (!reading->opened) {
        step->moves[0].label = "TLS from the first byte";
        return;
    }
    struct sequence_move there = OUT("<starttls/>"), back = IN("<proceed/>");
    if (reading->incoming) {
        there = (struct sequence_move)IN("<starttls/>");
        back = (struct sequence_move)OUT("<proceed/>");
    }
    put_first(step, back);
    put_first(step, there);
}

static void encrypted(struct sequence_reading *reading, const char *sentence,
                      struct sequence_step *step)
{
    good(reading, sentence, step);
    starttls(reading, step);
    step->encrypts = true;
    reading->anew = reading->opened;
}

static void tls_failed(struct sequence_reading *reading, const char *sentence,
                       struct sequence_step *step)
{
    bad(reading, sentence, step);
    starttls(reading, step);
}

static void shown(struct sequence_reading *reading, const char *sentence,
                  struct sequence_step *step)
{
    (void)reading;
    last_of(step)->tone = begins(sentence, "the other side showed a valid ")  ? TONE_GOOD
                          : begins(sentence, "the other side showed no cert") ? TONE_PLAIN
                                                                              : TONE_WARN;
}

/* by_certificate - nobody need be asked, and the answer follows at once */
static void by_certificate(struct sequence_reading *reading, const char *sentence,
                           struct sequence_step *step)
{
    (void)reading, (void)sentence;
    step->told = 0;
    step->moves[0].tone = step->moves[1].tone = TONE_GOOD;
}

/* verdict - what the authoritative server said, if it could be asked, and what we say because of it */
static void verdict(struct sequence_reading *reading, const char *sentence,
                    struct sequence_step *step)
{
    (void)reading;
    const struct sequence_move valid = {SHAPE_ARROW, PARTY_AUTHORITY, PARTY_US,
                                        "<db:verify type=\"valid\">", TONE_GOOD};
    const struct sequence_move invalid = {SHAPE_ARROW, PARTY_AUTHORITY, PARTY_US,
                                          "<db:verify type=\"invalid\">", TONE_BAD};
    const char *said = strstr(sentence, ": "); /* behind two domains */
    if (said != NULL && begins(said, ": valid;")) {
        step->moves[0].label = "<db:result type=\"valid\">";
        step->moves[0].tone = TONE_GOOD;
        put_first(step, valid);
    } else if (said != NULL && begins(said, ": invalid;")) {
        step->moves[0].label = "<db:result type=\"invalid\">";
        step->moves[0].tone = TONE_BAD;
        put_first(step, invalid);
    } else {
        step->moves[0].tone = TONE_BAD;
    }
}

/* answered_result - of our own claim: by the words between two domains */
static void answered_result(struct sequence_reading *reading, const char *sentence,
                            struct sequence_step *step)
{
    (void)reading;
    bool valid = holds(sentence, " is valid at ");
    step->moves[0].tone = valid ? TONE_GOOD : TONE_BAD;
    step->moves[0].label = valid                                ? "<db:result type=\"valid\">"
                           : holds(sentence, " is invalid at ") ? "<db:result type=\"invalid\">"
                                                                : "<db:result type=\"error\">";
}

/* answered_verify - of a question: ours, or theirs */
static void answered_verify(struct sequence_reading *reading, const char *sentence,
                            struct sequence_step *step)
{
    (void)reading;
    struct sequence_move *answer = last_of(step);
    answer->tone = TONE_BAD;
    if (ends(sentence, " says that the key is its own") || ends(sentence, ": it is ours")) {
        answer->label = "<db:verify type=\"valid\">";
        answer->tone = TONE_GOOD;
    } else if (ends(sentence, " says that the key is not its own") ||
               ends(sentence, ": it is not ours")) {
        answer->label = "<db:verify type=\"invalid\">";
    }
}

/* we_end - with an error, or because of what they did */
static void we_end(struct sequence_reading *reading, const char *sentence,
                   struct sequence_step *step)
{
    bool plain = begins(sentence, "we end the stream: none ");
    if (plain)
        step->moves[0].label = "</stream:stream>";
    if (!plain ||
        (reading->failed && !begins(sentence, "we end the stream: none (after the other")))
        step->moves[0].tone = TONE_BAD;
}

/* --- the table --- */

#define STEP(actor, clause, begins, phase, adjust, ...)             \
    {                                                               \
        actor, clause, begins, PHASE_##phase, {__VA_ARGS__}, adjust \
    }
static const struct rule rules[] = {
    /* finding */
    STEP("DNSUtil.resolveXMPPDomain", "RFC 2782", "", FIND, bad, ASK("SRV records?"),
         TOLD("there is no such service")),
    STEP("DNSUtil.resolveXMPPDomain", "RFC 6120 3.2.1", "", FIND, NULL, ASK("SRV records?"),
         TOLD("SRV records")),
    STEP("DNSUtil.resolveXMPPDomain", "RFC 6120 3.2.2", "", FIND, warn, ASK("SRV records?"),
         TOLD("no SRV records")),
    STEP("DNSUtil.resolveXMPPDomain", "RFC 6120 3.2", "", FIND, addresses,
         ASK("addresses (A, AAAA)?"), TOLD("addresses")),
    STEP("DNSUtil.resolveXMPPDomain", NULL, "", FIND, NULL, NOTE("our settings", TONE_PLAIN)),
    STEP("DNSUtil.resolveTLSA", NULL, "", ENCRYPT, tlsa, ASK("TLSA records?"),
         TOLD("TLSA records (DANE)")),
    /* connecting */
    STEP("SocketUtil.createSocketToXmppDomain", NULL, "connected to ", CONNECT, connected,
         OUT("TCP connection")),
    STEP("SocketUtil.createSocketToXmppDomain", NULL, "", CONNECT, NULL,
         {SHAPE_LOST, PARTY_US, PARTY_REMOTE, "TCP connection", TONE_BAD}),
    STEP("BlockingAcceptingMode.run", NULL, "", CONNECT, connected, IN("TCP connection")),
    /* streams */
    STEP("BlockingReadingMode.run", NULL, "", STREAM, opened, IN("<stream:stream>")),
    STEP("LocalOutgoingServerSession.createOutgoingSession", NULL, "stream opened", STREAM, opened,
         OUT("<stream:stream>")),
    STEP("LocalOutgoingServerSession.createOutgoingSession", NULL, "features received", STREAM,
         NULL, IN("<stream:features>")),
    STEP("LocalOutgoingServerSession.createOutgoingSession", NULL, "", STREAM, NULL,
         NOTE("no features", TONE_PLAIN)),
    STEP("LocalIncomingServerSession.createSession", "XEP-0220 2.4.1", "", STREAM, opened,
         OUT("<stream:stream>")),
    STEP("LocalIncomingServerSession.createSession", NULL, "", STREAM, opened,
         OUT("<stream:stream>"), OUT("<stream:features>")),
    STEP("LocalComponentSession.createSession", NULL, "", STREAM, opened, OUT("<stream:stream>")),
    STEP("LocalComponentSession.authenticate", NULL, "", STREAM, good, IN("<handshake>")),
    /* TLS */
    STEP("TLSStreamHandler.start", NULL, "encrypted", ENCRYPT, encrypted,
         {SHAPE_BOTH, PARTY_US, PARTY_REMOTE, "TLS handshake", TONE_PLAIN}),
    STEP("TLSStreamHandler.start", NULL, "", ENCRYPT, tls_failed,
         {SHAPE_BOTH, PARTY_US, PARTY_REMOTE, "TLS handshake", TONE_PLAIN}),
    STEP("ServerTrustManager.checkServerTrusted", NULL, "", ENCRYPT, shown,
         NOTE("certificate check", TONE_PLAIN)),
    STEP("LocalOutgoingServerSession.secureAndAuthenticate", NULL, "the certificate is for ", SAME,
         NULL, NOTE("certificate check", TONE_GOOD)),
    STEP("LocalOutgoingServerSession.secureAndAuthenticate", NULL, "the certificate does not ",
         SAME, NULL, NOTE("certificate check", TONE_WARN)),
    STEP("SASLAuthentication.verifyCertificates", NULL, "the certificate is for ", SAME, NULL,
         NOTE("certificate check", TONE_GOOD)),
    STEP("SASLAuthentication.verifyCertificates", NULL, "", SAME, NULL,
         NOTE("certificate check", TONE_WARN)),
    /* SASL EXTERNAL */
    STEP("LocalOutgoingServerSession.secureAndAuthenticate", NULL, "SASL EXTERNAL asked for",
         EXTERNAL, asserted, OUT("<auth mechanism=\"EXTERNAL\">")),
    STEP("LocalOutgoingServerSession.secureAndAuthenticate", NULL, "SASL EXTERNAL refused",
         EXTERNAL, refused_external, IN("<failure>")),
    STEP("SASLAuthentication.handle", NULL, "SASL EXTERNAL", EXTERNAL, proved,
         IN("<auth mechanism=\"EXTERNAL\">"), OUT("<success/>")),
    STEP("SASLAuthentication.handle", NULL, "", EXTERNAL, bad, IN("<auth>"), OUT("<failure>")),
    /* dialback: they want in */
    STEP("LocalIncomingServerSession.validateSubsequentDomain", NULL, "", DIALBACK, NULL,
         IN("<db:result> with a key")),
    STEP("ServerDialback.validateRemoteDomain", "XEP-0344 2.2", "the certificate proves ", DIALBACK,
         by_certificate, NOTE("certificate check", TONE_GOOD), OUT("<db:result type=\"valid\">")),
    STEP("ServerDialback.validateRemoteDomain", "XEP-0344 2.2", "", DIALBACK, NULL,
         NOTE("certificate check", TONE_WARN)),
    STEP("ServerDialback.validateRemoteDomain", NULL, "the authoritative server of ", DIALBACK,
         NULL, {SHAPE_ARROW, PARTY_US, PARTY_AUTHORITY, "<db:verify> with the key", TONE_PLAIN}),
    STEP("ServerDialback.validateRemoteDomain", NULL, "verdict for ", DIALBACK, verdict,
         OUT("<db:result type=\"error\">")),
    STEP("ServerDialback.validateRemoteDomain", NULL, "refused: ", DIALBACK, bad,
         OUT("<db:result type=\"error\">")),
    STEP("ServerDialback.validateRemoteDomain", NULL, "a verification of ", DIALBACK, NULL,
         NOTE("dialback", TONE_WARN)),
    STEP("ServerDialback.validateRemoteDomain", "XEP-0220 2.2.1", "", DIALBACK, good,
         OUT("<db:result type=\"valid\">")),
    /* dialback: we want in, or ask */
    STEP("ServerDialback.authenticateDomain", NULL, "db:result sent", DIALBACK, NULL,
         OUT("<db:result> with a key")),
    STEP("ServerDialback.authenticateDomain", NULL, "db:result received", DIALBACK, answered_result,
         IN("<db:result>")),
    STEP("ServerDialback.verifyKey", NULL, "db:verify sent", DIALBACK, NULL,
         OUT("<db:verify> with the key")),
    STEP("ServerDialback.verifyKey", NULL, "db:verify answered", DIALBACK, answered_verify,
         IN("<db:verify type=\"error\">")),
    STEP("ServerDialback.verifyReceivedKey", NULL, "", DIALBACK, answered_verify,
         IN("<db:verify> with a key"), OUT("<db:verify type=\"error\">")),
    STEP("ServerDialback", NULL, "", DIALBACK, warn, IN("an answer to nothing")),
    STEP("ServerSocketReader.processUnknownPacket", NULL, "", DIALBACK, warn,
         IN("an answer to nothing")),
    /* the end */
    STEP("SocketReader.run", NULL, "the other side ends the stream: none", END, NULL,
         IN("</stream:stream>")),
    STEP("SocketReader.run", NULL, "the other side ends", END, bad, IN("<stream:error>")),
    STEP("SocketReader.run", NULL, "we end the stream", END, we_end, OUT("<stream:error>")),
    STEP("SocketConnection.close", NULL, "", END, NULL, OUT("</stream:stream>")),
};

static const struct rule other = STEP("", NULL, "", SAME, NULL, NOTE("here", TONE_PLAIN));

static const struct rule *find(const char *actor, const char *clause, const char *sentence)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (strcmp(rules[i].actor, actor) == 0 &&
            (rules[i].clause == NULL || strcmp(rules[i].clause, clause) == 0) &&
            begins(sentence, rules[i].begins))
            return &rules[i];
    return &other;
}

void sequence_steps_read(struct sequence_reading *reading, const char *actor, const char *clause,
                         const char *sentence, struct sequence_step *step)
{
    const struct rule *rule = find(actor, clause, sentence);
    *step = (struct sequence_step){.phase = rule->phase};
    while (step->count < 2 && rule->moves[step->count].shape != SHAPE_NONE) {
        step->moves[step->count] = rule->moves[step->count];
        step->count++;
    }
    step->told = step->count - 1;
    if (rule->adjust != NULL)
        rule->adjust(reading, sentence, step);
}

const char *sequence_steps_heading(enum sequence_phase phase, const char **means)
{
    static const char *const headings[PHASE_COUNT][2] = {
        [PHASE_SAME] = {"", ""},
        [PHASE_FIND] = {"Finding the server", "Which host and port serve the domain?"},
        [PHASE_CONNECT] = {"Connecting", "A TCP connection: nobody has said a name yet."},
        [PHASE_STREAM] = {"Opening the stream",
                          "Each side sends a header; who was called lists what it can do."},
        [PHASE_ANEW] = {"The stream begins anew",
                        "New headers, a new id: what was said before counts no more."},
        [PHASE_ENCRYPT] = {"Encrypting",
                           "The stream moves into TLS, and certificates are looked at."},
        [PHASE_EXTERNAL] = {"Proof by certificate",
                            "SASL EXTERNAL: the certificate shown in TLS is to prove the domain."},
        [PHASE_DIALBACK] = {"Proof by dialback",
                            "A key is shown; whoever serves the domain by DNS is asked about it."},
        [PHASE_END] = {"The end", "What one side says last, and why."},
    };
    *means = headings[phase][1];
    return headings[phase][0];
}
