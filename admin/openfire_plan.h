/* openfire_plan - what becomes of each thing that an Openfire installation says
 *
 * Openfire: its S2S properties, RemoteServerManager, ExternalComponentManager. A property carries over when the
 * table of settings (server/config_table.h) has one of its name, or of the name that it has in current
 * Openfire, and that takes its value. Nothing is written here; admin/openfire_import.h does that.
 */
#ifndef ADMIN_OPENFIRE_PLAN_H
#define ADMIN_OPENFIRE_PLAN_H

#include "admin/openfire_source.h"
#include "server/config.h"

enum openfire_fate {
    OPENFIRE_CARRIED, /* `setting` becomes `value` */
    OPENFIRE_SAME,    /* it is so here already */
    OPENFIRE_KEPT,    /* `setting` was set here to something else, and stays */
    OPENFIRE_REFUSED, /* its value can't be used; `note` says why */
    OPENFIRE_BEHIND,  /* S2S, but it has no counterpart here; `note` says why */
    OPENFIRE_UNKNOWN, /* by its name it may matter for S2S; nobody here knows it */
    OPENFIRE_FATES
};

struct openfire_item {
    enum openfire_fate fate;
    char *property; /* Openfire's name; of rows the domain */
    char *setting;  /* the name here; NULL: none */
    char *value;    /* what it becomes, or was in Openfire; NULL: not shown */
    char *before;   /* the value here so far; NULL: not shown, or of no interest */
    char *note;     /* a sentence without full stop; NULL: none */
    char *lines;    /* of a row that is carried: what is to stand in its file */
    bool exact;     /* of a row: Openfire spelled its domain as it is prepared */
    bool secret;    /* `value` and `before` are not to be shown */
};

struct openfire_items {
    struct openfire_item *items;
    size_t count, room;
};

struct openfire_plan {
    struct openfire_items properties, remotes, components;
    size_t others; /* properties of Openfire's other parts */
    bool old;      /* 3.7.1 and its kin */
    char *domain;  /* of Openfire; NULL: not said */
    /* of the Java keystore: as the properties say, or Openfire's own */
    char *keystore, *keystore_type;
    bool keystore_password_set; /* it is not Openfire's own, "changeit" */
};

/* openfire_plan_make - judge a finished source. `config` is what is in force here; `replace`: what was set here gives way. Reads
 * remote-servers.conf and components.conf below s2s.home. 0, or -1 with a sentence: one of them can't be read. */
int openfire_plan_make(struct openfire_plan *plan, const struct openfire_source *source,
                       const struct config *config, bool replace, struct text *why);
void openfire_plan_free(struct openfire_plan *plan);
/* openfire_plan_count - how many items of this fate, properties and rows */
size_t openfire_plan_count(const struct openfire_plan *plan, enum openfire_fate fate);

/* openfire_items_add - one more, empty but for these; the property is copied */
struct openfire_item *openfire_items_add(struct openfire_items *items, enum openfire_fate fate,
                                         const char *property);

#endif
