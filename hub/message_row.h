/** Rows from Kafka's records: shared by the message reader's files only. */
#ifndef WEBSUB_HUB_MESSAGE_ROW_H
#define WEBSUB_HUB_MESSAGE_ROW_H

#include "hub/message_reader.h"

/** `origin` as in struct message_read. */
void message_head_read(struct message_head *head, const rd_kafka_message_t *record,
                       const struct location *origin);
/** Copies. */
void message_row_read(struct message_row *row, const struct message_head *head,
                      const rd_kafka_message_t *record);
void message_row_fini(struct message_row *row);

#endif
