/* check_report - the steps of a check as they end, and what they come to
 *
 * Openfire: the three texts of the S2S test page. Each step is an object
 *     {"step", "target" or null, "verdict": "good", "bad", "note" or "skipped", "sentence", "clause", "ms", "cause", "details"}
 * that is kept and, as it ends, given to whoever watches. One thread.
 */
#ifndef ADMIN_CHECK_REPORT_H
#define ADMIN_CHECK_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/failure.h"

struct timeline;

enum check_verdict {
    CHECK_GOOD,
    CHECK_BAD,
    CHECK_NOTE,   /* worth knowing; nothing hangs on it */
    CHECK_SKIPPED /* could not be tried, for the reason given */
};

struct check_report {
    json_t *steps;                                     /* owned */
    struct timeline *timeline;                         /* owned; notes the cause that counts */
    void (*progress)(void *owner, const json_t *step); /* NULL: nobody watches */
    void *owner;
};

void check_report_init(struct check_report *report, void (*progress)(void *, const json_t *),
                       void *owner);
void check_report_free(struct check_report *report);

/* Where and since when (xmpp_server_now) a step was made. */
struct check_place {
    enum failure_step step;
    const char *target; /* NULL: of the whole domain */
    const char *clause; /* NULL: none */
    int64_t since;
};

/* check_report_step - it is over. `details` is taken (NULL: none). */
void check_report_step(struct check_report *report, const struct check_place *place,
                       enum check_verdict verdict, json_t *details, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* check_report_bad - it failed, for this cause; the cause of the furthest step becomes the report's. Always -1. */
int check_report_bad(struct check_report *report, const struct check_place *place,
                     enum failure failure, json_t *details, const char *why);
#endif
