/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_dialback_roles - the three roles of dialback as a game against a model of them
 *
 * Input: moves, a byte each with its arguments behind it: a domain wants in, its key is asked
 * about, answers come (of this pair or another, of this id or another, asked for or not), time
 * passes, we want in ourselves, and others ask about our keys. Few domains and ids, so that they
 * meet. What must hold:
 *   - a verification ends once, by the answer to its question (asked, same pair, same id) or by
 *     its time, and is valid by an answer of type valid alone (CVE-2012-3525 and its kin);
 *   - an answer to us is taken once, for a pair that was asked for;
 *   - a key is valid for its triple and for no other, and only of a domain that is ours.
 */
#include <stdlib.h>
#include <string.h>

#include "dialback/authoritative_server.h"
#include "dialback/dialback_key.h"
#include "dialback/originating_server.h"
#include "dialback/receiving_server.h"
#include "server/xmpp_server.h"
#include "test/fuzz/oracle.h"

#define QUESTIONS 64
#define DOMAINS 4
#define IDS 3
#define PATIENCE 10

int LLVMFuzzerInitialize(int *argc, char ***argv);

static const char *const domains[DOMAINS] = {"ours.test", "remote.test", "b\303\274cher.example",
                                             "a.remote.test"};
static const char *const ids[IDS] = {"id1", "id2", "i d"};

/* A verification as it should be */
struct question {
    const char *local, *remote, *id;
    bool sent;
    int64_t deadline;
    int ended;
    enum dialback_type type; /* of its end */
};

struct game {
    struct input input;
    int64_t now;
    struct receiving_server receiving;
    struct question questions[QUESTIONS];
    int count;
    struct originating_server originating;
    bool pending[DOMAINS][DOMAINS]; /* local, remote */
    int64_t until[DOMAINS][DOMAINS];
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct text why = TEXT_EMPTY;
    (void)argc;
    (void)argv;
    insist(dialback_key_start("", "a secret", &why) == 0, "%s", text_string(&why));
    xmpp_server_serve(domains[0]);
    text_free(&why);
    return 0;
}

static int choose(struct game *game, int among)
{
    return input_byte(&game->input) % among;
}

/* choose_element - kind, type, addresses and id; mostly such as may come */
static struct dialback_element choose_element(struct game *game, enum dialback_kind kind)
{
    struct dialback_element element = {.kind = kind, .key = "key", .error_text = ""};
    unsigned odd = input_byte(&game->input);
    element.type = (enum dialback_type)choose(game, DIALBACK_UNKNOWN_TYPE + 1);
    element.error = (enum packet_error)choose(game, PACKET_UNDEFINED_CONDITION + 1);
    element.addressed = odd % 16 != 1;
    strcpy(element.from, element.addressed ? domains[choose(game, DOMAINS)] : "");
    strcpy(element.to, element.addressed ? domains[choose(game, DOMAINS)] : "");
    element.id = odd % 16 != 2 ? ids[choose(game, IDS)] : NULL;
    if (odd % 16 == 3)
        element.kind = (enum dialback_kind)choose(game, DIALBACK_VERIFY + 1);
    return element;
}

/* --- the receiving server --- */

static void ended(void *owner, const struct dialback_verification *verification,
                  const struct dialback_verdict *verdict)
{
    struct question *question = owner;
    insist(strcmp(verification->local, question->local) == 0 &&
               strcmp(verification->remote, question->remote) == 0 &&
               strcmp(verification->stream_id, question->id) == 0,
           "another question ended");
    question->ended++;
    question->type = verdict->type;
}

static void ask(struct game *game)
{
    if (game->count == QUESTIONS)
        return;
    struct question *question = &game->questions[game->count++];
    *question = (struct question){.local = domains[choose(game, DOMAINS)],
                                  .remote = domains[choose(game, DOMAINS)],
                                  .id = ids[choose(game, IDS)],
                                  .deadline = INT64_MAX};
    struct dialback_element request = {
        .kind = DIALBACK_RESULT, .addressed = true, .key = "key", .error_text = ""};
    strcpy(request.from, question->remote);
    strcpy(request.to, question->local);
    receiving_server_take(&game->receiving,
                          dialback_verification_new(&request, question->id, ended, question));
}

static void send_questions(struct game *game)
{
    struct text out = TEXT_EMPTY;
    int expected = 0, found = 0;
    receiving_server_verify_keys(&game->receiving, game->now + PATIENCE, &out);
    for (int i = 0; i < game->count; i++) {
        struct question *question = &game->questions[i];
        if (question->sent || question->ended > 0)
            continue;
        question->sent = true;
        question->deadline = game->now + PATIENCE;
        expected++;
    }
    for (const char *at = text_string(&out); (at = strstr(at, "<db:verify")) != NULL; at++)
        found++;
    insist(found == expected, "%d questions were sent, not %d", found, expected);
    text_free(&out);
}

/* expected_answered - the question that an answer is for, or NULL */
static struct question *expected_answered(struct game *game, const struct dialback_element *answer)
{
    if (answer->kind != DIALBACK_VERIFY || answer->type == DIALBACK_REQUEST || answer->id == NULL)
        return NULL;
    for (int i = 0; i < game->count; i++) {
        struct question *each = &game->questions[i];
        if (each->sent && each->ended == 0 && strcmp(each->id, answer->id) == 0 &&
            strcmp(each->remote, answer->from) == 0 && strcmp(each->local, answer->to) == 0)
            return each;
    }
    return NULL;
}

static void answer_question(struct game *game)
{
    struct dialback_element answer = choose_element(game, DIALBACK_VERIFY);
    struct question *expected = expected_answered(game, &answer);
    struct dialback_verdict verdict = {.type = DIALBACK_UNKNOWN_TYPE};
    struct text why = TEXT_EMPTY;
    struct dialback_verification *verification =
        receiving_server_take_answered(&game->receiving, &answer, &verdict, &why);
    insist((verification != NULL) == (expected != NULL), "answered, and not asked, or the reverse");
    if (verification != NULL) {
        dialback_verification_finish(verification, &verdict);
        insist(expected->ended == 1, "the answer ended another question");
        insist((expected->type == DIALBACK_VALID) == (answer.type == DIALBACK_VALID) &&
                   (expected->type == DIALBACK_INVALID) == (answer.type == DIALBACK_INVALID) &&
                   expected->type != DIALBACK_REQUEST && expected->type != DIALBACK_UNKNOWN_TYPE,
               "type %d became %d", answer.type, expected->type);
    }
    text_free(&why);
}

/* --- the originating server --- */

static int index_of(const char *domain)
{
    for (int i = 0; i < DOMAINS; i++)
        if (strcmp(domains[i], domain) == 0)
            return i;
    return -1;
}

/* check_key - of this triple it is the key, of no other */
static void check_key(const char *key, const char *local, const char *remote, const char *id)
{
    for (int i = 0; i < DOMAINS * DOMAINS * IDS; i++) {
        const char *receiving = domains[i % DOMAINS];
        const char *originating = domains[i / DOMAINS % DOMAINS],
                   *stream = ids[i / DOMAINS / DOMAINS];
        bool same = receiving == remote && originating == local && stream == id;
        bool plain = strchr(stream, ' ') == NULL;
        insist(dialback_key_check(key, receiving, originating, stream) == (same && plain),
               "a key of %s for %s at %s", local, originating, receiving);
    }
}

static void originate(struct game *game)
{
    int local = choose(game, DOMAINS), remote = choose(game, DOMAINS);
    const char *id = ids[choose(game, IDS)];
    struct text out = TEXT_EMPTY;
    bool pending =
        originating_server_is_pending(&game->originating, domains[local], domains[remote]);
    insist(pending == game->pending[local][remote], "pending");
    if (!pending) {
        originating_server_authenticate_domain(&game->originating, domains[local], domains[remote],
                                               id, game->now + PATIENCE, &out);
        char *key = text_copy_n(strchr(out.bytes, '>') + 1, 64);
        check_key(key, domains[local], domains[remote], id);
        free(key);
        game->pending[local][remote] = true;
        game->until[local][remote] = game->now + PATIENCE;
    }
    text_free(&out);
}

static void forget(struct game *game, struct originating_request *request, int64_t latest)
{
    int local = index_of(request->local), remote = index_of(request->remote);
    insist(game->pending[local][remote] && game->until[local][remote] <= latest,
           "a request that is not to end");
    game->pending[local][remote] = false;
    originating_request_free(request);
}

static void answer_request(struct game *game)
{
    struct dialback_element answer = choose_element(game, DIALBACK_RESULT);
    bool expected = answer.kind == DIALBACK_RESULT && answer.type != DIALBACK_REQUEST &&
                    answer.addressed && game->pending[index_of(answer.to)][index_of(answer.from)];
    struct originating_request *request =
        originating_server_take_answered(&game->originating, &answer);
    insist((request != NULL) == expected, "answered, and not asked, or the reverse");
    if (request != NULL) {
        insist(strcmp(request->local, answer.to) == 0 && strcmp(request->remote, answer.from) == 0,
               "another pair");
        forget(game, request, INT64_MAX);
    }
}

/* --- the authoritative server --- */

static void answer_about_key(struct game *game)
{
    struct dialback_element request = choose_element(game, DIALBACK_VERIFY);
    struct text out = TEXT_EMPTY, why = TEXT_EMPTY;
    int broken = choose(game, 130);
    char key[65];
    const char *id = request.id != NULL ? request.id : "";
    dialback_key_make(key, request.from, request.to, id);
    if (broken < 64)
        key[broken] = key[broken] == '0' ? '1' : '0';
    request.key = key;
    enum dialback_type type =
        authoritative_server_verify_received_key(&request, NULL, false, &out, &why);
    bool whole = request.addressed && request.id != NULL;
    bool ours = strcmp(request.to, domains[0]) == 0;
    enum dialback_type expected = !whole                                   ? DIALBACK_UNKNOWN_TYPE
                                  : !ours                                  ? DIALBACK_ERROR
                                  : broken < 64 || strchr(id, ' ') != NULL ? DIALBACK_INVALID
                                                                           : DIALBACK_VALID;
    insist(type == expected, "type %d, not %d", type, expected);
    insist((out.length > 0) == whole && why.length > 0, "an answer to nothing, or none");
    insist((strstr(text_string(&out), "type=\"valid\"") != NULL) == (type == DIALBACK_VALID),
           "not what was answered: %s", text_string(&out));
    text_free(&out);
    text_free(&why);
}

/* --- the game --- */

static void expire(struct game *game, int64_t now)
{
    static const struct dialback_verdict late = {DIALBACK_ERROR, PACKET_REMOTE_SERVER_TIMEOUT,
                                                 "late"};
    struct dialback_verification *verification;
    struct originating_request *request;
    while ((verification = receiving_server_take_expired(&game->receiving, now)) != NULL) {
        insist(verification->deadline <= now, "it ended too early");
        dialback_verification_finish(verification, &late);
    }
    while ((request = originating_server_take_expired(&game->originating, now)) != NULL)
        forget(game, request, now);
    for (int i = 0; i < game->count; i++)
        insist(game->questions[i].deadline > now || game->questions[i].ended == 1,
               "a question ended %d times", game->questions[i].ended);
}

static void move(struct game *game)
{
    switch (input_byte(&game->input) % 8) {
    case 0:
    case 1:
        ask(game);
        break;
    case 2:
        send_questions(game);
        break;
    case 3:
        answer_question(game);
        break;
    case 4:
        game->now += input_byte(&game->input) % 8;
        expire(game, game->now);
        break;
    case 5:
        originate(game);
        break;
    case 6:
        answer_request(game);
        break;
    default:
        answer_about_key(game);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct game game = {.input = {(const char *)data, size}};
    while (game.input.length > 0)
        move(&game);
    expire(&game, INT64_MAX);
    for (int i = 0; i < game.count; i++)
        insist(game.questions[i].ended == 1, "a question ended %d times", game.questions[i].ended);
    insist(game.receiving.verifications == NULL && game.originating.requests == NULL,
           "something is left");
    return 0;
}
