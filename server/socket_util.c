/* SPDX-License-Identifier: Apache-2.0 */
/* socket_util - a TCP connection to the server of a domain
 *
 * Openfire: SocketUtil.createSocketToXmppDomain, HappyEyeballsResolver. RFC 8305 5, RFC 6120 3.2.
 *
 * One loop, no threads: start the next address when its time has come or nothing is under way, wait
 * for any to be ready, take the first that connected, close the others. The addresses of the next
 * host are looked up when those of the hosts before have all been started. Every wait ends at the
 * deadline.
 */
#include "server/socket_util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "server/config.h"
#include "server/stranger_turns.h"
#include "server/timeline.h"
#include "server/xmpp_server.h"

#define ATTEMPTS_MAX 8 /* under way at once */

static pthread_mutex_t listener_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sockaddr_storage
    listeners[SOCKET_UTIL_LISTENERS]; /* family AF_UNSPEC: none; guarded by listener_lock */

void socket_util_name(const struct sockaddr *address, char *out, size_t size)
{
    char text[INET6_ADDRSTRLEN] = "?";
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
        inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
        snprintf(out, size, "%s:%d", text, ntohs(v4->sin_port));
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
            inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], text, sizeof text);
            snprintf(out, size, "%s:%d", text, ntohs(v6->sin6_port));
        } else {
            inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
            snprintf(out, size, "[%s]:%d", text, ntohs(v6->sin6_port));
        }
    } else {
        snprintf(out, size, "?");
    }
}

void socket_util_peer_name(int fd, char *out, size_t size)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getpeername(fd, (struct sockaddr *)&address, &length) == 0)
        socket_util_name((struct sockaddr *)&address, out, size);
    else
        snprintf(out, size, "?");
}

void socket_util_set_listener(int which, const struct sockaddr *address, socklen_t length)
{
    struct sockaddr_storage *listener = &listeners[which];
    pthread_mutex_lock(&listener_lock);
    memset(listener, 0, sizeof *listener);
    if (address != NULL && length <= sizeof *listener)
        memcpy(listener, address, length);
    pthread_mutex_unlock(&listener_lock);
}

void socket_util_set_options(int fd, bool nodelay, bool keepalive, int64_t write_timeout)
{
    int one = 1;
    unsigned dead_after = (unsigned)write_timeout * 2;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_after, sizeof dead_after);
    if (nodelay)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (keepalive)
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
}

int socket_util_wait(int fd, const _Atomic bool *stopped, short event, int64_t deadline)
{
    stranger_turns_give();
    for (;;) {
        if (atomic_load_explicit(stopped, memory_order_relaxed))
            return -1;
        int64_t left = -1;
        if (deadline >= 0) {
            left = deadline - xmpp_server_now();
            if (left <= 0)
                return 0;
        }
        struct pollfd entry = {.fd = fd, .events = event};
        int wait = left < 0 ? -1 : left > 3600000 ? 3600000 : (int)left;
        int ready = poll(&entry, 1, wait);
        if (ready > 0)
            return 1;
        if (ready < 0 && errno != EINTR)
            return -1;
    }
}

void socket_util_wait_acknowledged(int fd, int64_t deadline)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    stranger_turns_give();
    while (xmpp_server_now() < deadline &&
           getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
           info.tcpi_state == TCP_FIN_WAIT1)
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

uint64_t socket_util_unacknowledged(int fd)
{
    int queued = 0;
    struct tcp_info info;
    socklen_t size = sizeof info;
    if (ioctl(fd, SIOCOUTQ, &queued) < 0 || queued <= 0)
        return 0;
    bool fin = getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
               (info.tcpi_state == TCP_FIN_WAIT1 || info.tcpi_state == TCP_CLOSING ||
                info.tcpi_state == TCP_LAST_ACK);
    return (uint64_t)queued - (fin ? 1 : 0);
}

void socket_util_discard(int fd)
{
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    if (connect(fd, &none, sizeof none) < 0) { /* it was broken already */
    }
}

/* --- our own listener
 * ------------------------------------------------------------------------------ */

/* A plain address: IPv4 ones as they are mapped into IPv6. */
struct plain {
    unsigned char bytes[16];
    int port;
};

static struct plain plain_of(const struct sockaddr_storage *address)
{
    struct plain plain = {{0}, 0};
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        plain.bytes[10] = plain.bytes[11] = 0xff;
        memcpy(plain.bytes + 12, &v4->sin_addr, 4);
        plain.port = ntohs(v4->sin_port);
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
        memcpy(plain.bytes, &v6->sin6_addr, 16);
        plain.port = ntohs(v6->sin6_port);
    }
    return plain;
}

static bool is_v4(const struct plain *plain)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(plain->bytes, mapped, 12) == 0;
}

/* is_any - 0.0.0.0 or :: */
static bool is_any(const struct plain *plain)
{
    static const unsigned char zero[16];
    return memcmp(plain->bytes, zero, 16) == 0 ||
           (is_v4(plain) && memcmp(plain->bytes + 12, zero, 4) == 0);
}

static bool is_multicast(const struct plain *plain)
{
    return is_v4(plain) ? plain->bytes[12] >= 224 : plain->bytes[0] == 0xff;
}

/* is_of_this_machine - loopback, or on one of its interfaces */
static bool is_of_this_machine(const struct plain *plain)
{
    static const unsigned char loopback6[16] = {[15] = 1};
    if ((is_v4(plain) && plain->bytes[12] == 127) || memcmp(plain->bytes, loopback6, 16) == 0)
        return true;
    struct ifaddrs *list;
    bool found = false;
    if (getifaddrs(&list) < 0)
        return false;
    for (struct ifaddrs *each = list; each != NULL && !found; each = each->ifa_next) {
        if (each->ifa_addr == NULL ||
            (each->ifa_addr->sa_family != AF_INET && each->ifa_addr->sa_family != AF_INET6))
            continue;
        struct sockaddr_storage address = {0};
        memcpy(&address, each->ifa_addr,
               each->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                                    : sizeof(struct sockaddr_in6));
        struct plain own = plain_of(&address);
        found = memcmp(own.bytes, plain->bytes, 16) == 0;
    }
    freeifaddrs(list);
    return found;
}

/* is_listener - does this address and port reach our own listener number `which`? */
static bool is_listener(int which, const struct plain *plain)
{
    pthread_mutex_lock(&listener_lock);
    struct plain own = plain_of(&listeners[which]);
    bool listening = listeners[which].ss_family != AF_UNSPEC;
    pthread_mutex_unlock(&listener_lock);
    if (!listening || own.port != plain->port)
        return false;
    return is_any(&own) ? is_of_this_machine(plain) : memcmp(own.bytes, plain->bytes, 16) == 0;
}

const char *socket_util_refuse_reason(const struct sockaddr_storage *address)
{
    struct plain plain = plain_of(address);
    if (is_any(&plain) || is_multicast(&plain))
        return "no address of a server";
    for (int i = 0; i < SOCKET_UTIL_LISTENERS; i++)
        if (is_listener(i, &plain))
            return "that is our own listener";
    return NULL;
}

/* --- the race
 * -------------------------------------------------------------------------------------- */

struct race {
    struct dns_hosts hosts;
    int next_host;
    struct dns_addresses addresses;
    int next_address;
    struct pollfd attempts[ATTEMPTS_MAX];
    char names[ATTEMPTS_MAX][80];
    int hosts_of[ATTEMPTS_MAX];   /* which host each is for */
    bool secure_of[ATTEMPTS_MAX]; /* is its address a secure answer? */
    struct socket_util_target *target;
    int count;
    bool reached_any; /* some address was tried, or some look-up failed: not simply "not found" */
    enum failure
        failure; /* what the addresses that were tried say: of several, that of one that answered */
    int64_t deadline, next_start, delay;
    struct timeline *timeline;
    struct text *why;
};

static void note_failure(struct race *race, const char *name, enum failure failure,
                         const char *reason)
{
    race->reached_any = true;
    if (race->failure == FAILURE_NONE || race->failure == FAILURE_UNREACHABLE)
        race->failure = failure;
    text_appendf(race->why, "%s%s: %s", race->why->length > 0 ? "; " : "", name, reason);
    timeline_step(race->timeline, "SocketUtil.createSocketToXmppDomain", "RFC 6120 3.2", "%s: %s",
                  name, reason);
}

/* is_worn_out - were so many connections begun that no more are? */
static bool is_worn_out(const struct race *race)
{
    return race->target->started >= SOCKET_UTIL_STARTED;
}

/* load_addresses - of the next host that has any; false when there are no more hosts */
static bool load_addresses(struct race *race)
{
    if (is_worn_out(race))
        return false;
    while (race->next_address >= race->addresses.count) {
        if (race->next_host >= race->hosts.count || xmpp_server_now() >= race->deadline)
            return false;
        race->next_address = 0;
        if (dns_util_resolve_addresses(&race->hosts.hosts[race->next_host++], race->deadline,
                                       race->timeline, &race->addresses, race->why) == DNS_FAILED)
            race->reached_any = true;
    }
    return true;
}

static enum failure failure_of(int error)
{
    return error == ECONNREFUSED ? FAILURE_REFUSED : FAILURE_UNREACHABLE;
}

static bool was_tried(const struct socket_util_target *target, const char *name)
{
    for (int i = 0; i < target->tried_count; i++)
        if (strcmp(target->tried[i], name) == 0)
            return true;
    return false;
}

/* keep_target - where we are connected now, for the caller and for the next attempt */
static void keep_target(struct race *race, int index)
{
    struct socket_util_target *target = race->target;
    const struct dns_host *host = &race->hosts.hosts[race->hosts_of[index]];
    snprintf(target->host, sizeof target->host, "%s", host->name);
    target->port = host->port;
    target->direct_tls = host->direct_tls;
    target->secure = race->secure_of[index] && (host->secure || !race->hosts.from_srv);
    if (target->tried_count < SOCKET_UTIL_TRIED)
        memcpy(target->tried[target->tried_count++], race->names[index], sizeof target->tried[0]);
}

/* start_attempt - a socket on its way to the next address. A failure at once is noted. */
static void start_attempt(struct race *race)
{
    int index = race->next_address++;
    const struct sockaddr *address = (const struct sockaddr *)&race->addresses.addresses[index];
    char *name = race->names[race->count];
    socket_util_name(address, name, sizeof race->names[0]);
    if (was_tried(race->target, name))
        return;
    const char *refused = socket_util_refuse_reason(&race->addresses.addresses[index]);
    if (refused != NULL) {
        note_failure(race, name, FAILURE_OUR_OWN_ADDRESS, refused);
        return;
    }
    race->target->started++;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 ||
        (connect(fd, address, race->addresses.lengths[index]) < 0 && errno != EINPROGRESS)) {
        note_failure(race, name, failure_of(errno), strerror(errno));
        if (fd >= 0)
            close(fd);
        return;
    }
    race->hosts_of[race->count] = race->next_host - 1;
    race->secure_of[race->count] = race->addresses.secure;
    race->attempts[race->count++] = (struct pollfd){.fd = fd, .events = POLLOUT};
    race->next_start = xmpp_server_now() + race->delay;
}

static void drop_attempt(struct race *race, int index)
{
    race->count--;
    race->attempts[index] = race->attempts[race->count];
    race->hosts_of[index] = race->hosts_of[race->count];
    race->secure_of[index] = race->secure_of[race->count];
    memmove(race->names[index], race->names[race->count], sizeof race->names[0]);
}

/* take_winner - look at those that are ready: the connected socket, or -1 */
static int take_winner(struct race *race)
{
    for (int i = race->count - 1; i >= 0; i--) {
        if (race->attempts[i].revents == 0)
            continue;
        int error = 0, fd = race->attempts[i].fd;
        socklen_t size = sizeof error;
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error == 0) {
            timeline_step(race->timeline, "SocketUtil.createSocketToXmppDomain", "RFC 6120 3.2",
                          "connected to %s", race->names[i]);
            keep_target(race, i);
            drop_attempt(race, i);
            return fd;
        }
        note_failure(race, race->names[i], failure_of(error), strerror(error));
        close(fd);
        drop_attempt(race, i);
        race->next_start = 0; /* the next one need not wait */
    }
    return -1;
}

/* run_race - the connected socket, or -1 */
static int run_race(struct race *race)
{
    for (;;) {
        int64_t now = xmpp_server_now();
        if (now >= race->deadline)
            return -1;
        bool more = race->count < ATTEMPTS_MAX && (race->count == 0 || now >= race->next_start) &&
                    load_addresses(race);
        if (more) {
            start_attempt(race);
            if (race->count == 0)
                continue;
        }
        if (race->count == 0)
            return -1;
        bool untried = !is_worn_out(race) && (race->next_address < race->addresses.count ||
                                              race->next_host < race->hosts.count);
        int64_t until = untried && race->next_start < race->deadline && race->count < ATTEMPTS_MAX
                            ? race->next_start
                            : race->deadline;
        now = xmpp_server_now();
        poll(race->attempts, (nfds_t)race->count, until > now ? (int)(until - now) : 0);
        int fd = take_winner(race);
        if (fd >= 0)
            return fd;
    }
}

/* note_cause - no address took us: why not? */
static void note_cause(const struct race *race, const char *domain)
{
    bool own = !race->hosts.from_srv && !race->hosts.from_override && !race->hosts.by_us;
    if (own && race->failure != FAILURE_OUR_OWN_ADDRESS)
        timeline_fail(race->timeline, FAILURE_DNS_NO_SRV,
                      "there is no SRV record for %s, and no server at its own address (%s)",
                      domain, text_string(race->why));
    else
        timeline_fail(race->timeline, race->failure, "%s", text_string(race->why));
}

enum socket_util_result socket_util_connect(const char *domain, bool tls, int64_t deadline,
                                            struct timeline *timeline,
                                            struct socket_util_target *target, int *fd,
                                            struct text *why)
{
    const struct config *config = config_get();
    struct race race = {.target = target, .deadline = deadline, .timeline = timeline, .why = why};
    race.delay = config->xmpp_server_connection_attempt_delay;
    int port = (int)config->xmpp_server_socket_remotePort;
    config_unref(config);
    enum dns_result found =
        dns_util_resolve_xmpp_server(domain, port, tls, deadline, timeline, &race.hosts, why);
    if (found != DNS_FOUND)
        return found == DNS_NOT_FOUND ? SOCKET_NOT_FOUND : SOCKET_UNREACHABLE;
    *fd = run_race(&race);
    for (int i = 0; i < race.count; i++) {
        if (*fd < 0)
            note_failure(&race, race.names[i], FAILURE_UNREACHABLE, "no answer in time");
        close(race.attempts[i].fd);
    }
    timeline_led_by_us(timeline, race.hosts.by_us);
    if (*fd >= 0)
        return SOCKET_CONNECTED;
    if (race.failure != FAILURE_NONE)
        note_cause(&race, domain);
    return race.reached_any ? SOCKET_UNREACHABLE : SOCKET_NOT_FOUND;
}
