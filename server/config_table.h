/* config_table - every setting there is
 *
 * One row each: X(field, type, "property", "section", "key", "default", min, max, restart, "help").
 * From these rows come the fields of struct config, the defaults, the checks, the sample file and the
 * listing; a new setting is a new row and nothing else. Where Openfire has a property of the same
 * meaning, name, unit and default are Openfire's (current).
 *
 * Type        field            accepted; what min and max bound
 * STRING      char *           printable UTF-8; bytes
 * SECRET      char *           the same, never shown
 * DOMAIN      char *           a domain, kept prepared (xml/jid.h); bytes
 * DOMAINS     char *           comma list of domains, kept prepared, without blanks; bytes
 * ADDRESS     char *           an IPv4 or IPv6 address or nothing; -
 * NETWORKS    char *           comma list of addresses and networks (192.0.2.0/24), without blanks; bytes
 * WORDS(set)  char *           comma list of words of the set, kept without blanks; -
 * BOOLEAN     bool             true, false; -
 * NUMBER      int64_t          a whole number; its value
 * CHOICE(set) enum             one word of the set; -
 * `restart` true: a change shows only after the next start.
 */
#ifndef SERVER_CONFIG_TABLE_H
#define SERVER_CONFIG_TABLE_H

/* The sets of words: W(enum value, "word"). A WORDS setting is kept as text, so its set has no enum. */
#define CONFIG_PERMISSION_WORDS(W) W(CONFIG_BLACKLIST, "blacklist") W(CONFIG_WHITELIST, "whitelist")
#define CONFIG_LOG_LEVEL_WORDS(W) \
    W(CONFIG_LOG_DEBUG, "debug")  \
    W(CONFIG_LOG_INFO, "info") W(CONFIG_LOG_WARN, "warn") W(CONFIG_LOG_ERROR, "error")
#define CONFIG_TLS_POLICY_WORDS(W)     \
    W(CONFIG_TLS_DISABLED, "disabled") \
    W(CONFIG_TLS_OPTIONAL, "optional") W(CONFIG_TLS_REQUIRED, "required")
#define CONFIG_CERT_POLICY_WORDS(W)     \
    W(CONFIG_CERT_DISABLED, "disabled") \
    W(CONFIG_CERT_WANTED, "wanted") W(CONFIG_CERT_NEEDED, "needed")
#define CONFIG_PROTOCOL_WORDS(W) W(tls_1_2, "TLSv1.2") W(tls_1_3, "TLSv1.3")
#define CONFIG_SERVICE_WORDS(W) \
    W(ping, "ping") W(version, "version") W(time, "time") W(last, "last")

#define CONFIG_ENUM_VALUE(value, word) value,
enum config_permission { CONFIG_PERMISSION_WORDS(CONFIG_ENUM_VALUE) };
enum config_log_level { CONFIG_LOG_LEVEL_WORDS(CONFIG_ENUM_VALUE) };
enum config_tls_policy { CONFIG_TLS_POLICY_WORDS(CONFIG_ENUM_VALUE) };
enum config_cert_policy { CONFIG_CERT_POLICY_WORDS(CONFIG_ENUM_VALUE) };

#define PROPERTIES(X)                                                                              \
    /* --- xmpp */                                                                                 \
    X(xmpp_domain, DOMAIN, "xmpp.domain", "xmpp", "domain", "localhost", 1, 900, false,            \
      "The domain we serve.")                                                                      \
    /* --- xmpp.server */                                                                          \
    X(xmpp_server_name, STRING, "xmpp.server.name", "xmpp.server", "name", "Openfire Server", 1,   \
      255, false, "The name that we give when asked who we are (service discovery).")              \
    X(xmpp_server_socket_active, BOOLEAN, "xmpp.server.socket.active", "xmpp.server",              \
      "socket.active", "true", 0, 1, false, "Do we listen for other servers?")                     \
    X(xmpp_server_socket_port, NUMBER, "xmpp.server.socket.port", "xmpp.server", "socket.port",    \
      "5269", 1, 65535, false, "The port we listen on.")                                           \
    X(xmpp_server_socket_remotePort, NUMBER, "xmpp.server.socket.remotePort", "xmpp.server",       \
      "socket.remotePort", "5269", 1, 65535, false,                                                \
      "The port of other servers, where neither DNS nor a row of remote-servers.conf names one.")  \
    X(xmpp_server_socket_ssl_active, BOOLEAN, "xmpp.server.socket.ssl.active", "xmpp.server",      \
      "socket.ssl.active", "true", 0, 1, false,                                                    \
      "Do we also listen where TLS begins with the first byte (XEP-0368)? Never without a "        \
      "certificate.")                                                                              \
    X(xmpp_server_socket_ssl_port, NUMBER, "xmpp.server.socket.ssl.port", "xmpp.server",           \
      "socket.ssl.port", "5270", 1, 65535, false, "The port of that.")                             \
    X(xmpp_server_tls_policy, CHOICE(CONFIG_TLS_POLICY), "xmpp.server.tls.policy", "xmpp.server",  \
      "tls.policy", "optional", 0, 0, false,                                                       \
      "TLS in both directions: disabled: neither offered nor used; optional: used with who can; "  \
      "required: nothing else is let in or out. Single domains: security in remote-servers.conf.") \
    X(xmpp_server_cert_policy, CHOICE(CONFIG_CERT_POLICY), "xmpp.server.cert.policy",              \
      "xmpp.server", "cert.policy", "wanted", 0, 0, false,                                         \
      "Are servers that connect to us asked for their certificate? needed: those without are "     \
      "refused.")                                                                                  \
    X(xmpp_server_certificate_file, STRING, "xmpp.server.certificate.file", "xmpp.server",         \
      "certificate.file", "", 0, 1000, false,                                                      \
      "Our certificate and the chain above it (PEM). Empty: a self-signed one is made and kept "   \
      "under "                                                                                     \
      "s2s.home. none: we have none, and TLS is neither offered nor used.")                        \
    X(xmpp_server_certificate_key, STRING, "xmpp.server.certificate.key", "xmpp.server",           \
      "certificate.key", "", 0, 1000, false,                                                       \
      "Its private key (PEM, without a password). Empty: it stands in the file of the "            \
      "certificate.")                                                                              \
    X(xmpp_server_certificate_directory, STRING, "xmpp.server.certificate.directory",              \
      "xmpp.server", "certificate.directory", "", 0, 1000, false,                                  \
      "A directory with certificates for single domains of ours: DOMAIN.crt with DOMAIN.key "      \
      "(PEM); "                                                                                    \
      "internationalised domains in their ASCII form.")                                            \
    X(xmpp_server_certificate_present, BOOLEAN, "xmpp.server.certificate.present", "xmpp.server",  \
      "certificate.present", "true", 0, 1, false,                                                  \
      "Do we show our certificate to the servers that we connect to? Without it dialback must "    \
      "prove us.")                                                                                 \
    X(xmpp_server_certificate_trust, STRING, "xmpp.server.certificate.trust", "xmpp.server",       \
      "certificate.trust", "", 0, 1000, false,                                                     \
      "The certificates of those that we trust to certify others (PEM). Empty: those of the "      \
      "system.")                                                                                   \
    X(xmpp_server_certificate_crl, STRING, "xmpp.server.certificate.crl", "xmpp.server",           \
      "certificate.crl", "", 0, 1000, false,                                                       \
      "Their lists of revoked certificates (PEM), looked at with verify.revocation below.")        \
    X(xmpp_server_certificate_ocsp, STRING, "xmpp.server.certificate.ocsp", "xmpp.server",         \
      "certificate.ocsp", "", 0, 1000, false,                                                      \
      "An OCSP response about our own certificate (DER) that others get with it. Read anew at "    \
      "SIGHUP.")                                                                                   \
    X(xmpp_server_dialback_enabled, BOOLEAN, "xmpp.server.dialback.enabled", "xmpp.server",        \
      "dialback.enabled", "true", 0, 1, false,                                                     \
      "May a domain prove itself by server dialback (XEP-0220)?")                                  \
    X(xmpp_server_dialback_secret, SECRET, "xmpp.server.dialback.secret", "xmpp.server",           \
      "dialback.secret", "", 0, 900, false,                                                        \
      "The secret of our dialback keys (XEP-0185); the same on all servers of a domain. Empty: a " \
      "random one is made and kept under s2s.home.")                                               \
    X(xmpp_server_permission, CHOICE(CONFIG_PERMISSION), "xmpp.server.permission", "xmpp.server",  \
      "permission", "blacklist", 0, 0, false,                                                      \
      "Who may exchange stanzas with us: blacklist: everyone but the blocked domains; whitelist: " \
      "only the allowed domains. The domains stand in remote-servers.conf under s2s.home.")        \
    X(xmpp_server_permission_apply_recursive, BOOLEAN, "xmpp.server.permission-apply-recursive",   \
      "xmpp.server", "permission-apply-recursive", "true", 0, 1, false,                            \
      "Does the permission of a domain hold for its subdomains that have none of their own?")      \
    X(xmpp_server_session_idle, NUMBER, "xmpp.server.session.idle", "xmpp.server", "session.idle", \
      "1800000", -1, 2147483647, false,                                                            \
      "Milliseconds after which a session without traffic is closed; -1: never.")                  \
    X(xmpp_server_session_allowmultiple, BOOLEAN, "xmpp.server.session.allowmultiple",             \
      "xmpp.server", "session.allowmultiple", "true", 0, 1, false,                                 \
      "May a domain have several incoming streams at once?")                                       \
    X(xmpp_server_session_initialise_timeout, NUMBER, "xmpp.server.session.initialise-timeout",    \
      "xmpp.server", "session.initialise-timeout", "10", 1, 3600, false,                           \
      "Seconds for the set-up of an outgoing stream: connect, header, features.")                  \
    X(xmpp_server_read_timeout, NUMBER, "xmpp.server.read.timeout", "xmpp.server", "read.timeout", \
      "120000", 1, 3600000, false, "Milliseconds that we wait for the answer of a dialback.")      \
    X(xmpp_server_outgoing_max_threads, NUMBER, "xmpp.server.outgoing.max.threads", "xmpp.server", \
      "outgoing.max.threads", "100", 1, 10000, false, "Outgoing sessions being set up at once.")   \
    X(xmpp_server_outgoing_queue, NUMBER, "xmpp.server.outgoing.queue", "xmpp.server",             \
      "outgoing.queue", "2000", 1, 1000000, false,                                                 \
      "Stanzas of one pair of domains that may wait for their session.")                           \
    X(xmpp_server_connection_attempt_delay, NUMBER, "xmpp.server.connection-attempt-delay",        \
      "xmpp.server", "connection-attempt-delay", "250", 10, 60000, false,                          \
      "Milliseconds before the next address of a server is tried beside the last (RFC 8305).")     \
    X(xmpp_server_resolution_delay, NUMBER, "xmpp.server.resolution-delay", "xmpp.server",         \
      "resolution-delay", "50", 0, 10000, false,                                                   \
      "Milliseconds that the IPv4 addresses of a server wait for the IPv6 ones (RFC 8305).")       \
    X(xmpp_server_limits_advertisement_disabled, BOOLEAN,                                          \
      "xmpp.server.limits.advertisement.disabled", "xmpp.server", "limits.advertisement.disabled", \
      "false", 0, 1, false, "Leave our limits out of the stream features (XEP-0478)?")             \
    /* --- xmpp.component */                                                                       \
    X(xmpp_component_socket_active, BOOLEAN, "xmpp.component.socket.active", "xmpp.component",     \
      "socket.active", "false", 0, 1, false, "Do we listen for components (XEP-0114)?")            \
    X(xmpp_component_socket_port, NUMBER, "xmpp.component.socket.port", "xmpp.component",          \
      "socket.port", "5275", 1, 65535, false, "The port we listen on for them.")                   \
    X(xmpp_component_interface, ADDRESS, "xmpp.component.interface", "xmpp.component",             \
      "interface", "127.0.0.1", 0, 0, true,                                                        \
      "The address of that port; empty: all of this machine.")                                     \
    X(xmpp_component_defaultSecret, SECRET, "xmpp.component.defaultSecret", "xmpp.component",      \
      "defaultSecret", "", 0, 900, false,                                                          \
      "The secret of components below xmpp.domain that have none of their own in components.conf " \
      "under "                                                                                     \
      "s2s.home. Empty: those are refused.")                                                       \
    X(xmpp_component_permission, CHOICE(CONFIG_PERMISSION), "xmpp.component.permission",           \
      "xmpp.component", "permission", "blacklist", 0, 0, false,                                    \
      "Which components may connect: blacklist: all but the blocked ones; whitelist: only the "    \
      "allowed "                                                                                   \
      "ones. They stand in components.conf.")                                                      \
    X(xmpp_component_idle, NUMBER, "xmpp.component.idle", "xmpp.component", "idle", "360000", -1,  \
      2147483647, false,                                                                           \
      "Milliseconds after which a component without traffic is closed; -1: never.")                \
    /* --- xmpp.socket */                                                                          \
    X(xmpp_socket_backlog, NUMBER, "xmpp.socket.backlog", "xmpp.socket", "backlog", "50", 1,       \
      65535, true, "Connections that the kernel keeps until we accept them.")                      \
    X(xmpp_socket_write_timeout_seconds, NUMBER, "xmpp.socket.write-timeout-seconds",              \
      "xmpp.socket", "write-timeout-seconds", "30", 1, 3600, false,                                \
      "Seconds after which a connection that takes none of our bytes is closed.")                  \
    X(xmpp_socket_tcp_nodelay, BOOLEAN, "xmpp.socket.tcp-nodelay", "xmpp.socket", "tcp-nodelay",   \
      "true", 0, 1, false, "TCP_NODELAY on connections.")                                          \
    X(xmpp_socket_keepalive, BOOLEAN, "xmpp.socket.keepalive", "xmpp.socket", "keepalive", "true", \
      0, 1, false, "SO_KEEPALIVE on connections.")                                                 \
    X(xmpp_socket_ssl_protocols, WORDS(CONFIG_PROTOCOL), "xmpp.socket.ssl.protocols",              \
      "xmpp.socket", "ssl.protocols", "TLSv1.2,TLSv1.3", 0, 0, false,                              \
      "The versions of TLS that are spoken.")                                                      \
    X(xmpp_socket_ssl_certificate_strict_validation, BOOLEAN,                                      \
      "xmpp.socket.ssl.certificate.strict-validation", "xmpp.socket",                              \
      "ssl.certificate.strict-validation", "true", 0, 1, false,                                    \
      "Is a server refused whose certificate is not valid (a server that we connect to, also one " \
      "whose "                                                                                     \
      "certificate is not for its domain)? false: it may still prove itself by dialback inside "   \
      "TLS.")                                                                                      \
    X(xmpp_socket_ssl_certificate_accept_selfsigned, BOOLEAN,                                      \
      "xmpp.socket.ssl.certificate.accept-selfsigned", "xmpp.socket",                              \
      "ssl.certificate.accept-selfsigned", "false", 0, 1, false,                                   \
      "May a certificate be self-signed? It proves nothing; dialback inside TLS is still asked "   \
      "for.")                                                                                      \
    X(xmpp_socket_ssl_certificate_verify_validity, BOOLEAN,                                        \
      "xmpp.socket.ssl.certificate.verify.validity", "xmpp.socket",                                \
      "ssl.certificate.verify.validity", "true", 0, 1, false,                                      \
      "Must the dates of certificates be right, also while a stream is up?")                       \
    X(xmpp_socket_ssl_certificate_verify_revocation, BOOLEAN,                                      \
      "xmpp.socket.ssl.certificate.verify.revocation", "xmpp.socket",                              \
      "ssl.certificate.verify.revocation", "false", 0, 1, false,                                   \
      "Is it checked, by the revocation lists and the OCSP response that a server sends with its " \
      "certificate, that a certificate was not revoked?")                                          \
    X(xmpp_socket_ssl_certificate_revocation_only_end_entity, BOOLEAN,                             \
      "xmpp.socket.ssl.certificate.revocation.only-end-entity", "xmpp.socket",                     \
      "ssl.certificate.revocation.only-end-entity", "false", 0, 1, false,                          \
      "Only for the server's own certificate, not for those that certify it?")                     \
    X(xmpp_socket_ssl_certificate_revocation_soft_fail, BOOLEAN,                                   \
      "xmpp.socket.ssl.certificate.revocation.soft-fail", "xmpp.socket",                           \
      "ssl.certificate.revocation.soft-fail", "false", 0, 1, false,                                \
      "Is a certificate good when neither a list nor a response tells?")                           \
    /* --- xmpp.auth */                                                                            \
    X(xmpp_auth_retries, NUMBER, "xmpp.auth.retries", "xmpp.auth", "retries", "3", 1, 100, false,  \
      "SASL attempts that may fail on a stream before it is closed.")                              \
    X(xmpp_auth_external_server_require_authzid, BOOLEAN,                                          \
      "xmpp.auth.external.server.require-authzid", "xmpp.auth", "external.server.require-authzid", \
      "false", 0, 1, false, "Must SASL EXTERNAL name the domain again?")                           \
    X(xmpp_auth_external_server_skip_sending_authzid, BOOLEAN,                                     \
      "xmpp.auth.external.server.skip-sending-authzid", "xmpp.auth",                               \
      "external.server.skip-sending-authzid", "false", 0, 1, false,                                \
      "Do we leave our own domain out of SASL EXTERNAL?")                                          \
    /* --- xmpp.parser */                                                                          \
    X(xmpp_parser_buffer_size, NUMBER, "xmpp.parser.buffer.size", "xmpp.parser", "buffer.size",    \
      "1048576", 10000, 268435456, false,                                                          \
      "Bytes of the largest stanza that we take (10000 is the least, RFC 6120 13.12).")            \
    /* --- xmpp.ratelimit */                                                                       \
    X(xmpp_ratelimit_newconnections_s2s_enabled, BOOLEAN,                                          \
      "xmpp.ratelimit.newconnections.s2s.enabled", "xmpp.ratelimit", "newconnections.s2s.enabled", \
      "false", 0, 1, false,                                                                        \
      "Is the number of new connections a second limited, from whatever address? s2s.limit has "   \
      "the limits for each network.")                                                              \
    X(xmpp_ratelimit_newconnections_s2s_permits_per_second, NUMBER,                                \
      "xmpp.ratelimit.newconnections.s2s.permits_per_second", "xmpp.ratelimit",                    \
      "newconnections.s2s.permits_per_second", "20", 1, 1000000, false, "So many a second.")       \
    X(xmpp_ratelimit_newconnections_s2s_max_burst, NUMBER,                                         \
      "xmpp.ratelimit.newconnections.s2s.max_burst", "xmpp.ratelimit",                             \
      "newconnections.s2s.max_burst", "50", 1, 1000000, false,                                     \
      "And so many at once after a quiet time.")                                                   \
    X(xmpp_ratelimit_newconnections_logging_suppress, NUMBER,                                      \
      "xmpp.ratelimit.newconnections.logging.suppress", "xmpp.ratelimit",                          \
      "newconnections.logging.suppress", "300000", 1, 2147483647, false,                           \
      "Milliseconds between two lines of the log about that.")                                     \
    /* --- network */                                                                              \
    X(network_interface, ADDRESS, "network.interface", "network", "interface", "", 0, 0, true,     \
      "The address we listen on; empty: all of this machine.")                                     \
    /* --- dnsutil */                                                                              \
    X(dnsutil_dnsOverride, STRING, "dnsutil.dnsOverride", "dnsutil", "dnsOverride", "", 0, 1000,   \
      false,                                                                                       \
      "Where domains are found without asking DNS: {example.net,127.0.0.2:5269},"                  \
      "{*.example.com,[::1]:5270}; * alone means every domain.")                                   \
    /* --- adminConsole */                                                                         \
    X(adminConsole_port, NUMBER, "adminConsole.port", "adminConsole", "port", "9090", 0, 65535,    \
      false,                                                                                       \
      "The port of the web console without TLS, for this machine only. 0: none. When it is taken " \
      "at the start, the server starts without it and warns.")                                     \
    X(adminConsole_securePort, NUMBER, "adminConsole.securePort", "adminConsole", "securePort",    \
      "9091", 0, 65535, false,                                                                     \
      "The port of the web console with TLS, by the certificate that other servers see. 0: none, " \
      "as it is without a certificate.")                                                           \
    X(adminConsole_interface, ADDRESS, "adminConsole.interface", "adminConsole", "interface",      \
      "127.0.0.1", 0, 0, false,                                                                    \
      "The address of both; empty: all of this machine. With other than a loopback address "       \
      "adminConsole.port must be 0.")                                                              \
    X(adminConsole_names, DOMAINS, "adminConsole.names", "adminConsole", "names", "", 0, 1000,     \
      false,                                                                                       \
      "The names by which browsers may reach it, with commas between them, beside localhost, "     \
      "addresses, the name of this machine, and the domains that we serve.")                       \
    /* --- s2s: our own */                                                                         \
    X(s2s_home, STRING, "s2s.home", "s2s", "home", "./var", 1, 900, false,                         \
      "The directory of what we keep: the dialback secret, remote-servers.conf, and "              \
      "settings.conf, whose settings win over these.")                                             \
    X(s2s_domains, DOMAINS, "s2s.domains", "s2s", "domains", "", 0, 1000, false,                   \
      "Further domains served like xmpp.domain, with commas between them.")                        \
    X(s2s_dns_server, STRING, "s2s.dns.server", "s2s", "dns.server", "", 0, 1000, false,           \
      "The name servers to ask: address or address@port, with commas between them; empty: those "  \
      "of the system.")                                                                            \
    X(s2s_dns_timeout, NUMBER, "s2s.dns.timeout", "s2s", "dns.timeout", "5000", 1, 600000, false,  \
      "Milliseconds for one look-up.")                                                             \
    X(s2s_dns_trust_anchor, STRING, "s2s.dns.trust-anchor", "s2s", "dns.trust-anchor",             \
      "/usr/share/dns/root.key", 0, 1000, false,                                                   \
      "The keys from which DNSSEC is checked (zone file form; Debian: dns-root-data). Empty, or "  \
      "no such "                                                                                   \
      "file: nothing in the DNS counts as secure.")                                                \
    X(s2s_dane_enabled, BOOLEAN, "s2s.dane.enabled", "s2s", "dane.enabled", "true", 0, 1, false,   \
      "May secure TLSA records decide over the certificate of a server that we connect to (RFC "   \
      "7673)?")                                                                                    \
    X(s2s_dialback_certificate, BOOLEAN, "s2s.dialback.certificate", "s2s",                        \
      "dialback.certificate", "true", 0, 1, false,                                                 \
      "Is a domain that asks for dialback believed at once when its certificate proves it "        \
      "(XEP-0344)?")                                                                               \
    X(s2s_upstream_socket_port, NUMBER, "s2s.upstream.socket.port", "s2s", "upstream.socket.port", \
      "5268", 1, 65535, false,                                                                     \
      "The private port where the servers behind us find all remote domains. Open while there is " \
      "a section "                                                                                 \
      "[upstream DOMAIN] with host, port, domains, address, tls.")                                 \
    X(s2s_upstream_interface, ADDRESS, "s2s.upstream.interface", "s2s", "upstream.interface",      \
      "127.0.0.1", 0, 0, true, "The address of that port; empty: all of this machine.")            \
    X(s2s_negotiation_timeout, NUMBER, "s2s.negotiation.timeout", "s2s", "negotiation.timeout",    \
      "60000", 1, 3600000, false,                                                                  \
      "Milliseconds from accept until the first domain has proved itself.")                        \
    X(s2s_negotiation_bytes, NUMBER, "s2s.negotiation.bytes", "s2s", "negotiation.bytes", "65536", \
      1024, 268435456, false, "Bytes of the largest element before that.")                         \
    X(s2s_negotiation_total, NUMBER, "s2s.negotiation.total", "s2s", "negotiation.total",          \
      "1048576", 4096, 1073741824, false, "Bytes of all that is read before that.")                \
    X(s2s_negotiation_verifications, NUMBER, "s2s.negotiation.verifications", "s2s",               \
      "negotiation.verifications", "16", 1, 10000, false,                                          \
      "Verifications that may be pending on one stream.")                                          \
    X(s2s_domains_per_stream, NUMBER, "s2s.domains.per.stream", "s2s", "domains.per.stream",       \
      "1000", 1, 1000000, false, "Pairs of domains that may prove themselves on one stream.")      \
    X(s2s_unauthenticated_max, NUMBER, "s2s.unauthenticated.max", "s2s", "unauthenticated.max",    \
      "2000", 1, 1000000, false,                                                                   \
      "Strangers at once: incoming connections on which nothing is proved yet. When all places "   \
      "are taken, a newcomer gets that of the oldest one of the network that has most.")           \
    X(s2s_unauthenticated_threads, NUMBER, "s2s.unauthenticated.threads", "s2s",                   \
      "unauthenticated.threads", "0", 0, 10000, false,                                             \
      "So many of their threads work at once, while the others wait their turn; 0: one for each "  \
      "processor. A flood of them then leaves the other streams their share.")                     \
    X(s2s_unauthenticated_bytes, NUMBER, "s2s.unauthenticated.bytes", "s2s",                       \
      "unauthenticated.bytes", "67108864", 65536, 2147483647, false,                               \
      "Bytes that all strangers together may have sent. Beyond that the one that sent most is "    \
      "ended.")                                                                                    \
    X(s2s_unauthenticated_verifications, NUMBER, "s2s.unauthenticated.verifications", "s2s",       \
      "unauthenticated.verifications", "500", 1, 1000000, false,                                   \
      "Verifications under way that strangers caused, each a look-up and a connection of ours.")   \
    X(s2s_unauthenticated_setups, NUMBER, "s2s.unauthenticated.setups", "s2s",                     \
      "unauthenticated.setups", "25", 1, 10000, false,                                             \
      "Outgoing sessions being set up at once for those, out of "                                  \
      "xmpp.server.outgoing.max.threads.")                                                         \
    X(s2s_limit_connections_per_address, NUMBER, "s2s.limit.connections-per-address", "s2s",       \
      "limit.connections-per-address", "1000", 0, 1000000, false,                                  \
      "Incoming connections at once from one address; 0: no limit, as with the five that follow.") \
    X(s2s_limit_connections_per_network, NUMBER, "s2s.limit.connections-per-network", "s2s",       \
      "limit.connections-per-network", "2000", 0, 1000000, false, "The same from one network.")    \
    X(s2s_limit_strangers_per_address, NUMBER, "s2s.limit.strangers-per-address", "s2s",           \
      "limit.strangers-per-address", "200", 0, 1000000, false,                                     \
      "Those of them on which nothing is proved yet, of one address.")                             \
    X(s2s_limit_strangers_per_network, NUMBER, "s2s.limit.strangers-per-network", "s2s",           \
      "limit.strangers-per-network", "400", 0, 1000000, false, "The same of one network.")         \
    X(s2s_limit_verifications_per_network, NUMBER, "s2s.limit.verifications-per-network", "s2s",   \
      "limit.verifications-per-network", "50", 0, 1000000, false,                                  \
      "Verifications under way that strangers of one network caused.")                             \
    X(s2s_limit_connections_per_second, NUMBER, "s2s.limit.connections-per-second", "s2s",         \
      "limit.connections-per-second", "50", 0, 1000000, false,                                     \
      "New connections a second from one network.")                                                \
    X(s2s_limit_connections_burst, NUMBER, "s2s.limit.connections-burst", "s2s",                   \
      "limit.connections-burst", "500", 1, 1000000, false,                                         \
      "And so many at once after a quiet time.")                                                   \
    X(s2s_limit_network_ipv4_bits, NUMBER, "s2s.limit.network-ipv4-bits", "s2s",                   \
      "limit.network-ipv4-bits", "24", 1, 32, false,                                               \
      "How many bits of an IPv4 address are its network.")                                         \
    X(s2s_limit_network_ipv6_bits, NUMBER, "s2s.limit.network-ipv6-bits", "s2s",                   \
      "limit.network-ipv6-bits", "64", 1, 128, false, "The same of an IPv6 address.")              \
    X(s2s_limit_exempt, NETWORKS, "s2s.limit.exempt", "s2s", "limit.exempt",                       \
      "127.0.0.0/8,::1/128", 0, 1000, false,                                                       \
      "Addresses and networks from which connections are neither strangers nor counted by "        \
      "address or network.")                                                                       \
    X(s2s_limit_streams_per_domain, NUMBER, "s2s.limit.streams-per-domain", "s2s",                 \
      "limit.streams-per-domain", "20", 0, 1000000, false,                                         \
      "Incoming streams at once on which the same domain is proved to the same domain of ours; "   \
      "0: any number.")                                                                            \
    X(s2s_limit_stanzas_per_second, NUMBER, "s2s.limit.stanzas-per-second", "s2s",                 \
      "limit.stanzas-per-second", "0", 0, 1000000000, false,                                       \
      "Stanzas a second of a remote domain, over all its streams and with twice as many at once. " \
      "Whoever sends more waits, nothing is dropped; 0: any number.")                              \
    X(s2s_limit_bytes_per_second, NUMBER, "s2s.limit.bytes-per-second", "s2s",                     \
      "limit.bytes-per-second", "0", 0, 1000000000, false,                                         \
      "The same of the bytes of its stanzas.")                                                     \
    X(s2s_limit_exempt_domains, DOMAINS, "s2s.limit.exempt-domains", "s2s",                        \
      "limit.exempt-domains", "", 0, 1000, false, "Domains to which these three do not apply.")    \
    X(s2s_xml_depth, NUMBER, "s2s.xml.depth", "s2s", "xml.depth", "128", 8, 1024, false,           \
      "Levels of elements inside a stanza.")                                                       \
    X(s2s_xml_elements, NUMBER, "s2s.xml.elements", "s2s", "xml.elements", "20000", 16, 10000000,  \
      false, "Elements of one stanza.")                                                            \
    X(s2s_xml_attributes, NUMBER, "s2s.xml.attributes", "s2s", "xml.attributes", "256", 8, 10000,  \
      false, "Attributes of one element.")                                                         \
    X(s2s_xml_namespaces, NUMBER, "s2s.xml.namespaces", "s2s", "xml.namespaces", "64", 4, 10000,   \
      false, "Namespaces declared on one element.")                                                \
    X(s2s_connections_max, NUMBER, "s2s.connections.max", "s2s", "connections.max", "20000", 1,    \
      1000000, false, "Incoming connections at once.")                                             \
    X(s2s_stack_size, NUMBER, "s2s.stack.size", "s2s", "stack.size", "262144", 65536, 67108864,    \
      false, "Bytes of stack of a connection's thread.")                                           \
    X(s2s_queue_bytes, NUMBER, "s2s.queue.bytes", "s2s", "queue.bytes", "1048576", 4096,           \
      1073741824, false, "Unsent bytes of one connection before those who send to it must wait.")  \
    X(s2s_queue_age, NUMBER, "s2s.queue.age", "s2s", "queue.age", "120000", 1000, 86400000, false, \
      "Milliseconds that a stanza may wait for its session before it comes back.")                 \
    X(s2s_keepalive_interval, NUMBER, "s2s.keepalive.interval", "s2s", "keepalive.interval",       \
      "300000", 0, 86400000, false,                                                                \
      "Milliseconds after which a blank is sent on a quiet outgoing stream; 0: never.")            \
    X(s2s_retry_first, NUMBER, "s2s.retry.first", "s2s", "retry.first", "1000", 1, 3600000, false, \
      "Milliseconds before the next attempt to reach a domain after the first that failed; the "   \
      "pause grows with each further one.")                                                        \
    X(s2s_retry_max, NUMBER, "s2s.retry.max", "s2s", "retry.max", "300000", 1, 86400000, false,    \
      "Milliseconds that this pause can grow to.")                                                 \
    X(s2s_timeline_kept, NUMBER, "s2s.timeline.kept", "s2s", "timeline.kept", "3", 0, 20, false,   \
      "How many of its last successes and failures are kept of each domain and direction, step "   \
      "by step; 0: none.")                                                                         \
    X(s2s_timeline_bytes, NUMBER, "s2s.timeline.bytes", "s2s", "timeline.bytes", "8388608", 65536, \
      1073741824, false,                                                                           \
      "Bytes of memory for those of domains that were proved, and as many for those of all "       \
      "others.")                                                                                   \
    X(s2s_shutdown_timeout, NUMBER, "s2s.shutdown.timeout", "s2s", "shutdown.timeout", "5000", 0,  \
      600000, false, "Milliseconds that open streams have to end when the program ends.")          \
    X(s2s_contact_abuse, STRING, "s2s.contact.abuse", "s2s", "contact.abuse", "", 0, 1000, false,  \
      "Contact addresses that others can look up (XEP-0157): URIs such as "                        \
      "xmpp:abuse@example.org, with commas between them.")                                         \
    X(s2s_contact_admin, STRING, "s2s.contact.admin", "s2s", "contact.admin", "", 0, 1000, false,  \
      "The same, for the administrator.")                                                          \
    X(s2s_contact_feedback, STRING, "s2s.contact.feedback", "s2s", "contact.feedback", "", 0,      \
      1000, false, "The same, for feedback.")                                                      \
    X(s2s_contact_sales, STRING, "s2s.contact.sales", "s2s", "contact.sales", "", 0, 1000, false,  \
      "The same, for sales.")                                                                      \
    X(s2s_contact_security, STRING, "s2s.contact.security", "s2s", "contact.security", "", 0,      \
      1000, false, "The same, for security matters.")                                              \
    X(s2s_contact_status, STRING, "s2s.contact.status", "s2s", "contact.status", "", 0, 1000,      \
      false, "The same, for where the state of the service is shown.")                             \
    X(s2s_contact_support, STRING, "s2s.contact.support", "s2s", "contact.support", "", 0, 1000,   \
      false, "The same, for support.")                                                             \
    X(s2s_services_disabled, WORDS(CONFIG_SERVICE), "s2s.services.disabled", "s2s",                \
      "services.disabled", "", 0, 0, false, "Services on our domain that are switched off.")       \
    X(s2s_metrics_port, NUMBER, "s2s.metrics.port", "s2s", "metrics.port", "0", 0, 65535, false,   \
      "The port where Prometheus can fetch the numbers of this program, as /metrics. 0: none.")    \
    X(s2s_metrics_address, ADDRESS, "s2s.metrics.address", "s2s", "metrics.address", "127.0.0.1",  \
      0, 0, false,                                                                                 \
      "The address of that port; empty: all of this machine. Without a token only a loopback "     \
      "address is taken.")                                                                         \
    X(s2s_metrics_token, SECRET, "s2s.metrics.token", "s2s", "metrics.token", "", 0, 900, false,   \
      "What who fetches them must show (a bearer token). Empty: nothing.")                         \
    X(s2s_log_level, CHOICE(CONFIG_LOG_LEVEL), "s2s.log.level", "s2s", "log.level", "info", 0, 0,  \
      false, "The least important kind of line that is logged.")                                   \
    X(s2s_log_wire, BOOLEAN, "s2s.log.wire", "s2s", "log.wire", "false", 0, 1, false,              \
      "Log, at level debug, the very bytes of all streams? Dialback keys are shown: for study.")

/* The C type of each type of row */
#define CONFIG_C_STRING char *
#define CONFIG_C_SECRET char *
#define CONFIG_C_DOMAIN char *
#define CONFIG_C_DOMAINS char *
#define CONFIG_C_ADDRESS char *
#define CONFIG_C_NETWORKS char *
#define CONFIG_C_WORDS(set) char *
#define CONFIG_C_BOOLEAN bool
#define CONFIG_C_NUMBER int64_t
#define CONFIG_C_CHOICE(set) CONFIG_C_ENUM_##set
#define CONFIG_C_ENUM_CONFIG_PERMISSION enum config_permission
#define CONFIG_C_ENUM_CONFIG_LOG_LEVEL enum config_log_level
#define CONFIG_C_ENUM_CONFIG_TLS_POLICY enum config_tls_policy
#define CONFIG_C_ENUM_CONFIG_CERT_POLICY enum config_cert_policy

#define CONFIG_FIELD(field, type, property, section, key, text, min, max, restart, help) \
    CONFIG_C_##type field;
#define CONFIG_FIELDS PROPERTIES(CONFIG_FIELD)

#endif
