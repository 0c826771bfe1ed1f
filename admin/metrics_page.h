/* metrics_page - all numbers of the program as a page that Prometheus reads
 *
 * Openfire: StatisticsManager, without a page. Prometheus' text format 0.0.4. What is printed: the tables of
 * server/metrics.h, the sessions by direction, state and authentication, the bytes that wait in them, and of
 * the process what Prometheus' own clients tell (process_*).
 */
#ifndef ADMIN_METRICS_PAGE_H
#define ADMIN_METRICS_PAGE_H

#include "xml/text.h"

#define METRICS_PAGE_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* metrics_page_write - append the page. Reads counters and walks the sessions, each under its own lock for a
 * moment; waits for nothing. Any thread. */
void metrics_page_write(struct text *out);

/* metrics_page_write_label - append name="value", escaped as the format wants it */
void metrics_page_write_label(struct text *out, const char *name, const char *value);
/* metrics_page_write_head - append the HELP and TYPE lines of a name */
void metrics_page_write_head(struct text *out, const char *name, const char *type,
                             const char *help);

#endif
