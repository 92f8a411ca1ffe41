/* websub id: what an operator needs to find a topic or subscription in Kafka. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/command.h"
#include "common/config.h"
#include "common/id.h"
#include "common/kafka.h"
#include "common/kafka_name.h"
#include "common/url.h"

static void print(const char *label, const char *value)
{
    printf("  %-10s %s\n", label, value);
}

/* The partition of events and state, which is the shard. @returns it */
static int32_t print_place(const struct config *config, const char *key)
{
    int32_t partition = id_partition(key, strlen(key), (int32_t)config->kafka.partitions);
    print("key", key);
    printf("  %-10s %" PRId32 " of %" PRId64 "\n", "partition", partition,
           config->kafka.partitions);
    return partition;
}

static void print_topic(const struct config *config, const struct kafka_names *names,
                        const char *topic)
{
    char id[ID_HEX_SIZE], messages[KAFKA_NAME_MAX + 1];
    char *key = id_topic_key(topic);
    id_topic(topic, id);
    kafka_name_messages(names->messages_prefix, topic, messages);
    puts("topic");
    print("name", topic);
    print("id", id);
    print_place(config, key);
    printf("  %-10s %s, or a partition of %s: its state record tells\n", "messages", messages,
           names->pool);
    free(key);
}

static void print_subscription(const struct config *config, const struct kafka_names *names,
                               const char *topic, const char *callback)
{
    char id[ID_HEX_SIZE];
    id_subscription(topic, callback, id);
    char *key = id_subscription_key(id);
    puts("subscription");
    print("callback", callback);
    print("id", id);
    int32_t shard = print_place(config, key);
    printf("  %-10s group %s%" PRId32 "\n", "offsets", names->group_shard_prefix, shard);
    free(key);
}

static int check(const char *topic, const char *callback)
{
    struct error error;
    if (topic_check(topic, &error) != 0)
        return command_refuse_usage("id: the topic %s", error.message);
    if (callback && url_check_callback(callback, &error) != 0)
        return command_refuse_usage("id: the callback %s", error.message);
    return COMMAND_DONE;
}

static void print_all(const struct config *config, char *topic, char *callback)
{
    struct kafka_names names;
    kafka_names_init(&names, config);
    url_normalize(topic); /* as the hub does */
    print_topic(config, &names, topic);
    if (callback) {
        url_normalize(callback);
        print_subscription(config, &names, topic, callback);
    }
    printf("records in %s and %s\n", names.events, names.state);
    kafka_names_fini(&names);
}

int command_id(const struct command_options *options)
{
    char *topic = options->arguments[0];
    char *callback = options->argument_count > 1 ? options->arguments[1] : NULL;
    struct config config;
    struct error error;
    if (check(topic, callback) != COMMAND_DONE)
        return COMMAND_USAGE;
    if (config_load(&config, options->config_path, &error) != 0)
        return command_refuse_usage("%s", error.message);
    print_all(&config, topic, callback);
    config_fini(&config);
    return COMMAND_DONE;
}
