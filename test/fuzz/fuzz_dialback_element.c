/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_dialback_element - db:result and db:verify, as they are read and as they are written
 *
 * Input: bytes of a stream behind its header; or, behind a '=', what we are to write, with line
 * feeds between. What must hold:
 *   - addresses come from the attributes alone, both or none, and are the prepared domains that
 *     stand there;
 *   - kind and type are what name, namespace and attribute say; the key is the text without white
 *     space around it;
 *   - what we write, whatever id, key and text are, is one element that is read back equal.
 */
#include <stdlib.h>
#include <string.h>

#include "dialback/dialback_element.h"
#include "test/fuzz/parse.h"
#include "test/fuzz/tree.h"
#include "xml/xmlns.h"

static bool same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* --- what is read --- */

static bool read_domain(const struct element *element, const char *name, char out[JID_PART_MAX + 1])
{
    const char *value = element_get(element, name);
    return value != NULL && jid_prepare_domain(value, strlen(value), out) > 0;
}

static void check_addresses(const struct element *element, const struct dialback_element *dialback)
{
    char from[JID_PART_MAX + 1] = "", to[JID_PART_MAX + 1] = "";
    bool addressed = read_domain(element, "from", from) && read_domain(element, "to", to);
    insist(dialback->addressed == addressed, "addressed");
    insist(strcmp(dialback->from, addressed ? from : "") == 0, "from %s", dialback->from);
    insist(strcmp(dialback->to, addressed ? to : "") == 0, "to %s", dialback->to);
}

static enum dialback_kind kind_of(const struct element *element)
{
    if (!same(element->ns, XMLNS_DIALBACK))
        return DIALBACK_NONE;
    return same(element->name, "result")   ? DIALBACK_RESULT
           : same(element->name, "verify") ? DIALBACK_VERIFY
                                           : DIALBACK_NONE;
}

static enum dialback_type type_of(const char *type)
{
    return type == NULL            ? DIALBACK_REQUEST
           : same(type, "valid")   ? DIALBACK_VALID
           : same(type, "invalid") ? DIALBACK_INVALID
           : same(type, "error")   ? DIALBACK_ERROR
                                   : DIALBACK_UNKNOWN_TYPE;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void check_key(const struct element *element, const char *key, struct arena *arena)
{
    const char *text = element_text(element, arena), *at = strstr(text, key);
    size_t length = strlen(key);
    insist(at != NULL, "a key that is not in the text");
    insist(length == 0 || (!is_space(key[0]) && !is_space(key[length - 1])), "space at the key");
    for (const char *each = text; length > 0 && each < at; each++)
        insist(is_space(*each), "the key begins later");
    for (const char *each = at + length; *each != '\0'; each++)
        insist(is_space(*each), "the key ends earlier");
}

/* --- what is written --- */

struct sent {
    const char *from, *to, *id, *key, *text;
    enum dialback_kind kind;
    enum packet_error error;
};

static struct element *read_back(struct arena *arena, const struct text *written,
                                 const struct sent *sent, struct dialback_element *dialback)
{
    struct element *element = parse_written_packet(arena, written);
    dialback_element_read(dialback, element, arena);
    insist(dialback->kind == sent->kind && dialback->addressed && same(dialback->id, sent->id) &&
               same(dialback->from, sent->from) && same(dialback->to, sent->to),
           "not read back: %s", text_string(written));
    return element;
}

static void check_request(const struct sent *sent)
{
    struct text written = TEXT_EMPTY, alone = TEXT_EMPTY;
    struct dialback_element dialback;
    struct arena *arena = arena_new(0);
    dialback_element_write_request(&written, sent->kind, sent->from, sent->to, sent->id, sent->key);
    struct element *element = read_back(arena, &written, sent, &dialback);
    insist(dialback.type == DIALBACK_REQUEST, "a request is none");
    insist(same(element_text(element, arena), sent->key), "the key was changed on its way");
    element_write(element, NULL, &alone);
    tree_check(element, &alone);
    arena_free(arena);
    text_free(&written);
    text_free(&alone);
}

static void check_answer(const struct sent *sent, enum dialback_type type)
{
    struct text written = TEXT_EMPTY;
    struct dialback_element dialback;
    struct arena *arena = arena_new(0);
    dialback_element_write_answer(&written, sent->kind, sent->from, sent->to, sent->id, type,
                                  sent->error, sent->text);
    read_back(arena, &written, sent, &dialback);
    insist(dialback.type == type, "an answer of another type");
    if (type == DIALBACK_ERROR) {
        insist(dialback.error == sent->error, "error %s", packet_error_name(dialback.error));
        insist(same(dialback.error_text, sent->text != NULL ? sent->text : ""), "another text");
    }
    arena_free(arena);
    text_free(&written);
}

static void check_written(const struct sent *sent)
{
    check_request(sent);
    check_answer(sent, DIALBACK_VALID);
    check_answer(sent, DIALBACK_INVALID);
    check_answer(sent, DIALBACK_ERROR);
}

static void read_bytes(const struct input *input)
{
    struct dialback_element dialback;
    struct arena *arena = arena_new(0);
    struct element *element = parse_packet(arena, input->bytes, input->length);
    if (element != NULL) {
        dialback_element_read(&dialback, element, arena);
        insist(dialback.kind == kind_of(element), "kind %d", dialback.kind);
        insist(dialback_element_kind(element) == dialback.kind, "two kinds");
        insist(dialback.type == type_of(element_get(element, "type")), "type %d", dialback.type);
        insist(same(dialback.id, element_get(element, "id")), "another id");
        check_addresses(element, &dialback);
        check_key(element, dialback.key, arena);
        struct sent sent = {dialback.from, dialback.to,   dialback.id,   dialback.key,
                            dialback.key,  dialback.kind, dialback.error};
        if (dialback.addressed && dialback.kind != DIALBACK_NONE)
            check_written(&sent);
    }
    arena_free(arena);
}

/* write_values - from, to, id, key and text as lines behind a byte that chooses */
static void write_values(struct input input)
{
    char from[JID_PART_MAX + 1], to[JID_PART_MAX + 1], *lines[5];
    unsigned choices = input_byte(&input);
    bool good = true;
    for (int i = 0; i < 5; i++) {
        lines[i] = input_field(&input, '\n');
        good &= is_xml_text(lines[i], strlen(lines[i])) && strlen(lines[i]) < 4000;
    }
    struct sent sent = {from,
                        to,
                        choices & 1 ? lines[2] : NULL,
                        lines[3],
                        choices & 2 ? lines[4] : NULL,
                        choices & 4 ? DIALBACK_RESULT : DIALBACK_VERIFY,
                        (enum packet_error)(choices / 8 % (PACKET_UNDEFINED_CONDITION + 1))};
    if (good && jid_prepare_domain(lines[0], strlen(lines[0]), from) > 0 &&
        jid_prepare_domain(lines[1], strlen(lines[1]), to) > 0)
        check_written(&sent);
    for (int i = 0; i < 5; i++)
        free(lines[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {(const char *)data, size};
    if (size > 0 && data[0] == '=') {
        input_byte(&input);
        write_values(input);
    } else {
        read_bytes(&input);
    }
    return 0;
}
