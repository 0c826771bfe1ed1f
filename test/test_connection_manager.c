/* SPDX-License-Identifier: Apache-2.0 */
/* test_connection_manager - the listener, as in the model's statements 2 to 6
 *
 * A reader factory of the test stands for the session layer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/config.h"
#include "server/connection_manager.h"
#include "server/log.h"
#include "server/thread.h"
#include "server/xmpp_server.h"
#include "test/support/scratch.h"

static struct text why;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int readers;          /* guarded by lock */
static char reader_name[32]; /* guarded by lock */
static int discarded;        /* guarded by lock */
static _Atomic bool refuse;  /* what the factory does with the next connection */
static _Atomic size_t stack; /* that it asks for */

/* A reader that greets and then echoes until the end. */
static void run(void *given)
{
    int fd = *(int *)given;
    free(given);
    pthread_mutex_lock(&lock);
    readers++;
    pthread_getname_np(pthread_self(), reader_name, sizeof reader_name);
    pthread_mutex_unlock(&lock);
    char byte = 'h';
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    do {
        if (write(fd, &byte, 1) != 1)
            break;
    } while (poll(&entry, 1, 10000) > 0 && read(fd, &byte, 1) == 1);
    close(fd);
}

static void discard(void *given)
{
    pthread_mutex_lock(&lock);
    discarded++;
    pthread_mutex_unlock(&lock);
    close(*(int *)given);
    free(given);
}

static int create(int fd, const struct sockaddr *peer, enum connection_kind kind,
                  struct socket_reader_task *task)
{
    (void)kind;
    (void)peer;
    if (refuse)
        return -1;
    int *kept = malloc(sizeof fd);
    *kept = fd;
    *task = (struct socket_reader_task){"reader-7", stack, run, discard, kept};
    return 0;
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int free_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    close(fd);
    return ntohs(address.sin_port);
}

/* dial - a connected socket, or -1 */
static int dial(int port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval limit = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static void expect_byte(int fd, char expected)
{
    char byte = 0;
    assert_true(fd >= 0);
    assert_int_equal(read(fd, &byte, 1), 1);
    assert_int_equal(byte, expected);
}

static void expect_echo(int fd)
{
    assert_int_equal(write(fd, "x", 1), 1);
    expect_byte(fd, 'x');
}

static int start(void **state)
{
    (void)state;
    char path[] = "/tmp/connection-manager-XXXXXX";
    int fd = mkstemp(path);
    dprintf(fd, "[network]\ninterface = 127.0.0.1\n");
    close(fd);
    struct config *config = config_load(path, &why);
    unlink(path);
    if (config == NULL)
        return -1;
    config_publish(config);
    log_set_level(LOG_LEVEL_ERROR);
    refuse = false;
    stack = 131072;
    connection_manager_set_reader_factory(create);
    return connection_manager_set_server_listener_port(free_port(), &why);
}

static int stop(void **state)
{
    (void)state;
    connection_manager_stop();
    int left = thread_wait_all(xmpp_server_now() + 15000);
    config_stop();
    text_free(&why);
    return left;
}

static void runs_a_reader_on_a_thread_of_its_own_named_as_it_says(void **state)
{
    (void)state;
    int port = connection_manager_server_listener_port();
    assert_int_equal(dial(port), -1);
    assert_int_equal(connection_manager_enable_server_listener(true, &why), 0);
    assert_true(connection_manager_is_server_listener_enabled());
    pthread_mutex_lock(&lock);
    int before = readers;
    pthread_mutex_unlock(&lock);
    int one = dial(port), two = dial(port);
    expect_byte(one, 'h');
    expect_byte(two, 'h');
    pthread_mutex_lock(&lock);
    assert_int_equal(readers, before + 2);
    assert_string_equal(reader_name, "reader-7");
    pthread_mutex_unlock(&lock);
    close(one);
    close(two);
}

static void keeps_live_connections_when_it_is_switched_off(void **state)
{
    (void)state;
    int port = connection_manager_server_listener_port();
    assert_int_equal(connection_manager_enable_server_listener(true, &why), 0);
    int fd = dial(port);
    expect_byte(fd, 'h');
    assert_int_equal(connection_manager_enable_server_listener(false, &why), 0);
    assert_false(connection_manager_is_server_listener_enabled());
    assert_int_equal(dial(port), -1);
    expect_echo(fd);
    assert_int_equal(connection_manager_enable_server_listener(true, &why), 0);
    expect_echo(fd);
    int again = dial(port);
    expect_byte(again, 'h');
    close(fd);
    close(again);
}

static void moves_to_another_port(void **state)
{
    (void)state;
    int old = connection_manager_server_listener_port(), port = free_port();
    assert_int_equal(connection_manager_enable_server_listener(true, &why), 0);
    int fd = dial(old);
    expect_byte(fd, 'h');
    assert_int_equal(connection_manager_set_server_listener_port(port, &why), 0);
    assert_int_equal(dial(old), -1);
    int moved = dial(port);
    expect_byte(moved, 'h');
    expect_echo(fd);
    close(fd);
    close(moved);
}

static void stays_where_it_is_when_the_port_is_taken(void **state)
{
    (void)state;
    int port = connection_manager_server_listener_port(), taken = free_port();
    struct sockaddr_in address = loopback(taken);
    int other = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(other, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(other, 1), 0);
    assert_int_equal(connection_manager_enable_server_listener(true, &why), 0);
    assert_int_equal(connection_manager_set_server_listener_port(taken, &why), -1);
    assert_non_null(strstr(text_string(&why), "cannot listen on 127.0.0.1"));
    assert_int_equal(connection_manager_server_listener_port(), port);
    int fd = dial(port);
    expect_byte(fd, 'h');
    close(fd);
    close(other);
}

static void closes_a_connection_that_the_factory_refuses(void **state)
{
    (void)state;
    refuse = true;
    assert_int_equal(connection_manager_enable_server_listener(true, &why), 0);
    int fd = dial(connection_manager_server_listener_port());
    char byte;
    assert_true(fd >= 0);
    assert_int_equal(read(fd, &byte, 1), 0);
    close(fd);
    refuse = false; /* the loop went on, and its thread has done with the first one */
    fd = dial(connection_manager_server_listener_port());
    expect_byte(fd, 'h');
    close(fd);
}

static void gives_a_reader_back_for_which_there_is_no_thread(void **state)
{
    (void)state;
    stack = (size_t)1 << 46;
    assert_int_equal(connection_manager_enable_server_listener(true, &why), 0);
    scratch_capture_log();
    int fd = dial(connection_manager_server_listener_port());
    char byte;
    ssize_t got = read(fd, &byte, 1);
    char *log = scratch_captured_log();
    assert_true(fd >= 0);
    assert_int_equal(got, 0);
    assert_non_null(strstr(log, "no thread for reader-7"));
    free(log);
    close(fd);
    pthread_mutex_lock(&lock);
    assert_int_equal(discarded, 1);
    pthread_mutex_unlock(&lock);
    stack = 131072;
    fd = dial(connection_manager_server_listener_port());
    expect_byte(fd, 'h');
    close(fd);
}

/* has_thread - is there a thread of that name in this process? */
static bool has_thread(const char *name)
{
    bool found = false;
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (struct dirent *task; !found && (task = readdir(tasks)) != NULL;) {
        char path[300], comm[32] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
        FILE *file = fopen(path, "r");
        if (file == NULL)
            continue;
        if (fgets(comm, sizeof comm, file) != NULL)
            found = strcspn(comm, "\n") == strlen(name) && strncmp(comm, name, strlen(name)) == 0;
        fclose(file);
    }
    closedir(tasks);
    return found;
}

static void listens_by_create_and_accepts_by_start(void **state)
{
    (void)state;
    int port = connection_manager_server_listener_port();
    char byte, name[32];
    snprintf(name, sizeof name, "accept-%d", port);
    assert_int_equal(connection_manager_create_server_listener("127.0.0.1", &why), 0);
    int fd = dial(port);
    assert_true(fd >= 0); /* it waits in the backlog */
    assert_false(has_thread(name));
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(connection_manager_start_server_listener(&why), 0);
    expect_byte(fd, 'h');
    assert_true(has_thread(name));
    assert_int_equal(connection_manager_enable_server_listener(true, &why), 0); /* it is */
    expect_echo(fd);
    assert_int_equal(connection_manager_enable_server_listener(false, &why), 0);
    assert_false(has_thread(name));
    assert_int_equal(connection_manager_enable_server_listener(false, &why), 0);
    close(fd);
}

static void refuses_an_address_that_is_none_or_not_ours(void **state)
{
    (void)state;
    static const char *const bad[] = {"nowhere", "127.0.0.1:5269", "192.0.2.1", "2001:db8::1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        text_clear(&why);
        assert_int_equal(connection_manager_create_server_listener(bad[i], &why), -1);
        assert_non_null(strstr(text_string(&why), i < 2 ? bad[i] : "cannot listen on"));
        assert_false(connection_manager_is_server_listener_enabled());
    }
}

static void remembers_a_port_while_it_is_off_and_says_later_that_it_is_taken(void **state)
{
    (void)state;
    int taken = free_port();
    struct sockaddr_in address = loopback(taken);
    int other = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(other, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(other, 1), 0);
    assert_int_equal(connection_manager_set_server_listener_port(taken, &why), 0);
    assert_int_equal(connection_manager_server_listener_port(), taken);
    assert_int_equal(connection_manager_enable_server_listener(true, &why), -1);
    assert_non_null(strstr(text_string(&why), "cannot listen on 127.0.0.1"));
    assert_false(connection_manager_is_server_listener_enabled());
    close(other);
    assert_int_equal(connection_manager_enable_server_listener(true, &why), 0);
    int fd = dial(taken);
    expect_byte(fd, 'h');
    close(fd);
}

static void waits_for_the_last_thread_until_the_deadline(void **state)
{
    (void)state;
    assert_int_equal(thread_wait_all(xmpp_server_now() + 15000), 0);
    assert_int_equal(connection_manager_enable_server_listener(true, &why), 0);
    int one = dial(connection_manager_server_listener_port());
    int two = dial(connection_manager_server_listener_port());
    expect_byte(one, 'h');
    expect_byte(two, 'h');
    int64_t before = xmpp_server_now();
    assert_int_equal(thread_wait_all(before + 50), 2);
    assert_true(xmpp_server_now() >= before + 50);
    close(one);
    close(two);
    assert_int_equal(thread_wait_all(xmpp_server_now() + 15000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs_a_reader_on_a_thread_of_its_own_named_as_it_says,
                                        start, stop),
        cmocka_unit_test_setup_teardown(keeps_live_connections_when_it_is_switched_off, start,
                                        stop),
        cmocka_unit_test_setup_teardown(moves_to_another_port, start, stop),
        cmocka_unit_test_setup_teardown(stays_where_it_is_when_the_port_is_taken, start, stop),
        cmocka_unit_test_setup_teardown(closes_a_connection_that_the_factory_refuses, start, stop),
        cmocka_unit_test_setup_teardown(gives_a_reader_back_for_which_there_is_no_thread, start,
                                        stop),
        cmocka_unit_test_setup_teardown(listens_by_create_and_accepts_by_start, start, stop),
        cmocka_unit_test_setup_teardown(refuses_an_address_that_is_none_or_not_ours, start, stop),
        cmocka_unit_test_setup_teardown(
            remembers_a_port_while_it_is_off_and_says_later_that_it_is_taken, start, stop),
        cmocka_unit_test_setup_teardown(waits_for_the_last_thread_until_the_deadline, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
