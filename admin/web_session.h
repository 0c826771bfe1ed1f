/* web_session - who is logged in to the web console
 *
 * Openfire: the servlet container's HttpSession (DIFFERS: the id that a browser brought is never one that a log-in makes, so nobody
 * can be given a session that somebody else knows). An id has 128 random bits; what is kept of it is its hash. A session ends after
 * half an hour without a request of a person (what a script fetches by itself does not count), after twelve hours in any case, by
 * logging out, and when the password is changed. At most WEB_SESSIONS; then the one used least recently makes room. One mutex, a leaf;
 * any thread.
 */
#ifndef ADMIN_WEB_SESSION_H
#define ADMIN_WEB_SESSION_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "xml/text.h"

#define WEB_SESSIONS 32
#define WEB_SESSION_ID 32 /* hexadecimal digits */
#define WEB_SESSION_USER 32
#define WEB_SESSION_IDLE_MS (30 * 60 * 1000)
#define WEB_SESSION_LAST_MS (12 * 60 * 60 * 1000)
#define WEB_SESSION_SAYING 1000 /* bytes */

/* What is known of one; a copy. */
struct web_session {
    char user[WEB_SESSION_USER + 1];
    char token[WEB_SESSION_ID + 1]; /* every form that changes something must bring it */
};

/* web_session_random - 128 bits in hexadecimal */
void web_session_random(char out[WEB_SESSION_ID + 1]);
/* web_session_is_same - in constant time for what the other side chose */
bool web_session_is_same(const char *ours, const char *given);

/* web_session_open - `id` is what the browser is to keep. End it with web_session_close. */
void web_session_open(const char *user, const char *peer, int64_t now, char id[WEB_SESSION_ID + 1]);
/* web_session_find - false: there is none of this id, or it has ended. `by_hand`: a person asks. */
bool web_session_find(const char *id, int64_t now, bool by_hand, struct web_session *session);
void web_session_close(const char *id);
void web_session_close_all(void);

/* web_session_say - what the next page that is shown to this session says: an outcome, or an error. Cut at WEB_SESSION_SAYING. */
void web_session_say(const char *id, bool error, const char *words);
/* web_session_hear - append it, once; false: there is nothing to be said */
bool web_session_hear(const char *id, bool *error, struct text *words);

/* web_session_list - an array of {user, peer, age_seconds, idle_seconds} */
json_t *web_session_list(int64_t now);

#endif
