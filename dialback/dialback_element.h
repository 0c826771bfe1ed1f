/* dialback_element - build and read db:result and db:verify
 *
 * XEP-0220 2, errors of version 1.1.1. Openfire: the strings that ServerDialback builds, here
 * escaped (DIFFERS: D12). Recognised by namespace and name, never by prefix (DIFFERS: 3.7.1 goes by
 * the literal prefix). Pure; any thread.
 */
#ifndef DIALBACK_DIALBACK_ELEMENT_H
#define DIALBACK_DIALBACK_ELEMENT_H

#include <stdbool.h>

#include "xml/element.h"
#include "xml/jid.h"
#include "xml/packet.h"

enum dialback_kind {
    DIALBACK_NONE,
    DIALBACK_RESULT, /* db:result: a domain proves itself, and the outcome */
    DIALBACK_VERIFY  /* db:verify: is this key yours, and the answer */
};

enum dialback_type {
    DIALBACK_REQUEST, /* no type attribute: a key */
    DIALBACK_VALID,
    DIALBACK_INVALID,
    DIALBACK_ERROR,
    DIALBACK_UNKNOWN_TYPE
};

struct dialback_element {
    enum dialback_kind kind;
    enum dialback_type type;
    bool addressed; /* from and to are there, and both are domains; else both are "" */
    char from[JID_PART_MAX + 1], to[JID_PART_MAX + 1]; /* prepared */
    const char *id; /* as written, NULL when absent; borrowed from the element */
    const char
        *key; /* the text, white space around it removed; in the element's arena, never NULL */
    enum packet_error error; /* of type error */
    const char *error_text;  /* "" if none */
};

/* dialback_element_kind - DIALBACK_NONE when it is neither */
enum dialback_kind dialback_element_kind(const struct element *element);
/* dialback_element_read - read it; never fails, the roles judge */
void dialback_element_read(struct dialback_element *dialback, const struct element *element,
                           struct arena *arena);

/* dialback_element_write_request - append a db:result (id NULL) or db:verify that carries a key */
void dialback_element_write_request(struct text *out, enum dialback_kind kind, const char *from,
                                    const char *to, const char *id, const char *key);
/* dialback_element_write_answer - append an outcome. `error` and `text` (may be NULL) only for
 * DIALBACK_ERROR. */
void dialback_element_write_answer(struct text *out, enum dialback_kind kind, const char *from,
                                   const char *to, const char *id, enum dialback_type type,
                                   enum packet_error error, const char *text);

#endif
