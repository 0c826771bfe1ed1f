/* element - one XML element in its stanza's arena
 *
 * Openfire: org.dom4j.Element. An element and all below it live in one arena and die with its
 * reset: who keeps an element copies it (element_copy) into an arena of its own. Names, prefixes
 * and namespace names of parsed elements are interned by the parser's dictionary; those of built
 * elements are the caller's constants or arena copies. Compare them as strings. A text node is an
 * element without a name. Pure; one thread at a time.
 */
#ifndef XML_ELEMENT_H
#define XML_ELEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "xml/arena.h"
#include "xml/text.h"

struct attribute {
    struct attribute *next;
    const char *name;
    const char *prefix; /* NULL for an attribute without one */
    const char *ns;     /* NULL exactly when prefix is NULL */
    const char *value;  /* NUL-terminated; XML has no NUL characters */
    size_t value_length;
    unsigned name_length; /* 0: not counted */
};

struct namespace_declaration {
    struct namespace_declaration *next;
    const char *prefix; /* NULL: the default namespace */
    const char *uri;    /* "" un-declares the default namespace */
};

struct element {
    const char *name;   /* NULL: this is a text node */
    const char *prefix; /* NULL without one */
    const char *ns;     /* "" when in no namespace, never NULL for a named element */
    struct attribute *attributes, *last_attribute;
    struct namespace_declaration *declarations; /* written on this element itself */
    struct element *parent, *next;
    struct element *children, *last_child;
    const char *text;     /* of a text node: not NUL-terminated beyond text_length */
    size_t text_length;   /* of a text node */
    unsigned name_length; /* 0: not counted */
};

/* element_same - two strings that are often the very same one, interned; those that differ mostly do so in the first byte */
static inline bool element_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && a[0] == b[0] && __builtin_strcmp(a, b) == 0);
}

/* element_init - one without anything below it. Field by field: the compiler would clear it with an instruction that takes longer. */
static inline void element_init(struct element *element, const char *name, const char *ns)
{
    element->name = name;
    element->prefix = NULL;
    element->ns = ns != NULL ? ns : "";
    element->attributes = element->last_attribute = NULL;
    element->declarations = NULL;
    element->parent = element->next = NULL;
    element->children = element->last_child = NULL;
    element->text = NULL;
    element->text_length = 0;
    element->name_length = 0;
}

/* Building. Strings are copied into the arena except `name`, `ns` and attribute names, which
 * must outlive the element (constants, or strings of the same arena). */
static inline struct element *element_new(struct arena *arena, const char *name, const char *ns)
{
    struct element *element = arena_alloc(arena, sizeof *element);
    element_init(element, name, ns);
    return element;
}
/* element_add - append a new child element and return it; `ns` NULL means the parent's */
struct element *element_add(struct arena *arena, struct element *parent, const char *name,
                            const char *ns);
/* element_add_text - append character data; joined to a text node that is last already, where that
 * can be done in place */
void element_add_text(struct arena *arena, struct element *parent, const char *bytes,
                      size_t length);
/* element_set - set an attribute without namespace; `value` NULL removes it */
void element_set(struct arena *arena, struct element *element, const char *name, const char *value);
/* element_append - make `child` (of the same arena, without parent) the last child */
static inline void element_append(struct element *parent, struct element *child)
{
    child->parent = parent;
    child->next = NULL;
    if (parent->last_child != NULL)
        parent->last_child->next = child;
    else
        parent->children = child;
    parent->last_child = child;
}

/* Reading */
static inline bool element_is(const struct element *element, const char *name, const char *ns)
{
    return element->name != NULL && element_same(element->name, name) &&
           element_same(element->ns, ns);
}
/* element_get - the value of an attribute without namespace, or NULL */
const char *element_get(const struct element *element, const char *name);
const struct attribute *element_get_attribute(const struct element *element, const char *name);
/* element_lang - the value of xml:lang on this element, or NULL */
const char *element_lang(const struct element *element);
/* element_child - the first child element of that name and namespace (NULL: any), or NULL */
struct element *element_child(const struct element *element, const char *name, const char *ns);
/* element_first, element_next - walk the child elements, stepping over text */
struct element *element_first(const struct element *element);
struct element *element_next(const struct element *element);
/* element_text - all character data directly below, joined; in `arena`, NUL-terminated, never NULL
 */
const char *element_text(const struct element *element, struct arena *arena);

/* element_copy - a deep copy in `arena`, every string too; it has no parent. Namespace prefixes
 * that the original inherits from outside of it are declared on the copy where they are used. */
struct element *element_copy(struct arena *arena, const struct element *element);

/* How to write an element. `from_ns` is what our side calls the content namespace of the stream
 * the element was read from (elements in it are written without prefix in the namespace `to_ns`,
 * which the receiving stream has declared as its default, so no xmlns is written for them). With
 * NULL for both, an element is written so that it stands alone. */
struct element_style {
    const char *from_ns;
    const char *to_ns;
};

/* element_write - append the canonical form: double quotes, escaped, declarations as they were
 * plus those inherited from the stream header that are in use, empty elements closed with />.
 * Reading the output in a stream with default namespace `to_ns` gives the same tree back. Never
 * raw input. */
void element_write(const struct element *element, const struct element_style *style,
                   struct text *out);

#endif
