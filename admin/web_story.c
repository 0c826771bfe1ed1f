/* SPDX-License-Identifier: Apache-2.0 */
/* web_story - the steps of a stream in a page: the diagram, and the same as a list
 *
 * The list adds the times up, as the picture does: each step is told with how long after the first it came.
 */
#include "admin/web_story.h"

#include "admin/json_words.h"
#include "admin/sequence_diagram.h"
#include "admin/web_html.h"
#include "admin/web_page.h"

void web_story_steps(struct web_call *call, const json_t *story)
{
    struct text *out = &call->body;
    size_t i;
    const json_t *step;
    double at = 0;
    long long lost = json_integer_value(json_object_get(story, "lost"));
    if (lost > 0)
        html(out, "<p class=\"hint\">%lld earlier steps are not kept.</p>\n", lost);
    html(out, "<ol class=\"steps\">\n");
    json_array_foreach(json_object_get(story, "steps"), i, step)
    {
        at += json_number_value(json_object_get(step, "after_ms"));
        html(out, "<li><span class=\"when\">");
        text_appendf(out, "%.1f ms", at);
        html(out, "</span> %s", json_text(step, "sentence"));
        if (json_text(step, "clause")[0] != '\0')
            html(out, " <span class=\"clause\">%s</span>", json_text(step, "clause"));
        if (json_text(step, "actor")[0] != '\0')
            html(out, " <code>%s</code>", json_text(step, "actor"));
        html(out, "</li>\n");
    }
    html(out, "</ol>\n");
}

void web_story_write(struct web_call *call, const json_t *story, const char *picture)
{
    struct text *out = &call->body;
    html(out,
         "<p class=\"diagram\"><a href=\"%s\"><img src=\"%s\" loading=\"lazy\" "
         "alt=\"Sequence diagram; its steps follow as a list\"></a></p>\n"
         "<details><summary>As a list (%zu steps)</summary>\n",
         picture, picture, json_array_size(json_object_get(story, "steps")));
    web_story_steps(call, story);
    html(out, "</details>\n");
}

void web_story_show(struct web_call *call, const json_t *svg)
{
    if (!json_is_string(svg)) {
        web_page_refuse(call, 404, "Not found", "There is no such picture.");
        return;
    }
    text_append(&call->body, json_string_value(svg), json_string_length(svg));
    call->type = "image/svg+xml; charset=utf-8";
    call->picture = true;
}

void web_story_draw(struct web_call *call, const json_t *story)
{
    struct text svg = TEXT_EMPTY;
    json_t *drawn = NULL;
    if (story != NULL && sequence_diagram_write(story, &svg) == 0)
        drawn = json_words(text_string(&svg));
    web_story_show(call, drawn);
    json_decref(drawn);
    text_free(&svg);
}
