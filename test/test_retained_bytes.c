/* SPDX-License-Identifier: Apache-2.0 */
/* test_retained_bytes - what has arrived is forgotten, the rest comes back, in its order
 *
 * Positions on the wire by hand; with a real TCP: test_undelivered_bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/retained_bytes.h"

static void add(struct retained_bytes *retained, char c, size_t length, uint64_t begin,
                uint64_t end)
{
    struct text piece = TEXT_EMPTY;
    text_reserve(&piece, length);
    memset(piece.bytes, c, length);
    piece.length = length;
    retained_bytes_add(retained, &piece, begin, end);
    assert_int_equal(piece.length, 0);
    assert_null(piece.bytes);
}

static void check(const struct retained_bytes *retained, uint64_t acknowledged, size_t arrived,
                  size_t length)
{
    struct text out = TEXT_EMPTY;
    assert_int_equal(retained_bytes_append(retained, acknowledged, &out), arrived);
    assert_int_equal(out.length, length);
    text_free(&out);
}

static void knows_plain_bytes_one_by_one(void **state)
{
    (void)state;
    struct retained_bytes retained = {0};
    assert_true(retained_bytes_is_empty(&retained));
    check(&retained, 0, 0, 0);
    add(&retained, 'a', 100, 0, 100);
    add(&retained, 'b', 50, 100, 150);
    check(&retained, 0, 0, 150);
    check(&retained, 1, 1, 150);
    check(&retained, 100, 100, 150);
    check(&retained, 149, 149, 150);
    check(&retained, 150, 150, 150);
    retained_bytes_release(&retained, 99);
    check(&retained, 99, 99, 150);
    retained_bytes_release(&retained, 100);
    check(&retained, 120, 20, 50);
    retained_bytes_release(&retained, 150);
    assert_true(retained_bytes_is_empty(&retained));
    retained_bytes_free(&retained);
}

static void counts_encrypted_bytes_by_whole_records(void **state)
{
    (void)state;
    struct retained_bytes retained = {0};
    /* 40,000 bytes are records of 16384, 16384 and 7232, each with 22 bytes more */
    add(&retained, 'a', 40000, 1000, 1000 + 40000 + 3 * 22);
    check(&retained, 1000, 0, 40000);
    check(&retained, 1000 + 16405, 0, 40000);
    check(&retained, 1000 + 16406, 16384, 40000);
    check(&retained, 1000 + 2 * 16406 - 1, 16384, 40000);
    check(&retained, 1000 + 2 * 16406, 32768, 40000);
    check(&retained, 41065, 32768, 40000);
    check(&retained, 41066, 40000, 40000);
    retained_bytes_free(&retained);
}

static void takes_what_stood_before_a_piece_for_something_else(void **state)
{
    (void)state;
    struct retained_bytes retained = {0};
    add(&retained, 'a', 10, 0, 10);
    add(&retained, 'b', 10, 4000, 4010); /* between them a handshake */
    retained_bytes_release(&retained, 3999);
    check(&retained, 3999, 0, 10);
    check(&retained, 4005, 5, 10);
    retained_bytes_free(&retained);
}

static void an_empty_piece_counts_for_nothing(void **state)
{
    (void)state;
    struct retained_bytes retained = {0};
    add(&retained, 'a', 100, 0, 100);
    add(&retained, 'b', 0, 50, 100); /* nothing of what is on the wire is this piece's */
    check(&retained, 60, 60, 100);
    check(&retained, 100, 100, 100);
    retained_bytes_free(&retained);
}

static void lends_the_memory_of_what_has_arrived(void **state)
{
    (void)state;
    struct retained_bytes retained = {0};
    struct text spare = retained_bytes_take_spare(&retained);
    assert_null(spare.bytes);
    add(&retained, 'a', 1000, 0, 1000);
    add(&retained, 'c', 1 << 20, 1000, 1000 + (1 << 20)); /* too much to lie about */
    retained_bytes_release(&retained, UINT64_MAX);
    spare = retained_bytes_take_spare(&retained);
    assert_in_range(spare.room, 1000, 262144);
    assert_int_equal(spare.length, 0);
    struct text again = retained_bytes_take_spare(&retained);
    assert_null(again.bytes);
    retained_bytes_recycle(&retained, &spare);
    assert_null(spare.bytes);
    again = retained_bytes_take_spare(&retained);
    assert_in_range(again.room, 1000, 262144);
    text_free(&again);
    retained_bytes_free(&retained);
}

static void keeps_the_largest_of_the_spare_ones(void **state)
{
    (void)state;
    struct retained_bytes retained = {0};
    for (uint64_t i = 0; i < 6; i++) /* 1000, 4000, 7000, 2000, 5000, 8000 */
        add(&retained, 'a', 1000 + i % 3 * 3000 + i / 3 * 1000, 10000 * i, 10000 * i + 10000);
    retained_bytes_release(&retained, UINT64_MAX);
    size_t last = SIZE_MAX;
    for (int i = 0; i < RETAINED_SPARES; i++) {
        struct text spare = retained_bytes_take_spare(&retained);
        assert_in_range(spare.room, 5000, last);
        last = spare.room;
        text_free(&spare);
    }
    struct text none = retained_bytes_take_spare(&retained);
    assert_null(none.bytes);
    add(&retained, 'a', 1000, 0, 1000);
    retained_bytes_release(&retained, UINT64_MAX);
    retained_bytes_drop_spares(&retained);
    none = retained_bytes_take_spare(&retained);
    assert_null(none.bytes);
    retained_bytes_free(&retained);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_plain_bytes_one_by_one),
        cmocka_unit_test(counts_encrypted_bytes_by_whole_records),
        cmocka_unit_test(takes_what_stood_before_a_piece_for_something_else),
        cmocka_unit_test(an_empty_piece_counts_for_nothing),
        cmocka_unit_test(lends_the_memory_of_what_has_arrived),
        cmocka_unit_test(keeps_the_largest_of_the_spare_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
