/* retry_pause - a dead domain is not tried again at once
 *
 * RFC 6120 3.3: growing, randomised pauses with a cap (`s2s.retry.first`, doubled, up to
 * `s2s.retry.max`, each shortened at random by up to a quarter). DIFFERS: Openfire 3.7.1 forgets
 * after five seconds at most (D18), current Openfire does not pause. A table under one mutex, a
 * leaf. A domain whose pause is long over is forgotten by the tick, so the table holds only recent
 * failures.
 */
#ifndef SESSION_RETRY_PAUSE_H
#define SESSION_RETRY_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "xml/packet.h"
#include "xml/text.h"

void retry_pause_failed(const char *remote, enum packet_error error, const char *why);
void retry_pause_succeeded(const char *remote);
/* retry_pause_is_on - must `remote` be left alone now? Then `*error` is what its last attempt
 * ended with and `why` gets a sentence. */
bool retry_pause_is_on(struct span remote, enum packet_error *error, struct text *why);
/* retry_pause_tick - housekeeping */
void retry_pause_tick(int64_t now);
void retry_pause_stop(void);

#endif
