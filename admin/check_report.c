/* SPDX-License-Identifier: Apache-2.0 */
/* check_report - the steps of a check as they end, and what they come to
 *
 * Which of several causes counts is decided by a timeline, as for live attempts (server/failure.h).
 */
#include "admin/check_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "admin/json_words.h"
#include "server/printable.h"
#include "server/timeline.h"
#include "server/xmpp_server.h"

#define SENTENCE 800

void check_report_init(struct check_report *report, void (*progress)(void *, const json_t *),
                       void *owner)
{
    *report = (struct check_report){json_array(), timeline_new(), progress, owner};
}

void check_report_free(struct check_report *report)
{
    json_decref(report->steps);
    timeline_free(report->timeline);
}

static void add(struct check_report *report, const struct check_place *place,
                enum check_verdict verdict, enum failure failure, json_t *details,
                const char *sentence)
{
    static const char *const words[] = {"good", "bad", "note", "skipped"};
    char escaped[SENTENCE];
    printable_escape(escaped, sizeof escaped, sentence, strlen(sentence), false);
    json_t *step = json_pack(
        "{s:s, s:o, s:s, s:o, s:o, s:I, s:o, s:o}", "step", failure_step_word(place->step),
        "target", json_words(place->target), "verdict", words[verdict], "sentence",
        json_words(escaped), "clause", json_words(place->clause), "ms",
        (json_int_t)(xmpp_server_now() - place->since), "cause",
        failure != FAILURE_NONE ? json_words(failure_word(failure)) : json_null(), "details",
        details != NULL ? details : json_null());
    json_array_append_new(report->steps, step);
    if (report->progress != NULL)
        report->progress(report->owner, step);
}

void check_report_step(struct check_report *report, const struct check_place *place,
                       enum check_verdict verdict, json_t *details, const char *format, ...)
{
    char sentence[SENTENCE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    add(report, place, verdict, FAILURE_NONE, details, sentence);
}

int check_report_bad(struct check_report *report, const struct check_place *place,
                     enum failure failure, json_t *details, const char *why)
{
    failure = timeline_fail(report->timeline, failure, "%s%s%s",
                            place->target != NULL ? place->target : "",
                            place->target != NULL ? ": " : "", why);
    add(report, place, CHECK_BAD, failure, details, why);
    return -1;
}
