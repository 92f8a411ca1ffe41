#include "hub/missed_answer.h"

#include <stdlib.h>

#include "common/base64.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/utf8.h"

static json_t *make_message(const struct message_row *row)
{
    size_t length = row->head.body_length;
    if (utf8_valid(row->body, length))
        return json_stringn(row->body, length);
    char *base64 = base64_encode(row->body, length);
    json_t *message = json_string(base64);
    free(base64);
    return message;
}

/** Rows lie in the order of their offsets. NULL: Kafka has it no more. */
static const struct message_row *find_row(const struct message_read *read, int64_t offset)
{
    size_t low = 0, high = read->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (read->rows[middle].head.offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < read->count && read->rows[low].head.offset == offset ? &read->rows[low] : NULL;
}

char *missed_answer_make(const struct missed_page *page, const struct message_read *messages,
                         const struct message_read *letters, size_t *length)
{
    json_t *answer = json_object(), *contents = json_array();
    for (size_t i = 0; i < page->item_count; i++) {
        const struct missed_item *item = &page->items[i];
        const struct message_row *row =
            find_row(item->is_letter ? letters : messages, item->offset);
        char timestamp[CLOCK_TIMESTAMP_SIZE];
        if (!row)
            continue;
        clock_format(row->head.published_at_ms, timestamp);
        json_t *content = json_object();
        json_object_set_new(content, "message", make_message(row));
        json_object_set_new(content, "timestamp", json_string(timestamp));
        json_array_append_new(contents, content);
    }
    json_object_set_new(answer, "failedcontents", contents);
    return json_finish(answer, length);
}
