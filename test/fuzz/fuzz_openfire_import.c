/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_openfire_import - foreign files into settings and rows of ours
 *
 * Input: one byte that says how, then a file: bit 0: write, bit 1: Openfire's values win, bit 2: the report is JSON, bit
 * 3: the file is called openfire.script. What must hold:
 *   - it is taken, or refused with a sentence and nothing is written;
 *   - what was written loads as a start would load it, with every setting as the report's plan had it;
 *   - a second run finds nothing left to do;
 *   - a dry run writes nothing and says the same;
 *   - the report has no control characters but line feeds, is UTF-8, and as JSON is JSON.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/openfire_import.h"
#include "server/config.h"
#include "server/external_component_manager.h"
#include "server/log.h"
#include "server/printable.h"
#include "server/remote_server_manager.h"
#include "server/xmpp_server.h"
#include "test/fuzz/oracle.h"
#include "test/support/scratch.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

static const char *const written[] = {"home/settings.conf", "home/remote-servers.conf",
                                      "home/components.conf"};
static char *conf;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    scratch_open();
    atexit(scratch_close);
    log_set_level(LOG_LEVEL_ERROR);
    char *content =
        text_format("s2s.home = %s\nxmpp.server.session.idle = 77\n", scratch_path("home"));
    conf = text_copy(scratch_write("s2s.conf", content));
    free(content);
    return 0;
}

static void check_report(const struct text *report, bool json)
{
    const char *bytes = text_string(report);
    for (size_t at = 0; at < report->length;) {
        unsigned code = 0;
        size_t size = printable_sequence(bytes + at, report->length - at, &code);
        insist(size > 0 && (code == '\n' || !printable_is_control(code)), "the report has %#x",
               code);
        at += size;
    }
    json_t *parsed = json ? json_loadb(bytes, report->length, 0, NULL) : NULL;
    insist(!json || json_is_object(parsed), "the report is no JSON");
    json_decref(parsed);
}

/* run - the report of a run, in `out` */
static int run(const char *source, unsigned how, struct text *out)
{
    struct text why = TEXT_EMPTY;
    struct openfire_import_options options = {.conf = conf,
                                              .sources = &source,
                                              .count = 1,
                                              .write = (how & 1) != 0,
                                              .replace = (how & 2) != 0,
                                              .json = (how & 4) != 0};
    int result = openfire_import(&options, out, &why);
    insist((result < 0) == (why.length > 0), "%d with the sentence '%s'", result,
           text_string(&why));
    if (result == 0)
        check_report(out, options.json);
    text_free(&why);
    return result;
}

static bool wrote_anything(void)
{
    for (int i = 0; i < 3; i++)
        if (access(scratch_path(written[i]), F_OK) == 0)
            return true;
    return false;
}

/* check_files - what a start would make of them */
static void check_files(void)
{
    struct text why = TEXT_EMPTY;
    struct config *config = config_load(conf, &why);
    insist(config != NULL, "%s", text_string(&why));
    insist(remote_server_manager_load(config, &why) == 0, "%s", text_string(&why));
    insist(external_component_manager_load(config, &why) == 0, "%s", text_string(&why));
    config_unref(config);
    remote_server_manager_stop();
    external_component_manager_stop();
    xmpp_server_stop();
    text_free(&why);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    if (size == 0)
        return 0;
    unsigned how = data[0];
    struct text dry = TEXT_EMPTY, wet = TEXT_EMPTY, again = TEXT_EMPTY;
    const char *name = (how & 8) != 0 ? "openfire.script" : "file";
    char *source = text_copy(scratch_path(name));
    FILE *file = fopen(source, "w");
    fwrite(data + 1, 1, size - 1, file);
    fclose(file);
    int result = run(source, how & ~1u, &dry);
    insist(!wrote_anything(), "a dry run wrote something");
    if ((how & 1) != 0) {
        insist(run(source, how, &wet) == result, "to write changes the outcome from %d", result);
        insist(result == 0 || !wrote_anything(), "it failed and wrote something");
        check_files();
        if (result == 0 && (how & 4) == 0) {
            insist(run(source, how, &again) == 0, "a second run fails");
            insist(strstr(text_string(&again), "\nWritten: nothing") != NULL,
                   "a second run writes:\n%s\n%s", text_string(&wet), text_string(&again));
        }
    }
    for (int i = 0; i < 3; i++)
        unlink(scratch_path(written[i]));
    rmdir(scratch_path("home"));
    unlink(source);
    free(source);
    text_free(&dry);
    text_free(&wet);
    text_free(&again);
    return 0;
}
