/* grow - well-formed stanzas out of bytes, so that a fuzzer need not find out what XML is */
#ifndef TEST_FUZZ_GROW_H
#define TEST_FUZZ_GROW_H

#include "test/fuzz/oracle.h"

/* grow_stanzas - append stanzas until the input is used up, or they are some thousand bytes; each
 * byte is a decision. They are meant to stand behind a header that binds stream, db and p, and make
 * use of prefixes, of namespaces that are bound anew, undeclared or odd, of attributes, references,
 * CDATA and line ends. */
void grow_stanzas(struct input *input, struct text *out);

#endif
