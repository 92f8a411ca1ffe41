/* Messages as they come out of Kafka, here librdkafka's mock cluster. */
#include "tests/unit/unit.h"

#include <librdkafka/rdkafka.h>
/* after rdkafka.h */
#include <librdkafka/rdkafka_mock.h>
#include <stdlib.h>
#include <string.h>

#include "common/message.h"
#include "dispatcher/message.h"

#define KAFKA_TOPIC "messages"
#define HUB         "https://hub.example/hub"
#define ID          "01890a5d-ac96-774b-bcce-b302099a8057"

static rd_kafka_t *producer;
static rd_kafka_t *consumer;
static rd_kafka_mock_cluster_t *cluster;
static struct memory_pool pool = {.limit = INT64_MAX};
static struct memory_account account = {.pool = &pool};

static int set_up(void **state)
{
    (void)state;
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", "127.0.0.1:1", text, sizeof(text));
    rd_kafka_conf_set(conf, "log_level", "0", text, sizeof(text));
    rd_kafka_conf_set(conf, "linger.ms", "0", text, sizeof(text));
    producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    cluster = rd_kafka_mock_cluster_new(producer, 1);
    const char *brokers = rd_kafka_mock_cluster_bootstraps(cluster);
    rd_kafka_brokers_add(producer, brokers);
    rd_kafka_mock_topic_create(cluster, KAFKA_TOPIC, 1, 1);

    conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, text, sizeof(text));
    rd_kafka_conf_set(conf, "group.id", "test", text, sizeof(text));
    rd_kafka_conf_set(conf, "fetch.wait.max.ms", "10", text, sizeof(text));
    consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, KAFKA_TOPIC, 0)->offset = 0;
    rd_kafka_assign(consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(producer);
    return 0;
}

/* --- through Kafka --- */

struct header {
    const char *name;
    const char *value; /**< NULL: the header has no value */
    size_t length;     /**< 0: of the value as a string */
};

#define MAX_HEADERS 7

/** Produces a record and consumes it again; destroy the result with rd_kafka_message_destroy. */
static rd_kafka_message_t *pass(const struct header *headers, const void *body, size_t length)
{
    rd_kafka_headers_t *list = rd_kafka_headers_new(MAX_HEADERS);
    for (int i = 0; i < MAX_HEADERS && headers[i].name; i++) {
        const char *value = headers[i].value;
        size_t size = value && headers[i].length == 0 ? strlen(value) : headers[i].length;
        rd_kafka_header_add(list, headers[i].name, -1, value, (ssize_t)size);
    }
    assert_int_equal(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(KAFKA_TOPIC),
                                       RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_KEY("topic", 5),
                                       RD_KAFKA_V_VALUE((void *)(uintptr_t)body, length),
                                       RD_KAFKA_V_HEADERS(list),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    assert_int_equal(rd_kafka_flush(producer, 20000), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_message_t *record;
    for (int tries = 0; tries < 200; tries++) {
        record = rd_kafka_consumer_poll(consumer, 100);
        if (record && !record->err)
            return record;
        if (record)
            rd_kafka_message_destroy(record);
    }
    fail_msg("the record did not come back");
    return NULL;
}

static struct message *make(const struct header *headers, const void *body, size_t length)
{
    struct error error;
    rd_kafka_message_t *record = pass(headers, body, length);
    struct message *message = message_from_kafka(record, HUB, &account, &error);
    if (!message)
        fail_msg("%s", error.message);
    assert_int_equal(message->offset, record->offset);
    rd_kafka_message_destroy(record);
    return message;
}

static void assert_refused(const struct header *headers)
{
    struct error error = {0};
    rd_kafka_message_t *record = pass(headers, "x", 1);
    assert_null(message_from_kafka(record, HUB, &account, &error));
    assert_int_equal(error.code, ERROR_INVALID);
    assert_int_equal(memory_pool_used(&pool), 0);
    rd_kafka_message_destroy(record);
}

/** `lines` ends with NULL. */
static void assert_lines(const struct message *message, const char *const *lines)
{
    int count = 0;
    for (; lines[count]; count++) {
        assert_true(count < message->header_count);
        assert_string_equal(message->headers[count], lines[count]);
    }
    assert_int_equal(message->header_count, count);
}

/* --- tests --- */

static void test_headers_become_lines_and_the_body_stays_as_it_is(void **state)
{
    (void)state;
    static const struct header headers[MAX_HEADERS] = {
        {MESSAGE_HEADER_ID, ID, 0},
        {MESSAGE_HEADER_PUBLISHED_AT, "1700000000999", 0},
        {MESSAGE_HEADER_CONTENT_TYPE, "application/atom+xml; charset=\"utf-8\"", 0},
        {MESSAGE_HEADER_TRACEPARENT, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 0},
        {MESSAGE_HEADER_TRACESTATE, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", 0},
        {MESSAGE_HEADER_PUBLISHER_ID, "urn:mine:1", 0},
        {"unknown", "ignored", 0},
    };
    static const char *const lines[] = {
        "Content-Type: application/atom+xml; charset=\"utf-8\"",
        "X-Hub-Message-Id: " ID,
        "webhook-id: " ID,
        "webhook-timestamp: 1700000000",
        "X-Hub-MessageId: urn:mine:1",
        "tracestate: rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        NULL,
    };
    char body[256];
    for (int i = 0; i < 256; i++)
        body[i] = (char)i;
    struct message *message = make(headers, body, sizeof(body));
    assert_lines(message, lines);
    assert_string_equal(message->id, ID);
    assert_string_equal(message->traceparent,
                        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    assert_string_equal(message->tracestate, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
    assert_int_equal(message->published_at_ms, 1700000000999);
    assert_true(message->cost > sizeof(*message) + sizeof(body));
    assert_int_equal(memory_pool_used(&pool), message->cost);
    assert_int_equal(message->body_length, sizeof(body));
    assert_memory_equal(message->body, body, sizeof(body));
    message_release(message);
    assert_int_equal(memory_pool_used(&pool), 0);
}

static void test_what_the_publisher_left_out_is_left_out_or_has_a_default(void **state)
{
    (void)state;
    static const struct header headers[MAX_HEADERS] = {{MESSAGE_HEADER_ID, "i", 0}};
    static const struct header stray[MAX_HEADERS] = {{MESSAGE_HEADER_ID, "i", 0},
                                                     {MESSAGE_HEADER_TRACESTATE, "a=1", 0}};
    static const struct header empty[MAX_HEADERS] = {
        {MESSAGE_HEADER_ID, "i", 0},
        {MESSAGE_HEADER_CONTENT_TYPE, NULL, 0},
        {MESSAGE_HEADER_TRACEPARENT, NULL, 0},
        {MESSAGE_HEADER_PUBLISHED_AT, NULL, 0},
    };
    static const char *const lines[] = {"Content-Type: application/octet-stream",
                                        "X-Hub-Message-Id: i", "webhook-id: i",
                                        "webhook-timestamp: 0", NULL};
    struct message *message = make(headers, NULL, 0);
    assert_lines(message, lines);
    assert_null(message->traceparent);
    assert_int_equal(message->body_length, 0);
    message_release(message);
    message = make(empty, "", 0);
    assert_lines(message, lines);
    message_release(message);
    message = make(stray, "", 0); /* the state of no trace */
    assert_lines(message, lines);
    assert_null(message->tracestate);
    message_release(message);
}

static void test_a_message_without_a_proper_id_is_refused(void **state)
{
    (void)state;
    char long_id[66];
    memset(long_id, 'i', 65);
    long_id[65] = '\0';
    const struct header cases[][MAX_HEADERS] = {
        {{MESSAGE_HEADER_CONTENT_TYPE, "text/plain", 0}},
        {{MESSAGE_HEADER_ID, "", 0}},
        {{MESSAGE_HEADER_ID, NULL, 0}},
        {{MESSAGE_HEADER_ID, long_id, 0}},
        {{"Message-Id", ID, 0}},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_refused(cases[i]);
}

static void test_nothing_can_end_a_header_line(void **state)
{
    (void)state;
    static const char *const names[] = {MESSAGE_HEADER_CONTENT_TYPE, MESSAGE_HEADER_TRACEPARENT,
                                        MESSAGE_HEADER_PUBLISHER_ID};
    static const struct header evil[] = {
        {NULL, "a\r\nX-Evil: 1", 0}, {NULL, "a\nb", 0}, {NULL, "a\rb", 0}, {NULL, "a\0b", 3},
        {NULL, "\x01", 0},           {NULL, "\x7f", 0}, {NULL, "\0", 1},   {NULL, "a\x1f", 0},
    };
    static const char *const lines[] = {"Content-Type: application/octet-stream",
                                        "X-Hub-Message-Id: " ID, "webhook-id: " ID,
                                        "webhook-timestamp: 0", NULL};
    for (size_t i = 0; i < ARRAY_COUNT(evil); i++) {
        /* Of two headers of one name the last counts. */
        const struct header id[MAX_HEADERS] = {{MESSAGE_HEADER_ID, ID, 0},
                                               {MESSAGE_HEADER_ID, evil[i].value, evil[i].length}};
        assert_refused(id);
        for (size_t n = 0; n < ARRAY_COUNT(names); n++) {
            const struct header headers[MAX_HEADERS] = {{MESSAGE_HEADER_ID, ID, 0},
                                                        {names[n], evil[i].value, evil[i].length}};
            /* No reason to lose the message: it goes without what cannot be sent. */
            struct message *message = make(headers, "x", 1);
            assert_lines(message, lines);
            message_release(message);
        }
    }
    static const struct header harmless[MAX_HEADERS] = {
        {MESSAGE_HEADER_ID, ID, 0}, {MESSAGE_HEADER_CONTENT_TYPE, "a\tb \xc3\xbc \xff", 0}};
    struct message *message = make(harmless, "x", 1);
    assert_string_equal(message->headers[0], "Content-Type: a\tb \xc3\xbc \xff");
    message_release(message);
}

static void test_trace_context_is_known_by_its_form(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool valid;
    } cases[] = {
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", false},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x", false},
        {"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-follows", true},
        {"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what-follows", false},
        {"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false},
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01", false},
        {"00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false},
        {"00-00000000000000000000000000000000-00f067aa0ba902b7-01", false},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false},
        {"", false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_int_equal(message_traceparent_is_valid(cases[i].value, strlen(cases[i].value)),
                         cases[i].valid);
}

static void test_what_a_tracestate_may_be(void **state)
{
    (void)state;
    char long_one[514];
    memset(long_one, 'a', sizeof(long_one));
    assert_true(message_tracestate_is_sendable(long_one, 512));
    assert_false(message_tracestate_is_sendable(long_one, 513));
    assert_true(message_tracestate_is_sendable("a=1 ,\t b=~", 10));
    assert_false(message_tracestate_is_sendable("", 0));
    assert_false(message_tracestate_is_sendable("a\r\nb", 4));
    assert_false(message_tracestate_is_sendable("a\xff", 2));
    assert_false(message_tracestate_is_sendable("a\x7f", 2));
    assert_false(message_tracestate_is_sendable("a\0", 2));
}

static void test_a_time_that_is_none_is_not_believed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {{"", 0}, {"x", 0}, {"999999999999999999999999999999", 0}, {"12x", 12}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct header headers[MAX_HEADERS] = {
            {MESSAGE_HEADER_ID, ID, 0}, {MESSAGE_HEADER_PUBLISHED_AT, cases[i].text, 0}};
        struct message *message = make(headers, "x", 1);
        assert_int_equal(message->published_at_ms, cases[i].ms);
        message_release(message);
    }
}

static void test_large_bodies_and_types_come_whole(void **state)
{
    (void)state;
    enum { SIZE = 900 * 1000, TYPE_SIZE = 5000 };
    char *body = malloc(SIZE), *type = malloc(TYPE_SIZE + 1);
    for (size_t i = 0; i < SIZE; i++)
        body[i] = (char)(i * 7);
    memset(type, 't', TYPE_SIZE);
    type[TYPE_SIZE] = '\0';
    const struct header headers[MAX_HEADERS] = {{MESSAGE_HEADER_ID, ID, 0},
                                                {MESSAGE_HEADER_CONTENT_TYPE, type, 0}};
    struct message *message = make(headers, body, SIZE);
    assert_int_equal(message->body_length, SIZE);
    assert_memory_equal(message->body, body, SIZE);
    assert_string_equal(message->headers[0] + strlen("Content-Type: "), type);
    message_release(message);
    free(body);
    free(type);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers_become_lines_and_the_body_stays_as_it_is),
        cmocka_unit_test(test_what_the_publisher_left_out_is_left_out_or_has_a_default),
        cmocka_unit_test(test_a_message_without_a_proper_id_is_refused),
        cmocka_unit_test(test_nothing_can_end_a_header_line),
        cmocka_unit_test(test_trace_context_is_known_by_its_form),
        cmocka_unit_test(test_what_a_tracestate_may_be),
        cmocka_unit_test(test_a_time_that_is_none_is_not_believed),
        cmocka_unit_test(test_large_bodies_and_types_come_whole),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
