/* check_context - what the parts of a check share: whom it is about, by which rules, until when, and its report
 *
 * Openfire: S2STestService. For connection_check, check_dns and check_target; nobody else includes this.
 */
#ifndef ADMIN_CHECK_CONTEXT_H
#define ADMIN_CHECK_CONTEXT_H

#include "admin/check_report.h"
#include "admin/check_stream.h"
#include "server/config.h"
#include "server/tls_policy.h"
#include "server/xmpp_server.h"

struct check_context {
    const char *domain, *local; /* prepared */
    const struct config *config;
    struct tls_policy policy;
    bool has_tls;  /* there is a certificate of ours, or at least TLS */
    bool presents; /* and we show it to whom we connect to */
    bool dialback; /* may dialback be used? */
    bool alone;    /* no server of ours runs in this process: nothing comes back */
    int64_t deadline;
    int64_t began; /* seconds since 1970 */
    check_wanted *wanted;
    void *owner;
    struct check_report report;
    int tried,
        good;    /* addresses; those where we were let in, or (alone) nothing spoke against it */
    bool silent; /* dialback was not answered once: it is not waited for at every address */
    bool pinged; /* a ping went out, and what came of it is known */
    struct text ways; /* by which we were let in: "SASL EXTERNAL, dialback" */
    int64_t ping;     /* ms; -1: no answer came */
};

/* check_until - so many ms from now, or the end of the check */
static inline int64_t check_until(const struct check_context *context, int64_t ms)
{
    int64_t until = xmpp_server_now() + ms;
    return until < context->deadline ? until : context->deadline;
}

/* check_goes_on - is there time, and anybody who wants to know? */
static inline bool check_goes_on(const struct check_context *context)
{
    return xmpp_server_now() < context->deadline && context->wanted(context->owner);
}

#endif
