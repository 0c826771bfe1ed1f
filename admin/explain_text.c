/* SPDX-License-Identifier: Apache-2.0 */
/* explain_text - an explanation for people: rules as a table, attempts step by step, the sentence
 *
 * What the JSON holds was escaped when it was kept; nothing here needs to be.
 */
#include "admin/explain_text.h"

#include <string.h>

#include "admin/explain.h"
#include "admin/json_words.h"

#define WIDTH 100

void explain_text_wrap(struct text *out, int indent, const char *sentence)
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

static void write_rules(const json_t *rules, struct text *out)
{
    size_t i;
    const json_t *rule;
    json_array_foreach(rules, i, rule)
    {
        const char *clause = json_text(rule, "clause");
        text_appendf(out, "  %-4s %-14s %s %s  (%s)%s%s%s\n", json_text(rule, "direction"),
                     json_text(rule, "rule"),
                     json_is_true(json_object_get(rule, "allows")) ? " " : "!",
                     json_text(rule, "decision"), json_text(rule, "by"), clause[0] ? " [" : "",
                     clause, clause[0] ? "]" : "");
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
        text_appendf(
            out, "      %+9.1f ms  %s%s%s%s\n", json_real_value(json_object_get(step, "after_ms")),
            json_text(step, "sentence"), clause[0] ? " [" : "", clause, clause[0] ? "]" : "");
    }
}

static void write_record(const json_t *record, bool failed, struct text *out)
{
    json_int_t count = json_integer_value(json_object_get(record, "count"));
    const char *local = json_text(record, "local"), *peer = json_text(record, "peer");
    text_appendf(out, "    %s  %s%s%s%s%s, %lld ms", json_text(record, "when"),
                 failed ? "failed" : "went well", local[0] ? ", for " : "", local,
                 peer[0] ? ", at " : "", peer,
                 (long long)json_integer_value(json_object_get(record, "took_ms")));
    if (count > 1)
        text_appendf(out, "; %lld times since %s", (long long)count, json_text(record, "first"));
    if (!json_is_true(json_object_get(record, "certain")))
        text_append_string(out, "; so it said: nothing proves that it was this domain");
    text_append_char(out, '\n');
    if (failed)
        text_appendf(out, "      %s (step %s, side %s): %s\n", json_text(record, "cause"),
                     json_text(record, "step"), json_text(record, "side"),
                     json_text(record, "why"));
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

void explain_write(const json_t *explanation, struct text *out)
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
    text_append_char(out, '\n');
    explain_text_wrap(out, 0, json_text(json_object_get(explanation, "conclusion"), "sentence"));
}
