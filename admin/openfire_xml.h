/* openfire_xml - what conf/openfire.xml says
 *
 * Openfire: XMLProperties, JiveGlobals.getXMLProperty. The name of a property there is the way to its element:
 * <jive><network><interface>…</interface></network></jive> is network.interface.
 */
#ifndef ADMIN_OPENFIRE_XML_H
#define ADMIN_OPENFIRE_XML_H

#include "admin/openfire_source.h"

#define OPENFIRE_XML_BYTES (1 << 20) /* of the file */

/* openfire_xml_read - add its properties. 0, or -1 with a sentence in `why`: it is no such file, too large, or
 * has a document type, which could name entities. Nothing outside of it is read. */
int openfire_xml_read(struct openfire_source *source, struct openfire_input *input,
                      struct text *why);

#endif
