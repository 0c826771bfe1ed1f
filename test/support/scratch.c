/* SPDX-License-Identifier: Apache-2.0 */
/* scratch - a directory of its own for a test, and standard error as a text
 *
 * Whatever goes wrong here is no result of a test: it ends the program with a sentence. The directory is
 * made where TMPDIR says. Standard error is put into a file, not a pipe: nobody needs to read it while the
 * test runs, and it can't fill up.
 */
#include "test/support/scratch.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PATHS 8

static char *directory;
static char *paths[PATHS];
static unsigned next_path;
static int kept_stderr = -1;
static FILE *captured;

static void give_up(const char *what)
{
    perror(what);
    exit(99);
}

const char *scratch_open(void)
{
    const char *base = getenv("TMPDIR");
    directory = text_format("%s/openfire-s2s-test-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(directory) == NULL)
        give_up(directory);
    return directory;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void scratch_close(void)
{
    if (nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS) != 0)
        give_up(directory);
    free(directory);
    directory = NULL;
    for (int i = 0; i < PATHS; i++) {
        free(paths[i]);
        paths[i] = NULL;
    }
}

const char *scratch_path(const char *name)
{
    char **path = &paths[next_path++ % PATHS];
    free(*path);
    *path = text_format("%s/%s", directory, name);
    return *path;
}

const char *scratch_write(const char *name, const char *content)
{
    const char *path = scratch_path(name);
    FILE *file = fopen(path, "we");
    if (file == NULL || fputs(content, file) < 0 || fclose(file) != 0)
        give_up(path);
    return path;
}

int scratch_read(const char *path, struct text *out)
{
    char bytes[4096];
    size_t got;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -1;
    while ((got = fread(bytes, 1, sizeof bytes, file)) > 0)
        text_append(out, bytes, got);
    fclose(file);
    return 0;
}

void scratch_capture_log(void)
{
    captured = tmpfile();
    kept_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (captured == NULL || kept_stderr < 0 || dup2(fileno(captured), STDERR_FILENO) < 0)
        give_up("standard error");
}

char *scratch_captured_log(void)
{
    struct text content = TEXT_EMPTY;
    char bytes[4096];
    size_t got;
    if (dup2(kept_stderr, STDERR_FILENO) < 0)
        _exit(99);
    close(kept_stderr);
    rewind(captured);
    while ((got = fread(bytes, 1, sizeof bytes, captured)) > 0)
        text_append(&content, bytes, got);
    fclose(captured);
    return content.length > 0 ? text_take(&content) : text_copy("");
}
