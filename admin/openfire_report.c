/* SPDX-License-Identifier: Apache-2.0 */
/* openfire_report - a plan, told to the operator
 *
 * One group for each fate; within, in the order of names. The command for the Java keystore is written for the
 * shell: what of it comes from the installation stands in single quotes, and a path that holds one is not
 * written into it. Pure; one thread.
 */
#include "admin/openfire_report.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "server/printable.h"

#define SHOWN_BYTES 300 /* of a value; the rest is cut */

static const struct {
    const char *title, *key;
} fates[OPENFIRE_FATES] = {
    [OPENFIRE_CARRIED] = {"Carries over", "carried"},
    [OPENFIRE_SAME] = {"Is so here already", "same"},
    [OPENFIRE_KEPT] = {"Was set here, and stays as it is (--replace: Openfire's counts)", "kept"},
    [OPENFIRE_REFUSED] = {"Can't be used", "refused"},
    [OPENFIRE_BEHIND] = {"Stays behind: it has no counterpart here", "behind"},
    [OPENFIRE_UNKNOWN] = {"Not known here, though by its name it may matter", "unknown"},
};

/* escape - foreign text, printable and cut; free it with free() */
static char *escape(const char *text)
{
    char out[SHOWN_BYTES + 8];
    printable_escape(out, sizeof out, text, strlen(text), false);
    return text_copy(out);
}

static void append_foreign(struct text *out, const char *text)
{
    char *escaped = escape(text);
    text_append_string(out, escaped);
    free(escaped);
}

/* append_shown - a value, or that it is not shown */
static void append_shown(struct text *out, const struct openfire_item *item, const char *value)
{
    if (item->secret)
        text_append_string(out, "(not shown)");
    else
        append_foreign(out, value);
}

/* --- text --- */

static void write_item(const struct openfire_item *item, struct text *out)
{
    bool row = item->setting == NULL && item->fate == OPENFIRE_CARRIED;
    text_append_string(out, "  ");
    append_foreign(out, item->property);
    if (item->fate == OPENFIRE_KEPT && item->before != NULL) {
        text_append_string(out, " = ");
        append_shown(out, item, item->before);
        text_append_string(out, "; Openfire: ");
        append_shown(out, item, item->value);
    } else if (item->value != NULL) {
        if (item->setting != NULL && strcmp(item->setting, item->property) != 0)
            text_appendf(out, " -> %s", item->setting);
        text_append_string(out, row ? ": " : " = ");
        append_shown(out, item, item->value);
    }
    if (item->fate == OPENFIRE_CARRIED && item->before != NULL && item->before[0] != '\0') {
        text_append_string(out, "   (so far ");
        append_shown(out, item, item->before);
        text_append_char(out, ')');
    }
    if (item->note != NULL) {
        text_append_string(out, "\n      ");
        append_foreign(out, item->note);
    }
    text_append_char(out, '\n');
}

/* write_group - the items of a fate, under a title if there are any */
static void write_group(const struct openfire_items *items, enum openfire_fate fate,
                        const char *title, struct text *out)
{
    bool any = false;
    for (size_t i = 0; i < items->count; i++) {
        if (items->items[i].fate != fate)
            continue;
        if (!any)
            text_appendf(out, "\n%s:\n", title);
        any = true;
        write_item(&items->items[i], out);
    }
}

static void write_rows(const struct openfire_items *items, const char *what, struct text *out)
{
    for (int fate = 0; fate < OPENFIRE_FATES; fate++) {
        char *title = text_format("%s: %s", what,
                                  fate == OPENFIRE_CARRIED ? "carried over"
                                  : fate == OPENFIRE_KEPT  ? "had a row here, which stays"
                                                           : "can't be used");
        write_group(items, (enum openfire_fate)fate, title, out);
        free(title);
    }
}

/* keystore_path - for a shell, or NULL: where it is can't be told, or not be written into a command */
static char *keystore_path(const struct openfire_report *report)
{
    const char *path = report->plan->keystore, *home = report->openfire_home;
    if (strlen(path) + (home != NULL ? strlen(home) : 0) >= SHOWN_BYTES - 1 ||
        strchr(path, '\'') != NULL || (home != NULL && strchr(home, '\'') != NULL))
        return NULL;
    if (path[0] == '/' || home == NULL)
        return escape(path);
    char *whole = text_format("%s/%s", home, path), *escaped = escape(whole);
    free(whole);
    return escaped;
}

/* keystore_commands - how its key gets out of Java's store; to be freed */
static char *keystore_commands(const struct openfire_report *report)
{
    char *path = keystore_path(report), *commands = NULL;
    const char *type = report->plan->keystore_type;
    bool plain =
        type[0] != '\0' && type[strspn(type, "abcdefghijklmnopqrstuvwxyz"
                                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")] == '\0';
    if (path != NULL)
        commands = text_format("keytool -importkeystore -srckeystore '%s' -srcstoretype %s "
                               "-destkeystore openfire.p12 -deststoretype PKCS12\n"
                               "openssl pkcs12 -in openfire.p12 -nodes -out openfire.pem",
                               path, plain ? type : "jks");
    free(path);
    return commands;
}

static void write_keystore(const struct openfire_report *report, struct text *out)
{
    char *commands = keystore_commands(report);
    text_appendf(
        out, "\nStays behind: the certificate and its key, in a Java keystore (password: %s).\n",
        report->plan->keystore_password_set ? "xmpp.socket.ssl.keypass of Openfire"
                                            : "changeit, unless it was changed");
    if (commands == NULL) {
        text_append_string(out,
                           "Its path has characters that a shell would not take as they are.\n");
    } else {
        text_append_string(out, "On a machine with Java:\n");
        char *rest = commands;
        for (char *line; (line = strsep(&rest, "\n")) != NULL;)
            text_appendf(out, "  %s\n", line);
        text_append_string(out, "Then name openfire.pem in xmpp.server.certificate.file.\n");
    }
    free(commands);
}

static void write_end(const struct openfire_report *report, struct text *out)
{
    size_t carried = openfire_plan_count(report->plan, OPENFIRE_CARRIED);
    if (!report->write) {
        text_appendf(out, "\nNothing was written.%s\n",
                     carried > 0 ? " With --write what carries over is." : "");
        return;
    }
    text_append_string(out, "\nWritten:");
    for (const char *const *each = report->wrote; *each != NULL; each++)
        text_appendf(out, " %s", *each);
    text_append_string(out,
                       report->wrote[0] == NULL
                           ? " nothing, since nothing carries over.\n"
                           : "\nA server that runs takes it at SIGHUP or at its next start.\n");
}

void openfire_report_text(const struct openfire_report *report, struct text *out)
{
    const struct openfire_plan *plan = report->plan;
    for (size_t i = 0; i < report->file_count; i++) {
        append_foreign(out, report->files[i].path);
        text_appendf(out, ": %s\n", report->files[i].what);
    }
    if (report->database != NULL) {
        text_append_string(out, "openfire.xml names a database: ");
        append_foreign(out, report->database);
        text_append_string(
            out, "\nIts rows are not in the files of Openfire: give a dump of ofProperty, "
                 "ofRemoteServerConf and ofExtComponentConf as well.\n");
    }
    for (int fate = 0; fate < OPENFIRE_FATES; fate++)
        write_group(&plan->properties, (enum openfire_fate)fate, fates[fate].title, out);
    write_rows(&plan->remotes, "Remote servers", out);
    write_rows(&plan->components, "Components", out);
    text_appendf(out, "\nProperties of other parts of Openfire: %zu, passed over.\n", plan->others);
    write_keystore(report, out);
    write_end(report, out);
}

/* --- JSON --- */

static json_t *foreign(const char *text)
{
    char *escaped = escape(text);
    json_t *made = json_string(escaped);
    free(escaped);
    return made;
}

static void set_shown(json_t *object, const char *key, const struct openfire_item *item,
                      const char *value)
{
    if (value != NULL && !item->secret)
        json_object_set_new(object, key, foreign(value));
}

static json_t *item_json(const struct openfire_item *item, const char *name)
{
    json_t *object = json_object();
    json_object_set_new(object, name, foreign(item->property));
    if (item->setting != NULL)
        json_object_set_new(object, "setting", json_string(item->setting));
    set_shown(object, "value", item, item->value);
    set_shown(object, "before", item, item->before);
    if (item->secret)
        json_object_set_new(object, "secret", json_true());
    if (item->note != NULL)
        json_object_set_new(object, "note", foreign(item->note));
    return object;
}

/* groups_json - an object with a list for each fate */
static json_t *groups_json(const struct openfire_items *items, const char *name)
{
    json_t *groups = json_object();
    for (int fate = 0; fate < OPENFIRE_FATES; fate++) {
        json_t *list = json_array();
        for (size_t i = 0; i < items->count; i++)
            if (items->items[i].fate == (enum openfire_fate)fate)
                json_array_append_new(list, item_json(&items->items[i], name));
        json_object_set_new(groups, fates[fate].key, list);
    }
    return groups;
}

static json_t *files_json(const struct openfire_report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->file_count; i++) {
        const struct openfire_file *file = &report->files[i];
        json_t *object = json_object();
        json_object_set_new(object, "path", foreign(file->path));
        json_object_set_new(object, "kind", json_string(file->what));
        json_array_append_new(list, object);
    }
    return list;
}

void openfire_report_json(const struct openfire_report *report, struct text *out)
{
    const struct openfire_plan *plan = report->plan;
    json_t *whole = json_object(), *wrote = json_array(), *keystore = json_object();
    char *commands = keystore_commands(report);
    for (const char *const *each = report->wrote; *each != NULL; each++)
        json_array_append_new(wrote, foreign(*each));
    json_object_set_new(keystore, "path", foreign(plan->keystore));
    if (commands != NULL)
        json_object_set_new(keystore, "commands", json_string(commands));
    json_object_set_new(whole, "files", files_json(report));
    if (report->database != NULL)
        json_object_set_new(whole, "database", foreign(report->database));
    json_object_set_new(whole, "properties", groups_json(&plan->properties, "property"));
    json_object_set_new(whole, "remoteServers", groups_json(&plan->remotes, "domain"));
    json_object_set_new(whole, "components", groups_json(&plan->components, "domain"));
    json_object_set_new(whole, "others", json_integer((json_int_t)plan->others));
    json_object_set_new(whole, "keystore", keystore);
    json_object_set_new(whole, "wrote", wrote);
    char *dumped = json_dumps(whole, JSON_INDENT(2));
    if (dumped == NULL)
        text_out_of_memory();
    text_append_string(out, dumped);
    text_append_char(out, '\n');
    free(dumped);
    free(commands);
    json_decref(whole);
}
