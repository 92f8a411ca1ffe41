#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/event.h"
#include "common/id.h"
#include "common/url.h"
#include "tests/unit/json_edit.h"
#include "tests/unit/mutate.h"

#define TEXT(literal) ((char *)(uintptr_t)(literal))
#define REQUEST       "01890a5d-ac96-774b-bcce-b302099a8057"

/* What each type is called and must carry, besides "v", "type", "at" and "topic": the contract. */
enum {
    CALLBACK = 1 << 0,
    REQUEST_ID = 1 << 1,
    LOCATION = 1 << 2,
    LEASE = 1 << 3,
    OFFSET = 1 << 4,
    BASE = 1 << 5,
    DEADLINE = 1 << 6,
};

static const struct {
    const char *name;
    unsigned carries;
} types[EVENT_TYPE_COUNT] = {
    [EVENT_TOPIC_REGISTERED] = {"topic.registered", LOCATION},
    [EVENT_TOPIC_DEREGISTERED] = {"topic.deregistered", 0},
    [EVENT_TOPIC_PINGED] = {"topic.pinged", 0},
    [EVENT_TOPIC_FETCHING] = {"topic.fetching", 0},
    [EVENT_TOPIC_FETCHED] = {"topic.fetched", BASE},
    [EVENT_TOPIC_NOT_FETCHED] = {"topic.not_fetched", BASE},
    [EVENT_TOPIC_ENDED] = {"topic.ended", 0},
    [EVENT_SUBSCRIPTION_REQUESTED] = {"subscription.requested",
                                      CALLBACK | REQUEST_ID | LOCATION | LEASE},
    [EVENT_UNSUBSCRIPTION_REQUESTED] = {"unsubscription.requested", CALLBACK | REQUEST_ID},
    [EVENT_SUBSCRIPTION_VERIFIED] = {"subscription.verified", CALLBACK | REQUEST_ID | OFFSET},
    [EVENT_SUBSCRIPTION_REFUSED] = {"subscription.refused", CALLBACK | REQUEST_ID},
    [EVENT_UNSUBSCRIPTION_VERIFIED] = {"unsubscription.verified", CALLBACK | REQUEST_ID},
    [EVENT_SUBSCRIPTION_DENIED] = {"subscription.denied", CALLBACK},
    [EVENT_SUBSCRIPTION_LAPSING] = {"subscription.lapsing", CALLBACK | DEADLINE},
    [EVENT_SUBSCRIPTION_EXPIRED] = {"subscription.expired", CALLBACK | DEADLINE},
    [EVENT_SUBSCRIPTION_FORGOTTEN] = {"subscription.forgotten", CALLBACK | DEADLINE},
    [EVENT_DELIVERY_DETACHED] = {"delivery.detached", CALLBACK | OFFSET | BASE},
    [EVENT_DELIVERY_PROGRESSED] = {"delivery.progressed", CALLBACK | OFFSET | BASE},
    [EVENT_DELIVERY_ATTACHED] = {"delivery.attached", CALLBACK | OFFSET | BASE},
    [EVENT_DELIVERY_SUSPENDED] = {"delivery.suspended", CALLBACK | OFFSET | BASE},
    [EVENT_DELIVERY_RECOVERED] = {"delivery.recovered", CALLBACK | BASE},
    [EVENT_DELIVERY_GONE] = {"delivery.gone", CALLBACK | BASE},
    [EVENT_DELIVERY_RESUME] = {"delivery.resume", CALLBACK},
    [EVENT_DELIVERY_PAUSE] = {"delivery.pause", CALLBACK | REQUEST_ID},
    [EVENT_DELIVERY_MOVE] = {"delivery.move", CALLBACK | REQUEST_ID | OFFSET},
    [EVENT_DELIVERY_REDELIVER] = {"delivery.redeliver", CALLBACK | REQUEST_ID | OFFSET},
    [EVENT_DELIVERY_REDELIVERED] = {"delivery.redelivered", CALLBACK | OFFSET | BASE},
    [EVENT_DELIVERY_REDELIVER_LETTERS] = {"delivery.redeliver_letters",
                                          CALLBACK | REQUEST_ID | OFFSET},
    [EVENT_DELIVERY_LETTERS_SETTLED] = {"delivery.letters_settled", CALLBACK | OFFSET},
    [EVENT_SUBSCRIPTION_DELETE] = {"subscription.delete", CALLBACK | REQUEST_ID},
    [EVENT_SUBSCRIPTION_IMPORTED] = {"subscription.imported", CALLBACK | LOCATION | LEASE | OFFSET},
};

static const struct {
    const char *name;
    unsigned carried;
} members[] = {
    {"callback", CALLBACK},   {"request", REQUEST_ID}, {"kafka_topic", LOCATION},
    {"lease_seconds", LEASE}, {"offset", OFFSET},      {"base", BASE},
    {"deadline", DEADLINE},
};

/** With all that its type can carry. Borrows its strings. */
static struct event sample(int type)
{
    unsigned carries = types[type].carries;
    struct event event = {
        .type = (enum event_type)type,
        .at_ms = 1700000000123,
        .topic = TEXT("https://registry.example/births?year=2026&x=\"1\""),
        .method = -1,
        .offset = -1,
        .base = -1,
        .deadline = -1,
    };
    if (carries & CALLBACK)
        event.callback = TEXT("https://bank.example/hooks/1?a=b");
    if (carries & REQUEST_ID)
        event.request_id = TEXT(REQUEST);
    if (carries & LOCATION)
        event.location = (struct location){TEXT("websub-messages-births"), 3};
    if (carries & LEASE) {
        event.lease_seconds = 864000;
        event.secret.text = TEXT("s\xc3\xa9"
                                 "cret \"\\/\t");
        event.secret.key_id = TEXT("2024-06");
        event.method = SIGNATURE_SHA384;
        event.max_in_flight = 12;
    }
    if (carries & OFFSET)
        event.offset = 123456789012;
    if (carries & BASE)
        event.base = 77;
    if (carries & DEADLINE)
        event.deadline = 1700000999999;
    if (type == EVENT_DELIVERY_REDELIVERED)
        event.marked = 4711;
    if (type == EVENT_SUBSCRIPTION_REFUSED || type == EVENT_DELIVERY_SUSPENDED)
        event.reason = TEXT("status 500");
    if (type == EVENT_SUBSCRIPTION_REQUESTED || type == EVENT_UNSUBSCRIPTION_REQUESTED) {
        event.owner = TEXT("bank \xc3\xa9");
        event.by_operator = true;
        event.verify_token = TEXT("t&= \xc3\xa9");
    }
    if (type == EVENT_TOPIC_PINGED)
        event.trace = (struct trace_headers){
            TEXT("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), TEXT("a=1,b=2")};
    event.distributed = type == EVENT_TOPIC_FETCHED;
    if (type == EVENT_TOPIC_FETCHED)
        event.fetched = (struct fetched){
            .digest = TEXT("0a1b"),
            .url = TEXT("https://registry.example/births.json"),
            .etag = TEXT("W/\"x \\ y\""),
            .last_modified = TEXT("Tue, 24 Nov 2026 21:00:00 GMT"),
            .self = TEXT("https://registry.example/"),
            .entries = TEXT("00ff"),
        };
    return event;
}

static char *encode(const struct event *event)
{
    size_t length;
    char *text = event_encode(event, &length);
    assert_int_equal(length, strlen(text));
    return text;
}

static void assert_same_string(const char *a, const char *b)
{
    assert_int_equal(!a, !b);
    if (a)
        assert_string_equal(a, b);
}

static void assert_same(const struct event *a, const struct event *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->at_ms, b->at_ms);
    assert_same_string(a->topic, b->topic);
    assert_same_string(a->callback, b->callback);
    assert_same_string(a->request_id, b->request_id);
    assert_int_equal(a->marked, b->marked);
    assert_same_string(a->secret.text, b->secret.text);
    assert_same_string(a->secret.key_id, b->secret.key_id);
    assert_same_string(a->reason, b->reason);
    assert_same_string(a->owner, b->owner);
    assert_int_equal(a->by_operator, b->by_operator);
    assert_same_string(a->verify_token, b->verify_token);
    assert_true(location_equal(&a->location, &b->location));
    assert_int_equal(a->lease_seconds, b->lease_seconds);
    assert_int_equal(a->method, b->method);
    assert_int_equal(a->max_in_flight, b->max_in_flight);
    assert_int_equal(a->offset, b->offset);
    assert_int_equal(a->base, b->base);
    assert_int_equal(a->deadline, b->deadline);
    assert_int_equal(a->distributed, b->distributed);
    assert_same_string(a->fetched.digest, b->fetched.digest);
    assert_same_string(a->fetched.url, b->fetched.url);
    assert_same_string(a->fetched.etag, b->fetched.etag);
    assert_same_string(a->fetched.last_modified, b->fetched.last_modified);
    assert_same_string(a->fetched.self, b->fetched.self);
    assert_same_string(a->fetched.entries, b->fetched.entries);
    assert_same_string(a->trace.parent, b->trace.parent);
    assert_same_string(a->trace.state, b->trace.state);
}

static void assert_round_trip(const struct event *event)
{
    struct error error;
    struct event decoded;
    char *text = encode(event);
    if (event_decode(text, strlen(text), &decoded, &error) != 0)
        fail_msg("%s: %s", error.message, text);
    assert_same(event, &decoded);
    event_fini(&decoded);
    free(text);
}

/** `title` tells which case it was. */
static void assert_refused(const char *title, const char *bytes, size_t length)
{
    struct error error = {0};
    struct event event;
    if (event_decode(bytes, length, &event, &error) == 0)
        fail_msg("accepted (%s): %.*s", title, (int)length, bytes);
    assert_int_equal(error.code, ERROR_INVALID);
    assert_false(error.retriable);
    assert_true(*error.message);
}

/** Refused once `name` is `value` (JSON), or is not there (NULL). */
static void assert_refused_with(const char *record, const char *name, const char *value)
{
    char *text = json_edit(record, name, value);
    assert_refused(name, text, strlen(text));
    free(text);
}

/* --- round trips --- */

static void test_every_type_comes_back_as_it_was(void **state)
{
    (void)state;
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        struct event event = sample(type);
        assert_string_equal(event_type_name(event.type), types[type].name);
        assert_round_trip(&event);
    }
}

static void test_extreme_values_come_back_as_they_were(void **state)
{
    (void)state;
    char topic[TOPIC_MAX_LENGTH + 1];
    for (size_t i = 0; i + 1 < sizeof(topic); i += 2)
        memcpy(topic + i, "\xc3\xbc", 3);
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        struct event event = sample(type);
        event.topic = topic;
        event.at_ms = 0;
        event.location.partition = event.location.kafka_topic ? INT32_MAX : 0;
        event.offset = event.offset >= 0 ? INT64_MAX : -1;
        event.base = event.base >= 0 ? INT64_MAX : -1;
        assert_round_trip(&event);
        event.offset = event.offset >= 0 ? 0 : -1;
        event.base = event.base >= 0 ? 0 : -1;
        event.deadline = event.deadline >= 0 ? 0 : -1;
        event.lease_seconds = event.lease_seconds > 0 ? 1 : 0;
        assert_round_trip(&event);
    }
}

static void test_any_text_comes_back_as_it_was(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\x01\x02\x1f\x7f\t\r\n\b\f", "</script>\xe2\x80\xa8\xe2\x80\xa9",
        "\\u0000 \\\\ \" '",          "\xf0\x9f\x93\xac \xef\xbf\xbf \xef\xbb\xbf",
        "\xc2\x80\xed\x9f\xbf",       " ",
        "{\"v\":1,\"type\":\"x\"}",   "%00%zz",
    };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct event event = sample(EVENT_SUBSCRIPTION_REQUESTED);
        event.topic = event.callback = event.reason = TEXT(texts[i]);
        event.secret = (struct stored_secret){event.topic, event.topic};
        assert_round_trip(&event);
    }
}

static void test_what_is_optional_may_be_missing(void **state)
{
    (void)state;
    struct event event = sample(EVENT_SUBSCRIPTION_REQUESTED);
    event.secret = (struct stored_secret){0};
    event.method = -1;
    assert_round_trip(&event);
    event.secret.text = TEXT("");
    assert_round_trip(&event);
    event = sample(EVENT_DELIVERY_SUSPENDED);
    event.reason = NULL;
    assert_round_trip(&event);
}

static void test_unknown_members_are_ignored(void **state)
{
    (void)state;
    static const char *const values[] = {"1", "\"x\"", "null", "{\"v\":2}", "[1,[2]]", "1e300"};
    struct event event = sample(EVENT_DELIVERY_DETACHED);
    char *text = encode(&event);
    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        struct error error;
        struct event decoded;
        char *newer = json_edit(text, "added later", values[i]);
        assert_int_equal(event_decode(newer, strlen(newer), &decoded, &error), 0);
        assert_same(&event, &decoded);
        event_fini(&decoded);
        free(newer);
    }
    free(text);
}

/* --- what is refused --- */

static void test_what_a_type_must_carry_may_not_be_missing(void **state)
{
    (void)state;
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        struct event event = sample(type);
        char *text = encode(&event);
        assert_refused_with(text, "v", NULL);
        assert_refused_with(text, "type", NULL);
        assert_refused_with(text, "at", NULL);
        assert_refused_with(text, "topic", NULL);
        for (size_t i = 0; i < ARRAY_COUNT(members); i++)
            if (types[type].carries & members[i].carried)
                assert_refused_with(text, members[i].name, NULL);
        free(text);
    }
}

static void test_badly_typed_members_are_refused_even_where_not_needed(void **state)
{
    (void)state;
    static const char *const strings[] = {"type",   "topic",      "callback",    "request",
                                          "secret", "reason",     "owner",       "kafka_topic",
                                          "method", "secret_key", "verify_token"};
    static const char *const integers[] = {"v",      "at",   "partition", "lease_seconds",
                                           "offset", "base", "deadline"};
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        struct event event = sample(type);
        char *text = encode(&event);
        for (size_t i = 0; i < ARRAY_COUNT(strings); i++)
            for (const char *const *bad = json_not_a_string(); *bad; bad++)
                assert_refused_with(text, strings[i], *bad);
        for (size_t i = 0; i < ARRAY_COUNT(integers); i++)
            for (const char *const *bad = json_not_an_integer(); *bad; bad++)
                assert_refused_with(text, integers[i], *bad);
        free(text);
    }
}

/* What the first release knows: a consolidator of that level passes over all others. */
static bool is_of_the_first_level(const char *name)
{
    static const char *const names[] = {
        "topic.registered",         "topic.deregistered",    "topic.ended",
        "subscription.requested",   "subscription.verified", "subscription.refused",
        "unsubscription.requested", "subscription.denied",   "unsubscription.verified",
        "subscription.expired",     "delivery.detached",     "subscription.forgotten",
        "delivery.progressed",      "delivery.attached",     "delivery.suspended",
        "delivery.recovered",       "delivery.gone",         "delivery.resume"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static void test_levels_are_those_of_the_releases_that_know_the_event(void **state)
{
    (void)state;
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        const struct event event = {.type = (enum event_type)type};
        bool first = is_of_the_first_level(event_type_name(event.type));
        assert_int_equal(event_level(&event), first ? 1 : 2);
    }
    struct event event = {.type = EVENT_SUBSCRIPTION_REQUESTED};
    event.verify_token = TEXT("left out, it is not shown to the subscriber");
    event.secret.text = TEXT("secret");
    assert_int_equal(event_level(&event), 1);
    event.secret.key_id = TEXT("key");
    assert_int_equal(event_level(&event), 2);
    event = (struct event){.type = EVENT_SUBSCRIPTION_REQUESTED, .reason = TEXT("denied")};
    assert_int_equal(event_level(&event), 2);
    event = (struct event){.type = EVENT_UNSUBSCRIPTION_REQUESTED, .owner = TEXT("bank")};
    assert_int_equal(event_level(&event), 2);
}

static void test_a_key_without_a_secret_is_refused(void **state)
{
    (void)state;
    struct event event = sample(EVENT_SUBSCRIPTION_REQUESTED);
    char *text = encode(&event);
    assert_refused_with(text, "secret", NULL);
    free(text);
}

/* What was written before secrets could be encrypted. */
static void test_a_secret_without_a_key_is_plain(void **state)
{
    (void)state;
    struct error error;
    struct event event = sample(EVENT_SUBSCRIPTION_REQUESTED), decoded;
    char *text = encode(&event), *older = json_edit(text, "secret_key", NULL);
    assert_int_equal(event_decode(older, strlen(older), &decoded, &error), 0);
    assert_string_equal(decoded.secret.text, event.secret.text);
    assert_null(decoded.secret.key_id);
    event_fini(&decoded);
    free(older);
    free(text);
}

static void test_values_out_of_range_are_refused(void **state)
{
    (void)state;
    static const struct {
        enum event_type type;
        const char *name;
        const char *value;
    } cases[] = {
        {EVENT_TOPIC_REGISTERED, "v", "0"},
        {EVENT_TOPIC_REGISTERED, "v", "2"},
        {EVENT_TOPIC_REGISTERED, "v", "-1"},
        {EVENT_TOPIC_REGISTERED, "type", "\"\""},
        {EVENT_TOPIC_REGISTERED, "type", "\"topic.Registered\""},
        {EVENT_TOPIC_REGISTERED, "type", "\"topic.registered \""},
        {EVENT_TOPIC_REGISTERED, "at", "-1"},
        {EVENT_TOPIC_REGISTERED, "topic", "\"\""},
        {EVENT_TOPIC_REGISTERED, "partition", "-1"},
        {EVENT_TOPIC_REGISTERED, "partition", "2147483648"},
        {EVENT_TOPIC_REGISTERED, "partition", "4294967296"},
        {EVENT_TOPIC_REGISTERED, "partition", "-4294967296"},
        {EVENT_TOPIC_REGISTERED, "partition", "-9223372036854775808"},
        {EVENT_SUBSCRIPTION_REQUESTED, "callback", "\"\""},
        {EVENT_SUBSCRIPTION_REQUESTED, "request", "\"\""},
        {EVENT_SUBSCRIPTION_REQUESTED, "request", "\"01890a5d-ac96-774b-bcce-b302099a805\""},
        {EVENT_SUBSCRIPTION_REQUESTED, "request", "\"01890a5d-ac96-774b-bcce-b302099a80577\""},
        {EVENT_SUBSCRIPTION_REQUESTED, "lease_seconds", "0"},
        {EVENT_SUBSCRIPTION_REQUESTED, "lease_seconds", "-1"},
        {EVENT_SUBSCRIPTION_REQUESTED, "method", "\"\""},
        {EVENT_SUBSCRIPTION_REQUESTED, "method", "\"md5\""},
        {EVENT_SUBSCRIPTION_REQUESTED, "method", "\"SHA256\""},
        {EVENT_SUBSCRIPTION_VERIFIED, "offset", "-1"},
        {EVENT_DELIVERY_GONE, "base", "-1"},
        {EVENT_SUBSCRIPTION_LAPSING, "deadline", "-1"},
        {EVENT_SUBSCRIPTION_EXPIRED, "deadline", "-1"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct event event = sample(cases[i].type);
        char *text = encode(&event);
        assert_refused_with(text, cases[i].name, cases[i].value);
        free(text);
    }
}

/* at + lease in milliseconds has to fit into 64 bits. */
static void test_a_lease_without_end_is_refused(void **state)
{
    (void)state;
    struct event event = sample(EVENT_SUBSCRIPTION_REQUESTED);
    char *text = encode(&event);
    assert_refused_with(text, "lease_seconds", "9223372036854775807");
    assert_refused_with(text, "lease_seconds", "9223372036854775");
    free(text);
    event = sample(EVENT_SUBSCRIPTION_VERIFIED);
    text = encode(&event);
    assert_refused_with(text, "at", "9223372036854775807");
    free(text);
}

static void test_what_is_no_json_object_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t length; /**< 0: of the text */
    } cases[] = {
        {"", 0},
        {"null", 0},
        {"1", 0},
        {"\"v\"", 0},
        {"[]", 0},
        {"[{\"v\":1}]", 0},
        {"{}", 0},
        {"{\"v\":1}", 0},
        {"{\"v\":1,\"type\":\"topic.ended\",\"at\":1,\"topic\":\"t\"", 0},
        {"{\"v\":1,\"type\":\"topic.ended\",\"at\":1,\"topic\":\"t\"}x", 0},
        {"{\"v\":1,\"type\":\"topic.ended\",\"at\":1,\"topic\":\"t\"}{}", 0},
        {"{\"v\":1,\"type\":\"topic.ended\",\"at\":1,\"topic\":\"t\",}", 0},
        {"{\"v\":1,\"v\":1,\"type\":\"topic.ended\",\"at\":1,\"topic\":\"t\"}", 0},
        {"{\"v\":1,\"type\":\"topic.ended\",\"at\":1,\"topic\":\"t\",\"topic\":\"u\"}", 0},
        {"{\"v\":1,\"type\":\"topic.ended\",\"at\":01,\"topic\":\"t\"}", 0},
        {"{\"v\":1,\"type\":\"topic.ended\",\"at\":9223372036854775808,\"topic\":\"t\"}", 0},
        {"{\"v\":1,\"type\":\"topic.ended\",\"at\":1,\"topic\":\"\\u0000\"}", 0},
        {"{\"v\":1,\"type\":\"topic.ended\",\"at\":1,\"topic\":\"a\\u0000b\"}", 0},
        {"{\"v\":1,\"type\":\"topic.ended\",\"at\":1,\"topic\":\"\\ud800\"}", 0},
        {"{\"v\":1,\"type\":\"topic.ended\",\"at\":1,\"topic\":\"\xff\"}", 0},
        {"{\"v\":1,\"type\":\"topic.ended\",\"at\":1,\"topic\":\"\xc0\xaf\"}", 0},
        {"{\"v\":1,\"type\":\"topic.ended\",\"at\":1,\"topic\":\"\xed\xa0\x80\"}", 0},
        {"{\"v\":1,\"type\":\"topic.ended\",\"at\":1,\"topic\":\"\xc3\"}", 0},
        {"{\"v\":1,\"type\":\"topic.ended\",\"at\":1,\"topic\":\"a\nb\"}", 0},
        {"{\"v\":1,\"type\":\"topic.ended\",\"at\":1,\"topic\":\"t\"}\0", 50},
        {"\0\0\0\0", 4},
        {"\xef\xbb\xbf{\"v\":1,\"type\":\"topic.ended\",\"at\":1,\"topic\":\"t\"}", 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_refused("no object", cases[i].text,
                       cases[i].length ? cases[i].length : strlen(cases[i].text));
    assert_refused("a tombstone", NULL, 0);
}

static void test_deep_nesting_is_refused(void **state)
{
    (void)state;
    enum { DEPTH = 200000 };
    char *text = malloc(DEPTH);
    memset(text, '[', DEPTH);
    assert_refused("deep", text, DEPTH);
    memcpy(text, "{\"v\":1,\"x\":", 11);
    assert_refused("deep", text, DEPTH);
    free(text);
}

/* --- damage --- */

static void test_truncated_records_are_refused(void **state)
{
    (void)state;
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        struct event event = sample(type);
        char *text = encode(&event);
        size_t length = strlen(text);
        for (size_t cut = 0; cut < length; cut++) {
            /* Of its very size, so that reading beyond the end is seen. */
            char *prefix = malloc(cut > 0 ? cut : 1);
            memcpy(prefix, text, cut);
            assert_refused("truncated", prefix, cut);
            free(prefix);
        }
        free(text);
    }
}

static void test_damaged_records_are_refused_or_still_make_sense(void **state)
{
    (void)state;
    enum { ROUNDS = 25000 };
    struct random random = {0x5DEECE66D};
    unsigned accepted = 0;
    char *texts[EVENT_TYPE_COUNT];
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        struct event event = sample(type);
        texts[type] = encode(&event);
    }
    for (int round = 0; round < ROUNDS; round++) {
        const char *text = texts[random_below(&random, EVENT_TYPE_COUNT)];
        size_t length = strlen(text);
        char *damaged = malloc(length + 4 * MUTATE_GROWTH);
        memcpy(damaged, text, length);
        length = mutate(&random, damaged, length);
        struct error error;
        struct event event;
        if (event_decode(damaged, length, &event, &error) == 0) {
            assert_round_trip(&event);
            event_fini(&event);
            accepted++;
        } else {
            assert_int_equal(error.code, ERROR_INVALID);
        }
        free(damaged);
    }
    for (int type = 0; type < EVENT_TYPE_COUNT; type++)
        free(texts[type]);
    assert_in_range(accepted, ROUNDS / 100, ROUNDS);
}

/* --- keys --- */

static void test_the_key_is_that_of_the_subscription_or_else_of_the_topic(void **state)
{
    (void)state;
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        struct event event = sample(type);
        char *key = event_key(&event), *expected;
        if (event.callback) {
            char id[ID_HEX_SIZE];
            id_subscription(event.topic, event.callback, id);
            expected = id_subscription_key(id);
        } else {
            expected = id_topic_key(event.topic);
        }
        assert_string_equal(key, expected);
        free(key);
        free(expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type_comes_back_as_it_was),
        cmocka_unit_test(test_extreme_values_come_back_as_they_were),
        cmocka_unit_test(test_any_text_comes_back_as_it_was),
        cmocka_unit_test(test_what_is_optional_may_be_missing),
        cmocka_unit_test(test_unknown_members_are_ignored),
        cmocka_unit_test(test_what_a_type_must_carry_may_not_be_missing),
        cmocka_unit_test(test_badly_typed_members_are_refused_even_where_not_needed),
        cmocka_unit_test(test_levels_are_those_of_the_releases_that_know_the_event),
        cmocka_unit_test(test_a_key_without_a_secret_is_refused),
        cmocka_unit_test(test_a_secret_without_a_key_is_plain),
        cmocka_unit_test(test_values_out_of_range_are_refused),
        cmocka_unit_test(test_a_lease_without_end_is_refused),
        cmocka_unit_test(test_what_is_no_json_object_is_refused),
        cmocka_unit_test(test_deep_nesting_is_refused),
        cmocka_unit_test(test_truncated_records_are_refused),
        cmocka_unit_test(test_damaged_records_are_refused_or_still_make_sense),
        cmocka_unit_test(test_the_key_is_that_of_the_subscription_or_else_of_the_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
