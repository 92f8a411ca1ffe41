/** The table of configuration keys, shared by the config_*.c files only. */
#ifndef WEBSUB_COMMON_CONFIG_TABLE_H
#define WEBSUB_COMMON_CONFIG_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/config.h"

/** What a value looks like and which C type its field has. */
enum config_type {
    CONFIG_VALUE_STRING,        /**< char *; min and max bound the length in bytes */
    CONFIG_VALUE_KAFKA_PREFIX,  /**< char *: characters of Kafka topic names; length likewise */
    CONFIG_VALUE_ADDRESS,       /**< char *: literal IPv4 or IPv6 address */
    CONFIG_VALUE_URL,           /**< char *: absolute http or https URL without query, or empty */
    CONFIG_VALUE_ENDPOINT,      /**< char *: the same, with a query if need be */
    CONFIG_VALUE_INTEGER,       /**< int64_t */
    CONFIG_VALUE_NUMBER,        /**< double; min and max are whole */
    CONFIG_VALUE_BOOLEAN,       /**< bool */
    CONFIG_VALUE_DURATION,      /**< int64_t: milliseconds, min and max too */
    CONFIG_VALUE_SIZE,          /**< int64_t: bytes */
    CONFIG_VALUE_CHOICE,        /**< an enum: the index in `choices` */
    CONFIG_VALUE_SECRET,        /**< char *, never shown; length as of a string */
    CONFIG_VALUE_CHOICE_LIST,   /**< struct choice_list: at least one, none twice */
    CONFIG_VALUE_NAME_LIST,     /**< struct string_list of words without blanks */
    CONFIG_VALUE_NETWORK_LIST,  /**< struct string_list of CIDR */
    CONFIG_VALUE_PORT_LIST,     /**< struct string_list of ports and ranges of ports */
    CONFIG_VALUE_PROPERTY_LIST, /**< struct string_list of name=value; secret: never shown */
    CONFIG_VALUE_RULE_LIST,     /**< struct string_list of access rules */
};

struct config_entry {
    const char *section;
    const char *key;
    enum config_type type;
    size_t offset; /**< of the field in struct config */
    int64_t min, max;
    const char *default_text;   /**< as in the environment */
    const char *const *choices; /**< of a choice or list of them: NULL-terminated, as the enum */
    const char *meaning;        /**< one or more sentences, for the reference */
};

/** Entries of one section are adjacent. */
extern const struct config_entry config_table[];
extern const size_t config_table_size;

/** NULL when there is none. */
const struct config_entry *config_table_find(const char *section, const char *key);
/** The known section of that name, as it is in the table, or NULL. */
const char *config_table_section(const char *name);
/** The known section, or (with `section`) the known key of it, that a typing error may have meant;
 * or NULL. */
const char *config_table_nearest(const char *section, const char *name);
/** The environment variable of an entry. Caller frees. */
char *config_table_variable(const struct config_entry *entry);

#endif
