#include "common/kafka.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/panic.h"

void kafka_names_init(struct kafka_names *names, const struct config *config)
{
    const char *prefix = config->kafka.topic_prefix;
    names->events = xasprintf("%sevents", prefix);
    names->state = xasprintf("%sstate", prefix);
    names->dead_letters = xasprintf("%sdead-letters", prefix);
    names->attempts = xasprintf("%sattempts", prefix);
    names->notices = xasprintf("%snotices", prefix);
    names->status = xasprintf("%sstatus", prefix);
    names->pool = xasprintf("%smessages-pool", prefix);
    names->messages_prefix = xasprintf("%smessages-", prefix);
    names->migration = xasprintf("%smigration", prefix);
    names->group_consolidator = xasprintf("%sconsolidator", prefix);
    names->group_dispatchers = xasprintf("%sdispatchers", prefix);
    names->group_notices = xasprintf("%snotices", prefix);
    names->group_shard_prefix = xasprintf("%sshard-", prefix);
}

void kafka_names_fini(struct kafka_names *names)
{
    free(names->events);
    free(names->state);
    free(names->dead_letters);
    free(names->attempts);
    free(names->notices);
    free(names->status);
    free(names->pool);
    free(names->messages_prefix);
    free(names->migration);
    free(names->group_consolidator);
    free(names->group_dispatchers);
    free(names->group_notices);
    free(names->group_shard_prefix);
}

int kafka_error(struct error *error, rd_kafka_resp_err_t code, const char *what)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
        return error_set(error, ERROR_TIMEOUT, true, "%s: %s", what, rd_kafka_err2str(code));
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        return error_set(error, ERROR_RESOURCE, true, "%s: %s", what, rd_kafka_err2str(code));
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return error_set(error, ERROR_TOO_LARGE, false, "%s: %s", what, rd_kafka_err2str(code));
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
        return error_set(error, ERROR_CONFLICT, true, "%s: %s", what, rd_kafka_err2str(code));
    default:
        return error_set(error, ERROR_UNAVAILABLE, true, "%s: %s", what, rd_kafka_err2str(code));
    }
}

/* @locality librdkafka's threads */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk;
    enum log_level ours = level <= 3 ? LOG_WARNING : level <= 5 ? LOG_INFO : LOG_DEBUG;
    LOG_AT(ours, "kafka.client", LOG_STR("facility", facility), LOG_STR("message", text));
}

static int set_property(rd_kafka_conf_t *conf, const char *name, const char *value,
                        struct error *error)
{
    char message[256];
    if (rd_kafka_conf_set(conf, name, value, message, sizeof(message)) == RD_KAFKA_CONF_OK)
        return 0;
    return error_set(error, ERROR_CONFIG, false, "librdkafka refuses the property %s: %s", name,
                     message);
}

static int set_user_properties(rd_kafka_conf_t *conf, const struct string_list *properties,
                               struct error *error)
{
    for (size_t i = 0; i < properties->count; i++) {
        const char *property = properties->items[i];
        const char *equals = strchr(property, '=');
        if (!equals || equals == property)
            return error_set(
                error, ERROR_CONFIG, false,
                "kafka.properties: expected \"name=value\", got an entry without a name "
                "or '='");
        char *name = xstrndup(property, (size_t)(equals - property));
        int result = set_property(conf, name, equals + 1, error);
        free(name);
        if (result != 0)
            return -1;
    }
    return 0;
}

static int set_common_properties(rd_kafka_conf_t *conf, const struct config *config,
                                 rd_kafka_type_t type, struct error *error)
{
    if (set_property(conf, "bootstrap.servers", config->kafka.bootstrap_servers, error) != 0 ||
        set_property(conf, "client.id", "websub", error) != 0 ||
        /* A broker that comes back is to be found again within a second, not after ten. */
        set_property(conf, "reconnect.backoff.max.ms", "1000", error) != 0 ||
        set_property(conf, "socket.nagle.disable", "true", error) != 0 ||
        set_property(conf, "log.connection.close", "false", error) != 0)
        return -1;
    if (type == RD_KAFKA_PRODUCER)
        return set_property(conf, "acks", "all", error);
    /* librdkafka wants a name even of consumers that join no group, and asks Kafka about it. */
    char *group = xasprintf("%sreaders", config->kafka.topic_prefix);
    int named = set_property(conf, "group.id", group, error);
    free(group);
    if (named != 0 || set_property(conf, "enable.auto.commit", "false", error) != 0 ||
        set_property(conf, "enable.auto.offset.store", "false", error) != 0 ||
        set_property(conf, "isolation.level", "read_committed", error) != 0 ||
        set_property(conf, "enable.partition.eof", "true", error) != 0 ||
        set_property(conf, "auto.offset.reset", "earliest", error) != 0)
        return -1;
    return 0;
}

rd_kafka_t *kafka_client_new(const struct config *config, rd_kafka_type_t type,
                             const struct kafka_property *properties,
                             void (*configure)(rd_kafka_conf_t *conf), void *opaque,
                             struct error *error)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk = NULL;
    char message[512];

    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_opaque(conf, opaque);
    if (set_common_properties(conf, config, type, error) != 0)
        goto out;
    for (; properties && properties->name; properties++)
        if (set_property(conf, properties->name, properties->value, error) != 0)
            goto out;
    if (set_user_properties(conf, &config->kafka.properties, error) != 0)
        goto out;
    if (configure)
        configure(conf);
    rk = rd_kafka_new(type, conf, message, sizeof(message));
    if (rk)
        conf = NULL; /* now librdkafka's */
    else
        error_set(error, ERROR_CONFIG, false, "librdkafka: %s", message);
out:
    if (conf)
        rd_kafka_conf_destroy(conf);
    return rk;
}

void kafka_client_free(rd_kafka_t *rk)
{
    if (rk)
        rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void kafka_add_header(rd_kafka_headers_t *headers, const char *name, const char *value)
{
    if (value)
        rd_kafka_header_add(headers, name, -1, value, (ssize_t)strlen(value));
}

bool kafka_header(const rd_kafka_message_t *message, const char *name, const char **value,
                  size_t *length)
{
    rd_kafka_headers_t *headers;
    const void *bytes;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, name, &bytes, length) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        !bytes)
        return false;
    *value = bytes;
    return true;
}

size_t kafka_consume(rd_kafka_queue_t *queue, int timeout_ms, rd_kafka_message_t **messages,
                     size_t max)
{
    messages[0] = rd_kafka_consume_queue(queue, timeout_ms);
    if (!messages[0])
        return 0;
    if (max == 1)
        return 1;
    ssize_t more = rd_kafka_consume_batch_queue(queue, 0, messages + 1, max - 1);
    return 1 + (more > 0 ? (size_t)more : 0);
}
