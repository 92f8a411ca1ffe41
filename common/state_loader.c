#include "common/state_loader.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/panic.h"

enum { POLL_MS = 100, WATERMARK_MS = 5000 };

struct state_loader {
    rd_kafka_t *reader;     /* read_committed */
    rd_kafka_t *watermarks; /* read_uncommitted: tells the end including undecided transactions */
    char *topic;
    struct counter *malformed;
};

struct state_loader *state_loader_new(const struct config *config, const struct kafka_names *names,
                                      struct counter *malformed, struct error *error)
{
    /* Neither handle joins a group or commits; the name is only there because consumers need one.
     */
    const struct kafka_property reader[] = {
        {"group.id", "websub-state-loader"}, /* It reads to an end and stops: a long wait for more
                                              * is never wanted. */
        {"fetch.wait.max.ms", "5"},
        {NULL, NULL}};
    const struct kafka_property watermarks[] = {
        {"group.id", "websub-state-loader"}, {"isolation.level", "read_uncommitted"}, {NULL, NULL}};
    struct state_loader *loader = xcalloc(1, sizeof(*loader));
    loader->topic = xstrdup(names->state);
    loader->malformed = malformed;
    loader->reader = kafka_client_new(config, RD_KAFKA_CONSUMER, reader, NULL, NULL, error);
    if (loader->reader) {
        rd_kafka_poll_set_consumer(loader->reader);
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
    if (loader->reader)
        rd_kafka_destroy(loader->reader);
    if (loader->watermarks)
        rd_kafka_destroy(loader->watermarks);
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

static int read_to_end(struct state_loader *loader, int64_t end, int timeout_ms,
                       state_record_fn take, void *context, struct error *error)
{
    int64_t deadline = clock_monotonic_ms() + timeout_ms;
    for (;;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(loader->reader, POLL_MS);
        if (!message) {
            if (clock_monotonic_ms() > deadline)
                return error_set(error, ERROR_TIMEOUT, true, "the state topic cannot be read");
            continue;
        }
        /* At the last stable offset, which may be before the end: then there is more to come. */
        bool done = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && message->offset >= end;
        if (!message->err) {
            state_take_message(message, take, context, loader->malformed);
            deadline = clock_monotonic_ms() + timeout_ms;
        } else if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            log_warning("state.read_failed", LOG_STR("reason", rd_kafka_message_errstr(message)));
        }
        rd_kafka_message_destroy(message);
        if (done)
            return 0;
    }
}

int state_loader_load(struct state_loader *loader, int32_t partition, int timeout_ms,
                      state_record_fn take, void *context, struct error *error)
{
    int64_t low, end;
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        loader->watermarks, loader->topic, partition, &low, &end, WATERMARK_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_error(error, code, "end of the state topic");
    if (low >= end)
        return 0;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, loader->topic, partition)->offset = low;
    code = rd_kafka_assign(loader->reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_error(error, code, "assigning the state topic");
    int result = read_to_end(loader, end, timeout_ms, take, context, error);
    rd_kafka_assign(loader->reader, NULL);
    return result;
}
