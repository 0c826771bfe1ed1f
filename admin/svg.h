/* svg - the few marks that a picture of ours is made of, as SVG
 *
 * Openfire: none. Every mark has presentation attributes for a light ground, and classes that svg_style has the colours of for both
 * light and dark: so a picture is whole without any style, where a Content-Security-Policy allows none, and can be dark where one
 * is. There is no way in for text but through svg_escape. SVG knows no line breaks: text is measured here, by the widths of a wide
 * font, and broken into lines. Pure.
 */
#ifndef ADMIN_SVG_H
#define ADMIN_SVG_H

#include <stdbool.h>
#include <stddef.h>

#include "xml/text.h"

#define SVG_LINES_MAX 16

/* What a mark is for; its colours stand in svg.c, once. */
enum svg_ink {
    INK_NONE,
    INK_GROUND, /* behind all */
    INK_TEXT,
    INK_QUIET, /* text that can be passed over */
    INK_LINE,  /* what only divides */
    INK_ARROW,
    INK_GOOD,
    INK_WARN,
    INK_BAD,
    INK_BOX, /* these four: grounds of boxes */
    INK_BOX_GOOD,
    INK_BOX_WARN,
    INK_BOX_BAD,
    INK_COUNT
};

/* How a line of text looks. */
struct svg_face {
    double size; /* in units of the picture, as everything here */
    bool mono, bold;
    enum svg_ink ink;
};

/* svg_style - append the style sheet, without <style>: colours for light, and for dark where that is preferred */
void svg_style(struct text *out);
/* svg_escape - append bytes from anywhere as text of a document: control characters and what turns the writing direction as \xNN,
 * markup as entities; cut behind `most` bytes with "…" */
void svg_escape(const char *bytes, size_t length, size_t most, struct text *out);
/* svg_width - of these bytes of UTF-8, rather too much than too little */
double svg_width(const struct svg_face *face, const char *bytes, size_t length);
/* svg_wrap - break into lines no wider than `width`, at most `most` of them (SVG_LINES_MAX): between words, in a word where it is
 * too long. Borrows from `sentence`. Returns how many; `*cut`: there was more. */
int svg_wrap(const struct svg_face *face, const char *sentence, double width, int most,
             struct span lines[SVG_LINES_MAX], bool *cut);

/* svg_text - a line of text; x is its beginning, middle or end as `anchor` says ("start", "middle", "end") */
void svg_text(struct text *out, const struct svg_face *face, const char *anchor, double x, double y,
              const char *bytes, size_t length);
void svg_box(struct text *out, double x, double y, double width, double height, enum svg_ink fill,
             enum svg_ink stroke);
/* svg_line - `dash`: of strokes and gaps, or NULL */
void svg_line(struct text *out, double x1, double y1, double x2, double y2, double width,
              enum svg_ink ink, const char *dash);
/* svg_arrow - flat, from x1 to x2; with a cross instead of its head when it does not arrive */
void svg_arrow(struct text *out, double x1, double x2, double y, enum svg_ink ink, bool arrives);

#endif
