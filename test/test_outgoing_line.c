/* SPDX-License-Identifier: Apache-2.0 */
/* test_outgoing_line - turns for outgoing sessions: who gets one at once, who waits, who comes next
 *
 * Places of the test stand for sessions; nothing is set up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/log.h"
#include "session/outgoing_line.h"
#include "test/support/settings.h"

#define PLACES 64
#define CAUSE(i) ((unsigned)(i)) /* each its own, where it does not matter */

static struct outgoing_line_place places[PLACES];

static void configure(int turns, int strangers)
{
    char settings[100];
    snprintf(settings, sizeof settings,
             "[xmpp.server]\noutgoing.max.threads = %d\n[s2s]\nunauthenticated.setups = %d\n",
             turns, strangers);
    config_publish(settings_load_good(settings));
    for (int i = 0; i < PLACES; i++)
        places[i] = (struct outgoing_line_place){.owner = &places[i]};
}

static int start(void **state)
{
    log_set_level(LOG_LEVEL_ERROR);
    return settings_open_scratch(state);
}

/* leave_all - every turn of these is given back, in this order; nobody may be left in line */
static void leave_all(int from, int to)
{
    for (int i = from; i < to; i++)
        assert_null(outgoing_line_leave(&places[i]));
}

static void gives_turns_in_the_order_of_their_coming(void **state)
{
    (void)state;
    configure(2, 1);
    assert_true(outgoing_line_enter(&places[0], OUTGOING_FOR_STANZAS, CAUSE(0)));
    assert_true(outgoing_line_enter(&places[1], OUTGOING_FOR_STANZAS, CAUSE(1)));
    for (int i = 2; i < 5; i++)
        assert_false(outgoing_line_enter(&places[i], OUTGOING_FOR_STANZAS, CAUSE(i)));
    assert_ptr_equal(outgoing_line_leave(&places[1]), &places[2]);
    assert_ptr_equal(outgoing_line_leave(&places[0]), &places[3]);
    assert_ptr_equal(outgoing_line_leave(&places[2]), &places[4]);
    leave_all(3, 5);
}

static void stanzas_of_ours_wait_for_no_verification(void **state)
{
    (void)state;
    configure(8, 3);
    int turns = 0;
    for (int i = 0; i < 20; i++)
        turns += outgoing_line_enter(&places[i], OUTGOING_FOR_STRANGERS, CAUSE(i));
    assert_int_equal(turns, 3); /* s2s.unauthenticated.setups */
    for (int i = 20; i < 40; i++)
        turns += outgoing_line_enter(&places[i], OUTGOING_FOR_PEERS, CAUSE(i));
    assert_int_equal(turns, 6); /* three quarters, with those of peers */
    assert_true(outgoing_line_enter(&places[40], OUTGOING_FOR_STANZAS, CAUSE(40)));
    assert_true(outgoing_line_enter(&places[41], OUTGOING_FOR_STANZAS, CAUSE(41)));
    assert_false(outgoing_line_enter(&places[42], OUTGOING_FOR_STANZAS, CAUSE(42)));
    /* whoever leaves: stanzas first, then peers */
    assert_ptr_equal(outgoing_line_leave(&places[0]), &places[42]);
    assert_ptr_equal(outgoing_line_leave(&places[40]), &places[23]);
    assert_null(outgoing_line_leave(&places[41])); /* that one is not theirs */
    assert_true(outgoing_line_enter(&places[43], OUTGOING_FOR_STANZAS, CAUSE(43)));
    /* 1, 2 of strangers, 20 to 23 of peers, 42 and 43; to the end each leaves as its turn comes */
    int order[PLACES] = {1, 2, 20, 21, 22, 23, 42, 43}, count = 8, done = 0, strangers = 0;
    while (done < count) {
        struct outgoing_line_place *next = outgoing_line_leave(&places[order[done++]]);
        if (next != NULL) {
            order[count++] = (int)(next - places);
            strangers += next->reason == OUTGOING_FOR_STRANGERS;
        }
    }
    assert_int_equal(strangers, 17); /* they, too, get their turns in the end */
    assert_int_equal(count, 8 + 17 + 16);
}

static void verifications_wait_for_no_stanza_of_ours(void **state)
{
    (void)state;
    configure(8, 3);
    int turns = 0;
    for (int i = 0; i < 10; i++)
        turns += outgoing_line_enter(&places[i], OUTGOING_FOR_STANZAS, CAUSE(i));
    assert_int_equal(turns, 6);
    assert_true(outgoing_line_enter(&places[10], OUTGOING_FOR_PEERS, CAUSE(10)));
    assert_true(outgoing_line_enter(&places[11], OUTGOING_FOR_STRANGERS, CAUSE(11)));
    assert_false(outgoing_line_enter(&places[12], OUTGOING_FOR_PEERS, CAUSE(12)));
    assert_ptr_equal(outgoing_line_leave(&places[10]), &places[12]); /* stanzas have their share */
    assert_ptr_equal(outgoing_line_leave(&places[0]), &places[6]);
    assert_ptr_equal(outgoing_line_leave(&places[1]), &places[7]);
    assert_ptr_equal(outgoing_line_leave(&places[2]), &places[8]);
    assert_ptr_equal(outgoing_line_leave(&places[3]), &places[9]);
    leave_all(4, 10);
    leave_all(11, 13);
}

static void the_only_turn_is_for_all(void **state)
{
    (void)state;
    configure(1, 25);
    assert_true(outgoing_line_enter(&places[0], OUTGOING_FOR_STRANGERS, CAUSE(0)));
    assert_false(outgoing_line_enter(&places[1], OUTGOING_FOR_STRANGERS, CAUSE(1)));
    assert_false(outgoing_line_enter(&places[2], OUTGOING_FOR_PEERS, CAUSE(2)));
    assert_false(outgoing_line_enter(&places[3], OUTGOING_FOR_STANZAS, CAUSE(3)));
    assert_ptr_equal(outgoing_line_leave(&places[0]), &places[3]);
    assert_ptr_equal(outgoing_line_leave(&places[3]), &places[2]);
    assert_ptr_equal(outgoing_line_leave(&places[2]), &places[1]);
    leave_all(1, 2);
}

/* A stranger claims a domain, and then a user of ours writes to it: that must not wait behind the strangers. */
static void moves_up_for_a_better_reason(void **state)
{
    (void)state;
    configure(4, 1);
    assert_true(outgoing_line_enter(&places[0], OUTGOING_FOR_STRANGERS, CAUSE(0)));
    for (int i = 1; i < 6; i++)
        assert_false(outgoing_line_enter(&places[i], OUTGOING_FOR_STRANGERS, CAUSE(i)));
    assert_int_equal(outgoing_line_hurry(&places[5], OUTGOING_FOR_STANZAS, CAUSE(5)),
                     OUTGOING_STARTS);
    assert_int_equal(outgoing_line_hurry(&places[5], OUTGOING_FOR_STANZAS, CAUSE(5)),
                     OUTGOING_STAYS);
    assert_int_equal(outgoing_line_hurry(&places[3], OUTGOING_FOR_STRANGERS, CAUSE(3)),
                     OUTGOING_STAYS);
    assert_int_equal(outgoing_line_hurry(&places[0], OUTGOING_FOR_STANZAS, CAUSE(0)),
                     OUTGOING_STAYS);
    assert_true(outgoing_line_enter(&places[6], OUTGOING_FOR_STANZAS, CAUSE(6)));
    assert_true(outgoing_line_enter(&places[7], OUTGOING_FOR_STANZAS, CAUSE(7)));
    assert_int_equal(outgoing_line_hurry(&places[1], OUTGOING_FOR_PEERS, CAUSE(1)), OUTGOING_MOVED);
    assert_int_equal(outgoing_line_hurry(&places[4], OUTGOING_FOR_STANZAS, CAUSE(4)),
                     OUTGOING_MOVED);
    assert_ptr_equal(outgoing_line_leave(&places[5]), &places[4]);
    assert_ptr_equal(outgoing_line_leave(&places[6]), &places[1]);
    assert_ptr_equal(outgoing_line_leave(&places[0]), &places[2]);
    assert_false(outgoing_line_enter(&places[8], OUTGOING_FOR_STRANGERS,
                                     CAUSE(8))); /* behind what was cut out */
    assert_ptr_equal(outgoing_line_leave(&places[2]), &places[3]);
    assert_ptr_equal(outgoing_line_leave(&places[3]), &places[8]);
    leave_all(7, 9);
    leave_all(4, 5);
    leave_all(1, 2);
}

/* One network has us dial into silence, as often as it may; another one comes later. */
static void whoever_has_fewest_turns_is_next(void **state)
{
    (void)state;
    enum { GREEDY = 5000, MODEST = 7, THIRD = 8 };
    configure(16, 4);
    int turns = 0;
    for (int i = 0; i < 10; i++)
        turns += outgoing_line_enter(&places[i], OUTGOING_FOR_STRANGERS, GREEDY);
    assert_int_equal(turns, 2); /* half of them: there are more for others */
    assert_true(outgoing_line_enter(&places[10], OUTGOING_FOR_STRANGERS, MODEST));
    assert_true(outgoing_line_enter(&places[11], OUTGOING_FOR_STRANGERS, MODEST));
    assert_false(outgoing_line_enter(&places[12], OUTGOING_FOR_STRANGERS, MODEST));
    assert_false(outgoing_line_enter(&places[13], OUTGOING_FOR_STRANGERS, THIRD));
    assert_ptr_equal(outgoing_line_leave(&places[0]),
                     &places[13]); /* who has none, though it came last */
    assert_ptr_equal(outgoing_line_leave(&places[13]), &places[2]); /* one against two */
    assert_ptr_equal(outgoing_line_leave(&places[10]), &places[12]);
    assert_null(outgoing_line_leave(&places[11])); /* the greedy one has its half */
    for (int i = 1; i < 9; i++)
        assert_ptr_equal(outgoing_line_leave(&places[i]), i + 2 < 10 ? &places[i + 2] : NULL);
    leave_all(9, 10);
    leave_all(12, 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_turns_in_the_order_of_their_coming, start,
                                        settings_close_scratch),
        cmocka_unit_test_setup_teardown(stanzas_of_ours_wait_for_no_verification, start,
                                        settings_close_scratch),
        cmocka_unit_test_setup_teardown(verifications_wait_for_no_stanza_of_ours, start,
                                        settings_close_scratch),
        cmocka_unit_test_setup_teardown(the_only_turn_is_for_all, start, settings_close_scratch),
        cmocka_unit_test_setup_teardown(moves_up_for_a_better_reason, start,
                                        settings_close_scratch),
        cmocka_unit_test_setup_teardown(whoever_has_fewest_turns_is_next, start,
                                        settings_close_scratch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
