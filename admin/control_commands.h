/* control_commands - the table of commands, and how one is run
 *
 * Openfire: what the pages of its admin console do, each for itself. Here one table serves the control socket (and so
 * openfire-s2sctl) and the console: a command takes checked arguments and fills in a JSON answer, or an error with a
 * sentence. It may send events before its answer. Who changes something is written to the audit log by the dispatcher;
 * no command has to remember it.
 *
 * Threads: any number at once, each with its own call. No lock is held while a command runs; what it calls has its own.
 */
#ifndef ADMIN_CONTROL_COMMANDS_H
#define ADMIN_CONTROL_COMMANDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "admin/control_request.h"
#include "xml/text.h"

extern const struct control_command control_commands[];
extern const size_t control_command_count;

/* How a command ended; the words are the protocol's. */
enum control_condition {
    CONTROL_OK,
    CONTROL_INVALID,   /* "invalid": the request makes no sense as it is */
    CONTROL_NOT_FOUND, /* "not-found": what it names does not exist */
    CONTROL_REFUSED, /* "refused": understood, and not done for the reason given; nothing has changed */
    CONTROL_DENIED, /* "denied": not for this caller */
    CONTROL_FAILED  /* "failed": tried, and the system or the other side said no */
};

/* Who asks. All borrowed for the call. */
struct control_caller {
    const char *via;  /* "control socket", "console" */
    const char *user; /* the console's; NULL: see uid */
    long uid, pid;    /* of the control socket's client; -1: none */
    bool may_change;
};

/* Where events go, and whether anybody still wants them. */
struct control_sink {
    /* send one event (borrowed); false: nobody takes it any more. May wait, within limits of its own. */
    bool (*event)(struct control_sink *sink, const json_t *event);
    /* is the answer still wanted? Never waits. */
    bool (*is_wanted)(struct control_sink *sink);
};

/* One command being run. */
struct control_call {
    const struct control_command *command;
    struct control_value values[CONTROL_PARAMETERS_MAX];
    bool hidden[CONTROL_PARAMETERS_MAX]; /* a secret: not for the audit log */
    const struct control_caller *caller;
    struct control_sink *sink; /* NULL: events are dropped */
    json_t *result;            /* owned; NULL is null */
    enum control_condition condition;
    struct text error;
    json_t *before, *after; /* for the audit log; owned */
};

/* control_commands_run - find, check and run the command of these words. The whole answer, the caller's: {"ok":true,"result":…}
 * or {"ok":false,"condition":…,"error":…}. `sink` may be NULL. Blocks as long as the command does. */
json_t *control_commands_run(const struct control_words *words, const struct control_caller *caller,
                             struct control_sink *sink);
/* control_commands_error - such an answer for what never became a command */
json_t *control_commands_error(enum control_condition condition, const char *error);

/* For the functions of commands: */

/* control_call_text - the argument of that parameter, or NULL: not given. Borrowed. */
const char *control_call_text(const struct control_call *call, const char *parameter);
/* control_call_number - the same for a number, with what counts when it is not given */
int64_t control_call_number(const struct control_call *call, const char *parameter,
                            int64_t otherwise);
bool control_call_flag(const struct control_call *call, const char *parameter);
/* control_call_fail - the command ends so */
void control_call_fail(struct control_call *call, enum control_condition condition,
                       const char *format, ...) __attribute__((format(printf, 3, 4)));
/* control_call_event - send it on its way (takes it). false: nobody takes it any more. */
bool control_call_event(struct control_call *call, json_t *event);
bool control_call_is_wanted(const struct control_call *call);
/* control_call_hide - this argument is a secret */
void control_call_hide(struct control_call *call, const char *parameter);
/* control_call_audit - write its line to the audit log now: for what changes nothing and is to be known all the same */
void control_call_audit(struct control_call *call);
/* control_call_changed - for the audit log: what it was and what it is now (takes both; NULL: nothing) */
void control_call_changed(struct control_call *call, json_t *before, json_t *after);

/* control_json_text - a JSON string of any bytes (what is no UTF-8 is escaped), null for NULL */
json_t *control_json_text(const char *text);
/* control_json_time - the moment `ago` ms ago, "2026-11-24T04:15:02Z" */
json_t *control_json_time(int64_t ago);

#endif
