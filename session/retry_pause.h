/* retry_pause - a dead domain is not tried again at once
 *
 * RFC 6120 3.3: growing, randomised pauses with a cap (`s2s.retry.first`, doubled, up to
 * `s2s.retry.max`, each shortened at random by up to a quarter). DIFFERS: Openfire 3.7.1 forgets
 * after five seconds at most (D18), current Openfire does not pause. A table under one mutex, a
 * leaf. A domain whose pause is long over is forgotten by the tick, so the table holds only recent
 * failures.
 *
 * Stanzas of ours and questions about keys have pauses of their own. A question is caused by whoever claims the domain: without a
 * pause a stranger makes us connect as often as he likes; with that of the stanzas a domain that has come back would not be
 * believed for minutes. So questions wait for questions that failed twice, and half a minute at most.
 */
#ifndef SESSION_RETRY_PAUSE_H
#define SESSION_RETRY_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "xml/packet.h"
#include "xml/text.h"

enum retry_kind { RETRY_STANZAS, RETRY_QUESTIONS };

void retry_pause_failed(enum retry_kind kind, const char *remote, enum packet_error error,
                        const char *why);
/* retry_pause_succeeded - a pair with `remote` is proved: no pause of either kind */
void retry_pause_succeeded(const char *remote);
/* retry_pause_forgotten - by the operator: it may be tried again at once */
void retry_pause_forgotten(const char *remote);
/* retry_pause_answered - `remote` answers questions, whatever it says */
void retry_pause_answered(const char *remote);
/* retry_pause_is_on - must `remote` be left alone now? Then `*error` is what its last attempt
 * ended with and `why` gets a sentence. */
bool retry_pause_is_on(enum retry_kind kind, struct span remote, enum packet_error *error,
                       struct text *why);
/* retry_pause_tick - housekeeping */
void retry_pause_tick(int64_t now);
void retry_pause_stop(void);

#endif
