/* SPDX-License-Identifier: Apache-2.0 */
/* control_software - the command that asks a domain what software its server runs
 *
 * XEP-0092. The question goes out as any packet does: on a session that is there, or one is made for it; what can not be delivered comes
 * back as an error, which is an answer as well. The retry pause counts: `retry` is what ends it.
 */
#include "admin/control_software.h"

#include <string.h>

#include "admin/control_commands.h"
#include "admin/remote_software.h"
#include "server/remote_server_manager.h"
#include "server/xmpp_server.h"
#include "session/iq_router.h"
#include "xml/xmlns.h"

/* Well within what a connection of the console, whose handler waits here, may last: HTTP_LISTENER_LAST_MS */
#define WAIT_MS 10000

/* may_be_asked - else the call has failed */
static bool may_be_asked(struct control_call *call, const char *domain)
{
    struct text rule = TEXT_EMPTY;
    if (xmpp_server_is_local(domain, strlen(domain)))
        control_call_fail(call, CONTROL_REFUSED, "%s is served here", domain);
    else if (!remote_server_manager_can_access(domain, &rule))
        control_call_fail(call, CONTROL_REFUSED, "%s may not connect: %s", domain,
                          text_string(&rule));
    text_free(&rule);
    return call->condition == CONTROL_OK;
}

/* ask - true with the answer, else the call has failed */
static bool ask(struct control_call *call, const char *domain, struct iq_router_answer *answer)
{
    char id[24];
    int64_t until = xmpp_server_now() + WAIT_MS;
    if (iq_router_ask(domain, "query", XMLNS_VERSION, id) < 0) {
        control_call_fail(call, CONTROL_REFUSED, "too many questions are under way");
        return false;
    }
    bool answered = iq_router_await_answer(id, until, answer);
    iq_router_forget_answer(id);
    if (!answered && xmpp_server_now() < until)
        control_call_fail(call, CONTROL_FAILED, "this server ends");
    else if (!answered)
        control_call_fail(call, CONTROL_FAILED, "no answer came from %s within %d seconds", domain,
                          WAIT_MS / 1000);
    return answered;
}

static json_t *word(const char *said)
{
    return control_json_text(said[0] != '\0' ? said : NULL);
}

/* learn - the answer of the call, and for later */
static void learn(struct control_call *call, const char *domain,
                  const struct iq_router_answer *answer)
{
    const struct iq_router_software *software = &answer->software;
    json_t *before = remote_software_tell(domain);
    remote_software_learned(domain, software);
    call->result = json_pack("{s:s, s:o, s:o, s:o, s:I}", "domain", domain, "name",
                             word(software->name), "version", word(software->version), "os",
                             word(software->os), "took_ms", (json_int_t)answer->took);
    control_call_changed(call, before, remote_software_tell(domain));
}

void control_software(struct control_call *call)
{
    const char *domain = control_call_text(call, "domain");
    struct iq_router_answer answer;
    if (!may_be_asked(call, domain) || !ask(call, domain, &answer))
        return;
    if (!answer.is_result)
        control_call_fail(call, CONTROL_FAILED, "the question to %s came back: %s%s%s", domain,
                          packet_error_name(answer.error), answer.text[0] != '\0' ? ": " : "",
                          answer.text);
    else if (answer.software.name[0] == '\0' && answer.software.version[0] == '\0')
        control_call_fail(call, CONTROL_FAILED, "%s answered, and did not say what it runs",
                          domain);
    else
        learn(call, domain, &answer);
}
