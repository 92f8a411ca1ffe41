/* Reads a libconfig file into the configuration. */
#include <errno.h>
#include <libconfig.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buffer.h"
#include "common/config_source.h"
#include "common/config_value.h"
#include "common/panic.h"

/* "file:line" of a setting, which may be in an included file. Caller frees. */
static char *position_of(const config_setting_t *setting)
{
    const char *file = config_setting_source_file(setting);
    return xasprintf("%s:%u", file ? file : "?", config_setting_source_line(setting));
}

static const char *name_of(const config_setting_t *setting)
{
    const char *name = config_setting_name(setting);
    return name ? name : "";
}

static bool is_aggregate_list(const config_setting_t *setting)
{
    return config_setting_is_list(setting) || config_setting_is_array(setting);
}

/* Whether the file's type can express the entry's: a quoted port is as wrong as an unquoted name.
 */
static bool type_fits(const struct config_entry *entry, const config_setting_t *setting)
{
    int type = config_setting_type(setting);
    bool integer = type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
    switch (entry->type) {
    case CONFIG_VALUE_STRING:
    case CONFIG_VALUE_KAFKA_PREFIX:
    case CONFIG_VALUE_ADDRESS:
    case CONFIG_VALUE_URL:
    case CONFIG_VALUE_ENDPOINT:
    case CONFIG_VALUE_CHOICE:
    case CONFIG_VALUE_SECRET:
        return type == CONFIG_TYPE_STRING;
    case CONFIG_VALUE_INTEGER:
        return integer;
    case CONFIG_VALUE_NUMBER:
        return integer || type == CONFIG_TYPE_FLOAT;
    case CONFIG_VALUE_BOOLEAN:
        return type == CONFIG_TYPE_BOOL;
    case CONFIG_VALUE_DURATION:
        return integer || type == CONFIG_TYPE_FLOAT || type == CONFIG_TYPE_STRING;
    case CONFIG_VALUE_SIZE:
        return integer || type == CONFIG_TYPE_STRING;
    case CONFIG_VALUE_CHOICE_LIST: /* one needs no brackets */
        return is_aggregate_list(setting) || type == CONFIG_TYPE_STRING;
    case CONFIG_VALUE_NAME_LIST:
    case CONFIG_VALUE_NETWORK_LIST:
    case CONFIG_VALUE_PORT_LIST:
    case CONFIG_VALUE_PROPERTY_LIST:
    case CONFIG_VALUE_RULE_LIST:
        return is_aggregate_list(setting);
    }
    PANIC("no such type: %d", (int)entry->type);
}

/* A scalar as it would be written in the environment, or NULL. Caller frees. */
static char *text_of(const config_setting_t *setting)
{
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_STRING:
        return xstrdup(config_setting_get_string(setting));
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        return xasprintf("%lld", config_setting_get_int64(setting));
    case CONFIG_TYPE_FLOAT:
        return xasprintf("%.15g", config_setting_get_float(setting));
    case CONFIG_TYPE_BOOL:
        return xstrdup(config_setting_get_bool(setting) ? "true" : "false");
    default:
        return NULL;
    }
}

/* What an error shows of a setting. NULL: nothing, as it may be secret. Caller frees. */
static char *shown_of(const struct config_entry *entry, const config_setting_t *setting)
{
    if (config_value_is_secret(entry))
        return NULL;
    if (config_setting_is_group(setting))
        return xstrdup("a group");
    if (is_aggregate_list(setting))
        return config_value_is_list(entry) ? NULL : xstrdup("a list");
    char *text = text_of(setting);
    if (!text || config_setting_type(setting) != CONFIG_TYPE_STRING)
        return text;
    char *quoted = config_loading_quote(text);
    free(text);
    return quoted;
}

static int set_list(struct config *config, const struct config_entry *entry,
                    const config_setting_t *setting, struct buffer *reason)
{
    size_t count = (size_t)config_setting_length(setting);
    const char **items = xcalloc(count, sizeof(*items));
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        items[i] = config_setting_get_string_elem(setting, (int)i);
        if (!items[i]) {
            buffer_append_format(reason, "item %zu is not a string", i + 1);
            result = -1;
        }
    }
    if (result == 0)
        result = config_value_set_list(config, entry, items, count, reason);
    free(items);
    return result;
}

static int set_value(struct config *config, const struct config_entry *entry,
                     const config_setting_t *setting, struct buffer *reason)
{
    if (!type_fits(entry, setting))
        return -1;
    if (is_aggregate_list(setting))
        return set_list(config, entry, setting, reason);
    char *text = text_of(setting);
    int result = config_value_set(config, entry, text, reason);
    free(text);
    return result;
}

static int read_known(struct config_loading *loading, const struct config_entry *entry,
                      const config_setting_t *setting, const char *position)
{
    struct buffer reason = {0};
    int result = set_value(loading->config, entry, setting, &reason);
    if (result == 0) {
        config_loading_set_origin(loading, entry, xstrdup(position));
    } else {
        char *where = xasprintf("%s: %s.%s", position, entry->section, entry->key);
        char *shown = shown_of(entry, setting);
        config_loading_refuse(loading, entry, where, shown, reason.data);
        free(shown);
        free(where);
    }
    buffer_fini(&reason);
    return result;
}

static int refuse_unknown(struct config_loading *loading, const char *position, const char *section,
                          const char *name)
{
    const char *nearest = config_table_nearest(section, name);
    return error_set(loading->error, ERROR_CONFIG, false, "%s: unknown %s \"%s%s%.60s\"%s%s%s",
                     position, section ? "key" : "section", section ? section : "",
                     section ? "." : "", name, nearest ? "; did you mean \"" : "",
                     nearest ? nearest : "", nearest ? "\"?" : "");
}

static int read_key(struct config_loading *loading, const char *section,
                    const config_setting_t *setting)
{
    char *position = position_of(setting);
    const struct config_entry *entry = config_table_find(section, name_of(setting));
    int result = entry ? read_known(loading, entry, setting, position)
                       : refuse_unknown(loading, position, section, name_of(setting));
    free(position);
    return result;
}

static int read_section(struct config_loading *loading, const config_setting_t *setting)
{
    const char *section = config_table_section(name_of(setting));
    if (!section || !config_setting_is_group(setting)) {
        char *position = position_of(setting);
        if (section)
            error_set(loading->error, ERROR_CONFIG, false, "%s: %s: expected a group: %s: { ... };",
                      position, section, section);
        else
            refuse_unknown(loading, position, NULL, name_of(setting));
        free(position);
        return -1;
    }
    int count = config_setting_length(setting);
    for (int i = 0; i < count; i++) {
        if (read_key(loading, section, config_setting_get_elem(setting, (unsigned)i)) != 0)
            return -1;
    }
    return 0;
}

static int read_root(struct config_loading *loading, const config_setting_t *root)
{
    int count = config_setting_length(root);
    for (int i = 0; i < count; i++) {
        if (read_section(loading, config_setting_get_elem(root, (unsigned)i)) != 0)
            return -1;
    }
    return 0;
}

/* libconfig ends the process when what it has opened cannot be read, as with a directory. */
static int check_readable(const char *path, struct error *error)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return error_set(error, ERROR_CONFIG, false, "%s: %s", path, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return error_set(error, ERROR_CONFIG, false, "%s: %s", path, strerror(EISDIR));
    return 0;
}

static int parse_file(config_t *file, const char *path, struct error *error)
{
    /* Included files are looked for beside the one that includes them, wherever we were started. */
    const char *slash = strrchr(path, '/');
    if (slash) {
        char *directory = xstrndup(path, slash == path ? 1 : (size_t)(slash - path));
        config_set_include_dir(file, directory);
        free(directory);
    }
    errno = 0;
    if (config_read_file(file, path) == CONFIG_TRUE)
        return 0;
    if (config_error_type(file) == CONFIG_ERR_FILE_IO)
        return error_set(error, ERROR_CONFIG, false, "%s: %s", path,
                         errno != 0 ? strerror(errno) : "cannot be read");
    const char *name = config_error_file(file);
    return error_set(error, ERROR_CONFIG, false, "%s:%d: %s", name ? name : path,
                     config_error_line(file), config_error_text(file));
}

int config_file_read(struct config_loading *loading, const char *path)
{
    if (check_readable(path, loading->error) != 0)
        return -1;
    config_t file;
    config_init(&file);
    int result = parse_file(&file, path, loading->error);
    if (result == 0)
        result = read_root(loading, config_root_setting(&file));
    config_destroy(&file);
    return result;
}
