/* SPDX-License-Identifier: Apache-2.0 */
/* names - the DNS of a run: everything below load.test has the load's address
 *
 * See names.h; RFC 1035, section 4.
 */
#include "test/bench/names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/bench/conn.h"

#define HEADER 12
#define ANSWER 16 /* a pointer to the name, type, class, time to live, length, an address */
#define TYPE_A 1

static struct in_addr address_of_all;

/* skip_name - behind the name of the question, and whether it is below load.test; 0: not a name */
static size_t skip_name(const unsigned char *packet, size_t length, bool *is_ours)
{
    static const char domain[] = "\4load\4test";
    size_t at = HEADER;
    while (at < length && packet[at] != 0 && packet[at] < 64)
        at += 1u + packet[at];
    if (at + 5 > length || packet[at] != 0)
        return 0;
    *is_ours = at >= HEADER + sizeof(domain) - 1 &&
               strncasecmp((const char *)packet + at - (sizeof(domain) - 1), domain,
                           sizeof(domain) - 1) == 0;
    return at + 1;
}

/* answer - makes the answer in place; its length, or 0 */
static size_t answer(unsigned char *packet, size_t length)
{
    bool is_ours;
    size_t at = length < HEADER ? 0 : skip_name(packet, length, &is_ours);
    if (at == 0)
        return 0;
    bool has_name = is_ours && packet[HEADER + 1] != '_';
    bool has_answer = has_name && packet[at] == 0 && packet[at + 1] == TYPE_A;
    at += 4;                                             /* type and class */
    packet[2] = (unsigned char)(0x84 | (packet[2] & 1)); /* an answer, with authority */
    packet[3] = has_name ? 0x80 : 0x83;
    memset(packet + 4, 0, HEADER - 4);
    packet[5] = 1;
    packet[7] = has_answer;
    if (has_answer) {
        static const unsigned char fields[] = {0xc0, HEADER, 0, TYPE_A, 0, 1, 0, 0, 1, 0, 0, 4};
        memcpy(packet + at, fields, sizeof(fields));
        memcpy(packet + at + sizeof(fields), &address_of_all, 4);
        at += ANSWER;
    }
    return at;
}

static void serve(int fd)
{
    unsigned char packet[512 + ANSWER];
    struct sockaddr_storage from;
    for (int i = 0; i < 64; i++) {
        socklen_t size = sizeof(from);
        ssize_t got = recvfrom(fd, packet, 512, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
        size_t length = got > 0 ? answer(packet, (size_t)got) : 0;
        if (got < 0)
            return;
        if (length > 0)
            sendto(fd, packet, length, 0, (struct sockaddr *)&from, size);
    }
}

void names_listen(const struct sockaddr_in *address, struct in_addr answered)
{
    address_of_all = answered;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
        die("cannot listen for DNS: %s", strerror(errno));
    conn_watch(fd, serve);
}
