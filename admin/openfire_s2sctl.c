/* SPDX-License-Identifier: Apache-2.0 */
/* openfire_s2sctl - controls a running server from the shell
 *
 * Openfire: none; its web console does this. A root: nothing includes it. One command, one connection to the control
 * socket (admin/control_socket.h), one answer: for a person, or as JSON.
 *
 * Exit status, for scripts:
 *   0  done
 *   1  understood, and refused, denied or failed
 *   2  the command line or an argument is wrong
 *   3  no server answers
 *   4  what was named does not exist
 */
#include <errno.h>
#include <jansson.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "admin/ctl_check.h"
#include "admin/ctl_client.h"
#include "admin/ctl_commands.h"
#include "admin/ctl_import.h"
#include "admin/ctl_view.h"
#include "server/xmpp_server.h"

#define SYSTEM_FILE "/etc/openfire-s2s/openfire-s2s.conf"

enum status { DONE, NOT_DONE, MISUSED, NO_SERVER, NOT_THERE };

struct options {
    const char *file, *socket, *colour;
    int64_t timeout; /* ms */
    bool json, help, version, complete;
    struct control_words words; /* borrowed from argv */
};

static void print_usage(FILE *to)
{
    fputs(
        "usage: openfire-s2sctl [-c FILE | -s SOCKET] [--json] [--color=WHEN] [--timeout=SECONDS] "
        "COMMAND [ARGUMENT]...\n"
        "  -c FILE             the server's settings, which say where its socket is (default:\n"
        "                      ./openfire-s2s.conf, else " SYSTEM_FILE ")\n"
        "  -s SOCKET           the socket itself (or in OPENFIRE_S2S_SOCKET)\n"
        "  --json              print the answer as JSON\n"
        "  --color=WHEN        always, never or auto: on a terminal (the default)\n"
        "  --timeout=SECONDS   how long an answer may take (default 60)\n"
        "  COMMAND --help      about one command; `help` lists all of them\n"
        "  --version           of this program\n"
        "Exit status: 0 done, 1 refused or failed, 2 misused, 3 no server answers, 4 not found.\n",
        to);
}

/* --- options --- */

/* take_value - of the option at argv[*i]: behind '=' or the next argument; NULL when it is another option */
static const char *take_value(char **argv, int *i, const char *option)
{
    size_t length = strlen(option);
    if (strncmp(argv[*i], option, length) != 0)
        return NULL;
    if (argv[*i][length] == '=' && option[1] == '-')
        return argv[*i] + length + 1;
    if (argv[*i][length] != '\0')
        return NULL;
    return argv[*i + 1] != NULL ? argv[++*i] : "";
}

/* read_option - is this one of ours? They may stand anywhere before "--"; those with one dash only before the command. */
static bool read_option(struct options *options, char **argv, int *i)
{
    const char *value;
    bool first = options->words.count == 0;
    if (strcmp(argv[*i], "--json") == 0)
        options->json = true;
    else if (strcmp(argv[*i], "--help") == 0 || (first && strcmp(argv[*i], "-h") == 0))
        options->help = true;
    else if (strcmp(argv[*i], "--version") == 0)
        options->version = true;
    else if (first && strcmp(argv[*i], "--complete") == 0)
        options->complete = true;
    else if (first && (value = take_value(argv, i, "-c")) != NULL)
        options->file = value;
    else if (first && (value = take_value(argv, i, "-s")) != NULL)
        options->socket = value;
    else if ((value = take_value(argv, i, "--color")) != NULL)
        options->colour = value;
    else if ((value = take_value(argv, i, "--timeout")) != NULL)
        options->timeout = strtoll(value, NULL, 10) * 1000;
    else
        return false;
    return true;
}

static bool read_options(struct options *options, char **argv)
{
    bool ours = true;
    for (int i = 1; argv[i] != NULL; i++) {
        if (options->complete) /* all that follows is the line to be completed */
            ours = false;
        if (ours && strcmp(argv[i], "--") == 0)
            ours = false;
        else if (ours && read_option(options, argv, &i))
            continue;
        else if (ours && options->words.count == 0 && argv[i][0] == '-')
            return false;
        if (options->words.count == CONTROL_WORDS_MAX)
            return false;
        options->words.word[options->words.count++] = argv[i];
    }
    return options->timeout > 0 &&
           (strcmp(options->colour, "auto") == 0 || strcmp(options->colour, "always") == 0 ||
            strcmp(options->colour, "never") == 0);
}

static struct ctl_style style_of(const struct options *options)
{
    struct winsize size = {0};
    struct ctl_style style = {0};
    const char *term = getenv("TERM"), *none = getenv("NO_COLOR");
    bool terminal = isatty(STDOUT_FILENO);
    if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        style.width = size.ws_col > 0 ? size.ws_col : 80;
    style.colour = strcmp(options->colour, "always") == 0 ||
                   (strcmp(options->colour, "auto") == 0 && terminal &&
                    (none == NULL || none[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0);
    return style;
}

/* --- talking --- */

static int complain(enum status status, const char *why)
{
    struct text line = TEXT_EMPTY;
    ctl_table_escape(why, strlen(why), &line);
    fprintf(stderr, "openfire-s2sctl: %s\n", text_string(&line));
    text_free(&line);
    return status;
}

static const char *file_of(const struct options *options)
{
    if (options->file != NULL)
        return options->file;
    return access("openfire-s2s.conf", F_OK) == 0 || access(SYSTEM_FILE, F_OK) != 0
               ? "openfire-s2s.conf"
               : SYSTEM_FILE;
}

static struct ctl_client *open_client(const struct options *options, struct text *why)
{
    struct text path = TEXT_EMPTY;
    const char *file = file_of(options), *socket = options->socket;
    if (socket == NULL && options->file == NULL)
        socket = getenv("OPENFIRE_S2S_SOCKET");
    if (socket == NULL && ctl_client_socket_of(file, &path, why) < 0) {
        text_append_string(why, "; name the settings by -c or the socket by -s");
        text_free(&path);
        return NULL;
    }
    struct ctl_client *client =
        ctl_client_open(socket != NULL ? socket : text_string(&path), options->timeout, why);
    text_free(&path);
    return client;
}

static void print_json(const json_t *json)
{
    char *dumped =
        json_dumps(json, JSON_ENCODE_ANY | (isatty(STDOUT_FILENO) ? JSON_INDENT(2) : JSON_COMPACT) |
                             JSON_ENSURE_ASCII);
    printf("%s\n", dumped);
    fflush(stdout);
    free(dumped);
}

/* wait_for_end - of the server's process, at most the timeout */
static int wait_for_end(long pid, int64_t timeout)
{
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (fd < 0)
        return errno == ESRCH ? DONE : complain(NOT_DONE, "can't see whether the server ends");
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    int ready = poll(&entry, 1, (int)timeout);
    close(fd);
    return ready > 0 ? DONE : complain(NOT_DONE, "the server has not ended yet");
}

static int status_of(const json_t *answer)
{
    const char *condition = json_string_value(json_object_get(answer, "condition"));
    if (json_is_true(json_object_get(answer, "ok")))
        return DONE;
    return condition == NULL                     ? NOT_DONE
           : strcmp(condition, "invalid") == 0   ? MISUSED
           : strcmp(condition, "not-found") == 0 ? NOT_THERE
                                                 : NOT_DONE;
}

/* show - the final line of the answer */
static int show(const struct options *options, const struct control_command *command,
                const json_t *answer)
{
    struct ctl_style style = style_of(options);
    const char *error = json_string_value(json_object_get(answer, "error"));
    int status = status_of(answer);
    if (options->json)
        print_json(status == DONE ? json_object_get(answer, "result") : answer);
    if (status != DONE)
        return complain(status, error != NULL ? error : "the answer makes no sense");
    const json_t *result = json_object_get(answer, "result");
    if (!options->json)
        ctl_view_print(stdout, command->words, result, &style);
    bool fails = json_is_false(json_object_get(json_object_get(result, "conclusion"), "works"));
    return fails && strcmp(command->words, "check") == 0 ? NOT_DONE : DONE;
}

static void show_event(void *given, const json_t *event)
{
    const struct options *options = given;
    struct ctl_style style = style_of(options);
    if (options->json)
        print_json(event);
    else
        ctl_view_event(stdout, event, &style);
}

/* converse - the request, the events, the answer */
static int converse(struct options *options, const struct control_command *command,
                    struct ctl_client *client)
{
    struct text why = TEXT_EMPTY;
    int status = NO_SERVER;
    json_t *answer = NULL;
    int sent = ctl_client_send(client, options->words.word, options->words.count, &why);
    while (sent == 0 && (answer = ctl_client_receive(
                             client, command->streams ? -1 : options->timeout, &why)) != NULL) {
        const json_t *event = json_object_get(answer, "event");
        if (event == NULL)
            break;
        show_event(options, event);
        json_decref(answer);
    }
    if (answer == NULL)
        complain(NO_SERVER, text_string(&why));
    else
        status = show(options, command, answer);
    bool ends = strcmp(command->words, "drain") == 0 || strcmp(command->words, "stop") == 0;
    if (status == DONE && ends)
        status = wait_for_end(ctl_client_pid(client), options->timeout);
    json_decref(answer);
    text_free(&why);
    return status;
}

/* --- help and completion: without a server, if need be --- */

static int print_help(const struct options *options)
{
    struct control_words words = options->words;
    int used = 0;
    if (words.count > 0 && strcmp(words.word[0], "help") == 0) {
        words.count--;
        memmove(&words.word[0], &words.word[1], (size_t)words.count * sizeof words.word[0]);
    }
    const struct control_command *command =
        control_request_find(ctl_commands, ctl_command_count, &words, &used);
    if (command != NULL) {
        ctl_commands_print_help(stdout, command);
    } else if (words.count > 0 && strcmp(words.word[0], "all") == 0) {
        ctl_commands_print_all(stdout);
    } else if (words.count > 0) {
        struct text why = TEXT_EMPTY;
        text_appendf(&why, "there is no command %s", words.word[0]);
        complain(MISUSED, text_string(&why));
        text_free(&why);
        return MISUSED;
    } else {
        print_usage(stdout);
        printf("\nCommands:\n");
        ctl_commands_print_list(stdout);
    }
    return DONE;
}

/* print_safely - a candidate for completion. The shell will hold what is chosen as if it had been typed, and names come from
 * anybody: none with a character that means something to it. */
static void print_safely(FILE *to, const char *name, const char *begins)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    if (name != NULL && strncmp(name, begins, strlen(begins)) == 0 && name[0] != '-' &&
        name[strspn(name, plain)] == '\0')
        fprintf(to, "%s\n", name);
}

/* fetch - the live names of a kind, from the server; nothing when there is none */
static void fetch(FILE *to, const char *what, const char *begins, void *given)
{
    struct options options = *(struct options *)given;
    struct text why = TEXT_EMPTY;
    char *request = strcmp(what, "setting") == 0 ? "settings" : "sessions";
    const char *member = strcmp(what, "setting") == 0 ? "setting" : "remote";
    options.timeout = 1000;
    struct ctl_client *client = open_client(&options, &why);
    json_t *answer = NULL;
    if (client != NULL && ctl_client_send(client, &request, 1, &why) == 0)
        answer = ctl_client_receive(client, options.timeout, &why);
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(answer, "result"), i, row)
    {
        print_safely(to, json_string_value(json_object_get(row, member)), begins);
        if (strcmp(what, "session") == 0)
            print_safely(to, json_string_value(json_object_get(row, "name")), begins);
    }
    json_decref(answer);
    ctl_client_close(client);
    text_free(&why);
}

/* import - by this program itself */
static int import(const struct options *options)
{
    struct text out = TEXT_EMPTY, why = TEXT_EMPTY;
    int result = ctl_import_run(&options->words, file_of(options), options->json, &out, &why);
    fputs(text_string(&out), stdout);
    int status = result == 0 ? DONE : result == CTL_IMPORT_MISUSED ? MISUSED : NOT_DONE;
    if (status != DONE) {
        char *rest = why.bytes; /* a line for each fault */
        for (char *line; (line = strsep(&rest, "\n")) != NULL;)
            complain(status, line);
    }
    text_free(&out);
    text_free(&why);
    return status;
}

/* --- */

/* value_of - of an argument of the command, or NULL */
static const char *value_of(const struct control_command *command,
                            const struct control_value values[], const char *name)
{
    for (int i = 0; command->parameters[i].name != NULL; i++)
        if (strcmp(command->parameters[i].name, name) == 0)
            return values[i].text;
    return NULL;
}

/* make_absolute - the files that are named: the server has another working directory */
static void make_absolute(struct options *options, const struct control_command *command,
                          char *path[CONTROL_PARAMETERS_MAX])
{
    for (int i = 0; command->parameters[i].name != NULL; i++) {
        const struct control_parameter *each = &command->parameters[i];
        size_t length = strlen(each->name);
        if (each->words == NULL || strcmp(each->words, "file") != 0)
            continue;
        for (int k = 0; k < options->words.count; k++) {
            char *word = options->words.word[k];
            if (strncmp(word, each->name, length) != 0 || word[length] != '=' || path[i] != NULL)
                continue;
            char *whole = realpath(word + length + 1, NULL);
            if (whole == NULL) /* the server shall say so */
                continue;
            path[i] = text_format("%s=%s", each->name, whole);
            options->words.word[k] = path[i];
            free(whole);
        }
    }
}

/* check_alone - no server answers, and `why` says why not */
static int check_alone(struct options *options, const struct control_command *command,
                       const struct control_value values[], struct text *why)
{
    const char *limit = value_of(command, values, "--limit");
    struct text fault = TEXT_EMPTY;
    complain(DONE, text_string(why));
    complain(DONE, "without the server, dialback and ping are not tried");
    text_clear(why);
    json_t *result = ctl_check_alone(
        file_of(options), value_of(command, values, "domain"), value_of(command, values, "--from"),
        limit != NULL ? 1000 * strtoll(limit, NULL, 10) : 0, show_event, options, &fault);
    if (result == NULL) {
        text_append_string(why, text_string(&fault));
        text_free(&fault);
        return NOT_DONE;
    }
    json_t *answer = json_pack("{s:b, s:o}", "ok", 1, "result", result);
    int status = show(options, command, answer);
    json_decref(answer);
    return status;
}

static int run(struct options *options)
{
    char *paths[CONTROL_PARAMETERS_MAX] = {NULL};
    struct control_value values[CONTROL_PARAMETERS_MAX] = {{0}};
    struct text why = TEXT_EMPTY;
    int used, status = MISUSED;
    const struct control_command *command =
        control_request_find(ctl_commands, ctl_command_count, &options->words, &used);
    if (command == NULL)
        text_appendf(&why, "there is no command %s", options->words.word[0]);
    else if (strcmp(command->words, CTL_IMPORT) == 0)
        return import(options);
    else if (control_request_read(command, &options->words, used, values, &why) < 0) {
        text_append_string(&why, "; usage: openfire-s2sctl ");
        control_request_usage(command, &why);
    }
    if (why.length == 0) {
        make_absolute(options, command, paths);
        struct ctl_client *client = open_client(options, &why);
        status = client != NULL ? converse(options, command, client)
                 : strcmp(command->words, "check") == 0
                     ? check_alone(options, command, values, &why)
                     : NO_SERVER;
        ctl_client_close(client);
    }
    control_values_free(values);
    for (int i = 0; i < CONTROL_PARAMETERS_MAX; i++)
        free(paths[i]);
    if (why.length > 0)
        complain(status, text_string(&why));
    text_free(&why);
    return status;
}

int main(int argc, char **argv)
{
    struct options options = {.colour = "auto", .timeout = 60000};
    (void)argc;
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8"); /* what we print is UTF-8, and is measured as such */
    signal(SIGPIPE, SIG_DFL);
    if (!read_options(&options, argv)) {
        print_usage(stderr);
        return MISUSED;
    }
    if (options.version) {
        printf("openfire-s2sctl " XMPP_SERVER_VERSION "\n");
        return DONE;
    }
    if (options.complete) {
        ctl_commands_complete(stdout, &options.words, fetch, &options);
        return DONE;
    }
    if (options.help || (options.words.count > 0 && strcmp(options.words.word[0], "help") == 0))
        return print_help(&options);
    if (options.words.count == 0) {
        print_usage(stderr);
        return MISUSED;
    }
    return run(&options);
}
