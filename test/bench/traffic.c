/* SPDX-License-Identifier: Apache-2.0 */
/* traffic - streams of numbered stanzas through the target, and pings at a fixed rate
 *
 * A lane is one pair of domains: its stanzas are numbered, and must come out in order. A sender is one of
 * our streams, with a block of ready-made stanzas, 64 KiB at most, in which only the numbers change
 * from round to round. `in`: as many senders as lanes, received by the component. `out`: the
 * component is the one sender, each stanza goes to the next lane.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/bench/workload.h"

#define BLOCK_BYTES 65536
#define BLOCKS_AT_ONCE 4 /* before the next sender has its turn */
#define RING 8192        /* pings of a lane whose time is known */
#define TEXT                                                                                     \
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the " \
    "age of "                                                                                    \
    "foolishness, it was the epoch of belief. "

struct lane {
    uint32_t sent, expected;
    uint64_t *sent_at;
};

struct sender {
    struct stream *stream;
    char *block;
    uint32_t count;        /* stanzas of the block */
    uint32_t first, lanes; /* where they go, in turn */
    uint64_t sent, received;
};

static struct lane *lanes;
static struct sender *senders;
static uint32_t sender_count;
static struct stream *component;
static bool is_out, is_measuring;
static size_t mark_at; /* in a stanza */

/* ---- stanzas */

/* build - stanza number 0 of a lane */
static size_t build(char *to, size_t size, uint32_t lane)
{
    char user[96], sink[96], mark[32];
    snprintf(user, sizeof(user), "user@d%05u.load.test/bench", lane);
    snprintf(sink, sizeof(sink), "sink@%s/x", peer_options.component_domain);
    snprintf(mark, sizeof(mark), MARK_FORMAT, lane, 0u);
    size_t head =
        (size_t)snprintf(to, size, "<message from='%s' to='%s' type='chat' id='%s'><body>",
                         is_out ? sink : user, is_out ? user : sink, mark);
    static const char tail[] = "</body></message>";
    mark_at = (size_t)(strstr(to, mark) - to);
    if (head + sizeof(tail) > options.size)
        die("--size is too small");
    size_t body = options.size - head - (sizeof(tail) - 1);
    for (size_t i = 0; i < body; i++)
        to[head + i] = TEXT[i % (sizeof(TEXT) - 1)];
    memcpy(to + head + body, tail, sizeof(tail));
    return options.size;
}

static void write_number(char *at, uint32_t number)
{
    for (int i = 8; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
}

static void make_block(struct sender *sender, uint32_t count)
{
    sender->count = count;
    sender->block = malloc((size_t)count * options.size + 1);
    if (sender->block == NULL)
        die("out of memory");
    for (uint32_t i = 0; i < count; i++)
        build(sender->block + (size_t)i * options.size, options.size + 1,
              sender->first + i % sender->lanes);
}

/* ---- sending */

static void send_block(struct sender *sender)
{
    char *at = sender->block + mark_at + 7;
    for (uint32_t i = 0, lane = 0; i < sender->count; i++, at += options.size) {
        write_number(at, lanes[sender->first + lane].sent++);
        if (++lane == sender->lanes)
            lane = 0;
    }
    sender->sent += sender->count;
    conn_lend(&sender->stream->conn, sender->block, (size_t)sender->count * options.size);
}

static bool may_send(const struct sender *sender)
{
    const struct conn *conn = &sender->stream->conn;
    return conn->block_left == 0 && !conn->is_armed && !conn->is_dead &&
           (options.window == 0 ||
            sender->sent - sender->received + sender->count <= options.window / sender_count);
}

static void pump(void)
{
    for (uint32_t i = 0; i < sender_count; i++)
        for (unsigned k = 0; k < BLOCKS_AT_ONCE && may_send(&senders[i]); k++)
            send_block(&senders[i]);
}

/* send_one - a stanza of each lane: the way is known then, and its streams are open */
static void send_one_each(void)
{
    for (uint32_t i = 0; i < options.streams; i++) {
        struct sender *sender = &senders[is_out ? 0 : i];
        char text[2048];
        build(text, sizeof(text), i);
        lanes[i].sent++;
        sender->sent++;
        conn_send(&sender->stream->conn, "%s", text);
    }
}

/* ---- receiving */

static void stanza(struct stream *stream, struct mark mark)
{
    (void)stream;
    if (mark.stream >= options.streams) {
        peer_unexpected++;
        return;
    }
    struct lane *lane = &lanes[mark.stream];
    if (mark.number != lane->expected)
        outcome.disordered++;
    if (mark.number >= lane->expected)
        lane->expected = mark.number + 1;
    senders[is_out ? 0 : mark.stream].received++;
    outcome.received++;
    if (is_measuring && lane->sent_at != NULL)
        samples_add(&outcome.times, now() - lane->sent_at[mark.number % RING]);
}

static uint64_t count_sent(void)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < sender_count; i++)
        sum += senders[i].sent;
    return sum;
}

/* drain - until all has come, or nothing more comes for three seconds */
static void drain(void)
{
    uint64_t last = outcome.received, quiet_since = now();
    while (outcome.received + peer_bounced < count_sent() && now() < quiet_since + 3 * SECOND &&
           !is_late("the target has delivered")) {
        conn_round(10);
        if (outcome.received != last) {
            last = outcome.received;
            quiet_since = now();
        }
    }
    outcome.sent = count_sent();
}

/* ---- the runs */

static void make_ready(void)
{
    peer_hooks =
        (struct peer_hooks){.ready = opening_ready, .stanza = stanza, .gone = opening_gone};
    peer_listen();
    lanes = calloc(options.streams, sizeof(*lanes));
    sender_count = is_out ? 1 : options.streams;
    senders = calloc(sender_count, sizeof(*senders));
    struct stream **streams = calloc(options.streams, sizeof(struct stream *));
    if (lanes == NULL || senders == NULL || streams == NULL)
        die("out of memory");
    if (options.idle > 0) {
        pause_at("fresh");
        open_streams(NULL, options.domains, 0, options.domains, options.to);
        pause_at("warm");
        open_streams(NULL, options.idle, options.domains, options.domains, options.to);
        pause_at("idle");
    }
    if (!is_out)
        open_streams(streams, options.streams, 0, options.streams, options.to);
    for (uint32_t i = 0; i < sender_count; i++)
        senders[i].stream = is_out ? component : streams[i];
    free(streams);
}

static void connect_component(void)
{
    component = peer_component();
    if (component == NULL)
        die("cannot connect as a component");
    peer_hooks =
        (struct peer_hooks){.ready = opening_ready, .stanza = stanza, .gone = opening_gone};
    while (!component->is_ready && !is_late("the component is let in"))
        conn_round(10);
}

/* flood_until - Between two rounds the load sleeps a tenth of a millisecond, as a network card gathers packets before it interrupts: else
 * the target would pay, in each send(2), for waking the load on the other core. */
static void flood_until(uint64_t end)
{
    while (now() < end && outcome.failed == 0) {
        pump();
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
        conn_round(10);
    }
}

void run_traffic(void)
{
    is_out = strcmp(options.workload, "out") == 0;
    connect_component();
    make_ready();
    if (outcome.failed > 0)
        return;
    uint32_t most = BLOCK_BYTES / options.size, half = options.window / sender_count / 2;
    most = options.window > 0 && half < most ? half : most;
    for (uint32_t i = 0; i < sender_count; i++) {
        struct sender *sender = &senders[i];
        sender->first = i;
        sender->lanes = is_out ? options.streams : 1;
        make_block(sender,
                   most < sender->lanes ? sender->lanes : most / sender->lanes * sender->lanes);
    }
    send_one_each();
    drain();
    flood_until(now() + (uint64_t)(options.warmup * (double)SECOND));
    take_moment(&outcome.from, outcome.received);
    flood_until(outcome.from.time + (uint64_t)(options.seconds * (double)SECOND));
    take_moment(&outcome.to, outcome.received);
    drain();
}

static void send_ping(uint32_t number)
{
    uint32_t at = number % options.streams;
    struct lane *lane = &lanes[at];
    lane->sent_at[lane->sent % RING] = now();
    senders[at].sent++;
    conn_send(&senders[at].stream->conn,
              "<iq type='get' from='user@d%05u.load.test/bench' to='%s' id='" MARK_FORMAT
              "'><ping xmlns='urn:xmpp:ping'/></iq>",
              at, options.to, at, lane->sent++);
}

/* ping_until - in step with the clock, never waiting in the kernel: that would be measured too */
static void ping_until(uint64_t end)
{
    static uint32_t number;
    uint64_t begin = now(), time = begin;
    for (uint32_t sent = 0; time < end && outcome.failed == 0; time = now()) {
        for (; time >= begin + sent * SECOND / options.rate; sent++)
            send_ping(number++);
        conn_round(0);
    }
}

void run_ping(void)
{
    make_ready();
    if (outcome.failed > 0)
        return;
    for (uint32_t i = 0; i < options.streams; i++) {
        lanes[i].sent_at = calloc(RING, sizeof(uint64_t));
        if (lanes[i].sent_at == NULL)
            die("out of memory");
    }
    for (uint32_t i = 0; i < options.streams; i++)
        send_ping(i);
    drain();
    ping_until(now() + (uint64_t)(options.warmup * (double)SECOND));
    is_measuring = true;
    take_moment(&outcome.from, outcome.received);
    ping_until(outcome.from.time + (uint64_t)(options.seconds * (double)SECOND));
    take_moment(&outcome.to, outcome.received);
    drain();
}
