#include "common/state_loader.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/kafka_offsets.h"
#include "common/log.h"
#include "common/panic.h"

enum { POLL_MS = 100, LOOK_UP_MS = 5000, BATCH = 1000 };

struct state_loader {
    rd_kafka_t *reader;      /* read_committed */
    rd_kafka_queue_t *queue; /* of the reader */
    rd_kafka_t *watermarks;  /* read_uncommitted: tells the end including undecided transactions */
    char *topic;
    struct counter *malformed;
};

struct state_loader *state_loader_new(const struct config *config, const struct kafka_names *names,
                                      struct counter *malformed, struct error *error)
{
    /* Neither handle joins a group or commits. */
    const struct kafka_property reader[] = {
        /* It reads to an end and stops: a long wait for more is never wanted. */
        {"fetch.wait.max.ms", "5"},
        {STATE_READER_QUEUE},
        {NULL, NULL},
    };
    const struct kafka_property watermarks[] = {{"isolation.level", "read_uncommitted"},
                                                {NULL, NULL}};
    struct state_loader *loader = xcalloc(1, sizeof(*loader));
    loader->topic = xstrdup(names->state);
    loader->malformed = malformed;
    loader->reader = kafka_client_new(config, RD_KAFKA_CONSUMER, reader, NULL, NULL, error);
    if (loader->reader) {
        rd_kafka_poll_set_consumer(loader->reader);
        loader->queue = rd_kafka_queue_get_consumer(loader->reader);
        loader->watermarks =
            kafka_client_new(config, RD_KAFKA_CONSUMER, watermarks, NULL, NULL, error);
    }
    if (!loader->watermarks) {
        state_loader_free(loader);
        return NULL;
    }
    return loader;
}

void state_loader_free(struct state_loader *loader)
{
    if (!loader)
        return;
    if (loader->queue)
        rd_kafka_queue_destroy(loader->queue);
    kafka_client_free(loader->reader);
    kafka_client_free(loader->watermarks);
    free(loader->topic);
    free(loader);
}

void state_take_message(const rd_kafka_message_t *message, state_record_fn take, void *context,
                        struct counter *malformed)
{
    struct state_record record;
    struct error error;
    if (state_decode(message->key, message->key_len, message->payload, message->len, &record,
                     &error) != 0) {
        if (malformed)
            counter_add(malformed, 1);
        log_warning("state.malformed", LOG_INT("partition", message->partition),
                    LOG_INT("offset", message->offset), LOG_STR("reason", error.message));
        return;
    }
    take(context, message->partition, message->key, message->key_len, &record);
    state_record_fini(&record);
}

/** A partition that is being read from its beginning. */
struct target {
    int32_t partition;
    int64_t end; /* done when it is reached */
    bool done;
};

/** Looks up where `count` partitions end, in one request. */
static int find_ends(struct state_loader *loader, const int32_t *partitions, size_t count,
                     struct target *targets, struct error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, loader->topic, partitions[i])->offset =
            RD_KAFKA_OFFSET_END;
    int result = kafka_find_offsets(loader->watermarks, list, LOOK_UP_MS, NULL, error);
    for (size_t i = 0; i < count; i++) {
        targets[i].partition = partitions[i];
        targets[i].end = list->elems[i].offset;
        targets[i].done = targets[i].end == 0;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return result;
}

static int assign(struct state_loader *loader, const struct target *targets, size_t count,
                  struct error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        if (!targets[i].done)
            rd_kafka_topic_partition_list_add(list, loader->topic, targets[i].partition)->offset =
                0;
    rd_kafka_resp_err_t code = rd_kafka_assign(loader->reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? 0
               : kafka_error(error, code, "assigning the state topic");
}

static size_t count_open(const struct target *targets, size_t count)
{
    size_t open = 0;
    for (size_t i = 0; i < count; i++)
        open += !targets[i].done;
    return open;
}

/** An end of a partition that comes at the last stable offset may be before its real end: then
 * there is more to come. */
static void on_end(struct target *targets, size_t count, const rd_kafka_message_t *message)
{
    for (size_t i = 0; i < count; i++)
        if (targets[i].partition == message->partition && message->offset >= targets[i].end)
            targets[i].done = true;
}

static int read_to_ends(struct state_loader *loader, struct target *targets, size_t count,
                        int timeout_ms, state_record_fn take, void *context, struct error *error)
{
    int64_t deadline = clock_monotonic_ms() + timeout_ms;
    while (count_open(targets, count) > 0) {
        rd_kafka_message_t *messages[BATCH];
        size_t got = kafka_consume(loader->queue, POLL_MS, messages, BATCH);
        int64_t now = clock_monotonic_ms();
        if (got == 0 && now > deadline)
            return error_set(error, ERROR_TIMEOUT, true, "the state topic cannot be read");
        for (size_t i = 0; i < got; i++) {
            const rd_kafka_message_t *message = messages[i];
            if (!message->err) {
                state_take_message(message, take, context, loader->malformed);
                deadline = now + timeout_ms;
            } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                on_end(targets, count, message);
            } else {
                log_warning("state.read_failed",
                            LOG_STR("reason", rd_kafka_message_errstr(message)));
            }
            rd_kafka_message_destroy(messages[i]);
        }
    }
    return 0;
}

int state_loader_load(struct state_loader *loader, const int32_t *partitions, size_t count,
                      int timeout_ms, state_record_fn take, void *context, struct error *error)
{
    struct target *targets = xcalloc(count, sizeof(*targets));
    int result = find_ends(loader, partitions, count, targets, error);
    if (result == 0 && count_open(targets, count) > 0) {
        result = assign(loader, targets, count, error);
        if (result == 0)
            result = read_to_ends(loader, targets, count, timeout_ms, take, context, error);
        rd_kafka_assign(loader->reader, NULL);
    }
    free(targets);
    return result;
}
