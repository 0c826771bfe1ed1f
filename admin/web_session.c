/* SPDX-License-Identifier: Apache-2.0 */
/* web_session - who is logged in to the web console
 *
 * A table that is small enough to be gone through as a whole, which every look-up does: the time tells nothing of a hash.
 */
#include "admin/web_session.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/json_words.h"
#include "server/log.h"

#define HASH 32

struct place {
    bool taken;
    unsigned char hash[HASH]; /* of the id */
    struct web_session session;
    char peer[INET6_ADDRSTRLEN];
    int64_t since, used;
    bool error;
    char *saying; /* owned; NULL: nothing */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct place places[WEB_SESSIONS]; /* guarded by lock */

void web_session_random(char out[WEB_SESSION_ID + 1])
{
    unsigned char bytes[WEB_SESSION_ID / 2];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        log_panic("no random bytes");
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void hash_of(const char *text, unsigned char hash[HASH])
{
    EVP_Digest(text, strlen(text), hash, NULL, EVP_sha256(), NULL);
}

bool web_session_is_same(const char *ours, const char *given)
{
    unsigned char hash[HASH], given_hash[HASH];
    hash_of(ours, hash);
    hash_of(given, given_hash);
    return CRYPTO_memcmp(hash, given_hash, HASH) == 0;
}

static void clear(struct place *place)
{
    free(place->saying);
    OPENSSL_cleanse(place, sizeof *place);
}

/* find - under the lock */
static struct place *find(const char *id)
{
    unsigned char hash[HASH];
    struct place *found = NULL;
    hash_of(id, hash);
    for (int i = 0; i < WEB_SESSIONS; i++)
        if (CRYPTO_memcmp(places[i].hash, hash, HASH) == 0 && places[i].taken)
            found = &places[i];
    return found;
}

static bool has_ended(const struct place *place, int64_t now)
{
    return now - place->used >= WEB_SESSION_IDLE_MS || now - place->since >= WEB_SESSION_LAST_MS;
}

void web_session_open(const char *user, const char *peer, int64_t now, char id[WEB_SESSION_ID + 1])
{
    web_session_random(id);
    pthread_mutex_lock(&lock);
    struct place *place = &places[0];
    for (int i = 1; i < WEB_SESSIONS; i++)
        if (place->taken && (!places[i].taken || places[i].used < place->used))
            place = &places[i];
    clear(place);
    place->taken = true;
    place->since = place->used = now;
    hash_of(id, place->hash);
    snprintf(place->session.user, sizeof place->session.user, "%s", user);
    snprintf(place->peer, sizeof place->peer, "%s", peer);
    web_session_random(place->session.token);
    pthread_mutex_unlock(&lock);
}

bool web_session_find(const char *id, int64_t now, bool by_hand, struct web_session *session)
{
    pthread_mutex_lock(&lock);
    struct place *place = find(id);
    if (place != NULL && has_ended(place, now)) {
        clear(place);
        place = NULL;
    }
    if (place != NULL) {
        *session = place->session;
        if (by_hand)
            place->used = now;
    }
    pthread_mutex_unlock(&lock);
    return place != NULL;
}

void web_session_close(const char *id)
{
    pthread_mutex_lock(&lock);
    struct place *place = find(id);
    if (place != NULL)
        clear(place);
    pthread_mutex_unlock(&lock);
}

void web_session_close_all(void)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < WEB_SESSIONS; i++)
        clear(&places[i]);
    pthread_mutex_unlock(&lock);
}

void web_session_say(const char *id, bool error, const char *words)
{
    pthread_mutex_lock(&lock);
    struct place *place = find(id);
    if (place != NULL) {
        free(place->saying);
        place->saying = text_format("%.*s", WEB_SESSION_SAYING, words);
        place->error = error;
    }
    pthread_mutex_unlock(&lock);
}

bool web_session_hear(const char *id, bool *error, struct text *words)
{
    pthread_mutex_lock(&lock);
    struct place *place = find(id);
    bool said = place != NULL && place->saying != NULL;
    if (said) {
        *error = place->error;
        text_append_string(words, place->saying);
        free(place->saying);
        place->saying = NULL;
    }
    pthread_mutex_unlock(&lock);
    return said;
}

json_t *web_session_list(int64_t now)
{
    json_t *all = json_array();
    pthread_mutex_lock(&lock);
    for (int i = 0; i < WEB_SESSIONS; i++)
        if (places[i].taken && !has_ended(&places[i], now))
            json_array_append_new(
                all, json_pack("{s:o, s:o, s:I, s:I}", "user", json_words(places[i].session.user),
                               "peer", json_words(places[i].peer), "age_seconds",
                               (json_int_t)(now - places[i].since) / 1000, "idle_seconds",
                               (json_int_t)(now - places[i].used) / 1000));
    pthread_mutex_unlock(&lock);
    return all;
}
