/* SPDX-License-Identifier: Apache-2.0 */
/* stranger_turns - so many strangers' threads work at once; the others wait their turn
 *
 * A turn that is given back goes to whoever waits longest, by name: nobody who comes by in between can take it.
 */
#include "server/stranger_turns.h"

#include <pthread.h>
#include <sched.h>
#include <stddef.h>

#include "server/limit_log.h"
#include "server/thread.h"
#include "server/xmpp_server.h"

#define PATIENCE_MS 10000
#define LONG_MS 100 /* who waited so long, was slowed down */

struct waiter {
    struct waiter *next, *before;
    bool has_turn;
    pthread_cond_t turn_came;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long long most = 1;          /* guarded by lock, as all here */
static long long working;           /* turns that somebody has */
static struct waiter *first, *last; /* on the stacks of those who wait */
static _Thread_local bool is_stranger, has_turn;

static long long processors(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count > 0 ? count : 1;
}

static void join_queue(struct waiter *waiter)
{
    waiter->next = NULL;
    waiter->before = last;
    if (last != NULL)
        last->next = waiter;
    else
        first = waiter;
    last = waiter;
}

static void leave_queue(struct waiter *waiter)
{
    if (waiter->before != NULL)
        waiter->before->next = waiter->next;
    else
        first = waiter->next;
    if (waiter->next != NULL)
        waiter->next->before = waiter->before;
    else
        last = waiter->before;
}

/* hand_out - with the lock held: turns that are free, to those who wait longest */
static void hand_out(void)
{
    while (first != NULL && working < most) {
        struct waiter *waiter = first;
        leave_queue(waiter);
        working++;
        waiter->has_turn = true;
        pthread_cond_signal(&waiter->turn_came);
    }
}

void stranger_turns_configure(long long at_once)
{
    long long count = at_once > 0 ? at_once : processors();
    pthread_mutex_lock(&lock);
    most = count;
    hand_out();
    pthread_mutex_unlock(&lock);
}

void stranger_turns_join(bool stranger)
{
    stranger_turns_give();
    is_stranger = stranger;
}

/* wait_turn - with the lock held; returns how long, in milliseconds */
static int64_t wait_turn(void)
{
    struct waiter waiter = {.has_turn = false};
    int64_t began = xmpp_server_now(), end = began + PATIENCE_MS;
    thread_condition_init(&waiter.turn_came);
    join_queue(&waiter);
    while (!waiter.has_turn && thread_condition_wait(&waiter.turn_came, &lock, end)) {
    }
    if (!waiter.has_turn)
        leave_queue(&waiter);
    has_turn = waiter.has_turn;
    pthread_cond_destroy(&waiter.turn_came);
    return xmpp_server_now() - began;
}

void stranger_turns_take(void)
{
    if (!is_stranger || has_turn)
        return;
    int64_t waited = 0;
    pthread_mutex_lock(&lock);
    if (working < most && first == NULL) {
        working++;
        has_turn = true;
    } else {
        waited = wait_turn();
    }
    pthread_mutex_unlock(&lock);
    if (waited >= LONG_MS)
        limit_log_bites(LIMIT_STRANGER_TURNS, "a stranger waited %lld ms for its turn",
                        (long long)waited);
}

void stranger_turns_give(void)
{
    if (!has_turn)
        return;
    has_turn = false;
    pthread_mutex_lock(&lock);
    working--;
    hand_out();
    pthread_mutex_unlock(&lock);
}
