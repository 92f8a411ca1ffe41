/** Fetched content as a message in Kafka, as the hub writes one that was published with content. */
#ifndef WEBSUB_DISPATCHER_FETCH_MESSAGE_H
#define WEBSUB_DISPATCHER_FETCH_MESSAGE_H

#include "common/kafka_producer.h"
#include "common/state.h"
#include "dispatcher/fetch_content.h"

/**
 * The id of the message: the same content, fetched again for the same ping after a crash, has the
 * same id. Pure.
 */
void fetch_message_id(const char *topic, const struct topic_pings *pings,
                      const struct fetched *fetched, char out[ID_UUID_SIZE]);

/** Sends it; what `topic`, `verdict` and `handle` point to must stay until `receipt` is settled.
 * `traceparent` is copied; NULL: there is no trace. */
int fetch_message_send(struct kafka_producer *producer, rd_kafka_topic_t *handle,
                       const struct topic_state *topic, const struct fetch_verdict *verdict,
                       const char *traceparent, struct kafka_receipt *receipt, struct error *error);

#endif
