/* iq_handlers - the server's own services, and its answers for users that it does not have
 *
 * Openfire: IQPingHandler, IQVersionHandler, IQTimeHandler (here XEP-0202), IQLastActivityHandler,
 * IQDiscoInfoHandler, IQDiscoItemsHandler. One table: namespace, element, feature, function. RFC
 * 6120 8.2.3, 10.5; RFC 6121 8.5.1. Pure but for the clock; any thread.
 */
#ifndef SESSION_IQ_HANDLERS_H
#define SESSION_IQ_HANDLERS_H

#include "xml/packet.h"

struct config;

/* iq_handlers_answer - the reply to an iq for one of our bare domains, in `arena`; NULL when
 * nothing may be answered (results, errors). bad-request: no id, not exactly one child element,
 * no known type. service-unavailable: no such service (conformance 120; DIFFERS: Openfire says
 * feature-not-implemented). not-allowed: a set where only get has a meaning. */
struct element *iq_handlers_answer(struct arena *arena, const struct element *iq,
                                   const struct config *config);
/* iq_handlers_answer_nobody - the reply to any other packet for our domains: there are no users
 * and no resources. service-unavailable for requests and for messages but headlines; NULL for
 * presence (RFC 6121 8.5.1: ignored), results and errors. */
struct element *iq_handlers_answer_nobody(struct arena *arena, const struct element *packet);

#endif
