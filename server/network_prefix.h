/* network_prefix - an address of either family, or the network that it is in
 *
 * A value of 16 bytes and the number of those bits that count; the bits behind are zero. IPv4 stands as it is mapped into IPv6
 * (::ffff:0:0/96), so a peer that reaches us through a socket of either family is the same one, and so is one behind a translator
 * with the well-known prefix 64:ff9b::/96 (RFC 6052). Pure: no locks, no system calls.
 */
#ifndef SERVER_NETWORK_PREFIX_H
#define SERVER_NETWORK_PREFIX_H

#include <stdbool.h>
#include <sys/socket.h>

#include "xml/text.h"

struct network_prefix {
    unsigned char bytes[16];
    unsigned bits; /* 0 to 128; of an IPv4 network 96 more than it is written with */
};

/* network_prefix_of - the network of an address: its first `bits4` (0 to 32) or `bits6` (0 to 128) bits. Of another family than
 * these two: a prefix that is equal to all others of its kind. */
struct network_prefix network_prefix_of(const struct sockaddr *address, unsigned bits4,
                                        unsigned bits6);
/* network_prefix_parse - "192.0.2.0/24", "2001:db8::/32", or an address alone; bits behind the prefix are dropped. False when it is
 * none of these; then `*prefix` is not touched. */
bool network_prefix_parse(const char *text, size_t length, struct network_prefix *prefix);
bool network_prefix_equals(const struct network_prefix *a, const struct network_prefix *b);
/* network_prefix_contains - is `inner` all inside of `outer`? */
bool network_prefix_contains(const struct network_prefix *outer,
                             const struct network_prefix *inner);
/* network_prefix_write - append it as it is written; a whole address without the number of bits */
void network_prefix_write(const struct network_prefix *prefix, struct text *out);

#endif
