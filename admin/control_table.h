/* control_table - every command there is
 *
 * One row each: C(function, "words", privilege, streams, "help", "details", parameters...). The server makes the table of
 * commands from it (admin/control_commands.c), with control_<function> to run each; openfire-s2sctl makes its help, its
 * check of arguments and its completion from the very same rows; the web console is to use the server's. A new command
 * is a new row, and a function.
 *
 * A parameter is REQUIRED(name, type, completes, help), OPTIONAL(...), NUMBER(name, min, max, help),
 * OPTIONAL_NUMBER(...), WORD(name, "a|b", help), OPTIONAL_WORD(...), or FLAG(name, help); admin/control_request.h says
 * what a struct control_parameter holds.
 */
#ifndef ADMIN_CONTROL_TABLE_H
#define ADMIN_CONTROL_TABLE_H

#define REQUIRED(name, type, completes, help)             \
    {                                                     \
        name, CONTROL_##type, true, completes, 0, 0, help \
    }
#define OPTIONAL(name, type, completes, help)              \
    {                                                      \
        name, CONTROL_##type, false, completes, 0, 0, help \
    }
#define NUMBER(name, min, max, help)                     \
    {                                                    \
        name, CONTROL_NUMBER, true, NULL, min, max, help \
    }
#define OPTIONAL_NUMBER(name, min, max, help)             \
    {                                                     \
        name, CONTROL_NUMBER, false, NULL, min, max, help \
    }
#define WORD(name, words, help)                     \
    {                                               \
        name, CONTROL_WORD, true, words, 0, 0, help \
    }
#define OPTIONAL_WORD(name, words, help)             \
    {                                                \
        name, CONTROL_WORD, false, words, 0, 0, help \
    }
#define FLAG(name, help)                            \
    {                                               \
        name, CONTROL_FLAG, false, NULL, 0, 0, help \
    }
#define NOTHING                                     \
    {                                               \
        NULL, CONTROL_TEXT, false, NULL, 0, 0, NULL \
    }

#define CONTROL_COMMANDS(C)                                                                        \
    C(status, "status", READ, false, "What runs, since when, and how much of it.",                 \
      "Version, domains, listeners, sessions, traffic, and the settings that wait for a restart.", \
      NOTHING)                                                                                     \
    C(sessions, "sessions", READ, false,                                                           \
      "The live sessions: all, those with one domain, or one stream.",                             \
      "A stream is named as in the log (s2sin-4f, s2sout-1c, comp-2) or by its stream id. "        \
      "Without any session that fits, the condition is not-found.",                                \
      OPTIONAL("domain-or-stream", TEXT, "session", "a domain, or the name or id of a stream"),    \
      OPTIONAL_WORD("--sort", "name|domain|state|since|active|stanzas|bytes|queue",                \
                    "what the list is sorted by (default: name)"))                                 \
    C(close, "close", CHANGE, false, "End a stream, or all streams with a domain.",                \
      "The other side is told by a closing tag. What was sent and did not arrive comes back to "   \
      "its senders; a new stream may follow at once (see block).",                                 \
      REQUIRED("domain-or-stream", TEXT, "session", "a domain, or the name or id of a stream"))

#endif
