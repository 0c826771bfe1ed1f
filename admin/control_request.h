/* control_request - a command, its arguments, and a line that asks for it
 *
 * The data of the table of commands (admin/control_table.h) and what can be done with it without running anything:
 * split a line into words, find the command, check its arguments. Shared by the server, which runs commands, and by
 * openfire-s2sctl, which can so refuse a bad one before it connects. Pure, any thread; what comes in is hostile.
 */
#ifndef ADMIN_CONTROL_REQUEST_H
#define ADMIN_CONTROL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xml/text.h"

#define CONTROL_WORDS_MAX 16
#define CONTROL_PARAMETERS_MAX 6

enum control_privilege {
    CONTROL_READ,  /* shows something */
    CONTROL_CHANGE /* changes something: goes to the audit log */
};

enum control_type {
    CONTROL_TEXT,
    CONTROL_DOMAIN, /* a domain name, given to the command in its prepared form (xml/jid.h) */
    CONTROL_NUMBER, /* a whole number within min and max */
    CONTROL_WORD,   /* one of words, in any case */
    CONTROL_FLAG    /* an option without a value */
};

struct control_parameter {
    const char *name; /* "domain"; an option when it begins with "--"; NULL behind the last */
    enum control_type type;
    bool required; /* required ones stand before those that are not */
    const char
        *words; /* of a CONTROL_WORD: "name|since|queue"; else what completion offers, or NULL:
                          "domain" (of live sessions), "session", "setting", "command" */
    int64_t min, max; /* of a CONTROL_NUMBER */
    const char *help;
};

struct control_call;

struct control_command {
    const char *words; /* "listener move" */
    enum control_privilege privilege;
    bool streams;               /* answers event by event */
    const char *help, *details; /* one line; some sentences, "" for none */
    struct control_parameter parameters[CONTROL_PARAMETERS_MAX + 1];
    void (*run)(struct control_call *call); /* NULL in openfire-s2sctl */
};

struct control_words {
    char *word[CONTROL_WORDS_MAX]; /* owned */
    int count;
};

/* control_request_split - the words of a line without its line feed: between blanks; one that begins with '"' is a JSON
 * string and may hold anything but NUL. 0, or -1 with a sentence in `why`. Free with control_words_free in any case. */
int control_request_split(const char *line, size_t length, struct control_words *words,
                          struct text *why);
void control_words_free(struct control_words *words);
/* control_request_quote - append a word in the form that split reads */
void control_request_quote(const char *word, struct text *out);

/* control_request_find - the command whose words these begin with, the longest; `*used` is how many they are. NULL when
 * there is none. */
const struct control_command *control_request_find(const struct control_command *table,
                                                   size_t count, const struct control_words *words,
                                                   int *used);

struct control_value {
    char *text; /* owned; NULL: not given. Of a domain: prepared; of a word: as the table has it */
    int64_t number; /* of a CONTROL_NUMBER */
};

/* control_request_read - the arguments, which begin at word `from`, into values[i] for parameters[i]. 0, or -1 with a
 * sentence. Free with control_values_free in any case. */
int control_request_read(const struct control_command *command, const struct control_words *words,
                         int from, struct control_value values[CONTROL_PARAMETERS_MAX],
                         struct text *why);
void control_values_free(struct control_value values[CONTROL_PARAMETERS_MAX]);

/* control_request_usage - append "listener move PORT [server|direct-tls|component]" */
void control_request_usage(const struct control_command *command, struct text *out);
/* control_request_is_option - does it begin with "--"? */
bool control_request_is_option(const struct control_parameter *parameter);

#endif
