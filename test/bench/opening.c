/* SPDX-License-Identifier: Apache-2.0 */
/* opening - proves many streams, some at once; and the workload that then does nothing with them
 *
 * See workload.h.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "test/bench/workload.h"

static uint32_t under_way;

void opening_ready(struct stream *stream)
{
    if (stream->role == ORIGINATING)
        under_way--;
}

void opening_gone(struct stream *stream, const char *why)
{
    if (stream->role == ORIGINATING && !stream->is_ready)
        under_way--;
    if (stream->role != RECEIVING) /* a target may end its own streams as it likes */
        complain(stream->domain, why != NULL ? why : "closed");
}

void open_streams(struct stream **streams, uint32_t count, uint32_t first, uint32_t domains,
                  const char *to)
{
    uint32_t begun = 0;
    while ((begun < count || under_way > 0) && !is_late("streams are proved")) {
        while (begun < count && under_way < options.parallel) {
            char domain[64];
            uint32_t number = first + begun;
            snprintf(domain, sizeof(domain), "d%05u.load.test", number % domains);
            under_way++;
            struct stream *stream = peer_originate(domain, to, number, number);
            if (stream == NULL)
                die("cannot connect to the target");
            if (streams != NULL)
                streams[begun] = stream;
            begun++;
        }
        conn_round(100);
    }
}

void pause_at(const char *event)
{
    char byte;
    if (!options.pauses)
        return;
    printf("{\"event\": \"%s\"}\n", event);
    fflush(stdout);
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    while (poll(&input, 1, 0) == 0 && !is_late("a line comes on standard input"))
        conn_round(20);
    while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n')
        ;
}

static void ignore_stanza(struct stream *stream, struct mark mark)
{
    (void)stream;
    (void)mark;
    peer_unexpected++;
}

void run_idle(void)
{
    peer_hooks =
        (struct peer_hooks){.ready = opening_ready, .stanza = ignore_stanza, .gone = opening_gone};
    peer_listen();
    pause_at("fresh");
    open_streams(NULL, options.domains, 0, options.domains, options.to);
    pause_at("warm");
    take_moment(&outcome.from, 0);
    open_streams(NULL, options.streams, options.domains, options.domains, options.to);
    take_moment(&outcome.to, options.streams);
    outcome.sent = outcome.received = options.streams;
    pause_at("idle");
}
