/* blocking_reading_mode - the loop that reads one stream until its end
 *
 * Openfire: SocketReadingMode, BlockingReadingMode. Model, statements 7 and 8: bytes -> elements,
 * on the connection's own thread; the opening tag to the reader's createSession, starttls and auth
 * here, all else to the reader's process.
 */
#ifndef SESSION_BLOCKING_READING_MODE_H
#define SESSION_BLOCKING_READING_MODE_H

#include "session/socket_reader.h"

/* blocking_reading_mode_run - read until the stream is over, then end the connection properly:
 * when it returns, nothing more is read or sent. Blocks; the deadlines are those of the reader's
 * operations. */
void blocking_reading_mode_run(struct socket_reader *reader);

#endif
