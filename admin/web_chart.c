/* SPDX-License-Identifier: Apache-2.0 */
/* web_chart - numbers over time as a picture in the page
 *
 * The newest sample stands at the right edge. The scale ends at 1, 2 or 5 times a power of ten.
 */
#include "admin/web_chart.h"

#include <string.h>

#include "admin/web_html.h"

#define WIDTH 600.0
#define HEIGHT 150.0
#define TOP 8.0

static double value_of(const json_t *sample, const char *member)
{
    return (double)json_integer_value(json_object_get(sample, member));
}

/* scale_of - the least round number that no value is above */
static double scale_of(const struct web_chart *chart, const json_t *samples)
{
    size_t i;
    const json_t *sample;
    double most = 1, scale = 1;
    json_array_foreach(samples, i, sample)
    {
        for (int line = 0; line < WEB_CHART_LINES && chart->lines[line] != NULL; line++)
            if (value_of(sample, chart->lines[line]) > most)
                most = value_of(sample, chart->lines[line]);
    }
    static const double steps[] = {2, 2.5, 2}; /* 1, 2, 5, 10 */
    for (int step = 0; scale < most; step = (step + 1) % 3)
        scale *= steps[step];
    return scale;
}

static void write_value(const struct web_chart *chart, double value, struct text *out)
{
    if (chart->bytes) {
        html_bytes(out, (int64_t)value);
        html(out, "/s");
    } else {
        html(out, "%lld", (long long)value);
    }
}

static void write_line(const struct web_chart *chart, int line, double scale, const json_t *samples,
                       struct text *out)
{
    size_t i;
    const json_t *sample;
    double newest = value_of(json_array_get(samples, json_array_size(samples) - 1), "ago_ms");
    html(out, "<polyline class=\"line line%d\" points=\"", line + 1);
    json_array_foreach(samples, i, sample)
    {
        double ago = (value_of(sample, "ago_ms") - newest) / 1000;
        double x = WIDTH - ago / chart->seconds * WIDTH;
        double y = HEIGHT - value_of(sample, chart->lines[line]) / scale * (HEIGHT - TOP);
        if (x >= 0)
            text_appendf(out, "%.1f,%.1f ", x, y);
    }
    html(out, "\"/>");
}

void web_chart_write(const struct web_chart *chart, const json_t *samples, struct text *out)
{
    double scale = scale_of(chart, samples);
    const json_t *last = json_array_get(samples, json_array_size(samples) - 1);
    html(out, "<figure class=\"chart\"><figcaption><b>%s</b>", chart->title);
    for (int line = 0; line < WEB_CHART_LINES && chart->lines[line] != NULL; line++) {
        html(out, " <span class=\"key key%d\">%s <b>", line + 1, chart->names[line]);
        write_value(chart, value_of(last, chart->lines[line]), out);
        html(out, "</b></span>");
    }
    html(out,
         "</figcaption><svg viewBox=\"0 0 600 150\" preserveAspectRatio=\"none\" "
         "role=\"img\" aria-label=\"%s, the last %d minutes\">",
         chart->title, chart->seconds / 60);
    for (int i = 0; i <= 2; i++) {
        double y = TOP + i * (HEIGHT - TOP) / 2;
        text_appendf(out, "<line class=\"grid\" x1=\"0\" x2=\"600\" y1=\"%.1f\" y2=\"%.1f\"/>", y,
                     y < HEIGHT ? y : HEIGHT - 0.5);
    }
    for (int line = 0; line < WEB_CHART_LINES && chart->lines[line] != NULL; line++)
        write_line(chart, line, scale, samples, out);
    html(out, "</svg><p class=\"axis\"><span>%d min ago</span><span>top: ", chart->seconds / 60);
    write_value(chart, scale, out);
    html(out, "</span><span>now</span></p></figure>\n");
}
