/* xmlns - the namespace names of the protocols spoken here (header only) */
#ifndef XML_XMLNS_H
#define XML_XMLNS_H

#define XMLNS_STREAM "http://etherx.jabber.org/streams" /* RFC 6120 4.8.1 */
#define XMLNS_SERVER "jabber:server"                    /* RFC 6120 4.8.3 */
#define XMLNS_CLIENT "jabber:client"
#define XMLNS_COMPONENT_ACCEPT "jabber:component:accept"          /* XEP-0114 */
#define XMLNS_DIALBACK "jabber:server:dialback"                   /* XEP-0220 2 */
#define XMLNS_DIALBACK_FEATURE "urn:xmpp:features:dialback"       /* XEP-0220 2.4.2 */
#define XMLNS_STREAM_ERRORS "urn:ietf:params:xml:ns:xmpp-streams" /* RFC 6120 4.9 */
#define XMLNS_STANZA_ERRORS "urn:ietf:params:xml:ns:xmpp-stanzas" /* RFC 6120 8.3 */
#define XMLNS_TLS "urn:ietf:params:xml:ns:xmpp-tls"               /* RFC 6120 5 */
#define XMLNS_SASL "urn:ietf:params:xml:ns:xmpp-sasl"             /* RFC 6120 6 */
#define XMLNS_LIMITS "urn:xmpp:stream-limits:0"                   /* XEP-0478 */
#define XMLNS_XML "http://www.w3.org/XML/1998/namespace"
#define XMLNS_PING "urn:xmpp:ping"                               /* XEP-0199 */
#define XMLNS_VERSION "jabber:iq:version"                        /* XEP-0092 */
#define XMLNS_TIME "urn:xmpp:time"                               /* XEP-0202 */
#define XMLNS_LAST "jabber:iq:last"                              /* XEP-0012 */
#define XMLNS_DISCO_INFO "http://jabber.org/protocol/disco#info" /* XEP-0030 */
#define XMLNS_DISCO_ITEMS "http://jabber.org/protocol/disco#items"
#define XMLNS_DATA_FORM "jabber:x:data"                          /* XEP-0004 */
#define XMLNS_SERVER_INFO "http://jabber.org/network/serverinfo" /* XEP-0157 */

#endif
