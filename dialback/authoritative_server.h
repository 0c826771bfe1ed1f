/* authoritative_server - "is this key yours?"
 *
 * Openfire: ServerDialback.verifyReceivedKey. XEP-0220 2.2.2. The third role: a receiving server
 * asks whether we made the key that somebody showed it as one of our domains. The key tells: it is
 * computed again, nothing is stored. Any thread, no locks.
 */
#ifndef DIALBACK_AUTHORITATIVE_SERVER_H
#define DIALBACK_AUTHORITATIVE_SERVER_H

#include "dialback/dialback_element.h"

/* authoritative_server_verify_received_key - judge a db:verify request and append the answer to
 * `out`: valid, invalid, or an error (item-not-found: the domain is not ours; policy-violation:
 * `refused`, a reason, is not NULL). `for_all`: on the private port, where we show keys for remote domains too. Returns the type that was answered, or DIALBACK_UNKNOWN_TYPE
 * when the request has no id or no proper addresses: nothing was appended, the stream deserves
 * improper-addressing. A sentence goes to `why`. DIFFERS: Openfire answers for any from and to
 * (D27); ours must be served here. */
enum dialback_type authoritative_server_verify_received_key(const struct dialback_element *request,
                                                            const char *refused, bool for_all,
                                                            struct text *out, struct text *why);

#endif
