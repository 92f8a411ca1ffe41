#include "hub/message_row.h"

#include <stdlib.h>
#include <string.h>

#include "common/kafka.h"
#include "common/message.h"
#include "common/panic.h"

static int64_t read_number(const rd_kafka_message_t *record, const char *name, int64_t missing)
{
    char text[24] = "";
    const char *value;
    size_t length;
    if (!kafka_header(record, name, &value, &length) || length >= sizeof(text))
        return missing;
    memcpy(text, value, length);
    return strtoll(text, NULL, 10);
}

static char *read_text(const rd_kafka_message_t *record, const char *name)
{
    const char *value;
    size_t length;
    return kafka_header(record, name, &value, &length) ? xstrndup(value, length) : NULL;
}

/** Whether a dead letter's message lies, or lay, in this partition. */
static bool is_from(const rd_kafka_message_t *record, const struct location *origin)
{
    const char *topic;
    size_t length;
    if (!origin || !origin->kafka_topic)
        return true;
    return kafka_header(record, DEAD_LETTER_HEADER_ORIGIN, &topic, &length) &&
           length == strlen(origin->kafka_topic) &&
           memcmp(topic, origin->kafka_topic, length) == 0 &&
           read_number(record, DEAD_LETTER_HEADER_PARTITION, -1) == origin->partition;
}

void message_head_read(struct message_head *head, const rd_kafka_message_t *record,
                       const struct location *origin)
{
    const char *id;
    size_t length;
    memset(head, 0, sizeof(*head));
    head->offset = record->offset;
    head->published_at_ms = read_number(record, MESSAGE_HEADER_PUBLISHED_AT, 0);
    head->body_length = record->len;
    head->origin_offset =
        is_from(record, origin) ? read_number(record, DEAD_LETTER_HEADER_OFFSET, -1) : -1;
    head->is_mark = read_number(record, DEAD_LETTER_HEADER_SETTLED, 0) > 0;
    head->dead_lettered_at_ms = read_number(record, DEAD_LETTER_HEADER_AT, 0);
    if (kafka_header(record, MESSAGE_HEADER_ID, &id, &length))
        memcpy(head->id, id, length < MESSAGE_READER_MAX_ID ? length : MESSAGE_READER_MAX_ID);
}

void message_row_read(struct message_row *row, const struct message_head *head,
                      const rd_kafka_message_t *record)
{
    row->head = *head;
    row->content_type = read_text(record, MESSAGE_HEADER_CONTENT_TYPE);
    row->body = xmalloc(record->len + 1);
    if (record->len > 0)
        memcpy(row->body, record->payload, record->len);
    row->body[record->len] = '\0';
    row->reason = read_text(record, DEAD_LETTER_HEADER_REASON);
    row->failures = read_number(record, DEAD_LETTER_HEADER_FAILURES, 0);
}

void message_row_fini(struct message_row *row)
{
    free(row->content_type);
    free(row->body);
    free(row->reason);
}
