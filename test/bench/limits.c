/* SPDX-License-Identifier: Apache-2.0 */
/* limits - what no server on that core can pass: the table of `make bench` sets the servers beside it
 *
 *   limits MODE SECONDS CORE OTHER-CORE BYTES CERTIFICATE
 *
 * parse      libxml2's SAX2 push parser, the stanzas of the load in chunks of 16 KiB; handlers only count
 * relay      a process on CORE that reads 64 KiB and writes them; a process on OTHER-CORE feeds it
 * decrypt    TLS 1.3: SSL_read on CORE of what OTHER-CORE writes, over loopback
 * encrypt    the reverse
 * handshake  TLS 1.3 with full handshakes, both sides on CORE and in memory: each operation is one
 *            server handshake and one client handshake, as in a new stream with dialback
 * sockets    what the kernel alone takes for that: PAIRS processes on CORE, each with a peer on OTHER-CORE;
 *            an operation accepts a connection, reads and writes thrice, connects to the peer, writes and
 *            reads thrice, answers on the first connection, and closes both. No threads, no XML, no DNS
 *
 * Prints one line of JSON; `done` are stanzas of BYTES bytes, or operations.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libxml/parser.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 16384
#define BLOCK 65536
#define PAIRS 16
#define PIECE 200 /* bytes of a stream header, features, or a dialback element, about */

static double seconds;
static size_t stanza_size;
static int core, other_core;
static const char *certificate;
static char block[BLOCK];

static void give_up(const char *what)
{
    fprintf(stderr, "limits: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double read_clock(clockid_t clock)
{
    struct timespec time = {0};
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void go_to(int number)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(number, &set);
    sched_setaffinity(0, sizeof(set), &set);
}

static void report(const char *mode, double done, double time, double cpu)
{
    printf("{\"event\": \"result\", \"workload\": \"%s\", \"seconds\": %.6f, \"done\": %.0f, "
           "\"cpu_target\": %.6f}\n",
           mode, time, done, cpu);
}

/* ---- parse */

static uint64_t started, closed, characters;

static void start(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                  int namespaces, const xmlChar **declared, int attributes, int defaulted,
                  const xmlChar **values)
{
    (void)data, (void)name, (void)prefix, (void)uri, (void)namespaces, (void)declared;
    (void)attributes, (void)defaulted, (void)values;
    started++;
}

static void close_element(void *data, const xmlChar *name, const xmlChar *prefix,
                          const xmlChar *uri)
{
    (void)data, (void)name, (void)prefix, (void)uri;
    closed++;
}

static void add_characters(void *data, const xmlChar *text, int length)
{
    (void)data, (void)text;
    characters += (uint64_t)length;
}

/* fill_block - whole stanzas; returns how many bytes */
static size_t fill_block(void)
{
    static const char head[] =
        "<message from='user@d00000.load.test/bench' to='sink@comp.target.test/x' "
        "type='chat' id='s00000n000000000'><body>";
    static const char tail[] = "</body></message>";
    size_t length = 0, body = stanza_size - (sizeof(head) - 1) - (sizeof(tail) - 1);
    while (length + stanza_size <= sizeof(block)) {
        memcpy(block + length, head, sizeof(head) - 1);
        for (size_t i = 0; i < body; i++)
            block[length + sizeof(head) - 1 + i] = "It was the best of times, "[i % 26];
        memcpy(block + length + sizeof(head) - 1 + body, tail, sizeof(tail) - 1);
        length += stanza_size;
    }
    return length;
}

static void parse(void)
{
    static const char header[] =
        "<?xml version='1.0'?><stream:stream xmlns='jabber:server' "
        "xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' "
        "from='d00000.load.test' to='comp.target.test' version='1.0'>";
    xmlSAXHandler handler = {.initialized = XML_SAX2_MAGIC,
                             .startElementNs = start,
                             .endElementNs = close_element,
                             .characters = add_characters};
    size_t length = fill_block();
    xmlParserCtxtPtr parser = xmlCreatePushParserCtxt(&handler, NULL, NULL, 0, NULL);
    xmlCtxtUseOptions(parser, XML_PARSE_NONET | XML_PARSE_NOENT);
    xmlParseChunk(parser, header, sizeof(header) - 1, 0);
    double begin = read_clock(CLOCK_MONOTONIC), cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID), time;
    do {
        for (size_t at = 0; at < length; at += CHUNK)
            if (xmlParseChunk(parser, block + at, (int)(length - at < CHUNK ? length - at : CHUNK),
                              0) != 0)
                give_up("parse");
        time = read_clock(CLOCK_MONOTONIC) - begin;
    } while (time < seconds);
    /* Two elements a stanza. */
    report("parse", (double)closed / 2, time, read_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu);
}

/* ---- processes with a socket between them */

static int start_listener(struct sockaddr_in *address)
{
    *address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(*address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)address, size) < 0 ||
        listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)address, &size) < 0)
        give_up("listen");
    return listener;
}

static int connect_to(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
        give_up("connect");
    return fd;
}

static void connect_pair(int ends[2])
{
    struct sockaddr_in address;
    int listener = start_listener(&address);
    ends[0] = connect_to(&address);
    ends[1] = accept(listener, NULL, NULL);
    close(listener);
}

static SSL *begin_tls(int fd, bool is_server)
{
    SSL_CTX *context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    if (is_server && (SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
                      SSL_CTX_use_PrivateKey_file(context, certificate, SSL_FILETYPE_PEM) != 1))
        give_up(certificate);
    SSL *ssl = SSL_new(context);
    SSL_CTX_free(context);
    SSL_set_fd(ssl, fd);
    if ((is_server ? SSL_accept(ssl) : SSL_connect(ssl)) != 1)
        give_up("TLS handshake");
    return ssl;
}

/* feed - writes the block for ever */
static void feed(int fd, SSL *ssl)
{
    size_t length = fill_block();
    for (size_t at = 0;; at = at >= length ? 0 : at) {
        size_t most = ssl != NULL && length - at > CHUNK ? CHUNK : length - at;
        ssize_t done =
            ssl != NULL ? SSL_write(ssl, block + at, (int)most) : write(fd, block + at, most);
        if (done <= 0)
            exit(0);
        at += (size_t)done;
    }
}

/* drain - reads for the time; returns the bytes */
static double drain(int fd, SSL *ssl, double *time)
{
    static char buffer[BLOCK];
    double begin = read_clock(CLOCK_MONOTONIC), bytes = 0;
    do {
        ssize_t got =
            ssl != NULL ? SSL_read(ssl, buffer, sizeof(buffer)) : read(fd, buffer, sizeof(buffer));
        if (got <= 0)
            give_up("read");
        bytes += (double)got;
        *time = read_clock(CLOCK_MONOTONIC) - begin;
    } while (*time < seconds);
    return bytes;
}

static void relay_for_ever(int from, int to)
{
    for (;;) {
        ssize_t got = read(from, block, sizeof(block));
        if (got <= 0)
            exit(0);
        for (ssize_t at = 0; at < got;) {
            ssize_t done = write(to, block + at, (size_t)(got - at));
            if (done <= 0)
                exit(0);
            at += done;
        }
    }
}

static double cpu_of(pid_t pid)
{
    clockid_t clock;
    return clock_getcpuclockid(pid, &clock) == 0 ? read_clock(clock) : 0;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void relay(void)
{
    int in[2], out[2];
    double time;
    connect_pair(in);
    connect_pair(out);
    pid_t relaying = fork();
    if (relaying == 0) {
        go_to(core);
        relay_for_ever(in[1], out[0]);
    }
    pid_t feeding = fork();
    if (feeding == 0) {
        go_to(other_core);
        feed(in[0], NULL);
    }
    go_to(other_core);
    double cpu = cpu_of(relaying);
    double bytes = drain(out[1], NULL, &time);
    report("relay", bytes / (double)stanza_size, time, cpu_of(relaying) - cpu);
    end(feeding);
    end(relaying);
}

static void records(const char *mode, bool reads)
{
    int ends[2];
    double time;
    connect_pair(ends);
    pid_t feeding = fork();
    if (feeding == 0) {
        go_to(reads ? other_core : core);
        close(ends[1]);
        feed(ends[0], begin_tls(ends[0], false));
    }
    go_to(reads ? core : other_core);
    close(ends[0]);
    SSL *ssl = begin_tls(ends[1], true);
    double own = read_clock(CLOCK_PROCESS_CPUTIME_ID), others = cpu_of(feeding);
    double bytes = drain(ends[1], ssl, &time);
    own = read_clock(CLOCK_PROCESS_CPUTIME_ID) - own;
    others = cpu_of(feeding) - others;
    report(mode, bytes / (double)stanza_size, time, reads ? own : others);
    end(feeding);
}

/* ---- handshake */

static SSL *make_end(SSL_CTX *context, BIO *in, BIO *out)
{
    SSL *ssl = SSL_new(context);
    BIO_up_ref(in);
    BIO_up_ref(out);
    SSL_set_bio(ssl, in, out);
    return ssl;
}

static void shake_hands(SSL_CTX *client_context, SSL_CTX *server_context)
{
    BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());
    SSL *client = make_end(client_context, down, up), *server = make_end(server_context, up, down);
    BIO_free(up);
    BIO_free(down);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (int i = 0; i < 10 && !(SSL_is_init_finished(client) && SSL_is_init_finished(server));
         i++) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
    }
    if (!SSL_is_init_finished(client) || !SSL_is_init_finished(server))
        give_up("TLS handshake");
    SSL_free(client);
    SSL_free(server);
}

static void handshake(void)
{
    SSL_CTX *contexts[2] = {SSL_CTX_new(TLS_client_method()), SSL_CTX_new(TLS_server_method())};
    for (int i = 0; i < 2; i++) {
        SSL_CTX_set_min_proto_version(contexts[i], TLS1_3_VERSION);
        SSL_CTX_set_session_cache_mode(contexts[i], SSL_SESS_CACHE_OFF);
    }
    SSL_CTX_set_num_tickets(contexts[1], 0);
    if (SSL_CTX_use_certificate_chain_file(contexts[1], certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(contexts[1], certificate, SSL_FILETYPE_PEM) != 1)
        give_up(certificate);
    uint64_t done = 0;
    double begin = read_clock(CLOCK_MONOTONIC), cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID), time;
    do {
        shake_hands(contexts[0], contexts[1]);
        done++;
        time = read_clock(CLOCK_MONOTONIC) - begin;
    } while (time < seconds);
    report("handshake", (double)done, time, read_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu);
}

/* ---- sockets */

static bool sends(int fd)
{
    return write(fd, block, PIECE) == PIECE;
}

static bool receives(int fd)
{
    char piece[PIECE];
    return recv(fd, piece, sizeof(piece), MSG_WAITALL) == PIECE;
}

/* ask - the peer: a stream header, features, and a key; then it is asked for the key's verdict */
static bool ask(int listener, const struct sockaddr_in *other)
{
    int fd = connect_to(other);
    bool fine = sends(fd) && receives(fd) && receives(fd) && sends(fd);
    int verifying = fine ? accept(listener, NULL, NULL) : -1;
    fine = verifying >= 0 && receives(verifying) && sends(verifying) && sends(verifying) &&
           receives(verifying) && sends(verifying) && receives(verifying);
    close(verifying);
    fine = fine && receives(fd);
    close(fd);
    return fine;
}

/* answer - the server, to one that asks */
static bool answer(int listener, const struct sockaddr_in *other)
{
    int fd = accept(listener, NULL, NULL);
    bool fine = fd >= 0 && receives(fd) && sends(fd) && sends(fd) && receives(fd);
    int verifying = connect_to(other);
    fine = fine && sends(verifying) && receives(verifying) && receives(verifying) &&
           sends(verifying) && receives(verifying) && sends(verifying);
    close(verifying);
    fine = fine && sends(fd);
    close(fd);
    return fine;
}

static pid_t repeat(bool (*step)(int, const struct sockaddr_in *), int on, int listener,
                    const struct sockaddr_in *other, atomic_ulong *done)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    go_to(on);
    while (step(listener, other))
        atomic_fetch_add(done, 1);
    exit(1);
}

static void sockets(void)
{
    pid_t servers[PAIRS], peers[PAIRS];
    atomic_ulong *done =
        mmap(NULL, 2 * sizeof(*done), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (done == MAP_FAILED)
        give_up("mmap");
    double cpu = 0;
    for (int i = 0; i < PAIRS; i++) {
        struct sockaddr_in to_server, to_peer;
        int server = start_listener(&to_server), peer = start_listener(&to_peer);
        servers[i] = repeat(answer, core, server, &to_peer, &done[0]);
        peers[i] = repeat(ask, other_core, peer, &to_server, &done[1]);
        close(server);
        close(peer);
    }
    usleep(100000); /* all have begun */
    for (int i = 0; i < PAIRS; i++)
        cpu -= cpu_of(servers[i]);
    unsigned long before = atomic_load(&done[0]);
    double begin = read_clock(CLOCK_MONOTONIC);
    usleep((useconds_t)(seconds * 1e6));
    double count = (double)(atomic_load(&done[0]) - before);
    double time = read_clock(CLOCK_MONOTONIC) - begin;
    for (int i = 0; i < PAIRS; i++)
        cpu += cpu_of(servers[i]);
    for (int i = 0; i < PAIRS; i++) {
        if (waitpid(servers[i], NULL, WNOHANG) != 0 || waitpid(peers[i], NULL, WNOHANG) != 0)
            give_up("a pair of processes ended");
        end(servers[i]);
        end(peers[i]);
    }
    report("sockets", count, time, cpu);
}

int main(int count, char **words)
{
    if (count != 7)
        give_up("usage: limits MODE SECONDS CORE OTHER-CORE BYTES CERTIFICATE");
    const char *mode = words[1];
    seconds = atof(words[2]);
    core = atoi(words[3]);
    other_core = atoi(words[4]);
    stanza_size = (size_t)atoi(words[5]);
    certificate = words[6];
    if (seconds <= 0 || stanza_size < 160 || stanza_size > BLOCK)
        give_up("a number makes no sense");
    signal(SIGPIPE, SIG_IGN);
    go_to(core);
    if (strcmp(mode, "parse") == 0)
        parse();
    else if (strcmp(mode, "relay") == 0)
        relay();
    else if (strcmp(mode, "decrypt") == 0)
        records(mode, true);
    else if (strcmp(mode, "encrypt") == 0)
        records(mode, false);
    else if (strcmp(mode, "handshake") == 0)
        handshake();
    else if (strcmp(mode, "sockets") == 0)
        sockets();
    else
        give_up("unknown mode");
    return 0;
}
