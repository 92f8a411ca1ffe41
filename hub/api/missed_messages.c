/*
 * /subscriptions/{id}/missed-messages: what a subscription has not confirmed, from where it stands,
 * or the messages that were given up for it (source=dead-letters). Read from Kafka for each
 * request; bounded in rows, bytes and time, so a page may be short although more follows:
 * next_cursor tells. What was confirmed in the last dispatcher.commit_interval may still be in it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base64.h"
#include "common/container.h"
#include "common/panic.h"
#include "common/utf8.h"
#include "hub/api/request.h"
#include "hub/message_reader.h"
#include "hub/positions.h"

enum { DEFAULT_LIMIT = 100, MAX_LIMIT = 1000, MAX_BYTES = 4 << 20, TIMEOUT_MS = 5000 };

enum source { SOURCE_BACKLOG, SOURCE_DEAD_LETTERS };
static const char *const sources[] = {"backlog", "dead-letters", NULL};
enum format { FORMAT_JSON, FORMAT_NDJSON };
static const char *const formats[] = {"json", "ndjson", NULL};

struct listing {
    struct api_request *request;
    enum source source;
    enum format format;
    int64_t cursor; /* -1: from the beginning */
    int64_t limit;
    struct position_question position;
    struct message_read read;
};

static void listing_free(struct listing *listing)
{
    catalog_subscription_fini(&listing->position.subscription);
    message_read_fini(&listing->read);
    free(listing);
}

static void fail(struct listing *listing, const struct error *error)
{
    struct api_request *request = listing->request;
    if (error->code == ERROR_NOT_FOUND)
        api_problem(request, 404, NULL, "there is no subscription with this id");
    else
        api_problem(request, 503, NULL, "%s", error->message);
    listing_free(listing);
}

/* --- the answer --- */

static bool is_json(const char *type)
{
    size_t length = type ? strcspn(type, "; ") : 0;
    return (length == strlen("application/json") &&
            strncasecmp(type, "application/json", length) == 0) ||
           (length > strlen("+json") &&
            strncasecmp(type + length - strlen("+json"), "+json", strlen("+json")) == 0);
}

/** As text where it is text; JSON that a JSON library would change (large numbers) is text too, for
 * what was published counts byte for byte. */
static json_t *encode_body(const struct message_row *row)
{
    const char *body = row->body;
    size_t length = row->head.body_length;
    if (utf8_valid(body, length) && !memchr(body, '\0', length))
        return json_pack("{s:s, s:o}", "encoding", "text", "data", json_stringn(body, length));
    char *text = base64_encode(body, length);
    json_t *encoded = json_pack("{s:s, s:s}", "encoding", "base64", "data", text);
    free(text);
    return encoded;
}

static json_t *encode_row(const struct message_row *row, enum source source)
{
    json_t *object = json_pack(
        "{s:s, s:I, s:o, s:o, s:b, s:I, s:o}", "id", row->head.id, "offset",
        (json_int_t)(source == SOURCE_DEAD_LETTERS ? row->head.origin_offset : row->head.offset),
        "published_at", api_time(row->head.published_at_ms), "content_type",
        row->content_type ? json_string(row->content_type) : json_null(), "json",
        (int)is_json(row->content_type), "size", (json_int_t)row->head.body_length, "body",
        encode_body(row));
    ENSURE(object != NULL);
    if (source == SOURCE_DEAD_LETTERS)
        json_object_set_new(object, "dead_letter",
                            json_pack("{s:s, s:I, s:o}", "reason", row->reason ? row->reason : "",
                                      "failures", (json_int_t)row->failures, "at",
                                      api_time(row->head.dead_lettered_at_ms)));
    return object;
}

static void respond_lines(struct listing *listing, bool more)
{
    struct buffer lines = {0};
    for (size_t i = 0; i < listing->read.count; i++) {
        json_t *row = encode_row(&listing->read.rows[i], listing->source);
        char *text = json_dumps(row, JSON_COMPACT);
        ENSURE(text != NULL);
        buffer_append_format(&lines, "%s\n", text);
        free(text);
        json_decref(row);
    }
    if (more) {
        char cursor[24];
        snprintf(cursor, sizeof(cursor), "%" PRId64, listing->read.next);
        http_response_header(listing->request->http, "X-Next-Cursor", cursor);
    }
    http_respond(listing->request->http, 200, "application/x-ndjson", lines.data ? lines.data : "",
                 lines.length);
    buffer_fini(&lines);
}

static void respond_page(struct listing *listing, bool more)
{
    json_t *items = json_array();
    for (size_t i = 0; i < listing->read.count; i++)
        json_array_append_new(items, encode_row(&listing->read.rows[i], listing->source));
    json_t *cursor = json_null();
    if (more)
        cursor = json_sprintf("%" PRId64, listing->read.next);
    api_respond_page(listing->request, items, cursor);
}

/* @locality reader's thread */
static void on_read(struct message_read *read, const struct error *error)
{
    struct listing *listing = CONTAINER_OF(read, struct listing, read);
    if (error) {
        fail(listing, error);
        return;
    }
    bool more = read->end != MESSAGE_READ_COMPLETE;
    if (listing->format == FORMAT_NDJSON)
        respond_lines(listing, more);
    else
        respond_page(listing, more);
    listing_free(listing);
}

/* --- what to read --- */

static void choose_range(struct listing *listing)
{
    struct hub *hub = listing->request->hub;
    const struct catalog_subscription *s = &listing->position.subscription;
    struct message_read *read = &listing->read;
    read->done = on_read;
    read->to = -1;
    read->max_rows = (size_t)listing->limit;
    read->max_bytes = MAX_BYTES;
    read->timeout_ms = TIMEOUT_MS;
    if (listing->source == SOURCE_DEAD_LETTERS) {
        message_read_dead_letters(read, &hub->names, &hub->layout, s);
    } else {
        read->kafka_topic = s->location.kafka_topic;
        read->partition = s->location.partition;
        read->key = s->topic;
        read->from = listing->position.next;
    }
    /* Confirmed meanwhile is missed no more: a cursor never goes back behind the position. */
    if (listing->cursor > read->from)
        read->from = listing->cursor;
}

/* @locality any thread */
static void on_position(struct position_question *question, const struct error *error)
{
    struct listing *listing = CONTAINER_OF(question, struct listing, position);
    struct api_request *request = listing->request;
    const struct catalog_subscription *s = &question->subscription;
    struct error problem;
    if (!error && !api_may_see(request, s->owner))
        error_set(&problem, ERROR_NOT_FOUND, false, "not his");
    else if (!error && !s->location.kafka_topic)
        error_set(&problem, ERROR_NOT_FOUND, false, "never verified");
    else if (error)
        problem = *error;
    else {
        choose_range(listing);
        if (message_reader_start(request->hub->message_reader, &listing->read, &problem) == 0)
            return;
    }
    fail(listing, &problem);
}

static bool take_parameters(struct api_request *request, struct listing *listing)
{
    int source, format;
    if (!api_take_choice(request, "source", sources, &source) ||
        !api_take_choice(request, "format", formats, &format) ||
        !api_take_integer(request, "cursor", 0, INT64_MAX, -1, &listing->cursor) ||
        !api_take_integer(request, "limit", 1, MAX_LIMIT, DEFAULT_LIMIT, &listing->limit))
        return false;
    listing->source = source == SOURCE_DEAD_LETTERS ? SOURCE_DEAD_LETTERS : SOURCE_BACKLOG;
    listing->format = format == FORMAT_NDJSON ? FORMAT_NDJSON : FORMAT_JSON;
    return true;
}

void api_missed_messages_list(struct api_request *request)
{
    struct error error;
    struct listing *listing = xcalloc(1, sizeof(*listing));
    listing->request = request;
    if (!take_parameters(request, listing)) {
        free(listing);
        return;
    }
    if (!api_is_subscription_id(request->id) || !request->hub->catalog) {
        error_set(&error, ERROR_NOT_FOUND, false, "no such id");
        fail(listing, &error);
        return;
    }
    listing->position.done = on_position;
    memcpy(listing->position.id, request->id, ID_HEX_SIZE);
    if (positions_ask(request->hub->positions, &listing->position, &error) != 0)
        fail(listing, &error);
}
