/* timeline_store - of each domain, the stories of the last attempts that went well and of those that did not
 *
 * Openfire: FailedOutgoingServerSessionAttempt and its cache (5.2: outgoing failures only). For each domain and direction the last
 * `s2s.timeline.kept` successes and failures. A failure that is like one that is kept (same cause, same address) takes its place and is
 * counted, so one thing that goes wrong again and again does not hide another.
 *
 * Anybody can name any domain in the header of a stream. So there are two budgets of `s2s.timeline.bytes` each, with the domains
 * used least recently going first: one for domains that were proved (in either direction), one for all else. A failed attempt to come
 * in as a proved domain counts as that domain's only if it comes from an address where the domain was proved before. DIFFERS:
 * Openfire keeps by domain alone.
 *
 * One mutex, a leaf; any thread. Nothing blocks.
 */
#ifndef SERVER_TIMELINE_STORE_H
#define SERVER_TIMELINE_STORE_H

#include "server/timeline.h"

struct config;

enum timeline_direction { TIMELINE_IN, TIMELINE_OUT };

#define TIMELINE_KEPT_MAX 20 /* s2s.timeline.kept at most */

/* timeline_store_configure - take the bounds from the settings (at start and at each reload); what is over them goes */
void timeline_store_configure(const struct config *config);
void timeline_store_stop(void);

/* An attempt to be filed. Strings are copied. */
struct timeline_attempt {
    enum timeline_direction direction;
    const char *domain;        /* the other one, prepared */
    const char *local;         /* ours, or NULL */
    const char *peer;          /* "192.0.2.1:5269"; NULL: it came to no connection */
    struct timeline *timeline; /* borrowed */
};

/* timeline_store_succeeded - the pair was proved. The cause noted in the timeline is settled. */
void timeline_store_succeeded(const struct timeline_attempt *attempt);
/* timeline_store_failed - it came to nothing: because of the cause noted in the timeline, which then is settled, or, when none was,
 * of `otherwise` with the words `why` */
void timeline_store_failed(const struct timeline_attempt *attempt, enum failure otherwise,
                           const char *why);
/* timeline_store_asked - the domain has asked us about a key, which was (or was not) ours */
void timeline_store_asked(const char *domain, bool valid);

/* What is kept of one attempt. */
struct timeline_record {
    struct timeline_story *story; /* a reference */
    enum failure failure;         /* FAILURE_NONE: it went well */
    bool certain;                 /* false: it only says that it was that domain */
    int64_t when, first;          /* seconds since 1970: filed, and the first of `count` like it */
    unsigned long count;
    uint64_t order;           /* the greater, the later: across domains and directions */
    char *why, *local, *peer; /* owned; local and peer may be "" */
};

struct timeline_records {
    struct timeline_record *records; /* newest first */
    int count;
};

/* timeline_store_get - copies of what is kept of a domain's successes or failures in one direction, those of uncertain origin too;
 * free with timeline_records_free */
void timeline_store_get(const char *domain, enum timeline_direction direction, bool succeeded,
                        struct timeline_records *into);
void timeline_records_free(struct timeline_records *records);
/* When a domain last asked us about a key, and what it was told. */
struct timeline_asked {
    int64_t when; /* seconds since 1970 */
    int64_t at;   /* xmpp_server_now's clock */
    bool valid;
};

/* timeline_store_last_asked - false: not that we know */
bool timeline_store_last_asked(const char *domain, struct timeline_asked *asked);
/* timeline_store_each - every domain of which something is kept, the most recent first, those that were proved before the others; of
 * each budget at most `most`. Called with copies, without locks. */
void timeline_store_each(int most, void (*tell)(void *owner, const char *domain, bool proved),
                         void *owner);

#endif
