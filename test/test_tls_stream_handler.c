/* SPDX-License-Identifier: Apache-2.0 */
/* test_tls_stream_handler - two ends of TLS over a pair of sockets, pumped in one thread
 *
 * The other end is a handler of ours, or bare OpenSSL where it has to misbehave.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/certificate_identity.h"
#include "server/log.h"
#include "server/own_certificate.h"
#include "server/tls_stream_handler.h"
#include "test/support/scratch.h"
#include "test/support/settings.h"

#define ROUNDS 200

static int fds[2];
static struct tls_stream_handler *client, *server;
static SSL_CTX *raw_context;
static SSL *raw;
static struct text client_why, server_why;

static int start(void **state)
{
    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_LEVEL_ERROR);
    client = server = NULL;
    raw_context = NULL;
    raw = NULL;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    return settings_open_scratch(state);
}

static int stop(void **state)
{
    tls_stream_handler_free(client);
    tls_stream_handler_free(server);
    SSL_free(raw);
    SSL_CTX_free(raw_context);
    close(fds[0]);
    if (fds[1] >= 0)
        close(fds[1]);
    text_free(&client_why);
    text_free(&server_why);
    certificate_manager_stop();
    return settings_close_scratch(state);
}

static void load(const char *settings)
{
    struct text why = TEXT_EMPTY;
    char *all = text_format("[xmpp]\ndomain = one.test\n%s", settings);
    struct config *config = settings_load_good(all);
    assert_int_equal(certificate_manager_start(config, &why), 0);
    config_unref(config);
    text_free(&why);
    free(all);
}

#define SELFSIGNED "[xmpp.socket]\nssl.certificate.accept-selfsigned = true\n"

static struct tls_stream_handler *make(int fd, const struct tls_request *request)
{
    struct text why = TEXT_EMPTY;
    struct certificates *certificates = certificate_manager_get();
    struct tls_stream_handler *made = tls_stream_handler_new(fd, request, certificates, &why);
    certificates_unref(certificates);
    assert_non_null(made);
    text_free(&why);
    return made;
}

static bool is_over(enum tls_step step)
{
    return step == TLS_DONE || step == TLS_FAILED;
}

/* shake_hands - both of ours; the outcomes through the pointers */
static void shake_hands(enum tls_step *of_client, enum tls_step *of_server)
{
    *of_client = *of_server = TLS_WANTS_READ;
    for (int i = 0; i < ROUNDS && !(is_over(*of_client) && is_over(*of_server)); i++) {
        if (!is_over(*of_client))
            *of_client = tls_stream_handler_handshake(client, &client_why);
        if (!is_over(*of_server))
            *of_server = tls_stream_handler_handshake(server, &server_why);
    }
}

static void make_both(bool strict)
{
    client =
        make(fds[0], &(struct tls_request){.client = true, .remote = "one.test", .strict = strict});
    server = make(fds[1], &(struct tls_request){.local = "one.test"});
}

static void assert_done(void)
{
    enum tls_step of_client, of_server;
    shake_hands(&of_client, &of_server);
    assert_int_equal(of_client, TLS_DONE);
    assert_int_equal(of_server, TLS_DONE);
}

static void assert_described(const struct tls_stream_handler *handler, const char *words)
{
    struct text out = TEXT_EMPTY;
    tls_stream_handler_describe(handler, &out);
    if (strstr(text_string(&out), words) == NULL)
        fail_msg("%s does not say %s", text_string(&out), words);
    text_free(&out);
}

static void both_sides_get_there_and_see_each_other(void **state)
{
    (void)state;
    load(SELFSIGNED);
    make_both(true);
    assert_done();
    assert_described(client, "TLSv1.3");
    assert_described(server, "SNI one.test");
    assert_int_equal(tls_stream_handler_verdict(client)->trust, TRUST_SELFSIGNED);
    assert_int_equal(tls_stream_handler_verdict(server)->trust, TRUST_SELFSIGNED);
    assert_true(certificate_identity_matches(tls_stream_handler_verdict(server)->certificate,
                                             "one.test", NULL));
    assert_false(server_trust_manager_proves(tls_stream_handler_verdict(server), "one.test", NULL));
    assert_null(tls_stream_handler_verdict(NULL));
}

static void speaks_1_2_alone_when_told_so(void **state)
{
    (void)state;
    load("[xmpp.socket]\nssl.protocols = TLSv1.2\nssl.certificate.accept-selfsigned = true\n");
    make_both(true);
    assert_done();
    assert_described(client, "TLSv1.2");
}

static void shows_no_certificate_when_told_so(void **state)
{
    (void)state;
    load("[xmpp.server]\ncertificate.present = false\n" SELFSIGNED);
    make_both(true);
    assert_done();
    assert_int_equal(tls_stream_handler_verdict(server)->trust, TRUST_MISSING);
    assert_string_equal(text_string(&tls_stream_handler_verdict(server)->why),
                        "no certificate was shown");
}

static void trusts_what_the_trust_file_holds(void **state)
{
    (void)state;
    struct text why = TEXT_EMPTY;
    assert_int_equal(own_certificate_make(scratch_path("one.pem"), "one.test", &why), 0);
    char *settings = text_format(
        "[xmpp.server]\ncertificate.file = %s/one.pem\ncertificate.trust = %s/one.pem\n",
        scratch_path(""), scratch_path(""));
    load(settings);
    free(settings);
    make_both(true);
    assert_done();
    assert_int_equal(tls_stream_handler_verdict(client)->trust, TRUST_VALID);
    assert_true(server_trust_manager_proves(tls_stream_handler_verdict(client), "one.test", NULL));
    assert_false(server_trust_manager_proves(tls_stream_handler_verdict(client), "two.test", NULL));
    assert_true(tls_stream_handler_verdict(client)->expires > 0);
    text_free(&why);
}

static void a_strict_client_refuses_and_both_know_why(void **state)
{
    (void)state;
    enum tls_step of_client, of_server;
    load("");
    make_both(true);
    shake_hands(&of_client, &of_server);
    assert_int_equal(of_client, TLS_FAILED);
    assert_non_null(strstr(text_string(&client_why),
                           "we refuse the other side's certificate: self-signed certificate"));
    assert_int_equal(of_server, TLS_FAILED);
    assert_non_null(strstr(text_string(&server_why), "the other side refuses: "));
}

static void a_client_that_is_not_strict_goes_on(void **state)
{
    (void)state;
    load("");
    make_both(false);
    assert_done();
    assert_int_equal(tls_stream_handler_verdict(client)->trust, TRUST_INVALID);
}

static void moves_bytes_as_recv_and_send_do(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    char *sent = text_alloc(SIZE), *got = text_alloc(SIZE), piece[8192];
    size_t put = 0, taken = 0;
    bool full = false;
    for (int i = 0; i < SIZE; i++)
        sent[i] = (char)(i * 7 + i / 251);
    load(SELFSIGNED);
    make_both(true);
    assert_done();
    assert_int_equal(tls_stream_handler_read(client, piece, sizeof piece), -1);
    assert_int_equal(errno, EAGAIN);
    for (int rounds = 0; taken < SIZE && rounds < 100000; rounds++) {
        ssize_t count;
        while (put < SIZE && (count = tls_stream_handler_write(server, sent + put, SIZE - put)) > 0)
            put += (size_t)count;
        full = full || put < SIZE;
        count = tls_stream_handler_read(client, got + taken, SIZE - taken);
        taken += count > 0 ? (size_t)count : 0;
    }
    assert_int_equal(taken, SIZE);
    assert_true(full);
    assert_memory_equal(sent, got, SIZE);
    tls_stream_handler_shutdown(server);
    assert_int_equal(tls_stream_handler_read(client, piece, sizeof piece), 0);
    free(sent);
    free(got);
}

static void an_end_and_garbage_fail_the_handshake(void **state)
{
    (void)state;
    load(SELFSIGNED);
    make_both(true);
    assert_int_equal(tls_stream_handler_handshake(client, &client_why), TLS_WANTS_READ);
    assert_int_equal(write(fds[1], "GET / HTTP/1.0\r\n\r\n", 18), 18);
    assert_int_equal(tls_stream_handler_handshake(client, &client_why), TLS_FAILED);
    assert_non_null(strstr(text_string(&client_why), "TLS: "));
    close(fds[1]);
    fds[1] = -1;
    close(fds[0]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    tls_stream_handler_free(client);
    client = make(fds[0], &(struct tls_request){.client = true, .remote = "one.test"});
    assert_int_equal(tls_stream_handler_handshake(client, &client_why), TLS_WANTS_READ);
    shutdown(fds[1], SHUT_WR);
    text_clear(&client_why);
    assert_int_equal(tls_stream_handler_handshake(client, &client_why), TLS_FAILED);
    assert_non_null(strstr(text_string(&client_why), "in the middle of the handshake"));
}

/* --- bare OpenSSL as the client --- */

static void make_raw(int version, const char *ciphers)
{
    raw_context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(raw_context, 0);
    SSL_CTX_set_min_proto_version(raw_context, version);
    SSL_CTX_set_max_proto_version(raw_context, version);
    if (ciphers != NULL)
        SSL_CTX_set_cipher_list(raw_context, ciphers);
    raw = SSL_new(raw_context);
    SSL_set_fd(raw, fds[0]);
    SSL_set_connect_state(raw);
}

/* pump - until both are through, or one has failed */
static enum tls_step pump(void)
{
    enum tls_step step = TLS_WANTS_READ;
    for (int i = 0; i < ROUNDS && step != TLS_FAILED; i++) {
        int result = SSL_do_handshake(raw);
        if (!is_over(step))
            step = tls_stream_handler_handshake(server, &server_why);
        if (step == TLS_DONE && result == 1)
            break;
    }
    ERR_clear_error();
    return step;
}

static void refuses_old_versions_and_anonymous_suites(void **state)
{
    (void)state;
    load(SELFSIGNED);
    server = make(fds[1], &(struct tls_request){0});
    make_raw(TLS1_1_VERSION, NULL);
    assert_int_equal(pump(), TLS_FAILED);
    tls_stream_handler_free(server);
    SSL_free(raw);
    SSL_CTX_free(raw_context);
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    server = make(fds[1], &(struct tls_request){0});
    make_raw(TLS1_2_VERSION, "aNULL:@SECLEVEL=0");
    assert_int_equal(pump(), TLS_FAILED);
    assert_non_null(strstr(text_string(&server_why), "no shared cipher"));
}

static void a_direct_server_wants_its_alpn(void **state)
{
    (void)state;
    load(SELFSIGNED);
    server = make(fds[1], &(struct tls_request){.direct = true});
    make_raw(TLS1_3_VERSION, NULL);
    SSL_set_alpn_protos(raw, (const unsigned char *)"\x0bxmpp-client", 12);
    assert_int_equal(pump(), TLS_FAILED);
}

/* update_keys - the client asks `count` times for new keys; what the server's read then gives */
static int update_keys(int count)
{
    char byte;
    for (int i = 0; i < count; i++) {
        SSL_key_update(raw, SSL_KEY_UPDATE_NOT_REQUESTED);
        if (SSL_do_handshake(raw) != 1)
            break;
    }
    ssize_t got = tls_stream_handler_read(server, &byte, 1);
    ERR_clear_error();
    return got < 0 ? errno : 0;
}

static void bounds_key_updates(void **state)
{
    (void)state;
    load(SELFSIGNED);
    server = make(fds[1], &(struct tls_request){0});
    make_raw(TLS1_3_VERSION, NULL);
    assert_int_equal(pump(), TLS_DONE);
    assert_int_equal(update_keys(10), EAGAIN);
    assert_int_equal(update_keys(90), EPROTO);
}

static void renegotiates_nothing(void **state)
{
    (void)state;
    char byte;
    load(SELFSIGNED);
    server = make(fds[1], &(struct tls_request){0});
    make_raw(TLS1_2_VERSION, NULL);
    assert_int_equal(pump(), TLS_DONE);
    SSL_renegotiate(raw);
    for (int i = 0; i < 10; i++) {
        SSL_do_handshake(raw);
        tls_stream_handler_read(server, &byte, 1);
    }
    assert_true(SSL_renegotiate_pending(raw) || ERR_peek_error() != 0);
    assert_int_equal(SSL_num_renegotiations(raw), 1); /* asked for, and never done: */
    assert_false(SSL_is_init_finished(raw));
    ERR_clear_error();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_sides_get_there_and_see_each_other, start, stop),
        cmocka_unit_test_setup_teardown(speaks_1_2_alone_when_told_so, start, stop),
        cmocka_unit_test_setup_teardown(shows_no_certificate_when_told_so, start, stop),
        cmocka_unit_test_setup_teardown(trusts_what_the_trust_file_holds, start, stop),
        cmocka_unit_test_setup_teardown(a_strict_client_refuses_and_both_know_why, start, stop),
        cmocka_unit_test_setup_teardown(a_client_that_is_not_strict_goes_on, start, stop),
        cmocka_unit_test_setup_teardown(moves_bytes_as_recv_and_send_do, start, stop),
        cmocka_unit_test_setup_teardown(an_end_and_garbage_fail_the_handshake, start, stop),
        cmocka_unit_test_setup_teardown(refuses_old_versions_and_anonymous_suites, start, stop),
        cmocka_unit_test_setup_teardown(a_direct_server_wants_its_alpn, start, stop),
        cmocka_unit_test_setup_teardown(bounds_key_updates, start, stop),
        cmocka_unit_test_setup_teardown(renegotiates_nothing, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
