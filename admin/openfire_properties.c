/* SPDX-License-Identifier: Apache-2.0 */
/* openfire_properties - which of Openfire's properties is which setting here
 *
 * Openfire: JiveGlobals, SystemProperty. Judged in this order:
 *   the table of settings has the name        -> that one, unless it is about the web console
 *   it is an older name (`successors`)        -> its successor, unless that is set as well
 *   3.7.1's switch for TLS                    -> xmpp.server.tls.policy
 *   it is known to stay behind (`behind`)     -> said why
 *   its name begins like one of S2S           -> unknown, and said so
 *   else                                      -> it is about something else, and only counted
 * A property of the database wins over the same of openfire.xml, as in Openfire.
 */
#include "admin/openfire_properties.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/config_value.h"
#include "server/dns_util.h"

/* Older names of settings, where Openfire itself falls back to them */
static const struct {
    const char *old, *current;
} successors[] = {
    {"xmpp.server.idle", "xmpp.server.session.idle"},
    {"xmpp.server.certificate.accept-selfsigned", "xmpp.socket.ssl.certificate.accept-selfsigned"},
    {"xmpp.server.certificate.verify.validity", "xmpp.socket.ssl.certificate.verify.validity"},
};

/* S2S properties without a counterpart: a name, or with a '*' the beginning of one */
static const struct {
    const char *name, *why;
} behind[] = {
    {"adminConsole.*",
     "each server has a web console of its own, and both may run beside each other"},
    {"xmpp.fqdn", "nothing here depends on the name of the host"},
    {"xmpp.server.compression.policy", "there is no compression here (CVE-2014-2741)"},
    {"xmpp.server.processing.*", "each connection has one thread, and no pool"},
    {"xmpp.server.outgoing.min.threads", "each connection has one thread, and no pool"},
    {"xmpp.server.outgoing.threads-timeout", "each connection has one thread, and no pool"},
    {"xmpp.server.outgoing.close-wait-timeout", "a new stream need not wait for an old one"},
    {"xmpp.server.session.redelivery-timeout", "what did not arrive comes back at once"},
    {"xmpp.server.session.timeout", "Openfire does not use it either"},
    {"xmpp.server.resolution-timeout", "s2s.dns.timeout is the nearest"},
    {"xmpp.server.connection-max-workers", "addresses are tried on one thread"},
    {"xmpp.server.certificate.verify",
     "current Openfire does not use it; xmpp.socket.ssl.certificate.strict-validation is the "
     "nearest"},
    {"xmpp.server.certificate.verify.chain", "a chain is always verified"},
    {"xmpp.server.certificate.verify.root", "a chain is always verified"},
    {"xmpp.server.tls.on-plain-detection-allow-nondirecttls-fallback",
     "a failed handshake is never followed by an attempt without TLS"},
    {"xmpp.server.allow-anonymous-outbound-data", "there are no users here"},
    {"xmpp.server.incoming.skip-jid-validation", "addresses are always validated"},
    {"xmpp.server.rewrite.replace-missing-to", "a stanza between servers must have a to"},
    {"xmpp.server.backup-packet-delivery.enabled", "what did not arrive comes back to its sender"},
    {"xmpp.server.validation.enabled", "iqs are always validated"},
    {"xmpp.server.incoming.*", "it is about how Openfire reads"},
    {"xmpp.socket.ssl.keystore*", "a Java keystore; see below"},
    {"xmpp.socket.ssl.keypass", "of the Java keystore; see below"},
    {"xmpp.socket.ssl.storeType", "of the Java keystore; see below"},
    {"xmpp.socket.ssl.truststore*", "a Java keystore; certificate.trust takes a PEM file"},
    {"xmpp.socket.ssl.trustpass", "of the Java truststore"},
    {"xmpp.socket.ssl.ciphersuites*", "those of OpenSSL's default"},
    {"xmpp.socket.ssl.client.*", "it is about clients"},
    {"xmpp.socket.ssl.active", "it is about clients"},
    {"xmpp.socket.ssl.port", "it is about clients"},
    {"xmpp.socket.plain.*", "it is about clients"},
    {"xmpp.socket.default.active", "it is about clients"},
    {"xmpp.socket.buffer.*", "the kernel's own sizes are used"},
    {"xmpp.socket.linger", "the end of a stream is waited for, within a limit"},
    {"xmpp.socket.tcp-reuseaddr", "it is always on"},
    {"xmpp.socket.startup-latch-timeout", "listeners open at once or not at all"},
    {"xmpp.socket.blocking", "Openfire does not use it either"},
    {"xmpp.session.sending-limit", "xmpp.socket.write-timeout-seconds is the nearest"},
    {"xmpp.auth.sasl.external.server.require-authzid",
     "xmpp.auth.external.server.require-authzid is the nearest"},
    {"xmpp.auth.ssl.*", "it is about Java's TLS"},
    {"sasl.server.suppressEmpty", "an empty list of mechanisms is never sent"},
    {"sasl.mechs*", "between servers it is EXTERNAL, and xmpp.server.tls.policy decides"},
    {"xmpp.gateway.*", "there is no trunking; [upstream DOMAIN] is the nearest"},
    {"xmpp.component.ssl.*",
     "components connect without TLS, from this machine or a network of its own"},
    {"xmpp.component.tls.policy", "components connect without TLS"},
    {"xmpp.component.cert.policy", "components connect without TLS"},
    {"xmpp.component.compression.policy", "there is no compression here"},
    {"xmpp.component.processing.*", "each connection has one thread, and no pool"},
    {"xmpp.component.backup-packet-delivery.enabled",
     "what did not arrive comes back to its sender"},
    {"xmpp.ratelimit.newconnections.*", "s2s.connections.max bounds how many there are"},
};

/* How names of S2S properties begin, if nobody knows them */
static const char *const families[] = {"xmpp.server.",        "xmpp.component.", "xmpp.socket.ssl.",
                                       "xmpp.auth.external.", "dnsutil.",        "xmpp.gateway."};

/* Rows whose meaning in 3.7.1 was another one */
static const struct {
    const char *name, *why;
} changed[] = {
    {"xmpp.server.outgoing.queue",
     "in this version of Openfire it was the length of a pool's queue; here it counts stanzas"},
};

/* What is known while the properties are judged */
struct judging {
    struct openfire_plan *plan;
    const struct openfire_source *source;
    const struct config *config;
    bool replace;
};

static const struct openfire_row *find_row(const struct openfire_source *source, const char *name)
{
    const struct openfire_row *row = openfire_source_find(source, OPENFIRE_PROPERTY, name);
    return row != NULL ? row : openfire_source_find(source, OPENFIRE_XML_PROPERTY, name);
}

static bool is_encrypted(const struct openfire_row *row)
{
    return row->values[2] != NULL && strcmp(row->values[2], "0") != 0 && row->values[2][0] != '\0';
}

const char *openfire_properties_value(const struct openfire_source *source, const char *name)
{
    const struct openfire_row *row = find_row(source, name);
    return row != NULL && !is_encrypted(row) ? row->values[1] : NULL;
}

static bool fits(const char *pattern, const char *name)
{
    size_t length = strlen(pattern);
    return length > 0 && pattern[length - 1] == '*' ? strncmp(pattern, name, length - 1) == 0
                                                    : strcmp(pattern, name) == 0;
}

/* keep_words - of a WORDS setting what is known here; what is not goes to `dropped` */
static void keep_words(const struct config_row *row, const char *value, struct text *kept,
                       struct text *dropped)
{
    char *copy = text_copy(value), *rest = copy;
    for (char *one; (one = strsep(&rest, ", \t")) != NULL;) {
        bool known = false;
        for (size_t i = 0; row->words[i] != NULL; i++)
            known = known || strcasecmp(row->words[i], one) == 0;
        struct text *to = known ? kept : dropped;
        if (one[0] != '\0')
            text_appendf(to, "%s%s", to->length > 0 ? "," : "", one);
    }
    free(copy);
}

/* normalise - the value in the form that it has here, or NULL with a sentence: it is not acceptable */
static char *normalise(const struct config_row *row, const char *value, struct text *note)
{
    struct config *scratch = text_calloc(1, sizeof *scratch);
    struct text kept = TEXT_EMPTY, dropped = TEXT_EMPTY;
    if (row->type == CONFIG_WORDS)
        keep_words(row, value, &kept, &dropped);
    bool good =
        config_value_set(scratch, row, row->type == CONFIG_WORDS ? text_string(&kept) : value);
    good = good && (row->type != CONFIG_WORDS || kept.length > 0 || value[0] == '\0');
    if (good && strcmp(row->property, "dnsutil.dnsOverride") == 0)
        good = dns_util_parse_overrides(value, note) == 0;
    if (!good && note->length == 0) {
        config_value_expected(row, note);
        text_append_string(note, " was expected");
    }
    if (good && dropped.length > 0)
        text_appendf(note, "without %s, which is not spoken here", text_string(&dropped));
    text_clear(&kept);
    if (good)
        config_value_write(scratch, row, &kept);
    config_value_free(scratch, row);
    free(scratch);
    text_free(&dropped);
    char *normal = good ? text_copy(text_string(&kept)) : NULL;
    text_free(&kept);
    return normal;
}

/* decide - which fate a good value has, by what is set here */
static enum openfire_fate decide(const struct judging *judging, const struct config_row *row,
                                 const char *value, char **before)
{
    struct text now = TEXT_EMPTY;
    config_value_write(judging->config, row, &now);
    *before = text_copy(text_string(&now));
    text_free(&now);
    if (strcmp(*before, value) == 0)
        return OPENFIRE_SAME;
    bool set = judging->config->sources[row - config_rows] != CONFIG_FROM_DEFAULT &&
               strcmp(*before, row->text) != 0;
    return set && !judging->replace ? OPENFIRE_KEPT : OPENFIRE_CARRIED;
}

static void take_note(struct openfire_item *item, struct text *note)
{
    item->note = note->length > 0 ? text_copy(text_string(note)) : NULL;
    text_free(note);
}

/* judge_value - a value for a setting of ours */
static void judge_value(const struct judging *judging, const char *property,
                        const struct config_row *row, const char *value, const char *remark)
{
    struct text note = TEXT_EMPTY;
    struct openfire_item *item =
        openfire_items_add(&judging->plan->properties, OPENFIRE_REFUSED, property);
    item->setting = text_copy(row->property);
    item->secret = row->type == CONFIG_SECRET;
    item->value = normalise(row, value, &note);
    if (item->value != NULL)
        item->fate = decide(judging, row, item->value, &item->before);
    else
        item->value = text_copy(value);
    if (remark != NULL)
        text_appendf(&note, "%s%s", note.length > 0 ? "; " : "", remark);
    take_note(item, &note);
}

/* refuse - a row that has no value to judge */
static bool refuse(const struct judging *judging, const struct openfire_row *row,
                   const char *setting)
{
    const char *why = is_encrypted(row) ? "it is encrypted with Openfire's own key; set it anew"
                      : row->broken[1]  ? "its value is too long, or holds a NUL byte"
                      : row->values[1] == NULL ? "it has no value"
                                               : NULL;
    if (why == NULL)
        return false;
    struct openfire_item *item =
        openfire_items_add(&judging->plan->properties, OPENFIRE_REFUSED, row->values[0]);
    item->setting = text_copy(setting);
    item->note = text_copy(why);
    return true;
}

/* judge_setting - a property that is one of ours, under this name or an older one */
static bool judge_setting(const struct judging *judging, const struct openfire_row *row)
{
    const char *name = row->values[0], *current = name;
    for (size_t i = 0; i < sizeof successors / sizeof *successors; i++)
        if (strcmp(successors[i].old, name) == 0)
            current = successors[i].current;
    const struct config_row *setting = config_value_find(current);
    if (setting == NULL || strcmp(setting->property, current) != 0 ||
        strncmp(current, "s2s.", 4) == 0 || fits("adminConsole.*", current))
        return false;
    for (size_t i = 0; judging->plan->old && i < sizeof changed / sizeof *changed; i++)
        if (strcmp(changed[i].name, name) == 0) {
            struct openfire_item *item =
                openfire_items_add(&judging->plan->properties, OPENFIRE_BEHIND, name);
            item->value = text_copy(row->values[1]);
            item->note = text_copy(changed[i].why);
            return true;
        }
    if (current != name && find_row(judging->source, current) != NULL) {
        struct openfire_item *item =
            openfire_items_add(&judging->plan->properties, OPENFIRE_BEHIND, name);
        item->note = text_format("%s is set as well, and counts", current);
        return true;
    }
    if (!refuse(judging, row, setting->property))
        judge_value(judging, name, setting, row->values[1],
                    current != name ? "its name was another one" : NULL);
    return true;
}

/* judge_old_tls - xmpp.server.tls.enabled: with TLS on and dialback off, 3.7.1 let nobody in without TLS */
static bool judge_old_tls(const struct judging *judging, const struct openfire_row *row)
{
    static const char name[] = "xmpp.server.tls.enabled", current[] = "xmpp.server.tls.policy";
    if (strcmp(row->values[0], name) != 0)
        return false;
    if (find_row(judging->source, current) != NULL) {
        struct openfire_item *item =
            openfire_items_add(&judging->plan->properties, OPENFIRE_BEHIND, name);
        item->note = text_format("%s is set as well, and counts", current);
        return true;
    }
    if (refuse(judging, row, current))
        return true;
    const char *dialback =
        openfire_properties_value(judging->source, "xmpp.server.dialback.enabled");
    bool on = strcasecmp(row->values[1], "true") == 0;
    bool only = dialback != NULL && strcasecmp(dialback, "true") != 0;
    judge_value(judging, name, config_value_find(current),
                !on    ? "disabled"
                : only ? "required"
                       : "optional",
                "3.7.1 had a switch for TLS and one for dialback");
    return true;
}

/* is_secret - by its name: keys and passwords of Openfire's are not shown */
static bool is_secret(const char *name)
{
    return strcasestr(name, "pass") != NULL || strcasestr(name, "secret") != NULL ||
           strcasestr(name, "key") != NULL;
}

static bool judge_behind(const struct judging *judging, const struct openfire_row *row)
{
    const char *name = row->values[0], *why = NULL;
    bool family = false;
    for (size_t i = 0; i < sizeof behind / sizeof *behind && why == NULL; i++)
        why = fits(behind[i].name, name) ? behind[i].why : NULL;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        family = family || strncmp(families[i], name, strlen(families[i])) == 0;
    if (why == NULL && !family)
        return false;
    struct openfire_item *item = openfire_items_add(
        &judging->plan->properties, why != NULL ? OPENFIRE_BEHIND : OPENFIRE_UNKNOWN, name);
    item->value = is_encrypted(row) ? NULL : text_copy(row->values[1]);
    item->note = text_copy(why);
    item->secret = is_secret(name);
    return true;
}

void openfire_properties_judge(struct openfire_plan *plan, const struct openfire_source *source,
                               const struct config *config, bool replace)
{
    struct judging judging = {plan, source, config, replace};
    for (size_t i = 0; i < source->count; i++) {
        const struct openfire_row *row = &source->rows[i];
        bool shadowed = row->table == OPENFIRE_XML_PROPERTY &&
                        openfire_source_find(source, OPENFIRE_PROPERTY, row->values[0]) != NULL;
        if (row->table > OPENFIRE_XML_PROPERTY || shadowed)
            continue;
        if (!judge_setting(&judging, row) && !judge_old_tls(&judging, row) &&
            !judge_behind(&judging, row))
            plan->others++;
    }
}
