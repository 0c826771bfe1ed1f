/* failure - why two servers can not talk, in one word: at which step, on whose side, and what to change
 *
 * Openfire: none; its FailedOutgoingServerSessionAttempt keeps sentences only. One row for each cause in FAILURES below: what
 * decides (session/, server/) notes the cause in its timeline, and all that is told of it comes from the row. In a remedy
 * {domain} stands for the other domain. Pure; any thread.
 */
#ifndef SERVER_FAILURE_H
#define SERVER_FAILURE_H

#include "xml/text.h"

/* The steps in the order in which a stream takes them: of two causes on one timeline the later step counts, since the other side
 * got further there. What somebody has decided counts most. */
#define FAILURE_STEPS(S)                       \
    S(STEP_NONE, "none")                       \
    S(STEP_DNS, "dns")                         \
    S(STEP_CONNECT, "connect")                 \
    S(STEP_STREAM, "stream")                   \
    S(STEP_FEATURES, "features")               \
    S(STEP_TLS, "tls")                         \
    S(STEP_CERTIFICATE, "certificate")         \
    S(STEP_SASL, "sasl")                       \
    S(STEP_DIALBACK_KEY, "dialback-key")       \
    S(STEP_DIALBACK_ANSWER, "dialback-answer") \
    S(STEP_PING, "ping")                       \
    S(STEP_LIMIT, "limit")                     \
    S(STEP_POLICY, "policy")

#define FAILURE_SIDES(S)                                                \
    S(SIDE_NOBODY, "nobody")                                            \
    S(SIDE_OURS, "ours")                                                \
    S(SIDE_THEIRS, "theirs")                                            \
    S(SIDE_NETWORK, "network") /* between us; either may have to act */ \
    S(SIDE_DNS, "dns")         /* what the DNS says of the other domain, or does not say */

#define FAILURES(F)                                                                                \
    F(FAILURE_NONE, "none", STEP_NONE, SIDE_NOBODY, "nothing need be changed")                     \
    F(FAILURE_OTHER, "other", STEP_NONE, SIDE_NOBODY, "the steps of the attempt tell more")        \
    /* DNS */                                                                                      \
    F(FAILURE_DNS_NO_SERVER, "no-server", STEP_DNS, SIDE_DNS,                                      \
      "the DNS says that {domain} has no XMPP server; if it has one, they must correct their SRV " \
      "records")                                                                                   \
    F(FAILURE_DNS_NO_ADDRESS, "no-address", STEP_DNS, SIDE_DNS,                                    \
      "is {domain} spelt right? Then they must publish SRV records (_xmpp-server._tcp.{domain}) "  \
      "whose hosts have addresses")                                                                \
    F(FAILURE_DNS_NO_SRV, "no-srv", STEP_DNS, SIDE_DNS,                                            \
      "they must publish an SRV record _xmpp-server._tcp.{domain} that names their server; until " \
      "then, a row [{domain}] with remotePort, or {{domain},host:port} in dnsutil.dnsOverride, "   \
      "can say it here")                                                                           \
    F(FAILURE_DNS_SILENT, "dns-silent", STEP_DNS, SIDE_DNS,                                        \
      "see whether the name servers of s2s.dns.server answer for other domains; if so, those of "  \
      "{domain} are down")                                                                         \
    F(FAILURE_DNS_BOGUS, "dns-bogus", STEP_DNS, SIDE_DNS,                                          \
      "the DNSSEC signatures of {domain} do not hold; they must sign their zone anew")             \
    F(FAILURE_OVERRIDE_CIRCLE, "override-circle", STEP_DNS, SIDE_OURS,                             \
      "correct dnsutil.dnsOverride: its entries for {domain} lead to each other")                  \
    F(FAILURE_OUR_OWN_ADDRESS, "our-own-address", STEP_CONNECT, SIDE_OURS,                         \
      "what is found for {domain} is this very server: serve it here (s2s.domains), or correct "   \
      "its DNS records or the override")                                                           \
    /* TCP */                                                                                      \
    F(FAILURE_REFUSED, "connection-refused", STEP_CONNECT, SIDE_THEIRS,                            \
      "nothing listens there: their server is down, or the port in their SRV record is wrong")     \
    F(FAILURE_WRONG_PORT_HERE, "wrong-port-here", STEP_CONNECT, SIDE_OURS,                         \
      "the port comes from our own settings: correct the row's remotePort or dnsutil.dnsOverride " \
      "for {domain}")                                                                              \
    F(FAILURE_UNREACHABLE, "unreachable", STEP_CONNECT, SIDE_NETWORK,                              \
      "the host is dead, or a firewall drops what we send: they must see to it that the port is "  \
      "open, we that we may connect out")                                                          \
    F(FAILURE_BROKE, "connection-broke", STEP_STREAM, SIDE_NETWORK,                                \
      "try again; if it breaks each time, something between the two servers cuts the connection")  \
    /* the stream */                                                                               \
    F(FAILURE_NOT_XMPP, "not-xmpp", STEP_STREAM, SIDE_THEIRS,                                      \
      "what listens there is no XMPP server for servers: the port in their SRV record is wrong")   \
    F(FAILURE_NO_HEADER, "no-header", STEP_STREAM, SIDE_THEIRS,                                    \
      "their server takes the connection and says nothing: it hangs, or the port is no XMPP "      \
      "server's")                                                                                  \
    F(FAILURE_BAD_STREAM, "bad-stream", STEP_STREAM, SIDE_THEIRS,                                  \
      "their server breaks the rules of XMPP there; its administrator must see to it")             \
    F(FAILURE_ENDED, "stream-ended", STEP_STREAM, SIDE_THEIRS,                                     \
      "they ended the stream without a reason; their log must tell it")                            \
    F(FAILURE_STREAM_ERROR, "stream-error", STEP_STREAM, SIDE_THEIRS,                              \
      "their server ended the stream with this error; its log must tell why")                      \
    F(FAILURE_NOT_SERVED_THERE, "not-served-there", STEP_STREAM, SIDE_THEIRS,                      \
      "the server that the DNS names does not serve {domain}: they must add it there, or correct " \
      "the records")                                                                               \
    F(FAILURE_NOT_SERVED_HERE, "not-served-here", STEP_STREAM, SIDE_OURS,                          \
      "they ask for a domain that is not served here: add it to s2s.domains, or take its DNS "     \
      "records off this server")                                                                   \
    /* features */                                                                                 \
    F(FAILURE_NO_FEATURES, "no-features", STEP_FEATURES, SIDE_THEIRS,                              \
      "their server says 1.0 and sends no stream features; its administrator must see to it")      \
    F(FAILURE_NO_WAY_OFFERED, "no-way-offered", STEP_FEATURES, SIDE_THEIRS,                        \
      "they must offer server dialback, or SASL EXTERNAL and trust our certificate")               \
    F(FAILURE_DIALBACK_OFF_HERE, "dialback-off-here", STEP_FEATURES, SIDE_OURS,                    \
      "set xmpp.server.dialback.enabled = true; or certificates must prove both sides")            \
    F(FAILURE_NOTHING_PROVED, "nothing-proved", STEP_FEATURES, SIDE_THEIRS,                        \
      "they connect and then do not authenticate: their log must tell what they miss among what "  \
      "is offered here")                                                                           \
    F(FAILURE_UNPROVED_STANZA, "unproved-stanza", STEP_FEATURES, SIDE_THEIRS,                      \
      "their server sends stanzas for which no domain of its was proved; its administrator must "  \
      "see to it")                                                                                 \
    /* TLS */                                                                                      \
    F(FAILURE_TLS_MISSING, "tls-missing", STEP_TLS, SIDE_THEIRS,                                   \
      "they must switch on TLS; until then, a row [{domain}] with security = dialback would take " \
      "them unencrypted")                                                                          \
    F(FAILURE_TLS_OFF_HERE, "tls-off-here", STEP_TLS, SIDE_OURS,                                   \
      "they demand TLS: xmpp.server.tls.policy must be optional or required here, and "            \
      "xmpp.server.certificate.file not none")                                                     \
    F(FAILURE_TLS_REFUSED, "tls-refused", STEP_TLS, SIDE_THEIRS,                                   \
      "they offer STARTTLS and then refuse it: their certificate or key is not in order")          \
    F(FAILURE_TLS_VERSION, "tls-version", STEP_TLS, SIDE_THEIRS,                                   \
      "we have no version or cipher in common: they must speak TLS 1.2 or 1.3 as RFC 9325 says")   \
    F(FAILURE_NOT_TLS, "not-tls", STEP_TLS, SIDE_THEIRS,                                           \
      "that port does not speak TLS: their _xmpps-server SRV record is wrong")                     \
    F(FAILURE_TLS_FAILED, "tls-failed", STEP_TLS, SIDE_THEIRS,                                     \
      "the handshake breaks on their side; their log must tell why")                               \
    /* certificates */                                                                             \
    F(FAILURE_CERTIFICATE_EXPIRED, "certificate-expired", STEP_CERTIFICATE, SIDE_THEIRS,           \
      "they must renew their certificate; until then, a row [{domain}] with security = dialback "  \
      "lets dialback prove them")                                                                  \
    F(FAILURE_CERTIFICATE_NOT_YET, "certificate-not-yet-valid", STEP_CERTIFICATE, SIDE_THEIRS,     \
      "their certificate is not valid yet; is the clock right, here and there?")                   \
    F(FAILURE_CERTIFICATE_NAME, "certificate-name", STEP_CERTIFICATE, SIDE_THEIRS,                 \
      "they must show a certificate that is for {domain}; until then, a row [{domain}] with "      \
      "security = dialback lets dialback prove them")                                              \
    F(FAILURE_CERTIFICATE_UNTRUSTED, "certificate-untrusted", STEP_CERTIFICATE, SIDE_THEIRS,       \
      "they must send the whole chain up to an authority that is known here; or add theirs to "    \
      "xmpp.server.certificate.trust, or let dialback prove them (a row [{domain}] with security " \
      "= dialback)")                                                                               \
    F(FAILURE_CERTIFICATE_SELFSIGNED, "certificate-selfsigned", STEP_CERTIFICATE, SIDE_THEIRS,     \
      "they must get a certificate of a known authority; or let dialback prove them (a row "       \
      "[{domain}] with security = dialback)")                                                      \
    F(FAILURE_CERTIFICATE_REVOKED, "certificate-revoked", STEP_CERTIFICATE, SIDE_THEIRS,           \
      "their certificate was revoked, or nothing tells whether it was: they must get a new one")   \
    F(FAILURE_CERTIFICATE_DANE, "certificate-dane", STEP_CERTIFICATE, SIDE_THEIRS,                 \
      "their TLSA records are not about the certificate that they show: they must correct one of " \
      "the two")                                                                                   \
    F(FAILURE_CERTIFICATE_MISSING, "certificate-missing", STEP_CERTIFICATE, SIDE_THEIRS,           \
      "a certificate is demanded of them here, and they show none: xmpp.server.cert.policy or "    \
      "the row [{domain}] says so")                                                                \
    F(FAILURE_CERTIFICATE_INVALID, "certificate-invalid", STEP_CERTIFICATE, SIDE_THEIRS,           \
      "they must correct their certificate; until then, a row [{domain}] with security = dialback" \
      " lets dialback prove them")                                                                 \
    F(FAILURE_TLSA_SILENT, "tlsa-silent", STEP_CERTIFICATE, SIDE_DNS,                              \
      "their DNS is secured and does not say which certificate is right: they must repair it; "    \
      "s2s.dane.enabled = false would go without")                                                 \
    F(FAILURE_OUR_CERTIFICATE, "our-certificate", STEP_CERTIFICATE, SIDE_OURS,                     \
      "they do not take our certificate: it must be in date, for our domain, of an authority that" \
      " they know, with its whole chain (xmpp.server.certificate.file)")                           \
    /* SASL EXTERNAL */                                                                            \
    F(FAILURE_EXTERNAL_REFUSED, "external-refused", STEP_SASL, SIDE_OURS,                          \
      "they do not let our certificate prove us: it must be for our domain and of an authority "   \
      "that they know (xmpp.server.certificate.file)")                                             \
    F(FAILURE_EXTERNAL_SILENT, "external-silent", STEP_SASL, SIDE_THEIRS,                          \
      "they offer SASL EXTERNAL and do not answer it; their log must tell why")                    \
    F(FAILURE_EXTERNAL_WRONG, "external-wrong", STEP_SASL, SIDE_THEIRS,                            \
      "they ask for SASL EXTERNAL in a way that can't be granted; their administrator must see "   \
      "to it")                                                                                     \
    /* dialback */                                                                                 \
    F(FAILURE_OUR_KEY_DENIED, "dialback-invalid", STEP_DIALBACK_KEY, SIDE_OURS,                    \
      "they asked about our key and were told it is not ours: the SRV records of our domain must " \
      "lead to this server, and all our servers share one xmpp.server.dialback.secret")            \
    F(FAILURE_THEIR_KEY_DENIED, "dialback-key-denied", STEP_DIALBACK_KEY, SIDE_THEIRS,             \
      "their authoritative server does not know the key: their servers must share one secret; or " \
      "somebody else uses their name")                                                             \
    F(FAILURE_DIALBACK_NOT_ASKED, "dialback-timeout", STEP_DIALBACK_ANSWER, SIDE_NETWORK,          \
      "they did not ask this server about our key, nor answer: can they reach us? The SRV records" \
      " of our domain must lead here, and the port be open; else their log must tell")             \
    F(FAILURE_DIALBACK_SILENT, "dialback-silent", STEP_DIALBACK_ANSWER, SIDE_THEIRS,               \
      "they asked about our key, were told that it is valid, and did not answer; their log must "  \
      "tell why")                                                                                  \
    F(FAILURE_DIALBACK_NO_WAY_BACK, "dialback-no-way-back", STEP_DIALBACK_ANSWER, SIDE_OURS,       \
      "they can't reach this server to ask about our key: the SRV records of our domain must lead" \
      " here, and the port be open")                                                               \
    F(FAILURE_DIALBACK_ERROR, "dialback-error", STEP_DIALBACK_ANSWER, SIDE_THEIRS,                 \
      "they answer our dialback with this error; their log must tell why")                         \
    F(FAILURE_DIALBACK_UNVERIFIED, "dialback-unverified", STEP_DIALBACK_ANSWER, SIDE_THEIRS,       \
      "their authoritative server could not be asked about the key: see the way out to {domain}")  \
    /* afterwards */                                                                               \
    F(FAILURE_PING_SILENT, "ping-silent", STEP_PING, SIDE_THEIRS,                                  \
      "they let us in, and their answer does not come: see their way in to us")                    \
    F(FAILURE_PING_ERROR, "ping-error", STEP_PING, SIDE_THEIRS,                                    \
      "the streams work; what comes back is this error")                                           \
    /* limits and decisions */                                                                     \
    F(FAILURE_LIMIT_HERE, "limit-here", STEP_LIMIT, SIDE_OURS,                                     \
      "a limit of ours was reached: raise the setting if this is no attack")                       \
    F(FAILURE_LIMIT_THERE, "limit-there", STEP_LIMIT, SIDE_THEIRS,                                 \
      "a limit of theirs was reached; try again later")                                            \
    F(FAILURE_SETTINGS, "settings", STEP_POLICY, SIDE_OURS,                                        \
      "the settings that are named leave no way: correct them")                                    \
    F(FAILURE_BLOCKED_THERE, "blocked-there", STEP_POLICY, SIDE_THEIRS,                            \
      "they do not want to talk to our domain: their administrator must allow it")                 \
    F(FAILURE_BLOCKED_HERE, "blocked-here", STEP_POLICY, SIDE_OURS,                                \
      "give it a row of its own in remote-servers.conf: [{domain}] permission = allowed")

#define FAILURE_ENUM(value, ...) value,
enum failure_step { FAILURE_STEPS(FAILURE_ENUM) };
enum failure_side { FAILURE_SIDES(FAILURE_ENUM) };
enum failure { FAILURES(FAILURE_ENUM) };
#undef FAILURE_ENUM

const char *failure_word(enum failure failure); /* "certificate-expired" */
enum failure_step failure_step(enum failure failure);
enum failure_side failure_side(enum failure failure);
const char *failure_step_word(enum failure_step step); /* "certificate" */
const char *failure_side_word(enum failure_side side); /* "theirs" */
/* failure_remedy - append what to change, with the other domain's name in it; nothing for FAILURE_NONE */
void failure_remedy(enum failure failure, const char *domain, struct text *out);

#endif
