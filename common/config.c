#include "common/config.h"

#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/config_source.h"
#include "common/config_value.h"
#include "common/panic.h"

static size_t index_of(const struct config_entry *entry)
{
    return (size_t)(entry - config_table);
}

const char *config_loading_origin(const struct config_loading *loading,
                                  const struct config_entry *entry)
{
    return loading->origins[index_of(entry)];
}

void config_loading_set_origin(struct config_loading *loading, const struct config_entry *entry,
                               char *origin)
{
    char **place = &loading->origins[index_of(entry)];
    free(*place);
    *place = origin;
}

static void set_defaults(struct config *config)
{
    *config = (struct config){0};
    for (size_t i = 0; i < config_table_size; i++) {
        const struct config_entry *entry = &config_table[i];
        struct buffer reason = {0};
        if (config_value_set(config, entry, entry->default_text, &reason) != 0)
            PANIC("%s.%s has a bad default", entry->section, entry->key);
        buffer_fini(&reason);
    }
}

static int load(struct config_loading *loading, const char *path)
{
    if (path && config_file_read(loading, path) != 0)
        return -1;
    if (config_environment_read(loading) != 0)
        return -1;
    return config_settle(loading);
}

int config_load(struct config *config, const char *path, struct error *error)
{
    set_defaults(config);
    struct config_loading loading = {
        .config = config,
        .origins = xcalloc(config_table_size, sizeof(*loading.origins)),
        .error = error,
    };
    int result = load(&loading, path);
    for (size_t i = 0; i < config_table_size; i++)
        free(loading.origins[i]);
    free(loading.origins);
    if (result != 0)
        config_fini(config);
    return result;
}

void config_fini(struct config *config)
{
    for (size_t i = 0; i < config_table_size; i++)
        config_value_clear(config, &config_table[i]);
}

int config_loading_refuse(struct config_loading *loading, const struct config_entry *entry,
                          const char *where, const char *shown, const char *reason)
{
    struct buffer message = {0};
    buffer_append_format(&message, "%s: expected ", where);
    config_value_append_expected(&message, entry);
    if (shown)
        buffer_append_format(&message, ", not %s", shown);
    if (reason)
        buffer_append_format(&message, ": %s", reason);
    error_set(loading->error, ERROR_CONFIG, false, "%s", message.data);
    buffer_fini(&message);
    return -1;
}

char *config_loading_quote(const char *text)
{
    const int most = 60; /* bytes: enough to recognise a value */
    return xasprintf("\"%.*s%s\"", most, text, strlen(text) > (size_t)most ? "..." : "");
}
