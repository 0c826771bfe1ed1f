/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_web_request - what a browser sends to the web console, part by part, and what is shown of it
 *
 * Input: a letter for the part, then its bytes. What must hold:
 *   f  a form or a query: it is taken exactly when a reader written anew takes it, and has the same fields; written again it is read as
 *      the same; all fields are text within the bounds;
 *   c  "name\nheader": a cookie is found exactly when its name stands there once, with that value;
 *   h  a Host header: what is known is an address or a name of ours, with a port at most;
 *   o  "origin\nsite\nhost": only our own origin, or none at all, may change something, and nothing that the browser calls cross-site;
 *   r  a path: a row is found exactly when some row has these very bytes;
 *   w  a byte for a row, then a form: what is run is the row's command, and each argument is the very field: no value becomes an option,
 *      a flag or another word;
 *   x  a text as an element's contents and as an attribute: libxml2 reads one element with one attribute, and the text as it is to be seen;
 *   j  a JSON value: libxml2 reads text alone.
 */
#include <arpa/inet.h>
#include <jansson.h>
#include <libxml/parser.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "admin/control_commands.h"
#include "admin/web_call.h"
#include "admin/web_form.h"
#include "admin/web_gate.h"
#include "admin/web_html.h"
#include "admin/web_routes.h"
#include "server/config.h"
#include "server/log.h"
#include "server/printable.h"
#include "test/fuzz/oracle.h"
#include "test/support/scratch.h"
#include "xml/jid.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);

static void say_nothing(void *context, const char *message, ...)
{
    (void)context;
    (void)message;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct text why = TEXT_EMPTY;
    (void)argc;
    (void)argv;
    xmlSetGenericErrorFunc(NULL, say_nothing);
    const char *home = scratch_open();
    atexit(scratch_close);
    char *settings = text_format("[xmpp]\ndomain = b\303\274cher.example\n[s2s]\nhome = %s\n"
                                 "domains = two.example\n[adminConsole]\nnames = console.example\n",
                                 home);
    struct config *config = config_load(scratch_write("s2s.conf", settings), &why);
    insist(config != NULL, "%s", text_string(&why));
    config_publish(config);
    free(settings);
    text_free(&why);
    return 0;
}

/* replace_noncharacters - U+FFFE and U+FFFF, which XML has no place for and HTML and forms do, by U+FFFD */
static void replace_noncharacters(char *bytes, size_t length)
{
    for (size_t i = 2; i < length; i++)
        if (memcmp(bytes + i - 2, "\xef\xbf\xbe", 3) == 0 ||
            memcmp(bytes + i - 2, "\xef\xbf\xbf", 3) == 0)
            bytes[i] = '\xbd';
}

/* --- forms --- */

/* A field as it was read anew. */
struct field {
    struct text name, value;
};

static int hexadecimal(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;
    return found != NULL ? (int)(found - digits) % 16 : -1;
}

/* unfold - one half of a field; false: a '%' that stands for nothing */
static bool unfold(const char *from, const char *to, struct text *out)
{
    while (from < to) {
        if (*from != '%') {
            text_append_char(out, *from == '+' ? ' ' : *from);
            from++;
            continue;
        }
        if (to - from < 3 || hexadecimal(from[1]) < 0 || hexadecimal(from[2]) < 0)
            return false;
        text_append_char(out, (char)(hexadecimal(from[1]) * 16 + hexadecimal(from[2])));
        from += 3;
    }
    return true;
}

/* is_field_text - UTF-8 of a form */
static bool is_field_text(const struct text *text)
{
    char *copy = text_copy_n(text_string(text), text->length);
    replace_noncharacters(copy, text->length);
    bool good = is_xml_text(copy, text->length) && memchr(copy, 0x7f, text->length) == NULL;
    free(copy);
    return good;
}

/* read_anew - by the definition in web_form.h; the number of fields, or -1 */
static int read_anew(const char *bytes, size_t length, struct field fields[WEB_FORM_FIELDS + 1])
{
    const char *at = bytes, *end = bytes + length;
    int count = 0;
    while (at < end) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        if (stop == NULL)
            stop = end;
        if (stop > at) {
            struct field *field = &fields[count++];
            const char *equals = memchr(at, '=', (size_t)(stop - at));
            const char *middle = equals != NULL ? equals : stop;
            bool good = count <= WEB_FORM_FIELDS && unfold(at, middle, &field->name) &&
                        unfold(equals != NULL ? equals + 1 : stop, stop, &field->value) &&
                        is_field_text(&field->name) && is_field_text(&field->value) &&
                        field->name.length > 0 && field->name.length <= WEB_FORM_NAME;
            for (int i = 0; good && i < count - 1; i++)
                good = strcmp(text_string(&fields[i].name), text_string(&field->name)) != 0;
            if (!good)
                return -1;
        }
        at = stop + 1;
    }
    return count;
}

static void check_same(const struct web_form *form, const struct web_form *again)
{
    insist(form->count == again->count, "%d fields, then %d", form->count, again->count);
    for (int i = 0; i < form->count; i++)
        insist(strcmp(form->fields[i].name, again->fields[i].name) == 0 &&
                   strcmp(form->fields[i].value, again->fields[i].value) == 0,
               "field %d became another", i);
}

static void write_encoded(const char *text, struct text *out)
{
    struct text query = TEXT_EMPTY;
    html_query(&query, "x", text);
    text_append_string(out, text_string(&query) + 2);
    text_free(&query);
}

static void check_round_trip(const struct web_form *form)
{
    struct text written = TEXT_EMPTY, why = TEXT_EMPTY;
    struct web_form again;
    for (int i = 0; i < form->count; i++) {
        text_append_string(&written, i > 0 ? "&" : "");
        write_encoded(form->fields[i].name, &written);
        text_append_char(&written, '=');
        write_encoded(form->fields[i].value, &written);
    }
    size_t plain = strspn(text_string(&written), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"
                                                 "XYZ0123456789-._~%=&");
    insist(plain == written.length, "a query with '%c' in it", text_string(&written)[plain]);
    insist(web_form_read(text_string(&written), written.length, &again, &why) == 0,
           "written, it is not read: %s: %s", text_string(&written), text_string(&why));
    check_same(form, &again);
    web_form_free(&again);
    text_free(&written);
    text_free(&why);
}

static void check_form(const char *bytes, size_t length)
{
    struct web_form form;
    struct text why = TEXT_EMPTY;
    struct field fields[WEB_FORM_FIELDS + 1] = {0};
    int taken = web_form_read(bytes, length, &form, &why);
    int count = read_anew(bytes, length, fields);
    insist((taken == 0) == (count >= 0), "taken: %d, fields: %d (%s)", taken, count,
           text_string(&why));
    insist((taken < 0) == (why.length > 0), "refused without a sentence, or taken with one");
    if (taken == 0) {
        insist(form.count == count, "%d fields, not %d", form.count, count);
        for (int i = 0; i < count; i++)
            insist(strcmp(form.fields[i].name, text_string(&fields[i].name)) == 0 &&
                       strcmp(form.fields[i].value, text_string(&fields[i].value)) == 0 &&
                       web_form_get(&form, form.fields[i].name) == form.fields[i].value,
                   "field %d is another", i);
        check_round_trip(&form);
    }
    for (int i = 0; i <= WEB_FORM_FIELDS; i++) {
        text_free(&fields[i].name);
        text_free(&fields[i].value);
    }
    web_form_free(&form);
    text_free(&why);
}

/* --- headers --- */

static void check_cookie(const char *name, const char *header)
{
    struct text value = TEXT_EMPTY, expected = TEXT_EMPTY;
    char *copy = text_copy(header), *rest = copy, *pair;
    size_t length = strlen(name);
    int count = 0;
    bool found = web_form_cookie(header, name, &value);
    while ((pair = strsep(&rest, ";")) != NULL) {
        while (*pair == ' ' || *pair == '\t')
            pair++;
        char *equals = strchr(pair, '=');
        if (strncmp(pair, name, length) != 0 || pair[length] != '=' ||
            (size_t)(equals - pair) > length)
            continue;
        if (count++ == 0)
            text_append_string(&expected, pair + length + 1);
    }
    insist(found == (count == 1), "found: %d, there: %d times", found, count);
    insist(!found || strcmp(text_string(&value), text_string(&expected)) == 0, "%s, not %s",
           text_string(&value), text_string(&expected));
    insist(found || value.length == 0, "not found, and a value");
    free(copy);
    text_free(&value);
    text_free(&expected);
}

static void check_host(const char *host)
{
    static const char *const ours[] = {"localhost", "b\303\274cher.example", "two.example",
                                       "console.example"};
    char machine[300] = "", prepared[JID_PART_MAX + 1] = "";
    unsigned char address[16];
    if (!web_gate_knows_host(host))
        return;
    insist(strpbrk(host, "/\\@?#, \t\r\n") == NULL, "known: %s", host);
    bool bracket = host[0] == '[';
    const char *from = bracket ? host + 1 : host;
    size_t length = strcspn(from, bracket ? "]" : ":");
    const char *port = from + length + bracket;
    char *name = text_copy_n(from, length);
    insist(port[0] == '\0' ||
               (port[0] == ':' && strspn(port + 1, "0123456789") == strlen(port + 1)),
           "behind it: %s", port);
    gethostname(machine, sizeof machine - 1);
    bool known = inet_pton(bracket ? AF_INET6 : AF_INET, name, address) == 1;
    if (!known && !bracket && jid_prepare_domain(name, strlen(name), prepared) > 0) {
        known = strcasecmp(prepared, machine) == 0;
        for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
            known = known || strcmp(prepared, ours[i]) == 0;
    }
    insist(known, "not a name of ours: %s", host);
    free(name);
}

static void check_origin(const char *origin, const char *site, const char *host)
{
    for (int i = 0; i < 8; i++) {
        bool secure = (i & 1) != 0;
        const char *said = (i & 2) != 0 ? origin : NULL, *from = (i & 4) != 0 ? site : NULL;
        if (!web_gate_is_from_ours(said, from, host, secure))
            continue;
        insist(from == NULL || strcmp(from, "same-origin") == 0 || strcmp(from, "none") == 0,
               "from %s", from);
        if (said == NULL)
            continue;
        const char *scheme = secure ? "https://" : "http://";
        bool own = strncasecmp(said, scheme, strlen(scheme)) == 0 &&
                   strcasecmp(said + strlen(scheme), host) == 0;
        bool hidden = strcmp(said, "null") == 0 && from != NULL && strcmp(from, "same-origin") == 0;
        insist(own || hidden, "from %s at %s", said, host);
    }
}

/* --- routes --- */

static void check_path(const char *bytes, size_t length)
{
    char *path = text_copy_n(bytes, length);
    for (int post = 0; post < 2; post++) {
        bool known, expected_known = false;
        const struct web_route *expected = NULL;
        const struct web_route *found = web_routes_find(path, post != 0, &known);
        for (size_t i = 0; i < web_route_count; i++) {
            if (strlen(web_routes[i].path) != strlen(path) ||
                memcmp(web_routes[i].path, path, strlen(path)) != 0)
                continue;
            if (web_routes[i].post == (post != 0))
                expected = &web_routes[i];
            else
                expected_known = true;
        }
        insist(found == expected && known == expected_known, "another row for %s", path);
    }
    free(path);
}

/* given - what the form says for a parameter, as web_call.h has it */
static const char *given(const struct control_parameter *parameter, const struct web_form *form)
{
    const char *name = parameter->name + (strncmp(parameter->name, "--", 2) == 0 ? 2 : 0);
    for (int i = 0; i < form->count; i++)
        if (strcmp(form->fields[i].name, name) == 0 &&
            (parameter->required || form->fields[i].value[0] != '\0'))
            return form->fields[i].value;
    return NULL;
}

static void check_value(const struct control_parameter *parameter, const char *expected,
                        const struct control_value *value)
{
    char prepared[JID_PART_MAX + 1];
    insist((value->text != NULL) == (expected != NULL), "%s is %s", parameter->name,
           value->text != NULL ? value->text : "away");
    if (expected == NULL || parameter->type == CONTROL_FLAG)
        return;
    if (parameter->type == CONTROL_NUMBER)
        insist(value->number == strtoll(expected, NULL, 10), "%s: not %s", parameter->name,
               expected);
    else if (parameter->type == CONTROL_WORD)
        insist(strcasecmp(value->text, expected) == 0, "%s: not %s", parameter->name, expected);
    else if (parameter->type == CONTROL_DOMAIN)
        insist(jid_prepare_domain(expected, strlen(expected), prepared) > 0 &&
                   strcmp(prepared, value->text) == 0,
               "%s: not %s", parameter->name, expected);
    else
        insist(strcmp(value->text, expected) == 0, "%s: not %s", parameter->name, expected);
}

static void check_words(unsigned char choice, const char *bytes, size_t length)
{
    const struct web_route *route = &web_routes[choice % web_route_count];
    struct web_call call = {.route = route, .peer = "", .session_id = ""};
    struct web_argument arguments[WEB_FORM_FIELDS];
    struct control_value values[CONTROL_PARAMETERS_MAX];
    struct control_words words;
    struct text why = TEXT_EMPTY;
    int used;
    if (route->commands[0] == '\0' || strchr(route->commands, ',') != NULL ||
        web_form_read(bytes, length, &call.form, &why) < 0) {
        web_call_free(&call);
        text_free(&why);
        return;
    }
    for (int i = 0; i < call.form.count; i++)
        arguments[i] = (struct web_argument){call.form.fields[i].name, call.form.fields[i].value};
    insist(web_call_words(&call, route->commands, arguments, (size_t)call.form.count, &words),
           "%s may not run %s", route->path, route->commands);
    const struct control_command *command =
        control_request_find(control_commands, control_command_count, &words, &used);
    insist(command != NULL && strcmp(command->words, route->commands) == 0, "not %s",
           route->commands);
    if (control_request_read(command, &words, used, values, &why) == 0)
        for (int i = 0; command->parameters[i].name != NULL; i++)
            check_value(&command->parameters[i], given(&command->parameters[i], &call.form),
                        &values[i]);
    else
        insist(why.length > 0, "refused without a sentence");
    control_values_free(values);
    control_words_free(&words);
    web_call_free(&call);
    text_free(&why);
}

/* --- what is shown --- */

/* read_shown - as XML, whose five references HTML has as well: text and attribute alone, or the end */
static xmlDoc *read_shown(struct text *page)
{
    replace_noncharacters(page->bytes, page->length);
    xmlDoc *document =
        xmlReadMemory(page->bytes, (int)page->length, "page", "UTF-8", XML_PARSE_NONET);
    insist(document != NULL, "not well-formed: %s", page->bytes);
    const xmlNode *root = xmlDocGetRootElement(document);
    insist(root->next == NULL && root->prev == NULL, "something beside it: %s", page->bytes);
    for (const xmlNode *each = root->children; each != NULL; each = each->next)
        insist(each->type == XML_TEXT_NODE, "a node of type %d: %s", (int)each->type, page->bytes);
    return document;
}

static void check_text(const char *bytes, size_t length)
{
    struct text page = TEXT_EMPTY;
    char *value = text_copy_n(bytes, length);
    size_t size = strlen(value), room = 4 * size + 8;
    char *seen = text_alloc(room);
    size_t written = printable_escape(seen, room, value, size, false);
    replace_noncharacters(seen, written);
    insist(is_xml_text(seen, written), "what is to be seen is no text");
    html(&page, "<p class=\"%s\">%s</p>", value, value);
    xmlDoc *document = read_shown(&page);
    const xmlNode *root = xmlDocGetRootElement(document);
    insist(root->properties != NULL && root->properties->next == NULL, "other attributes: %s",
           page.bytes);
    xmlChar *attribute = xmlGetProp(root, (const xmlChar *)"class");
    xmlChar *contents = xmlNodeGetContent(root);
    insist(strcmp((const char *)contents, seen) == 0, "'%s' is seen as '%s'", seen,
           (const char *)contents);
    insist(strcmp((const char *)attribute, seen) == 0, "'%s' is in the attribute as '%s'", seen,
           (const char *)attribute);
    xmlFree(attribute);
    xmlFree(contents);
    xmlFreeDoc(document);
    free(seen);
    free(value);
    text_free(&page);
}

static void check_json(const char *bytes, size_t length)
{
    struct text page = TEXT_EMPTY;
    json_t *value = json_loadb(bytes, length, JSON_DECODE_ANY, NULL);
    if (value == NULL)
        return;
    text_append_string(&page, "<p>");
    html_json(&page, value);
    text_append_string(&page, "</p>");
    xmlFreeDoc(read_shown(&page));
    json_decref(value);
    text_free(&page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {(const char *)data, size};
    unsigned char part = input_byte(&input);
    char *exact = input_exact(input.bytes, input.length);
    if (part == 'f') {
        check_form(exact, input.length);
    } else if (part == 'r') {
        check_path(exact, input.length);
    } else if (part == 'w') {
        unsigned char choice = input_byte(&input);
        free(exact);
        exact = input_exact(input.bytes, input.length);
        check_words(choice, exact, input.length);
    } else if (part == 'x') {
        check_text(exact, input.length);
    } else if (part == 'j') {
        check_json(exact, input.length);
    } else {
        char *first = input_field(&input, '\n'), *second = input_field(&input, '\n');
        char *third = input_field(&input, '\n');
        if (part == 'c' && first[0] != '\0' && strpbrk(first, "=; \t") == NULL)
            check_cookie(first, second);
        else if (part == 'h')
            check_host(first);
        else if (part == 'o')
            check_origin(first, second, third);
        free(first);
        free(second);
        free(third);
    }
    free(exact);
    return 0;
}
