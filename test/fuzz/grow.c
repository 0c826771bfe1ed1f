/* SPDX-License-Identifier: Apache-2.0 */
/* grow - well-formed stanzas out of bytes, so that a fuzzer need not find out what XML is
 *
 * A prefix is used where it is bound; an attribute's expanded name may still stand twice, as two
 * prefixes may be bound to one namespace, and that is refused. One thread.
 */
#include "test/fuzz/grow.h"

#define DEPTH 12
#define ENOUGH 6000 /* bytes, so that a fuzzer makes many runs */

static const char *const prefixes[] = {"p", "q", "db", "xml", "stream"};
enum { PREFIXES = 5, DECLARABLE = 3 };

static const char *const names[] = {"a", "iq", "message", "x", "result", "lang", "to", "stream"};
static const char *const uris[] = {"urn:p",
                                   "urn:q",
                                   "jabber:server",
                                   "jabber:client",
                                   "jabber:component:accept",
                                   "jabber:server:dialback",
                                   "a&amp;b&quot;c&apos;d&lt;e&gt;",
                                   "http://etherx.jabber.org/streams",
                                   " \303\244 x",
                                   "&#9;u&#10;"};
static const char *const texts[] = {
    "x",      "\r\n",   "&lt;&amp;&gt;&quot;&apos;", "\303\244\342\202\254\360\237\230\200",
    "]]&gt;", " \t\n ", "&#13;&#xA;&#x10FFFF;",      "'>\302\205\342\200\250"};
static const char *const cdata[] = {"<![CDATA[<&>]]>", "<![CDATA[]]]]>", "<![CDATA[\r\n]]>",
                                    "<![CDATA[]]>"};

/* pick - one of `count` words */
static const char *pick(struct input *input, const char *const *words, unsigned count)
{
    return words[input_byte(input) % count];
}
#define PICK(input, words) pick(input, words, sizeof words / sizeof *words)

/* bound - which prefixes mean something here, a bit each; those of the header always do */
#define BOUND_BY_HEADER (1u << 0 | 1u << 2 | 1u << 3 | 1u << 4)

/* add_prefix - one that is bound, or none */
static void add_prefix(struct input *input, unsigned bound, struct text *out)
{
    unsigned choice = input_byte(input) % (PREFIXES + 3);
    if (choice < PREFIXES && (bound >> choice & 1) != 0)
        text_appendf(out, "%s:", prefixes[choice]);
}

/* add_declarations - the prefixes bound from here on */
static unsigned add_declarations(struct input *input, unsigned decisions, unsigned bound,
                                 struct text *out)
{
    for (unsigned i = 0; i < DECLARABLE; i++) {
        if ((decisions >> i & 1) == 0)
            continue;
        text_appendf(out, " xmlns:%s='%s'", prefixes[i], PICK(input, uris));
        bound |= 1u << i;
    }
    if ((decisions & 8) != 0)
        text_appendf(out, " xmlns='%s'", (decisions & 16) != 0 ? PICK(input, uris) : "");
    return bound;
}

static void add_attributes(struct input *input, unsigned count, unsigned bound, struct text *out)
{
    for (unsigned i = 0; i < count; i++) {
        text_append_char(out, ' ');
        add_prefix(input, bound, out);
        text_appendf(out, "%s%u=\"%s%s\"", PICK(input, names), i, PICK(input, texts),
                     PICK(input, texts));
    }
}

static bool has_more(const struct input *input, const struct text *out)
{
    return input->length > 0 && out->length < ENOUGH;
}

/* grow - an element; the start tag comes first, and its name is told again at the end */
static void grow(struct input *input, unsigned depth, unsigned bound, struct text *out)
{
    unsigned decisions = input_byte(input);
    struct text name = TEXT_EMPTY, rest = TEXT_EMPTY;
    bound = add_declarations(input, decisions, bound, &rest);
    add_prefix(input, bound, &name);
    text_append_string(&name, PICK(input, names));
    add_attributes(input, decisions >> 5 & 3, bound, &rest);
    text_appendf(out, "<%s%s", name.bytes, text_string(&rest));
    if ((decisions & 128) != 0) {
        text_append_string(out, "/>");
    } else {
        text_append_char(out, '>');
        for (unsigned left = input_byte(input) % 5; left > 0 && has_more(input, out); left--) {
            unsigned kind = input_byte(input) % 4;
            if (kind < 2 && depth < DEPTH)
                grow(input, depth + 1, bound, out);
            else
                text_append_string(out, kind == 2 ? PICK(input, texts) : PICK(input, cdata));
        }
        text_appendf(out, "</%s>", name.bytes);
    }
    text_free(&name);
    text_free(&rest);
}

void grow_stanzas(struct input *input, struct text *out)
{
    while (has_more(input, out)) {
        grow(input, 1, BOUND_BY_HEADER, out);
        if (input_byte(input) % 4 == 0)
            text_append_string(out, "\r\n ");
    }
}
