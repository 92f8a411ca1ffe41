/** Values of configuration keys: from text into struct config, and back into words. */
#ifndef WEBSUB_COMMON_CONFIG_VALUE_H
#define WEBSUB_COMMON_CONFIG_VALUE_H

#include "common/buffer.h"
#include "common/config_table.h"

/**
 * Parses `text` as the entry's type and replaces the field. Lists are split at ',' or ';'.
 * On failure the field is unchanged; `reason` then holds more than "expected …", or nothing.
 */
int config_value_set(struct config *config, const struct config_entry *entry, const char *text,
                     struct buffer *reason);

/** The same for a list's items; empty items are refused. */
int config_value_set_list(struct config *config, const struct config_entry *entry,
                          const char *const *items, size_t count, struct buffer *reason);

/** Splits `text` as in the environment, and sets the list. */
int config_list_split(struct config *config, const struct config_entry *entry, const char *text,
                      struct buffer *reason);

bool config_value_is_list(const struct config_entry *entry);
/** Whether no value, however wrong, may be shown. */
bool config_value_is_secret(const struct config_entry *entry);

/** The start of a secret that is in a file. */
#define CONFIG_FILE_PREFIX    "file:"
#define CONFIG_FILE_MAX_BYTES ((size_t)64 << 10)

/** Appends the file's text without newlines at its end; refuses NULs and more than
 * CONFIG_FILE_MAX_BYTES. `contents` then ends in a NUL; free it after failure too. */
int config_value_read_file(const char *path, struct buffer *contents, struct buffer *reason);

/** Where the entry's value is. */
void *config_value_field(struct config *config, const struct config_entry *entry);

/** Frees what the field owns. */
void config_value_clear(struct config *config, const struct config_entry *entry);
void config_list_clear(struct config *config, const struct config_entry *entry);

/** The int64_t field of an integer, duration or size. */
int64_t *config_value_integer(struct config *config, const struct config_entry *entry);

struct config_unit {
    const char *name;
    int64_t factor; /**< milliseconds or bytes */
};

/** The units of durations and sizes from large to small, up to a NULL name; of others none. */
const struct config_unit *config_value_units(const struct config_entry *entry);

/** "an integer from 1 to 65535": what a value has to look like. */
void config_value_append_expected(struct buffer *out, const struct config_entry *entry);
/** "integer", "duration": the type's name in the reference. */
const char *config_value_type_name(const struct config_entry *entry);
/** A number of the entry's type as one would write it: "10s", "64KiB", "1024". */
void config_value_append_number(struct buffer *out, const struct config_entry *entry,
                                int64_t number);

#endif
