/* SPDX-License-Identifier: Apache-2.0 */
/* control_attempts - commands about attempts to talk: those that failed, one more, and the steps of one that lives
 *
 * Openfire: FailedOutgoingServerSessionAttempt, SessionManager.
 */
#include "admin/control_attempts.h"

#include <stdlib.h>
#include <string.h>

#include "admin/control_commands.h"
#include "admin/control_diagram.h"
#include "admin/json_words.h"
#include "server/config.h"
#include "server/remote_server_manager.h"
#include "server/timeline_store.h"
#include "server/xmpp_server.h"
#include "session/iq_router.h"
#include "session/retry_pause.h"

#define DOMAINS_MOST 500 /* of each budget of the store */

/* --- failures --- */

struct failed {
    uint64_t order;
    json_t *object; /* owned by the list until it is told */
};

struct failures {
    bool all;
    struct failed *list;
    size_t count, room;
};

static bool is_paused(const char *domain)
{
    struct text why = TEXT_EMPTY;
    enum packet_error error;
    struct span name = {domain, strlen(domain)};
    bool paused = retry_pause_is_on(RETRY_STANZAS, name, &error, &why);
    text_free(&why);
    return paused;
}

static json_t *failure_object(const char *domain, enum timeline_direction direction,
                              const struct timeline_record *record, bool settled)
{
    bool out = direction == TIMELINE_OUT;
    json_t *object = json_pack(
        "{s:o, s:s, s:o, s:o, s:I, s:b, s:s, s:s, s:s, s:o}", "domain", json_words(domain),
        "direction", out ? "out" : "in", "when", json_moment(record->when), "first",
        json_moment(record->first), "count", (json_int_t)record->count, "certain", record->certain,
        "cause", failure_word(record->failure), "step",
        failure_step_word(failure_step(record->failure)), "side",
        failure_side_word(failure_side(record->failure)), "why", json_words(record->why));
    json_object_update_new(object,
                           json_pack("{s:o, s:o, s:b, s:b}", "local", json_words(record->local),
                                     "peer", json_words(record->peer), "settled", settled, "paused",
                                     out && is_paused(domain)));
    return object;
}

static void add_failure(struct failures *failures, const char *domain,
                        enum timeline_direction direction)
{
    struct timeline_records failed, succeeded;
    timeline_store_get(domain, direction, false, &failed);
    timeline_store_get(domain, direction, true, &succeeded);
    bool settled = failed.count > 0 && succeeded.count > 0 &&
                   succeeded.records[0].order > failed.records[0].order;
    if (failed.count > 0 && (failures->all || !settled)) {
        if (failures->count == failures->room) {
            failures->room = failures->room == 0 ? 16 : 2 * failures->room;
            failures->list = text_realloc(failures->list, failures->room * sizeof *failures->list);
        }
        failures->list[failures->count++] =
            (struct failed){failed.records[0].order,
                            failure_object(domain, direction, &failed.records[0], settled)};
    }
    timeline_records_free(&failed);
    timeline_records_free(&succeeded);
}

static void add_domain(void *failures, const char *domain, bool proved)
{
    (void)proved;
    add_failure(failures, domain, TIMELINE_OUT);
    add_failure(failures, domain, TIMELINE_IN);
}

static int newest_first(const void *a, const void *b)
{
    const struct failed *left = a, *right = b;
    return left->order < right->order ? 1 : left->order > right->order ? -1 : 0;
}

void control_failures(struct control_call *call)
{
    struct failures failures = {.all = control_call_flag(call, "--all")};
    timeline_store_each(DOMAINS_MOST, add_domain, &failures);
    if (failures.count > 1)
        qsort(failures.list, failures.count, sizeof *failures.list, newest_first);
    call->result = json_array();
    for (size_t i = 0; i < failures.count; i++)
        json_array_append_new(call->result, failures.list[i].object);
    free(failures.list);
}

/* --- one more attempt --- */

void control_retry(struct control_call *call)
{
    const char *domain = control_call_text(call, "domain");
    struct text rule = TEXT_EMPTY, was = TEXT_EMPTY;
    enum packet_error error;
    struct span name = {domain, strlen(domain)};
    if (xmpp_server_is_local(domain, strlen(domain))) {
        control_call_fail(call, CONTROL_REFUSED, "%s is served here", domain);
    } else if (!remote_server_manager_can_access(domain, &rule)) {
        control_call_fail(call, CONTROL_REFUSED, "%s may not connect: %s", domain,
                          text_string(&rule));
    } else {
        bool paused = retry_pause_is_on(RETRY_STANZAS, name, &error, &was);
        retry_pause_forgotten(domain);
        const struct config *config = config_get();
        int sent = iq_router_ping(domain, config->xmpp_server_read_timeout);
        config_unref(config);
        if (sent == 0)
            call->result = json_pack("{s:s, s:o}", "domain", domain, "was_paused",
                                     paused ? json_words(text_string(&was)) : json_null());
        else
            control_call_fail(call, CONTROL_REFUSED, "too many pings are under way");
    }
    text_free(&rule);
    text_free(&was);
}

/* --- a live stream --- */

void control_handshake(struct control_call *call)
{
    const char *stream = control_call_text(call, "stream");
    call->result = control_diagram_live(stream);
    if (call->result == NULL)
        control_call_fail(call, CONTROL_NOT_FOUND, "there is no stream %s, or none yet", stream);
}
