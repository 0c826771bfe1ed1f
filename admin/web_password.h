/* web_password - who may log in to the web console: s2s.home/admin-password.conf
 *
 * Openfire: AuthFactory, and the password that its set-up asks for (DIFFERS: a random one is made, since one that is asked for later
 * is "admin" until then). The file has a section for the user, `admin`, with the password's hash: scrypt (RFC 7914) with a salt of its
 * own. It is mode 0600 and read at each log-in, so whoever can write it can change it. Any thread; one hash at a time is made, which
 * takes some 250 ms and 16 MB.
 */
#ifndef ADMIN_WEB_PASSWORD_H
#define ADMIN_WEB_PASSWORD_H

#include <stdbool.h>

#include "xml/text.h"

#define WEB_PASSWORD_USER "admin"
#define WEB_PASSWORD_MIN \
    10 /* characters of one that somebody chooses; RFC 9106 does not say, NIST SP 800-63B says 8 */
#define WEB_PASSWORD_MAX 200 /* bytes */

/* web_password_make_first - when there is no file yet: make a password and the file. The password is appended to `made`, and kept
 * nowhere; `made` stays as it is when there is a file. 0, or -1 with `why`. */
int web_password_make_first(const char *home, struct text *made, struct text *why);
/* web_password_change - another one. 0, or -1 with a sentence: it is too short or too long, or the file can't be written. */
int web_password_change(const char *home, const char *password, struct text *why);
/* web_password_random - append one of 100 bits, in groups that can be read out */
void web_password_random(struct text *out);
/* web_password_is_right - does the password open the console for this user? Takes as long when the name is wrong. */
bool web_password_is_right(const char *home, const char *user, const char *password);

#endif
