/* SPDX-License-Identifier: Apache-2.0 */
/* element - one XML element in its stanza's arena
 *
 * Openfire: org.dom4j.Element. Namespaces in XML 1.0 for what is written.
 *
 * How an element is written: a name in no prefix gets xmlns only where its namespace is not the
 * one in force; a prefix is declared where it is first used unless a declaration in force already
 * binds it to that namespace; declarations that stood on an element stay there, used or not, as
 * QNames in content may need them. An element whose namespace is the style's from_ns is written
 * without prefix in to_ns wherever it stands, so that the reader sees the same names as we did.
 * Pure; one thread at a time; nothing here is freed but with the arena.
 */
#include "xml/element.h"

#include <stdint.h>
#include <string.h>

#include "xml/sixteen.h"
#include "xml/xmlns.h"

static struct element *new_node(struct arena *arena)
{
    struct element *element = element_new(arena, NULL, NULL);
    element->ns = NULL;
    return element;
}

struct element *element_add(struct arena *arena, struct element *parent, const char *name,
                            const char *ns)
{
    struct element *child = element_new(arena, name, ns != NULL ? ns : parent->ns);
    element_append(parent, child);
    return child;
}

/* extend_text - in place, or not at all */
static bool extend_text(struct arena *arena, struct element *node, const char *bytes, size_t length)
{
    if (!arena_extend(arena, node->text, node->text_length + 1, length))
        return false;
    char *end = (char *)(uintptr_t)node->text + node->text_length; /* the arena's, so writable */
    memcpy(end, bytes, length);
    end[length] = '\0';
    node->text_length += length;
    return true;
}

void element_add_text(struct arena *arena, struct element *parent, const char *bytes, size_t length)
{
    struct element *last = parent->last_child;
    if (last != NULL && last->name == NULL && extend_text(arena, last, bytes, length))
        return;
    struct element *node = new_node(arena);
    node->text = arena_copy(arena, bytes, length);
    node->text_length = length;
    element_append(parent, node);
}

static void append_attribute(struct element *element, struct attribute *attribute)
{
    attribute->next = NULL;
    if (element->last_attribute != NULL)
        element->last_attribute->next = attribute;
    else
        element->attributes = attribute;
    element->last_attribute = attribute;
}

static void remove_attribute(struct element *element, const char *name)
{
    struct attribute *before = NULL;
    for (struct attribute *each = element->attributes; each != NULL;
         before = each, each = each->next) {
        if (each->prefix != NULL || strcmp(each->name, name) != 0)
            continue;
        if (before != NULL)
            before->next = each->next;
        else
            element->attributes = each->next;
        if (element->last_attribute == each)
            element->last_attribute = before;
        return;
    }
}

void element_set(struct arena *arena, struct element *element, const char *name, const char *value)
{
    if (value == NULL) {
        remove_attribute(element, name);
        return;
    }
    struct attribute *attribute = element->attributes;
    while (attribute != NULL && (attribute->prefix != NULL || strcmp(attribute->name, name) != 0))
        attribute = attribute->next;
    if (attribute == NULL) {
        attribute = arena_alloc(arena, sizeof *attribute);
        *attribute = (struct attribute){.name = name};
        append_attribute(element, attribute);
    }
    attribute->value_length = strlen(value);
    attribute->value = arena_copy(arena, value, attribute->value_length);
}

const struct attribute *element_get_attribute(const struct element *element, const char *name)
{
    for (const struct attribute *each = element->attributes; each != NULL; each = each->next)
        if (each->prefix == NULL && element_same(each->name, name))
            return each;
    return NULL;
}

const char *element_get(const struct element *element, const char *name)
{
    const struct attribute *attribute = element_get_attribute(element, name);
    return attribute != NULL ? attribute->value : NULL;
}

const char *element_lang(const struct element *element)
{
    for (const struct attribute *each = element->attributes; each != NULL; each = each->next)
        if (each->ns != NULL && element_same(each->ns, XMLNS_XML) &&
            element_same(each->name, "lang"))
            return each->value;
    return NULL;
}

static struct element *skip_text(struct element *node)
{
    while (node != NULL && node->name == NULL)
        node = node->next;
    return node;
}

struct element *element_first(const struct element *element)
{
    return skip_text(element->children);
}

struct element *element_next(const struct element *element)
{
    return skip_text(element->next);
}

struct element *element_child(const struct element *element, const char *name, const char *ns)
{
    struct element *child = element_first(element);
    while (child != NULL &&
           !(element_same(child->name, name) && (ns == NULL || element_same(child->ns, ns))))
        child = element_next(child);
    return child;
}

const char *element_text(const struct element *element, struct arena *arena)
{
    size_t length = 0;
    for (const struct element *each = element->children; each != NULL; each = each->next)
        length += each->name == NULL ? each->text_length : 0;
    char *text = arena_alloc(arena, length + 1);
    length = 0;
    for (const struct element *each = element->children; each != NULL; each = each->next) {
        if (each->name != NULL)
            continue;
        memcpy(text + length, each->text, each->text_length);
        length += each->text_length;
    }
    text[length] = '\0';
    return text;
}

/* --- copying ------------------------------------------------------------------------------------
 */

static const char *copy_string(struct arena *arena, const char *string)
{
    return string != NULL ? arena_copy(arena, string, strlen(string)) : NULL;
}

static void copy_attributes(struct arena *arena, struct element *copy,
                            const struct element *element)
{
    for (const struct attribute *each = element->attributes; each != NULL; each = each->next) {
        struct attribute *attribute = arena_alloc(arena, sizeof *attribute);
        *attribute = (struct attribute){.name = copy_string(arena, each->name),
                                        .prefix = copy_string(arena, each->prefix),
                                        .ns = copy_string(arena, each->ns),
                                        .value = arena_copy(arena, each->value, each->value_length),
                                        .value_length = each->value_length};
        append_attribute(copy, attribute);
    }
}

static void copy_declarations(struct arena *arena, struct element *copy,
                              const struct element *element)
{
    struct namespace_declaration **at = &copy->declarations;
    for (const struct namespace_declaration *each = element->declarations; each != NULL;
         each = each->next) {
        struct namespace_declaration *declaration = arena_alloc(arena, sizeof *declaration);
        declaration->prefix = copy_string(arena, each->prefix);
        declaration->uri = copy_string(arena, each->uri);
        *at = declaration;
        at = &declaration->next;
    }
    *at = NULL;
}

/* copy_node - one node without what is below it */
static struct element *copy_node(struct arena *arena, const struct element *element)
{
    struct element *copy = new_node(arena);
    if (element->name == NULL) {
        copy->text = arena_copy(arena, element->text, element->text_length);
        copy->text_length = element->text_length;
        return copy;
    }
    copy->name = copy_string(arena, element->name);
    copy->prefix = copy_string(arena, element->prefix);
    copy->ns = copy_string(arena, element->ns);
    copy_attributes(arena, copy, element);
    copy_declarations(arena, copy, element);
    return copy;
}

struct element *element_copy(struct arena *arena, const struct element *element)
{
    /* Walked without recursion, so that the depth of what a peer wrote costs no stack. */
    struct element *copy = copy_node(arena, element), *into = copy;
    const struct element *at = element;
    for (;;) {
        if (at->children != NULL) {
            at = at->children;
        } else {
            while (at != element && at->next == NULL) {
                at = at->parent;
                into = into->parent;
            }
            if (at == element)
                return copy;
            at = at->next;
            into = into->parent;
        }
        struct element *next = copy_node(arena, at);
        element_append(into, next);
        into = next;
    }
}

/* --- writing ------------------------------------------------------------------------------------
 */

/* The prefixes bound in what has been written so far, innermost last. Small stanzas bind one or
 * none. */
struct binding {
    const char *prefix, *uri;
    unsigned level;
};

#define BINDINGS_KEPT 8

struct writer {
    struct text *out;
    const char *from_ns, *to_ns; /* "" for none */
    struct binding few[BINDINGS_KEPT], *bindings;
    size_t count, room;
    struct text many; /* holds the bindings when they are more than a few */
};

static void bind_prefix(struct writer *writer, const char *prefix, const char *uri, unsigned level)
{
    if (writer->count == writer->room) {
        struct text larger = TEXT_EMPTY;
        text_reserve(&larger, writer->room * 2 * sizeof(struct binding));
        memcpy(larger.bytes, writer->bindings, writer->count * sizeof(struct binding));
        text_free(&writer->many);
        writer->many = larger;
        writer->bindings = (struct binding *)(void *)larger.bytes;
        writer->room *= 2;
    }
    writer->bindings[writer->count++] = (struct binding){prefix, uri, level};
}

static const char *find_binding(const struct writer *writer, const char *prefix)
{
    for (size_t i = writer->count; i > 0; i--)
        if (element_same(writer->bindings[i - 1].prefix, prefix))
            return writer->bindings[i - 1].uri;
    return NULL;
}

/* write_attribute - ' name="value"', with a prefix unless that is NULL. Room is looked for once: these are many. */
static void write_attribute(struct text *out, const char *prefix, const char *name,
                            size_t name_length, const char *value, size_t length)
{
    size_t prefix_length = prefix != NULL ? strlen(prefix) : 0;
    text_reserve(out, prefix_length + name_length + length + 5);
    char *at = out->bytes + out->length;
    *at++ = ' ';
    if (prefix != NULL) {
        memcpy(at, prefix, prefix_length);
        at += prefix_length;
        *at++ = ':';
    }
    sixteen_copy(at, name, name_length);
    at += name_length;
    *at++ = '=';
    *at++ = '"';
    bool plain = text_is_plain(value, length, true);
    if (plain) {
        sixteen_copy(at, value, length);
        at += length;
    }
    out->length = (size_t)(at - out->bytes);
    if (!plain)
        text_append_escaped(out, value, length, true);
    text_append_char(out, '"');
}

static void write_declaration(struct writer *writer, const char *prefix, const char *uri,
                              unsigned level)
{
    write_attribute(writer->out, "xmlns", prefix, strlen(prefix), uri, strlen(uri));
    bind_prefix(writer, prefix, uri, level);
}

/* declared_here - does the element itself bind this prefix? */
static bool declared_here(const struct writer *writer, const char *prefix, unsigned level)
{
    for (size_t i = writer->count; i > 0 && writer->bindings[i - 1].level == level; i--)
        if (element_same(writer->bindings[i - 1].prefix, prefix))
            return true;
    return false;
}

/* need_prefix - make sure that the prefix means that namespace here */
static void need_prefix(struct writer *writer, const char *prefix, const char *ns, unsigned level)
{
    const char *bound = find_binding(writer, prefix);
    if ((bound == NULL || !element_same(bound, ns)) && !declared_here(writer, prefix, level))
        write_declaration(writer, prefix, ns, level);
}

/* How an element's own name is written. */
struct tag {
    const char *ns;     /* the namespace that it is written in */
    const char *prefix; /* NULL for none */
    const char *name;
    size_t prefix_length, name_length;
};

static struct tag make_tag(const struct writer *writer, const struct element *element)
{
    struct tag tag = {.ns = element->ns, .prefix = element->prefix, .name = element->name};
    tag.name_length = element->name_length > 0 ? element->name_length : strlen(element->name);
    if (writer->from_ns[0] != '\0' && element_same(element->ns, writer->from_ns)) {
        tag.ns = writer->to_ns;
        tag.prefix = NULL;
    }
    tag.prefix_length = tag.prefix != NULL ? strlen(tag.prefix) : 0;
    return tag;
}

/* write_tag - "<" or "</" and the name */
static void write_tag(struct text *out, const struct tag *tag, bool end)
{
    text_reserve(out, tag->prefix_length + tag->name_length + 4);
    char *at = out->bytes + out->length;
    *at++ = '<';
    if (end)
        *at++ = '/';
    if (tag->prefix != NULL) {
        sixteen_copy(at, tag->prefix, tag->prefix_length);
        at += tag->prefix_length;
        *at++ = ':';
    }
    sixteen_copy(at, tag->name, tag->name_length);
    at += tag->name_length;
    if (end)
        *at++ = '>';
    *at = '\0';
    out->length = (size_t)(at - out->bytes);
}

/* write_attributes - their prefixes first, where one is new */
static void write_attributes(struct writer *writer, const struct element *element, unsigned level)
{
    for (const struct attribute *each = element->attributes; each != NULL; each = each->next)
        if (each->prefix != NULL && strcmp(each->prefix, "xml") != 0)
            need_prefix(writer, each->prefix, each->ns, level);
    for (const struct attribute *each = element->attributes; each != NULL; each = each->next) {
        size_t name_length = each->name_length > 0 ? each->name_length : strlen(each->name);
        write_attribute(writer->out, each->prefix, each->name, name_length, each->value,
                        each->value_length);
    }
}

/* write_start - "<name …", without its end; returns the default namespace for what is below */
static const char *write_start(struct writer *writer, const struct element *element,
                               const struct tag *tag, const char *default_ns, unsigned level)
{
    write_tag(writer->out, tag, false);
    if (tag->prefix == NULL && !element_same(tag->ns, default_ns)) {
        write_attribute(writer->out, NULL, "xmlns", 5, tag->ns, strlen(tag->ns));
        default_ns = tag->ns;
    }
    for (const struct namespace_declaration *each = element->declarations; each != NULL;
         each = each->next)
        if (each->prefix != NULL)
            write_declaration(writer, each->prefix, each->uri, level);
    if (tag->prefix != NULL)
        need_prefix(writer, tag->prefix, tag->ns, level);
    if (element->attributes != NULL)
        write_attributes(writer, element, level);
    return default_ns;
}

/* write_node - an element and what is below it. Recursive: the depth was bounded when it was
 * read (s2s.xml.depth). */
static void write_node(struct writer *writer, const struct element *element, const char *default_ns,
                       unsigned level)
{
    if (element->name == NULL) {
        text_append_escaped(writer->out, element->text, element->text_length, false);
        return;
    }
    size_t bound = writer->count;
    struct tag tag = make_tag(writer, element);
    default_ns = write_start(writer, element, &tag, default_ns, level);
    if (element->children == NULL) {
        text_append(writer->out, "/>", 2);
    } else {
        text_append_char(writer->out, '>');
        for (const struct element *each = element->children; each != NULL; each = each->next)
            write_node(writer, each, default_ns, level + 1);
        write_tag(writer->out, &tag, true);
    }
    writer->count = bound;
}

void element_write(const struct element *element, const struct element_style *style,
                   struct text *out)
{
    struct writer
        writer; /* not cleared as a whole: it is large, and this is called for each stanza */
    writer.out = out;
    writer.from_ns = style != NULL && style->from_ns != NULL ? style->from_ns : "";
    writer.to_ns = style != NULL && style->to_ns != NULL ? style->to_ns : "";
    writer.bindings = writer.few;
    writer.count = 0;
    writer.room = BINDINGS_KEPT;
    writer.many = TEXT_EMPTY;
    write_node(&writer, element, writer.to_ns, 1);
    text_free(&writer.many);
}
