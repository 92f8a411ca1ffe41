/** Where values come from: shared by the config_*.c files only. */
#ifndef WEBSUB_COMMON_CONFIG_SOURCE_H
#define WEBSUB_COMMON_CONFIG_SOURCE_H

#include "common/config_table.h"

/** A configuration that is being put together. */
struct config_loading {
    struct config *config;
    char **origins; /**< for each entry of the table: "file:line" or the variable; NULL: default */
    struct error *error;
};

/** "file:line" or the variable that set an entry, or NULL while it has its default. */
const char *config_loading_origin(const struct config_loading *loading,
                                  const struct config_entry *entry);
/** Takes over `origin`. */
void config_loading_set_origin(struct config_loading *loading, const struct config_entry *entry,
                               char *origin);

/**
 * Sets the error to "<where>: expected …, not <shown>: <reason>" and returns -1; `shown` and
 * `reason` may be NULL. Values that may be secret are not shown.
 */
int config_loading_refuse(struct config_loading *loading, const struct config_entry *entry,
                          const char *where, const char *shown, const char *reason);
/** The text in quotes, cut when it is long. Caller frees. */
char *config_loading_quote(const char *text);

int config_file_read(struct config_loading *loading, const char *path);
int config_environment_read(struct config_loading *loading);
/** Checks what spans several keys, and fills in what is derived from others. */
int config_settle(struct config_loading *loading);

#endif
