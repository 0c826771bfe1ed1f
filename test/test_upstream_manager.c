/* SPDX-License-Identifier: Apache-2.0 */
/* test_upstream_manager - the sections of XMPP servers behind us, and the domains they stand for
 *
 * Hosts are addresses here, so that no name is looked up. The dialogues show the rest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/upstream_manager.h"
#include "server/xmpp_server.h"
#include "test/support/scratch.h"
#include "test/support/settings.h"

#define BUECHER "b\303\274cher.example"

static int stop(void **state)
{
    (void)state;
    upstream_manager_stop();
    xmpp_server_stop();
    return 0;
}

/* load - the sections; the faults, which are freed by the next call */
static const char *load(const char *content, int expected)
{
    static struct text why;
    struct config *config = settings_load_good(content);
    text_free(&why);
    assert_int_equal(upstream_manager_load(config, &why), expected);
    config_unref(config);
    return text_string(&why);
}

static bool has(const char *domain)
{
    return upstream_manager_has(domain, strlen(domain));
}

static void knows_its_domains_prepared(void **state)
{
    (void)state;
    load("[upstream xn--bcher-kva.example]\nhost = 192.0.2.1\ndomains = Rooms.Example, "
         "xn--bcher-kva.test\n"
         "[upstream a.example.]\nhost = 192.0.2.2\nport = 5270\n",
         0);
    assert_true(has(BUECHER));
    assert_true(xmpp_server_is_local(BUECHER, strlen(BUECHER)));
    assert_true(has("rooms.example"));
    assert_true(has("b\303\274cher.test"));
    assert_true(has("a.example"));
    assert_false(has("xn--bcher-kva.example"));
    assert_false(has("b.example"));
    char host[256];
    int port;
    assert_true(upstream_manager_target("a.example", host, &port, NULL));
    assert_string_equal(host, "192.0.2.2");
    assert_int_equal(port, 5270);
}

static void refuses_a_section_without_a_domain_or_a_host(void **state)
{
    (void)state;
    assert_non_null(strstr(load("[upstream ,]\nhost = 192.0.2.1\n", -1), ":2: [upstream ,]: "));
    assert_non_null(
        strstr(load("[upstream a..b]\nhost = 192.0.2.1\n", -1), ":2: [upstream a..b]: "));
    assert_non_null(
        strstr(load("[upstream a.example]\nport = 5269\n", -1), ":2: [upstream a.example]: "));
    assert_non_null(
        strstr(load("[upstream a.example,b.example]\nhost = 192.0.2.1\n", -1), ":2: [upstream a"));
    assert_false(has("a.example"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(knows_its_domains_prepared, stop),
        cmocka_unit_test_teardown(refuses_a_section_without_a_domain_or_a_host, stop),
    };
    return cmocka_run_group_tests(tests, settings_open_scratch, settings_close_scratch);
}
