/* SPDX-License-Identifier: Apache-2.0 */
/* test_authoritative_server - whose key is it, and how dialback is written
 *
 * With dialback_element: reading, preparing, escaping.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "dialback/authoritative_server.h"
#include "dialback/dialback_key.h"
#include "server/config.h"
#include "server/log.h"
#include "server/xmpp_server.h"
#include "xml/xmlns.h"

static struct text out, why;
static struct arena *arena;

static int start(void **state)
{
    (void)state;
    char path[] = "/tmp/authoritative-XXXXXX";
    int fd = mkstemp(path);
    dprintf(fd, "[xmpp]\ndomain = ours.test\n[s2s]\ndomains = second.test\n");
    close(fd);
    log_set_level(LOG_LEVEL_ERROR);
    struct config *config = config_load(path, &why);
    unlink(path);
    if (config == NULL)
        return -1;
    config_publish(config);
    arena = arena_new(0);
    return xmpp_server_configure(config) < 0 ? -1
                                             : dialback_key_start("/", "s3cr3tf0rd14lb4ck", &why);
}

static int stop(void **state)
{
    (void)state;
    arena_free(arena);
    dialback_key_stop();
    xmpp_server_stop();
    config_stop();
    text_free(&out);
    text_free(&why);
    return 0;
}

/* read_verify - a db:verify with these attributes (NULL: absent) */
static struct dialback_element read_verify(const char *from, const char *to, const char *id,
                                           const char *key)
{
    struct element *element = element_new(arena, "verify", XMLNS_DIALBACK);
    struct dialback_element read;
    element_set(arena, element, "from", from);
    element_set(arena, element, "to", to);
    element_set(arena, element, "id", id);
    element_add_text(arena, element, key, strlen(key));
    dialback_element_read(&read, element, arena);
    return read;
}

static enum dialback_type judge(const struct dialback_element *request, bool enabled)
{
    text_clear(&out);
    text_clear(&why);
    return authoritative_server_verify_received_key(request, enabled ? NULL : "it is off", false,
                                                    &out, &why);
}

static void says_valid_for_its_own_key_and_invalid_for_others(void **state)
{
    (void)state;
    char key[65];
    dialback_key_make(key, "remote.test", "ours.test", "id1");
    struct dialback_element request = read_verify("Remote.TEST", "OURS.test", "id1", key);
    assert_int_equal(judge(&request, true), DIALBACK_VALID);
    assert_string_equal(out.bytes, "<db:verify from=\"ours.test\" to=\"remote.test\" id=\"id1\" "
                                   "type=\"valid\"/>");
    request = read_verify("remote.test", "ours.test", "id2", key);
    assert_int_equal(judge(&request, true), DIALBACK_INVALID);
    request = read_verify("remote.test", "second.test", "id1", key);
    assert_int_equal(judge(&request, true), DIALBACK_INVALID);
}

static void says_error_for_domains_not_ours_and_when_it_is_off(void **state)
{
    (void)state;
    struct dialback_element request = read_verify("remote.test", "other.test", "id1", "k");
    assert_int_equal(judge(&request, true), DIALBACK_ERROR);
    assert_non_null(strstr(out.bytes, "<item-not-found xmlns="));
    request = read_verify("remote.test", "ours.test", "id1", "k");
    assert_int_equal(judge(&request, false), DIALBACK_ERROR);
    assert_non_null(strstr(out.bytes, "<policy-violation xmlns="));
}

static void says_nothing_without_addresses_or_id(void **state)
{
    (void)state;
    struct dialback_element bad[] = {read_verify(NULL, "ours.test", "i", "k"),
                                     read_verify("r.test", NULL, "i", "k"),
                                     read_verify("r.test", "ours.test", NULL, "k"),
                                     read_verify("u@r.test", "ours.test", "i", "k")};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(judge(&bad[i], true), DIALBACK_UNKNOWN_TYPE);
        assert_int_equal(out.length, 0);
    }
}

static void trims_keys_and_escapes_what_it_writes(void **state)
{
    (void)state;
    struct dialback_element read = read_verify("r.test", "ours.test", "a\"<b", " \n k&y\t ");
    assert_string_equal(read.key, "k&y");
    text_clear(&out);
    dialback_element_write_request(&out, DIALBACK_VERIFY, read.to, read.from, read.id, read.key);
    assert_string_equal(out.bytes,
                        "<db:verify from=\"ours.test\" to=\"r.test\" id=\"a&quot;&lt;b\">"
                        "k&amp;y</db:verify>");
}

static void knows_its_elements_by_namespace(void **state)
{
    (void)state;
    assert_int_equal(dialback_element_kind(element_new(arena, "result", XMLNS_DIALBACK)),
                     DIALBACK_RESULT);
    assert_int_equal(dialback_element_kind(element_new(arena, "result", XMLNS_SERVER)),
                     DIALBACK_NONE);
    assert_int_equal(dialback_element_kind(element_new(arena, "key", XMLNS_DIALBACK)),
                     DIALBACK_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(says_valid_for_its_own_key_and_invalid_for_others, start,
                                        stop),
        cmocka_unit_test_setup_teardown(says_error_for_domains_not_ours_and_when_it_is_off, start,
                                        stop),
        cmocka_unit_test_setup_teardown(says_nothing_without_addresses_or_id, start, stop),
        cmocka_unit_test_setup_teardown(trims_keys_and_escapes_what_it_writes, start, stop),
        cmocka_unit_test_setup_teardown(knows_its_elements_by_namespace, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
