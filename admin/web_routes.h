/* web_routes - every path that the web console answers: one table
 *
 * Openfire: web.xml and its AuthCheckFilter (DIFFERS: there a filter lets paths through that match a list of patterns, which was
 * walked around twice: CVE-2008-6508, CVE-2023-32315). A path is compared byte by byte with the rows, as it was sent, nothing
 * decoded; what is no row does not exist. Each row says itself whether it needs a log-in, whether it changes something, and
 * which commands (admin/control_table.h) its handler may run: no other can be run from it.
 *
 * What a person sees (GET; all but the first need a log-in, without which they lead to it):
 *   /login                         user, password; button `login`
 *   /                              Overview: what runs, graphs, listeners; buttons `reload`; `drain` and `stop` with a box `confirm`
 *   /server-to-server              Server to Server: service and port, direct TLS, idle, policy, allowed, blocked
 *   /sessions                      Sessions: a row for each remote server; ?sort= ?page=
 *   /sessions/details              the streams with one; ?domain-or-stream=
 *   /sessions/handshake            the steps of a live stream, with its diagram; ?stream=
 *   /components                    Components: components, and the servers behind us
 *   /failures                      Failures: the last attempts that came to nothing
 *   /explain                       why a domain can't be talked to, its last attempts, each with its diagram; ?domain=
 *   /check                         Connection test; button `check` leads to
 *   /check/progress                its steps as they come; ?job=
 *   /trace                         Follow live; button `trace` leads to
 *   /trace/follow                  ?job=
 *   /dns-overrides                 DNS overrides
 *   /settings                      Settings; ?pattern= ?changed=yes
 *   /settings/edit                 one of them; ?setting=
 *   /audit                         Audit log; ?last=
 *   /counters                      the counters of the process
 *   /commands                      all commands, and where each is found here
 *   /account                       the password
 * What pages fetch:
 *   /style.css /console.js /icon.svg      without log-in: constant
 *   /sessions/diagram, /explain/diagram   SVG; ?stream=; ?domain= ?direction=in|out ?outcome=failures|successes ?number=
 * On a narrow screen the navigation is behind the link "Menu". Parts of pages that change by themselves have the attribute data-live.
 * What changes something or makes this server act (POST; fields beside `token`; button): those with a command take the command's
 * parameters as fields, without their dashes, and lead back by 303 to the page they stand on, which shows the outcome
 * (role="status") or the error (role="alert"):
 *   /login                         user password                      login
 *   /logout                                                           logout
 *   /server/reload                                                    reload
 *   /server/drain, /server/stop    confirm=yes                        drain, stop
 *   /listeners/enable, /disable    listener                           enable, disable
 *   /listeners/move                listener port                      move
 *   /server-to-server/idle         idle=after|never minutes           save-idle
 *   /permissions/policy            policy                             save-policy
 *   /permissions/allow             domain port                        allow
 *   /permissions/block             domain                             block
 *   /permissions/remove            domain                             remove
 *   /sessions/close                domain-or-stream                   close
 *   /sessions/software             domain                             software
 *   /failures/retry                domain                             retry
 *   /failures/block                domain                             block
 *   /check                         domain from limit                  check
 *   /trace                         domain stanzas=yes seconds         trace
 *   /jobs/end                      job                                end
 *   /dns-overrides/set             pattern host port                  save-override
 *   /dns-overrides/remove          pattern                            remove
 *   /settings/set                  setting value                      save
 *   /settings/unset                setting                            unset
 *   /account/password              current password again             save-password
 */
#ifndef ADMIN_WEB_ROUTES_H
#define ADMIN_WEB_ROUTES_H

#include <stdbool.h>
#include <stddef.h>

struct web_call;

enum web_access {
    WEB_OPEN,  /* for everybody */
    WEB_PERSON /* who is logged in */
};

struct web_route {
    const char *path;
    bool post; /* it changes something, or makes this server act; else it only shows */
    enum web_access access;
    const char *commands; /* those that it may run, with ',' between them; "" for none */
    void (*handler)(struct web_call *call);
    const char *section; /* the page of the navigation that it belongs to; "" for none */
    /* Of one that runs its one command with the form's fields (web_actions.h): the page that it leads back to, and the field that goes
     * with it as the query, or NULL */
    const char *back, *back_field;
};

extern const struct web_route web_routes[];
extern const size_t web_route_count;

/* web_routes_find - the row of exactly this path and method; NULL: none. `*known`: of another method there is one. */
const struct web_route *web_routes_find(const char *path, bool post, bool *known);

#endif
