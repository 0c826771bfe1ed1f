/* SPDX-License-Identifier: Apache-2.0 */
/* test_text - growing strings, the arena, the hash
 *
 * Under AddressSanitizer every byte behind an end would be seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "xml/arena.h"
#include "xml/text.h"

static void grows_and_stays_terminated(void **state)
{
    (void)state;
    struct text text = TEXT_EMPTY;
    assert_string_equal(text_string(&text), "");
    for (int i = 0; i < 1000; i++) {
        text_append_char(&text, 'a');
        assert_int_equal(strlen(text.bytes), i + 1);
    }
    text_clear(&text);
    assert_string_equal(text_string(&text), "");
    text_appendf(&text, "%s-%d-%0500d", "x", 7, 1);
    assert_int_equal(text.length, 504);
    char *taken = text_take(&text);
    assert_int_equal(strlen(taken), 504);
    assert_null(text.bytes);
    free(taken);
    taken = text_take(&text); /* an empty text gives an empty string */
    assert_string_equal(taken, "");
    free(taken);
}

static void escapes_for_text_and_for_attributes(void **state)
{
    (void)state;
    struct text text = TEXT_EMPTY;
    text_append_escaped(&text, "a<b>&\"'\t\n\rz", 11, false);
    assert_string_equal(text.bytes, "a&lt;b&gt;&amp;&quot;&apos;\t\n&#13;z");
    text_clear(&text);
    text_append_escaped(&text, "\t\n\r", 3, true);
    assert_string_equal(text.bytes, "&#9;&#10;&#13;");
    text_clear(&text);
    text_append_escaped(&text, "", 0, true);
    assert_string_equal(text.bytes, "");
    text_free(&text);
}

static void hashes_equal_strings_equally_and_others_apart(void **state)
{
    (void)state;
    assert_int_equal(text_hash("example.org", 11), text_hash("example.org!", 11));
    static unsigned char seen[65536];
    int same = 0;
    for (int i = 0; i < 10000; i++) {
        char name[32];
        int length = snprintf(name, sizeof name, "host%d.example", i);
        unsigned slot = text_hash(name, (size_t)length) & 65535;
        same += seen[slot];
        seen[slot] = 1;
    }
    assert_in_range(same, 300, 1200); /* 10,000 balls in 65,536 urns: about 725 */
}

static void gives_aligned_pieces_and_forgets_them_at_a_reset(void **state)
{
    (void)state;
    struct arena *arena = arena_new(64);
    for (int round = 0; round < 3; round++) {
        char *pieces[200];
        for (int i = 0; i < 200; i++) {
            pieces[i] = arena_alloc(arena, (size_t)i);
            assert_int_equal((uintptr_t)pieces[i] % 8, 0);
            memset(pieces[i], i, (size_t)i);
        }
        for (int i = 1; i < 200; i++)
            assert_int_equal((unsigned char)pieces[i][i - 1], i);
        assert_string_equal(arena_copy(arena, "abcdef", 3), "abc");
        assert_true(arena_used(arena) >= 199 * 200 / 2);
        arena_reset(arena);
        assert_int_equal(arena_used(arena), 0);
    }
    arena_free(arena);
    arena_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_stays_terminated),
        cmocka_unit_test(escapes_for_text_and_for_attributes),
        cmocka_unit_test(hashes_equal_strings_equally_and_others_apart),
        cmocka_unit_test(gives_aligned_pieces_and_forgets_them_at_a_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
