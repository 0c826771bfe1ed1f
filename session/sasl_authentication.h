/* sasl_authentication - SASL between servers: EXTERNAL, and nothing else
 *
 * Openfire: SASLAuthentication, ExternalServerSaslServer. RFC 6120 6, XEP-0178 3. DIFFERS: Openfire 3.7.1 takes
 * the mechanisms of clients here too (D4). It judges one element and keeps no state; the reader counts failures.
 */
#ifndef SESSION_SASL_AUTHENTICATION_H
#define SESSION_SASL_AUTHENTICATION_H

#include <stdbool.h>

#include "server/socket_connection.h"
#include "xml/element.h"

/* What the stream has to offer. */
struct sasl_offer {
    bool encrypted;       /* the stream is */
    bool external;        /* the certificate proves `from`: EXTERNAL was offered */
    bool require_authzid; /* xmpp.auth.external.server.require-authzid */
    const char *from;     /* the stream's, prepared; NULL: none */
};

/* sasl_authentication_is_element - <auth/>, <response/> or <abort/>? */
bool sasl_authentication_is_element(const struct element *element);
/* sasl_authentication_offers_external - do these features of another server list EXTERNAL? */
bool sasl_authentication_offers_external(const struct element *features);
/* sasl_authentication_ask - append the <auth/> with which we ask for EXTERNAL as `local` (prepared; NULL: it is not said again,
 * XEP-0178 3) */
void sasl_authentication_ask(const char *local, struct text *out);
/* sasl_authentication_handle - judge it: NULL for success, else the condition of the failure ("invalid-authzid",
 * RFC 6120 6.5), a constant. `arena` is the element's. */
const char *sasl_authentication_handle(const struct element *element,
                                       const struct sasl_offer *offer, struct arena *arena);

/* sasl_authentication_answer - write <success/>, or a <failure/> with this condition (RFC 6120 6.4.6, 6.4.5) */
void sasl_authentication_answer(struct socket_connection *connection, const char *condition);

#endif
