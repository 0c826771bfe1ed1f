/* SPDX-License-Identifier: Apache-2.0 */
/* memory - given back to the system by threads that wait for long
 *
 * madvise for the stack, malloc_trim for the heap: the second walks all that is free in every arena, so it is done for many at once, or for
 * the last few after a while. The sanitizers keep accounts of both that this would upset, and do without.
 */
#include "server/memory.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MANY 64         /* threads that rest, before the heap is trimmed at the next tick */
#define FEW_AFTER 10000 /* ms after which it is trimmed for fewer */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
void memory_start(char **arguments)
{
    (void)arguments;
}

void memory_rest(void)
{
}

void memory_tick(int64_t now)
{
    (void)now;
}
#else
#define TUNABLES "GLIBC_TUNABLES"

void memory_start(char **arguments)
{
    if (getenv(TUNABLES) != NULL) /* ours, or somebody else's who knows what he wants */
        return;
    setenv(TUNABLES, "glibc.malloc.tcache_count=0", 1);
    execv("/proc/self/exe", arguments);
}

static _Atomic int rested;             /* threads, since the heap was trimmed */
static _Thread_local uintptr_t lowest; /* of the calling thread's stack; 0: not asked yet */

/* lowest_of_stack - its end, of the calling thread; the guard page is not part of what the attributes tell. 0: unknown */
static uintptr_t lowest_of_stack(void)
{
    pthread_attr_t attributes;
    void *address = NULL;
    size_t size;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return 0;
    if (pthread_attr_getstack(&attributes, &address, &size) != 0)
        address = NULL;
    pthread_attr_destroy(&attributes);
    return (uintptr_t)address;
}

void memory_rest(void)
{
    char here;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), end = (uintptr_t)&here & ~(page - 1);
    if (lowest == 0)
        lowest = lowest_of_stack();
    if (lowest != 0 && lowest < end)
        madvise((void *)lowest, end - lowest, MADV_DONTNEED);
    atomic_fetch_add_explicit(&rested, 1, memory_order_relaxed);
}

void memory_tick(int64_t now)
{
    static int64_t last; /* by the housekeeping's thread only */
    int count = atomic_load_explicit(&rested, memory_order_relaxed);
    if (count < MANY && (count == 0 || now < last + FEW_AFTER))
        return;
    last = now;
    atomic_fetch_sub_explicit(&rested, count, memory_order_relaxed);
    malloc_trim(0);
}
#endif
