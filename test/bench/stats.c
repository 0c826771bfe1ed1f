/* SPDX-License-Identifier: Apache-2.0 */
/* stats - clocks, processor time, percentiles
 *
 * See stats.h.
 */
#include "test/bench/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static uint64_t read_clock(clockid_t clock)
{
    struct timespec time = {0};
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

uint64_t now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t cpu_of_us(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t cpu_of(int pid)
{
    clockid_t clock;
    return clock_getcpuclockid(pid, &clock) == 0 ? read_clock(clock) : 0;
}

uint64_t cpu_of_all(void)
{
    unsigned long user = 0, nice = 0, system = 0, idle, wait, irq = 0, softirq = 0, steal = 0;
    FILE *file = fopen("/proc/stat", "r");
    if (file == NULL)
        return 0;
    if (fscanf(file, "cpu %lu %lu %lu %lu %lu %lu %lu %lu", &user, &nice, &system, &idle, &wait,
               &irq, &softirq, &steal) != 8)
        user = nice = system = irq = softirq = steal = 0;
    fclose(file);
    return (user + nice + system + irq + softirq + steal) *
           (SECOND / (uint64_t)sysconf(_SC_CLK_TCK));
}

void samples_add(struct samples *samples, uint64_t value)
{
    if (samples->count == samples->room) {
        samples->room = samples->room == 0 ? 4096 : 2 * samples->room;
        samples->values = realloc(samples->values, samples->room * sizeof(*samples->values));
        if (samples->values == NULL)
            abort();
    }
    samples->values[samples->count++] = value;
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

double samples_percentile(struct samples *samples, double percent)
{
    if (samples->count == 0)
        return 0;
    qsort(samples->values, samples->count, sizeof(*samples->values), compare);
    size_t at = (size_t)((double)samples->count * percent / 100);
    return (double)samples->values[at < samples->count ? at : samples->count - 1] / 1e6;
}
