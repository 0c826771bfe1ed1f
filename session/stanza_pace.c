/* SPDX-License-Identifier: Apache-2.0 */
/* stanza_pace - a stream whose sender is too fast waits, and with it, by TCP, the sender
 *
 * The wait is a poll for the end of the connection: an end by us shuts the receiving side down (socket_connection_wake), an abort both.
 */
#include "session/stanza_pace.h"

#include <poll.h>

#include "server/limit_log.h"
#include "server/touched_connections.h"
#include "server/xmpp_server.h"

#define LOOK_MS 100 /* how often, where poll can't tell an end by us from the other side's */

void stanza_pace_init(struct stanza_pace *pace, const struct config *config)
{
    *pace = (struct stanza_pace){.stanzas = config->s2s_limit_stanzas_per_second,
                                 .bytes = config->s2s_limit_bytes_per_second};
}

void stanza_pace_free(struct stanza_pace *pace)
{
    domain_limits_put_rate(pace->rate);
    pace->rate = NULL;
}

/* wait_until - or until the connection is of no use */
static void wait_until(struct socket_connection *connection, int64_t until)
{
    struct pollfd entry = {.fd = socket_connection_fd(connection), .events = POLLRDHUP};
    for (int64_t left; (left = until - xmpp_server_now()) > 0;) {
        if (!socket_connection_is_open(connection) || (entry.revents & (POLLERR | POLLHUP)) != 0)
            return;
        if ((entry.revents & POLLRDHUP) != 0)
            entry.events =
                0; /* the other side sends no more: what it has sent still goes at its pace */
        int most = entry.events == 0 ? LOOK_MS : 3600000;
        poll(&entry, 1, left < most ? (int)left : most);
    }
}

void stanza_pace_keep(struct stanza_pace *pace, const struct config *config,
                      struct socket_connection *connection, struct span domain, size_t bytes)
{
    if (!domain_limits_is_rate_of(pace->rate, domain)) {
        domain_limits_put_rate(pace->rate);
        pace->rate = domain_limits_get_rate(domain);
        pace->exempt = domain_limits_is_exempt(config, domain);
    }
    if (pace->exempt)
        return;
    int64_t now = xmpp_server_now();
    int64_t wait = domain_limits_spend(pace->rate, pace->stanzas, pace->bytes, bytes, now);
    if (wait <= 0)
        return;
    limit_log_bites(LIMIT_RATE, "%.*s sends too fast: its stream waits for %lld ms",
                    (int)domain.length, domain.bytes, (long long)wait);
    touched_connections_flush(true);
    socket_connection_flush(connection, true);
    wait_until(connection, now + wait);
}
