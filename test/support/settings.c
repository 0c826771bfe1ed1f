/* SPDX-License-Identifier: Apache-2.0 */
/* settings - a settings file in the scratch directory, for the tests of the config module
 *
 * Shared by test_config and test_config_snapshots. One thread.
 */
#include "test/support/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "test/support/scratch.h"

int settings_open_scratch(void **state)
{
    (void)state;
    scratch_open();
    return 0;
}

int settings_close_scratch(void **state)
{
    (void)state;
    config_stop();
    scratch_close();
    return 0;
}

/* settings_load - a snapshot of this content, with s2s.home in the scratch directory */
struct config *settings_load(const char *content, struct text *why)
{
    char *all = text_format("s2s.home = %s\n%s", scratch_path(""), content);
    struct config *config = config_load(scratch_write("s2s.conf", all), why);
    free(all);
    return config;
}

struct config *settings_load_good(const char *content)
{
    struct text why = TEXT_EMPTY;
    struct config *config = settings_load(content, &why);
    if (config == NULL)
        fail_msg("%s", text_string(&why));
    assert_string_equal(text_string(&why), "");
    text_free(&why);
    return config;
}

/* settings_assert_refused - the fault, behind the file's path, must read so */
void settings_assert_refused(const char *content, const char *fault)
{
    struct text why = TEXT_EMPTY;
    assert_null(settings_load(content, &why));
    char *whole = text_format("%s%s", scratch_path("s2s.conf"), fault);
    assert_string_equal(text_string(&why), whole);
    free(whole);
    text_free(&why);
}
