/* memory - given back to the system by threads that wait for long
 *
 * A stream on which nothing comes should cost little: thousands of them do nothing most of the time. What its thread has freed, and what deeper
 * calls have used of its stack, is resident memory until somebody says that it is not needed.
 */
#ifndef SERVER_MEMORY_H
#define SERVER_MEMORY_H

#include <stdint.h>

/* memory_start - first thing in main: the C library keeps what each thread has freed for that thread, twenty kilobytes of it after a TLS
 * handshake, and nobody else can have it while the thread waits. That is switched off, which glibc only lets who starts a program do: so the
 * program starts itself again, once, with the same arguments. Returns when that was done, is not needed, or can't be done. */
void memory_start(char **arguments);
/* memory_rest - by a thread of thread_start's that has freed what it does not need and is about to wait for long: the pages of its stack below
 * this call go back now (and come again by themselves), those of the heap at a memory_tick soon. Any such thread; never blocks. */
void memory_rest(void);
/* memory_tick - by the housekeeping, once a second: what enough threads have freed goes back. Takes milliseconds with many thousand
 * streams, in which others may wait for memory. */
void memory_tick(int64_t now);

#endif
