/* SPDX-License-Identifier: Apache-2.0 */
/* control_diagram - the command that draws a handshake: of a live stream, or one that is kept
 *
 * What is kept of a domain is gone through from the newest on, over both directions and both outcomes; of a live stream the timeline
 * is copied. Drawing is done by admin/sequence_diagram.
 */
#include "admin/control_diagram.h"

#include <string.h>

#include "admin/control_commands.h"
#include "admin/explain.h"
#include "admin/json_words.h"
#include "admin/sequence_diagram.h"
#include "server/socket_connection.h"
#include "server/timeline_store.h"
#include "server/xmpp_server.h"
#include "session/session_description.h"
#include "session/session_manager.h"
#include "xml/jid.h"

/* --- live --- */

struct search {
    const char *what;
    bool domain; /* that, and no name or id of a stream */
    json_t *story;
};

static json_t *story_of(const struct session_description *description,
                        const struct timeline_story *told)
{
    const char *remote = description->remote != NULL   ? description->remote
                         : description->pair_count > 0 ? description->pairs[0].remote
                                                       : NULL;
    bool out = strcmp(description->kind, "outgoing") == 0;
    return json_pack("{s:o, s:s, s:b, s:o, s:o, s:o, s:I, s:I, s:o}", "domain", json_words(remote),
                     "direction", out ? "out" : "in", "live", 1, "local",
                     json_words(description->local), "peer", json_words(description->peer), "when",
                     json_moment(told->began), "took_ms", (json_int_t)told->took, "lost",
                     (json_int_t)told->lost, "steps", explain_story(told));
}

static bool is_stream(const struct session_description *description, const char *what)
{
    return (description->name != NULL && strcmp(description->name, what) == 0) ||
           (description->stream_id != NULL && strcmp(description->stream_id, what) == 0);
}

static void visit(struct session *session, void *given)
{
    struct search *search = given;
    struct session_description description;
    struct socket_connection *connection = session_connection(session);
    struct timeline_story *told =
        connection != NULL ? timeline_tell(socket_connection_timeline(connection)) : NULL;
    socket_connection_unref(connection);
    session_describe(session, &description);
    if (told != NULL && search->story == NULL &&
        (search->domain ? session_description_is(&description, search->what)
                        : is_stream(&description, search->what)))
        search->story = story_of(&description, told);
    session_description_free(&description);
    timeline_story_unref(told);
}

/* look_live - the first by name or id, or by domain; NULL: there is none */
static json_t *look_live(const char *what, bool domain)
{
    struct search search = {what, domain, NULL};
    session_manager_each(visit, &search);
    return search.story;
}

json_t *control_diagram_live(const char *stream)
{
    return look_live(stream, false);
}

/* --- kept --- */

struct kept {
    struct timeline_records records;
    const char *direction;
    int next; /* the newest that was not passed yet */
};

/* newest - of all lists, that with the newest record; NULL: all are passed */
static struct kept *newest(struct kept *kept, int count)
{
    struct kept *best = NULL;
    for (int i = 0; i < count; i++) {
        struct kept *each = &kept[i];
        if (each->next < each->records.count &&
            (best == NULL ||
             each->records.records[each->next].order > best->records.records[best->next].order))
            best = each;
    }
    return best;
}

/* tell - a record as a story */
static json_t *tell(const char *domain, const char *direction, const struct timeline_record *record)
{
    json_t *story = explain_record(record);
    struct text remedy = TEXT_EMPTY;
    failure_remedy(record->failure, domain, &remedy);
    json_object_set_new(story, "domain", json_words(domain));
    json_object_set_new(story, "direction", json_string(direction));
    if (record->failure != FAILURE_NONE)
        json_object_set_new(story, "remedy", json_words(text_string(&remedy)));
    text_free(&remedy);
    return story;
}

static json_t *look_kept(const struct control_call *call, const char *domain)
{
    bool in = control_call_flag(call, "--in"), out = control_call_flag(call, "--out");
    int64_t back = control_call_number(call, "--back", 0);
    struct kept kept[4];
    int count = 0;
    for (int i = 0; i < 4; i++) {
        bool succeeded = i % 2 == 0, outgoing = i / 2 == 0;
        if ((succeeded && control_call_flag(call, "--failed")) || (outgoing && in && !out) ||
            (!outgoing && out && !in))
            continue;
        kept[count] = (struct kept){.direction = outgoing ? "out" : "in"};
        timeline_store_get(domain, outgoing ? TIMELINE_OUT : TIMELINE_IN, succeeded,
                           &kept[count++].records);
    }
    struct kept *found = newest(kept, count);
    for (; back > 0 && found != NULL; back--) {
        found->next++;
        found = newest(kept, count);
    }
    json_t *story =
        found != NULL ? tell(domain, found->direction, &found->records.records[found->next]) : NULL;
    for (int i = 0; i < count; i++)
        timeline_records_free(&kept[i].records);
    return story;
}

void control_diagram(struct control_call *call)
{
    char prepared[JID_PART_MAX + 1];
    const char *what = control_call_text(call, "domain-or-stream");
    bool chosen = control_call_flag(call, "--in") || control_call_flag(call, "--out") ||
                  control_call_flag(call, "--failed") || control_call_number(call, "--back", 0) > 0;
    bool domain = jid_prepare_domain(what, strlen(what), prepared) > 0;
    json_t *story = control_diagram_live(what);
    if (story == NULL && domain)
        story = look_kept(call, prepared);
    if (story == NULL && domain && !chosen)
        story = look_live(prepared, true);
    if (story == NULL) {
        control_call_fail(call, CONTROL_NOT_FOUND, "nothing%s is kept of %s, and there is no %s",
                          chosen ? " of that kind" : "", what,
                          domain ? "live stream with it" : "such stream");
        return;
    }
    struct text svg = TEXT_EMPTY;
    sequence_diagram_write(story, &svg);
    call->result = json_pack("{s:O, s:O, s:b, s:o}", "domain", json_object_get(story, "domain"),
                             "direction", json_object_get(story, "direction"), "live",
                             json_is_true(json_object_get(story, "live")), "svg",
                             json_words(text_string(&svg)));
    json_decref(story);
    text_free(&svg);
}
