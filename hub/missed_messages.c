/*
 * Steps: who asks, and may it (on the server thread); where the subscription stands; what of its
 * dead letters there is; the messages of the page; the bodies of its dead letters; the answer. Each
 * is done by another thread, which calls the next.
 */
#include "hub/missed_messages.h"

#include <stdlib.h>
#include <string.h>

#include "common/container.h"
#include "common/intent_mode.h"
#include "common/log.h"
#include "common/panic.h"
#include "common/url.h"
#include "hub/admission.h"
#include "hub/missed_answer.h"
#include "hub/missed_page.h"
#include "hub/missed_query.h"

/* Kafka may have got a message long after it was published, and clocks differ. */
enum { CLOCKS_MS = 10 * 60 * 1000, READ_MS = 5000 };

#define MAX_BYTES ((size_t)32 << 20) /* of the bodies of a page */

struct missed {
    struct operation_request *request;
    struct missed_query query;
    struct position_question question;
    struct missed_page page;
    struct message_read letters;
    struct message_read messages;
};

static void missed_free(struct missed *missed)
{
    missed_query_fini(&missed->query);
    missed_page_fini(&missed->page);
    catalog_subscription_fini(&missed->question.subscription);
    message_read_fini(&missed->letters);
    message_read_fini(&missed->messages);
    free(missed);
}

/* --- ends --- */

static void refuse(struct missed *missed, unsigned status, const char *reason)
{
    operation_refuse(missed->request, status, "%s", reason);
    missed_free(missed);
}

static void fail(struct missed *missed, const char *reason)
{
    operation_unavailable(missed->request, reason);
    missed_free(missed);
}

/** The same whether there is no such subscription, it has no secret, or another one. */
static void refuse_stranger(struct missed *missed)
{
    http_response_header(missed->request->http, "WWW-Authenticate", "Subscriber-Signature");
    admission_deny(missed->request, 401,
                   "X-Subscriber-Signature is not right, or there is no such subscription with a "
                   "secret");
    missed_free(missed);
}

/** What ended a read early; NULL: nothing did. */
static const char *early_end(const struct message_read *read)
{
    return read->end == MESSAGE_READ_TIME ? "reading the messages took too long" : NULL;
}

static void respond(struct missed *missed)
{
    struct hub *hub = missed->request->hub;
    size_t length;
    char *body = missed_answer_make(&missed->page, &missed->messages, &missed->letters, &length);
    counter_add(hub->metrics.accepted[OPERATION_MISSED_MESSAGES], 1);
    log_info("missed_messages.answered", LOG_STR("topic", missed->request->topic),
             LOG_INT("count", (int64_t)missed->page.item_count));
    http_respond(missed->request->http, 200, "application/json", body, length);
    free(body);
    missed_free(missed);
}

/* --- reading --- */

static void start_read(struct missed *missed, struct message_read *read)
{
    struct error error;
    read->timeout_ms = READ_MS;
    if (message_reader_start(missed->request->hub->message_reader, read, &error) != 0)
        fail(missed, error.message);
}

static int64_t read_since(const struct missed *missed)
{
    return missed->page.since_ms > CLOCKS_MS ? missed->page.since_ms - CLOCKS_MS : 0;
}

/* @locality a reader's thread */
static void on_letters(struct message_read *read, const struct error *error)
{
    struct missed *missed = CONTAINER_OF(read, struct missed, letters);
    const char *problem = error ? error->message : early_end(read);
    if (problem)
        fail(missed, problem);
    else if (read->end == MESSAGE_READ_BYTES)
        refuse(missed, 413, "messageCount is too large: so many messages are more than 32 MiB");
    else
        respond(missed);
}

static enum message_verdict judge_letter(struct message_read *read, const struct message_head *head)
{
    struct missed *missed = CONTAINER_OF(read, struct missed, letters);
    return missed_page_has_letter(&missed->page, head->offset) ? MESSAGE_TAKE : MESSAGE_PASS_OVER;
}

/** Reads the page's dead letters. */
static void read_letters(struct missed *missed)
{
    struct message_read *read = &missed->letters;
    int64_t first = INT64_MAX, last = -1;
    for (size_t i = 0; i < missed->page.item_count; i++) {
        const struct missed_item *item = &missed->page.items[i];
        if (item->is_letter && item->offset < first)
            first = item->offset;
        if (item->is_letter && item->offset > last)
            last = item->offset;
    }
    if (last < 0) {
        respond(missed);
        return;
    }
    read->done = on_letters;
    read->judge = judge_letter;
    read->from = first;
    read->from_ms = 0;
    read->to = last + 1;
    read->max_rows = missed->page.item_count;
    read->max_bytes = MAX_BYTES - missed->messages.bytes;
    start_read(missed, read);
}

/* @locality a reader's thread */
static void on_messages(struct message_read *read, const struct error *error)
{
    struct missed *missed = CONTAINER_OF(read, struct missed, messages);
    const char *problem = error ? error->message : early_end(read);
    if (problem) {
        fail(missed, problem);
    } else if (read->end == MESSAGE_READ_BYTES) {
        refuse(missed, 413, "messageCount is too large: so many messages are more than 32 MiB");
    } else {
        missed_page_finish(&missed->page);
        read_letters(missed);
    }
}

static enum message_verdict judge_message(struct message_read *read,
                                          const struct message_head *head)
{
    struct missed *missed = CONTAINER_OF(read, struct missed, messages);
    return missed_page_judge(&missed->page, head);
}

/** Of what was written about the time that is asked from, each message must be looked at. */
static int64_t skip_messages(struct message_read *read, int64_t written_ms)
{
    struct missed *missed = CONTAINER_OF(read, struct missed, messages);
    if (written_ms < missed->page.since_ms + CLOCKS_MS)
        return 0;
    return missed_page_skip(&missed->page);
}

static void read_messages(struct missed *missed)
{
    const struct catalog_subscription *subscription = &missed->question.subscription;
    struct message_read *read = &missed->messages;
    missed_page_sort(&missed->page);
    if (!subscription->location.kafka_topic) { /* never verified: it missed nothing yet */
        respond(missed);
        return;
    }
    read->done = on_messages;
    read->judge = judge_message;
    read->skip = skip_messages;
    read->alone = strcmp(subscription->location.kafka_topic, missed->request->hub->names.pool) != 0;
    read->kafka_topic = subscription->location.kafka_topic;
    read->partition = subscription->location.partition;
    read->key = subscription->topic;
    read->from = missed->question.next;
    read->from_ms = read_since(missed);
    read->to = -1;
    read->max_rows = (size_t)missed->page.count;
    read->max_bytes = MAX_BYTES;
    start_read(missed, read);
}

/* @locality a reader's thread */
static void on_letters_counted(struct message_read *read, const struct error *error)
{
    struct missed *missed = CONTAINER_OF(read, struct missed, letters);
    const char *problem = error ? error->message : early_end(read);
    if (problem)
        fail(missed, problem);
    else if (read->end == MESSAGE_READ_STOPPED)
        refuse(missed, 413, "timestamp is too early: there are too many messages since then");
    else
        read_messages(missed);
}

static enum message_verdict count_letter(struct message_read *read, const struct message_head *head)
{
    struct missed *missed = CONTAINER_OF(read, struct missed, letters);
    return missed_page_add_letter(&missed->page, head) ? MESSAGE_PASS_OVER : MESSAGE_STOP;
}

/* @locality the positions' thread */
static void on_position(struct position_question *question, const struct error *error)
{
    struct missed *missed = CONTAINER_OF(question, struct missed, question);
    const struct hub *hub = missed->request->hub;
    struct message_read *read = &missed->letters;
    if (error && error->code == ERROR_NOT_FOUND) { /* it has just ended */
        refuse_stranger(missed);
        return;
    }
    if (error) {
        fail(missed, error->message);
        return;
    }
    missed->page.position = question->next;
    missed->page.subscribed_at_ms = question->subscription.created_at_ms;
    message_read_dead_letters(read, &hub->names, &hub->layout, &question->subscription);
    read->done = on_letters_counted;
    read->judge = count_letter;
    read->from = question->subscription.letters.settled;
    read->from_ms = read_since(missed);
    read->to = -1;
    read->max_rows = 1; /* none is taken */
    start_read(missed, read);
}

/* --- who asks --- */

/** Whether the signature is that of the subscription with this reading of the topic. */
static bool is_subscribers(struct missed *missed, const char *topic, const char *given,
                           const char *signature)
{
    const struct hub *hub = missed->request->hub;
    struct catalog_subscription subscription;
    struct error error;
    char *callback = xstrdup(given), *normal = xstrdup(topic), *secret = NULL;
    url_normalize(callback);
    url_normalize(normal);
    id_subscription(normal, callback, missed->question.id);
    bool known = catalog_get(hub->catalog, missed->question.id, &subscription);
    if (known &&
        keyring_open(hub->keyring, subscription.id, &subscription.secret, &secret, &error) != 0)
        log_warning("hub.secret_unreadable", LOG_STR("subscription", missed->question.id),
                    LOG_STR("reason", error.message));
    /* Without a secret as with one: how long it takes shall not tell which subscriptions exist. */
    bool right =
        missed_query_is_signed(&missed->query, topic, signature, secret ? secret : "") && secret;
    catalog_subscription_fini(&subscription);
    secret_free(secret);
    free(callback);
    free(normal);
    return right;
}

/** `callback` as the subscription has it: MOSIP's clients may ask without its intentMode. */
static bool finds_subscription(struct missed *missed, const char *callback, const char *signature)
{
    const struct topic_readings *topics = &missed->query.topics;
    for (size_t i = 0; i < topics->count; i++) {
        missed->request->topic = topics->topics[i];
        if (is_subscribers(missed, topics->topics[i], callback, signature))
            return true;
    }
    missed->request->topic = topics->topics[0];
    return false;
}

static bool authenticate(struct missed *missed, const char *signature)
{
    if (finds_subscription(missed, missed->query.callback, signature))
        return true;
    if (!missed->request->hub->config.compat.mosip)
        return false;
    char *callback = intent_mode_to_subscribe(missed->query.callback);
    bool found = finds_subscription(missed, callback, signature);
    free(callback);
    return found;
}

static void start(struct missed *missed)
{
    struct hub *hub = missed->request->hub;
    const char *signature = http_request_header(missed->request->http, "X-Subscriber-Signature");
    struct error error;
    if (!view_is_loaded(hub->view)) {
        fail(missed, "the hub is reading the state");
    } else if (missed_query_parse(&missed->query, http_request_query(missed->request->http),
                                  &error) != 0) {
        refuse(missed, 400, error.message);
    } else if (!authenticate(missed, signature)) {
        refuse_stranger(missed);
    } else {
        missed->page.since_ms = missed->query.since_ms;
        missed->page.skip = missed->query.skip;
        missed->page.count = missed->query.count;
        missed->question.done = on_position;
        if (positions_ask(hub->positions, &missed->question, &error) != 0)
            fail(missed, error.message);
    }
}

void missed_messages_handle(struct hub *hub, struct http_request *http)
{
    struct operation_request *request = operation_request_new(hub, http);
    request->operation = OPERATION_MISSED_MESSAGES;
    if (!hub->catalog) {
        operation_refuse(request, 501, "this hub does not tell what was missed (hub.catalog)");
        return;
    }
    if (!admission_take_turn(request))
        return;
    struct missed *missed = xcalloc(1, sizeof(*missed));
    missed->request = request;
    start(missed);
}
