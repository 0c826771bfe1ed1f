/* web_chart - numbers over time as a picture in the page
 *
 * Openfire: the graphs of its monitoring plugin (JFreeChart). An SVG inside the page, without a style of its own: its classes are those
 * of the style sheet. Lines are told apart by colour, dashes and the words beside them. Pure.
 */
#ifndef ADMIN_WEB_CHART_H
#define ADMIN_WEB_CHART_H

#include <jansson.h>
#include <stdbool.h>

#include "xml/text.h"

#define WEB_CHART_LINES 3

struct web_chart {
    const char *title;
    const char *lines[WEB_CHART_LINES]; /* members of a sample; up to the first NULL */
    const char *names[WEB_CHART_LINES]; /* of the lines, for people */
    bool bytes;                         /* else plain numbers */
    int seconds;                        /* that the width stands for */
};

/* web_chart_write - append <figure> with the chart of these samples (admin/live_samples.h), oldest first */
void web_chart_write(const struct web_chart *chart, const json_t *samples, struct text *out);

#endif
