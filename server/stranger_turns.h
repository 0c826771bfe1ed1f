/* stranger_turns - so many strangers' threads work at once; the others wait their turn
 *
 * A thread per connection means that the system shares the processor among connections. When thousands that have proved nothing keep
 * sending, each authenticated stream would get one share among thousands; so strangers share those of a few. A stranger's thread takes a
 * turn when it has something to work on, and gives it back before it waits for anything and after each piece of work: a turn is as long as
 * the work on what one read brought, or on one step of a TLS handshake. First come, first served, so that one who means well gets
 * through among those who don't.
 *
 * Openfire: nothing like it (its accept and reader threads are all alike).
 *
 * What a thread is, and whether it has a turn, belongs to the thread: all calls but _configure are about the calling thread, and do
 * nothing on one that is no stranger's. One mutex, a leaf. _take waits, at most PATIENCE_MS: then the thread goes on without
 * a turn, so nothing can keep it from noticing its deadline.
 */
#ifndef SERVER_STRANGER_TURNS_H
#define SERVER_STRANGER_TURNS_H

#include <stdbool.h>

/* stranger_turns_configure - `at_once` threads; 0: one for each processor that the process may use. At the start and when settings change. */
void stranger_turns_configure(long long at_once);
/* stranger_turns_join - from now on the calling thread is a stranger's, or is not; when it was, its turn is given back */
void stranger_turns_join(bool stranger);
/* stranger_turns_take - before it works; nothing when it has a turn */
void stranger_turns_take(void);
/* stranger_turns_give - after it has worked, or before it waits; nothing when it has no turn. Safe with any lock held. */
void stranger_turns_give(void);

#endif
