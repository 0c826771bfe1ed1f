/* oracle - what the fuzz targets have in common: input, piece by piece, and the word of failure
 *
 * A target is one file fuzz_<module>.c with LLVMFuzzerTestOneInput. It judges what the module does
 * by rules of its own (oracles): insist() ends the program with a sentence, and libFuzzer keeps the
 * input.
 */
#ifndef TEST_FUZZ_ORACLE_H
#define TEST_FUZZ_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xml/text.h"

/* What is left of the input */
struct input {
    const char *bytes;
    size_t length;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* insist - an oracle: when it does not hold, the sentence is told and the program aborts */
void insist(bool holds, const char *sentence, ...) __attribute__((format(printf, 2, 3)));
/* input_byte - the next byte, 0 when there is none */
unsigned char input_byte(struct input *input);
/* input_field - all up to the next `end` byte (which is passed over) or the end of the input; a
 * copy of exactly that length and a NUL, to be freed by the caller */
char *input_field(struct input *input, char end);
/* input_exact - a copy without a NUL behind it, so that a read behind its end is seen; free() */
char *input_exact(const char *bytes, size_t length);
/* is_xml_text - UTF-8, and nothing but characters of XML 1.0 (production 2); written anew, from the
 * specification, so that it shares no mistake with xml/ */
bool is_xml_text(const char *text, size_t length);

#endif
