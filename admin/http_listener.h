/* http_listener - one address and port on which we answer HTTP
 *
 * Openfire: AdminConsolePlugin (its embedded Jetty). On libmicrohttpd, which has a thread for each listener
 * and waits in it for all its connections; or, where handlers may have to wait (`threads`), one for each connection as well.
 * What it answers is a function that the owner gives.
 *
 * Bounded: the number of connections, in all and of one address, the bytes of a request's head (431 when there are more) and of its body (413; one
 * of unknown length: 411), the time a connection may be quiet, and, which libmicrohttpd does not know, the time that it may last
 * at all: one that sends a byte now and then is cut by http_listener_tick. When all places are taken, whoever comes is let in all the same,
 * and the oldest connection of the address that has most makes room, unless a handler is at work for it: so those that say nothing, or
 * do not read their answer, hold up nobody else. A path with a NUL in it, a header whose name is none (400), and a body in pieces (411) are
 * refused, since two programs could understand them differently.
 */
#ifndef ADMIN_HTTP_LISTENER_H
#define ADMIN_HTTP_LISTENER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xml/text.h"

struct http_listener;
struct http_request;

#define HTTP_LISTENER_CONNECTIONS 32 /* at once; one more, and an old one has to go */
#define HTTP_LISTENER_GOING 224      /* of those that were told to go and are not gone */
#define HTTP_LISTENER_OF_ONE \
    12 /* of one address; more are closed. Not on loopback, which is one address for many */
#define HTTP_LISTENER_HEAD_BYTES \
    8192 /* of a request, and of what is written before the answer's body */
#define HTTP_LISTENER_QUIET_S 10
#define HTTP_LISTENER_LAST_MS 30000 /* from accept until the answer is out */

#define HTTP_HEADERS 16

/* What a handler fills in. */
struct http_response {
    unsigned status;          /* 200 if it is not changed */
    const char *content_type; /* text/plain likewise */
    struct text body;         /* taken */
    bool keep;                /* it may be kept: without this, `Cache-Control: no-store` */
    struct {
        const char *name;    /* a constant */
        char *value;         /* owned */
    } headers[HTTP_HEADERS]; /* up to the first without name; by http_response_header */
};

/* http_response_header - one more; `name` is a constant, the value is copied. At most HTTP_HEADERS. */
void http_response_header(struct http_response *response, const char *name, const char *value);

/* On the listener's thread, or the connection's; without locks */
typedef void http_handler(const struct http_request *request, struct http_response *response,
                          void *owner);

struct http_listener_options {
    const char *name;    /* the log id of its thread; a constant */
    const char *address; /* IPv4, IPv6, or "" for all of this machine */
    int port;            /* 0: any, for tests */
    http_handler *handler;
    void *owner;
    bool threads;      /* a thread for each connection: then a handler may wait */
    size_t head_bytes; /* 0: HTTP_LISTENER_HEAD_BYTES */
    size_t body_bytes; /* of the largest body; 0: none is taken */
    const char *certificate,
        *key; /* PEM, the chain behind the certificate: TLS with it. NULL: none */
};

/* http_listener_new - open it; NULL with a sentence in `why` when that can't be done */
struct http_listener *http_listener_new(const struct http_listener_options *options,
                                        struct text *why);
/* http_listener_free - close it and its connections; waits for a handler that runs, and so must not be called by one of its own.
 * NULL is allowed. */
void http_listener_free(struct http_listener *listener);
/* http_listener_quiesce - let no more in; those that are in go on. Never waits: a handler of its own may call it. */
void http_listener_quiesce(struct http_listener *listener);
/* http_listener_is_idle - no connection is open */
bool http_listener_is_idle(struct http_listener *listener);
/* http_listener_port - where it listens */
int http_listener_port(const struct http_listener *listener);
/* http_listener_tick - cut connections that last too long; about once a second, by housekeeping. NULL is
 * allowed. */
void http_listener_tick(struct http_listener *listener, int64_t now);

/* What a handler may ask. Borrowed until it has returned. */
const char *http_request_method(const struct http_request *request);
/* http_request_path - as it was sent, nothing decoded, without the query */
const char *http_request_path(const struct http_request *request);
/* http_request_query - what stands behind the '?', as it was sent; "" when there is none */
const char *http_request_query(const struct http_request *request);
/* http_request_body - its bytes; `*length` 0 when it has none */
const char *http_request_body(const struct http_request *request, size_t *length);
/* http_request_header - of that name, upper and lower case being one; NULL when it is not there, or there twice */
const char *http_request_header(const struct http_request *request, const char *name);
/* http_request_peer - the address that it comes from */
void http_request_peer(const struct http_request *request, char out[INET6_ADDRSTRLEN]);

#endif
