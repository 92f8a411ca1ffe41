/*
 * /subscriptions/{id}/missed-messages: what a subscription has not confirmed, from where it stands;
 * or the messages that were given up for it (source=dead-letters); or all that was published since
 * a time, confirmed or not (source=topic). Read from Kafka for each request; bounded in rows, bytes
 * and time, so a page may be short although more follows: next_cursor tells. What was confirmed in
 * the last dispatcher.commit_interval may still be in it.
 *
 * Dead letters that are settled (common/state.h) are left out: all before an offset are; the others
 * have marks behind them, which are read once the page is, as far as state says that there are any.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/container.h"
#include "common/panic.h"
#include "hub/api/request.h"
#include "hub/positions.h"

enum { DEFAULT_LIMIT = 100, MAX_LIMIT = 1000, MAX_BYTES = 4 << 20, TIMEOUT_MS = 5000 };

/* Kafka may have got a message long after it was published, and clocks differ. */
enum { CLOCKS_MS = 10 * 60 * 1000 };

enum source { SOURCE_BACKLOG, SOURCE_DEAD_LETTERS, SOURCE_TOPIC };
static const char *const sources[] = {"backlog", "dead-letters", "topic", NULL};
enum format { FORMAT_JSON, FORMAT_NDJSON };
static const char *const formats[] = {"json", "ndjson", NULL};

struct listing {
    struct api_request *request;
    enum source source;
    enum format format;
    int64_t cursor; /* -1: from the beginning */
    int64_t limit;
    int64_t since_ms; /* of publication; INT64_MIN: any */
    struct position_question position;
    struct message_read read;
    struct message_read marks;
    bool *settled; /* of each row of dead letters; NULL: none is */
};

static void listing_free(struct listing *listing)
{
    catalog_subscription_fini(&listing->position.subscription);
    message_read_fini(&listing->read);
    free(listing->settled);
    free(listing);
}

static void fail(struct listing *listing, const struct error *error)
{
    struct api_request *request = listing->request;
    if (error->code == ERROR_NOT_FOUND)
        api_problem(request, 404, NULL, "there is no subscription with this id");
    else if (error->code == ERROR_INVALID)
        api_problem(request, 400, "since", "%s", error->message);
    else
        api_problem(request, 503, NULL, "%s", error->message);
    listing_free(listing);
}

/* --- the answer --- */

/** NULL: the row is left out. */
static json_t *encode(const struct listing *listing, size_t row)
{
    if (listing->settled && listing->settled[row])
        return NULL;
    return api_encode_message(&listing->read.rows[row], listing->source == SOURCE_DEAD_LETTERS);
}

static void respond_lines(struct listing *listing, bool more)
{
    struct buffer lines = {0};
    for (size_t i = 0; i < listing->read.count; i++) {
        json_t *row = encode(listing, i);
        char *text = row ? json_dumps(row, JSON_COMPACT) : NULL;
        if (text)
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
    for (size_t i = 0; i < listing->read.count; i++) {
        json_t *row = encode(listing, i);
        if (row)
            json_array_append_new(items, row);
    }
    json_t *cursor = json_null();
    if (more)
        cursor = json_sprintf("%" PRId64, listing->read.next);
    api_respond_page(listing->request, items, cursor);
}

static void respond(struct listing *listing)
{
    bool more = listing->read.end != MESSAGE_READ_COMPLETE;
    if (listing->format == FORMAT_NDJSON)
        respond_lines(listing, more);
    else
        respond_page(listing, more);
    listing_free(listing);
}

/* --- what is settled --- */

static enum message_verdict judge_mark(struct message_read *read, const struct message_head *head)
{
    struct listing *listing = CONTAINER_OF(read, struct listing, marks);
    if (!head->is_mark || head->origin_offset < 0)
        return MESSAGE_PASS_OVER;
    for (size_t i = 0; i < listing->read.count; i++) {
        const struct message_head *letter = &listing->read.rows[i].head;
        if (letter->origin_offset == head->origin_offset && letter->offset < head->offset)
            listing->settled[i] = true;
    }
    return MESSAGE_PASS_OVER;
}

/* @locality reader's thread */
static void on_marks(struct message_read *read, const struct error *error)
{
    struct listing *listing = CONTAINER_OF(read, struct listing, marks);
    struct error problem;
    if (!error && read->end == MESSAGE_READ_TIME) {
        error_set(&problem, ERROR_TIMEOUT, true, "reading what was redelivered takes too long");
        error = &problem;
    }
    if (error)
        fail(listing, error);
    else
        respond(listing);
}

/** Whether there may be marks of letters on the page. */
static bool may_be_marked(const struct listing *listing)
{
    return listing->source == SOURCE_DEAD_LETTERS && listing->read.count > 0 &&
           listing->read.rows[0].head.offset + 1 < listing->position.subscription.letters.marked;
}

static void read_marks(struct listing *listing)
{
    const struct hub *hub = listing->request->hub;
    const struct catalog_subscription *s = &listing->position.subscription;
    struct message_read *read = &listing->marks;
    struct error error;
    message_read_dead_letters(read, &hub->names, &hub->layout, s);
    read->done = on_marks;
    read->judge = judge_mark;
    read->from = listing->read.rows[0].head.offset + 1;
    read->to = s->letters.marked;
    read->max_rows = 1; /* none is taken */
    read->timeout_ms = TIMEOUT_MS;
    listing->settled = xcalloc(listing->read.count, sizeof(*listing->settled));
    if (message_reader_start(hub->message_reader, read, &error) != 0)
        fail(listing, &error);
}

/* --- what to read --- */

/* @locality reader's thread */
static void on_read(struct message_read *read, const struct error *error)
{
    struct listing *listing = CONTAINER_OF(read, struct listing, read);
    if (error)
        fail(listing, error);
    else if (may_be_marked(listing))
        read_marks(listing);
    else
        respond(listing);
}

static enum message_verdict judge(struct message_read *read, const struct message_head *head)
{
    const struct listing *listing = CONTAINER_OF(read, struct listing, read);
    if (head->published_at_ms < listing->since_ms)
        return MESSAGE_PASS_OVER;
    if (listing->source != SOURCE_DEAD_LETTERS)
        return MESSAGE_TAKE;
    bool earlier = /* than this subscription, which may not be the first of its id */
        head->dead_lettered_at_ms < listing->position.subscription.created_at_ms;
    return head->is_mark || earlier ? MESSAGE_PASS_OVER : MESSAGE_TAKE;
}

static void choose_range(struct listing *listing)
{
    struct hub *hub = listing->request->hub;
    const struct catalog_subscription *s = &listing->position.subscription;
    struct message_read *read = &listing->read;
    read->done = on_read;
    read->judge = judge;
    read->from_ms = listing->since_ms > CLOCKS_MS ? listing->since_ms - CLOCKS_MS : 0;
    read->to = -1;
    read->max_rows = (size_t)listing->limit;
    read->max_bytes = MAX_BYTES;
    read->timeout_ms = TIMEOUT_MS;
    if (listing->source == SOURCE_DEAD_LETTERS) {
        message_read_dead_letters(read, &hub->names, &hub->layout, s);
        read->from = s->letters.settled;
    } else {
        read->kafka_topic = s->location.kafka_topic;
        read->partition = s->location.partition;
        read->key = s->topic;
        read->from = listing->source == SOURCE_TOPIC ? 0 : listing->position.next;
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
    else if (listing->source == SOURCE_TOPIC && listing->since_ms == INT64_MIN)
        error_set(&problem, ERROR_INVALID, false, "source=topic needs it");
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
        !api_take_time(request, "since", INT64_MIN, &listing->since_ms) ||
        !api_take_integer(request, "cursor", 0, INT64_MAX, -1, &listing->cursor) ||
        !api_take_integer(request, "limit", 1, MAX_LIMIT, DEFAULT_LIMIT, &listing->limit))
        return false;
    listing->source = source < 0 ? SOURCE_BACKLOG : (enum source)source;
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
