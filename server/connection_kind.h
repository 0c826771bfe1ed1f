/* connection_kind - the listeners, and what speaks on their connections (header only)
 *
 * Openfire: ConnectionType, and its "direct TLS" switch.
 */
#ifndef SERVER_CONNECTION_KIND_H
#define SERVER_CONNECTION_KIND_H

enum connection_kind {
    CONNECTION_SERVER,     /* another server; TLS by STARTTLS */
    CONNECTION_SERVER_SSL, /* another server; TLS begins with the first byte (XEP-0368) */
    CONNECTION_COMPONENT,  /* a component (XEP-0114) */
    CONNECTION_UPSTREAM    /* a server behind us, on the private port */
};

#endif
