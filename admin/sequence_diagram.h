/* sequence_diagram - a timeline as a picture: who said what to whom, with times, clauses and what became of it
 *
 * Openfire: none. One SVG that stands alone. From left to right: this server, whom it asks (the DNS, the other domain's authoritative
 * server), the other server. Read from top to bottom: an arrow for each message, under it the step's sentence, its clause and Openfire's
 * class and method; boxes for what is decided here (a certificate's check, settings); the lifelines are thick and green from where the
 * stream is inside TLS; at the bottom how it ended. What failed is red, crossed out or marked in words, never by its colour alone.
 *
 * Light and dark by CSS inside; where a Content-Security-Policy forbids that (the picture inline in a page), it is light, or takes its
 * colours from the page's own style sheet if that has sequence_diagram_style in it. No script, no link, no id, nothing that is loaded.
 * It scales by its viewBox, and is made to be read at the width of a telephone. What others wrote is escaped and cut (admin/svg.h).
 * Pure; any thread.
 */
#ifndef ADMIN_SEQUENCE_DIAGRAM_H
#define ADMIN_SEQUENCE_DIAGRAM_H

#include <jansson.h>

#include "xml/text.h"

#define SEQUENCE_DIAGRAM_STEPS 128 /* of a story; the rest is counted */

/* sequence_diagram_write - append the SVG of a story: a record of explain's history (admin/explain.h: when, count, local, peer, cause,
 * step, side, why, took_ms, lost, steps) with two members more: "domain", the other one, and "direction", "in" or "out". "live": true
 * says that it is still going on; "remedy" what to change. Any of them may be absent: without a direction it is that of the first step. -1, and nothing appended:
 * `story` is no object or has no array of steps. */
int sequence_diagram_write(const json_t *story, struct text *out);
/* sequence_diagram_style - append its style sheet, for a page that shows it inline. Its classes all begin with "sd-". */
void sequence_diagram_style(struct text *out);

#endif
