/* SPDX-License-Identifier: Apache-2.0 */
/* iq_router - packets for ourselves: to the service that answers, or to who of us asked
 *
 * Openfire: IQRouter.route, IQRouter.addIQResultListener. The id of a question holds 64 random bits
 * and the answer must come from the domain that was asked, so that nobody else can answer it. The
 * table of questions has a mutex, a leaf.
 */
#include "session/iq_router.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "server/config.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/thread.h"
#include "server/touched_connections.h"
#include "server/xmpp_server.h"
#include "session/iq_handlers.h"
#include "session/packet_router.h"
#include "xml/xmlns.h"

#define QUESTIONS_MAX 64

struct question {
    char id[24]; /* "" when free */
    char domain[JID_PART_MAX + 1];
    int64_t sent, deadline;
    bool awaited; /* somebody waits for the answer: it is left for them */
    bool answered;
    struct iq_router_answer answer; /* once it is answered */
};

static pthread_mutex_t questions_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t answer_once = PTHREAD_ONCE_INIT;
static pthread_cond_t answer_came;
static struct question questions[QUESTIONS_MAX]; /* guarded by questions_lock, like the next */
static bool stopped;

static void make_condition(void)
{
    thread_condition_init(&answer_came);
}

/* copy_cut - as much as there is room for, up to the end of a character */
static void copy_cut(char *out, size_t room, const char *text)
{
    size_t length = strlen(text);
    if (length >= room)
        for (length = room - 1; length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80;)
            length--;
    memcpy(out, text, length);
    out[length] = '\0';
}

/* read_software - what a result says of its sender (XEP-0092 2) */
static void read_software(struct arena *arena, const struct element *iq,
                          struct iq_router_software *software)
{
    const struct element *query = element_child(iq, "query", XMLNS_VERSION);
    const struct {
        const char *name;
        char *out;
    } words[] = {{"name", software->name}, {"version", software->version}, {"os", software->os}};
    for (size_t i = 0; query != NULL && i < sizeof words / sizeof words[0]; i++) {
        const struct element *word = element_child(query, words[i].name, XMLNS_VERSION);
        if (word != NULL)
            copy_cut(words[i].out, IQ_ROUTER_WORD + 1, element_text(word, arena));
    }
}

/* fill_answer - what the answer says; the lock is held */
static void fill_answer(struct arena *arena, const struct element *iq, struct question *question)
{
    const char *type = element_get(iq, "type"), *text = "";
    struct iq_router_answer *answer = &question->answer;
    answer->took = xmpp_server_now() - question->sent;
    answer->is_result = type != NULL && strcmp(type, "result") == 0;
    if (answer->is_result)
        read_software(arena, iq, &answer->software);
    else
        answer->error = packet_read_error(arena, iq, &text);
    copy_cut(answer->text, sizeof answer->text, text);
    question->answered = true;
}

/* take_question - the question that this answer from `domain` ends; true with a copy, unless somebody waits for it, who is told */
static bool take_question(struct arena *arena, const struct element *iq, const char *id,
                          const char *domain, struct question *taken)
{
    bool found = false;
    pthread_once(&answer_once, make_condition);
    pthread_mutex_lock(&questions_lock);
    for (int i = 0; i < QUESTIONS_MAX && !found; i++) {
        if (questions[i].id[0] == '\0' || questions[i].answered ||
            strcmp(questions[i].id, id) != 0 || strcmp(questions[i].domain, domain) != 0)
            continue;
        fill_answer(arena, iq, &questions[i]);
        *taken = questions[i];
        if (questions[i].awaited)
            pthread_cond_broadcast(&answer_came);
        else
            questions[i].id[0] = '\0';
        found = true;
    }
    pthread_mutex_unlock(&questions_lock);
    return found && !taken->awaited;
}

/* answer_received - a result or error for us. Also an error counts as a sign of life unless it
 * came from our own side. */
static void answer_received(struct arena *arena, const struct element *iq)
{
    const char *id = element_get(iq, "id"), *from = element_get(iq, "from");
    char domain[JID_PART_MAX + 1];
    struct question question;
    if (id == NULL || from == NULL || jid_prepare_domain(from, strlen(from), domain) < 0 ||
        !take_question(arena, iq, id, domain, &question))
        return;
    if (question.answer.is_result)
        log_info("pong from %s in %lld ms", question.domain, (long long)question.answer.took);
    else
        log_info("ping to %s failed: %s after %lld ms%s%s", question.domain,
                 packet_error_name(question.answer.error), (long long)question.answer.took,
                 question.answer.text[0] != '\0' ? ": " : "", question.answer.text);
}

void iq_router_route(struct arena *arena, struct element *packet, const struct jid *to)
{
    if (packet_kind(packet) == PACKET_IQ && !packet_iq_is_request(packet)) {
        const char *type = element_get(packet, "type");
        if (type != NULL && (strcmp(type, "result") == 0 || strcmp(type, "error") == 0)) {
            answer_received(arena, packet);
            return;
        }
    }
    const struct config *config = config_get();
    struct element *reply =
        to->local.length == 0 && to->resource.length == 0 && packet_kind(packet) == PACKET_IQ
            ? iq_handlers_answer(arena, packet, config)
            : iq_handlers_answer_nobody(arena, packet);
    config_unref(config);
    if (reply == NULL)
        return;
    if (strcmp(element_get(reply, "type"), "error") == 0)
        metrics_add(stanza_errors[packet_read_error(arena, reply, NULL)], 1);
    packet_router_route_reply(arena, reply);
}

/* note_question - remember it under a fresh id. -1 when the table is full. */
static int note_question(const char *domain, int64_t timeout, bool awaited, char id[24])
{
    unsigned long long random;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return -1;
    snprintf(id, 24, "ask-%016llx", random);
    int result = -1;
    pthread_mutex_lock(&questions_lock);
    for (int i = 0; i < QUESTIONS_MAX && result < 0; i++) {
        if (questions[i].id[0] != '\0')
            continue;
        questions[i] = (struct question){.awaited = awaited};
        memcpy(questions[i].id, id, 24);
        snprintf(questions[i].domain, sizeof questions[i].domain, "%s", domain);
        questions[i].sent = xmpp_server_now();
        questions[i].deadline = questions[i].sent + timeout;
        result = 0;
    }
    pthread_mutex_unlock(&questions_lock);
    return result;
}

/* send_question - from our domain, as any packet of ours */
static void send_question(const char *domain, const char *id, const char *name, const char *ns)
{
    const struct config *config = config_get();
    struct arena *arena = arena_new(0);
    struct element *iq = element_new(arena, "iq", XMLNS_SERVER);
    element_set(arena, iq, "type", "get");
    element_set(arena, iq, "id", id);
    element_set(arena, iq, "from", config->xmpp_domain);
    element_set(arena, iq, "to", domain);
    element_add(arena, iq, name, ns);
    packet_router_route_reply(arena, iq);
    arena_free(arena);
    config_unref(config);
}

int iq_router_ping(const char *domain, int64_t timeout)
{
    char prepared[JID_PART_MAX + 1], id[24];
    if (jid_prepare_domain(domain, strlen(domain), prepared) < 0 ||
        note_question(prepared, timeout, false, id) < 0) {
        log_error("cannot ping '%s': no domain, or too many pings are under way", domain);
        return -1;
    }
    send_question(prepared, id, "ping", XMLNS_PING);
    return 0;
}

int iq_router_expect_answer(const char *domain, char id[24])
{
    return note_question(domain, 0, true, id);
}

int iq_router_ask(const char *domain, const char *name, const char *ns, char id[24])
{
    if (note_question(domain, 0, true, id) < 0)
        return -1;
    send_question(domain, id, name, ns);
    touched_connections_flush(false);
    return 0;
}

/* find_awaited - the lock is held */
static struct question *find_awaited(const char *id)
{
    for (int i = 0; i < QUESTIONS_MAX; i++)
        if (questions[i].awaited && strcmp(questions[i].id, id) == 0)
            return &questions[i];
    return NULL;
}

bool iq_router_await_answer(const char *id, int64_t deadline, struct iq_router_answer *answer)
{
    pthread_once(&answer_once, make_condition);
    pthread_mutex_lock(&questions_lock);
    struct question *question = find_awaited(id);
    while (question != NULL && !question->answered && !stopped &&
           thread_condition_wait(&answer_came, &questions_lock, deadline)) {
    }
    bool answered = question != NULL && question->answered;
    if (answered)
        *answer = question->answer;
    pthread_mutex_unlock(&questions_lock);
    return answered;
}

void iq_router_forget_answer(const char *id)
{
    pthread_mutex_lock(&questions_lock);
    struct question *question = find_awaited(id);
    if (question != NULL)
        *question = (struct question){0};
    pthread_mutex_unlock(&questions_lock);
}

void iq_router_stop(void)
{
    pthread_once(&answer_once, make_condition);
    pthread_mutex_lock(&questions_lock);
    stopped = true;
    pthread_cond_broadcast(&answer_came);
    pthread_mutex_unlock(&questions_lock);
}

void iq_router_tick(int64_t now)
{
    pthread_mutex_lock(&questions_lock);
    for (int i = 0; i < QUESTIONS_MAX; i++) {
        if (questions[i].id[0] == '\0' || questions[i].awaited || questions[i].deadline > now)
            continue;
        log_info("ping to %s failed: no answer within %lld ms", questions[i].domain,
                 (long long)(questions[i].deadline - questions[i].sent));
        questions[i].id[0] = '\0';
    }
    pthread_mutex_unlock(&questions_lock);
}
