/* log - what the program says while it runs, on standard error
 *
 * Five words, and one kind of line: time, level, id, sentence. The id names the connection or the part
 * that speaks ("s2sin-4f2a", "s2sout-1c", "main") and is kept per thread, so it need not be passed on.
 * What a peer wrote is escaped (control characters, bytes that are no UTF-8) and cut at 1,000 bytes before
 * it is printed. A line is one write(2); any thread; a leaf in the lock order. A standard error that takes
 * nothing costs lines (counted: metrics' log_lines_dropped), never the program: one second's wait for the
 * first, none for those after it. The program must ignore SIGPIPE.
 */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* log_set_level - from now on; any thread */
void log_set_level(enum log_level level);
/* log_enabled - to keep from building what nobody will read */
bool log_enabled(enum log_level level);
/* log_set_id - the calling thread's id from now on (copied, cut at 31 bytes) */
void log_set_id(const char *id);
/* log_id - the calling thread's id, "-" until it has one; borrowed until the next log_set_id */
const char *log_id(void);

void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* log_error_lines - each line of `lines` (the faults of a settings file) as a line of the log */
void log_error_lines(const char *lines);
/* log_fatal - the installation is wrong: say so and exit(1). Only before the ports open. */
void log_fatal(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* log_panic - we are wrong: say so and abort(). Never reachable by input. */
void log_panic(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* log_wire - at debug level and only while switched on (setting s2s.log.wire): the very bytes of the
 * stream called `id`, `direction` is "<<" (received) or ">>" (sent). Dialback keys are shown: for study, not for
 * service. One line per call, line feeds as \n, cut at 4,096 bytes. */
void log_set_wire(bool on);
bool log_wire_enabled(void);
void log_wire(const char *id, const char *direction, const char *bytes, unsigned long length);

#endif
