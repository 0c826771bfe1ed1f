/* SPDX-License-Identifier: Apache-2.0 */
/* control_reach - commands that tell why a domain can not be talked to, and try it
 *
 * Openfire: server-connectiontest.jsp. Arguments in, JSON out; the work is done by explain and connection_check.
 */
#include "admin/control_reach.h"

#include "admin/connection_check.h"
#include "admin/control_commands.h"
#include "admin/explain.h"

void control_explain(struct control_call *call)
{
    struct text why = TEXT_EMPTY;
    const char *file = control_call_text(call, "--with");
    if (file != NULL &&
        !call->caller->may_change) { /* its faults show what is in any file that we can read */
        control_call_fail(call, CONTROL_DENIED, "--with is for those who may change settings");
        return;
    }
    call->result = explain_domain(control_call_text(call, "domain"), file, &why);
    if (call->result == NULL)
        control_call_fail(call, CONTROL_INVALID, "%s", text_string(&why));
    text_free(&why);
}

static void step_ended(void *call, const json_t *step)
{
    control_call_event(call, json_deep_copy(step));
}

static bool is_wanted(void *call)
{
    return control_call_is_wanted(call);
}

void control_check(struct control_call *call)
{
    struct text why = TEXT_EMPTY;
    struct connection_check check = {
        .domain = control_call_text(call, "domain"),
        .local = control_call_text(call, "--from"),
        .limit = 1000 * control_call_number(call, "--limit", 0),
        .progress = step_ended,
        .wanted = is_wanted,
        .owner = call,
    };
    call->result = connection_check_run(&check, &why);
    if (call->result == NULL)
        control_call_fail(call, CONTROL_REFUSED, "%s", text_string(&why));
    text_free(&why);
}
