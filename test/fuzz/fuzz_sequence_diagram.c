/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_sequence_diagram - stories into pictures
 *
 * Input: JSON. What must hold: a story is drawn or refused with nothing written; what was drawn is well-formed XML by libxml2, has no
 * elements but the picture's own and no attribute that runs, links or loads anything, and is bounded by the number of steps.
 */
#include <jansson.h>
#include <libxml/parser.h>
#include <string.h>

#include "admin/sequence_diagram.h"
#include "test/fuzz/oracle.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

static void say_nothing(void *context, const char *message, ...)
{
    (void)context;
    (void)message;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    xmlSetGenericErrorFunc(NULL, say_nothing);
    return 0;
}

static void check_node(const xmlNode *node)
{
    static const char *const known[] = {"svg",  "title", "desc", "style",
                                        "rect", "line",  "path", "text"};
    bool found = false;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        found |= strcmp((const char *)node->name, known[i]) == 0;
    insist(found, "an element <%s>", (const char *)node->name);
    for (const xmlAttr *each = node->properties; each != NULL; each = each->next) {
        const char *name = (const char *)each->name;
        insist(strncmp(name, "on", 2) != 0 && strcmp(name, "href") != 0 &&
                   strcmp(name, "style") != 0,
               "an attribute %s", name);
    }
    for (const xmlNode *each = node->children; each != NULL; each = each->next) {
        insist(each->type == XML_ELEMENT_NODE || each->type == XML_TEXT_NODE, "a node of type %d",
               (int)each->type);
        if (each->type == XML_ELEMENT_NODE)
            check_node(each);
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    json_t *story = json_loadb((const char *)data, size, JSON_DECODE_ANY, NULL);
    if (story == NULL)
        return 0;
    struct text svg = TEXT_EMPTY;
    size_t steps = json_array_size(json_object_get(story, "steps"));
    if (sequence_diagram_write(story, &svg) == 0) {
        xmlDoc *document = xmlReadMemory(svg.bytes, (int)svg.length, "svg", NULL, XML_PARSE_NONET);
        insist(document != NULL, "not well-formed: %s", svg.bytes);
        check_node(xmlDocGetRootElement(document));
        xmlFreeDoc(document);
        insist(svg.length < 60000 + 12000 * steps, "%zu bytes of %zu steps", svg.length, steps);
    } else {
        insist(svg.length == 0, "refused, and written");
    }
    text_free(&svg);
    json_decref(story);
    return 0;
}
