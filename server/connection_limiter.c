/* SPDX-License-Identifier: Apache-2.0 */
/* connection_limiter - how many connections an address, a network and all strangers together may have
 *
 * Openfire: ratelimit.NewConnectionLimiterRegistry.
 *
 * Action points:
 *   a connection is accepted -> its network has no token, or it or its address has too many: refused
 *   all places are taken     -> a stranger's place is free for it: of the network that has most, the oldest; should that one have come
 *   a moment ago, the oldest of all; should that one, too: refused (what is let in has a moment to prove itself, or nobody could)
 *   something is proved      -> no stranger any more: its place, its bytes and its verifications count no longer
 *   too many bytes are held  -> whoever holds most loses its place
 *
 * The networks that have strangers stand in a list for each number of them (`levels`), so the one that has most is found at once.
 */
#include "server/connection_limiter.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "server/config.h"
#include "server/limit_log.h"
#include "server/metrics.h"
#include "server/prefix_table.h"
#include "server/socket_util.h"
#include "server/xmpp_server.h"

#define LEVELS 1024 /* networks with more strangers stand in the last one */

struct connection_ticket {
    _Atomic int references;
    int fd;                                 /* open until release; set before start */
    struct prefix_count *address, *network; /* NULL: exempt; borrowed while it is counted there */
    unsigned cause;                         /* set before start */
    bool open, stranger, evicted;           /* all that follows is guarded by limiter_lock */
    int64_t since;
    int64_t bytes, verifications;
    struct connection_ticket *older, *newer;  /* among all strangers */
    struct connection_ticket *before, *after; /* among those of its network */
};

struct settings {
    int64_t connections, strangers, bytes, verifications; /* all together */
    int64_t address_connections, address_strangers;       /* 0: no limit, here and below */
    int64_t network_connections, network_strangers, network_verifications;
    int64_t rate, burst;
    int64_t all_rate, all_burst; /* Openfire's */
    unsigned bits4, bits6;
    struct network_prefix *exempt; /* owned */
    size_t exempt_count;
};

static pthread_mutex_t limiter_lock = PTHREAD_MUTEX_INITIALIZER;
/* guarded by limiter_lock, all of these: */
static struct settings settings;
static struct prefix_table table;
static struct prefix_list levels[LEVELS]; /* [0] is not used */
static size_t top_level;                  /* the highest that is not empty */
static struct connection_ticket *oldest, *newest;
static int64_t connections, strangers, bytes_held, verifications;
static struct token_bucket all_rate;
static int64_t asked_last; /* since then no token was taken from any bucket */

/* --- the settings --- */

static void parse_exempt(struct settings *made, const char *list)
{
    made->exempt = text_calloc(strlen(list) + 1, sizeof *made->exempt);
    while (*list != '\0') {
        size_t length = strcspn(list, ",");
        if (network_prefix_parse(list, length, &made->exempt[made->exempt_count]))
            made->exempt_count++;
        list += length + (list[length] == ',');
    }
}

void connection_limiter_configure(const struct config *config)
{
    struct settings made = {
        .connections = config->s2s_connections_max,
        .strangers = config->s2s_unauthenticated_max,
        .bytes = config->s2s_unauthenticated_bytes,
        .verifications = config->s2s_unauthenticated_verifications,
        .address_connections = config->s2s_limit_connections_per_address,
        .address_strangers = config->s2s_limit_strangers_per_address,
        .network_connections = config->s2s_limit_connections_per_network,
        .network_strangers = config->s2s_limit_strangers_per_network,
        .network_verifications = config->s2s_limit_verifications_per_network,
        .rate = config->s2s_limit_connections_per_second,
        .burst = config->s2s_limit_connections_burst,
        .all_rate = config->xmpp_ratelimit_newconnections_s2s_enabled
                        ? config->xmpp_ratelimit_newconnections_s2s_permits_per_second
                        : 0,
        .all_burst = config->xmpp_ratelimit_newconnections_s2s_max_burst,
        .bits4 = (unsigned)config->s2s_limit_network_ipv4_bits,
        .bits6 = (unsigned)config->s2s_limit_network_ipv6_bits,
    };
    parse_exempt(&made, config->s2s_limit_exempt);
    limit_log_set_interval(LIMIT_NEW_CONNECTIONS,
                           config->xmpp_ratelimit_newconnections_logging_suppress);
    pthread_mutex_lock(&limiter_lock);
    struct network_prefix *old = settings.exempt;
    bool other = made.all_rate != settings.all_rate || made.all_burst != settings.all_burst;
    settings = made;
    if (other)
        token_bucket_init(&all_rate, made.all_burst, xmpp_server_now());
    pthread_mutex_unlock(&limiter_lock);
    free(old);
}

void connection_limiter_stop(void)
{
    pthread_mutex_lock(&limiter_lock);
    prefix_table_free(&table);
    free(settings.exempt);
    settings = (struct settings){0};
    pthread_mutex_unlock(&limiter_lock);
}

static bool is_exempt(const struct sockaddr *peer)
{
    struct network_prefix address = network_prefix_of(peer, 32, 128);
    for (size_t i = 0; i < settings.exempt_count; i++)
        if (network_prefix_contains(&settings.exempt[i], &address))
            return true;
    return false;
}

/* --- strangers; all with limiter_lock held --- */

static size_t level_of(const struct prefix_count *network)
{
    return network->strangers < LEVELS ? (size_t)network->strangers : LEVELS - 1;
}

/* change_strangers - of a network, by one, and so its level */
static void change_strangers(struct prefix_count *network, int by)
{
    if (network->strangers > 0)
        prefix_list_remove(&levels[level_of(network)], network);
    network->strangers += by;
    size_t level = level_of(network);
    if (network->strangers > 0)
        prefix_list_append(&levels[level], network);
    if (level > top_level)
        top_level = level;
    while (top_level > 0 && levels[top_level].first == NULL)
        top_level--;
}

static void become_stranger(struct connection_ticket *ticket)
{
    struct prefix_count *network = ticket->network;
    ticket->stranger = true;
    strangers++;
    metrics_add(strangers, 1);
    ticket->address->strangers++;
    change_strangers(network, 1);
    ticket->before = network->newest;
    *(network->newest != NULL ? &network->newest->after : &network->oldest) = ticket;
    network->newest = ticket;
    ticket->older = newest;
    *(newest != NULL ? &newest->newer : &oldest) = ticket;
    newest = ticket;
}

/* no_stranger - its place and its bytes are free */
static void no_stranger(struct connection_ticket *ticket)
{
    struct prefix_count *network = ticket->network;
    if (!ticket->stranger)
        return;
    ticket->stranger = false;
    strangers--;
    metrics_add(strangers, -1);
    bytes_held -= ticket->bytes;
    ticket->bytes = 0;
    ticket->address->strangers--;
    change_strangers(network, -1);
    *(ticket->before != NULL ? &ticket->before->after : &network->oldest) = ticket->after;
    *(ticket->after != NULL ? &ticket->after->before : &network->newest) = ticket->before;
    *(ticket->older != NULL ? &ticket->older->newer : &oldest) = ticket->newer;
    *(ticket->newer != NULL ? &ticket->newer->older : &newest) = ticket->older;
}

/* evict - it loses its place, and may cause nothing more */
static void evict(struct connection_ticket *ticket, struct text *whom)
{
    network_prefix_write(&ticket->network->prefix, whom);
    no_stranger(ticket);
    ticket->evicted = true;
}

/* hang_up - its reader sees the end of TCP and goes; the descriptor is open, since release comes before close */
static void hang_up(const struct connection_ticket *ticket)
{
    shutdown(ticket->fd, SHUT_RDWR);
}

/* make_place - end a stranger that has had its time; false when there is none */
static bool make_place(int64_t now, struct text *whom)
{
    struct connection_ticket *victim = top_level > 0 ? levels[top_level].first->oldest : NULL;
    if (victim != NULL && now - victim->since < CONNECTION_LIMITER_GRACE_MS)
        victim = oldest;
    if (victim == NULL || now - victim->since < CONNECTION_LIMITER_GRACE_MS)
        return false;
    evict(victim, whom);
    hang_up(victim);
    return true;
}

/* forget_if_idle - an entry that counts nothing; of a network the bucket is remembered until it is full again */
static void forget_if_idle(struct prefix_count *entry)
{
    if (entry->open > 0 || entry->verifications > 0)
        return;
    if (entry->network && settings.rate > 0)
        prefix_table_rest(&table, entry, asked_last);
    else
        prefix_table_remove(&table, entry);
}

/* --- a connection --- */

/* find_entries - of its address and its network */
static void find_entries(struct connection_ticket *ticket, const struct sockaddr *peer,
                         const struct network_prefix *network, int64_t now)
{
    struct network_prefix address = network_prefix_of(peer, 32, 128);
    bool made;
    asked_last = now;
    prefix_table_expire(&table, now - token_bucket_refill_time(settings.rate, settings.burst));
    ticket->address = prefix_table_get(&table, &address, false, &made);
    ticket->network = prefix_table_get(&table, network, true, &made);
    if (made)
        token_bucket_init(&ticket->network->rate, settings.burst, now);
}

static bool is_over(int64_t count, int64_t most)
{
    return most > 0 && count >= most;
}

/* judge_origin - the limits of where it comes from; LIMIT_COUNT: within all */
static enum limit judge_origin(const struct connection_ticket *ticket, int64_t now)
{
    const struct prefix_count *address = ticket->address;
    struct prefix_count *network = ticket->network;
    if (is_over(address->open, settings.address_connections) ||
        is_over(address->strangers, settings.address_strangers))
        return LIMIT_ADDRESS;
    if (is_over(network->open, settings.network_connections) ||
        is_over(network->strangers, settings.network_strangers))
        return LIMIT_NETWORK;
    if (settings.rate > 0 &&
        !token_bucket_try_take(&network->rate, settings.rate, settings.burst, now))
        return LIMIT_NETWORK_RATE;
    if (settings.all_rate > 0 &&
        !token_bucket_try_take(&all_rate, settings.all_rate, settings.all_burst, now))
        return LIMIT_NEW_CONNECTIONS;
    return LIMIT_COUNT;
}

/* judge - may it stay? `whom` gets the network of a stranger that had to go for it */
static enum limit judge(const struct connection_ticket *ticket, int64_t now, struct text *whom)
{
    enum limit limit = ticket->network != NULL ? judge_origin(ticket, now) : LIMIT_COUNT;
    if (limit != LIMIT_COUNT)
        return limit;
    if (ticket->network != NULL && strangers >= settings.strangers)
        return make_place(now, whom) ? LIMIT_COUNT : LIMIT_STRANGERS;
    if (connections >= settings.connections && !make_place(now, whom))
        return LIMIT_CONNECTIONS;
    return LIMIT_COUNT;
}

static void enrol(struct connection_ticket *ticket, int64_t now)
{
    ticket->open = true;
    ticket->since = now;
    connections++;
    if (ticket->network == NULL)
        return;
    ticket->address->open++;
    ticket->network->open++;
    become_stranger(ticket);
}

/* tell - what was done, in the log and the metrics */
static void tell(enum limit limit, const struct sockaddr *peer, const struct text *whom)
{
    char name[80];
    socket_util_name(peer, name, sizeof name);
    if (limit != LIMIT_COUNT)
        limit_log_bites(limit, "connection from %s refused", name);
    else if (whom->length > 0)
        limit_log_bites(LIMIT_STRANGERS, "an old one from %s had to make place for one from %s",
                        text_string(whom), name);
}

struct connection_ticket *connection_limiter_admit(int fd, const struct sockaddr *peer, bool known,
                                                   int64_t now)
{
    struct connection_ticket *ticket = text_calloc(1, sizeof *ticket);
    struct text whom = TEXT_EMPTY;
    ticket->references = 1;
    ticket->fd = fd;
    pthread_mutex_lock(&limiter_lock);
    struct network_prefix network = network_prefix_of(peer, settings.bits4, settings.bits6);
    ticket->cause = text_hash((const char *)network.bytes, sizeof network.bytes);
    if (!known && !is_exempt(peer))
        find_entries(ticket, peer, &network, now);
    enum limit limit = judge(ticket, now, &whom);
    if (limit == LIMIT_COUNT) {
        enrol(ticket, now);
    } else if (ticket->network != NULL) {
        forget_if_idle(ticket->address);
        forget_if_idle(ticket->network);
    }
    pthread_mutex_unlock(&limiter_lock);
    tell(limit, peer, &whom);
    text_free(&whom);
    if (limit == LIMIT_COUNT)
        return ticket;
    free(ticket);
    return NULL;
}

void connection_limiter_release(struct connection_ticket *ticket)
{
    if (ticket == NULL)
        return;
    pthread_mutex_lock(&limiter_lock);
    if (ticket->open) {
        ticket->open = false;
        connections--;
        no_stranger(ticket);
        if (ticket->network != NULL) {
            ticket->address->open--;
            ticket->network->open--;
            forget_if_idle(ticket->address);
            forget_if_idle(ticket->network);
        }
    }
    pthread_mutex_unlock(&limiter_lock);
    connection_limiter_unref(ticket);
}

struct connection_ticket *connection_limiter_ref(struct connection_ticket *ticket)
{
    if (ticket != NULL)
        atomic_fetch_add_explicit(&ticket->references, 1, memory_order_relaxed);
    return ticket;
}

void connection_limiter_unref(struct connection_ticket *ticket)
{
    if (ticket != NULL &&
        atomic_fetch_sub_explicit(&ticket->references, 1, memory_order_acq_rel) == 1)
        free(ticket);
}

/* drop_verifications - with limiter_lock held: so many of its questions count no longer */
static void drop_verifications(struct connection_ticket *ticket, int64_t count)
{
    if (count == 0)
        return;
    ticket->verifications -= count;
    ticket->network->verifications -= count;
    verifications -= count;
    metrics_add(stranger_verifications, -count);
    forget_if_idle(ticket->network);
}

void connection_limiter_proved(struct connection_ticket *ticket)
{
    if (ticket == NULL)
        return;
    pthread_mutex_lock(&limiter_lock);
    if (ticket->stranger) {
        no_stranger(ticket);
        drop_verifications(ticket, ticket->verifications);
    }
    pthread_mutex_unlock(&limiter_lock);
}

bool connection_limiter_is_stranger(const struct connection_ticket *ticket)
{
    if (ticket == NULL)
        return false;
    pthread_mutex_lock(&limiter_lock);
    bool stranger = ticket->stranger || ticket->evicted;
    pthread_mutex_unlock(&limiter_lock);
    return stranger;
}

unsigned connection_limiter_cause(const struct connection_ticket *ticket)
{
    return ticket != NULL ? ticket->cause : 0;
}

bool connection_limiter_was_evicted(const struct connection_ticket *ticket)
{
    if (ticket == NULL)
        return false;
    pthread_mutex_lock(&limiter_lock);
    bool evicted = ticket->evicted;
    pthread_mutex_unlock(&limiter_lock);
    return evicted;
}

/* --- what they cause --- */

/* find_greatest - who holds most; only asked when too much is held, and then its bytes are free */
static struct connection_ticket *find_greatest(void)
{
    struct connection_ticket *greatest = oldest;
    for (struct connection_ticket *each = oldest; each != NULL; each = each->newer)
        if (each->bytes > greatest->bytes)
            greatest = each;
    return greatest;
}

bool connection_limiter_charge(struct connection_ticket *ticket, size_t bytes)
{
    struct text whom = TEXT_EMPTY;
    bool good = true, over = false;
    if (ticket == NULL)
        return true;
    pthread_mutex_lock(&limiter_lock);
    if (ticket->stranger) {
        ticket->bytes += (int64_t)bytes;
        bytes_held += (int64_t)bytes;
        over = bytes_held > settings.bytes;
    }
    if (over) {
        struct connection_ticket *greatest = find_greatest();
        good = greatest != ticket;
        evict(greatest, &whom);
        if (good) /* else the caller ends it, with a word to the other side */
            hang_up(greatest);
    }
    pthread_mutex_unlock(&limiter_lock);
    if (over)
        limit_log_bites(LIMIT_STRANGER_BYTES, "who held most of them, from %s, had to go",
                        text_string(&whom));
    text_free(&whom);
    return good;
}

bool connection_limiter_begin_verification(struct connection_ticket *ticket)
{
    if (ticket == NULL)
        return true;
    pthread_mutex_lock(&limiter_lock);
    bool counts = ticket->stranger;
    bool good = counts
                    ? verifications < settings.verifications &&
                          !is_over(ticket->network->verifications, settings.network_verifications)
                    : !ticket->evicted;
    if (counts && good) {
        ticket->verifications++;
        ticket->network->verifications++;
        verifications++;
        metrics_add(stranger_verifications, 1);
    }
    pthread_mutex_unlock(&limiter_lock);
    return good;
}

void connection_limiter_end_verification(struct connection_ticket *ticket)
{
    if (ticket == NULL)
        return;
    pthread_mutex_lock(&limiter_lock);
    if (ticket->verifications > 0)
        drop_verifications(ticket, 1);
    pthread_mutex_unlock(&limiter_lock);
}
