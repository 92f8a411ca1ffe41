/*
 * /subscriptions/{id}/attempts: what went wrong with deliveries and verifications, and what became
 * of the subscription, oldest first. Read from Kafka for each request.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/id.h"
#include "common/panic.h"
#include "hub/api/request.h"
#include "hub/message_reader.h"

enum { DEFAULT_LIMIT = 100, MAX_LIMIT = 1000, MAX_BYTES = 4 << 20, TIMEOUT_MS = 5000 };

#define DAY_MS INT64_C(86400000)

struct listing {
    struct api_request *request;
    struct message_read read;
};

static void listing_free(struct listing *listing)
{
    message_read_fini(&listing->read);
    free(listing);
}

static void copy_member(json_t *to, const char *name, const json_t *from, const char *member)
{
    json_t *value = json_object_get(from, member);
    json_object_set(to, name, value ? value : json_null());
}

/** NULL: the record is none of ours. */
static json_t *encode(const struct message_row *row)
{
    json_error_t error;
    json_t *record = json_loadb(row->body, row->head.body_length, 0, &error);
    const json_t *at = json_object_get(record, "at");
    if (!json_is_integer(at) || !json_is_string(json_object_get(record, "type"))) {
        json_decref(record);
        return NULL;
    }
    json_t *attempt = json_pack("{s:o}", "at", api_time(json_integer_value(at)));
    ENSURE(attempt != NULL);
    copy_member(attempt, "type", record, "type");
    copy_member(attempt, "reason", record, "reason");
    copy_member(attempt, "status", record, "status");
    copy_member(attempt, "duration_us", record, "duration_us");
    copy_member(attempt, "failures", record, "failures");
    copy_member(attempt, "retry_in_ms", record, "retry_in_ms");
    copy_member(attempt, "message", record, "message");
    copy_member(attempt, "offset", record, "offset");
    copy_member(attempt, "excerpt", record, "excerpt");
    json_decref(record);
    return attempt;
}

/* @locality reader's thread */
static void on_read(struct message_read *read, const struct error *error)
{
    struct listing *listing = CONTAINER_OF(read, struct listing, read);
    if (error) {
        api_problem(listing->request, 503, NULL, "%s", error->message);
        listing_free(listing);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < read->count; i++) {
        json_t *attempt = encode(&read->rows[i]);
        if (attempt)
            json_array_append_new(items, attempt);
    }
    json_t *cursor = json_null();
    if (read->end != MESSAGE_READ_COMPLETE)
        cursor = json_sprintf("%" PRId64, read->next);
    api_respond_page(listing->request, items, cursor);
    listing_free(listing);
}

void api_attempts_list(struct api_request *request)
{
    struct hub *hub = request->hub;
    struct catalog_subscription s;
    int64_t limit, cursor, since_ms;
    struct error error;
    if (!api_take_integer(request, "limit", 1, MAX_LIMIT, DEFAULT_LIMIT, &limit) ||
        !api_take_integer(request, "cursor", 0, INT64_MAX, -1, &cursor) ||
        !api_take_time(request, "since", clock_wall_ms() - DAY_MS, &since_ms))
        return;
    if (!api_take_subscription(request, &s))
        return;
    catalog_subscription_fini(&s); /* that it may be seen is all that counts */
    struct listing *listing = xcalloc(1, sizeof(*listing));
    listing->request = request;
    listing->read = (struct message_read){
        .done = on_read,
        .kafka_topic = hub->names.attempts,
        .partition =
            id_partition(request->id, strlen(request->id), hub->layout.attempts_partitions),
        .key = request->id,
        .from = cursor > 0 ? cursor : 0,
        .from_ms = cursor >= 0 ? 0 : since_ms,
        .to = -1,
        .max_rows = (size_t)limit,
        .max_bytes = MAX_BYTES,
        .timeout_ms = TIMEOUT_MS,
    };
    if (message_reader_start(hub->message_reader, &listing->read, &error) == 0)
        return;
    api_problem(request, 503, NULL, "%s", error.message);
    listing_free(listing);
}
