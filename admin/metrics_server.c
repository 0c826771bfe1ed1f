/* SPDX-License-Identifier: Apache-2.0 */
/* metrics_server - where Prometheus fetches its page
 *
 * Action points of a request:
 *   a token is set, and it is not there    -> 401, whatever was asked for
 *   another path than /metrics, byte by byte -> 404
 *   another method than GET                -> 405
 *   else                                   -> the page
 * RFC 6750 (bearer tokens), RFC 9110 15.5. Tokens are compared by their hashes in constant time, so neither
 * the time nor the length tells how much of a guess was right.
 *
 * Threads: who puts settings in force opens, moves and closes (admin/reload.h), main ticks; the listener's
 * own answers, without the lock. The token is that of the settings in force at each request.
 */
#include "admin/metrics_server.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin/http_listener.h"
#include "admin/metrics_page.h"
#include "server/config.h"
#include "server/log.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct http_listener *listener; /* guarded by lock, like the next two */
static char *listener_address;
static int listener_port;

/* is_same - in constant time for what the other side chose */
static bool is_same(const char *token, const char *given)
{
    unsigned char hash[EVP_MAX_MD_SIZE], given_hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_Digest(token, strlen(token), hash, &length, EVP_sha256(), NULL);
    EVP_Digest(given, strlen(given), given_hash, &length, EVP_sha256(), NULL);
    return CRYPTO_memcmp(hash, given_hash, length) == 0;
}

/* is_authorised - does the request carry the token, if there is one? */
static bool is_authorised(const struct http_request *request)
{
    static const char scheme[] = "Bearer ";
    const struct config *config = config_get();
    const char *given = http_request_header(request, "Authorization");
    bool good = config->s2s_metrics_token[0] == '\0';
    if (!good && given != NULL && strncasecmp(given, scheme, sizeof scheme - 1) == 0)
        good = is_same(config->s2s_metrics_token, given + sizeof scheme - 1);
    config_unref(config);
    return good;
}

/* refuse - with a header that says how it would be right, if there is one to say */
static void refuse(struct http_response *response, unsigned status, const char *words,
                   const char *name, const char *value)
{
    response->status = status;
    if (name != NULL)
        http_response_header(response, name, value);
    text_append_string(&response->body, words);
}

static void answer(const struct http_request *request, struct http_response *response, void *owner)
{
    (void)owner;
    if (!is_authorised(request))
        refuse(response, 401, "a token is needed\n", "WWW-Authenticate",
               "Bearer realm=\"openfire-s2s\"");
    else if (strcmp(http_request_path(request), "/metrics") != 0)
        refuse(response, 404, "there is nothing but /metrics\n", NULL, NULL);
    else if (strcmp(http_request_method(request), "GET") != 0)
        refuse(response, 405, "only GET has a meaning here\n", "Allow", "GET");
    else {
        response->content_type = METRICS_PAGE_TYPE;
        metrics_page_write(&response->body);
    }
}

static void close_listener(void)
{
    http_listener_free(listener);
    free(listener_address);
    listener = NULL;
    listener_address = NULL;
}

/* open_listener - and close the one that there was */
static int open_listener(const char *address, int port, struct text *why)
{
    struct http_listener_options options = {
        .name = "metrics", .address = address, .port = port, .handler = answer};
    struct text reason = TEXT_EMPTY;
    if (listener != NULL && listener_port == port)
        close_listener(); /* two addresses may overlap: 127.0.0.1 and all */
    struct http_listener *opened = http_listener_new(&options, &reason);
    if (opened != NULL) {
        close_listener();
        listener = opened;
        listener_address = text_copy(address);
        listener_port = port;
    } else {
        text_appendf(why, "s2s.metrics.port: %s", text_string(&reason));
    }
    text_free(&reason);
    return opened != NULL ? 0 : -1;
}

int metrics_server_configure(const struct config *config, struct text *why)
{
    int port = (int)config->s2s_metrics_port, result = 0;
    const char *address = config->s2s_metrics_address;
    pthread_mutex_lock(&lock);
    bool stays =
        listener != NULL && listener_port == port && strcmp(listener_address, address) == 0;
    if (port == 0)
        close_listener();
    else if (!stays)
        result = open_listener(address, port, why);
    pthread_mutex_unlock(&lock);
    if (result == 0 && port != 0 && !stays)
        log_info("metrics at http://%s:%d/metrics%s", address[0] != '\0' ? address : "*", port,
                 config->s2s_metrics_token[0] != '\0' ? ", with a token" : "");
    return result;
}

void metrics_server_tick(int64_t now)
{
    pthread_mutex_lock(&lock);
    http_listener_tick(listener, now);
    pthread_mutex_unlock(&lock);
}

void metrics_server_stop(void)
{
    pthread_mutex_lock(&lock);
    close_listener();
    pthread_mutex_unlock(&lock);
}
