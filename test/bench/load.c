/* SPDX-License-Identifier: Apache-2.0 */
/* load - the load generator of `make bench`: one thread that plays everybody around a server under test
 *
 *   load WORKLOAD --address A --port P --component-port P ...
 *
 * Prints one line of JSON. run.py starts it, beside the target; workload.h says what the workloads
 * are, and peer_stream.h what is played.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "test/bench/names.h"
#include "test/bench/workload.h"

struct options options = {.to = "target.test",
                          .streams = 1,
                          .domains = 10,
                          .window = 16384,
                          .parallel = 32,
                          .rate = 1000,
                          .size = 225,
                          .warmup = 1,
                          .seconds = 4,
                          .limit = 120};
struct outcome outcome;
uint64_t run_deadline;

void take_moment(struct moment *moment, uint64_t done)
{
    *moment = (struct moment){.time = now(),
                              .cpu_load = cpu_of_us(),
                              .bytes_in = conn_bytes_in,
                              .bytes_out = conn_bytes_out,
                              .done = done};
    for (unsigned i = 0; i < options.pid_count; i++)
        moment->cpu_target += cpu_of(options.pids[i]);
    moment->cpu_all = cpu_of_all();
}

void complain(const char *domain, const char *why)
{
    if (++outcome.failed <= 5)
        fprintf(stderr, "load: %s: %s\n", domain[0] != '\0' ? domain : "?", why);
}

bool is_late(const char *what)
{
    static bool is_said;
    if (now() < run_deadline)
        return false;
    if (!is_said)
        complain(what, "not within the limit");
    is_said = true;
    return true;
}

static uint32_t number(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value > 100000000)
        die("%s is not a number", text);
    return (uint32_t)value;
}

static void set_address(struct sockaddr_in *address, const char *text)
{
    address->sin_family = AF_INET;
    if (inet_pton(AF_INET, text, &address->sin_addr) != 1)
        die("%s is not an IPv4 address", text);
}

static void set_port(struct sockaddr_in *address, const char *text)
{
    address->sin_port = htons((uint16_t)number(text));
}

static const char *certificate;
static struct sockaddr_in names;

/* Name, whether it has an argument, and the letter of set_option. */
static const struct option known[] = {
    {"address", 1, 0, 'a'},  {"port", 1, 0, 'p'},        {"component-port", 1, 0, 'c'},
    {"listen", 1, 0, 'l'},   {"listen-port", 1, 0, 'L'}, {"component", 1, 0, 'C'},
    {"secret", 1, 0, 's'},   {"to", 1, 0, 't'},          {"streams", 1, 0, 'n'},
    {"domains", 1, 0, 'D'},  {"idle", 1, 0, 'i'},        {"window", 1, 0, 'w'},
    {"parallel", 1, 0, 'P'}, {"rate", 1, 0, 'r'},        {"size", 1, 0, 'z'},
    {"warmup", 1, 0, 'W'},   {"seconds", 1, 0, 'S'},     {"limit", 1, 0, 'x'},
    {"pid", 1, 0, 'k'},      {"certificate", 1, 0, 'T'}, {"dns", 1, 0, 'N'},
    {"tls", 0, 0, 'e'},      {"pauses", 0, 0, 'E'},      {0, 0, 0, 0}};

/* set_number - one of the options that are numbers; false: it is none of them */
static bool set_number(int letter, const char *value)
{
    const struct {
        int letter;
        uint32_t *number;
    } numbers[] = {{'n', &options.streams}, {'D', &options.domains},  {'i', &options.idle},
                   {'w', &options.window},  {'P', &options.parallel}, {'r', &options.rate},
                   {'z', &options.size}};
    const struct {
        int letter;
        double *seconds;
    } times[] = {{'W', &options.warmup}, {'S', &options.seconds}, {'x', &options.limit}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (numbers[i].letter == letter) {
            *numbers[i].number = number(value);
            return true;
        }
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        if (times[i].letter == letter) {
            *times[i].seconds = atof(value);
            return true;
        }
    return false;
}

static void set_option(int letter, const char *value)
{
    struct peer_options *peer = &peer_options;
    switch (letter) {
    case 'a':
        set_address(&peer->target, value);
        set_address(&peer->component_port, value);
        break;
    case 'p':
        set_port(&peer->target, value);
        break;
    case 'c':
        set_port(&peer->component_port, value);
        break;
    case 'l':
        set_address(&peer->ours, value);
        break;
    case 'L':
        set_port(&peer->ours, value);
        break;
    case 'C':
        peer->component_domain = value;
        break;
    case 's':
        peer->secret = value;
        break;
    case 't':
        options.to = value;
        break;
    case 'k':
        if (options.pid_count == MAX_PIDS)
            die("too many --pid");
        options.pids[options.pid_count++] = (int)number(value);
        break;
    case 'N':
        set_address(&names, value);
        set_port(&names, "53");
        break;
    case 'T':
        certificate = value;
        break;
    case 'e':
        peer->tls = true;
        break;
    case 'E':
        options.pauses = true;
        break;
    default:
        if (!set_number(letter, value))
            die("usage: load in|out|ping|handshake|idle --address A --port P ...");
    }
}

static void print_outcome(void)
{
    const struct moment *from = &outcome.from, *to = &outcome.to;
    double seconds = (double)(to->time - from->time) / 1e9;
    printf(
        "{\"event\": \"result\", \"workload\": \"%s\", \"tls\": %s, \"streams\": %u, "
        "\"seconds\": %.6f, \"done\": %lu, \"cpu_target\": %.6f, \"cpu_load\": %.6f, "
        "\"cpu_all\": %.6f, "
        "\"bytes_in\": %lu, \"bytes_out\": %lu, \"sent\": %lu, \"received\": %lu, \"lost\": %ld, "
        "\"disordered\": %lu, \"bounced\": %lu, \"unexpected\": %lu, \"failed\": %lu, "
        "\"samples\": %zu, \"p50\": %.4f, \"p99\": %.4f}\n",
        options.workload, peer_options.tls ? "true" : "false", options.streams, seconds,
        to->done - from->done, (double)(to->cpu_target - from->cpu_target) / 1e9,
        (double)(to->cpu_load - from->cpu_load) / 1e9, (double)(to->cpu_all - from->cpu_all) / 1e9,
        to->bytes_in - from->bytes_in, to->bytes_out - from->bytes_out, outcome.sent,
        outcome.received, (long)(outcome.sent - outcome.received - peer_bounced),
        outcome.disordered, peer_bounced, peer_unexpected, outcome.failed, outcome.times.count,
        samples_percentile(&outcome.times, 50), samples_percentile(&outcome.times, 99));
    fflush(stdout);
}

static void run(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } workloads[] = {{"in", run_traffic},
                     {"out", run_traffic},
                     {"ping", run_ping},
                     {"handshake", run_handshake},
                     {"idle", run_idle}};
    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++)
        if (strcmp(workloads[i].name, options.workload) == 0)
            return workloads[i].run();
    die("no workload is called %s", options.workload);
}

int main(int count, char **words)
{
    int letter;
    peer_options.component_domain = "comp.target.test";
    peer_options.secret = "secret";
    set_option('a', "127.0.0.1");
    set_option('p', "5269");
    set_option('c', "5347");
    set_option('l', "127.0.0.2");
    set_option('L', "5269");
    while ((letter = getopt_long(count, words, "", known, NULL)) != -1)
        set_option(letter, optarg);
    if (optind != count - 1)
        set_option(0, NULL);
    options.workload = words[optind];
    if (options.streams == 0 || options.domains == 0 || options.rate == 0 ||
        options.parallel == 0 || options.size < 160 || options.size > 1500 ||
        (peer_options.tls && certificate == NULL))
        die("one of the options makes no sense");
    if (options.window > 0 && options.window / options.streams < 2)
        die("the window has no place for two stanzas of each stream");
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    run_deadline = now() + (uint64_t)(options.limit * (double)SECOND);
    conn_setup(certificate);
    if (names.sin_port != 0)
        names_listen(&names, peer_options.ours.sin_addr);
    run();
    print_outcome();
    return 0;
}
