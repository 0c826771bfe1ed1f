/* remote_server_manager - which remote domains may connect, in either direction
 *
 * Openfire: RemoteServerManager, RemoteServerConfiguration, table ofRemoteServerConf. The rows are
 * kept in `s2s.home`/remote-servers.conf, an INI file with a section per domain:
 *     [example.net]
 *     permission = blocked        ; or allowed
 *     remotePort = 0              ; 0: unset, the default port
 *     security = encrypted        ; instead of the general settings for TLS and certificates
 *     [*.lab.example]             ; every domain below it that has no security of its own
 *     security = dialback         ; (nothing but security can stand here)
 * Policy `xmpp.server.permission`: blacklist: everyone but those whose row says blocked;
 * whitelist: only
 * those whose row says allowed. With `xmpp.server.permission-apply-recursive` the permission of a
 * domain
 * without one of its own is that of its nearest parent with one; the port is the domain's own only.
 * DIFFERS: Openfire also does that, but only since 4.8.0, and never asks for inbound EXTERNAL
 * (C3); here
 * every way in and out asks.
 * A table under a read-write lock, a leaf. Domains are prepared. An IPv6 literal can't have a row:
 * the
 * file's form has no room for its ':'.
 */
#ifndef SERVER_REMOTE_SERVER_MANAGER_H
#define SERVER_REMOTE_SERVER_MANAGER_H

#include <stdbool.h>
#include <stddef.h>

#include "xml/text.h"

struct config;

/* remote_server_manager_load - read the rows, and the policy from `config` (at start and at each
 * reload).
 * 0, or -1 with one line per fault in `why`; the old rows and the old policy then stay in force. A
 * missing
 * file means no rows. */
int remote_server_manager_load(const struct config *config, struct text *why);
void remote_server_manager_stop(void);
/* remote_server_manager_can_access - may `domain` (prepared) exchange anything with us? The rule
 * that
 * decided is appended to `why` in words ("row 'blocked' of example.net, parent of im.example.net",
 * "policy
 * whitelist and no row") unless NULL. */
bool remote_server_manager_can_access(const char *domain, struct text *why);
/* remote_server_manager_port - the row's port for an outgoing connection, or 0 */
int remote_server_manager_port(const char *domain);
/* What a domain's row says in the place of xmpp.server.tls.policy and the rules for certificates. */
enum remote_security {
    SECURITY_DEFAULT,
    SECURITY_ENCRYPTED,   /* TLS is required, whatever the certificate */
    SECURITY_CERTIFICATE, /* TLS is required, and a valid certificate for the domain */
    SECURITY_DIALBACK     /* dialback is enough: no TLS required, no certificate asked about */
};

/* remote_server_manager_security - of the domain's own row, else of the nearest [*.parent]; which, is appended
 * to `why` unless NULL */
enum remote_security remote_server_manager_security(const char *domain, struct text *why);
/* A row, copied out. The words are constants, "" for none. */
struct remote_server_row {
    char *domain; /* or "*.domain" */
    const char *permission, *security;
    int port; /* 0: unset */
};

/* remote_server_manager_rows - all of them by domain, for the caller: remote_server_manager_free_rows. Their number. */
size_t remote_server_manager_rows(struct remote_server_row **rows);
void remote_server_manager_free_rows(struct remote_server_row *rows, size_t count);
/* remote_server_manager_allow_access, _block_access, _delete_configuration - change a row and
 * write the
 * file atomically (blocks on the disk; those who ask meanwhile don't wait). Needs a
 * remote_server_manager_load before. 0, or -1 with `why`: then nothing has changed. */
int remote_server_manager_allow_access(const char *domain, int port, struct text *why);
int remote_server_manager_block_access(const char *domain, struct text *why);
int remote_server_manager_delete_configuration(const char *domain, struct text *why);

/* Rows and policy of settings that are not in force (explain --with): read aside, asked with the same rules. NULL in the place of
 * `servers` means those in force. */
struct remote_servers;

/* remote_servers_read - NULL with one line per fault in `why` */
struct remote_servers *remote_servers_read(const struct config *config, struct text *why);
/* remote_servers_free - NULL is allowed */
void remote_servers_free(struct remote_servers *servers);
bool remote_servers_can_access(const struct remote_servers *servers, const char *domain,
                               struct text *why);
int remote_servers_port(const struct remote_servers *servers, const char *domain);
enum remote_security remote_servers_security(const struct remote_servers *servers,
                                             const char *domain, struct text *why);

#endif
