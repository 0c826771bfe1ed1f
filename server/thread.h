/* thread - the births and the end of the connections' threads
 *
 * Every connection has one detached thread (Openfire: "daemon thread of normal priority"), incoming
 * ones started by the accept thread, outgoing ones by whoever has a packet for them. They are
 * counted, so that the end of the program can wait for the last one. Signals are blocked in all of
 * them: main takes them.
 */
#ifndef SERVER_THREAD_H
#define SERVER_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* thread_set_last_act - what each thread does after its run (main points it at touched_connections_flush: nothing that a
 * thread has written at its very end may stay behind) */
void thread_set_last_act(void (*act)(void));
/* thread_start - run `run(argument)` on a new detached thread called `name` (also its log id)
 * with `stack` bytes of stack. 0, or -1 when the system has no thread for us (`argument` is
 * still the caller's). */
int thread_start(const char *name, size_t stack, void (*run)(void *), void *argument);
/* thread_condition_init - a condition whose timed waits go by xmpp_server_now's clock */
void thread_condition_init(pthread_cond_t *condition);
/* thread_condition_wait - once, with the mutex held, until it is signalled or `deadline` (that clock), a stranger's turn given back
 * meanwhile; false: the deadline has passed. It may wake for nothing: ask again what was waited for. */
bool thread_condition_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t deadline);
/* thread_wait_all - wait until no such thread is left, or `deadline` (xmpp_server_now's clock);
 * returns how many are */
int thread_wait_all(int64_t deadline);

#endif
