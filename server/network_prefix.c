/* SPDX-License-Identifier: Apache-2.0 */
/* network_prefix - an address of either family, or the network that it is in
 *
 * All is done on 16 bytes; that some of them are IPv4 matters only where a number of bits is said or written.
 */
#include "server/network_prefix.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define V4_BITS 96 /* before an IPv4 address */

static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const unsigned char translated[12] = {0, 0x64, 0xff, 0x9b};

static bool is_ipv4(const struct network_prefix *prefix)
{
    return prefix->bits >= V4_BITS && memcmp(prefix->bytes, mapped, sizeof mapped) == 0;
}

/* cut - keep the first `bits`, clear the rest */
static void cut(struct network_prefix *prefix, unsigned bits)
{
    prefix->bits = bits;
    for (unsigned i = 0; i < sizeof prefix->bytes; i++) {
        unsigned left = bits > 8 * i ? bits - 8 * i : 0;
        if (left < 8)
            prefix->bytes[i] &= (unsigned char)(0xff00u >> left);
    }
}

/* set_address - all 128 bits of `bytes`, an IPv6 address; a translated one becomes the IPv4 address that it stands for */
static void set_address(struct network_prefix *prefix, const void *bytes)
{
    memcpy(prefix->bytes, bytes, sizeof prefix->bytes);
    prefix->bits = 128;
    if (memcmp(prefix->bytes, translated, sizeof translated) == 0)
        memcpy(prefix->bytes, mapped, sizeof mapped);
}

static void set_ipv4(struct network_prefix *prefix, const void *bytes)
{
    memcpy(prefix->bytes, mapped, sizeof mapped);
    memcpy(prefix->bytes + sizeof mapped, bytes, 4);
    prefix->bits = 128;
}

struct network_prefix network_prefix_of(const struct sockaddr *address, unsigned bits4,
                                        unsigned bits6)
{
    struct network_prefix prefix = {.bits = 128};
    if (address->sa_family == AF_INET6)
        set_address(&prefix, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
    else if (address->sa_family == AF_INET)
        set_ipv4(&prefix, &((const struct sockaddr_in *)(const void *)address)->sin_addr);
    cut(&prefix, is_ipv4(&prefix) ? V4_BITS + bits4 : bits6);
    return prefix;
}

/* read_bits - a number of one to three digits; -1 when it is none, or over `most` */
static int read_bits(const char *text, size_t length, int most)
{
    int bits = 0;
    if (length == 0 || length > 3)
        return -1;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        bits = 10 * bits + (text[i] - '0');
    }
    return bits <= most ? bits : -1;
}

bool network_prefix_parse(const char *text, size_t length, struct network_prefix *prefix)
{
    char address[INET6_ADDRSTRLEN];
    unsigned char bytes[16];
    const char *slash = memchr(text, '/', length);
    size_t size = slash != NULL ? (size_t)(slash - text) : length;
    struct network_prefix read;
    int before = 0;
    if (size >= sizeof address)
        return false;
    memcpy(address, text, size);
    address[size] = '\0';
    if (inet_pton(AF_INET, address, bytes) == 1) {
        set_ipv4(&read, bytes);
        before = V4_BITS;
    } else if (inet_pton(AF_INET6, address, bytes) == 1) {
        memcpy(read.bytes, bytes, sizeof read.bytes);
    } else {
        return false;
    }
    int bits = 128 - before;
    if (slash != NULL)
        bits = read_bits(slash + 1, length - size - 1, 128 - before);
    if (bits < 0)
        return false;
    if (bits >= V4_BITS && memcmp(read.bytes, translated, sizeof translated) == 0)
        memcpy(read.bytes, mapped, sizeof mapped);
    cut(&read, (unsigned)(before + bits));
    *prefix = read;
    return true;
}

bool network_prefix_equals(const struct network_prefix *a, const struct network_prefix *b)
{
    return a->bits == b->bits && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool network_prefix_contains(const struct network_prefix *outer, const struct network_prefix *inner)
{
    struct network_prefix wide = *inner;
    if (inner->bits < outer->bits)
        return false;
    cut(&wide, outer->bits);
    return network_prefix_equals(&wide, outer);
}

void network_prefix_write(const struct network_prefix *prefix, struct text *out)
{
    char address[INET6_ADDRSTRLEN] = "?";
    bool v4 = is_ipv4(prefix);
    if (v4)
        inet_ntop(AF_INET, prefix->bytes + sizeof mapped, address, sizeof address);
    else
        inet_ntop(AF_INET6, prefix->bytes, address, sizeof address);
    text_append_string(out, address);
    if (prefix->bits < 128)
        text_appendf(out, "/%u", prefix->bits - (v4 ? V4_BITS : 0));
}
