/* SPDX-License-Identifier: Apache-2.0 */
/* stats - clocks, processor time, percentiles */
#ifndef TEST_BENCH_STATS_H
#define TEST_BENCH_STATS_H

#include <stddef.h>
#include <stdint.h>

#define SECOND UINT64_C(1000000000)

/* now - CLOCK_MONOTONIC in ns */
uint64_t now(void);

/* Processor time used so far, in ns. */
uint64_t cpu_of_us(void);
/* cpu_of - of another process with all its threads; 0: it is not there */
uint64_t cpu_of(int pid);
/* cpu_of_all - of everything on this machine, and what its hypervisor gave to others; in steps of 10 ms */
uint64_t cpu_of_all(void);

/* Samples of a time, in ns. */
struct samples {
    uint64_t *values;
    size_t count, room;
};
void samples_add(struct samples *samples, uint64_t value);
/* samples_percentile - in ms; sorts them; 0 when there are none */
double samples_percentile(struct samples *samples, double percent);

#endif
