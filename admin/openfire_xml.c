/* SPDX-License-Identifier: Apache-2.0 */
/* openfire_xml - what conf/openfire.xml says
 *
 * Openfire: XMLProperties. Read as a whole by libxml2, without network, DTD and entities, within libxml2's own
 * limits of depth. An element with text is a property; attribute encrypted="true" says that its value is
 * encrypted. One thread.
 */
#include "admin/openfire_xml.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#define NAME_BYTES 400 /* of a property's; longer ones are none */

/* The way to an element, and where its properties go */
struct walk {
    struct openfire_source *source;
    struct text name;
    struct openfire_value values[3]; /* name, value, encrypted */
};

static void put_string(struct openfire_value *value, const char *string)
{
    openfire_value_clear(value);
    for (; *string != '\0'; string++)
        openfire_value_put(value, *string);
}

/* read_text - that of the element itself, trimmed; false when it has none */
static bool read_text(const xmlNode *element, struct openfire_value *value)
{
    openfire_value_clear(value);
    for (const xmlNode *each = element->children; each != NULL; each = each->next)
        if (each->type == XML_TEXT_NODE || each->type == XML_CDATA_SECTION_NODE)
            for (const char *byte = (const char *)each->content; *byte != '\0'; byte++)
                if (value->text.length > 0 || strchr(" \t\r\n", *byte) == NULL)
                    openfire_value_put(value, *byte);
    while (value->text.length > 0 &&
           strchr(" \t\r\n", value->text.bytes[value->text.length - 1]) != NULL)
        value->text.bytes[--value->text.length] = '\0';
    return value->text.length > 0 || value->broken;
}

static bool is_encrypted(const xmlNode *element)
{
    xmlChar *value = xmlGetProp(element, (const xmlChar *)"encrypted");
    bool encrypted = value != NULL && xmlStrcasecmp(value, (const xmlChar *)"true") == 0;
    xmlFree(value);
    return encrypted;
}

static void walk_children(struct walk *walk, const xmlNode *parent);

/* walk_element - libxml2 takes no more than 256 levels, so the recursion has an end */
static void walk_element(struct walk *walk, const xmlNode *element)
{
    size_t before = walk->name.length;
    text_appendf(&walk->name, "%s%s", before > 0 ? "." : "", (const char *)element->name);
    if (walk->name.length <= NAME_BYTES) {
        if (read_text(element, &walk->values[1])) {
            put_string(&walk->values[0], text_string(&walk->name));
            put_string(&walk->values[2], is_encrypted(element) ? "1" : "0");
            openfire_source_add(walk->source, OPENFIRE_XML_PROPERTY, walk->values, NULL, 3);
        }
        walk_children(walk, element);
    }
    walk->name.length = before;
    walk->name.bytes[before] = '\0';
}

static void walk_children(struct walk *walk, const xmlNode *parent)
{
    for (const xmlNode *each = parent->children; each != NULL; each = each->next)
        if (each->type == XML_ELEMENT_NODE)
            walk_element(walk, each);
}

/* read_all - the file's bytes; false when there are too many */
static bool read_all(struct openfire_input *input, struct text *bytes)
{
    for (int byte; (byte = openfire_input_next(input)) != EOF;) {
        if (bytes->length == OPENFIRE_XML_BYTES)
            return false;
        text_append_char(bytes, (char)byte);
    }
    return true;
}

int openfire_xml_read(struct openfire_source *source, struct openfire_input *input,
                      struct text *why)
{
    struct text bytes = TEXT_EMPTY;
    xmlDoc *document = NULL;
    const char *fault = NULL;
    if (!read_all(input, &bytes))
        fault = "it is too large to be an openfire.xml";
    else
        document = xmlReadMemory(text_string(&bytes), (int)bytes.length, NULL, NULL,
                                 XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    const xmlNode *root = document != NULL ? xmlDocGetRootElement(document) : NULL;
    if (fault == NULL && root == NULL)
        fault = "it is no well-formed XML";
    else if (fault == NULL && (document->intSubset != NULL || document->extSubset != NULL))
        fault = "it has a document type, which no openfire.xml has";
    else if (fault == NULL && xmlStrcmp(root->name, (const xmlChar *)"jive") != 0)
        fault = "its root is not <jive>";
    if (fault == NULL) {
        struct walk walk = {.source = source};
        walk_children(&walk, root);
        text_free(&walk.name);
        for (int i = 0; i < 3; i++)
            text_free(&walk.values[i].text);
    } else {
        text_append_string(why, fault);
    }
    xmlFreeDoc(document);
    text_free(&bytes);
    return fault == NULL ? 0 : -1;
}
