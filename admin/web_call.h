/* web_call - one request to the web console that was let in, and what it is answered
 *
 * Openfire: HttpServletRequest, HttpServletResponse, WebManager. What a page may do is in its row of admin/web_routes.h: web_call_ask
 * runs no other command. One thread, that of the connection.
 */
#ifndef ADMIN_WEB_CALL_H
#define ADMIN_WEB_CALL_H

#include <jansson.h>
#include <stdbool.h>

#include "admin/web_form.h"
#include "admin/web_session.h"
#include "xml/text.h"

struct web_route;

#define WEB_CALL_WHO (WEB_SESSION_USER + 1 + INET6_ADDRSTRLEN)

struct web_call {
    const struct web_route *route;
    struct web_form query, form; /* owned */
    bool secure;                 /* inside TLS */
    const char *peer;            /* the address that it comes from */
    const char *session_id;      /* of who is logged in, else "" */
    struct web_session session;
    bool is_post;
    bool by_hand; /* a person asks; else the script, for parts of a page that is shown already */
    /* The answer */
    unsigned status;        /* 200 */
    const char *allow;      /* 405: by which methods it can be asked for */
    const char *type;       /* HTML */
    struct text body;       /* owned */
    struct text location;   /* owned; not empty: leads there, by 303 if the status is 200 */
    struct text cookies[2]; /* owned; Set-Cookie, those that are not empty */
    int retry_after;        /* seconds; 0: nothing is said of it */
    bool keep;              /* it never changes under this address */
    bool picture;           /* SVG, with styles of its own */
};

void web_call_free(struct web_call *call);

/* web_call_who - for the audit log: "admin@192.0.2.1" */
void web_call_who(const struct web_call *call, const char *user, char out[WEB_CALL_WHO]);

/* web_call_ask - run a command of the route: `words` as in the table, and its arguments as "name=value" pairs, in the table's order
 * (name without dashes; a flag's value is not looked at; NULL is left out, and "" where the parameter may be absent). The whole answer, a new reference:
 * {"ok",…} of admin/control_commands.h. */
struct web_argument {
    const char *name, *value;
};
json_t *web_call_ask(struct web_call *call, const char *words, const struct web_argument *arguments,
                     size_t count);
/* web_call_result - the same for one that is expected to succeed: its result, or NULL with a sentence appended to `why` */
json_t *web_call_result(struct web_call *call, const char *words,
                        const struct web_argument *arguments, size_t count, struct text *why);
/* web_call_words - the request of such a call, for who runs it himself; free with control_words_free */
struct control_words;
bool web_call_words(const struct web_call *call, const char *words,
                    const struct web_argument *arguments, size_t count, struct control_words *out);

/* web_call_parameter - of the query, or NULL when it is not there or empty. Borrowed. */
const char *web_call_parameter(const struct web_call *call, const char *name);
/* web_call_field - likewise of the form */
const char *web_call_field(const struct web_call *call, const char *name);
/* web_call_lead - to another page of ours: `path` is a constant; "name=value" of the query is added if value is not NULL */
void web_call_lead(struct web_call *call, const char *path, const char *name, const char *value);
/* web_call_say - what the next page says at its top */
void web_call_say(struct web_call *call, bool error, const char *words);

#endif
