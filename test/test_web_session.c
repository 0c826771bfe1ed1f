/* SPDX-License-Identifier: Apache-2.0 */
/* test_web_session - who is logged in, with which password, and how often one may be tried
 *
 * The clock is the argument; nothing waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "admin/web_limit.h"
#include "admin/web_password.h"
#include "admin/web_session.h"
#include "test/support/scratch.h"

static int forget(void **state)
{
    (void)state;
    web_session_close_all();
    web_limit_reset();
    return 0;
}

/* --- sessions --- */

static void each_log_in_makes_an_id_of_its_own(void **state)
{
    (void)state;
    char first[WEB_SESSION_ID + 1], second[WEB_SESSION_ID + 1];
    struct web_session one, two;
    web_session_open("admin", "127.0.0.1", 1000, first);
    web_session_open("admin", "127.0.0.1", 1000, second);
    assert_int_equal(strlen(first), WEB_SESSION_ID);
    assert_int_equal(strspn(first, "0123456789abcdef"), WEB_SESSION_ID);
    assert_string_not_equal(first, second);
    assert_true(web_session_find(first, 1000, true, &one));
    assert_true(web_session_find(second, 1000, true, &two));
    assert_string_equal(one.user, "admin");
    assert_string_not_equal(one.token, two.token);
    assert_string_not_equal(one.token, first); /* the token is in pages; the id never is */
    web_session_close(first);
    assert_false(web_session_find(first, 1000, true, &one));
    assert_true(web_session_find(second, 1000, true, &two));
}

static void an_id_that_was_not_given_is_none(void **state)
{
    (void)state;
    struct web_session session;
    char id[WEB_SESSION_ID + 1];
    web_session_open("admin", "127.0.0.1", 0, id);
    assert_false(web_session_find("", 0, true, &session));
    assert_false(web_session_find("00000000000000000000000000000000", 0, true, &session));
    id[0] = id[0] == 'a' ? 'b' : 'a';
    assert_false(web_session_find(id, 0, true, &session));
}

static void a_session_ends_when_nobody_uses_it(void **state)
{
    (void)state;
    struct web_session session;
    char id[WEB_SESSION_ID + 1];
    int64_t now = 5000;
    web_session_open("admin", "127.0.0.1", now, id);
    now += WEB_SESSION_IDLE_MS - 1;
    assert_true(web_session_find(id, now, true, &session));
    now += WEB_SESSION_IDLE_MS - 1;
    assert_true(web_session_find(id, now, false, &session)); /* a script asks: that is no use */
    assert_false(web_session_find(id, now + 1, true, &session));
    assert_false(web_session_find(id, now - 1, true, &session)); /* gone for good */
}

static void a_session_ends_after_its_time_however_much_it_is_used(void **state)
{
    (void)state;
    struct web_session session;
    char id[WEB_SESSION_ID + 1];
    web_session_open("admin", "127.0.0.1", 0, id);
    for (int64_t now = 0; now < WEB_SESSION_LAST_MS; now += 60000)
        assert_true(web_session_find(id, now, true, &session));
    assert_false(web_session_find(id, WEB_SESSION_LAST_MS, true, &session));
}

static void the_one_used_least_recently_makes_room(void **state)
{
    (void)state;
    struct web_session session;
    char ids[WEB_SESSIONS][WEB_SESSION_ID + 1], more[WEB_SESSION_ID + 1];
    for (int i = 0; i < WEB_SESSIONS; i++)
        web_session_open("admin", "127.0.0.1", i, ids[i]);
    assert_true(web_session_find(ids[0], 100, true, &session));
    web_session_open("admin", "127.0.0.1", 101, more);
    assert_true(web_session_find(ids[0], 102, true, &session));
    assert_false(web_session_find(ids[1], 102, true, &session));
    assert_true(web_session_find(ids[2], 102, true, &session));
    assert_true(web_session_find(more, 102, true, &session));
    json_t *list = web_session_list(102);
    assert_int_equal(json_array_size(list), WEB_SESSIONS);
    json_decref(list);
}

static void what_is_said_is_heard_once(void **state)
{
    (void)state;
    char id[WEB_SESSION_ID + 1];
    struct text words = TEXT_EMPTY;
    bool error = false;
    web_session_open("admin", "127.0.0.1", 0, id);
    assert_false(web_session_hear(id, &error, &words));
    web_session_say(id, true, "no");
    assert_true(web_session_hear(id, &error, &words));
    assert_true(error);
    assert_string_equal(text_string(&words), "no");
    assert_false(web_session_hear(id, &error, &words));
    web_session_say("nobody", false, "x");
    text_free(&words);
}

static void texts_are_compared_as_a_whole(void **state)
{
    (void)state;
    assert_true(web_session_is_same("abc", "abc"));
    assert_false(web_session_is_same("abc", "abd"));
    assert_false(web_session_is_same("abc", "ab"));
    assert_false(web_session_is_same("abc", ""));
}

/* --- attempts --- */

static void an_address_has_some_attempts_and_then_one_now_and_then(void **state)
{
    (void)state;
    int64_t now = 1000000;
    for (int i = 0; i < WEB_LIMIT_ADDRESS; i++)
        assert_int_equal(web_limit_take("192.0.2.1", now), 0);
    assert_int_equal(web_limit_take("192.0.2.1", now), WEB_LIMIT_ADDRESS_MS / 1000);
    assert_int_equal(web_limit_take("192.0.2.2", now), 0);
    now += WEB_LIMIT_ADDRESS_MS - 1;
    assert_int_equal(web_limit_take("192.0.2.1", now), 1);
    assert_int_equal(web_limit_take("192.0.2.1", now + 1), 0);
    assert_int_not_equal(web_limit_take("192.0.2.1", now + 1), 0);
}

static void a_network_of_ipv6_is_one_address(void **state)
{
    (void)state;
    char address[64];
    for (int i = 0; i < WEB_LIMIT_ADDRESS; i++) {
        snprintf(address, sizeof address, "2001:db8:1:2::%x", i + 1);
        assert_int_equal(web_limit_take(address, 0), 0);
    }
    assert_int_not_equal(web_limit_take("2001:db8:1:2:ffff::1", 0), 0);
    assert_int_equal(web_limit_take("2001:db8:1:3::1", 0), 0);
}

static void all_together_are_bounded_but_for_who_was_right_before(void **state)
{
    (void)state;
    char address[64];
    int64_t now = 1000000;
    assert_int_equal(web_limit_take("192.0.2.77", now), 0);
    web_limit_succeeded("192.0.2.77", now);
    int taken = 0;
    for (int i = 0; i < 200; i++) {
        snprintf(address, sizeof address, "198.51.100.%d", i);
        taken += web_limit_take(address, now) == 0;
    }
    assert_int_equal(taken, WEB_LIMIT_ALL - 1); /* one was the first of all */
    for (int i = 0; i < WEB_LIMIT_ADDRESS; i++)
        assert_int_equal(web_limit_take("192.0.2.77", now), 0);
    assert_int_not_equal(web_limit_take("192.0.2.77", now), 0);
    now += WEB_LIMIT_ALL_MS;
    assert_int_equal(web_limit_take("203.0.113.1", now), 0);
    assert_int_not_equal(web_limit_take("203.0.113.2", now), 0);
}

/* however many addresses come, who was right is remembered */
static void strangers_do_not_push_out_who_is_known(void **state)
{
    (void)state;
    char address[64];
    int64_t now = 0;
    web_limit_succeeded("192.0.2.77", now);
    for (int i = 0; i < 3 * WEB_LIMIT_ADDRESSES; i++) {
        snprintf(address, sizeof address, "198.51.%d.%d", 100 + i / 256, i % 256);
        web_limit_take(address, ++now);
    }
    assert_int_not_equal(web_limit_take("203.0.113.1", now), 0);
    assert_int_equal(web_limit_take("192.0.2.77", now), 0);
}

/* --- passwords --- */

static int open_scratch(void **state)
{
    (void)state;
    scratch_open();
    return 0;
}

static int close_scratch(void **state)
{
    (void)state;
    scratch_close();
    return 0;
}

/* home_of - the scratch directory */
static char *home_of(void)
{
    char *path = text_copy(scratch_path("x"));
    *strrchr(path, '/') = '\0';
    return path;
}

static void the_first_password_is_made_once_and_kept_hashed(void **state)
{
    (void)state;
    struct text made = TEXT_EMPTY, again = TEXT_EMPTY, why = TEXT_EMPTY, content = TEXT_EMPTY;
    char *home = home_of();
    struct stat status;
    assert_int_equal(web_password_make_first(home, &made, &why), 0);
    assert_int_equal(made.length, 23);
    assert_int_equal(web_password_make_first(home, &again, &why), 0);
    assert_int_equal(again.length, 0);
    assert_true(web_password_is_right(home, "admin", text_string(&made)));
    assert_false(web_password_is_right(home, "admin", ""));
    assert_false(web_password_is_right(home, "root", text_string(&made)));
    assert_int_equal(stat(scratch_path("admin-password.conf"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(scratch_read(scratch_path("admin-password.conf"), &content), 0);
    assert_null(strstr(text_string(&content), text_string(&made)));
    text_free(&made);
    text_free(&again);
    text_free(&why);
    text_free(&content);
    free(home);
}

static void another_password_takes_the_place_of_the_first(void **state)
{
    (void)state;
    struct text made = TEXT_EMPTY, why = TEXT_EMPTY;
    char *home = home_of();
    assert_int_equal(web_password_make_first(home, &made, &why), 0);
    assert_int_equal(web_password_change(home, "nine char", &why), -1);
    assert_string_equal(text_string(&why),
                        "a password has at least 10 characters and at most 200 bytes");
    assert_int_equal(web_password_change(home, "a\tb\tc\td\te\tf", &why), -1);
    assert_true(web_password_is_right(home, "admin", text_string(&made)));
    assert_int_equal(
        web_password_change(home, "\xc3\xa4\xc3\xb6\xc3\xbc ;#\"' \xe2\x82\xac!", &why), 0);
    assert_true(
        web_password_is_right(home, "admin", "\xc3\xa4\xc3\xb6\xc3\xbc ;#\"' \xe2\x82\xac!"));
    assert_false(web_password_is_right(home, "admin", text_string(&made)));
    text_free(&made);
    text_free(&why);
    free(home);
}

static void a_damaged_file_lets_nobody_in(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "password = ",
        "password = plain-text-pw",
        "password = scrypt:16384:8:1::",
        /* costs that would take all of the memory */
        "password = scrypt:9999999:99:9:00000000000000000000000000000000:"
        "0000000000000000000000000000000000000000000000000000000000000000",
        /* cheap ones */
        "password = scrypt:2:8:1:00000000000000000000000000000000:"
        "0000000000000000000000000000000000000000000000000000000000000000",
    };
    char *home = home_of();
    scratch_capture_log();
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char *content = text_format("[admin]\n%s\n", lines[i]);
        scratch_write("admin-password.conf", content);
        assert_false(web_password_is_right(home, "admin", "plain-text-pw"));
        assert_false(web_password_is_right(home, "admin", ""));
        free(content);
    }
    char *log = scratch_captured_log();
    assert_non_null(strstr(log, "no password can be read there"));
    free(log);
    free(home);
}

static void random_passwords_differ(void **state)
{
    (void)state;
    struct text a = TEXT_EMPTY, b = TEXT_EMPTY;
    web_password_random(&a);
    web_password_random(&b);
    assert_string_not_equal(text_string(&a), text_string(&b));
    text_free(&a);
    text_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_log_in_makes_an_id_of_its_own, forget),
        cmocka_unit_test_teardown(an_id_that_was_not_given_is_none, forget),
        cmocka_unit_test_teardown(a_session_ends_when_nobody_uses_it, forget),
        cmocka_unit_test_teardown(a_session_ends_after_its_time_however_much_it_is_used, forget),
        cmocka_unit_test_teardown(the_one_used_least_recently_makes_room, forget),
        cmocka_unit_test_teardown(what_is_said_is_heard_once, forget),
        cmocka_unit_test(texts_are_compared_as_a_whole),
        cmocka_unit_test_teardown(an_address_has_some_attempts_and_then_one_now_and_then, forget),
        cmocka_unit_test_teardown(a_network_of_ipv6_is_one_address, forget),
        cmocka_unit_test_teardown(all_together_are_bounded_but_for_who_was_right_before, forget),
        cmocka_unit_test_teardown(strangers_do_not_push_out_who_is_known, forget),
        cmocka_unit_test_setup_teardown(the_first_password_is_made_once_and_kept_hashed,
                                        open_scratch, close_scratch),
        cmocka_unit_test_setup_teardown(another_password_takes_the_place_of_the_first, open_scratch,
                                        close_scratch),
        cmocka_unit_test_setup_teardown(a_damaged_file_lets_nobody_in, open_scratch, close_scratch),
        cmocka_unit_test(random_passwords_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
