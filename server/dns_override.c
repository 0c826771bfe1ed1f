/* SPDX-License-Identifier: Apache-2.0 */
/* dns_override - `dnsutil.dnsOverride`: domains whose server is named in the settings
 *
 * Openfire: DNSUtil (current): exact, longest suffix, star; *.x matches x as well; a target may be
 * a pattern again, 50 steps at most.
 * DIFFERS: an IPv6 host in brackets is read back as it was written (C6), names are compared
 * prepared (D35), and only exact patterns
 * are followed from a target, as everything matches a star.
 */
#include "server/dns_override.h"

#include <stdlib.h>
#include <string.h>

#include "xml/jid.h"

#define STEPS_MAX 50

struct row {
    char *pattern; /* prepared; of "*.suffix" the suffix, of "*" empty */
    bool exact;
    char host[256];
    int port; /* 0: none given */
};

struct dns_overrides {
    struct row *rows;
    int count;
};

void dns_override_free(struct dns_overrides *overrides)
{
    if (overrides == NULL)
        return;
    for (int i = 0; i < overrides->count; i++)
        free(overrides->rows[i].pattern);
    free(overrides->rows);
    free(overrides);
}

/* read_port - 1 to 65535 and nothing else; -1 otherwise */
static int read_port(const char *text, size_t length)
{
    int port = 0;
    if (length == 0 || length > 5)
        return -1;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        port = port * 10 + (text[i] - '0');
    }
    return port >= 1 && port <= 65535 ? port : -1;
}

/* read_target - host, host:port, [v6], [v6]:port */
static bool read_target(struct row *row, const char *text, size_t length)
{
    const char *end = text + length, *colon;
    if (text < end && text[0] == '[') {
        const char *bracket = memchr(text, ']', length);
        if (bracket == NULL)
            return false;
        colon = bracket + 1 < end ? bracket + 1 : NULL;
        if (colon != NULL && *colon != ':')
            return false;
    } else {
        colon = memchr(text, ':', length);
    }
    size_t host = colon != NULL ? (size_t)(colon - text) : length;
    char prepared[JID_PART_MAX + 1];
    if (jid_prepare_domain(text, host, prepared) < 0)
        return false;
    if (jid_domain_to_ascii(prepared, row->host) < 0) {
        if (!jid_domain_is_ip(prepared) || strlen(prepared) >= sizeof row->host)
            return false;
        strcpy(row->host, prepared);
    }
    row->port = colon != NULL ? read_port(colon + 1, (size_t)(end - colon - 1)) : 0;
    return row->port >= 0;
}

/* read_pattern - a domain, *.suffix or * */
static bool read_pattern(struct row *row, const char *text, size_t length)
{
    char prepared[JID_PART_MAX + 1] = "";
    row->exact = true;
    if (length > 0 && text[0] == '*') {
        row->exact = false;
        if (length > 1 && text[1] != '.')
            return false;
        text += length > 1 ? 2 : 1;
        length -= length > 1 ? 2 : 1;
        if (length == 0) {
            row->pattern = text_copy("");
            return true;
        }
    }
    if (jid_prepare_domain(text, length, prepared) < 0)
        return false;
    row->pattern = text_copy(prepared);
    return true;
}

static void trim(const char **text, size_t *length)
{
    while (*length > 0 && strchr(" \t", (*text)[0]) != NULL) {
        (*text)++;
        (*length)--;
    }
    while (*length > 0 && strchr(" \t", (*text)[*length - 1]) != NULL)
        (*length)--;
}

/* read_row - what stands between { and } */
static bool read_row(struct dns_overrides *overrides, const char *text, size_t length)
{
    const char *comma = memchr(text, ',', length);
    if (comma == NULL)
        return false;
    size_t pattern = (size_t)(comma - text), target = length - pattern - 1;
    const char *host = comma + 1;
    trim(&text, &pattern);
    trim(&host, &target);
    struct row row = {0};
    if (!read_pattern(&row, text, pattern) || !read_target(&row, host, target)) {
        free(row.pattern);
        return false;
    }
    overrides->rows = text_realloc(overrides->rows, ((size_t)overrides->count + 1) * sizeof row);
    overrides->rows[overrides->count++] = row;
    return true;
}

struct dns_overrides *dns_override_parse(const char *text, struct text *why)
{
    struct dns_overrides *overrides = text_calloc(1, sizeof *overrides);
    for (const char *at = text + strspn(text, " \t,"); *at != '\0'; at += strspn(at, " \t,")) {
        const char *end = at[0] == '{' ? strchr(at, '}') : NULL;
        if (end == NULL || !read_row(overrides, at + 1, (size_t)(end - at - 1))) {
            text_appendf(
                why,
                "dnsutil.dnsOverride: at '%.60s': {domain,host:port} was expected; a domain may be "
                "*.suffix or *, an IPv6 host stands in brackets",
                at);
            dns_override_free(overrides);
            return NULL;
        }
        at = end + 1;
    }
    return overrides;
}

static const struct row *find_exact(const struct dns_overrides *overrides, const char *domain)
{
    for (int i = 0; i < overrides->count; i++)
        if (overrides->rows[i].exact && strcmp(overrides->rows[i].pattern, domain) == 0)
            return &overrides->rows[i];
    return NULL;
}

/* fits - is the domain the suffix, or below it? The empty one, of `*`, is for all. */
static bool fits(const char *domain, const char *suffix)
{
    return suffix[0] == '\0' || strcmp(domain, suffix) == 0 || jid_domain_is_below(domain, suffix);
}

static const struct row *find_suffix(const struct dns_overrides *overrides, const char *domain)
{
    const struct row *best = NULL;
    for (int i = 0; i < overrides->count; i++) {
        const struct row *row = &overrides->rows[i];
        if (!row->exact && fits(domain, row->pattern) &&
            (best == NULL || strlen(row->pattern) > strlen(best->pattern)))
            best = row;
    }
    return best;
}

int dns_override_find(const struct dns_overrides *overrides, const char *domain, char host[256],
                      int *port)
{
    const struct row *row = find_exact(overrides, domain);
    if (row == NULL)
        row = find_suffix(overrides, domain);
    if (row == NULL)
        return 0;
    *port = row->port;
    for (int step = 0; step < STEPS_MAX; step++) {
        char target[JID_PART_MAX + 1]; /* as a pattern is kept; the host itself is in A-labels */
        bool named = jid_prepare_domain(row->host, strlen(row->host), target) > 0;
        const struct row *next = named ? find_exact(overrides, target) : NULL;
        if (next == NULL) {
            memcpy(host, row->host, sizeof row->host);
            return 1;
        }
        row = next;
        if (row->port != 0)
            *port = row->port;
    }
    return -1;
}

/* rank - where a row stands in the order of looking: exact ones, then by the length of the suffix */
static size_t rank(const struct row *row)
{
    return row->exact ? (size_t)-1 : strlen(row->pattern);
}

/* goes_before - of rows of one rank the first counts */
static bool goes_before(const struct dns_overrides *overrides, int a, int b)
{
    size_t left = rank(&overrides->rows[a]), right = rank(&overrides->rows[b]);
    return left != right ? left > right : a < b;
}

bool dns_override_row(const struct dns_overrides *overrides, int index, struct text *pattern,
                      struct text *host, int *port)
{
    for (int i = 0; i < overrides->count; i++) {
        const struct row *row = &overrides->rows[i];
        int before = 0;
        for (int other = 0; other < overrides->count; other++)
            before += other != i && goes_before(overrides, other, i);
        if (before != index)
            continue;
        text_appendf(pattern, "%s%s",
                     row->exact                ? ""
                     : row->pattern[0] != '\0' ? "*."
                                               : "*",
                     row->pattern);
        bool bare = strchr(row->host, ':') != NULL && row->host[0] != '[';
        text_appendf(host, "%s%s%s", bare ? "[" : "", row->host, bare ? "]" : "");
        *port = row->port;
        return true;
    }
    return false;
}
