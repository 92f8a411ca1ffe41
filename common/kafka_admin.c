#include "common/kafka_admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/kafka_reach.h"
#include "common/kafka_shards.h"
#include "common/log.h"
#include "common/panic.h"

enum { CONTROLLER_WAIT_MS = 1000, REQUEST_MS = 10000, METADATA_MS = 1000, RETRY_MS = 1000 };

struct topic_spec {
    const char *name;
    int partitions;
    const char *cleanup_policy;
    int64_t retention_ms;  /**< -1: none */
    bool messages;         /**< holds bodies: must take the largest one that the hub accepts */
    int64_t segment_bytes; /**< 0: as the broker wants it */
};

/* Key, headers and framing around a body. */
enum { RECORD_OVERHEAD = 64 << 10 };

/* Nothing decides by a report, and a subscription that has none for so long has ended or idles. */
#define STATUS_RETENTION_MS (7LL * 24 * 3600 * 1000)
/* The last segment of a partition is never compacted, and every hub reads it at its start. */
enum { STATUS_SEGMENT_BYTES = 4 << 20 };

static bool has_controller(rd_kafka_t *rk)
{
    return rd_kafka_controllerid(rk, CONTROLLER_WAIT_MS) >= 0;
}

/** Kafka always tells the id of its cluster, whatever becomes of its controller. */
static bool is_mock(rd_kafka_t *rk)
{
    if (has_controller(rk))
        return false;
    char *id = rd_kafka_clusterid(rk, CONTROLLER_WAIT_MS);
    if (!id)
        return true;
    rd_kafka_mem_free(rk, id);
    return false;
}

int kafka_admin_count_partitions(rd_kafka_t *rk, const char *name, int timeout_ms)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    int count = -1;
    if (!topic)
        return -1;
    if (rd_kafka_metadata(rk, 0, topic, &metadata, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const struct rd_kafka_metadata_topic *found = &metadata->topics[0];
        if (metadata->topic_cnt == 1 && found->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            count = found->partition_cnt;
        else if (metadata->topic_cnt == 1 &&
                 (found->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                  found->err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC))
            count = 0;
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(topic);
    return count;
}

static void set_topic_config(rd_kafka_NewTopic_t *topic, const char *name, int64_t value)
{
    char text[32];
    snprintf(text, sizeof(text), "%lld", (long long)value);
    ENSURE(rd_kafka_NewTopic_set_config(topic, name, text) == RD_KAFKA_RESP_ERR_NO_ERROR);
}

static rd_kafka_NewTopic_t *new_topic(const struct config *config, const struct topic_spec *spec,
                                      struct error *error)
{
    char message[256];
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(spec->name, spec->partitions, (int)config->kafka.replication_factor,
                              message, sizeof(message));
    if (!topic) {
        error_set(error, ERROR_CONFIG, false, "Kafka topic %s: %s", spec->name, message);
        return NULL;
    }
    rd_kafka_NewTopic_set_config(topic, "cleanup.policy", spec->cleanup_policy);
    if (spec->retention_ms >= 0)
        set_topic_config(topic, "retention.ms", spec->retention_ms);
    if (spec->messages)
        set_topic_config(topic, "max.message.bytes", config->hub.max_body_bytes + RECORD_OVERHEAD);
    if (spec->segment_bytes > 0)
        set_topic_config(topic, "segment.bytes", spec->segment_bytes);
    if (config->kafka.min_insync_replicas > 0)
        set_topic_config(topic, "min.insync.replicas", config->kafka.min_insync_replicas);
    return topic;
}

static int created_topics_check(rd_kafka_event_t *event, struct error *error)
{
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[i]);
        /* Another replica was faster: as good as ours. */
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            continue;
        return error_set(error, ERROR_CONFIG, true, "Kafka topic %s cannot be created: %s",
                         rd_kafka_topic_result_name(results[i]),
                         rd_kafka_topic_result_error_string(results[i]));
    }
    return 0;
}

static int create_topic(rd_kafka_t *rk, const struct config *config, const struct topic_spec *spec,
                        int timeout_ms, struct error *error)
{
    rd_kafka_NewTopic_t *topic = new_topic(config, spec, error);
    if (!topic)
        return -1;
    char message[256];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, message, sizeof(message));
    rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, message, sizeof(message));
    rd_kafka_CreateTopics(rk, &topic, 1, options, queue);

    int result;
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms + CONTROLLER_WAIT_MS);
    if (!event)
        result = kafka_error(error, RD_KAFKA_RESP_ERR__TIMED_OUT, "creating a Kafka topic");
    else if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
        result = kafka_error(error, rd_kafka_event_error(event), "creating a Kafka topic");
    else
        result = created_topics_check(event, error);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_queue_destroy(queue);
    return result;
}

static int ensure_topic(rd_kafka_t *rk, const struct config *config, const struct topic_spec *spec,
                        int timeout_ms, struct error *error)
{
    if (has_controller(rk)) {
        if (create_topic(rk, config, spec, timeout_ms, error) != 0)
            return -1;
    }
    /* What was just created may not be known to the broker that we ask for a moment. */
    int64_t deadline = clock_monotonic_ms() + timeout_ms;
    int count;
    while ((count = kafka_admin_count_partitions(rk, spec->name, METADATA_MS)) <= 0) {
        if (clock_monotonic_ms() >= deadline)
            return error_set(error, ERROR_UNAVAILABLE, true,
                             "the Kafka topic %s does not exist and the broker did not create it",
                             spec->name);
    }
    return 0;
}

int kafka_admin_create_messages(rd_kafka_t *rk, const struct config *config, const char *name,
                                int timeout_ms, struct error *error)
{
    const struct topic_spec spec = {name, 1, "delete", config->messages.retention, true, 0};
    return ensure_topic(rk, config, &spec, timeout_ms, error);
}

int kafka_admin_create_migration(rd_kafka_t *rk, const struct config *config,
                                 const struct kafka_names *names, int timeout_ms,
                                 struct error *error)
{
    const struct topic_spec spec = {names->migration, 1, "compact", -1, false, 0};
    return ensure_topic(rk, config, &spec, timeout_ms, error);
}

/** Value of a topic's setting for the caller to free; NULL when the broker does not tell. */
static char *topic_setting(rd_kafka_t *rk, const char *topic, const char *name)
{
    char *value = NULL;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_DescribeConfigs(rk, &resource, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, REQUEST_MS);
    if (event && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        size_t resources, entries = 0;
        const rd_kafka_ConfigResource_t **found = rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(event), &resources);
        const rd_kafka_ConfigEntry_t **entry =
            resources == 1 ? rd_kafka_ConfigResource_configs(found[0], &entries) : NULL;
        for (size_t i = 0; i < entries && !value; i++)
            if (strcmp(rd_kafka_ConfigEntry_name(entry[i]), name) == 0)
                value = xstrdup_or_null(rd_kafka_ConfigEntry_value(entry[i]));
    }
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_queue_destroy(queue);
    return value;
}

/** Kafka tells the two of "compact,delete" in the order in which they were set. */
static bool same_policy(const char *found, const char *wanted)
{
    return strcmp(found, wanted) == 0 ||
           (strcmp(wanted, "compact,delete") == 0 && strcmp(found, "delete,compact") == 0);
}

static int check_cleanup_policy(rd_kafka_t *rk, const char *topic, const char *wanted,
                                struct error *error)
{
    char *policy = topic_setting(rk, topic, "cleanup.policy");
    int result = 0;
    if (!policy)
        log_warning("kafka.topic_unchecked", LOG_STR("topic", topic),
                    LOG_STR("reason", "the broker did not tell its settings"));
    else if (!same_policy(policy, wanted))
        result = error_set(error, ERROR_CONFIG, false,
                           "the Kafka topic %s has cleanup.policy=%s, but must have %s", topic,
                           policy, wanted);
    free(policy);
    return result;
}

static int check_cleanup_policies(rd_kafka_t *rk, const struct kafka_names *names,
                                  struct error *error)
{
    /* "compact,delete" would forget subscriptions by age as well: only pure compaction will do. */
    if (check_cleanup_policy(rk, names->state, "compact", error) != 0 ||
        check_cleanup_policy(rk, names->events, "delete", error) != 0)
        return -1;
    return check_cleanup_policy(rk, names->status, "compact,delete", error);
}

static int ensure_all(rd_kafka_t *rk, const struct config *config, const struct kafka_names *names,
                      struct error *error)
{
    const int partitions = (int)config->kafka.partitions;
    const int64_t retention = config->messages.retention;
    const struct topic_spec specs[] = {
        {names->events, partitions, "delete", config->kafka.events_retention, false, 0},
        {names->state, partitions, "compact", -1, false, 0},
        {names->dead_letters, partitions, "delete", retention, true, 0},
        {names->attempts, partitions, "delete", retention, false, 0},
        {names->status, partitions, "compact,delete", STATUS_RETENTION_MS, false,
         STATUS_SEGMENT_BYTES},
        {names->pool, (int)config->messages.pool_partitions, "delete", retention, true, 0},
        /* The last one is only there where it is wanted. */
        {names->notices, partitions, "delete", config->notices.retention, false, 0},
    };
    size_t count = sizeof(specs) / sizeof(specs[0]) - (config->notices.enabled ? 0 : 1);
    for (size_t i = 0; i < count; i++) {
        if (kafka_admin_count_partitions(rk, specs[i].name, METADATA_MS) > 0)
            continue;
        if (ensure_topic(rk, config, &specs[i], REQUEST_MS, error) != 0)
            return -1;
    }
    return 0;
}

static int check_shards(const char *topic, int32_t partitions, int32_t shards, struct error *error)
{
    if (partitions < shards)
        return error_set(error, ERROR_CONFIG, false,
                         "the Kafka topic %s has %d partitions, but the state was written with %d",
                         topic, partitions, shards);
    if (partitions > shards)
        log_warning("kafka.partitions_ignored", LOG_STR("kafka_topic", topic),
                    LOG_INT("partitions", partitions), LOG_INT("shards", shards),
                    LOG_STR("reason", "the number of shards cannot be changed"));
    return 0;
}

/** Settles the number of shards: what the state says, or, while there is none, what both topics
 * have. */
static int take_shards(const struct config *config, const struct kafka_names *names, int32_t events,
                       struct kafka_layout *layout, struct error *error)
{
    int32_t state = layout->partitions;
    if (kafka_shards_find(config, names, state, &layout->partitions, error) != 0)
        return -1;
    if (layout->partitions > 0)
        return check_shards(names->events, events, layout->partitions, error) == 0
                   ? check_shards(names->state, state, layout->partitions, error)
                   : -1;
    layout->partitions = state;
    if (events != state)
        return error_set(error, ERROR_CONFIG, false,
                         "the Kafka topics %s and %s must have equally many partitions, but have "
                         "%d and %d",
                         names->events, names->state, events, state);
    return 0;
}

static int take_layout(rd_kafka_t *rk, const struct config *config, const struct kafka_names *names,
                       struct kafka_layout *layout, struct error *error)
{
    int32_t events = 0;
    const struct {
        const char *name;
        int32_t *count;
    } topics[] = {
        {names->events, &events},
        {names->state, &layout->partitions},
        {names->pool, &layout->pool_partitions},
        {names->attempts, &layout->attempts_partitions},
        {names->dead_letters, &layout->dead_letters_partitions},
        {names->status, &layout->status_partitions},
    };
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        *topics[i].count = kafka_admin_count_partitions(rk, topics[i].name, REQUEST_MS);
        if (*topics[i].count <= 0)
            return error_set(error, ERROR_UNAVAILABLE, true, "Kafka does not tell of the topic %s",
                             topics[i].name);
    }
    return take_shards(config, names, events, layout, error);
}

static int check_all(rd_kafka_t *rk, const struct config *config, const struct kafka_names *names,
                     struct kafka_layout *layout, struct error *error)
{
    if (take_layout(rk, config, names, layout, error) != 0)
        return -1;
    layout->is_mock = is_mock(rk);
    if (layout->is_mock)
        return 0; /* it has no settings to ask for */
    return check_cleanup_policies(rk, names, error);
}

static int check_notices(rd_kafka_t *rk, const struct kafka_names *names,
                         struct kafka_layout *layout, struct error *error)
{
    int partitions = kafka_admin_count_partitions(rk, names->notices, REQUEST_MS);
    if (partitions <= 0)
        return error_set(error, ERROR_UNAVAILABLE, true, "Kafka does not tell of %s",
                         names->notices);
    layout->notices_partitions = partitions;
    return layout->is_mock ? 0 : check_cleanup_policy(rk, names->notices, "delete", error);
}

int kafka_admin_prepare(const struct config *config, const struct kafka_names *names,
                        bool (*stop)(void), struct kafka_layout *layout, struct error *error)
{
    struct kafka_reach reach;
    int result = -1;
    if (kafka_reach_init(&reach, config, error) != 0)
        return -1;
    for (;;) {
        if (kafka_reach_wait(&reach, stop, error) != 0)
            break;
        result = ensure_all(reach.rk, config, names, error);
        if (result == 0)
            result = check_all(reach.rk, config, names, layout, error);
        if (result == 0 && config->notices.enabled)
            result = check_notices(reach.rk, names, layout, error);
        if (result == 0 || !error->retriable || stop())
            break;
        log_warning("kafka.not_ready", LOG_STR("reason", error->message));
        clock_sleep_ms(RETRY_MS); /* a refusal, such as that of an ACL, comes at once */
    }
    kafka_reach_fini(&reach);
    return result;
}
