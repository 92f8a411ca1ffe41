/* websub migrate-mosip: from MOSIP's hub to this suite. What it does is in migration/. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/command.h"
#include "client/migration/migration.h"
#include "client/migration/report.h"
#include "client/read_file.h"
#include "common/base64.h"
#include "common/log.h"
#include "common/panic.h"
#include "common/secret_cipher.h"

static void print_progress(const char *line)
{
    fprintf(stderr, "%s\n", line);
}

static void free_list(struct string_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        explicit_bzero(list->items[i], strlen(list->items[i]));
        free(list->items[i]);
    }
    free(list->items);
    *list = (struct string_list){0};
}

static void add(struct string_list *list, char *item)
{
    list->items = xrealloc(list->items, (list->count + 1) * sizeof(*list->items));
    list->items[list->count++] = item;
}

/* --- the old hub's Kafka --- */

static int read_properties(const char *path, struct string_list *properties, struct error *error)
{
    struct buffer content = {0};
    int result = read_file(path, &content, error);
    char *rest = result == 0 ? content.data : NULL;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        line[strcspn(line, "\r")] = '\0';
        if (*line)
            add(properties, xstrdup(line));
    }
    if (content.data)
        explicit_bzero(content.data, content.capacity);
    buffer_fini(&content);
    return result;
}

/**
 * The configuration with the old hub's Kafka in place of this suite's. It borrows from `config` all
 * but `*properties`.
 */
static int old_config(const struct command_options *options, const struct config *config,
                      struct config *old, struct string_list *properties, struct error *error)
{
    *old = *config;
    if (options->old_servers)
        old->kafka.bootstrap_servers = (char *)(uintptr_t)options->old_servers;
    if (options->old_properties && read_properties(options->old_properties, properties, error) != 0)
        return -1;
    if (options->old_servers || options->old_properties)
        old->kafka.properties = *properties;
    return 0;
}

/* --- keys --- */

/**
 * The hub takes its key as base64 of 32 bytes, or as it is (HUB_SECRET_ENCRYPTION_KEY_FORMAT); of
 * the latter, keys of 32 characters can be used here. NULL: it is neither. The caller frees it.
 */
static char *key_item(const char *text)
{
    struct secret_cipher_key key;
    bool is_base64 = secret_cipher_read_key(text, &key) == 0;
    explicit_bzero(&key, sizeof(key));
    if (!is_base64 && strlen(text) != SECRET_CIPHER_KEY_SIZE)
        return NULL;
    char *encoded = is_base64 ? xstrdup(text) : base64_encode(text, strlen(text));
    char *item = xasprintf("%s=%s", KEYRING_MOSIP_ID, encoded);
    explicit_bzero(encoded, strlen(encoded));
    free(encoded);
    return item;
}

static int add_old_key(const char *path, struct string_list *keys, struct error *error)
{
    struct buffer content = {0};
    if (read_file(path, &content, error) != 0)
        return -1;
    char *item = NULL;
    if (content.data) {
        content.data[strcspn(content.data, "\r\n")] = '\0';
        item = key_item(content.data);
        explicit_bzero(content.data, content.capacity);
    }
    buffer_fini(&content);
    if (!item)
        return error_set(error, ERROR_CONFIG, false,
                         "%s: expected base64 of 32 bytes, or 32 characters", path);
    add(keys, item);
    return 0;
}

/** The suite's keys, with the old hub's from --old-key-file. */
static struct keyring *make_keyring(const struct command_options *options,
                                    const struct config *config, struct error *error)
{
    static const char mosip[] = KEYRING_MOSIP_ID "=";
    struct string_list keys = {0};
    struct keyring *keyring = NULL;
    for (size_t i = 0; i < config->security.secret_keys.count; i++) {
        const char *item = config->security.secret_keys.items[i];
        if (!options->old_key || strncmp(item, mosip, strlen(mosip)) != 0)
            add(&keys, xstrdup(item));
    }
    if (!options->old_key || add_old_key(options->old_key, &keys, error) == 0)
        keyring = keyring_new(&keys, error);
    free_list(&keys);
    return keyring;
}

/* --- running --- */

static int exit_code(const struct error *error)
{
    fprintf(stderr, "websub: %s\n", error->message);
    switch (error->code) {
    case ERROR_CONFIG:
        return COMMAND_USAGE;
    case ERROR_UNAVAILABLE:
    case ERROR_TIMEOUT:
    case ERROR_CONFLICT:
        return COMMAND_UNAVAILABLE;
    default:
        return COMMAND_REFUSED;
    }
}

static int run(const struct command_options *options, const struct config *config,
               const struct config *old, const struct keyring *keyring)
{
    const struct migration_options wanted = {
        .plan = {.from_start = options->uncommitted && strcmp(options->uncommitted, "start") == 0,
                 .lease_seconds = options->lease_seconds},
        .dry_run = options->dry_run,
        .while_running = options->while_running,
        .progress = print_progress,
    };
    struct migration migration;
    struct error error;
    int code = COMMAND_DONE;
    if (migration_run(&migration, &wanted, config, old, keyring, &error) != 0) {
        code = exit_code(&error);
    } else {
        (options->json ? report_print_json : report_print_text)(stdout, &migration,
                                                                options->dry_run);
        if (report_has_problems(&migration))
            code = COMMAND_REFUSED;
    }
    migration_fini(&migration);
    return code;
}

static int run_with(const struct command_options *options, const struct config *config)
{
    struct string_list properties = {0};
    struct config old;
    struct error error;
    int code;
    struct keyring *keyring = make_keyring(options, config, &error);
    if (!keyring || old_config(options, config, &old, &properties, &error) != 0) {
        error.code = ERROR_CONFIG;
        code = exit_code(&error);
    } else {
        code = run(options, config, &old, keyring);
    }
    keyring_free(keyring);
    free_list(&properties);
    return code;
}

int command_migrate_mosip(const struct command_options *options)
{
    struct config config;
    struct error error;
    if (options->uncommitted && strcmp(options->uncommitted, "end") != 0 &&
        strcmp(options->uncommitted, "start") != 0)
        return command_refuse_usage("--uncommitted: expected end or start, not '%s'",
                                    options->uncommitted);
    if (config_load(&config, options->config_path, &error) != 0)
        return command_refuse_usage("%s", error.message);
    log_init("websub", LOG_WARNING, LOG_TEXT);
    int code = run_with(options, &config);
    config_fini(&config);
    return code;
}
