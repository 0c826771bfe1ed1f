/* SPDX-License-Identifier: Apache-2.0 */
/* test_dialback_key - XEP-0185 keys, and the secret's file
 *
 * The vectors are those of XEP-0220 (examples 1 and 5) and XEP-0185.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "dialback/dialback_key.h"

static char home[64];
static struct text why;

static int make_home(void **state)
{
    (void)state;
    strcpy(home, "/tmp/dialback-key-XXXXXX");
    return mkdtemp(home) != NULL ? 0 : -1;
}

static int remove_home(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/dialback.secret", home);
    unlink(path);
    rmdir(home);
    text_free(&why);
    dialback_key_stop();
    return 0;
}

static void check_vector(const char *secret, const char *receiving, const char *originating,
                         const char *id, const char *expected)
{
    char key[65];
    assert_int_equal(dialback_key_start(home, secret, &why), 0);
    dialback_key_make(key, receiving, originating, id);
    assert_string_equal(key, expected);
    assert_true(dialback_key_check(expected, receiving, originating, id));
}

static void makes_the_keys_of_the_specifications(void **state)
{
    (void)state;
    check_vector("s3cr3tf0rd14lb4ck", "montague.example", "capulet.example", "D60000229F",
                 "b4835385f37fe2895af6c196b59097b16862406db80559900d96bf6fa7d23df3");
    check_vector("d14lb4ck43v3r", "capulet.example", "montague.example", "417GAF25",
                 "225cc5aa6a071133249d25fef42ae516fc7a86c523aa1c6980a7f73e784c972d");
    check_vector("s3cr3tf0rd14lb4ck", "xmpp.example.com", "example.org", "D60000229F",
                 "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643");
}

static void refuses_every_other_key(void **state)
{
    (void)state;
    char key[65];
    assert_int_equal(dialback_key_start(home, "s3cr3tf0rd14lb4ck", &why), 0);
    dialback_key_make(key, "a.example", "b.example", "id");
    for (int i = 0; i < 64; i++) {
        char wrong[65];
        memcpy(wrong, key, sizeof wrong);
        wrong[i] = wrong[i] == '0' ? '1' : '0';
        assert_false(dialback_key_check(wrong, "a.example", "b.example", "id"));
    }
    char upper[65];
    for (int i = 0; i < 65; i++)
        upper[i] = key[i] >= 'a' && key[i] <= 'f' ? (char)(key[i] - 32) : key[i];
    assert_false(dialback_key_check(upper, "a.example", "b.example", "id"));
    assert_false(dialback_key_check("", "a.example", "b.example", "id"));
    assert_false(dialback_key_check(key, "b.example", "a.example", "id"));
    assert_false(dialback_key_check(key, "a.example", "c.example", "id"));
    assert_false(dialback_key_check(key, "a.example", "b.example", "ie"));
}

static void gives_no_key_to_an_ambiguous_triple(void **state)
{
    (void)state;
    char one[65], two[65];
    assert_int_equal(dialback_key_start(home, "s3cr3tf0rd14lb4ck", &why), 0);
    dialback_key_make(one, "a.b", "c", "d");
    dialback_key_make(two, "a", "b.c", "d");
    assert_string_not_equal(one, two);
    dialback_key_make(one, "a", "b", "c d");
    assert_false(
        dialback_key_check(one, "a", "b", "c d")); /* an id with a space is refused as such */
    assert_false(dialback_key_check(one, "a", "b c", "d"));
}

static void makes_a_secret_once_and_keeps_it_private(void **state)
{
    (void)state;
    char first[65], again[65], path[128];
    struct stat about;
    snprintf(path, sizeof path, "%s/dialback.secret", home);
    assert_int_equal(dialback_key_start(home, "", &why), 0);
    dialback_key_make(first, "a", "b", "c");
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(about.st_size, 65); /* 256 bits as hex, and a line feed */
    dialback_key_stop();
    assert_int_equal(dialback_key_start(home, "", &why), 0);
    dialback_key_make(again, "a", "b", "c");
    assert_string_equal(first, again);
    unlink(path);
    assert_int_equal(dialback_key_start(home, "", &why), 0);
    dialback_key_make(again, "a", "b", "c");
    assert_string_not_equal(first, again);
}

static void write_secret(const char *content, mode_t mode)
{
    char path[128];
    snprintf(path, sizeof path, "%s/dialback.secret", home);
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), (int)strlen(content));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void refuses_a_bad_secret_file_and_keeps_the_old_secret(void **state)
{
    (void)state;
    char before[65], after[65];
    assert_int_equal(dialback_key_start(home, "s3cr3tf0rd14lb4ck", &why), 0);
    dialback_key_make(before, "a", "b", "c");
    write_secret("0123456789abcdef0123456789abcdef", 0640);
    assert_int_equal(dialback_key_start(home, "", &why), -1);
    assert_non_null(strstr(text_string(&why), "600 was expected"));
    write_secret("too short", 0600);
    text_clear(&why);
    assert_int_equal(dialback_key_start(home, "", &why), -1);
    assert_non_null(strstr(text_string(&why), "holds no secret"));
    text_clear(&why);
    assert_int_equal(dialback_key_start("/nonexistent/home", "", &why), -1);
    assert_true(why.length > 0);
    dialback_key_make(after, "a", "b", "c");
    assert_string_equal(before, after);
    write_secret("0123456789abcdef0123456789abcdef\n", 0600);
    assert_int_equal(dialback_key_start(home, "", &why), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(makes_the_keys_of_the_specifications, make_home,
                                        remove_home),
        cmocka_unit_test_setup_teardown(refuses_every_other_key, make_home, remove_home),
        cmocka_unit_test_setup_teardown(gives_no_key_to_an_ambiguous_triple, make_home,
                                        remove_home),
        cmocka_unit_test_setup_teardown(makes_a_secret_once_and_keeps_it_private, make_home,
                                        remove_home),
        cmocka_unit_test_setup_teardown(refuses_a_bad_secret_file_and_keeps_the_old_secret,
                                        make_home, remove_home),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
