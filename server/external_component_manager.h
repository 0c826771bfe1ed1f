/* external_component_manager - which components may connect, and their secrets
 *
 * Openfire: ExternalComponentManager, ExternalComponentConfiguration, table ofExtComponentConf. The rows are kept in
 * `s2s.home`/components.conf, an INI file with a section per domain:
 *     [chat.example.org]          ; any domain, also one outside of xmpp.domain, or xmpp.domain itself
 *     secret = …
 *     permission = allowed        ; or blocked
 *     [*.example.org]             ; those below it that have no row of their own
 *     secret = …
 * A domain with a row of its own is ours whether its component is there or not. Without any row a component may be what is
 * below xmpp.domain, with `xmpp.component.defaultSecret`. A table under a read-write lock, a leaf. Domains are prepared.
 */
#ifndef SERVER_EXTERNAL_COMPONENT_MANAGER_H
#define SERVER_EXTERNAL_COMPONENT_MANAGER_H

#include <stdbool.h>
#include <stddef.h>

#include "xml/text.h"

struct config;

/* external_component_manager_load - read the rows, and what the settings say of components (at start and at each reload);
 * xmpp_server is told of the domains. 0, or -1 with one line per fault in `why`; then nothing has changed. One caller at a time. */
int external_component_manager_load(const struct config *config, struct text *why);
void external_component_manager_stop(void);
/* A row, copied out; its secret stays where it is. */
struct external_component_row {
    char *domain;           /* or "*.domain" */
    const char *permission; /* a constant, "" for none */
    bool has_secret;
};

/* external_component_manager_rows - all of them, for the caller: external_component_manager_free_rows. Their number. */
size_t external_component_manager_rows(struct external_component_row **rows);
void external_component_manager_free_rows(struct external_component_row *rows, size_t count);
/* external_component_manager_can_access - may this component connect? The reason goes to `why` unless NULL. */
bool external_component_manager_can_access(const char *domain, struct text *why);
/* external_component_manager_secret - append its secret to `secret`; false when it has none, or an empty one */
bool external_component_manager_secret(const char *domain, struct text *secret);
/* external_component_manager_is_configured - has the domain a row of its own? */
bool external_component_manager_is_configured(const char *domain, size_t length);
/* external_component_manager_would_serve - the same of the rows of settings that are not in force: 1, 0, or -1 with `why` */
int external_component_manager_would_serve(const struct config *config, const char *domain,
                                           struct text *why);

#endif
