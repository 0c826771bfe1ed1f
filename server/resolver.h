/* resolver - one question to the DNS, asked of libunbound, answered before a deadline
 *
 * The part of dns_util that talks to libunbound. A resolver has one context (which caches) and one
 * thread that takes its answers; any number of threads ask. It is counted: a reload makes a new
 * one, and the old one goes with its last question.
 */
#ifndef SERVER_RESOLVER_H
#define SERVER_RESOLVER_H

#include <stdint.h>
#include <unbound.h>

#include "xml/text.h"

struct resolver;
struct resolver_question;

#define RESOLVER_A 1
#define RESOLVER_AAAA 28
#define RESOLVER_SRV 33
#define RESOLVER_DNSKEY 48
#define RESOLVER_TLSA 52

/* resolver_new - `server`: "" for the system's resolv.conf and hosts file, else a comma list of
 * address[@port]. `anchor`: the file of DNSSEC's keys; "" or none there: no answer counts as secure; and
 * so when the servers turn out not to pass DNSSEC on, which is asked once (at most two seconds) and logged. One
 * reference. NULL with `why`. */
struct resolver *resolver_new(const char *server, const char *anchor, struct text *why);
struct resolver *resolver_ref(struct resolver *resolver);
void resolver_unref(struct resolver *resolver);
/* resolver_ask - start a question; never waits. NULL when libunbound takes none. */
struct resolver_question *resolver_ask(struct resolver *resolver, const char *name, int type);
/* resolver_wait - its answer, the caller's (ub_resolve_free), or NULL when there was none by
 * `deadline` (xmpp_server_now's clock). Ends the question in any case; NULL is allowed. */
struct ub_result *resolver_wait(struct resolver_question *question, int64_t deadline);

#endif
