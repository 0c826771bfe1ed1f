/* web_story - the steps of a stream in a page: the diagram, and the same as a list
 *
 * Openfire: the step log of server-session-failure-details.jsp. The picture is a file of its own (an <img>, in which nothing can act); the
 * list says the same to who does not see it.
 */
#ifndef ADMIN_WEB_STORY_H
#define ADMIN_WEB_STORY_H

#include <jansson.h>

#include "admin/web_call.h"

/* web_story_write - append diagram and list of a story (admin/explain.h); `picture`: the address of the diagram, escaped here */
void web_story_write(struct web_call *call, const json_t *story, const char *picture);
/* web_story_steps - the list alone */
void web_story_steps(struct web_call *call, const json_t *story);
/* web_story_show - answer with a diagram that was drawn; anything else than a string: 404 */
void web_story_show(struct web_call *call, const json_t *svg);
/* web_story_draw - answer with the diagram of a story; NULL: 404 */
void web_story_draw(struct web_call *call, const json_t *story);

#endif
