/* SPDX-License-Identifier: Apache-2.0 */
/* test_outgoing_line - turns: how many of each kind, and who is next
 *
 * Places without sessions; the turns come from the setting.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "server/config.h"
#include "server/log.h"
#include "session/outgoing_line.h"

static void set_most(int most)
{
    char path[] = "/tmp/outgoing-line-XXXXXX";
    struct text why = TEXT_EMPTY;
    int fd = mkstemp(path);
    dprintf(fd, "[xmpp.server]\noutgoing.max.threads = %d\n", most);
    close(fd);
    struct config *config = config_load(path, &why);
    unlink(path);
    text_free(&why);
    assert_non_null(config);
    config_publish(config);
}

static int stop(void **state)
{
    (void)state;
    config_stop();
    return 0;
}

/* fill - all of these enter; how many have a turn */
static int fill(struct outgoing_line_place *places, int count, enum outgoing_line_kind kind)
{
    int turns = 0;
    for (int i = 0; i < count; i++) {
        places[i] = (struct outgoing_line_place){.owner = &places[i], .kind = kind};
        turns += outgoing_line_enter(&places[i]);
    }
    return turns;
}

/* empty - who has a turn leaves, and whoever gets it, until nobody is left; how many those were */
static int empty(struct outgoing_line_place *place)
{
    int count = 0;
    while (place != NULL) {
        place = outgoing_line_leave(place);
        count++;
    }
    return count;
}

static void questions_have_half_of_the_turns(void **state)
{
    (void)state;
    set_most(8);
    struct outgoing_line_place questions[10], stanzas[10];
    assert_int_equal(fill(questions, 10, LINE_QUESTIONS), 4);
    assert_int_equal(fill(stanzas, 10, LINE_STANZAS), 4); /* all that are left */
    assert_ptr_equal(outgoing_line_leave(&stanzas[0]), &stanzas[4]);
    assert_ptr_equal(outgoing_line_leave(&questions[0]), &stanzas[5]); /* stanzas first */
    assert_ptr_equal(outgoing_line_leave(&stanzas[1]), &stanzas[6]);
    assert_ptr_equal(outgoing_line_leave(&questions[1]), &stanzas[7]); /* six of eight: no more */
    assert_ptr_equal(outgoing_line_leave(&questions[2]), &questions[4]);
    int left = empty(&questions[3]) + empty(&questions[4]);
    for (int i = 2; i < 8; i++)
        left += empty(&stanzas[i]);
    assert_int_equal(left, 6 + 2 + 7); /* those with a turn, and who waited */
}

static void one_turn_serves_both(void **state)
{
    (void)state;
    set_most(1);
    struct outgoing_line_place question[2], stanza[1];
    assert_int_equal(fill(question, 2, LINE_QUESTIONS), 1);
    assert_int_equal(fill(stanza, 1, LINE_STANZAS), 0);
    assert_ptr_equal(outgoing_line_leave(&question[0]), &stanza[0]);
    assert_ptr_equal(outgoing_line_leave(&stanza[0]), &question[1]);
    assert_null(outgoing_line_leave(&question[1]));
}

static void a_stanza_takes_its_session_out_of_the_questions(void **state)
{
    (void)state;
    set_most(4);
    struct outgoing_line_place questions[6], late;
    assert_int_equal(fill(questions, 6, LINE_QUESTIONS), 2);
    assert_false(outgoing_line_hurry(&questions[0])); /* it has its turn */
    assert_true(outgoing_line_hurry(&questions[5]));  /* the last of the line */
    assert_true(outgoing_line_hurry(&questions[3]));
    assert_false(outgoing_line_hurry(&questions[3]));
    assert_int_equal(fill(&late, 1, LINE_QUESTIONS), 0); /* behind 2 and 4 */
    assert_false(outgoing_line_hurry(&questions[4])); /* no turn is left: it waits, as a stanza */
    assert_ptr_equal(outgoing_line_leave(&questions[0]), &questions[4]);
    assert_ptr_equal(outgoing_line_leave(&questions[1]), &questions[2]);
    assert_ptr_equal(outgoing_line_leave(&questions[2]), &late);
    assert_null(outgoing_line_leave(&late));
    for (int i = 3; i < 6; i++)
        assert_null(outgoing_line_leave(&questions[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(questions_have_half_of_the_turns, stop),
        cmocka_unit_test_teardown(one_turn_serves_both, stop),
        cmocka_unit_test_teardown(a_stanza_takes_its_session_out_of_the_questions, stop),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
