/**
 * Offsets of moments: where partitions begin and end now, and what was first written at a time.
 * One request for any number of partitions. Blocking; any client handle will do.
 *
 * rd_kafka_query_watermark_offsets asks for one partition only, and waits for a broker that does
 * not answer for far longer than it is told to. rd_kafka_offsets_for_times does neither, but takes
 * it for final when librdkafka's metadata once said that a partition has no leader (2.0.2: "Unknown
 * partition"), which is so for as long as nothing else has it fetch metadata anew. These do.
 */
#ifndef WEBSUB_COMMON_KAFKA_OFFSETS_H
#define WEBSUB_COMMON_KAFKA_OFFSETS_H

#include <stdatomic.h>

#include "common/kafka.h"

/**
 * Asks once. In: `offset` of each of the list is a time (milliseconds since 1970),
 * RD_KAFKA_OFFSET_BEGINNING or RD_KAFKA_OFFSET_END. Out, if NO_ERROR is returned: where it has no
 * `err`, `offset` is that of the first record that Kafka got then or later, RD_KAFKA_OFFSET_END if
 * there is none; or the beginning, or the end. Where it has one, asking again may help.
 */
rd_kafka_resp_err_t kafka_ask_offsets(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                                      int timeout_ms);

/**
 * The same for all of the list or none: asks again until all are known, as when a partition is
 * about to have another leader. `stopping` (or NULL) ends that early. On failure the list is as
 * before.
 */
int kafka_find_offsets(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int timeout_ms,
                       const atomic_bool *stopping, struct error *error);

/** The same for one partition. */
int kafka_find_offset(rd_kafka_t *rk, const char *topic, int32_t partition, int64_t at,
                      int timeout_ms, const atomic_bool *stopping, int64_t *offset,
                      struct error *error);

#endif
