/* SPDX-License-Identifier: Apache-2.0 */
/* explain_text - explanations and checks for people: rules as a table, attempts step by step, the sentence
 *
 * What the JSON holds was escaped when it was made; nothing here needs to be.
 */
#include "admin/explain_text.h"

#include <string.h>

#include "admin/json_words.h"

#define WIDTH 100

/* wrap - in lines of at most WIDTH columns, each begun with `indent` blanks */
static void wrap(struct text *out, int indent, const char *sentence)
{
    int column = 0;
    while (*sentence != '\0') {
        int length = (int)strcspn(sentence, " ");
        if (column > 0 && column + 1 + length > WIDTH) {
            text_append_char(out, '\n');
            column = 0;
        }
        if (column == 0)
            text_appendf(out, "%*s", indent, "");
        else
            text_append_char(out, ' ');
        text_append(out, sentence, (size_t)length);
        column = column == 0 ? indent + length : column + 1 + length;
        sentence += length;
        sentence += strspn(sentence, " ");
    }
    text_append_char(out, '\n');
}

/* write_behind - words behind what stands in `indent` columns already; further lines begin there */
static void write_behind(struct text *out, int indent, const char *words)
{
    struct text lines = TEXT_EMPTY;
    wrap(&lines, indent, words);
    text_append_string(out, text_string(&lines) + indent);
    text_free(&lines);
}

static void write_rules(const json_t *rules, struct text *out)
{
    size_t i;
    const json_t *rule;
    json_array_foreach(rules, i, rule)
    {
        const char *clause = json_text(rule, "clause");
        struct text words = TEXT_EMPTY;
        text_appendf(&words, "%s (%s)%s%s%s", json_text(rule, "decision"), json_text(rule, "by"),
                     clause[0] ? " [" : "", clause, clause[0] ? "]" : "");
        text_appendf(out, "  %-4s %-14s %s ", json_text(rule, "direction"), json_text(rule, "rule"),
                     json_is_true(json_object_get(rule, "allows")) ? " " : "!");
        write_behind(out, 24, text_string(&words));
        text_free(&words);
    }
}

static void write_steps(const json_t *record, struct text *out)
{
    size_t i;
    const json_t *step, *steps = json_object_get(record, "steps");
    json_int_t lost = json_integer_value(json_object_get(record, "lost"));
    if (lost > 0)
        text_appendf(out, "      (%lld earlier steps are not kept)\n", (long long)lost);
    json_array_foreach(steps, i, step)
    {
        const char *clause = json_text(step, "clause");
        struct text words = TEXT_EMPTY;
        text_appendf(&words, "%s%s%s%s", json_text(step, "sentence"), clause[0] ? " [" : "", clause,
                     clause[0] ? "]" : "");
        text_appendf(out, "      %+9.1f ms  ", json_real_value(json_object_get(step, "after_ms")));
        write_behind(out, 20, text_string(&words));
        text_free(&words);
    }
}

static void write_record(const json_t *record, bool failed, struct text *out)
{
    json_int_t count = json_integer_value(json_object_get(record, "count"));
    const char *local = json_text(record, "local"), *peer = json_text(record, "peer");
    text_appendf(out, "  %s  %s%s%s%s%s, %lld ms", json_text(record, "when"),
                 failed ? "failed" : "went well", local[0] ? ", for " : "", local,
                 peer[0] ? ", at " : "", peer,
                 (long long)json_integer_value(json_object_get(record, "took_ms")));
    if (count > 1)
        text_appendf(out, "; %lld times since %s", (long long)count, json_text(record, "first"));
    if (!json_is_true(json_object_get(record, "certain")))
        text_append_string(out, "; so it said: nothing proves that it was this domain");
    text_append_char(out, '\n');
    if (failed) {
        struct text words = TEXT_EMPTY;
        text_appendf(&words, "%s (step %s, side %s): %s", json_text(record, "cause"),
                     json_text(record, "step"), json_text(record, "side"),
                     json_text(record, "why"));
        wrap(out, 6, text_string(&words));
        text_free(&words);
    }
    write_steps(record, out);
}

static void write_records(const json_t *direction, const char *key, const char *heading,
                          struct text *out)
{
    size_t i;
    const json_t *record, *records = json_object_get(direction, key);
    if (json_array_size(records) == 0)
        return;
    text_appendf(out, "\n%s, the last first:\n", heading);
    json_array_foreach(records, i, record)
    {
        write_record(record, strcmp(key, "failures") == 0, out);
    }
}

void explain_text_write(const json_t *explanation, struct text *out)
{
    const json_t *history = json_object_get(explanation, "history");
    const json_t *asked = json_object_get(explanation, "asked");
    text_appendf(out, "%s, by the settings %s:\n", json_text(explanation, "domain"),
                 json_text(explanation, "settings"));
    write_rules(json_object_get(explanation, "rules"), out);
    const json_t *way_out = json_object_get(history, "out"), *in = json_object_get(history, "in");
    write_records(way_out, "failures", "Out: failures", out);
    write_records(way_out, "successes", "Out: successes", out);
    write_records(in, "failures", "In: failures", out);
    write_records(in, "successes", "In: successes", out);
    if (json_is_object(asked))
        text_appendf(out, "\nIt last asked us about a key at %s: %s\n", json_text(asked, "when"),
                     json_is_true(json_object_get(asked, "valid")) ? "ours" : "not ours");
    explain_text_conclusion(explanation, out);
}

/* --- checks --- */

/* write_details - of a certificate: names, dates, who certified it */
static void write_details(const json_t *details, struct text *out)
{
    const char *subject = json_text(details, "subject"),
               *not_after = json_text(details, "not_after");
    if (subject[0] != '\0')
        text_appendf(out, "%34ssubject %s, certified by %s\n", "", subject,
                     json_text(details, "issuer"));
    if (not_after[0] != '\0')
        text_appendf(out, "%34sfrom %s to %s\n", "", json_text(details, "not_before"), not_after);
    size_t i;
    const json_t *name, *names = json_object_get(details, "names");
    struct text list = TEXT_EMPTY;
    json_array_foreach(names, i, name)
    {
        text_appendf(&list, "%s%s", i == 0 ? "for " : ", ", json_string_value(name));
    }
    if (list.length > 0)
        wrap(out, 34, text_string(&list));
    text_free(&list);
}

void explain_text_step(const json_t *step, struct text *out)
{
    const char *target = json_text(step, "target"), *clause = json_text(step, "clause");
    struct text words = TEXT_EMPTY;
    text_appendf(&words, "%s%s%s%s%s%s", target, target[0] ? ": " : "", json_text(step, "sentence"),
                 clause[0] ? " [" : "", clause, clause[0] ? "]" : "");
    text_appendf(out, "%-7s %-15s %5lld ms  ", json_text(step, "verdict"), json_text(step, "step"),
                 (long long)json_integer_value(json_object_get(step, "ms")));
    write_behind(out, 34, text_string(&words));
    write_details(json_object_get(step, "details"), out);
    text_free(&words);
}

void explain_text_conclusion(const json_t *result, struct text *out)
{
    text_append_char(out, '\n');
    wrap(out, 0, json_text(json_object_get(result, "conclusion"), "sentence"));
}

void explain_text_check(const json_t *result, struct text *out)
{
    size_t i;
    const json_t *step;
    json_array_foreach(json_object_get(result, "steps"), i, step)
    {
        explain_text_step(step, out);
    }
    explain_text_conclusion(result, out);
}
