/* SPDX-License-Identifier: Apache-2.0 */
/* resolver - one question to the DNS, asked of libunbound, answered before a deadline
 *
 * Openfire: the JNDI look-ups of DNSUtil. libunbound resolves on a thread of its own; its answers
 * are taken by our resolver thread (ub_process), which hands each to the thread that waits for it.
 * A question belongs to two: who asked, and the answer to come; the later of the two frees it, so a
 * waiter may leave at its deadline and the answer may come whenever it likes.
 *
 * Locks: the resolver's, a leaf, over its questions.
 */
#include "server/resolver.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/log.h"
#include "server/metrics.h"
#include "server/thread.h"
#include "server/xmpp_server.h"

#define RCODE_NOERROR 0 /* RFC 1035 4.1.1 */
#define RCODE_NXDOMAIN 3
#define PROBE_MS 2000 /* for the one question that a new resolver asks */
#define TICK_MS 200   /* how soon the thread sees that it shall end */

struct resolver_question {
    struct resolver_question *next,
        **at; /* in the resolver's list of those that libunbound holds */
    struct resolver *resolver;
    struct ub_result *result;
    int64_t asked; /* metrics_now's clock */
    bool answered, abandoned;
};

struct resolver {
    struct ub_ctx *context;
    pthread_t thread;
    _Atomic int references;
    _Atomic bool ending;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    struct resolver_question *held; /* guarded by lock */
};

static void *take_answers(void *given)
{
    struct resolver *resolver = given;
    log_set_id("resolver");
    pthread_setname_np(pthread_self(), "resolver");
    struct pollfd entry = {.fd = ub_fd(resolver->context), .events = POLLIN};
    while (!atomic_load(&resolver->ending))
        if (poll(&entry, 1, TICK_MS) > 0)
            ub_process(resolver->context);
    return NULL;
}

/* set_servers - each of the comma list. 0 or a libunbound error. */
static int set_servers(struct ub_ctx *context, const char *list, struct text *why)
{
    char *copy = text_copy(list), *rest = copy;
    int error = 0;
    for (char *one; error == 0 && (one = strsep(&rest, ", \t")) != NULL;)
        if (*one != '\0' && (error = ub_ctx_set_fwd(context, one)) != 0)
            text_appendf(why, "s2s.dns.server: '%s': address or address@port was expected", one);
    free(copy);
    return error;
}

/* configure - the context, before its first question */
static int configure(struct ub_ctx *context, const char *server, const char *anchor,
                     struct text *why)
{
    static const char *const open_zones[] = {"test. transparent", "localhost. transparent",
                                             "invalid. transparent"};
    ub_ctx_async(context, 1);
    ub_ctx_set_option(context, "do-not-query-localhost:", "no");
    /* The servers asked here answer for all domains, and strangers choose some of the names: what it remembers of a server's silence would
     * count against every question after 12 s of it, for minutes; and 16 questions on their way (2 by TCP), as it comes, are those of 5
     * strangers. */
    ub_ctx_set_option(context, "infra-host-ttl:", "2");
    ub_ctx_set_option(context, "outgoing-range:", "1024");
    ub_ctx_set_option(context, "outgoing-num-tcp:", "32");
    /* libunbound answers these names by itself; a server that was named is asked (test networks) */
    for (int i = 0; i < (server[0] != '\0' ? 3 : 1); i++)
        ub_ctx_set_option(context, "local-zone:", open_zones[i]);
    if (anchor[0] != '\0') {
        int error = ub_ctx_add_ta_file(context, anchor);
        if (error != 0) {
            text_appendf(why, "s2s.dns.trust-anchor = %s: %s", anchor, ub_strerror(error));
            return error;
        }
    }
    if (server[0] != '\0')
        return set_servers(context, server, why);
    int error = ub_ctx_resolvconf(context, NULL);
    if (error != 0)
        text_appendf(why, "/etc/resolv.conf: %s", ub_strerror(error));
    ub_ctx_hosts(context, NULL); /* none is no error */
    return error;
}

static void free_resolver(struct resolver *resolver)
{
    ub_ctx_delete(resolver->context);
    while (resolver->held != NULL) {
        struct resolver_question *question = resolver->held;
        resolver->held = question->next;
        free(question);
    }
    pthread_cond_destroy(&resolver->answered);
    pthread_mutex_destroy(&resolver->lock);
    free(resolver);
}

static int start_thread(struct resolver *resolver, struct text *why)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    int failed = pthread_create(&resolver->thread, NULL, take_answers, resolver);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (failed)
        text_appendf(why, "no thread for DNS: %s", strerror(failed));
    return failed ? -1 : 0;
}

static struct resolver *make(const char *server, const char *anchor, struct text *why)
{
    struct resolver *resolver = text_calloc(1, sizeof *resolver);
    resolver->references = 1;
    pthread_mutex_init(&resolver->lock, NULL);
    thread_condition_init(&resolver->answered);
    resolver->context = ub_ctx_create();
    if (resolver->context == NULL)
        text_out_of_memory();
    if (configure(resolver->context, server, anchor, why) != 0 || start_thread(resolver, why) < 0) {
        free_resolver(resolver);
        return NULL;
    }
    return resolver;
}

/* anchor_zone - the zone of the first key in the file; false when there is none */
static bool anchor_zone(const char *anchor, char zone[256])
{
    char line[1024];
    FILE *file = anchor[0] != '\0' ? fopen(anchor, "r") : NULL;
    bool found = false;
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL)
        found = line[0] != ';' && sscanf(line, "%255s", zone) == 1;
    if (file != NULL)
        fclose(file);
    return found;
}

/* is_deaf_to_dnssec - do the servers answer, but without what DNSSEC needs? With keys to check against, every answer of
 * theirs would then be bogus, and nobody could be reached. */
static bool is_deaf_to_dnssec(struct resolver *resolver, const char *zone)
{
    struct ub_result *result =
        resolver_wait(resolver_ask(resolver, zone, RESOLVER_DNSKEY), xmpp_server_now() + PROBE_MS);
    bool deaf = result != NULL && !result->secure;
    if (result != NULL)
        ub_resolve_free(result);
    return deaf;
}

struct resolver *resolver_new(const char *server, const char *anchor, struct text *why)
{
    char zone[256];
    bool anchored = anchor_zone(anchor, zone);
    struct resolver *resolver = make(server, anchored ? anchor : "", why);
    if (resolver == NULL || !anchored || !is_deaf_to_dnssec(resolver, zone))
        return resolver;
    log_warn(
        "the name servers do not pass on what DNSSEC needs: nothing in the DNS counts as secure");
    resolver_unref(resolver);
    return make(server, "", why);
}

struct resolver *resolver_ref(struct resolver *resolver)
{
    atomic_fetch_add(&resolver->references, 1);
    return resolver;
}

void resolver_unref(struct resolver *resolver)
{
    if (resolver == NULL || atomic_fetch_sub(&resolver->references, 1) != 1)
        return;
    atomic_store(&resolver->ending, true);
    pthread_join(resolver->thread, NULL);
    free_resolver(resolver);
}

/* unlink_question - libunbound holds it no more; under the lock */
static void unlink_question(struct resolver_question *question)
{
    *question->at = question->next;
    if (question->next != NULL)
        question->next->at = question->at;
}

/* answer - from ub_process, on the resolver's thread */
static void answer(void *given, int error, struct ub_result *result)
{
    struct resolver_question *question = given;
    struct resolver *resolver = question->resolver;
    pthread_mutex_lock(&resolver->lock);
    unlink_question(question);
    bool abandoned = question->abandoned;
    question->answered = true;
    question->result = error == 0 ? result : NULL;
    bool heard = error == 0 && (result->rcode == RCODE_NOERROR || result->rcode == RCODE_NXDOMAIN);
    if (!abandoned)
        metrics_observe(&metrics.dns_lookup[heard ? LOOKUP_ANSWERED : LOOKUP_FAILED],
                        question->asked);
    pthread_cond_broadcast(&resolver->answered);
    pthread_mutex_unlock(&resolver->lock);
    if (error != 0)
        ub_resolve_free(result);
    if (abandoned) {
        if (error == 0)
            ub_resolve_free(result);
        free(question);
    }
}

struct resolver_question *resolver_ask(struct resolver *resolver, const char *name, int type)
{
    struct resolver_question *question = text_calloc(1, sizeof *question);
    question->resolver = resolver;
    question->asked = metrics_now();
    pthread_mutex_lock(&resolver->lock);
    question->next = resolver->held;
    question->at = &resolver->held;
    if (question->next != NULL)
        question->next->at = &question->next;
    resolver->held = question;
    pthread_mutex_unlock(&resolver->lock);
    if (ub_resolve_async(resolver->context, name, type, 1, question, answer, NULL) == 0)
        return question;
    pthread_mutex_lock(&resolver->lock);
    unlink_question(question);
    pthread_mutex_unlock(&resolver->lock);
    free(question);
    return NULL;
}

struct ub_result *resolver_wait(struct resolver_question *question, int64_t deadline)
{
    if (question == NULL)
        return NULL;
    struct resolver *resolver = question->resolver;
    pthread_mutex_lock(&resolver->lock);
    while (!question->answered &&
           thread_condition_wait(&resolver->answered, &resolver->lock, deadline)) {
    }
    bool answered = question->answered;
    question->abandoned = !answered;
    if (!answered)
        metrics_observe(&metrics.dns_lookup[LOOKUP_TIMEOUT], question->asked);
    struct ub_result *result = question->result;
    pthread_mutex_unlock(&resolver->lock);
    if (answered)
        free(question);
    return answered ? result : NULL;
}
