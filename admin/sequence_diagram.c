/* SPDX-License-Identifier: Apache-2.0 */
/* sequence_diagram - a timeline as a picture: who said what to whom, with times, clauses and what became of it
 *
 * Twice through the steps: first what each looks like and who takes part, which gives the columns; then row by row downwards. The rows
 * go to a text of their own, as the height and the ends of the lifelines, which lie under them, are known only behind the last row.
 */
#include "admin/sequence_diagram.h"

#include <stdlib.h>
#include <string.h>

#include "admin/json_words.h"
#include "admin/sequence_steps.h"
#include "admin/svg.h"

#define WIDTH 460.0
#define EDGE 10.0           /* of the picture */
#define LEFT 74.0           /* our lifeline: left of it are the times */
#define RIGHT 412.0         /* the other server's */
#define LINE 15.0           /* from line to line of a sentence */
#define SENTENCE_MAX 800    /* bytes of a sentence, and of a name */
#define DESCRIPTION_MAX 200 /* bytes of a sentence in the description */

struct diagram {
    const json_t *story;
    const char *domain, *local;
    struct sequence_reading reading;
    struct sequence_step *steps;
    size_t count, left_out;
    bool takes_part[PARTY_COUNT];
    double x[PARTY_COUNT], until[PARTY_COUNT]; /* where its lifeline stands, and ends */
    double lines_begin, encrypted;             /* y; encrypted 0: it never was */
    enum sequence_phase phase;
    double y; /* where the next thing begins */
    struct text rows;
};

static const struct svg_face title_face = {15.5, false, true, INK_TEXT};
static const struct svg_face name_face = {12, false, true, INK_TEXT};
static const struct svg_face heading_face = {13.5, false, true, INK_TEXT};
static const struct svg_face label_face = {12.5, true, true, INK_TEXT};
static const struct svg_face sentence_face = {12.5, false, false, INK_TEXT};
static const struct svg_face quiet_face = {11, false, false, INK_QUIET};

static struct svg_face in_ink(struct svg_face face, enum svg_ink ink)
{
    face.ink = ink;
    return face;
}

static enum svg_ink ink_of(enum sequence_tone tone)
{
    static const enum svg_ink inks[] = {INK_ARROW, INK_GOOD, INK_WARN, INK_BAD};
    return inks[tone];
}

static enum svg_ink ground_of(enum sequence_tone tone)
{
    static const enum svg_ink inks[] = {INK_BOX, INK_BOX_GOOD, INK_BOX_WARN, INK_BOX_BAD};
    return inks[tone];
}

/* --- first time through --- */

static bool begins_incoming(const json_t *steps)
{
    const char *first = json_text(json_array_get(steps, 0), "actor");
    return strcmp(first, "BlockingAcceptingMode.run") == 0;
}

static void read_steps(struct diagram *diagram, const json_t *steps)
{
    const char *direction = json_text(diagram->story, "direction");
    const char *cause = json_text(diagram->story, "cause");
    struct sequence_reading *reading = &diagram->reading;
    reading->incoming =
        direction[0] != '\0' ? strcmp(direction, "in") == 0 : begins_incoming(steps);
    reading->failed = cause[0] != '\0' && strcmp(cause, "none") != 0;
    diagram->count = json_array_size(steps);
    if (diagram->count > SEQUENCE_DIAGRAM_STEPS) {
        diagram->left_out = diagram->count - SEQUENCE_DIAGRAM_STEPS;
        diagram->count = SEQUENCE_DIAGRAM_STEPS;
    }
    diagram->steps = text_calloc(diagram->count + 1, sizeof *diagram->steps);
    diagram->takes_part[PARTY_US] = diagram->takes_part[PARTY_REMOTE] = true;
    for (size_t i = 0; i < diagram->count; i++) {
        const json_t *step = json_array_get(steps, i);
        struct sequence_step *read = &diagram->steps[i];
        sequence_steps_read(reading, json_text(step, "actor"), json_text(step, "clause"),
                            json_text(step, "sentence"), read);
        for (int k = 0; k < read->count; k++)
            diagram->takes_part[read->moves[k].from] = diagram->takes_part[read->moves[k].to] =
                true;
    }
}

/* place - columns at equal distances */
static void place(struct diagram *diagram)
{
    int count = 0, at = 0;
    for (int i = 0; i < PARTY_COUNT; i++)
        count += diagram->takes_part[i];
    for (int i = 0; i < PARTY_COUNT; i++)
        if (diagram->takes_part[i])
            diagram->x[i] = LEFT + at++ * (RIGHT - LEFT) / (count - 1);
}

/* --- rows --- */

/* cover - hide the lifelines between the outermost ones behind what is written from y on */
static void cover(struct diagram *diagram, double x, double y, double width, double height)
{
    if (diagram->takes_part[PARTY_DNS] || diagram->takes_part[PARTY_AUTHORITY])
        svg_box(&diagram->rows, x, y, width, height, INK_GROUND, INK_NONE);
}

/* write_lines - a sentence, wrapped; moves y behind it */
static void write_lines(struct diagram *diagram, const struct svg_face *face, double x,
                        double width, int most, const char *sentence)
{
    struct span lines[SVG_LINES_MAX];
    bool cut;
    size_t length = strnlen(sentence, SENTENCE_MAX + 1);
    char *copy = text_copy_n(sentence, length > SENTENCE_MAX ? SENTENCE_MAX : length);
    int count = svg_wrap(face, copy, width, most, lines, &cut);
    double line = face->size + LINE - sentence_face.size;
    for (int i = 0; i < count; i++) {
        bool more = i == count - 1 && (cut || length > SENTENCE_MAX);
        struct text words = TEXT_EMPTY;
        text_append(&words, lines[i].bytes, lines[i].length);
        text_append_string(&words, more ? "\xe2\x80\xa6" : "");
        diagram->y += line;
        svg_text(&diagram->rows, face, "start", x, diagram->y - 3.5, text_string(&words),
                 words.length);
        text_free(&words);
    }
    free(copy);
}

/* height_of - what write_lines will add to y */
static double height_of(const struct svg_face *face, double width, int most, const char *sentence)
{
    struct diagram trial = {0};
    write_lines(&trial, face, 0, width, most, sentence);
    text_free(&trial.rows);
    return trial.y;
}

/* write_said - under an arrow or in a box: the sentence, then clause and actor */
static void write_said(struct diagram *diagram, const json_t *step, double x, double width,
                       enum sequence_tone tone)
{
    struct svg_face face =
        in_ink(sentence_face, tone == TONE_BAD || tone == TONE_WARN ? ink_of(tone) : INK_TEXT);
    const char *clause = json_text(step, "clause"), *actor = json_text(step, "actor");
    struct text quiet = TEXT_EMPTY;
    text_appendf(&quiet, "%s%s%s", clause, clause[0] && actor[0] ? ", " : "", actor);
    write_lines(diagram, &face, x, width, SVG_LINES_MAX, json_text(step, "sentence"));
    write_lines(diagram, &quiet_face, x, width, 3, text_string(&quiet));
    text_free(&quiet);
}

/* said_height - of the same */
static double said_height(const json_t *step, double width)
{
    struct diagram trial = {0};
    write_said(&trial, step, 0, width, TONE_PLAIN);
    text_free(&trial.rows);
    return trial.y;
}

/* write_time - left of our lifeline, at this height */
static void write_time(struct diagram *diagram, const json_t *step, double y)
{
    double after = json_number_value(json_object_get(step, "after_ms"));
    char *time = after >= 10000  ? text_format("+%.1f s", after / 1000)
                 : after >= 99.5 ? text_format("+%.0f ms", after)
                                 : text_format("+%.1f ms", after);
    svg_text(&diagram->rows, &quiet_face, "end", LEFT - 8, y, time, strlen(time));
    free(time);
}

/* write_label - over an arrow, in the middle of it */
static void write_label(struct diagram *diagram, const struct sequence_move *move)
{
    double from = diagram->x[move->from], to = diagram->x[move->to];
    double width = svg_width(&label_face, move->label, strlen(move->label));
    double left = (from + to - width) / 2;
    if (left < LEFT + 6)
        left = LEFT + 6; /* longer than the arrow */
    bool marked = move->tone == TONE_BAD || move->tone == TONE_WARN;
    struct svg_face face = in_ink(label_face, marked ? ink_of(move->tone) : INK_TEXT);
    cover(diagram, left - 2, diagram->y + 1, width + 4, 14);
    svg_text(&diagram->rows, &face, "start", left, diagram->y + 12, move->label,
             strlen(move->label));
}

/* write_arrow - its label, and the arrow under it */
static void write_arrow(struct diagram *diagram, const struct sequence_move *move)
{
    double from = diagram->x[move->from], to = diagram->x[move->to];
    enum svg_ink ink = ink_of(move->tone);
    write_label(diagram, move);
    diagram->y += 20;
    svg_arrow(&diagram->rows, from, to, diagram->y, ink, move->shape != SHAPE_LOST);
    if (move->shape == SHAPE_BOTH) /* the other head */
        svg_arrow(&diagram->rows, to, from, diagram->y, ink, true);
    diagram->y += 4;
    diagram->until[move->from] = diagram->until[move->to] = diagram->y;
}

/* write_note - a box over our lifeline */
static void write_note(struct diagram *diagram, const struct sequence_move *move,
                       const json_t *step)
{
    double x = LEFT - 3, width = RIGHT - LEFT - 9, inner = width - 20;
    double height = 10 + LINE + (step != NULL ? said_height(step, inner) : 0);
    svg_box(&diagram->rows, x, diagram->y, width, height, ground_of(move->tone), INK_NONE);
    svg_box(&diagram->rows, x, diagram->y, 4, height, ink_of(move->tone), INK_NONE);
    if (step != NULL)
        write_time(diagram, step, diagram->y + 16);
    double end = diagram->y + height;
    struct svg_face face = in_ink(name_face, ink_of(move->tone));
    diagram->y += 4;
    write_lines(diagram, &face, x + 14, inner, 1, move->label);
    if (step != NULL)
        write_said(diagram, step, x + 14, inner, move->tone);
    diagram->y = end + 4;
}

static void write_move(struct diagram *diagram, const struct sequence_move *move, bool told,
                       const json_t *step)
{
    double x = LEFT + 10, width = RIGHT - LEFT - 20;
    if (move->shape == SHAPE_NOTE) {
        write_note(diagram, move, told ? step : NULL);
        return;
    }
    if (told)
        write_time(diagram, step, diagram->y + 24);
    write_arrow(diagram, move);
    if (told) {
        cover(diagram, x - 4, diagram->y, width + 8, said_height(step, width));
        write_said(diagram, step, x, width, move->tone);
    }
    diagram->y += 5;
}

/* write_heading - where another thing begins */
static void write_heading(struct diagram *diagram, enum sequence_phase phase)
{
    const char *means, *words = sequence_steps_heading(phase, &means);
    double width = WIDTH - 2 * EDGE - 16;
    diagram->y += 8;
    double height =
        10 + height_of(&heading_face, width, 1, words) + height_of(&quiet_face, width, 2, means);
    svg_box(&diagram->rows, EDGE, diagram->y, WIDTH - 2 * EDGE, height, INK_GROUND, INK_NONE);
    svg_line(&diagram->rows, EDGE, diagram->y + 2, WIDTH - EDGE, diagram->y + 2, 1, INK_LINE, NULL);
    double end = diagram->y + height;
    diagram->y += 4;
    write_lines(diagram, &heading_face, EDGE + 2, width, 1, words);
    write_lines(diagram, &quiet_face, EDGE + 2, width, 2, means);
    diagram->y = end + 2;
}

/* write_step - its moves, with a heading where another thing begins */
static void write_step(struct diagram *diagram, size_t index, const json_t *step)
{
    const struct sequence_step *read = &diagram->steps[index];
    for (int i = 0; i < read->count; i++) {
        if (i == read->before && read->phase != PHASE_SAME && read->phase != diagram->phase) {
            write_heading(diagram, read->phase);
            diagram->phase = read->phase;
        }
        write_move(diagram, &read->moves[i], i == read->told, step);
    }
    if (read->encrypts && diagram->encrypted == 0)
        diagram->encrypted = diagram->y;
}

/* write_remark - on our side, without a step: that something is not here */
static void write_remark(struct diagram *diagram, json_int_t count, const char *what)
{
    struct text sentence = TEXT_EMPTY;
    text_appendf(&sentence, "%lld %s", (long long)count, what);
    if (count > 0)
        write_note(diagram,
                   &(struct sequence_move){SHAPE_NOTE, PARTY_US, PARTY_US, text_string(&sentence),
                                           TONE_WARN},
                   NULL);
    text_free(&sentence);
}

/* --- how it ended --- */

static void outcome_words(const struct diagram *diagram, struct text *heading, struct text *words)
{
    const json_t *story = diagram->story;
    const char *from = diagram->reading.incoming ? diagram->domain : diagram->local;
    const char *to = diagram->reading.incoming ? diagram->local : diagram->domain;
    if (diagram->reading.failed) {
        const char *remedy = json_text(story, "remedy");
        text_appendf(heading, "Failed: %s", json_text(story, "cause"));
        text_appendf(words, "%s (step %s, side %s)%s%s", json_text(story, "why"),
                     json_text(story, "step"), json_text(story, "side"), remedy[0] ? ": " : "",
                     remedy);
    } else if (json_is_true(json_object_get(story, "live"))) {
        text_append_string(heading, "It goes on");
        text_append_string(words, "This is a live stream: more may follow.");
    } else {
        text_append_string(heading, "It went well");
        text_appendf(words, "%s is proved; its stanzas to %s pass.", from[0] ? from : "The domain",
                     to[0] ? to : "the other one");
    }
}

static void write_outcome(struct diagram *diagram)
{
    struct text heading = TEXT_EMPTY, words = TEXT_EMPTY;
    enum sequence_tone tone = diagram->reading.failed                                 ? TONE_BAD
                              : json_is_true(json_object_get(diagram->story, "live")) ? TONE_PLAIN
                                                                                      : TONE_GOOD;
    double width = WIDTH - 2 * EDGE, inner = width - 24;
    outcome_words(diagram, &heading, &words);
    double height = 14 + height_of(&heading_face, inner, 2, text_string(&heading)) +
                    height_of(&sentence_face, inner, SVG_LINES_MAX, text_string(&words));
    diagram->y += 8;
    svg_box(&diagram->rows, EDGE, diagram->y, width, height, ground_of(tone), ink_of(tone));
    double end = diagram->y + height;
    struct svg_face face = in_ink(heading_face, ink_of(tone));
    diagram->y += 6;
    write_lines(diagram, &face, EDGE + 12, inner, 2, text_string(&heading));
    write_lines(diagram, &sentence_face, EDGE + 12, inner, SVG_LINES_MAX, text_string(&words));
    diagram->y = end + EDGE;
    text_free(&heading);
    text_free(&words);
}

/* --- the top --- */

/* write_title - from whom to whom, when, how long */
static void write_title(struct diagram *diagram, const char *title)
{
    const json_t *story = diagram->story, *took = json_object_get(story, "took_ms");
    const char *when = json_text(story, "when"), *peer = json_text(story, "peer");
    struct text words = TEXT_EMPTY;
    text_append_string(&words,
                       diagram->reading.incoming ? "They connect to us" : "We connect to them");
    if (peer[0] != '\0')
        text_appendf(&words, ", %s %s", diagram->reading.incoming ? "from" : "at", peer);
    if (when[0] != '\0')
        text_appendf(&words, "; %s", when);
    if (json_is_integer(took))
        text_appendf(&words, "; %lld ms", (long long)json_integer_value(took));
    write_lines(diagram, &title_face, EDGE + 2, WIDTH - 2 * EDGE - 4, 3, title);
    write_lines(diagram, &quiet_face, EDGE + 2, WIDTH - 2 * EDGE - 4, 4, text_string(&words));
    text_free(&words);
    diagram->y += 8;
}

/* party_words - what it is, and its name */
static const char *party_words(const struct diagram *diagram, enum sequence_party party,
                               const char **name)
{
    static const char *const roles[] = {"this server", "name service", "authoritative",
                                        "other server"};
    *name = party == PARTY_US ? diagram->local : party == PARTY_DNS ? "DNS" : diagram->domain;
    if ((*name)[0] == '\0')
        *name = "(not known)";
    return roles[party];
}

/* write_party - the box at the head of a lifeline */
static void write_party(struct diagram *diagram, enum sequence_party party, double width,
                        double height)
{
    const char *name, *role = party_words(diagram, party, &name);
    double left = diagram->x[party] - width / 2, inner = width - 10, top = diagram->y;
    if (left < EDGE)
        left = EDGE;
    if (left + width > WIDTH - EDGE)
        left = WIDTH - EDGE - width;
    svg_box(&diagram->rows, left, top, width, height, INK_BOX, INK_LINE);
    diagram->y += 4;
    write_lines(diagram, &quiet_face, left + 5, inner, 1, role);
    write_lines(diagram, &name_face, left + 5, inner, 3, name);
    diagram->y = top;
}

/* write_parties - all boxes, as high as the highest must be */
static void write_parties(struct diagram *diagram)
{
    int count = 0;
    double height = 0;
    for (int i = 0; i < PARTY_COUNT; i++)
        count += diagram->takes_part[i];
    double width = count <= 3 ? 126 : 104;
    for (int i = 0; i < PARTY_COUNT; i++) {
        const char *name, *role = party_words(diagram, (enum sequence_party)i, &name);
        double wanted = 10 + height_of(&quiet_face, width - 10, 1, role) +
                        height_of(&name_face, width - 10, 3, name);
        if (diagram->takes_part[i] && wanted > height)
            height = wanted;
    }
    for (int i = 0; i < PARTY_COUNT; i++)
        if (diagram->takes_part[i])
            write_party(diagram, (enum sequence_party)i, width, height);
    diagram->y += height;
    diagram->lines_begin = diagram->y;
    diagram->y += 4;
}

/* --- all of it --- */

static void title_of(const struct diagram *diagram, struct text *title)
{
    const char *local = diagram->local[0] ? diagram->local : "this server";
    const char *domain = diagram->domain[0] ? diagram->domain : "another server";
    text_appendf(title, "%s \xe2\x86\x92 %s", diagram->reading.incoming ? domain : local,
                 diagram->reading.incoming ? local : domain);
}

/* write_description - all of it in words, for who can't see it */
static void write_description(const struct diagram *diagram, const json_t *steps, struct text *out)
{
    struct text heading = TEXT_EMPTY, words = TEXT_EMPTY;
    outcome_words(diagram, &heading, &words);
    text_appendf(out, "<desc>Sequence diagram of the handshake of a stream%s. ",
                 diagram->reading.incoming ? " that the other server opened" : " that we opened");
    svg_escape(text_string(&heading), heading.length, SENTENCE_MAX, out);
    text_append_string(out, ": ");
    svg_escape(text_string(&words), words.length, SENTENCE_MAX, out);
    text_append_string(out, " The steps:");
    for (size_t i = 0; i < diagram->count; i++) {
        const char *sentence = json_text(json_array_get(steps, i), "sentence");
        text_appendf(out, " %zu. ", i + 1);
        svg_escape(sentence, strlen(sentence), DESCRIPTION_MAX, out);
        text_append_char(out, '.');
    }
    text_append_string(out, "</desc>\n");
    text_free(&heading);
    text_free(&words);
}

/* write_lifelines - under the rows; thick and green inside TLS, which only the two servers are */
static void write_lifelines(const struct diagram *diagram, double end, struct text *out)
{
    for (int i = 0; i < PARTY_COUNT; i++) {
        bool server = i == PARTY_US || i == PARTY_REMOTE;
        double x = diagram->x[i], until = server ? end : diagram->until[i];
        double plain = server && diagram->encrypted > 0 ? diagram->encrypted : until;
        if (!diagram->takes_part[i])
            continue;
        svg_line(out, x, diagram->lines_begin, x, plain, 1.4, INK_LINE, server ? NULL : "4 3");
        if (plain < until)
            svg_line(out, x, plain, x, until, 4, INK_GOOD, NULL);
    }
}

static void write_head(const struct diagram *diagram, const char *title, const json_t *steps,
                       struct text *out)
{
    text_appendf(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" class=\"sequence-diagram\" "
        "viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" "
        "font-family=\"system-ui, sans-serif\">\n<title>",
        WIDTH, diagram->y, WIDTH, diagram->y);
    svg_escape(title, strlen(title), SENTENCE_MAX, out);
    text_append_string(out, "</title>\n");
    write_description(diagram, steps, out);
    text_append_string(out, "<style>\n");
    sequence_diagram_style(out);
    /* Alone on a telephone: that lays out what does not say otherwise 980 wide, and makes it small. */
    text_append_string(out, "@media (max-device-width: 600px)"
                            "{:root.sequence-diagram{width:100%;height:auto}}\n");
    text_append_string(out, "</style>\n");
    svg_box(out, 0, 0, WIDTH, diagram->y, INK_GROUND, INK_NONE);
}

int sequence_diagram_write(const json_t *story, struct text *out)
{
    const json_t *steps = json_object_get(story, "steps");
    if (!json_is_object(story) || !json_is_array(steps))
        return -1;
    struct diagram diagram = {.story = story,
                              .domain = json_text(story, "domain"),
                              .local = json_text(story, "local"),
                              .y = EDGE};
    struct text title = TEXT_EMPTY;
    read_steps(&diagram, steps);
    place(&diagram);
    title_of(&diagram, &title);
    write_title(&diagram, text_string(&title));
    write_parties(&diagram);
    write_remark(&diagram, json_integer_value(json_object_get(story, "lost")),
                 "earlier steps are not kept");
    for (size_t i = 0; i < diagram.count; i++)
        write_step(&diagram, i, json_array_get(steps, i));
    write_remark(&diagram, (json_int_t)diagram.left_out, "further steps are not drawn");
    double end = diagram.y + 6;
    write_outcome(&diagram);
    write_head(&diagram, text_string(&title), steps, out);
    write_lifelines(&diagram, end, out);
    text_append(out, diagram.rows.bytes, diagram.rows.length);
    text_append_string(out, "</svg>\n");
    text_free(&diagram.rows);
    text_free(&title);
    free(diagram.steps);
    return 0;
}

void sequence_diagram_style(struct text *out)
{
    svg_style(out);
    text_append_string(out, "svg.sequence-diagram{max-width:100%;height:auto}\n");
}
