/*
 * bench-seed: writes topics and active subscriptions straight into the state topic, as the
 * consolidator would have, so that a million records take seconds. Uses the suite's configuration
 * (WEBSUB_KAFKA_...), codecs and key placement. The suite must not be running: its hub and
 * dispatchers would see half of it.
 *
 * Topics are numbered from --first on: topic i is PREFIX/i and lies in the pool. Subscriptions
 * likewise: subscription i is at CALLBACK/i, to the topics in turn, and starts at the end that the
 * topic's messages have now.
 */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/kafka.h"
#include "common/kafka_admin.h"
#include "common/log.h"
#include "common/panic.h"
#include "common/state.h"

enum { LEASE_SECONDS = 864000, FLUSH_MS = 120000, LEADER_MS = 10000 };

struct seed {
    unsigned first, topics, subscriptions;
    const char *topic, *callback, *secret;
    struct config config;
    struct kafka_names names;
    struct kafka_layout layout;
    rd_kafka_t *rk;
    rd_kafka_topic_t *state;
    int64_t *ends; /* of the pool's partitions */
    int64_t now_ms;
    uint64_t failed;
};

static bool never(void)
{
    return false;
}

/* @locality main thread, in rd_kafka_poll */
static void on_delivery_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    struct seed *seed = opaque;
    seed->failed += message->err != 0;
}

static void configure(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery_report);
}

/* Takes over both. */
static void write_record(struct seed *seed, char *key, char *value, size_t length)
{
    int32_t partition = id_partition(key, strlen(key), seed->layout.partitions);
    while (rd_kafka_produce(seed->state, partition, RD_KAFKA_MSG_F_FREE, value, length, key,
                            strlen(key), NULL) != 0) {
        ENSURE(rd_kafka_last_error() == RD_KAFKA_RESP_ERR__QUEUE_FULL);
        rd_kafka_poll(seed->rk, 10);
    }
    free(key);
    rd_kafka_poll(seed->rk, 0);
}

static struct location place(struct seed *seed, const char *topic)
{
    return (struct location){seed->names.pool,
                             id_partition(topic, strlen(topic), seed->layout.pool_partitions)};
}

static void write_topic(struct seed *seed, unsigned number)
{
    size_t length;
    char *name = xasprintf("%s/%u", seed->topic, seed->first + number);
    const struct topic_state topic = {
        .topic = name, .registered_at_ms = seed->now_ms, .location = place(seed, name)};
    char *value = state_encode_topic(&topic, &length);
    write_record(seed, id_topic_key(name), value, length);
    free(name);
}

static void write_subscription(struct seed *seed, unsigned number)
{
    size_t length;
    char *topic = xasprintf("%s/%u", seed->topic, seed->first + number % seed->topics);
    char *callback = xasprintf("%s/%u", seed->callback, seed->first + number);
    struct subscription_state subscription = {
        .topic = topic,
        .callback = callback,
        .status = SUBSCRIPTION_ACTIVE,
        .secret = {.text = (char *)(uintptr_t)seed->secret},
        .method = -1,
        .created_at_ms = seed->now_ms,
        .verified_at_ms = seed->now_ms,
        .lease_seconds = LEASE_SECONDS,
        .lease_end_ms = seed->now_ms + LEASE_SECONDS * 1000ll,
        .location = place(seed, topic),
    };
    subscription.position.offset = seed->ends[subscription.location.partition];
    id_subscription(topic, callback, subscription.id);
    char *value = state_encode_subscription(&subscription, &length);
    write_record(seed, id_subscription_key(subscription.id), value, length);
    free(topic);
    free(callback);
}

/* Partitions that were just created have no leader for a moment. */
static rd_kafka_resp_err_t find_end(struct seed *seed, int32_t partition, int64_t *end)
{
    int64_t low, deadline = clock_monotonic_ms() + LEADER_MS;
    rd_kafka_resp_err_t code;
    while ((code = rd_kafka_query_watermark_offsets(seed->rk, seed->names.pool, partition, &low,
                                                    end, LEADER_MS)) != 0 &&
           clock_monotonic_ms() < deadline)
        clock_sleep_ms(50);
    return code;
}

static int find_ends(struct seed *seed, struct error *error)
{
    seed->ends = xcalloc((size_t)seed->layout.pool_partitions, sizeof(*seed->ends));
    for (int32_t i = 0; i < seed->layout.pool_partitions; i++) {
        rd_kafka_resp_err_t code = find_end(seed, i, &seed->ends[i]);
        if (code != 0)
            return kafka_error(error, code, "asking for the pool's ends");
    }
    return 0;
}

static int prepare(struct seed *seed, struct error *error)
{
    const struct kafka_property properties[] = {{"linger.ms", "20"},
                                                {"batch.num.messages", "10000"},
                                                {"queue.buffering.max.messages", "200000"},
                                                {NULL, NULL}};
    if (config_load(&seed->config, NULL, error) != 0)
        return -1;
    kafka_names_init(&seed->names, &seed->config);
    if (kafka_admin_prepare(&seed->config, &seed->names, never, &seed->layout, error) != 0)
        return -1;
    seed->rk =
        kafka_client_new(&seed->config, RD_KAFKA_PRODUCER, properties, configure, seed, error);
    if (!seed->rk)
        return -1;
    seed->state = rd_kafka_topic_new(seed->rk, seed->names.state, NULL);
    seed->now_ms = clock_wall_ms();
    return find_ends(seed, error);
}

static int write_all(struct seed *seed, struct error *error)
{
    for (unsigned i = 0; i < seed->topics; i++)
        write_topic(seed, i);
    for (unsigned i = 0; i < seed->subscriptions; i++)
        write_subscription(seed, i);
    rd_kafka_resp_err_t code = rd_kafka_flush(seed->rk, FLUSH_MS);
    if (code != 0)
        return kafka_error(error, code, "writing the records");
    if (seed->failed > 0)
        return error_set(error, ERROR_UNAVAILABLE, true, "%llu records were not written",
                         (unsigned long long)seed->failed);
    return 0;
}

static error_t take_option(int key, char *argument, struct argp_state *state)
{
    struct seed *seed = state->input;
    switch (key) {
    case 't':
        seed->topic = argument;
        return 0;
    case 'f':
        seed->first = (unsigned)strtoul(argument, NULL, 10);
        return 0;
    case 'm':
        seed->topics = (unsigned)strtoul(argument, NULL, 10);
        return 0;
    case 'n':
        seed->subscriptions = (unsigned)strtoul(argument, NULL, 10);
        return 0;
    case 'u':
        seed->callback = argument;
        return 0;
    case 's':
        seed->secret = argument;
        return 0;
    case ARGP_KEY_END:
        if (!seed->topic || !seed->topics || (seed->subscriptions && !seed->callback))
            argp_error(state, "needs --topic, --topics, and --callback for subscriptions");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_list[] = {
    {"topic", 't', "PREFIX", 0, "Topics are PREFIX/0, PREFIX/1, ...", 0},
    {"first", 'f', "N", 0, "Number of the first topic and the first subscription (0)", 0},
    {"topics", 'm', "N", 0, "How many topics", 0},
    {"subscriptions", 'n', "N", 0, "How many subscriptions, spread over the topics", 0},
    {"callback", 'u', "URL", 0, "Callbacks are URL/0, URL/1, ...", 0},
    {"secret", 's', "TEXT", 0, "Secret of all subscriptions; otherwise none", 0},
    {0},
};
static const struct argp arguments = {
    .options = option_list,
    .parser = take_option,
    .doc =
        "Writes topics and active subscriptions straight into the state topic of a suite that does "
        "not run. Kafka and the topics' prefix are taken from WEBSUB_KAFKA_... variables.",
};

int main(int argc, char **argv)
{
    struct seed seed = {0};
    struct error error;
    argp_parse(&arguments, argc, argv, 0, NULL, &seed);
    log_init("bench-seed", LOG_WARNING, LOG_TEXT);
    int64_t started_us = clock_monotonic_us();
    if (prepare(&seed, &error) != 0 || write_all(&seed, &error) != 0) {
        fprintf(stderr, "bench-seed: %s\n", error.message);
        return 1;
    }
    printf("{\"records\":%u,\"seconds\":%.3f}\n", seed.topics + seed.subscriptions,
           (double)(clock_monotonic_us() - started_us) / 1e6);
    rd_kafka_topic_destroy(seed.state);
    rd_kafka_destroy(seed.rk);
    free(seed.ends);
    kafka_names_fini(&seed.names);
    config_fini(&seed.config);
    return 0;
}
