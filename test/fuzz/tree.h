/* tree - a piece of XML as a text that two parsers must agree on
 *
 * The text holds what Namespaces in XML says an element is: expanded names, attributes (sorted),
 * and character data, pieces joined; no prefixes, no declarations. Each string in it stands
 * behind its length, so that no content can look like structure. Made from our own elements, from
 * libxml2's DOM and by expat.
 */
#ifndef TEST_FUZZ_TREE_H
#define TEST_FUZZ_TREE_H

#include "test/fuzz/oracle.h"
#include "xml/element.h"

/* tree_of_element - append the tree of an element as we have it */
void tree_of_element(const struct element *element, struct text *out);
/* tree_by_libxml2, tree_by_expat - parse a whole document and append its tree; false, with the
 * parser's word in `why`, when it is not well-formed */
bool tree_by_libxml2(const struct text *document, struct text *out, struct text *why);
bool tree_by_expat(const struct text *document, struct text *out, struct text *why);
/* tree_check - what we wrote of `element` as a document, both parsers must read as that very
 * element */
void tree_check(const struct element *element, const struct text *document);

#endif
