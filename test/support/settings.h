/* settings - a settings file in the scratch directory, for the tests of the config module */
#ifndef TEST_SUPPORT_SETTINGS_H
#define TEST_SUPPORT_SETTINGS_H

#include "server/config.h"

/* settings_open_scratch, settings_close_scratch - cmocka's set-up and teardown */
int settings_open_scratch(void **state);
int settings_close_scratch(void **state);
/* settings_load - a snapshot of this content, or NULL with `why` */
struct config *settings_load(const char *content, struct text *why);
/* settings_load_good - the same; the test fails when it is refused */
struct config *settings_load_good(const char *content);
/* settings_assert_refused - the fault, behind the file's path, must read so */
void settings_assert_refused(const char *content, const char *fault);

#endif
