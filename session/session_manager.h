/* session_manager - all live sessions, in both directions
 *
 * Openfire: SessionManager, LocalSessionManager. Sessions register themselves and are removed by
 * their own thread when they end. Locks: one mutex over the list, a leaf.
 */
#ifndef SESSION_SESSION_MANAGER_H
#define SESSION_SESSION_MANAGER_H

#include "session/session.h"

/* session_manager_add - takes a reference of its own; remove gives it back */
void session_manager_add(struct session *session);
void session_manager_remove(struct session *session);
int session_manager_count(void);
/* session_manager_each - call `act` for each session that was there at the start of the call; no
 * lock is held while `act` runs */
void session_manager_each(void (*act)(struct session *session, void *argument), void *argument);
/* session_manager_tick - housekeeping, once a second */
void session_manager_tick(int64_t now);
/* session_manager_check_permissions - after a change of the settings: end what is not allowed
 * any more */
void session_manager_check_permissions(void);
/* session_manager_end_all - end every stream (system-shutdown) */
void session_manager_end_all(enum stream_error error, const char *text);
/* session_manager_abort_all - close every connection at once */
void session_manager_abort_all(void);

#endif
