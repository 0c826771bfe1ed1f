/* stream_limits - what the other side of a stream says that it takes (XEP-0478)
 *
 * Read from the features of a stream. Each features element counts by itself: those that come last, inside TLS or after
 * authentication, replace all that came before (XEP-0478 4). Pure.
 */
#ifndef XML_STREAM_LIMITS_H
#define XML_STREAM_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "xml/element.h"

struct stream_limits {
    int64_t max_bytes; /* of one element; 0: nothing is said, or nothing that makes sense */
    int64_t
        idle_seconds; /* after which a stream on which we send nothing may be closed; 0 likewise */
};

/* RFC 6120 13.12: nobody may take less. One who says so has every stanza of this size all the same. */
#define STREAM_LIMITS_LEAST_BYTES 10000

/* stream_limits_read - false: something in it makes no sense (no number, zero, less than the least), and is not as it stands in
 * `limits` */
bool stream_limits_read(const struct element *features, struct arena *arena,
                        struct stream_limits *limits);

#endif
