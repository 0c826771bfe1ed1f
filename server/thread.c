/* SPDX-License-Identifier: Apache-2.0 */
/* thread - the births and the end of the connections' threads
 *
 * Openfire: the Thread that BlockingAcceptingMode makes for each SocketReader, and the pool of
 * OutgoingSessionPromise. The count is guarded by one mutex, a leaf. A thread that dies gives its
 * count back as its very last act, so thread_wait_all's zero means that none of them touches
 * anything any more.
 */
#include "server/thread.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server/log.h"
#include "server/metrics.h"
#include "server/stranger_turns.h"
#include "xml/text.h"

#ifdef __SANITIZE_THREAD__
#define MIN_STACK ((size_t)4 << 20) /* ThreadSanitizer's own calls take far more than ours */
#else
#define MIN_STACK ((size_t)65536) /* libxml2 and the read buffer need this much */
#endif

static pthread_mutex_t count_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t count_changed; /* on the monotonic clock; made by the first thread_start */
static pthread_once_t made_once = PTHREAD_ONCE_INIT;
static int count; /* guarded by count_lock */

static void (*last_act)(void); /* set before start */

struct birth {
    char name[32];
    void (*run)(void *);
    void *argument;
};

void thread_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

bool thread_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t deadline)
{
    struct timespec until = {.tv_sec = deadline / 1000, .tv_nsec = (deadline % 1000) * 1000000};
    stranger_turns_give();
    return pthread_cond_timedwait(condition, mutex, &until) == 0;
}

static void make_condition(void)
{
    thread_condition_init(&count_changed);
}

static void change_count(int by)
{
    pthread_mutex_lock(&count_lock);
    count += by;
    if (count == 0)
        pthread_cond_broadcast(&count_changed);
    pthread_mutex_unlock(&count_lock);
    metrics_add(threads, by);
}

void thread_set_last_act(void (*act)(void))
{
    last_act = act;
}

static void *live(void *given)
{
    struct birth birth = *(struct birth *)given;
    free(given);
    log_set_id(birth.name);
    birth.name[15] = '\0'; /* the kernel's limit for thread names */
    pthread_setname_np(pthread_self(), birth.name);
    birth.run(birth.argument);
    stranger_turns_join(false);
    if (last_act != NULL)
        last_act();
    change_count(-1);
    return NULL;
}

int thread_start(const char *name, size_t stack, void (*run)(void *), void *argument)
{
    pthread_once(&made_once, make_condition);
    struct birth *birth = text_calloc(1, sizeof *birth);
    strncpy(birth->name, name, sizeof birth->name - 1);
    birth->run = run;
    birth->argument = argument;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, stack < MIN_STACK ? MIN_STACK : stack);
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    change_count(1);
    pthread_t thread;
    int failed = pthread_create(&thread, &attributes, live, birth);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    if (failed) {
        change_count(-1);
        free(birth);
        log_error("no thread for %s: %s", name, strerror(failed));
        return -1;
    }
    return 0;
}

int thread_wait_all(int64_t deadline)
{
    pthread_once(&made_once, make_condition);
    pthread_mutex_lock(&count_lock);
    while (count > 0 && thread_condition_wait(&count_changed, &count_lock, deadline)) {
    }
    int left = count;
    pthread_mutex_unlock(&count_lock);
    return left;
}
