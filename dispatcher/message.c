#include "dispatcher/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "common/kafka.h"
#include "common/message.h"
#include "common/panic.h"
#include "common/url.h"
#include "dispatcher/link.h"

static const char default_type[] = "application/octet-stream";

enum { MAX_ID = 64 };

struct text {
    const char *value;
    size_t length;
};

static struct text get_header(const rd_kafka_message_t *record, const char *name)
{
    struct text header = {0};
    kafka_header(record, name, &header.value, &header.length);
    return header;
}

/** Values become HTTP header lines: nothing that could end a line may pass. */
static bool is_safe(struct text text)
{
    return message_header_is_sendable(text.value, text.length);
}

static int64_t parse_number(struct text text)
{
    char number[24] = "";
    if (text.value && text.length < sizeof(number))
        memcpy(number, text.value, text.length);
    return strtoll(number, NULL, 10);
}

/** Appends "name: value" and its NUL; where it starts goes to `starts`. */
static void add_line(struct buffer *lines, size_t *starts, int *count, const char *name,
                     struct text value)
{
    starts[(*count)++] = lines->length;
    buffer_append_format(lines, "%s: %.*s", name, (int)value.length, value.value);
    buffer_append(lines, "", 1);
}

/** Appends the canonical topic that the content names, and then the Link header line for it. */
static void add_self(struct buffer *lines, const char *hub_url, struct text self)
{
    char *topic = xstrndup(self.value, self.length);
    char *line = link_header(hub_url, topic);
    buffer_append(lines, topic, self.length);
    buffer_append(lines, "", 1);
    buffer_append(lines, line, strlen(line) + 1);
    free(line);
    free(topic);
}

struct message *message_from_kafka(const rd_kafka_message_t *record, const char *hub_url,
                                   struct memory_account *account, struct error *error)
{
    struct text id = get_header(record, MESSAGE_HEADER_ID);
    struct text type = get_header(record, MESSAGE_HEADER_CONTENT_TYPE);
    struct text trace = get_header(record, MESSAGE_HEADER_TRACEPARENT);
    struct text trace_state = get_header(record, MESSAGE_HEADER_TRACESTATE);
    struct text publisher_id = get_header(record, MESSAGE_HEADER_PUBLISHER_ID);
    struct text self = get_header(record, MESSAGE_HEADER_SELF);
    if (!id.value || id.length == 0 || id.length > MAX_ID || !is_safe(id)) {
        error_set(error, ERROR_INVALID, false, "no proper message id");
        return NULL;
    }
    /* The hub refuses what cannot be sent on; whoever else wrote it, the body is delivered. */
    if (!type.value || !is_safe(type))
        type = (struct text){default_type, strlen(default_type)};
    if (!is_safe(trace))
        trace = (struct text){0};
    if (!trace.value || !message_tracestate_is_sendable(trace_state.value, trace_state.length))
        trace_state = (struct text){0};
    if (!is_safe(publisher_id))
        publisher_id = (struct text){0};
    if (self.length == 0 || self.length > TOPIC_MAX_LENGTH || !is_safe(self))
        self = (struct text){0};

    int64_t published_at_ms = parse_number(get_header(record, MESSAGE_HEADER_PUBLISHED_AT));
    char seconds[24];
    snprintf(seconds, sizeof(seconds), "%" PRId64, published_at_ms / 1000);

    struct buffer lines = {0};
    size_t starts[MESSAGE_HEADERS_MAX];
    int count = 0;
    buffer_reserve(&lines, type.length + trace.length + trace_state.length + publisher_id.length +
                               2 * id.length + 192);
    add_line(&lines, starts, &count, "Content-Type", type);
    add_line(&lines, starts, &count, "X-Hub-Message-Id", id);
    add_line(&lines, starts, &count, "webhook-id", id);
    add_line(&lines, starts, &count, "webhook-timestamp", (struct text){seconds, strlen(seconds)});
    if (publisher_id.value)
        add_line(&lines, starts, &count, "X-Hub-MessageId", publisher_id);
    if (trace_state.value)
        add_line(&lines, starts, &count, "tracestate", trace_state);
    if (trace.value)
        add_line(&lines, starts, &count, "traceparent", trace);
    size_t self_at = lines.length;
    if (self.value)
        add_self(&lines, hub_url, self);

    size_t size = sizeof(struct message) + lines.length + record->len;
    struct message *message = xmalloc(size);
    memset(message, 0, sizeof(*message));
    atomic_init(&message->references, 1);
    message->account = account;
    message->offset = record->offset;
    message->received_ms = clock_monotonic_ms();
    message->published_at_ms = published_at_ms;
    message->cost = size;
    memcpy(message->bytes, lines.data, lines.length);
    message->header_count = count;
    for (int i = 0; i < count; i++)
        message->headers[i] = message->bytes + starts[i];
    if (self.value) {
        message->self = message->bytes + self_at;
        message->link = message->self + self.length + 1;
    }
    message->id = message->headers[2] + strlen("webhook-id: ");
    if (trace.value)
        message->traceparent = message->headers[count - 1] + strlen("traceparent: ");
    if (trace_state.value)
        message->tracestate = message->headers[count - 2] + strlen("tracestate: ");
    message->body = message->bytes + lines.length;
    message->body_length = record->len;
    if (record->len > 0)
        memcpy(message->bytes + lines.length, record->payload, record->len);
    buffer_fini(&lines);
    memory_charge(account, (int64_t)size);
    return message;
}

static bool is_from(const rd_kafka_message_t *record, const char *topic, int32_t partition)
{
    struct text origin = get_header(record, DEAD_LETTER_HEADER_ORIGIN);
    struct text number = get_header(record, DEAD_LETTER_HEADER_PARTITION);
    return origin.value && number.value && origin.length == strlen(topic) &&
           memcmp(origin.value, topic, origin.length) == 0 && parse_number(number) == partition;
}

void message_take_letter(struct message *message, const rd_kafka_message_t *record,
                         const char *origin_topic, int32_t origin_partition)
{
    struct text offset = get_header(record, DEAD_LETTER_HEADER_OFFSET);
    struct text settled = get_header(record, DEAD_LETTER_HEADER_SETTLED);
    message->letter.offset = record->offset;
    message->letter.at_ms = parse_number(get_header(record, DEAD_LETTER_HEADER_AT));
    message->letter.is_mark = settled.value;
    message->offset =
        offset.value && is_from(record, origin_topic, origin_partition) ? parse_number(offset) : -1;
}

const char *message_content_type(const struct message *message)
{
    return message->headers[0] + strlen("Content-Type: ");
}

struct message *message_hold(struct message *message)
{
    atomic_fetch_add_explicit(&message->references, 1, memory_order_relaxed);
    return message;
}

void message_release(struct message *message)
{
    if (atomic_fetch_sub(&message->references, 1) != 1)
        return;
    memory_refund(message->account, (int64_t)message->cost);
    free(message);
}
