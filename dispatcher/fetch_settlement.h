/**
 * How Kafka's answers get from the producer's thread to the fetcher's. A job lives at least as long
 * as its settlements. @locality the fetcher's thread
 */
#ifndef WEBSUB_DISPATCHER_FETCH_SETTLEMENT_H
#define WEBSUB_DISPATCHER_FETCH_SETTLEMENT_H

#include "common/kafka_producer.h"
#include "dispatcher/fetcher_internal.h"

typedef void (*fetch_settled_fn)(struct fetch_job *job, rd_kafka_resp_err_t code, int64_t offset);

struct fetch_settlement {
    struct task task;
    struct kafka_receipt receipt; /**< for the record that it is about */
    struct fetch_job *job;
    fetch_settled_fn settled;
    rd_kafka_resp_err_t code;
    int64_t offset;
};

/** For a record that is about to be sent: `settled` is called once, on the fetcher's thread. */
struct fetch_settlement *fetch_settlement_new(struct fetch_job *job, fetch_settled_fn settled);
/** It was not sent. */
void fetch_settlement_withdraw(struct fetch_settlement *settlement);

/** False: the event could not be sent, and `settled` will not be called. */
bool fetch_settlement_send_event(struct fetch_job *job, const struct event *event,
                                 fetch_settled_fn settled);

#endif
