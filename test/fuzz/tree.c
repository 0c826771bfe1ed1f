/* SPDX-License-Identifier: Apache-2.0 */
/* tree - a piece of XML as a text that two parsers must agree on
 *
 * COMPAT: expat knows the names of XML 1.0's fourth edition, libxml2 those of the fifth, which
 * has more letters; so a document with a name beyond ASCII is not judged by expat.
 */
#include "test/fuzz/tree.h"

#include <expat.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATOR '\1' /* no character of XML, so no name can hold it */

static void add_string(struct text *out, const char *bytes, size_t length)
{
    text_appendf(out, "%zu:", length);
    text_append(out, bytes, length);
}

static void add_name(struct text *out, const char *ns, const char *name)
{
    add_string(out, ns != NULL ? ns : "", ns != NULL ? strlen(ns) : 0);
    add_string(out, name, strlen(name));
}

/* --- attributes, sorted --- */

struct attributes {
    char **made; /* each "ns name value" */
    size_t count;
};

static void add_attribute(struct attributes *list, const char *ns, const char *name,
                          const char *value, size_t length)
{
    struct text one = TEXT_EMPTY;
    add_name(&one, ns, name);
    add_string(&one, value, length);
    list->made = text_realloc(list->made, (list->count + 1) * sizeof *list->made);
    list->made[list->count++] = text_take(&one);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void write_attributes(struct attributes *list, struct text *out)
{
    if (list->count > 1)
        qsort(list->made, list->count, sizeof *list->made, compare);
    for (size_t i = 0; i < list->count; i++) {
        text_append_char(out, '@');
        text_append_string(out, list->made[i]);
        free(list->made[i]);
    }
    free(list->made);
}

/* --- our elements --- */

/* flush - the character data so far, as one piece */
static void flush(struct text *data, struct text *out)
{
    if (data->length > 0) {
        text_append_char(out, '"');
        add_string(out, data->bytes, data->length);
    }
    text_clear(data);
}

void tree_of_element(const struct element *element, struct text *out)
{
    struct attributes list = {0};
    struct text data = TEXT_EMPTY;
    text_append_char(out, '<');
    add_name(out, element->ns, element->name);
    for (const struct attribute *each = element->attributes; each != NULL; each = each->next)
        add_attribute(&list, each->ns, each->name, each->value, each->value_length);
    write_attributes(&list, out);
    for (const struct element *each = element->children; each != NULL; each = each->next) {
        if (each->name == NULL) {
            text_append(&data, each->text, each->text_length);
            continue;
        }
        flush(&data, out);
        tree_of_element(each, out);
    }
    flush(&data, out);
    text_append_char(out, '>');
    text_free(&data);
}

/* --- libxml2's tree --- */

static void tree_of_node(xmlNodePtr node, struct text *out)
{
    struct attributes list = {0};
    struct text data = TEXT_EMPTY;
    text_append_char(out, '<');
    add_name(out, node->ns != NULL ? (const char *)node->ns->href : NULL, (const char *)node->name);
    for (xmlAttrPtr each = node->properties; each != NULL; each = each->next) {
        xmlChar *value = xmlNodeListGetString(node->doc, each->children, 1);
        const char *text = value != NULL ? (const char *)value : "";
        add_attribute(&list, each->ns != NULL ? (const char *)each->ns->href : NULL,
                      (const char *)each->name, text, strlen(text));
        xmlFree(value);
    }
    write_attributes(&list, out);
    for (xmlNodePtr each = node->children; each != NULL; each = each->next) {
        if (each->type == XML_ELEMENT_NODE) {
            flush(&data, out);
            tree_of_node(each, out);
        } else {
            insist(each->type == XML_TEXT_NODE, "we wrote a node of libxml2's type %d", each->type);
            text_append_string(&data, (const char *)each->content);
        }
    }
    flush(&data, out);
    text_append_char(out, '>');
    text_free(&data);
}

/* note - libxml2's complaints; also of namespaces, which leave the document well-formed */
static void note(void *why, xmlErrorPtr error)
{
    if (error->level >= XML_ERR_ERROR && error->code != XML_WAR_NS_URI)
        text_append_string(why, error->message != NULL ? error->message : "?");
}

bool tree_by_libxml2(const struct text *document, struct text *out, struct text *why)
{
    xmlSetStructuredErrorFunc(why, note);
    xmlDocPtr parsed = xmlReadMemory(document->bytes, (int)document->length, NULL, "UTF-8",
                                     XML_PARSE_NONET | XML_PARSE_NOENT);
    xmlSetStructuredErrorFunc(NULL, NULL);
    if (parsed != NULL && why->length == 0)
        tree_of_node(xmlDocGetRootElement(parsed), out);
    xmlFreeDoc(parsed);
    return why->length == 0;
}

/* --- expat --- */

struct building {
    struct text *out;
    struct text data;
};

/* split - expat gives "namespace SEPARATOR name" */
static const char *split(const char *given, char **ns)
{
    const char *separator = strchr(given, SEPARATOR);
    *ns = separator != NULL ? text_copy_n(given, (size_t)(separator - given)) : NULL;
    return separator != NULL ? separator + 1 : given;
}

static void XMLCALL start_element(void *given, const XML_Char *name, const XML_Char **attributes)
{
    struct building *building = given;
    struct attributes list = {0};
    char *ns;
    flush(&building->data, building->out);
    text_append_char(building->out, '<');
    const char *local = split(name, &ns);
    add_name(building->out, ns, local);
    free(ns);
    for (; attributes[0] != NULL; attributes += 2) {
        local = split(attributes[0], &ns);
        add_attribute(&list, ns, local, attributes[1], strlen(attributes[1]));
        free(ns);
    }
    write_attributes(&list, building->out);
}

static void XMLCALL end_element(void *given, const XML_Char *name)
{
    struct building *building = given;
    (void)name;
    flush(&building->data, building->out);
    text_append_char(building->out, '>');
}

static void XMLCALL add_data(void *given, const XML_Char *bytes, int length)
{
    text_append(&((struct building *)given)->data, bytes, (size_t)length);
}

bool tree_by_expat(const struct text *document, struct text *out, struct text *why)
{
    struct building building = {.out = out};
    XML_Parser parser = XML_ParserCreateNS("UTF-8", SEPARATOR);
    XML_SetUserData(parser, &building);
    XML_SetElementHandler(parser, start_element, end_element);
    XML_SetCharacterDataHandler(parser, add_data);
    bool good =
        XML_Parse(parser, document->bytes, (int)document->length, XML_TRUE) == XML_STATUS_OK;
    if (!good)
        text_append_string(why, XML_ErrorString(XML_GetErrorCode(parser)));
    XML_ParserFree(parser);
    text_free(&building.data);
    return good;
}

/* --- both --- */

static bool is_ascii(const char *name)
{
    for (; name != NULL && *name != '\0'; name++)
        if ((unsigned char)*name >= 0x80)
            return false;
    return true;
}

static bool has_ascii_names(const struct element *element)
{
    if (!is_ascii(element->name) || !is_ascii(element->prefix))
        return false;
    for (const struct attribute *each = element->attributes; each != NULL; each = each->next)
        if (!is_ascii(each->name) || !is_ascii(each->prefix))
            return false;
    for (const struct namespace_declaration *each = element->declarations; each != NULL;
         each = each->next)
        if (!is_ascii(each->prefix))
            return false;
    for (const struct element *each = element_first(element); each != NULL;
         each = element_next(each))
        if (!has_ascii_names(each))
            return false;
    return true;
}

static void compare_trees(const char *parser, const struct text *ours, const struct text *theirs,
                          bool good, const struct text *why, const struct text *document)
{
    insist(good, "%s refuses what we wrote: %s\n%s", parser, text_string(why),
           text_string(document));
    insist(strcmp(text_string(ours), text_string(theirs)) == 0, "%s reads another tree\n%s\n%s\n%s",
           parser, text_string(ours), text_string(theirs), text_string(document));
}

void tree_check(const struct element *element, const struct text *document)
{
    struct text ours = TEXT_EMPTY, theirs = TEXT_EMPTY, why = TEXT_EMPTY;
    tree_of_element(element, &ours);
    bool good = tree_by_libxml2(document, &theirs, &why);
    compare_trees("libxml2", &ours, &theirs, good, &why, document);
    text_clear(&theirs);
    if (has_ascii_names(element)) {
        good = tree_by_expat(document, &theirs, &why);
        compare_trees("expat", &ours, &theirs, good, &why, document);
    }
    text_free(&ours);
    text_free(&theirs);
    text_free(&why);
}
