/* Reads WEBSUB_<SECTION>_<KEY> variables into the configuration. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/config_source.h"
#include "common/config_value.h"
#include "common/panic.h"

static const char prefix[] = "WEBSUB_";

static int read_variable(struct config_loading *loading, const struct config_entry *entry,
                         const char *variable, const char *text)
{
    struct buffer reason = {0};
    int result = config_value_set(loading->config, entry, text, &reason);
    if (result == 0) {
        config_loading_set_origin(loading, entry, xstrdup(variable));
    } else {
        bool secret = config_value_is_secret(entry);
        char *shown = secret ? NULL : config_loading_quote(text);
        config_loading_refuse(loading, entry, variable, shown, reason.data);
        free(shown);
    }
    buffer_fini(&reason);
    return result;
}

static int read_known(struct config_loading *loading)
{
    for (size_t i = 0; i < config_table_size; i++) {
        const struct config_entry *entry = &config_table[i];
        char *variable = config_table_variable(entry);
        const char *text = getenv(variable);
        int result = text ? read_variable(loading, entry, variable, text) : 0;
        free(variable);
        if (result != 0)
            return -1;
    }
    return 0;
}

/* The section whose variables are named as `name`, or NULL: others may use WEBSUB_… for their ends.
 */
static const char *section_of(const char *name)
{
    for (size_t i = 0; i < config_table_size; i++) {
        const char *section = config_table[i].section;
        size_t length = strlen(section);
        if (strncasecmp(name, section, length) == 0 && name[length] == '_')
            return section;
    }
    return NULL;
}

static bool is_known(const char *variable)
{
    for (size_t i = 0; i < config_table_size; i++) {
        char *known = config_table_variable(&config_table[i]);
        bool same = strcmp(known, variable) == 0;
        free(known);
        if (same)
            return true;
    }
    return false;
}

static int refuse_unknown(struct config_loading *loading, const char *variable, const char *section)
{
    char *key = xstrdup(variable + strlen(prefix) + strlen(section) + 1);
    for (char *c = key; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    const char *nearest = config_table_nearest(section, key);
    char *meant = nearest ? config_table_variable(config_table_find(section, nearest)) : NULL;
    error_set(
        loading->error, ERROR_CONFIG, false, "%.100s: unknown key in section \"%s\"%s%s%s%s",
        variable, section, meant ? "; did you mean " : "", meant ? meant : "", meant ? "?" : "",
        /* A Service named websub-hub makes Kubernetes set WEBSUB_HUB_SERVICE_HOST and so on. */
        getenv("KUBERNETES_SERVICE_HOST") ? " (set enableServiceLinks: false in the pod)" : "");
    free(meant);
    free(key);
    return -1;
}

static int refuse_unknowns(struct config_loading *loading)
{
    for (char **variable = environ; variable && *variable; variable++) { /* NULL after clearenv */
        if (strncmp(*variable, prefix, strlen(prefix)) != 0)
            continue;
        char *name = xstrndup(*variable, strcspn(*variable, "="));
        const char *section = section_of(name + strlen(prefix));
        int result = section && !is_known(name) ? refuse_unknown(loading, name, section) : 0;
        free(name);
        if (result != 0)
            return -1;
    }
    return 0;
}

int config_environment_read(struct config_loading *loading)
{
    if (refuse_unknowns(loading) != 0)
        return -1;
    return read_known(loading);
}
