/* SPDX-License-Identifier: Apache-2.0 */
/* check_stream - a stream to another server that one thread opens, reads and writes, step by step
 *
 * The bytes go through server/socket_channel and xml/xmpp_packet_reader like those of live streams, with the limits of streams that
 * have proved nothing. What the parser hands over is copied: several elements may come in one read.
 */
#include "admin/check_stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/config.h"
#include "server/log.h"
#include "server/socket_channel.h"
#include "server/socket_util.h"
#include "server/xmpp_server.h"
#include "session/session_outcome.h"
#include "session/socket_reader.h"
#include "xml/stream_header.h"
#include "xml/xmlns.h"
#include "xml/xmpp_packet_reader.h"

#define SLICE_MS 200 /* how soon a check that is not wanted any more is seen */
#define READ_BYTES 16384
#define QUEUE_MAX 64

struct check_stream {
    struct socket_channel channel;
    struct xmpp_packet_reader *packets;
    struct xmpp_packet_limits limits;
    check_wanted *wanted;
    void *owner;
    /* of the header */
    bool opened, modern, declares_dialback;
    char id[256], from[256];
    struct arena *kept; /* of the features */
    struct element *features;
    /* elements that came and were not taken yet */
    struct arena *arenas[QUEUE_MAX];
    struct element *queue[QUEUE_MAX];
    int waiting;
    struct arena *taken; /* of the element taken last */
    bool header_sent, over;
    enum failure failure;
    struct text why;
};

/* fail - the first cause counts; always -1 */
static int fail(struct check_stream *stream, enum failure failure, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct check_stream *stream, enum failure failure, const char *format, ...)
{
    char sentence[512];
    va_list arguments;
    stream->over = true;
    if (stream->failure != FAILURE_NONE)
        return -1;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    stream->failure = failure;
    text_append_string(&stream->why, sentence);
    return -1;
}

/* --- what the parser hands over --- */

static int stream_opened(void *given, const struct element *element)
{
    struct check_stream *stream = given;
    struct stream_header header;
    stream_header_read(&header, element);
    if (!header.is_stream || strcmp(header.content_ns, XMLNS_SERVER) != 0)
        return fail(stream, FAILURE_NOT_XMPP,
                    "it answers with a <%s/> of '%s' for '%s', not with a stream for servers",
                    element->name, header.stream_ns, header.content_ns);
    if (header.has_version && !header.version_valid)
        return fail(stream, FAILURE_BAD_STREAM, "the version in its header is not of the form 1.0");
    stream->opened = true;
    stream->modern = header.major >= 1;
    stream->declares_dialback = header.declares_dialback;
    snprintf(stream->id, sizeof stream->id, "%s", header.id != NULL ? header.id : "");
    snprintf(stream->from, sizeof stream->from, "%s", header.from != NULL ? header.from : "");
    return 0;
}

static int error_received(struct check_stream *stream, const struct element *element)
{
    const char *text;
    enum stream_error error =
        stream_error_read(xmpp_packet_reader_arena(stream->packets), element, &text);
    return fail(stream, session_outcome_of_stream_error(error, text),
                "the other side ends the stream: %s%s%s", stream_error_name(error),
                text[0] ? ": " : "", text);
}

static int packet_read(void *given, struct element *element)
{
    struct check_stream *stream = given;
    if (element_is(element, "error", XMLNS_STREAM))
        return error_received(stream, element);
    if (element_is(element, "features", XMLNS_STREAM)) {
        arena_free(stream->kept);
        stream->kept = arena_new(0);
        stream->features = element_copy(stream->kept, element);
        return 0;
    }
    if (stream->waiting == QUEUE_MAX)
        return fail(stream, FAILURE_BAD_STREAM, "it sends more than was asked for");
    stream->arenas[stream->waiting] = arena_new(0);
    stream->queue[stream->waiting] = element_copy(stream->arenas[stream->waiting], element);
    stream->waiting++;
    return 0;
}

static int stream_closed(void *given)
{
    return fail(given, FAILURE_ENDED, "the other side closed the stream");
}

static const struct xmpp_packet_handler handler = {stream_opened, packet_read, stream_closed};

/* --- birth and end --- */

struct check_stream *check_stream_new(int fd, check_wanted *wanted, void *owner)
{
    struct check_stream *stream = text_calloc(1, sizeof *stream);
    const struct config *config = config_get();
    stream->channel.fd = fd;
    stream->wanted = wanted;
    stream->owner = owner;
    stream->limits = socket_reader_limits(config, false);
    stream->packets = xmpp_packet_reader_new(&stream->limits, &handler, stream);
    socket_util_set_options(fd, true, false, config->xmpp_socket_write_timeout_seconds * 1000);
    config_unref(config);
    return stream;
}

static void drop_queue(struct check_stream *stream)
{
    for (int i = 0; i < stream->waiting; i++)
        arena_free(stream->arenas[i]);
    stream->waiting = 0;
}

void check_stream_free(struct check_stream *stream)
{
    if (stream == NULL)
        return;
    if (stream->header_sent)
        socket_channel_write(&stream->channel, STREAM_FOOTER, sizeof STREAM_FOOTER - 1);
    if (stream->channel.tls != NULL)
        tls_stream_handler_shutdown(stream->channel.tls);
    socket_channel_close(&stream->channel);
    xmpp_packet_reader_free(stream->packets);
    drop_queue(stream);
    arena_free(stream->kept);
    arena_free(stream->taken);
    text_free(&stream->why);
    free(stream);
}

/* --- waiting --- */

/* wait_ready - 1 ready, 0 deadline, -1 nobody wants it any more */
static int wait_ready(int fd, short event, int64_t deadline, check_wanted *wanted, void *owner)
{
    for (;;) {
        int64_t left = deadline - xmpp_server_now();
        if (!wanted(owner))
            return -1;
        if (left <= 0)
            return 0;
        struct pollfd entry = {.fd = fd, .events = event};
        if (poll(&entry, 1, left < SLICE_MS ? (int)left : SLICE_MS) > 0)
            return 1;
    }
}

/* wait_for - on the stream: 0, or -1 failed with `late` when it is the deadline */
static int wait_for(struct check_stream *stream, short event, int64_t deadline, enum failure late,
                    const char *what)
{
    int ready = wait_ready(stream->channel.fd, event, deadline, stream->wanted, stream->owner);
    if (ready > 0)
        return 0;
    return ready == 0 ? fail(stream, late, "%s did not come in time", what)
                      : fail(stream, FAILURE_OTHER, "the check was stopped");
}

int check_stream_connect(const struct sockaddr_storage *address, int64_t deadline,
                         check_wanted *wanted, void *owner, enum failure *failure, struct text *why)
{
    socklen_t length =
        address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    socklen_t size = sizeof(int);
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = fd < 0 ? errno : 0;
    *failure = FAILURE_UNREACHABLE;
    if (fd >= 0 && connect(fd, (const struct sockaddr *)address, length) < 0 &&
        errno != EINPROGRESS)
        error = errno;
    if (error == 0) {
        int ready = wait_ready(fd, POLLOUT, deadline, wanted, owner);
        if (ready > 0)
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
        else
            error = ready == 0 ? ETIMEDOUT : ECANCELED;
    }
    if (error == 0)
        return fd;
    if (error == ECONNREFUSED)
        *failure = FAILURE_REFUSED;
    text_append_string(why, error == ETIMEDOUT ? "no answer in time" : strerror(error));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* --- bytes --- */

int check_stream_send(struct check_stream *stream, const char *xml, int64_t deadline)
{
    size_t length = strlen(xml);
    if (stream->over)
        return -1;
    log_wire("check", ">>", xml, length);
    while (length > 0) {
        ssize_t put = socket_channel_write(&stream->channel, xml, length);
        if (put > 0) {
            xml += put;
            length -= (size_t)put;
        } else if (put < 0 && errno != EAGAIN) {
            return fail(stream, FAILURE_BROKE, "the connection broke: %s", strerror(errno));
        } else if (wait_for(stream, POLLOUT, deadline, FAILURE_BROKE, "room for what we send") < 0)
            return -1;
    }
    return 0;
}

/* feed - what was read, to the parser. 0 or -1. */
static int feed(struct check_stream *stream, const char *bytes, size_t length)
{
    const char *why, *other;
    if (xmpp_packet_reader_feed(stream->packets, bytes, length) != XMPP_PACKET_ERROR)
        return stream->over ? -1 : 0;
    xmpp_packet_reader_error(stream->packets, &why);
    if (xmpp_packet_reader_in_stream(stream->packets))
        return fail(stream, FAILURE_BAD_STREAM, "what it sends is not XMPP: %s", why);
    other = session_outcome_of_bytes(bytes, length);
    return fail(stream, FAILURE_NOT_XMPP, "no XMPP stream: %s", other != NULL ? other : why);
}

/* broke - by a reset, or, in TLS 1.3 only now, since they do not take our certificate */
static int broke(struct check_stream *stream, int error, const char *what)
{
    enum failure alert = tls_stream_handler_broke(stream->channel.tls);
    if (alert != FAILURE_NONE)
        return fail(stream, alert, "the other side ends the connection by a TLS alert; %s was due",
                    what);
    return fail(stream, FAILURE_BROKE, "the connection broke (%s); %s was due", strerror(error),
                what);
}

/* read_more - something more from the other side: 0, or -1 failed; at the deadline with `late` */
static int read_more(struct check_stream *stream, int64_t deadline, enum failure late,
                     const char *what)
{
    char buffer[READ_BYTES];
    if (stream->over)
        return -1;
    for (;;) {
        ssize_t got = socket_channel_read(&stream->channel, buffer, sizeof buffer);
        if (got > 0) {
            log_wire("check", "<<", buffer, (size_t)got);
            return feed(stream, buffer, (size_t)got);
        }
        if (got == 0)
            return fail(stream, FAILURE_ENDED, "the other side ended the connection; %s was due",
                        what);
        if (errno != EAGAIN)
            return broke(stream, errno, what);
        if (wait_for(stream, POLLIN, deadline, late, what) < 0)
            return -1;
    }
}

const struct element *check_stream_receive(struct check_stream *stream, int64_t deadline)
{
    arena_free(stream->taken);
    stream->taken = NULL;
    while (stream->waiting == 0)
        if (read_more(stream, deadline, FAILURE_OTHER, "an answer") < 0 && stream->waiting == 0)
            return NULL;
    struct element *first = stream->queue[0];
    stream->taken = stream->arenas[0];
    stream->waiting--;
    memmove(stream->queue, stream->queue + 1, (size_t)stream->waiting * sizeof stream->queue[0]);
    memmove(stream->arenas, stream->arenas + 1, (size_t)stream->waiting * sizeof stream->arenas[0]);
    return first;
}

/* --- the beginning of a stream, and TLS --- */

int check_stream_begin(struct check_stream *stream, const char *from, const char *to, bool dialback,
                       int64_t deadline)
{
    struct stream_header_fields fields = {.from = from,
                                          .to = to,
                                          .lang = "en",
                                          .content_ns = XMLNS_SERVER,
                                          .dialback = dialback,
                                          .version = true};
    struct text out = TEXT_EMPTY;
    if (stream->header_sent)
        xmpp_packet_reader_restart(stream->packets);
    drop_queue(stream);
    stream->opened = stream->modern = stream->declares_dialback = false;
    stream->features = NULL;
    stream_header_write(&out, &fields);
    int result = check_stream_send(stream, text_string(&out), deadline);
    stream->header_sent = true;
    text_free(&out);
    while (result == 0 && !stream->opened)
        result = read_more(stream, deadline, FAILURE_NO_HEADER, "its stream header");
    while (result == 0 && stream->modern && stream->features == NULL)
        result = read_more(stream, deadline, FAILURE_NO_FEATURES, "its stream features");
    return result;
}

/* shake_hands - 0, or -1 with cause and words */
static int shake_hands(struct check_stream *stream, struct tls_stream_handler *tls,
                       int64_t deadline, enum failure *failure, struct text *why)
{
    *failure = FAILURE_TLS_FAILED;
    for (;;) {
        enum tls_step step = tls_stream_handler_handshake(tls, why);
        if (step == TLS_DONE || step == TLS_FAILED)
            return step == TLS_DONE ? 0 : -1;
        int ready = wait_ready(stream->channel.fd, step == TLS_WANTS_READ ? POLLIN : POLLOUT,
                               deadline, stream->wanted, stream->owner);
        if (ready > 0)
            continue;
        if (ready < 0)
            *failure = FAILURE_OTHER;
        text_append_string(why, ready == 0 ? "the other side did not complete the handshake in time"
                                           : "the check was stopped");
        return -1;
    }
}

int check_stream_secure(struct check_stream *stream, const struct tls_request *request,
                        int64_t deadline)
{
    enum failure failure = FAILURE_TLS_OFF_HERE;
    struct tls_request wanted = *request;
    struct text why = TEXT_EMPTY;
    struct certificates *certificates = certificate_manager_get();
    struct tls_stream_handler *tls = NULL;
    int result = -1;
    wanted.failure = &failure;
    if (certificates == NULL)
        text_append_string(&why, "there is no TLS here");
    else
        tls = tls_stream_handler_new(stream->channel.fd, &wanted, certificates, &why);
    if (tls != NULL)
        result = shake_hands(stream, tls, deadline, &failure, &why);
    if (result == 0)
        stream->channel.tls = tls;
    else
        tls_stream_handler_free(tls);
    if (result < 0)
        fail(stream, failure, "%s", text_string(&why));
    certificates_unref(certificates);
    text_free(&why);
    return result;
}

/* --- what is known --- */

const struct element *check_stream_features(const struct check_stream *stream)
{
    return stream->features;
}

const char *check_stream_id(const struct check_stream *stream)
{
    return stream->id;
}

const char *check_stream_from(const struct check_stream *stream)
{
    return stream->from;
}

bool check_stream_declares_dialback(const struct check_stream *stream)
{
    return stream->declares_dialback;
}

const struct tls_stream_handler *check_stream_tls(const struct check_stream *stream)
{
    return stream->channel.tls;
}

struct arena *check_stream_arena(struct check_stream *stream)
{
    return stream->taken;
}

enum failure check_stream_failure(const struct check_stream *stream)
{
    return stream->failure;
}

const char *check_stream_why(const struct check_stream *stream)
{
    return text_string(&stream->why);
}
