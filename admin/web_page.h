/* web_page - what all pages of the web console have in common: head, navigation, what was done last, forms, tables
 *
 * Openfire: the decorator of its pages (main.jsp) and its tags. Plain HTML that works without a script or a style sheet; a table's
 * cells carry the name of their column, so that on a narrow screen each row can be a card. Parts with the attribute data-live are
 * fetched anew by the script now and then, with the very address of the page.
 */
#ifndef ADMIN_WEB_PAGE_H
#define ADMIN_WEB_PAGE_H

#include "admin/web_call.h"

/* web_page_begin - head, navigation, title, and what there is to be said. What comes next goes to call->body. */
void web_page_begin(struct web_call *call, const char *title);
/* web_page_begin_fresh - the same; without a script it is loaded anew after `seconds` (0: it is not) */
void web_page_begin_fresh(struct web_call *call, const char *title, int seconds);
void web_page_end(struct web_call *call);
/* web_page_refuse - a whole page that says why there is nothing else */
void web_page_refuse(struct web_call *call, unsigned status, const char *title, const char *why);

/* web_page_form - <form method="post">, with the token; `action` is a constant. Ended by </form>. */
void web_page_form(struct web_call *call, const char *action);
/* web_page_hidden - a field that is given and not shown */
void web_page_hidden(struct web_call *call, const char *name, const char *value);
/* web_page_head - <table> with these columns (a constant, with '|' between them), up to <tbody>. Ended by </tbody></table>. */
void web_page_head(struct web_call *call, const char *caption, const char *columns);
/* web_page_cell - a value in a cell of that column */
void web_page_cell(struct web_call *call, const char *column, const json_t *value);
/* web_page_link - <a> to one of our pages with one parameter, which is the text too if that is NULL */
void web_page_link(struct web_call *call, const char *path, const char *name, const char *value,
                   const char *text);
/* web_page_error - a paragraph that says what went wrong */
void web_page_error(struct web_call *call, const char *why);
/* web_page_facts - <dl> of an object's members, those that are no arrays or objects of more */
void web_page_fact(struct web_call *call, const char *name, const json_t *value);

#endif
