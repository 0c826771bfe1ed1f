/* control_socket - the operator's way in: a unix socket under s2s.home
 *
 * Openfire: none; its way in is the web console. `s2s.home`/control.sock, mode 0600; the client must be root or have our
 * own uid (SO_PEERCRED). At most 32 clients, a thread each. A client is hostile input: nothing that it sends ends the
 * program, holds more than a line's memory, or waits for ever.
 *
 * The protocol, number 1: lines of UTF-8 with a line feed.
 *
 *   server, at once    {"hello":"openfire-s2s","version":"0.1.0","protocol":1,"pid":4711}
 *   client             a request: words with blanks between them; a word that begins with '"' is a JSON string, and so can
 *                      hold anything. At most 8,192 bytes. `openfire-s2sctl help` lists the commands.
 *                          sessions example.net --sort=since
 *                          set xmpp.server.name "Example's server"
 *   server             for some commands first events, {"event":…} each; then one line, {"ok":true,"result":…}
 *                      or {"ok":false,"condition":"not-found","error":"a sentence"}. Conditions: invalid, not-found,
 *                      refused, denied, failed (admin/control_commands.h).
 *   client             the next request, or its end. A byte or the end during events ends them; the answer still comes.
 *
 * A client of a later protocol must take other members in an object for none. A client who is not wanted gets an answer
 * with the condition denied or refused in place of the greeting, and the end. A request must be whole 10 s after its
 * first byte, come 5 minutes after the last answer, and what is answered must be taken within 10 s; else: the end.
 *
 * Who listens at this socket owns `s2s.home`: a second server there does not start. The socket stays where it is when
 * s2s.home changes while running.
 */
#ifndef ADMIN_CONTROL_SOCKET_H
#define ADMIN_CONTROL_SOCKET_H

#include "xml/text.h"

#define CONTROL_SOCKET_PROTOCOL 1
#define CONTROL_SOCKET_NAME "control.sock"

/* control_socket_open - take s2s.home for us, and make the socket in it; nobody is served yet. 0, or -1 with a sentence:
 * another server is there, or its path is too long for a socket. */
int control_socket_open(const char *home, struct text *why);
/* control_socket_start - serve, from now on, on a thread of its own. 0, or -1 with a sentence. */
int control_socket_start(struct text *why);
/* control_socket_stop - take nobody new, remove the socket, and tell the clients' threads to end: each finishes its command
 * (those that stream end at once). They are counted by thread_wait_all. */
void control_socket_stop(void);
/* control_socket_path - of the socket, "" while there is none; borrowed until the stop */
const char *control_socket_path(void);

#endif
