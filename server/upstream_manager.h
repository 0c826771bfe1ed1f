/* upstream_manager - XMPP servers behind us, for whose domains we stand on the internet side
 *
 * Openfire: none (the nearest is its trunking, xmpp.gateway.domains). Sections of openfire-s2s.conf:
 *     [upstream example.org]
 *     host = 127.0.0.1                 ; where it listens for servers; a name or an address
 *     port = 5269
 *     domains = conference.example.org ; what it may claim beside example.org, with commas
 *     address = 127.0.0.1              ; where it connects from, with commas; empty: what `host` resolves to
 *     tls = optional                   ; on the private streams: disabled, optional or required
 * Its domains are ours (xmpp_server). On the private port (s2s.upstream.socket.port) it finds every remote domain: there, and only
 * from its addresses, it may prove its own domains, and may ask about the keys that we show it in the name of remote ones.
 * A table under a read-write lock, a leaf. Domains are prepared.
 */
#ifndef SERVER_UPSTREAM_MANAGER_H
#define SERVER_UPSTREAM_MANAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "server/config_table.h"
#include "xml/text.h"

struct config;

/* upstream_manager_load - read the sections of the settings' file (at start and at each reload); xmpp_server is told of the domains.
 * 0, or -1 with one line per fault in `why`; then nothing has changed. Blocks for the look-up of `host`. */
int upstream_manager_load(const struct config *config, struct text *why);
void upstream_manager_stop(void);
/* upstream_manager_has - does an upstream serve this domain? A look-up for each packet: nothing when there is none. */
bool upstream_manager_has(const char *domain, size_t length);
bool upstream_manager_is_empty(void);
/* upstream_manager_target - where the domain's upstream listens; false when there is none. `tls` (may be NULL): its policy. */
bool upstream_manager_target(const char *domain, char host[256], int *port,
                             enum config_tls_policy *tls);
/* An upstream, copied out. */
struct upstream_row {
    char *host, *addresses; /* addresses: as written, NULL: what the host resolves to */
    char *domains;          /* with commas between them */
    int port;
    const char *tls; /* a constant */
};

/* upstream_manager_rows - all of them, for the caller: upstream_manager_free_rows. Their number. */
size_t upstream_manager_rows(struct upstream_row **rows);
void upstream_manager_free_rows(struct upstream_row *rows, size_t count);
/* upstream_manager_admits - may this address connect at all (`domain` NULL), or claim this domain? */
bool upstream_manager_admits(const struct sockaddr *address, const char *domain);

/* The sections of settings that are not in force (explain --with). NULL in the place of `upstreams` means those in force. */
struct upstreams;

/* upstreams_read - NULL with one line per fault in `why`. Blocks for the look-up of `host`. */
struct upstreams *upstreams_read(const struct config *config, struct text *why);
/* upstreams_free - NULL is allowed */
void upstreams_free(struct upstreams *upstreams);
bool upstreams_target(const struct upstreams *upstreams, const char *domain, char host[256],
                      int *port, enum config_tls_policy *tls);

#endif
