/* stanza_pace - a stream whose sender is too fast waits, and with it, by TCP, the sender
 *
 * One for each incoming stream, its reader's own. Nothing is dropped and no error is sent: the reader does not read on until the sender's
 * domain may send again, so what it has sent stays in the kernels' buffers, and then it can't send. Others that share the stream wait
 * with it; nobody else does.
 */
#ifndef SESSION_STANZA_PACE_H
#define SESSION_STANZA_PACE_H

#include "server/config.h"
#include "server/socket_connection.h"
#include "session/domain_limits.h"

struct stanza_pace {
    int64_t stanzas, bytes;   /* a second; 0: any number */
    struct domain_rate *rate; /* of the sender before, a reference; most streams have one */
    bool exempt;              /* that one is */
};

/* stanza_pace_init - with the settings of the stream */
void stanza_pace_init(struct stanza_pace *pace, const struct config *config);
void stanza_pace_free(struct stanza_pace *pace);
static inline bool stanza_pace_is_on(const struct stanza_pace *pace)
{
    return pace->stanzas > 0 || pace->bytes > 0;
}
/* stanza_pace_keep - a stanza of so many bytes from this domain has come: wait until it may be routed. What this thread has appended
 * anywhere is flushed before. Ends early when the connection is ended or aborted. */
void stanza_pace_keep(struct stanza_pace *pace, const struct config *config,
                      struct socket_connection *connection, struct span domain, size_t bytes);

#endif
