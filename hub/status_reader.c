#include "hub/status_reader.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/panic.h"

enum { POLL_MS = 50, BATCH = 1000 };

struct status_reader {
    struct view *view;
    struct catalog *catalog;
    struct fleet *fleet;
    struct counter *malformed;
    char *topic;
    int32_t partition_count;
    bool *is_at_end; /* of each partition: what comes now is new */
    rd_kafka_t *rk;
    pthread_t thread;
    atomic_bool stopping;
};

/**
 * When a report was made, by our clock. One that comes while we follow was made just now, whatever
 * the clock of its machine says; how old others are only that can tell.
 */
static int64_t made_ms(const struct status_reader *reader, int32_t partition, int64_t at_ms)
{
    int64_t now = clock_monotonic_ms(), age = clock_wall_ms() - at_ms;
    return reader->is_at_end[partition] || age < 0 ? now : now - age;
}

static void take_report(struct status_reader *reader, int32_t partition,
                        const struct delivery_report *report)
{
    const struct dispatcher_report *dispatcher = &report->value.dispatcher;
    if (report->kind == REPORT_DISPATCHER && report->tombstone)
        fleet_remove(reader->fleet, dispatcher->id);
    else if (report->kind == REPORT_DISPATCHER)
        fleet_report(reader->fleet, dispatcher, made_ms(reader, partition, dispatcher->at_ms));
    else if (!report->tombstone)
        catalog_report(reader->catalog, &report->value.subscription);
}

static void take_message(struct status_reader *reader, const rd_kafka_message_t *message)
{
    struct delivery_report report;
    struct error error;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        reader->is_at_end[message->partition] = true;
    } else if (message->err) {
        log_warning("hub.status_read_failed", LOG_STR("reason", rd_kafka_message_errstr(message)));
    } else if (delivery_report_decode(message->key, message->key_len, message->payload,
                                      message->len, &report, &error) != 0) {
        counter_add(reader->malformed, 1);
        log_warning("hub.status_malformed", LOG_INT("partition", message->partition),
                    LOG_INT("offset", message->offset), LOG_STR("reason", error.message));
    } else {
        take_report(reader, message->partition, &report);
        delivery_report_fini(&report);
    }
}

static void begin(struct status_reader *reader)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(reader->partition_count);
    for (int32_t i = 0; i < reader->partition_count; i++)
        rd_kafka_topic_partition_list_add(list, reader->topic, i)->offset =
            RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_resp_err_t code = rd_kafka_assign(reader->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        PANIC("status reader: %s", rd_kafka_err2str(code));
}

/* @locality the reader's thread */
static void *run(void *context)
{
    struct status_reader *reader = context;
    rd_kafka_message_t *messages[BATCH];
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(reader->rk);
    bool begun = false;
    while (!atomic_load(&reader->stopping)) {
        if (!begun && view_is_loaded(reader->view)) {
            begin(reader);
            begun = true;
        }
        size_t count = kafka_consume(queue, POLL_MS, messages, BATCH);
        for (size_t i = 0; i < count; i++) {
            take_message(reader, messages[i]);
            rd_kafka_message_destroy(messages[i]);
        }
    }
    rd_kafka_queue_destroy(queue);
    return NULL;
}

struct status_reader *status_reader_new(const struct config *config,
                                        const struct kafka_names *names,
                                        const struct kafka_layout *layout, struct view *view,
                                        struct catalog *catalog, struct fleet *fleet,
                                        struct counter *malformed, struct error *error)
{
    rd_kafka_t *rk = kafka_client_new(config, RD_KAFKA_CONSUMER, NULL, NULL, NULL, error);
    if (!rk)
        return NULL;
    rd_kafka_poll_set_consumer(rk);
    struct status_reader *reader = xcalloc(1, sizeof(*reader));
    reader->view = view;
    reader->catalog = catalog;
    reader->fleet = fleet;
    reader->malformed = malformed;
    reader->topic = xstrdup(names->status);
    reader->partition_count = layout->status_partitions;
    reader->is_at_end = xcalloc((size_t)layout->status_partitions, sizeof(*reader->is_at_end));
    reader->rk = rk;
    if (pthread_create(&reader->thread, NULL, run, reader) != 0)
        PANIC("no thread for the status reader");
    return reader;
}

void status_reader_free(struct status_reader *reader)
{
    if (!reader)
        return;
    atomic_store(&reader->stopping, true);
    pthread_join(reader->thread, NULL);
    kafka_client_free(reader->rk);
    free(reader->is_at_end);
    free(reader->topic);
    free(reader);
}
