#include "dispatcher/status_reports.h"

#include <stdlib.h>
#include <string.h>

#include "common/container.h"
#include "common/id.h"
#include "common/kafka_producer.h"
#include "common/log.h"
#include "common/panic.h"

/* So many reports may wait for Kafka: about 500 bytes each. */
enum { MAX_WAITING = 10000 };

struct status_reports {
    struct dispatcher *dispatcher;
    rd_kafka_topic_t *topic;
    atomic_int waiting;
};

struct sent_report {
    struct kafka_receipt receipt;
    struct status_reports *reports;
    char *value; /* NULL: a tombstone */
};

struct status_reports *status_reports_new(struct dispatcher *dispatcher, struct error *error)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(kafka_producer_handle(dispatcher->producer),
                                                 dispatcher->names.status, NULL);
    if (!topic) {
        kafka_error(error, rd_kafka_last_error(), "status topic");
        return NULL;
    }
    struct status_reports *reports = xcalloc(1, sizeof(*reports));
    reports->dispatcher = dispatcher;
    reports->topic = topic;
    return reports;
}

void status_reports_free(struct status_reports *reports)
{
    if (!reports)
        return;
    rd_kafka_topic_destroy(reports->topic);
    free(reports);
}

static void note_failed(struct status_reports *reports, const char *reason)
{
    counter_add(reports->dispatcher->metrics.reports_failed, 1);
    log_warning("status.not_written", LOG_STR("reason", reason));
}

/* @locality producer thread */
static void on_settled(struct kafka_receipt *receipt, rd_kafka_resp_err_t code, int64_t offset)
{
    struct sent_report *sent = CONTAINER_OF(receipt, struct sent_report, receipt);
    (void)offset;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        counter_add(sent->reports->dispatcher->metrics.reports_written, 1);
    else
        note_failed(sent->reports, rd_kafka_err2str(code));
    atomic_fetch_sub(&sent->reports->waiting, 1);
    free(sent->value);
    free(sent);
}

/** Takes over `value`. */
static void send_report(struct status_reports *reports, const char *key, char *value, size_t length)
{
    struct dispatcher *dispatcher = reports->dispatcher;
    struct error error;
    struct sent_report *sent = xcalloc(1, sizeof(*sent));
    sent->receipt.settled = on_settled;
    sent->reports = reports;
    sent->value = value;
    const struct kafka_record record = {
        .topic = reports->topic,
        .partition = id_partition(key, strlen(key), dispatcher->layout.status_partitions),
        .key = key,
        .key_length = strlen(key),
        .value = value,
        .value_length = length,
    };
    atomic_fetch_add(&reports->waiting, 1);
    if (kafka_producer_send(dispatcher->producer, &record, &sent->receipt, &error) == 0)
        return;
    note_failed(reports, error.message);
    atomic_fetch_sub(&reports->waiting, 1);
    free(value);
    free(sent);
}

static bool is_full(struct status_reports *reports)
{
    return atomic_load(&reports->waiting) >= MAX_WAITING;
}

int status_reports_send_subscription(struct status_reports *reports,
                                     const struct subscription_report *report)
{
    size_t length;
    if (is_full(reports))
        return -1;
    char *value = delivery_report_encode_subscription(report, &length);
    send_report(reports, report->id, value, length);
    return 0;
}

void status_reports_send_dispatcher(struct status_reports *reports,
                                    const struct dispatcher_report *report)
{
    size_t length;
    if (is_full(reports))
        return;
    char *key = delivery_report_key_dispatcher(report->id);
    char *value = delivery_report_encode_dispatcher(report, &length);
    send_report(reports, key, value, length);
    free(key);
}

void status_reports_end_dispatcher(struct status_reports *reports, const char *id)
{
    char *key = delivery_report_key_dispatcher(id);
    send_report(reports, key, NULL, 0);
    free(key);
}
