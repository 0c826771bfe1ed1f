/* SPDX-License-Identifier: Apache-2.0 */
/* originating_server - "let me in as X"
 *
 * Openfire: ServerDialback.authenticateDomain. XEP-0220 2.1.1, 2.6.1.
 *
 * Action points:
 *   a pair is wanted       -> db:result from=LOCAL to=REMOTE key      remembered with a deadline
 *   db:result type=…       -> is it an answer to a remembered pair?   taken out, the session acts
 *   on it
 *                             not asked, twice, another pair          nothing changes
 *                             (CVE-2012-3525)
 *   deadline, stream gone  -> taken out as expired                    the session treats it as an
 *   error
 * DIFFERS: Openfire waits for the answer with the stream's reader locked and does not compare from
 * and to
 * (D26). Here several are under way on one stream and each answer is matched to its request.
 */
#include "dialback/originating_server.h"

#include <stdlib.h>
#include <string.h>

#include "dialback/dialback_key.h"
#include "server/metrics.h"

void originating_server_authenticate_domain(struct originating_server *server, const char *local,
                                            const char *remote, const char *stream_id,
                                            int64_t deadline, struct text *out)
{
    char key[65];
    dialback_key_make(key, remote, local, stream_id);
    dialback_element_write_request(out, DIALBACK_RESULT, local, remote, NULL, key);
    struct originating_request *request = text_calloc(1, sizeof *request);
    request->local = text_copy(local);
    request->remote = text_copy(remote);
    request->deadline = deadline;
    request->began = metrics_now();
    request->next = server->requests;
    server->requests = request;
}

/* find - where the request for this pair hangs, or NULL */
static struct originating_request **find(struct originating_server *server, const char *local,
                                         const char *remote)
{
    struct originating_request **at = &server->requests;
    while (*at != NULL && (strcmp((*at)->local, local) != 0 || strcmp((*at)->remote, remote) != 0))
        at = &(*at)->next;
    return *at != NULL ? at : NULL;
}

static struct originating_request *take(struct originating_request **at)
{
    struct originating_request *request = *at;
    *at = request->next;
    request->next = NULL;
    return request;
}

bool originating_server_is_pending(const struct originating_server *server, const char *local,
                                   const char *remote)
{
    struct originating_server copy = *server;
    return find(&copy, local, remote) != NULL;
}

struct originating_request *originating_server_take_answered(struct originating_server *server,
                                                             const struct dialback_element *answer)
{
    if (answer->kind != DIALBACK_RESULT || answer->type == DIALBACK_REQUEST || !answer->addressed)
        return NULL;
    struct originating_request **at = find(server, answer->to, answer->from);
    if (at == NULL)
        return NULL;
    enum metrics_verdict result = answer->type == DIALBACK_VALID     ? VERDICT_VALID
                                  : answer->type == DIALBACK_INVALID ? VERDICT_INVALID
                                                                     : VERDICT_ERROR;
    metrics_observe(&metrics.dialback[METRICS_OUTGOING][result], (*at)->began);
    return take(at);
}

struct originating_request *originating_server_take_expired(struct originating_server *server,
                                                            int64_t now)
{
    for (struct originating_request **at = &server->requests; *at != NULL; at = &(*at)->next)
        if ((*at)->deadline <= now) {
            metrics_observe(&metrics.dialback[METRICS_OUTGOING][VERDICT_ERROR], (*at)->began);
            return take(at);
        }
    return NULL;
}

void originating_request_free(struct originating_request *request)
{
    if (request == NULL)
        return;
    free(request->local);
    free(request->remote);
    free(request);
}
