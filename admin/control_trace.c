/* SPDX-License-Identifier: Apache-2.0 */
/* control_trace - the command that follows a domain live
 *
 * The queue of server/trace.h is read on the caller's own thread; a caller who is slow loses events there, and holds up
 * nobody. Stanzas are other people's mail: to read them takes the right to change things, and goes to the audit log.
 */
#include "admin/control_trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "admin/control_commands.h"
#include "server/trace.h"
#include "server/xmpp_server.h"

#define LOOK_MS 250 /* is it still wanted? */

/* time_of - with microseconds */
static json_t *time_of(const struct trace_event *event)
{
    time_t seconds = (time_t)(event->time / 1000000);
    struct tm utc;
    char text[40], whole[64];
    gmtime_r(&seconds, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(whole, sizeof whole, "%s.%06dZ", text, (int)(event->time % 1000000));
    return json_string(whole);
}

/* object_of - takes the event's text */
static json_t *object_of(struct trace_event *event)
{
    json_t *out = json_pack("{s:o, s:o}", "time", time_of(event), "connection",
                            control_json_text(event->connection));
    if (event->kind == TRACE_STEP) {
        json_object_set_new(out, "actor", control_json_text(event->actor));
        json_object_set_new(out, "sentence", control_json_text(event->text));
        json_object_set_new(out, "clause", control_json_text(event->clause));
    } else {
        json_object_set_new(out, "direction",
                            json_string(event->kind == TRACE_STANZA_IN ? "in" : "out"));
        json_object_set_new(out, "stanza", control_json_text(event->text));
    }
    free(event->text);
    return out;
}

/* tell_lost - how many in all, or -1: nobody takes it any more */
static json_int_t tell_lost(struct control_call *call, struct trace *trace)
{
    json_int_t lost = (json_int_t)trace_lost(trace);
    if (lost > 0 && !control_call_event(call, json_pack("{s:I}", "lost", lost)))
        return -1;
    return lost;
}

static void follow(struct control_call *call, struct trace *trace, int64_t end)
{
    json_int_t events = 0, lost = 0, more = 0;
    bool taken = true;
    while (taken && more >= 0 && xmpp_server_now() < end && control_call_is_wanted(call)) {
        struct trace_event event;
        int64_t until = xmpp_server_now() + LOOK_MS;
        if (trace_next(trace, until < end ? until : end, &event)) {
            taken = control_call_event(call, object_of(&event));
            events++;
        }
        more = tell_lost(call, trace);
        lost += more > 0 ? more : 0;
    }
    call->result = json_pack("{s:I, s:I}", "events", events, "lost", lost);
}

void control_trace(struct control_call *call)
{
    const char *domain = control_call_text(call, "domain");
    int64_t seconds = control_call_number(call, "--seconds", 0);
    bool stanzas = control_call_flag(call, "--stanzas");
    if (stanzas && !call->caller->may_change) {
        control_call_fail(call, CONTROL_DENIED, "only who may change things may read stanzas");
        return;
    }
    struct trace *trace = trace_start(domain, stanzas);
    if (trace == NULL) {
        control_call_fail(call, CONTROL_REFUSED, "%d follow something already", TRACE_MAX);
        return;
    }
    if (stanzas)
        control_call_audit(call);
    if (control_call_event(call, json_pack("{s:s}", "following", domain)))
        follow(call, trace, seconds > 0 ? xmpp_server_now() + seconds * 1000 : INT64_MAX);
    trace_stop(trace);
}
