/* SPDX-License-Identifier: Apache-2.0 */
/* explain - why can I not talk to them? The rules that would decide, what happened lately, and what to change
 *
 * The conclusion, in this order: a rule that bars everything; else the direction whose last attempt failed, and of two that whose
 * failure is newer, unless they could not prove themselves because we can't reach them: then the way out is the cause; else that it
 * works; else that nothing is known. A failure that the rules of today would not bring about again is told as one of the past.
 */
#include "admin/explain.h"

#include <stdio.h>
#include <string.h>

#include "admin/explain_rules.h"
#include "admin/json_words.h"
#include "server/timeline_store.h"
#include "xml/jid.h"

/* --- history --- */

static json_t *tell_line(const struct timeline_line *line)
{
    return json_pack("{s:f, s:o, s:o, s:o}", "after_ms", (double)line->after / 1000, "actor",
                     json_words(line->actor), "sentence", json_words(line->sentence), "clause",
                     json_words(line->clause));
}

json_t *explain_story(const struct timeline_story *story)
{
    json_t *steps = json_array();
    for (int i = 0; i < story->count; i++)
        json_array_append_new(steps, tell_line(&story->lines[i]));
    return steps;
}

json_t *explain_record(const struct timeline_record *record)
{
    return json_pack("{s:o, s:o, s:I, s:b, s:o, s:o, s:s, s:s, s:s, s:o, s:I, s:I, s:o}", "when",
                     json_moment(record->when), "first", json_moment(record->first), "count",
                     (json_int_t)record->count, "certain", record->certain, "local",
                     json_words(record->local), "peer", json_words(record->peer), "cause",
                     failure_word(record->failure), "step",
                     failure_step_word(failure_step(record->failure)), "side",
                     failure_side_word(failure_side(record->failure)), "why",
                     json_words(record->why), "took_ms", (json_int_t)record->story->took, "lost",
                     (json_int_t)record->story->lost, "steps", explain_story(record->story));
}

static json_t *tell_records(const struct timeline_records *records)
{
    json_t *list = json_array();
    for (int i = 0; i < records->count; i++)
        json_array_append_new(list, explain_record(&records->records[i]));
    return list;
}

static json_t *tell_asked(const char *domain)
{
    struct timeline_asked asked;
    if (!timeline_store_last_asked(domain, &asked))
        return json_null();
    return json_pack("{s:o, s:b}", "when", json_moment(asked.when), "valid", asked.valid);
}

/* What is kept of one direction. */
struct direction {
    const char *word;
    struct timeline_records successes, failures;
};

static struct direction remember(const char *domain, enum timeline_direction which)
{
    struct direction direction = {.word = which == TIMELINE_OUT ? "out" : "in"};
    timeline_store_get(domain, which, true, &direction.successes);
    timeline_store_get(domain, which, false, &direction.failures);
    return direction;
}

static void forget(struct direction *direction)
{
    timeline_records_free(&direction->successes);
    timeline_records_free(&direction->failures);
}

static json_t *tell_direction(const struct direction *direction)
{
    return json_pack("{s:o, s:o}", "successes", tell_records(&direction->successes), "failures",
                     tell_records(&direction->failures));
}

/* --- conclusion --- */

static const char *side_words(enum failure_side side)
{
    static const char *const words[] = {
        [SIDE_NOBODY] = "on whose side is not known",
        [SIDE_OURS] = "on our side",
        [SIDE_THEIRS] = "on their side",
        [SIDE_NETWORK] = "in the network between us",
        [SIDE_DNS] = "in the DNS of that domain",
    };
    return words[side];
}

static json_t *conclude(const char *works, const char *direction, enum failure failure,
                        const char *why, const char *remedy, const char *sentence)
{
    return json_pack("{s:o, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "works",
                     works == NULL               ? json_null()
                     : strcmp(works, "yes") == 0 ? json_true()
                                                 : json_false(),
                     "direction", direction, "cause", failure_word(failure), "step",
                     failure_step_word(failure_step(failure)), "side",
                     failure_side_word(failure_side(failure)), "why", json_words(why), "remedy",
                     json_words(remedy), "sentence", json_words(sentence));
}

/* begin - how a sentence about a failure begins */
static void begin(struct text *sentence, const char *domain, const char *direction)
{
    if (strcmp(direction, "in") == 0)
        text_appendf(sentence, "%s does not get in to us", domain);
    else if (strcmp(direction, "out") == 0)
        text_appendf(sentence, "We do not get through to %s", domain);
    else
        text_appendf(sentence, "We and %s can't talk", domain);
}

json_t *explain_conclusion(const char *domain, const char *direction, enum failure failure,
                           const char *why)
{
    struct text sentence = TEXT_EMPTY, remedy = TEXT_EMPTY;
    failure_remedy(failure, domain, &remedy);
    begin(&sentence, domain, direction);
    text_appendf(&sentence, ": %s; that is at the step %s, %s: %s.", why,
                 failure_step_word(failure_step(failure)), side_words(failure_side(failure)),
                 text_string(&remedy));
    json_t *conclusion =
        conclude("no", direction, failure, why, text_string(&remedy), text_string(&sentence));
    text_free(&sentence);
    text_free(&remedy);
    return conclusion;
}

/* failed_last - the newest failure of a direction, if nothing went well since; what only says that it was the domain counts where
 * nothing else is known */
static const struct timeline_record *failed_last(const struct direction *direction)
{
    bool has_success = direction->successes.count > 0;
    for (int i = 0; i < direction->failures.count; i++) {
        const struct timeline_record *record = &direction->failures.records[i];
        if (has_success && direction->successes.records[0].order > record->order)
            return NULL;
        if (record->certain || !has_success)
            return record;
    }
    return NULL;
}

/* conclude_past - the last failure would not come again */
static json_t *conclude_past(const char *domain, const char *direction,
                             const struct timeline_record *record, const char *settings)
{
    struct text sentence = TEXT_EMPTY;
    text_appendf(&sentence,
                 "Nothing in the settings %s bars %s any more: the last failure (%s) was of the "
                 "step %s, and would not come again for that reason; `check %s` tries it.",
                 settings, domain, record->why, failure_step_word(failure_step(record->failure)),
                 domain);
    json_t *conclusion =
        conclude(NULL, direction, FAILURE_NONE, record->why, "", text_string(&sentence));
    text_free(&sentence);
    return conclusion;
}

static json_t *conclude_well(const char *domain, const struct rule_verdict *verdict,
                             const struct direction *out, const struct direction *in)
{
    struct text sentence = TEXT_EMPTY;
    bool known = out->successes.count > 0 || in->successes.count > 0;
    if (verdict->ours && !verdict->upstream)
        text_appendf(&sentence, "%s is served by this server: nothing for it goes out.", domain);
    else if (known)
        text_appendf(&sentence, "Nothing is wrong: with %s, the last attempt%s went well.", domain,
                     out->successes.count == 0  ? " in"
                     : in->successes.count == 0 ? " out"
                                                : "s out and in");
    else
        text_appendf(&sentence,
                     "No rule bars %s, and nothing is known of it yet; `check %s` tries it.",
                     domain, domain);
    json_t *conclusion = conclude(known || verdict->ours ? "yes" : NULL, "both", FAILURE_NONE, "",
                                  "", text_string(&sentence));
    text_free(&sentence);
    return conclusion;
}

/* choose - of the failures that the two directions ended with, that which counts, or NULL */
static const struct timeline_record *choose(const struct direction *out, const struct direction *in,
                                            const char **direction)
{
    const struct timeline_record *there = failed_last(out), *here = failed_last(in);
    bool is_there =
        there != NULL && (here == NULL || here->failure == FAILURE_DIALBACK_UNVERIFIED ||
                          (there->certain && !here->certain) ||
                          (there->order > here->order && there->certain == here->certain));
    *direction = is_there ? out->word : in->word;
    return is_there ? there : here;
}

static json_t *conclude_all(const char *domain, const struct rule_book *book,
                            const struct rule_verdict *verdict, const struct direction *out,
                            const struct direction *in)
{
    const char *direction = "both";
    const struct timeline_record *record = choose(out, in, &direction);
    if (verdict->failure != FAILURE_NONE)
        return explain_conclusion(domain, verdict->direction, verdict->failure,
                                  text_string(&verdict->why));
    if (record == NULL || (verdict->ours && !verdict->upstream))
        return conclude_well(domain, verdict, out, in);
    if (!explain_rules_still(verdict, record->failure))
        return conclude_past(domain, direction, record,
                             book->in_force ? "in force" : book->config->file);
    return explain_conclusion(domain, direction, record->failure, record->why);
}

/* --- all of it --- */

static json_t *explain(const char *domain, const struct rule_book *book)
{
    struct rule_verdict verdict;
    json_t *rules = explain_rules_ask(book, domain, &verdict);
    struct direction out = remember(domain, TIMELINE_OUT), in = remember(domain, TIMELINE_IN);
    json_t *explanation = json_pack(
        "{s:o, s:o, s:o, s:{s:o, s:o}, s:o, s:o}", "domain", json_words(domain), "settings",
        json_words(book->in_force ? "in force" : book->config->file), "rules", rules, "history",
        "out", tell_direction(&out), "in", tell_direction(&in), "asked", tell_asked(domain),
        "conclusion", conclude_all(domain, book, &verdict, &out, &in));
    forget(&out);
    forget(&in);
    text_free(&verdict.why);
    return explanation;
}

json_t *explain_domain(const char *domain, const char *file, struct text *why)
{
    char prepared[JID_PART_MAX + 1];
    struct rule_book book;
    json_t *explanation = NULL;
    if (jid_prepare_domain(domain, strlen(domain), prepared) < 0) {
        text_appendf(why, "'%.200s' is no domain", domain);
        return NULL;
    }
    if (explain_rules_open(&book, file, why) == 0)
        explanation = explain(prepared, &book);
    explain_rules_close(&book);
    return explanation;
}
