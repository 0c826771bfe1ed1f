/* http_listener - one address and port on which we answer HTTP
 *
 * Openfire: AdminConsolePlugin (its embedded Jetty). On libmicrohttpd, which has a thread for each listener
 * and waits in it for all its connections. What it answers is a function that the owner gives. For small
 * answers that are ready at once: a handler must not wait for anything.
 *
 * Bounded: the number of connections, the bytes of a request's head (431 when there are more), the time a
 * connection may be quiet, and, which libmicrohttpd does not know, the time that it may last at all: one
 * that sends a byte now and then is cut by http_listener_tick. A request with a body is refused.
 */
#ifndef ADMIN_HTTP_LISTENER_H
#define ADMIN_HTTP_LISTENER_H

#include <stdint.h>

#include "xml/text.h"

struct http_listener;
struct http_request;

#define HTTP_LISTENER_CONNECTIONS 16 /* at once; others wait to be accepted */
#define HTTP_LISTENER_HEAD_BYTES \
    8192 /* of a request, and of what is written before the answer's body */
#define HTTP_LISTENER_QUIET_S 10
#define HTTP_LISTENER_LAST_MS 30000 /* from accept until the answer is out */

#define HTTP_HEADERS 4

/* What a handler fills in. Names and values are borrowed until it has returned. */
struct http_response {
    unsigned status;          /* 200 if it is not changed */
    const char *content_type; /* text/plain likewise */
    struct text body;         /* taken */
    struct {
        const char *name, *value;
    } headers[HTTP_HEADERS]; /* up to the first without name */
};

/* On the listener's thread, without locks */
typedef void http_handler(const struct http_request *request, struct http_response *response,
                          void *owner);

struct http_listener_options {
    const char *name;    /* the log id of its thread; a constant */
    const char *address; /* IPv4, IPv6, or "" for all of this machine */
    int port;            /* 0: any, for tests */
    http_handler *handler;
    void *owner;
};

/* http_listener_new - open it; NULL with a sentence in `why` when that can't be done */
struct http_listener *http_listener_new(const struct http_listener_options *options,
                                        struct text *why);
/* http_listener_free - close it and its connections; waits for a handler that runs. NULL is allowed. */
void http_listener_free(struct http_listener *listener);
/* http_listener_port - where it listens */
int http_listener_port(const struct http_listener *listener);
/* http_listener_tick - cut connections that last too long; about once a second, by housekeeping. NULL is
 * allowed. */
void http_listener_tick(struct http_listener *listener, int64_t now);

/* What a handler may ask. Borrowed until it has returned. */
const char *http_request_method(const struct http_request *request);
/* http_request_path - as it was sent, nothing decoded, without the query */
const char *http_request_path(const struct http_request *request);
/* http_request_header - of that name, upper and lower case being one; NULL when it is not there */
const char *http_request_header(const struct http_request *request, const char *name);

#endif
