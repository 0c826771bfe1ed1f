/* dialback_key - the key that proves a domain of ours, and the secret it is made from
 *
 * XEP-0185. Openfire: ServerDialback's key and its "Secret Keys Cache" (DIFFERS: D5: ours binds the
 * key to both domains, its secret has 256 bits, and the comparison takes the same time whatever the
 * key). Keys are not stored: who holds the secret can make and check any. A rotated secret ends the
 * life of all keys made before; a dialback under way then is invalid and simply tried again. A
 * read-write lock, a leaf; any thread.
 */
#ifndef DIALBACK_DIALBACK_KEY_H
#define DIALBACK_DIALBACK_KEY_H

#include <stdbool.h>

#include "xml/text.h"

/* dialback_key_start - take the secret: `configured` if it is not empty, else that of
 * `home`/dialback.secret, which is made at the first start (mode 0600). Called again at a
 * reload. 0, or -1 with a sentence in `why`; the old secret then stays. Blocks for the disk. */
int dialback_key_start(const char *home, const char *configured, struct text *why);
/* dialback_key_stop - wipe it */
void dialback_key_stop(void);
/* dialback_key_make - the key that `originating` (a domain of ours) shows to `receiving` on the
 * stream that it gave the id `stream_id`: 64 lower-case hex digits. Domains are prepared. */
void dialback_key_make(char key[65], const char *receiving, const char *originating,
                       const char *stream_id);
/* dialback_key_check - is it that key? In constant time. False for an id or domain that holds a
 * space: the text that is signed separates by spaces, and no other triple may give the same one
 * (CVE-2016-0756). */
bool dialback_key_check(const char *key, const char *receiving, const char *originating,
                        const char *stream_id);

#endif
