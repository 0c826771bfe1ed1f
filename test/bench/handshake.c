/* SPDX-License-Identifier: Apache-2.0 */
/* handshake - new streams, each of a domain that was never seen, one after another, some at once
 *
 * A handshake begins with connect() and is done when the db:result is valid. The target has
 * meanwhile opened a stream of its own to the new domain to ask about the key; both are closed then.
 */
#include <stdio.h>
#include <stdlib.h>

#include "test/bench/workload.h"

#define OPERATIONS 8192 /* of which the streams are known, by number modulo this */

static struct operation {
    uint32_t number;
    struct stream *originating, *receiving;
} operations[OPERATIONS];
static uint32_t next, under_way;
static uint64_t done;
static bool is_measuring;

static struct operation *find(uint32_t number)
{
    return &operations[number % OPERATIONS];
}

static void begin(void)
{
    char domain[64];
    struct operation *operation = find(next);
    snprintf(domain, sizeof(domain), "h%07u.load.test", next);
    struct stream *stream = peer_originate(domain, options.to, next, next);
    if (stream == NULL)
        die("cannot connect to the target");
    *operation = (struct operation){.number = next, .originating = stream};
    next++;
    under_way++;
}

static void ready(struct stream *stream)
{
    struct operation *operation = find(stream->number);
    under_way--;
    done++;
    if (is_measuring)
        samples_add(&outcome.times, now() - stream->began);
    peer_close(stream);
    if (operation->receiving != NULL)
        peer_close(operation->receiving);
}

/* received - the target's stream to the domain of an operation */
static void received(struct stream *stream)
{
    unsigned number;
    if (sscanf(stream->domain, "h%7u.", &number) != 1)
        return;
    stream->number = number;
    struct operation *operation = find(number);
    if (operation->number == number)
        operation->receiving = stream;
}

static void gone(struct stream *stream, const char *why)
{
    struct operation *operation = find(stream->number);
    if (operation->receiving == stream)
        operation->receiving = NULL;
    if (operation->originating == stream)
        operation->originating = NULL;
    if (stream->role == ORIGINATING && !stream->is_ready) {
        under_way--;
        complain(stream->domain, why);
    }
}

static void ignore_stanza(struct stream *stream, struct mark mark)
{
    (void)stream;
    (void)mark;
    peer_unexpected++;
}

static void run_until(uint64_t end)
{
    while (now() < end && !is_late("handshakes are done")) {
        while (under_way < options.parallel)
            begin();
        conn_round(10);
    }
}

void run_handshake(void)
{
    peer_hooks = (struct peer_hooks){
        .ready = ready, .received = received, .stanza = ignore_stanza, .gone = gone};
    peer_listen();
    run_until(now() + (uint64_t)(options.warmup * (double)SECOND));
    is_measuring = true;
    take_moment(&outcome.from, done);
    run_until(outcome.from.time + (uint64_t)(options.seconds * (double)SECOND));
    take_moment(&outcome.to, done);
    uint64_t limit = now() + 10 * SECOND;
    while (under_way > 0 && now() < limit)
        conn_round(10);
    outcome.sent = next;
    outcome.received = done;
    outcome.failed += under_way;
}
