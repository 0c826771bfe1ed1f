/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_import - `openfire-s2sctl import`: settings and rows of an Openfire installation
 *
 * Openfire: none. Its words are read here and not by control_request_read, since there may be any number of paths. One
 * thread.
 */
#include "admin/ctl_import.h"

#include <string.h>

#include "admin/openfire_import.h"

int ctl_import_run(const struct control_words *words, const char *file, bool json, struct text *out,
                   struct text *why)
{
    const char *paths[CONTROL_WORDS_MAX];
    struct openfire_import_options options = {.conf = file, .sources = paths, .json = json};
    for (int i = 1; i < words->count; i++) {
        const char *word = words->word[i];
        if (strcmp(word, "--write") == 0)
            options.write = true;
        else if (strcmp(word, "--replace") == 0)
            options.replace = true;
        else if (strncmp(word, "--", 2) == 0)
            text_appendf(why, "there is no option %s; ", word);
        else
            paths[options.count++] = word;
    }
    if (options.count == 0 || why->length > 0) {
        text_append_string(why, "usage: openfire-s2sctl import OPENFIRE [FILE]... [--write] "
                                "[--replace]");
        return CTL_IMPORT_MISUSED;
    }
    return openfire_import(&options, out, why);
}
