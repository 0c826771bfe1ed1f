/* explain_rules - the chain of rules that would decide for a domain, of the settings in force or of others
 *
 * Openfire: what RemoteServerManager.canAccess, DNSUtil, ConnectionConfiguration and ServerDialback each decide for themselves. Here
 * they are asked, in the order in which a stream meets them, with the same functions that decide over streams. Reads; blocks for the
 * disk (rules of a file) and the look-up of an [upstream]'s host.
 */
#ifndef ADMIN_EXPLAIN_RULES_H
#define ADMIN_EXPLAIN_RULES_H

#include <jansson.h>
#include <stdbool.h>

#include "server/config.h"
#include "server/failure.h"
#include "server/tls_policy.h"

struct dns_overrides;

/* Settings, and what is kept under their s2s.home. */
struct rule_book {
    const struct config *config;    /* a reference */
    bool in_force;                  /* else read aside, from a file */
    struct remote_servers *servers; /* NULL: those in force */
    struct upstreams *upstreams;    /* likewise */
    struct dns_overrides *overrides;
};

/* explain_rules_open - `file` NULL: the settings in force. 0, or -1 with one line per fault in `why`; close it in any case. */
int explain_rules_open(struct rule_book *book, const char *file, struct text *why);
void explain_rules_close(struct rule_book *book);

/* What the rules come to. */
struct rule_verdict {
    /* of the first rule that bars the way out, else of the first that bars the way in; or FAILURE_NONE */
    enum failure failure;
    struct text why;       /* in words; owned */
    const char *direction; /* of that rule: "out", "both" or "in" */
    bool bars_out;
    bool ours;     /* the domain is served by this server: nothing of it goes out */
    bool upstream; /* by an XMPP server behind us */
    struct tls_policy policy;
    bool has_tls; /* there is a certificate, or at least TLS */
    bool dialback;
};

/* explain_rules_ask - an array of the rules in their order, each {direction, rule, allows, decision, by, clause}; a new reference.
 * `domain` is prepared. Free the verdict's `why`. */
json_t *explain_rules_ask(const struct rule_book *book, const char *domain,
                          struct rule_verdict *verdict);
/* explain_rules_still - would what went wrong once still go wrong by these rules? (What the rules say nothing of: yes.) */
bool explain_rules_still(const struct rule_verdict *verdict, enum failure failure);

#endif
