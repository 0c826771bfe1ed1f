/* SPDX-License-Identifier: Apache-2.0 */
/* failure - why two servers can not talk, in one word: at which step, on whose side, and what to change
 *
 * The table is in the header; here it is looked up. Constant, no locks, nothing to free.
 */
#include "server/failure.h"

#include <string.h>

struct row {
    const char *word;
    enum failure_step step;
    enum failure_side side;
    const char *remedy;
};

static const struct row rows[] = {
#define FAILURE_ROW(value, word, step, side, remedy) [value] = {word, step, side, remedy},
    FAILURES(FAILURE_ROW)
#undef FAILURE_ROW
};

#define FAILURE_WORD(value, word) [value] = (word),
static const char *const step_words[] = {FAILURE_STEPS(FAILURE_WORD)};
static const char *const side_words[] = {FAILURE_SIDES(FAILURE_WORD)};

const char *failure_word(enum failure failure)
{
    return rows[failure].word;
}

enum failure_step failure_step(enum failure failure)
{
    return rows[failure].step;
}

enum failure_side failure_side(enum failure failure)
{
    return rows[failure].side;
}

const char *failure_step_word(enum failure_step step)
{
    return step_words[step];
}

const char *failure_side_word(enum failure_side side)
{
    return side_words[side];
}

void failure_remedy(enum failure failure, const char *domain, struct text *out)
{
    static const char place[] = "{domain}";
    const char *at = failure != FAILURE_NONE ? rows[failure].remedy : "";
    for (const char *found; (found = strstr(at, place)) != NULL; at = found + sizeof place - 1) {
        text_append(out, at, (size_t)(found - at));
        text_append_string(out, domain);
    }
    text_append_string(out, at);
}
