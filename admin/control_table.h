/* control_table - every command there is
 *
 * One row each: C(function, "words", privilege, streams, "help", "details", parameters...). The server makes the table of
 * commands from it (admin/control_commands.c), with control_<function> to run each; openfire-s2sctl makes its help, its
 * check of arguments and its completion from the very same rows; the web console is to use the server's. A new command
 * is a new row, and a function.
 *
 * A parameter is REQUIRED(name, type, completes, help), OPTIONAL(...), NUMBER(name, min, max, help),
 * OPTIONAL_NUMBER(...), WORD(name, "a|b", help), OPTIONAL_WORD(...), or FLAG(name, help); admin/control_request.h says
 * what a struct control_parameter holds.
 */
#ifndef ADMIN_CONTROL_TABLE_H
#define ADMIN_CONTROL_TABLE_H

#define REQUIRED(name, type, completes, help)             \
    {                                                     \
        name, CONTROL_##type, true, completes, 0, 0, help \
    }
#define OPTIONAL(name, type, completes, help)              \
    {                                                      \
        name, CONTROL_##type, false, completes, 0, 0, help \
    }
#define NUMBER(name, min, max, help)                     \
    {                                                    \
        name, CONTROL_NUMBER, true, NULL, min, max, help \
    }
#define OPTIONAL_NUMBER(name, min, max, help)             \
    {                                                     \
        name, CONTROL_NUMBER, false, NULL, min, max, help \
    }
#define WORD(name, words, help)                     \
    {                                               \
        name, CONTROL_WORD, true, words, 0, 0, help \
    }
#define OPTIONAL_WORD(name, words, help)             \
    {                                                \
        name, CONTROL_WORD, false, words, 0, 0, help \
    }
#define FLAG(name, help)                            \
    {                                               \
        name, CONTROL_FLAG, false, NULL, 0, 0, help \
    }
#define NOTHING                                     \
    {                                               \
        NULL, CONTROL_TEXT, false, NULL, 0, 0, NULL \
    }

#define CONTROL_LISTENERS "server|direct-tls|component"

#define CONTROL_COMMANDS(C)                                                                        \
    C(status, "status", READ, false, "What runs, since when, and how much of it.",                 \
      "Version, domains, listeners, sessions, traffic, and the settings that wait for a restart.", \
      NOTHING)                                                                                     \
    C(sessions, "sessions", READ, false,                                                           \
      "The live sessions: all, those with one domain, or one stream.",                             \
      "A stream is named as in the log (s2sin-4f, s2sout-1c, component-2) or by its stream id. "   \
      "Without any session that fits, the condition is not-found.",                                \
      OPTIONAL("domain-or-stream", TEXT, "session", "a domain, or the name or id of a stream"),    \
      OPTIONAL_WORD("--sort", "name|domain|state|since|active|stanzas|bytes|queue",                \
                    "what the list is sorted by (default: name)"))                                 \
    C(close, "close", CHANGE, false, "End a stream, or all streams with a domain.",                \
      "The other side is told by a closing tag. What was sent and did not arrive comes back to "   \
      "its senders; a new stream may follow at once (see block).",                                 \
      REQUIRED("domain-or-stream", TEXT, "session", "a domain, or the name or id of a stream"))    \
    C(handshake, "handshake", READ, false, "The steps of a live stream, from its first byte.",     \
      "Each with its time, Openfire's class and method, and the clause that it follows. Those of " \
      "streams that ended are told by explain.",                                                   \
      REQUIRED("stream", TEXT, "session", "the name or id of a stream"))                           \
    C(listeners, "listeners", READ, false, "The ports that are listened on.", "", NOTHING)         \
    C(listener_enable, "listener enable", CHANGE, false,                                           \
      "Let a listener accept connections, now and after the next start.",                          \
      "Direct TLS opens only while there is a certificate and the listener for servers is "        \
      "enabled.",                                                                                  \
      OPTIONAL_WORD("listener", CONTROL_LISTENERS, "which (default: server)"))                     \
    C(listener_disable, "listener disable", CHANGE, false,                                         \
      "Close a listener, now and after the next start.",                                           \
      "Live sessions stay. Without the listener for servers there is none for direct TLS either.", \
      OPTIONAL_WORD("listener", CONTROL_LISTENERS, "which (default: server)"))                     \
    C(listener_move, "listener move", CHANGE, false,                                               \
      "Let a listener accept connections on another port.",                                        \
      "The new port is opened before the old one is closed; when it is taken, nothing changes. "   \
      "Live sessions stay.",                                                                       \
      NUMBER("port", 1, 65535, "the new port"),                                                    \
      OPTIONAL_WORD("listener", CONTROL_LISTENERS, "which (default: server)"))                     \
    C(settings, "settings", READ, false,                                                           \
      "The settings, with value, default, and where the value is from.", "Secrets are not shown.", \
      OPTIONAL("pattern", TEXT, "setting", "only those whose name contains this"),                 \
      FLAG("--changed", "only those that were changed while running"))                             \
    C(get, "get", READ, false, "One setting, with all that is known of it.", "",                   \
      REQUIRED("setting", TEXT, "setting", "its name, as in openfire-s2s.conf with its section"))  \
    C(set, "set", CHANGE, false, "Change a setting, now and after the next start.",                \
      "It is checked, comes into force, and is kept in settings.conf under s2s.home, which "       \
      "overrules openfire-s2s.conf; that is read again too. When anything fails, nothing has "     \
      "changed. A few settings wait for the next start: the answer says so.",                      \
      REQUIRED("setting", TEXT, "setting", "its name"),                                            \
      REQUIRED("value", TEXT, NULL, "its value, as it would stand in openfire-s2s.conf"))          \
    C(unset, "unset", CHANGE, false,                                                               \
      "Take back what was changed: openfire-s2s.conf or the default counts again.", "",            \
      REQUIRED("setting", TEXT, "setting", "its name"))                                            \
    C(permissions, "permissions", READ, false,                                                     \
      "Who may connect: the policy, and the domains that have a row.", "", NOTHING)                \
    C(policy, "policy", CHANGE, false, "Who may connect that has no row of its own.",              \
      "blacklist: everyone; whitelist: nobody. Sessions that are no longer permitted end.",        \
      WORD("policy", "blacklist|whitelist", "the new policy"))                                     \
    C(allow, "allow", CHANGE, false, "Let a domain connect, and its subdomains that have no row.", \
      "", REQUIRED("domain", DOMAIN, "domain", "the remote domain"),                               \
      OPTIONAL_NUMBER(                                                                             \
          "--port", 0, 65535,                                                                      \
          "where its server listens, if DNS does not say (0: no matter; default: as it was)"))     \
    C(block, "block", CHANGE, false,                                                               \
      "Let a domain not connect, nor be connected to, and end its live sessions.",                 \
      "Its subdomains too, unless they have a row of their own.",                                  \
      REQUIRED("domain", DOMAIN, "domain", "the remote domain"))                                   \
    C(remove, "remove", CHANGE, false,                                                             \
      "Forget the row of a domain: the row of its parent or the policy counts again.", "",         \
      REQUIRED("domain", DOMAIN, "domain", "the remote domain"))                                   \
    C(overrides, "overrides", READ, false,                                                         \
      "The DNS overrides, in the order in which they are looked at.",                              \
      "What dnsutil.dnsOverride says: the exact domain, then the longest *.suffix, then *.",       \
      NOTHING)                                                                                     \
    C(override_set, "override set", CHANGE, false,                                                 \
      "Let a domain be found at a host, whatever the DNS says; add the override or change it.",    \
      "", REQUIRED("pattern", TEXT, NULL, "a domain, *.suffix for all below one, or * for all"),   \
      REQUIRED("host", TEXT, NULL, "a host name, or an IPv4 or IPv6 address"),                     \
      OPTIONAL_NUMBER("--port", 1, 65535, "the port there (default: as without an override)"))     \
    C(override_remove, "override remove", CHANGE, false, "Let the DNS say again where it is.", "", \
      REQUIRED("pattern", TEXT, NULL, "as the list shows it"))                                     \
    C(components, "components", READ, false,                                                       \
      "The components: those configured, and those connected.", "", NOTHING)                       \
    C(upstreams, "upstreams", READ, false, "The XMPP servers behind us, and their streams.", "",   \
      NOTHING)                                                                                     \
    C(metrics, "metrics", READ, false, "The counters of the process.",                             \
      "They begin at 0 with the process.", NOTHING)                                                \
    C(rates, "rates", READ, false, "Sessions, stanzas and bytes, second by second.", "",           \
      OPTIONAL_NUMBER("--last", 1, 600, "how many seconds (default: 60)"))                         \
    C(console, "console", READ, false, "Where the web console is, and who is logged in.", "",      \
      NOTHING)                                                                                     \
    C(console_password, "console password", CHANGE, false,                                         \
      "Give the web console another password; who is logged in must log in again.",                \
      "Without one, a random password is made and shown. What is given on a command line can be "  \
      "seen by others on this machine.",                                                           \
      OPTIONAL("password", TEXT, NULL, "at least 10 characters"))                                  \
    C(reload, "reload", CHANGE, false,                                                             \
      "Read the settings, rows and certificates again, as SIGHUP does.",                           \
      "When anything is wrong in them, all stays as it was.", NOTHING)                             \
    C(drain, "drain", CHANGE, false,                                                               \
      "End the server: no new connections, every stream is told and may end, at most "             \
      "s2s.shutdown.timeout long.",                                                                \
      "openfire-s2sctl waits for the end.", NOTHING)                                               \
    C(stop, "stop", CHANGE, false,                                                                 \
      "End the server at once: every stream is told and not waited for.",                          \
      "openfire-s2sctl waits for the end.", NOTHING)                                               \
    C(explain, "explain", READ, false, "Why can I not talk to them, and what is to be changed.",   \
      "The rules that would decide for the domain now, in and out; its last successes and "        \
      "failures, step by step; and in one sentence what went wrong, on whose side, and what to "   \
      "change. Nothing is connected to: see check.",                                               \
      REQUIRED("domain", DOMAIN, "domain", "the other domain"),                                    \
      OPTIONAL("--with", TEXT, "file",                                                             \
               "judge by this settings file, which is not loaded, and the rows in its s2s.home"))  \
    C(diagram, "diagram", READ, false, "Draw a handshake as a sequence diagram (SVG).",            \
      "The last one with a domain of which the steps are kept (see explain); of a live stream, "   \
      "all its steps so far. Prints the picture: openfire-s2sctl diagram example.net > file.svg",  \
      REQUIRED("domain-or-stream", TEXT, "session", "a domain, or the name or id of a stream"),    \
      FLAG("--in", "only what the domain began"), FLAG("--out", "only what we began"),             \
      FLAG("--failed", "only what failed"),                                                        \
      OPTIONAL_NUMBER("--back", 0, 100, "not the last, but so many before it (0)"))                \
    C(failures, "failures", READ, false,                                                           \
      "The domains with which the last attempt came to nothing, and why; the newest first.", "",   \
      FLAG("--all", "those as well with which one went well since"))                               \
    C(retry, "retry", CHANGE, false,                                                               \
      "Try again to reach a domain, without waiting for the pause.",                               \
      "A ping goes there; what comes of it is seen by sessions, failures and the log.",            \
      REQUIRED("domain", DOMAIN, "domain", "the other domain"))                                    \
    C(software, "software", CHANGE, false,                                                         \
      "Ask a domain what software its server runs (XEP-0092).",                                    \
      "From xmpp.domain, on a session that is there or is made for it; the answer is waited for "  \
      "10 seconds. What was heard is seen by sessions. Nobody is asked unless this is said.",      \
      REQUIRED("domain", DOMAIN, "domain", "the other domain"))                                    \
    C(check, "check", READ, true, "Try to reach a domain, step by step; live sessions stay.",      \
      "DNS, every address, TLS, the certificate, each way of authentication that is offered, and " \
      "a ping. Without a server that answers, openfire-s2sctl tries by itself what can be tried "  \
      "so; dialback and ping need the server. Exit status 1: they can't be reached. With --json, " \
      "a line for each step, and last all of it.",                                                 \
      REQUIRED("domain", DOMAIN, "domain", "the other domain"),                                    \
      OPTIONAL("--from", DOMAIN, NULL, "the domain of ours to go there as (xmpp.domain)"),         \
      OPTIONAL_NUMBER("--limit", 1, 600, "seconds that all of it may take (60)"))                  \
    C(trace, "trace", READ, true,                                                                  \
      "Follow a domain live: every step of its handshakes, and its stanzas if asked for.",         \
      "Ends with Ctrl-C, after --seconds, or when the client sends something. What is kept "       \
      "already of a connection that turns out to concern the domain is told first. Who reads too " \
      "slowly is told how much was lost. To read stanzas goes to the audit log.",                  \
      REQUIRED("domain", DOMAIN, "domain", "the other side, or a component"),                      \
      FLAG("--stanzas", "the stanzas as well, each as it is read or sent"),                        \
      OPTIONAL_NUMBER("--seconds", 1, 86400, "how long (default: until it is ended)"))             \
    C(audit, "audit", READ, false, "The last changes: who, when, what, and what it was before.",   \
      "From audit.log under s2s.home.",                                                            \
      OPTIONAL_NUMBER("--last", 1, 10000, "how many (default: 20)"))                               \
    C(help, "help", READ, false, "All commands, with their arguments.", "", NOTHING)

#endif
