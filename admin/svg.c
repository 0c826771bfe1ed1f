/* SPDX-License-Identifier: Apache-2.0 */
/* svg - the few marks that a picture of ours is made of, as SVG
 *
 * Contrast of every text colour with every ground that it stands on is at least 4.5:1, in light and in dark; test_sequence_diagram
 * counts it.
 */
#include "admin/svg.h"

#include <string.h>

#include "server/printable.h"

static const struct ink {
    const char *name, *light, *dark;
} inks[INK_COUNT] = {
    [INK_NONE] = {"none", "none", "none"},
    [INK_GROUND] = {"ground", "#ffffff", "#14181d"},
    [INK_TEXT] = {"text", "#1c2024", "#e6e9ee"},
    [INK_QUIET] = {"quiet", "#566070", "#a6b0bd"},
    [INK_LINE] = {"line", "#9aa4b2", "#59636f"},
    [INK_ARROW] = {"arrow", "#0b5cad", "#7ab7ff"},
    [INK_GOOD] = {"good", "#15692e", "#5ad484"},
    [INK_WARN] = {"warn", "#7d5000", "#efba50"},
    [INK_BAD] = {"bad", "#b5121b", "#ff8a82"},
    [INK_BOX] = {"box", "#edf1f6", "#222a33"},
    [INK_BOX_GOOD] = {"box-good", "#e5f5ea", "#173022"},
    [INK_BOX_WARN] = {"box-warn", "#fff3d9", "#342a13"},
    [INK_BOX_BAD] = {"box-bad", "#fdeaea", "#3c1d1f"},
};

/* write_rules - a class for each ink as fill, and as stroke */
static void write_rules(bool dark, struct text *out)
{
    for (int i = INK_GROUND; i < INK_COUNT; i++) {
        const char *colour = dark ? inks[i].dark : inks[i].light;
        text_appendf(out, ".sd-fill-%s{fill:%s}.sd-line-%s{stroke:%s}\n", inks[i].name, colour,
                     inks[i].name, colour);
    }
    /* Alone in a window, it is not the window's white that is around the picture. */
    const struct ink *ground = &inks[INK_GROUND];
    text_appendf(out, "svg:root{background:%s}\n", dark ? ground->dark : ground->light);
}

void svg_style(struct text *out)
{
    write_rules(false, out);
    text_append_string(out, "@media (prefers-color-scheme: dark){\n");
    write_rules(true, out);
    text_append_string(out, "}\n");
}

/* paint - the attributes of a mark */
static void paint(struct text *out, enum svg_ink fill, enum svg_ink stroke)
{
    text_append_string(out, " class=\"");
    if (fill != INK_NONE)
        text_appendf(out, "sd-fill-%s", inks[fill].name);
    if (stroke != INK_NONE)
        text_appendf(out, "%ssd-line-%s", fill != INK_NONE ? " " : "", inks[stroke].name);
    text_appendf(out, "\" fill=\"%s\"", inks[fill].light);
    if (stroke != INK_NONE)
        text_appendf(out, " stroke=\"%s\"", inks[stroke].light);
}

/* --- text --- */

/* is_none - in Unicode, and so in XML, no characters */
static bool is_none(unsigned code)
{
    return (code & 0xfffe) == 0xfffe || (code >= 0xfdd0 && code <= 0xfdef);
}

void svg_escape(const char *bytes, size_t length, size_t most, struct text *out)
{
    bool cut = length > most;
    size_t end = cut ? most : length;
    for (size_t at = 0; at < end;) {
        unsigned code;
        size_t size = printable_sequence(bytes + at, length - at, &code);
        if (size > end - at)
            break;
        if (size > 0 && !printable_is_control(code) && !is_none(code))
            text_append_escaped(out, bytes + at, size, false);
        else
            for (size_t i = 0; i < (size > 0 ? size : 1); i++)
                text_appendf(out, "\\x%02x", (unsigned char)bytes[at + i]);
        at += size > 0 ? size : 1;
    }
    if (cut)
        text_append_string(out, "\xe2\x80\xa6");
}

/* is_wide - characters that take two columns */
static bool is_wide(unsigned code)
{
    return (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
           (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
           (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
           code >= 0x1f000;
}

/* em - the width of a character, as a part of the size */
static double em(unsigned code, bool mono)
{
    static const char narrow[] = " !'(),-./:;I[]`fijlrt{|}";
    if (printable_is_control(code) || is_none(code))
        return 12 * 0.62; /* as it will be shown: \xNN for each of at most three bytes */
    if (is_wide(code))
        return 1.25;
    if (mono)
        return 0.61;
    if (code < 0x80 && strchr(narrow, (int)code) != NULL)
        return 0.41;
    if (code < 0x80 && strchr("%@MWmw", (int)code) != NULL)
        return 1.0;
    if (code < 0x80 && strchr("ckszvxy", (int)code) != NULL)
        return 0.58;
    return code >= 'A' && code <= 'Z' ? 0.72 : 0.63;
}

/* step - the width of the character at `bytes`, and how many bytes it has */
static double step(const struct svg_face *face, const char *bytes, size_t length, size_t *size)
{
    unsigned code = 0;
    *size = printable_sequence(bytes, length, &code);
    if (*size == 0) {
        *size = 1;
        code = 0; /* no UTF-8: shown as a control character is */
    }
    return em(code, face->mono) * face->size * (face->bold ? 1.08 : 1.0);
}

double svg_width(const struct svg_face *face, const char *bytes, size_t length)
{
    double width = 0;
    for (size_t at = 0, size; at < length; at += size)
        width += step(face, bytes + at, length - at, &size);
    return width;
}

/* take_line - how many bytes of a rest stand on one line: to the last blank that fits; without any, to the last dot; without any, as
 * far as it goes */
static size_t take_line(const struct svg_face *face, const char *rest, double width)
{
    size_t length = strlen(rest), at = 0, blank = 0, dot = 0;
    double used = 0;
    while (at < length) {
        size_t size;
        used += step(face, rest + at, length - at, &size);
        if (used > width && at > 0)
            return blank > 0 ? blank : dot > 0 ? dot : at;
        at += size;
        if (rest[at - 1] == '.')
            dot = at;
        if (rest[at] == ' ')
            blank = at;
    }
    return length;
}

int svg_wrap(const struct svg_face *face, const char *sentence, double width, int most,
             struct span lines[SVG_LINES_MAX], bool *cut)
{
    int count = 0;
    sentence += strspn(sentence, " ");
    while (*sentence != '\0' && count < most && count < SVG_LINES_MAX) {
        size_t length = take_line(face, sentence, width);
        lines[count++] = (struct span){sentence, length};
        sentence += length;
        sentence += strspn(sentence, " ");
    }
    *cut = *sentence != '\0';
    return count;
}

void svg_text(struct text *out, const struct svg_face *face, const char *anchor, double x, double y,
              const char *bytes, size_t length)
{
    text_appendf(out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%.1f\"", x, y, face->size);
    if (strcmp(anchor, "start") != 0)
        text_appendf(out, " text-anchor=\"%s\"", anchor);
    if (face->mono)
        text_append_string(out, " font-family=\"ui-monospace, monospace\"");
    if (face->bold)
        text_append_string(out, " font-weight=\"bold\"");
    paint(out, face->ink, INK_NONE);
    text_append_char(out, '>');
    svg_escape(bytes, length, length, out);
    text_append_string(out, "</text>\n");
}

/* --- shapes --- */

void svg_box(struct text *out, double x, double y, double width, double height, enum svg_ink fill,
             enum svg_ink stroke)
{
    text_appendf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"", x, y, width,
                 height);
    if (stroke != INK_NONE)
        text_append_string(out, " rx=\"4\"");
    paint(out, fill, stroke);
    text_append_string(out, "/>\n");
}

void svg_line(struct text *out, double x1, double y1, double x2, double y2, double width,
              enum svg_ink ink, const char *dash)
{
    text_appendf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke-width=\"%.1f\"",
                 x1, y1, x2, y2, width);
    if (dash != NULL)
        text_appendf(out, " stroke-dasharray=\"%s\"", dash);
    paint(out, INK_NONE, ink);
    text_append_string(out, "/>\n");
}

void svg_arrow(struct text *out, double x1, double x2, double y, enum svg_ink ink, bool arrives)
{
    double back = x1 < x2 ? -1 : 1; /* from its head to its tail */
    double head = arrives ? x2 + back : x2 + 26 * back;
    svg_line(out, x1, y, arrives ? head + 7 * back : head, y, 1.6, ink, arrives ? NULL : "5 3");
    if (!arrives) {
        svg_line(out, head - 5, y - 5, head + 5, y + 5, 2, ink, NULL);
        svg_line(out, head - 5, y + 5, head + 5, y - 5, 2, ink, NULL);
        return;
    }
    text_appendf(out, "<path d=\"M%.1f %.1fL%.1f %.1fL%.1f %.1fZ\"", head, y, head + 9 * back,
                 y - 4.5, head + 9 * back, y + 4.5);
    paint(out, ink, INK_NONE);
    text_append_string(out, "/>\n");
}
