/* SPDX-License-Identifier: Apache-2.0 */
/* test_domain_pair - the table keyed by (local domain, remote domain)
 *
 * Exactness is what rights hang on: no pair is found by a part of its names, nor by the same letters cut
 * elsewhere. (test_receiving_server fills it with a thousand pairs.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "session/domain_pair.h"

static int values[4];

static void *get(const struct domain_pair_table *table, const char *local, const char *remote)
{
    return domain_pair_table_get(table, domain_span(local), domain_span(remote));
}

static void finds_a_pair_by_both_whole_names_only(void **state)
{
    (void)state;
    struct domain_pair_table table = {0};
    assert_null(get(&table, "ours.test", "remote.test")); /* an empty table has nothing */
    domain_pair_table_put(&table, domain_span("ours.test"), domain_span("remote.test"), &values[0]);
    assert_ptr_equal(get(&table, "ours.test", "remote.test"), &values[0]);
    assert_null(get(&table, "remote.test", "ours.test"));
    assert_null(get(&table, "ours.testr", "emote.test"));
    assert_null(get(&table, "ours.test", "emote.test"));
    assert_null(get(&table, "ours.test", "remote.tes"));
    assert_null(get(&table, "ours.test", "im.remote.test"));
    assert_null(get(&table, "Ours.test", "remote.test")); /* prepared domains are compared */
    assert_null(get(&table, "", "remote.test"));
    domain_pair_table_free(&table);
    assert_null(get(&table, "ours.test", "remote.test"));
}

static void borrows_names_that_do_not_end_with_a_nul(void **state)
{
    (void)state;
    struct domain_pair_table table = {0};
    char names[] = "ours.testremote.test";
    struct span local = {names, 9}, remote = {names + 9, 11};
    domain_pair_table_put(&table, local, remote, &values[0]);
    memset(names, 'x', sizeof names - 1); /* the table has copies of its own */
    struct domain_pair *pair =
        domain_pair_table_find(&table, domain_span("ours.test"), domain_span("remote.test"));
    assert_non_null(pair);
    assert_string_equal(pair->local, "ours.test");
    assert_string_equal(pair->remote, "remote.test");
    assert_int_equal(pair->local_length, 9);
    assert_int_equal(pair->remote_length, 11);
    domain_pair_table_free(&table);
}

static void gives_back_the_value_that_was_there(void **state)
{
    (void)state;
    struct domain_pair_table table = {0};
    struct span a = domain_span("a.test"), b = domain_span("b.test");
    assert_null(domain_pair_table_remove(&table, a, b));
    assert_null(domain_pair_table_put(&table, a, b, &values[0]));
    assert_ptr_equal(domain_pair_table_put(&table, a, b, &values[1]), &values[0]);
    assert_int_equal(table.count, 1);
    assert_ptr_equal(domain_pair_table_remove(&table, a, b), &values[1]);
    assert_null(domain_pair_table_remove(&table, a, b));
    assert_null(domain_pair_table_get(&table, a, b));
    assert_int_equal(table.count, 0);
    domain_pair_table_free(&table);
}

static void keeps_an_entry_where_it_is_while_the_table_grows(void **state)
{
    (void)state;
    struct domain_pair_table table = {0};
    struct span local = domain_span("ours.test");
    domain_pair_table_put(&table, local, domain_span("first.test"), &values[0]);
    struct domain_pair *first = domain_pair_table_find(&table, local, domain_span("first.test"));
    size_t room = table.room;
    for (int i = 0; i < 200; i++) {
        char remote[32];
        snprintf(remote, sizeof remote, "r%d.test", i);
        domain_pair_table_put(&table, local, domain_span(remote), &values[1]);
    }
    assert_true(table.room > room);
    assert_ptr_equal(domain_pair_table_find(&table, local, domain_span("first.test")), first);
    assert_string_equal(first->remote, "first.test");
    domain_pair_table_free(&table);
}

static void does_not_grow_by_pairs_that_come_and_go(void **state)
{
    (void)state;
    struct domain_pair_table table = {0};
    struct span local = domain_span("ours.test");
    domain_pair_table_put(&table, local, domain_span("stays.test"), &values[0]);
    for (int i = 0; i < 20000; i++) {
        char remote[32];
        snprintf(remote, sizeof remote, "r%d.test", i);
        domain_pair_table_put(&table, local, domain_span(remote), &values[1]);
        assert_ptr_equal(domain_pair_table_remove(&table, local, domain_span(remote)), &values[1]);
    }
    assert_in_range(table.room, 8, 64);
    assert_int_equal(table.count, 1);
    assert_ptr_equal(get(&table, "ours.test", "stays.test"), &values[0]);
    assert_null(get(&table, "ours.test", "r19999.test"));
    domain_pair_table_free(&table);
}

static void walks_over_each_entry_once(void **state)
{
    (void)state;
    struct domain_pair_table table = {0};
    size_t position = 0;
    assert_null(domain_pair_table_next(&table, &position));
    int seen[50] = {0};
    for (int i = 0; i < 50; i++) {
        char remote[32];
        snprintf(remote, sizeof remote, "r%d.test", i);
        domain_pair_table_put(&table, domain_span("ours.test"), domain_span(remote), &seen[i]);
        if (i % 2 == 0)
            domain_pair_table_remove(&table, domain_span("ours.test"), domain_span(remote));
    }
    position = 0;
    for (struct domain_pair *pair; (pair = domain_pair_table_next(&table, &position)) != NULL;)
        ++*(int *)pair->value;
    for (int i = 0; i < 50; i++)
        assert_int_equal(seen[i], i % 2);
    domain_pair_table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_a_pair_by_both_whole_names_only),
        cmocka_unit_test(borrows_names_that_do_not_end_with_a_nul),
        cmocka_unit_test(gives_back_the_value_that_was_there),
        cmocka_unit_test(keeps_an_entry_where_it_is_while_the_table_grows),
        cmocka_unit_test(does_not_grow_by_pairs_that_come_and_go),
        cmocka_unit_test(walks_over_each_entry_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
