/* config_value - one setting: from text into its field, and back
 *
 * The rows of PROPERTIES as data, and what each type of row accepts. Only the config module and its
 * test need this. Pure: no locks, no logging.
 */
#ifndef SERVER_CONFIG_VALUE_H
#define SERVER_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/config.h"
#include "xml/text.h"

enum config_type {
    CONFIG_STRING,
    CONFIG_SECRET,
    CONFIG_DOMAIN,
    CONFIG_DOMAINS,
    CONFIG_ADDRESS,
    CONFIG_NETWORKS,
    CONFIG_WORDS,
    CONFIG_BOOLEAN,
    CONFIG_NUMBER,
    CONFIG_CHOICE
};

/* A row of PROPERTIES */
struct config_row {
    const char *property, *section, *key;
    const char *text, *help; /* `text` is the default */
    enum config_type type;
    const char *const *words; /* of WORDS and CHOICE, NULL behind the last; else NULL */
    size_t offset;            /* of its field in struct config */
    int64_t min, max;
    bool restart;
};

extern const struct config_row config_rows[];
extern const size_t config_row_count;

/* config_value_find - the row of a property, upper and lower case being one; NULL when there is none */
const struct config_row *config_value_find(const char *property);
/* config_value_set - check `text` and store it in the row's field. false, and nothing has changed, when it
 * is not acceptable; config_value_expected says what would be. */
bool config_value_set(struct config *config, const struct config_row *row, const char *text);
/* config_value_expected - append what the row accepts, in words */
void config_value_expected(const struct config_row *row, struct text *out);
/* config_value_write - append the row's value, in the form that config_value_set reads */
void config_value_write(const struct config *config, const struct config_row *row,
                        struct text *out);
/* config_value_is_loopback - is the value of an ADDRESS reachable from this machine only? */
bool config_value_is_loopback(const char *address);
/* config_value_free - give back the row's field, if it is a string */
void config_value_free(struct config *config, const struct config_row *row);

#endif
