/* SPDX-License-Identifier: Apache-2.0 */
/* workload - what the load does: its options, its outcome, and the workloads
 *
 * in         numbered messages from originating servers, one stream each, to the component
 * out        numbered messages from the component to as many domains
 * ping       pings to the target on originating streams, at a fixed rate, their answers on its own streams
 * handshake  new streams, each of a domain that was never seen: until its db:result is valid
 * idle       proved streams that do nothing
 *
 * Flow control of `in` and `out`, the same for every target: at most `window` stanzas are on their way,
 * spread evenly over the streams; within that, TCP decides.
 */
#ifndef TEST_BENCH_WORKLOAD_H
#define TEST_BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "test/bench/peer_stream.h"
#include "test/bench/stats.h"

#define MAX_PIDS 32

struct options {
    const char *workload;
    const char *to;   /* the domain of the target that streams are opened to */
    uint32_t streams; /* domains with one stream each; of idle: streams over `domains` domains */
    uint32_t domains;
    uint32_t idle; /* idle streams beside the workload */
    uint32_t window, parallel, rate, size;
    double warmup, seconds, limit;
    bool pauses;        /* say {"event": ...} on standard output, then wait for a line */
    int pids[MAX_PIDS]; /* of the target */
    unsigned pid_count;
};
extern struct options options;

/* One moment; the difference of two is what a run measured. */
struct moment {
    uint64_t time, cpu_target, cpu_load, cpu_all, bytes_in, bytes_out, done;
};

struct outcome {
    struct moment from, to;
    uint64_t sent, received; /* all in all */
    uint64_t disordered;     /* stanzas that came before or after their turn */
    uint64_t failed;         /* streams that came to nothing, or ended before their time */
    struct samples times;
};
extern struct outcome outcome;

void take_moment(struct moment *moment, uint64_t done);

/* complain - a failure: counted, and the first ones said on standard error */
void complain(const char *domain, const char *why);

/* Until this the run must be over (now()'s clock); is_late complains and says true then. */
extern uint64_t run_deadline;
bool is_late(const char *what);

/* pause_at - with --pauses: says the event and waits for a line, while the streams live on */
void pause_at(const char *event);

/* open_streams - proves `count` streams, of domains dNNNNN.load.test, the number counted from `first` and
 * modulo `domains`; keeps them in `streams`. Waits until all are ready or have failed. */
void open_streams(struct stream **streams, uint32_t count, uint32_t first, uint32_t domains,
                  const char *to);
/* opening_ready, opening_gone - the hooks tell it of ORIGINATING streams */
void opening_ready(struct stream *stream);
void opening_gone(struct stream *stream, const char *why);

void run_traffic(void);
void run_ping(void);
void run_handshake(void);
void run_idle(void);

#endif
