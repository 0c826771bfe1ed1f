/* explain - why can I not talk to them? The rules that would decide, what happened lately, and what to change
 *
 * Openfire: none as a whole; its session details, its remote server settings and its S2S test each tell a part. Nothing is connected to
 * and nothing is looked up in the DNS: that is admin/connection_check. The answer is JSON (for people: explain_text.h):
 *     {"domain", "settings": "in force" or a file, "rules": [{direction, rule, allows, decision, by, clause} …],
 *      "history": {"out": {"successes": […], "failures": […]}, "in": likewise}, newest first, each
 *          {when, first, count, certain, local, peer, cause, step, side, why, took_ms, lost, steps: [{after_ms, actor, sentence, clause}]},
 *      "asked": {when, valid} or null: when the domain last asked about a key of ours,
 *      "conclusion": {"works": true, false or null (nothing is known), direction, cause, step, side, why, remedy, sentence}}
 * Any thread; no lock is held across anything but the copying of what is kept.
 */
#ifndef ADMIN_EXPLAIN_H
#define ADMIN_EXPLAIN_H

#include <jansson.h>

#include "server/failure.h"
#include "server/timeline.h"
#include "xml/text.h"

struct timeline_record;

/* explain_domain - a new reference; NULL with `why`: `domain` is none, or `file` can't be used. `file`: judge by these settings, and
 * the rows under their s2s.home, which are not loaded; NULL: by those in force. Blocks for the disk, with `file`. */
json_t *explain_domain(const char *domain, const char *file, struct text *why);
/* explain_conclusion - {works, direction, cause, step, side, why, remedy, sentence} of one failure; shared with connection_check. A new
 * reference. `direction`: "out", "in" or "both"; `why` in words. */
json_t *explain_conclusion(const char *domain, const char *direction, enum failure failure,
                           const char *why);
/* explain_record - an entry of the history above, of one that is kept. A new reference. */
json_t *explain_record(const struct timeline_record *record);
/* explain_story - the steps of a story, {after_ms, actor, sentence, clause} each, as in such an entry. A new reference. */
json_t *explain_story(const struct timeline_story *story);

#endif
