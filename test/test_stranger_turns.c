/* SPDX-License-Identifier: Apache-2.0 */
/* test_stranger_turns - whose turn it is
 *
 * So many work at once, those who wait come in their order, and nobody who is no stranger waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "server/stranger_turns.h"

#define STRANGERS 8
#define PIECES 200

static _Atomic int at_work, most_at_work, done;
static int order[STRANGERS]; /* guarded by the one turn that there is */

static void work(void)
{
    int now = atomic_fetch_add(&at_work, 1) + 1, before = most_at_work;
    while (now > before && !atomic_compare_exchange_weak(&most_at_work, &before, now)) {
    }
    sched_yield();
    atomic_fetch_sub(&at_work, 1);
}

static void *toil(void *stranger)
{
    stranger_turns_join(stranger != NULL);
    for (int i = 0; i < PIECES; i++) {
        stranger_turns_take();
        stranger_turns_take(); /* has one */
        work();
        stranger_turns_give();
        stranger_turns_give(); /* has none */
    }
    atomic_fetch_add(&done, 1);
    return NULL;
}

static void run_all(void *(*step)(void *), void *argument)
{
    pthread_t threads[STRANGERS];
    atomic_store(&most_at_work, 0);
    atomic_store(&done, 0);
    for (int i = 0; i < STRANGERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, step, argument), 0);
    for (int i = 0; i < STRANGERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&done), STRANGERS);
}

static void no_more_work_at_once(void **state)
{
    (void)state;
    int one = 1;
    stranger_turns_configure(1);
    run_all(toil, &one);
    assert_int_equal(atomic_load(&most_at_work), 1);
    stranger_turns_configure(3);
    run_all(toil, &one);
    assert_in_range(atomic_load(&most_at_work), 1, 3);
    stranger_turns_configure(0);
    run_all(toil, &one);
    assert_in_range(atomic_load(&most_at_work), 1, sysconf(_SC_NPROCESSORS_ONLN));
}

static void *come(void *argument)
{
    int number = (int)(intptr_t)argument;
    stranger_turns_join(true);
    stranger_turns_take();
    order[atomic_fetch_add(&done, 1)] = number;
    stranger_turns_give();
    return NULL;
}

static void they_come_in_their_order(void **state)
{
    (void)state;
    pthread_t threads[STRANGERS];
    stranger_turns_configure(1);
    stranger_turns_join(true);
    stranger_turns_take();
    atomic_store(&done, 0);
    for (int i = 0; i < STRANGERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, come, (void *)(intptr_t)i), 0);
        usleep(20000);
    }
    assert_int_equal(atomic_load(&done), 0);
    stranger_turns_join(false); /* gives it back */
    for (int i = 0; i < STRANGERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < STRANGERS; i++)
        assert_int_equal(order[i], i);
}

static void others_do_not_wait(void **state)
{
    (void)state;
    stranger_turns_configure(1);
    stranger_turns_join(true);
    stranger_turns_take();
    run_all(toil, NULL); /* would never end, or take their patience */
    stranger_turns_join(false);
    stranger_turns_take();
    stranger_turns_give();
}

static void more_turns_reach_those_who_wait(void **state)
{
    (void)state;
    pthread_t thread;
    stranger_turns_configure(1);
    stranger_turns_join(true);
    stranger_turns_take();
    atomic_store(&done, 0);
    assert_int_equal(pthread_create(&thread, NULL, come, NULL), 0);
    usleep(20000);
    assert_int_equal(atomic_load(&done), 0);
    stranger_turns_configure(2);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&done), 1);
    stranger_turns_join(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_more_work_at_once),
        cmocka_unit_test(they_come_in_their_order),
        cmocka_unit_test(others_do_not_wait),
        cmocka_unit_test(more_turns_reach_those_who_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
