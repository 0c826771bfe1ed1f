/* blocking_accepting_mode - listens, and accepts until it is told to end
 *
 * Openfire: SocketAcceptingMode, BlockingAcceptingMode. Model, statements 5 and 6.
 */
#ifndef SERVER_BLOCKING_ACCEPTING_MODE_H
#define SERVER_BLOCKING_ACCEPTING_MODE_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "server/connection_kind.h"
#include "xml/text.h"

struct blocking_accepting_mode;

/* blocking_accepting_mode_new - bind and listen: from now on connections wait in the backlog.
 * NULL with a sentence in `why`. */
struct blocking_accepting_mode *blocking_accepting_mode_new(const struct sockaddr *address,
                                                            socklen_t length, int backlog,
                                                            enum connection_kind kind,
                                                            struct text *why);
void blocking_accepting_mode_free(struct blocking_accepting_mode *mode);
/* blocking_accepting_mode_run - the loop: accept, log, have the ConnectionManager make a reader,
 * run it on a thread of its own. Returns when blocking_accepting_mode_stop was called; no error
 * of one connection ends it. */
void blocking_accepting_mode_run(struct blocking_accepting_mode *mode);
/* blocking_accepting_mode_stop - end the loop; any thread, any number of times */
void blocking_accepting_mode_stop(struct blocking_accepting_mode *mode);

#endif
