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

static int check_auth(struct config_loading *loading)
{
    const struct config *config = loading->config;
    if (config->auth.mode != AUTH_NONE || config->security.allow_insecure ||
        address_text_is_loopback(config->hub.listen_address))
        return 0;
    return error_set(loading->error, ERROR_CONFIG, false,
                     "auth.mode = \"none\" lets everyone in who can reach hub.listen_address = "
                     "\"%s\": listen on a loopback address such as 127.0.0.1, or set "
                     "security.allow_insecure = true",
                     config->hub.listen_address);
}

static char *derive_public_url(const struct config *config)
{
    const char *address = config->hub.listen_address;
    bool ipv6 = strchr(address, ':') != NULL;
    return xasprintf("http://%s%s%s:%" PRId64 "/hub", ipv6 ? "[" : "", address, ipv6 ? "]" : "",
                     config->hub.port);
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

static void settle_instance_id(struct config *config)
{
    if (config->consolidator.instance_id[0])
        return;
    char host[HOST_NAME_MAX + 1] = "";
    if (gethostname(host, sizeof(host) - 1) != 0 || !host[0])
        memcpy(host, "localhost", sizeof("localhost"));
    free(config->consolidator.instance_id);
    config->consolidator.instance_id = xasprintf("%s-%" PRId64, host, config->consolidator.port);
}

int config_settle(struct config_loading *loading)
{
    if (settle_lease(loading) != 0 || settle_retry(loading) != 0 ||
        check_replication(loading) != 0 || check_auth(loading) != 0)
        return -1;
    settle_public_url(loading->config);
    settle_instance_id(loading->config);
    return 0;
}
