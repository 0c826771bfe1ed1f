/* SPDX-License-Identifier: Apache-2.0 */
/* web_console - the web console: its ports
 *
 * Action points of configure:
 *   no port wanted                        -> both are put aside
 *   the first time, and no password file  -> one is made, the password printed
 *   a port that stays as it is            -> is not touched
 *   another port                          -> opened, then the old one put aside; the same port with another address or certificate: first
 *                                            the old one lets nobody in any more, then the new one is opened
 * `lock` guards what is open and what is put aside; never held while a handler is waited for, since one may be the caller.
 */
#include "admin/web_console.h"

#include <openssl/pem.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "admin/http_listener.h"
#include "admin/web_gate.h"
#include "admin/web_password.h"
#include "server/certificate_manager.h"
#include "server/config.h"
#include "server/log.h"
#include "server/xmpp_server.h"

#define HEAD_BYTES 16384 /* cookies of all ports of a machine are sent to each of them */
#define BODY_BYTES 16384
#define ASIDE 8
#define KEPT_ASIDE 2 /* places for the end of the program */
#define LAST_ANSWERS_MS 1000

struct place {
    const char *property;
    bool secure;
    struct http_listener *listener; /* NULL: closed */
    int port;                       /* that it was last asked to have; 0: none */
    char *address;                  /* owned, like the next: what it was opened with */
    char *certificate;              /* PEM; "" without TLS */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct place places[] = {{.property = "adminConsole.port"},
                                {.property = "adminConsole.securePort", .secure = true}};
static struct http_listener *aside[ASIDE]; /* guarded by lock, as the places are */
static bool started, stopped;

/* --- the certificate --- */

/* What TLS is done with; texts are empty when there is none. */
struct identity {
    struct text certificate, key;
};

static void write_pem(struct text *out, BIO *memory)
{
    char *bytes;
    long length = BIO_get_mem_data(memory, &bytes);
    text_append(out, bytes, length > 0 ? (size_t)length : 0);
    BIO_reset(memory);
}

/* load_identity - what others see as ours, in the form that libmicrohttpd wants */
static void load_identity(struct identity *identity)
{
    struct certificates *certificates = certificate_manager_get();
    STACK_OF(X509) *chain = NULL;
    BIO *memory = BIO_new(BIO_s_secmem());
    if (certificates != NULL && memory != NULL) {
        SSL_CTX *context = certificates_context(certificates, NULL);
        X509 *own = SSL_CTX_get0_certificate(context);
        EVP_PKEY *key = SSL_CTX_get0_privatekey(context);
        SSL_CTX_get0_chain_certs(context, &chain);
        bool good = own != NULL && key != NULL && PEM_write_bio_X509(memory, own) == 1;
        for (int i = 0; good && i < sk_X509_num(chain); i++)
            good = PEM_write_bio_X509(memory, sk_X509_value(chain, i)) == 1;
        if (good)
            write_pem(&identity->certificate, memory);
        if (good && PEM_write_bio_PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL) == 1)
            write_pem(&identity->key, memory);
    }
    BIO_free(memory);
    certificates_unref(certificates);
}

static void free_identity(struct identity *identity)
{
    if (identity->key.length > 0)
        OPENSSL_cleanse(identity->key.bytes, identity->key.length);
    text_free(&identity->certificate);
    text_free(&identity->key);
}

/* --- the ports; under the lock --- */

/* put_aside - it lets nobody in any more; the tick closes it */
static void put_aside(struct place *place)
{
    if (place->listener == NULL)
        return;
    http_listener_quiesce(place->listener);
    for (int i = 0; i < ASIDE; i++)
        if (aside[i] == NULL) {
            aside[i] = place->listener;
            place->listener = NULL;
            return;
        }
    log_panic("more than %d ports of the console wait for their end", ASIDE);
}

/* can_leave - is the place closed, or is there room aside for what it has? */
static bool can_leave(const struct place *place)
{
    int room = 0;
    for (int i = 0; i < ASIDE; i++)
        room += aside[i] == NULL;
    return place->listener == NULL || room > KEPT_ASIDE;
}

static bool stays(const struct place *place, const struct config *config, int port,
                  const char *identity)
{
    return place->listener != NULL && place->port == port &&
           strcmp(place->address, config->adminConsole_interface) == 0 &&
           strcmp(place->certificate, identity) == 0;
}

static void note(struct place *place, const struct config *config, const char *identity)
{
    const char *address = config->adminConsole_interface;
    free(place->address);
    free(place->certificate);
    place->address = text_copy(address);
    place->certificate = text_copy(identity);
    bool v6 = strchr(address, ':') != NULL;
    log_info("web console at %s://%s%s%s:%d/", place->secure ? "https" : "http", v6 ? "[" : "",
             address[0] != '\0' ? address : "*", v6 ? "]" : "",
             http_listener_port(place->listener));
}

/* open_place - and put aside what there was. -1: it can't be, and then what there was is open still, if it has another port. */
static int open_place(struct place *place, const struct config *config, int port,
                      const struct identity *identity, struct text *why)
{
    struct text reason = TEXT_EMPTY;
    const char *certificate = place->secure ? text_string(&identity->certificate) : NULL;
    const char *key = place->secure ? text_string(&identity->key) : NULL;
    struct http_listener_options options = {
        .name = "console",
        .address = config->adminConsole_interface,
        .port = port,
        .handler = web_gate_answer,
        .owner = &place->secure,
        .threads = true,
        .head_bytes = HEAD_BYTES,
        .body_bytes = BODY_BYTES,
        .certificate = certificate,
        .key = key,
    };
    if (place->port == port)
        put_aside(place);
    struct http_listener *opened = http_listener_new(&options, &reason);
    if (opened != NULL) {
        put_aside(place);
        place->listener = opened;
        place->port = port;
        note(place, config, place->secure ? certificate : "");
    } else {
        text_appendf(why, "%s: %s", place->property, text_string(&reason));
    }
    text_free(&reason);
    return opened != NULL ? 0 : -1;
}

/* configure_place - a port that could not be opened before and can't be now is no fault of this change */
static int configure_place(struct place *place, const struct config *config, int port,
                           const struct identity *identity, struct text *why)
{
    const char *pem = place->secure ? text_string(&identity->certificate) : "";
    if (place->secure && pem[0] == '\0')
        port = 0;
    if (port == 0 ? place->listener == NULL : stays(place, config, port, pem)) {
        place->port = port;
        return 0;
    }
    if (!can_leave(place)) {
        text_appendf(why, "%s: it was just moved; try again in some seconds", place->property);
        return -1;
    }
    if (port == 0) {
        put_aside(place);
        place->port = 0;
        return 0;
    }
    bool tried_before = place->listener == NULL && place->port == port;
    struct text reason = TEXT_EMPTY;
    int result = open_place(place, config, port, identity, &reason);
    if (result < 0 && (!started || tried_before)) {
        log_warn("the web console is not there: %s", text_string(&reason));
        place->port = port;
        result = 0;
    } else if (result < 0) {
        text_append_string(why, text_string(&reason));
    }
    text_free(&reason);
    return result;
}

/* --- the first password --- */

/* make_password - if there is none yet; it is logged as a warning, so that nearly every level shows it */
static int make_password(const struct config *config, struct text *why)
{
    struct text made = TEXT_EMPTY;
    int result = web_password_make_first(config->s2s_home, &made, why);
    if (made.length > 0) {
        log_warn("the web console's first password, shown only now: user " WEB_PASSWORD_USER
                 ", password %s",
                 text_string(&made));
        OPENSSL_cleanse(made.bytes, made.length);
    }
    text_free(&made);
    return result;
}

/* --- what others call --- */

int web_console_configure(const struct config *config, struct text *why)
{
    int port = (int)config->adminConsole_port, secure_port = (int)config->adminConsole_securePort;
    struct identity identity = {0};
    int result = port != 0 || secure_port != 0 ? make_password(config, why) : 0;
    if (secure_port != 0)
        load_identity(&identity);
    pthread_mutex_lock(&lock);
    if (result < 0 && !started) {
        log_error("the web console is not there: %s", text_string(why));
        text_clear(why);
        port = secure_port = result = 0;
    }
    if (result == 0 && stopped) {
        text_append_string(why, "the server is about to end");
        result = -1;
    }
    if (result == 0)
        result = configure_place(&places[0], config, port, &identity, why);
    if (result == 0)
        result = configure_place(&places[1], config, secure_port, &identity, why);
    started = true;
    pthread_mutex_unlock(&lock);
    free_identity(&identity);
    return result;
}

/* close_aside - those that are put aside and done, or all */
static void close_aside(bool all)
{
    for (int i = 0; i < ASIDE; i++) {
        pthread_mutex_lock(&lock);
        struct http_listener *listener = aside[i];
        if (listener != NULL && !all && !http_listener_is_idle(listener))
            listener = NULL;
        else
            aside[i] = NULL;
        pthread_mutex_unlock(&lock);
        http_listener_free(listener);
    }
}

void web_console_tick(int64_t now)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < 2; i++)
        http_listener_tick(places[i].listener, now);
    for (int i = 0; i < ASIDE; i++)
        http_listener_tick(aside[i], now);
    pthread_mutex_unlock(&lock);
    close_aside(false);
}

/* is_quiet - no answer is on its way any more */
static bool is_quiet(void)
{
    bool quiet = true;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < ASIDE; i++)
        quiet = quiet && (aside[i] == NULL || http_listener_is_idle(aside[i]));
    pthread_mutex_unlock(&lock);
    return quiet;
}

void web_console_stop(void)
{
    pthread_mutex_lock(&lock);
    stopped = true; /* a handler that still runs opens nothing */
    for (int i = 0; i < 2; i++) {
        put_aside(&places[i]);
        free(places[i].address);
        free(places[i].certificate);
        places[i].address = places[i].certificate = NULL;
        places[i].port = 0;
    }
    pthread_mutex_unlock(&lock);
    int64_t end = xmpp_server_now() + LAST_ANSWERS_MS;
    while (!is_quiet() && xmpp_server_now() < end)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000000L}, NULL);
    close_aside(true);
}

json_t *web_console_places(void)
{
    json_t *all = json_array();
    pthread_mutex_lock(&lock);
    for (int i = 0; i < 2; i++) {
        const char *address = places[i].address;
        if (places[i].listener == NULL)
            continue;
        bool v6 = strchr(address, ':') != NULL;
        char *url = text_format("%s://%s%s%s:%d/", places[i].secure ? "https" : "http",
                                v6 ? "[" : "", address[0] != '\0' ? address : "*", v6 ? "]" : "",
                                http_listener_port(places[i].listener));
        json_array_append_new(all, json_string(url));
        free(url);
    }
    pthread_mutex_unlock(&lock);
    return all;
}
