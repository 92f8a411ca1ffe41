/* What spans several keys: order of bounds, values derived from others, rules. */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/address.h"
#include "common/buffer.h"
#include "common/config_source.h"
#include "common/config_value.h"
#include "common/panic.h"
#include "common/webhook_signature.h"

static const struct config_entry *must_find(const char *section, const char *key)
{
    const struct config_entry *entry = config_table_find(section, key);
    ENSURE(entry != NULL);
    return entry;
}

static bool is_set(const struct config_loading *loading, const struct config_entry *entry)
{
    return config_loading_origin(loading, entry) != NULL;
}

/* `section.key = value (where it was set)` */
static void append_setting(struct buffer *out, const struct config_loading *loading,
                           const struct config_entry *entry)
{
    const char *origin = config_loading_origin(loading, entry);
    buffer_append_format(out, "%s.%s = ", entry->section, entry->key);
    config_value_append_number(out, entry, *config_value_integer(loading->config, entry));
    buffer_append_format(out, " (%s)", origin ? origin : "the default");
}

static int check_order(struct config_loading *loading, const struct config_entry *low,
                       const struct config_entry *high)
{
    if (*config_value_integer(loading->config, low) <= *config_value_integer(loading->config, high))
        return 0;
    struct buffer message = {0};
    append_setting(&message, loading, low);
    buffer_append_string(&message, " must not be above ");
    append_setting(&message, loading, high);
    error_set(loading->error, ERROR_CONFIG, false, "%s", message.data);
    buffer_fini(&message);
    return -1;
}

static int settle_lease(struct config_loading *loading)
{
    const struct config_entry *min = must_find("hub", "lease_seconds_min");
    const struct config_entry *preset = must_find("hub", "lease_seconds_default");
    const struct config_entry *max = must_find("hub", "lease_seconds_max");
    if (check_order(loading, min, max) != 0)
        return -1;
    if (!is_set(loading, preset)) {
        int64_t *value = &loading->config->hub.lease_seconds_default;
        if (*value < loading->config->hub.lease_seconds_min)
            *value = loading->config->hub.lease_seconds_min;
        if (*value > loading->config->hub.lease_seconds_max)
            *value = loading->config->hub.lease_seconds_max;
    }
    if (check_order(loading, min, preset) != 0)
        return -1;
    return check_order(loading, preset, max);
}

/* Who sets only one of the two must not have to know the other. */
static int settle_retry(struct config_loading *loading)
{
    const struct config_entry *min = must_find("retry", "min_interval");
    const struct config_entry *max = must_find("retry", "max_interval");
    int64_t *low = &loading->config->retry.min_interval;
    int64_t *high = &loading->config->retry.max_interval;
    if (*low > *high && !is_set(loading, min))
        *low = *high;
    if (*low > *high && !is_set(loading, max))
        *high = *low;
    return check_order(loading, min, max);
}

static int check_replication(struct config_loading *loading)
{
    const struct config_entry *factor = must_find("kafka", "replication_factor");
    if (loading->config->kafka.replication_factor == 0)
        return error_set(loading->error, ERROR_CONFIG, false,
                         "%s: kafka.replication_factor: expected -1 or at least 1, not 0",
                         config_loading_origin(loading, factor));
    if (loading->config->kafka.replication_factor < 0)
        return 0;
    return check_order(loading, must_find("kafka", "min_insync_replicas"), factor);
}

static int check_open_door(struct config_loading *loading)
{
    const struct config *config = loading->config;
    if (!config_auth_has(config, AUTH_NONE) || config->security.allow_insecure ||
        address_text_is_loopback(config->hub.listen_address))
        return 0;
    return error_set(loading->error, ERROR_CONFIG, false,
                     "auth.mode = \"none\" lets everyone in who can reach hub.listen_address = "
                     "\"%s\": listen on a loopback address such as 127.0.0.1, or set "
                     "security.allow_insecure = true",
                     config->hub.listen_address);
}

static int require(struct config_loading *loading, bool given, const char *why, const char *what)
{
    if (given)
        return 0;
    return error_set(loading->error, ERROR_CONFIG, false, "%s needs %s", why, what);
}

static int check_tls(struct config_loading *loading)
{
    const struct config *config = loading->config;
    bool certificate = config->security.tls_certificate_file[0];
    bool key = config->security.tls_key_file[0];
    if (certificate != key)
        return require(loading, false,
                       certificate ? "security.tls_certificate_file" : "security.tls_key_file",
                       certificate ? "security.tls_key_file" : "security.tls_certificate_file");
    if (config->security.hsts_max_age > 0 && !certificate)
        return require(loading, false, "security.hsts_max_age", "security.tls_certificate_file");
    return 0;
}

static int check_auth(struct config_loading *loading)
{
    const struct config *config = loading->config;
    if (config_auth_has(config, AUTH_NONE) && config->auth.mode.count > 1)
        return error_set(loading->error, ERROR_CONFIG, false,
                         "auth.mode: \"none\" lets everyone in, and makes no sense with others");
    const struct {
        enum auth_mode mode;
        bool given;
        const char *why, *what;
    } needs[] = {
        {AUTH_JWT, config->auth.jwks_url[0] || config->auth.public_key_file[0], "auth.mode \"jwt\"",
         "auth.jwks_url or auth.public_key_file"},
        {AUTH_INTROSPECTION, config->auth.introspection_url[0], "auth.mode \"introspection\"",
         "auth.introspection_url"},
        {AUTH_MOSIP, config->auth.mosip_base_url[0], "auth.mode \"mosip\"", "auth.mosip_base_url"},
        {AUTH_BASIC, config->auth.basic_users_file[0], "auth.mode \"basic\"",
         "auth.basic_users_file"},
        {AUTH_CERTIFICATE,
         config->security.client_ca_file[0] && config->security.tls_certificate_file[0],
         "auth.mode \"certificate\"", "security.tls_certificate_file and security.client_ca_file"},
    };
    for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
        if (config_auth_has(config, needs[i].mode) &&
            require(loading, needs[i].given, needs[i].why, needs[i].what) != 0)
            return -1;
    return check_open_door(loading);
}

static int check_webhook(struct config_loading *loading)
{
    const struct config *config = loading->config;
    struct webhook_key key;
    const bool given = config->notices.webhook_url[0];
    if (require(loading, !given || config->notices.enabled, "notices.webhook_url",
                "notices.enabled") != 0 ||
        require(loading, !given || config->notices.webhook_secret[0], "notices.webhook_url",
                "notices.webhook_secret") != 0)
        return -1;
    if (!config->notices.webhook_secret[0])
        return 0;
    if (webhook_key_read(&key, config->notices.webhook_secret, loading->error) != 0)
        return error_prefix(loading->error, "notices.webhook_secret");
    webhook_key_fini(&key);
    return 0;
}

static int settle_notices(struct config_loading *loading)
{
    const struct config_entry *age = must_find("notices", "give_up_after");
    const struct config_entry *retention = must_find("notices", "retention");
    struct config *config = loading->config;
    if (!is_set(loading, age) && config->notices.give_up_after > config->notices.retention)
        config->notices.give_up_after = config->notices.retention;
    if (check_order(loading, age, retention) != 0)
        return -1;
    return check_webhook(loading);
}

static char *derive_public_url(const struct config *config)
{
    const char *address = config->hub.listen_address;
    bool ipv6 = strchr(address, ':') != NULL;
    return xasprintf("%s://%s%s%s:%" PRId64 "/hub",
                     config->security.tls_certificate_file[0] ? "https" : "http", ipv6 ? "[" : "",
                     address, ipv6 ? "]" : "", config->hub.port);
}

/* A URL without a path gets "/hub"; the parser has made sure that there is a "://". */
static char *complete_public_url(const char *url)
{
    const char *path = strchr(strstr(url, "://") + 3, '/');
    if (!path)
        return xasprintf("%s/hub", url);
    return xasprintf("%s%s", url, path[1] ? "" : "hub");
}

static void settle_public_url(struct config *config)
{
    char *given = config->hub.public_url;
    config->hub.public_url = given[0] ? complete_public_url(given) : derive_public_url(config);
    free(given);
}

static void settle_instance_id(char **id, int64_t port)
{
    if ((*id)[0])
        return;
    char host[HOST_NAME_MAX + 1] = "";
    if (gethostname(host, sizeof(host) - 1) != 0 || !host[0])
        memcpy(host, "localhost", sizeof("localhost"));
    free(*id);
    *id = xasprintf("%s-%" PRId64, host, port);
}

bool config_auth_has(const struct config *config, enum auth_mode mode)
{
    for (size_t i = 0; i < config->auth.mode.count; i++)
        if (config->auth.mode.items[i] == (int)mode)
            return true;
    return false;
}

bool config_wants_notice(const struct config *config, enum notice_type type)
{
    for (size_t i = 0; config->notices.enabled && i < config->notices.events.count; i++)
        if (config->notices.events.items[i] == (int)type)
            return true;
    return false;
}

int config_settle(struct config_loading *loading)
{
    if (settle_lease(loading) != 0 || settle_retry(loading) != 0 ||
        check_replication(loading) != 0 || check_tls(loading) != 0 || check_auth(loading) != 0 ||
        settle_notices(loading) != 0)
        return -1;
    settle_public_url(loading->config);
    struct config *config = loading->config;
    settle_instance_id(&config->consolidator.instance_id, config->consolidator.port);
    settle_instance_id(&config->dispatcher.instance_id, config->dispatcher.port);
    return 0;
}
