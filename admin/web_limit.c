/* SPDX-License-Identifier: Apache-2.0 */
/* web_limit - how often a password may be tried
 *
 * Two kinds of buckets, each kept as the moment until which what was taken is used up: an attempt moves it on by the time that one
 * costs, and is refused where that would be more than a full bucket ahead of now.
 */
#include "admin/web_limit.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define KEY (INET6_ADDRSTRLEN + 4)

struct place {
    char key[KEY]; /* "" for a free one */
    int64_t used_until, touched;
    bool known; /* somebody logged in from there */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct place places[WEB_LIMIT_ADDRESSES]; /* guarded by lock, like the next */
static int64_t all_used_until;

/* key_of - the address, or the network of an IPv6 one */
static void key_of(const char *address, char key[KEY])
{
    struct in6_addr v6;
    snprintf(key, KEY, "%s", address);
    if (inet_pton(AF_INET6, address, &v6) != 1 || IN6_IS_ADDR_V4MAPPED(&v6))
        return;
    memset(v6.s6_addr + 8, 0, 8);
    inet_ntop(AF_INET6, &v6, key, INET6_ADDRSTRLEN);
}

/* gives_way - is `a` to make room rather than `b`? Free places first, then strangers, then the oldest. */
static bool gives_way(const struct place *a, const struct place *b)
{
    int left = a->key[0] == '\0' ? 0 : a->known ? 2 : 1;
    int right = b->key[0] == '\0' ? 0 : b->known ? 2 : 1;
    return left != right ? left < right : a->touched < b->touched;
}

/* find - the place of the address, a new one if need be; under the lock */
static struct place *find(const char *address, int64_t now)
{
    char key[KEY];
    key_of(address, key);
    struct place *room = &places[0];
    for (int i = 0; i < WEB_LIMIT_ADDRESSES; i++) {
        if (strcmp(places[i].key, key) == 0) {
            places[i].touched = now;
            return &places[i];
        }
        if (gives_way(&places[i], room))
            room = &places[i];
    }
    *room = (struct place){.touched = now};
    memcpy(room->key, key, KEY);
    return room;
}

/* wait_of - milliseconds until one more fits into the bucket; 0 or less: it does now */
static int64_t wait_of(int64_t used_until, int64_t now, int64_t each, int most)
{
    return (used_until > now ? used_until : now) + each - (now + each * most);
}

static int64_t take(int64_t used_until, int64_t now, int64_t each)
{
    return (used_until > now ? used_until : now) + each;
}

int web_limit_take(const char *address, int64_t now)
{
    pthread_mutex_lock(&lock);
    struct place *place = find(address, now);
    int64_t wait = wait_of(place->used_until, now, WEB_LIMIT_ADDRESS_MS, WEB_LIMIT_ADDRESS);
    int64_t for_all =
        place->known ? 0 : wait_of(all_used_until, now, WEB_LIMIT_ALL_MS, WEB_LIMIT_ALL);
    if (for_all > wait)
        wait = for_all;
    if (wait <= 0) {
        place->used_until = take(place->used_until, now, WEB_LIMIT_ADDRESS_MS);
        if (!place->known)
            all_used_until = take(all_used_until, now, WEB_LIMIT_ALL_MS);
    }
    pthread_mutex_unlock(&lock);
    return wait > 0 ? (int)((wait + 999) / 1000) : 0;
}

void web_limit_succeeded(const char *address, int64_t now)
{
    pthread_mutex_lock(&lock);
    struct place *place = find(address, now);
    place->used_until = now;
    place->known = true;
    pthread_mutex_unlock(&lock);
}

void web_limit_reset(void)
{
    pthread_mutex_lock(&lock);
    memset(places, 0, sizeof places);
    all_used_until = 0;
    pthread_mutex_unlock(&lock);
}
