/* stream_header - build and read <stream:stream> and its features
 *
 * RFC 6120 4.7, XEP-0220 2.4. Openfire: the header strings of LocalIncomingServerSession and
 * LocalOutgoingServerSession. Pure.
 */
#ifndef XML_STREAM_HEADER_H
#define XML_STREAM_HEADER_H

#include <stdbool.h>

#include "xml/element.h"

/* What a received header says. Borrows from the header element. */
struct stream_header {
    const char *to, *from, *id, *lang; /* as written, NULL when absent */
    bool is_stream;                    /* the root element is {XMLNS_STREAM}stream */
    const char *stream_ns;             /* namespace of the root element, "" when none */
    const char *content_ns;            /* the default namespace declared on it, "" when none */
    bool allows_multiple;   /* Openfire's attribute allowMultiple, for components, is there */
    bool declares_dialback; /* some prefix is bound to XMLNS_DIALBACK */
    bool has_version;       /* the attribute is there */
    bool version_valid;     /* and reads as digits "." digits */
    unsigned major, minor;  /* 0.0 when absent or not valid */
};

/* stream_header_read - read a header element; never fails, the caller judges */
void stream_header_read(struct stream_header *header, const struct element *element);

/* What we write. NULL attributes are left out. All values are escaped. */
struct stream_header_fields {
    const char *to, *from, *id, *lang;
    const char *content_ns; /* XMLNS_SERVER */
    bool dialback;          /* declare xmlns:db */
    bool version;           /* version='1.0' */
};

/* stream_header_write - append the XML declaration and our <stream:stream …> */
void stream_header_write(struct text *out, const struct stream_header_fields *fields);

#define STREAM_FOOTER "</stream:stream>"

#endif
