#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/event.h"
#include "common/state.h"
#include "common/url.h"
#include "tests/unit/json_edit.h"
#include "tests/unit/mutate.h"

#define TEXT(literal) ((char *)(uintptr_t)(literal))
#define TOPIC         "https://registry.example/births"
#define CALLBACK      "https://bank.example/hooks/1"
#define KAFKA         "websub-messages-births"

#define TRACEPARENT       "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
#define OTHER_TRACEPARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b8-00"

enum { STATUS_COUNT = SUBSCRIPTION_STATUS_COUNT };

/* --- samples; they borrow their strings --- */

static const struct topic_state sample_topic = {
    .topic = TEXT(TOPIC),
    .registered_at_ms = 1700000000123,
    .location = {TEXT(KAFKA), 3},
    .pings = {.oldest = 4711,
              .oldest_at_ms = 1700000000200,
              .trace = {TEXT(TRACEPARENT), TEXT("a=1,b=2")},
              .fetching = 4712,
              .again = 4720,
              .again_at_ms = 1700000000300,
              .again_trace = {TEXT(OTHER_TRACEPARENT), NULL},
              .disturbed = true},
    .fetched = {.digest = TEXT("0a1b"), .etag = TEXT("\"1\""), .self = TEXT(TOPIC)},
};

static struct redelivery_request sample_redeliveries[] = {{0, 70}, {123456789012, 3}};
static struct pending_request sample_requests[2];

static struct subscription_state sample(int status)
{
    struct subscription_state s = {
        .topic = TEXT(TOPIC),
        .callback = TEXT(CALLBACK),
        .status = (enum subscription_status)status,
        .method = -1,
        .created_at_ms = 1700000000000,
    };
    id_subscription(TOPIC, CALLBACK, s.id);
    for (int i = 0; i < 2; i++) {
        struct pending_request *request = &sample_requests[i];
        snprintf(request->request_id, sizeof(request->request_id),
                 "01890a5d-ac96-774b-bcce-b302099a805%d", i);
        request->unsubscribe = i == 1;
        request->secret = i == 0 ? (struct stored_secret){.text = TEXT("s\xc3\xa9"
                                                                       "cret \"\\\x01")}
                                 : (struct stored_secret){0};
        request->method = i == 0 ? SIGNATURE_SHA512 : -1;
        request->max_in_flight = i == 0 ? 7 : 0;
        request->lease_seconds = i == 0 ? 864000 : 0;
        request->requested_at_ms = 1700000000001 + i;
        request->owner = i == 0 ? TEXT("bank") : NULL;
        request->by_operator = i == 1;
        request->denial = i == 1 ? TEXT("not in this country") : NULL;
        request->verify_token = i == 1 ? TEXT("t&=") : NULL;
        request->location = i == 0 ? (struct location){TEXT(KAFKA), 7} : (struct location){NULL, 0};
    }
    s.pending = sample_requests;
    s.pending_count = 2;
    if (status == SUBSCRIPTION_REQUESTED)
        return s;
    s.secret = (struct stored_secret){.key_id = TEXT("a.key-1"), .text = TEXT("c2VjcmV0")};
    s.owner = TEXT("bank");
    s.method = SIGNATURE_SHA1;
    s.max_in_flight = 1000;
    s.resumed = 4321;
    s.verified_at_ms = 1700000000777;
    s.lease_seconds = 86400;
    s.lease_end_ms = 1700086400777;
    s.warned = status == SUBSCRIPTION_SUSPENDED;
    s.location = (struct location){TEXT(KAFKA), 3};
    s.position = (struct position){123456789012, 99, 42, status == SUBSCRIPTION_SUSPENDED};
    if (status == SUBSCRIPTION_SUSPENDED || status == SUBSCRIPTION_ENDING)
        s.reason = TEXT("status 500");
    s.commanded_by = TEXT("ops");
    s.redeliver = sample_redeliveries;
    s.redeliver_count = ARRAY_COUNT(sample_redeliveries);
    s.letters = (struct letters_state){17, 123456789012, 18};
    memcpy(s.command, "01890a5d-ac96-774b-bcce-b302099a8057", ID_UUID_SIZE);
    if (status == SUBSCRIPTION_PAUSED || status == SUBSCRIPTION_LAPSED) {
        s.paused = true;
        s.paused_at_ms = 1700000000888;
        s.paused_by = TEXT("chief");
        s.reason = TEXT("moves house");
    }
    return s;
}

/* --- comparing --- */

static void assert_same_string(const char *a, const char *b)
{
    assert_int_equal(!a, !b);
    if (a)
        assert_string_equal(a, b);
}

static void assert_same_secret(const struct stored_secret *a, const struct stored_secret *b)
{
    assert_same_string(a->key_id, b->key_id);
    assert_same_string(a->text, b->text);
}

static void assert_same_location(const struct location *a, const struct location *b)
{
    assert_true(location_equal(a, b));
}

static void assert_same_request(const struct pending_request *a, const struct pending_request *b)
{
    assert_string_equal(a->request_id, b->request_id);
    assert_int_equal(a->unsubscribe, b->unsubscribe);
    assert_same_secret(&a->secret, &b->secret);
    assert_int_equal(a->method, b->method);
    assert_int_equal(a->max_in_flight, b->max_in_flight);
    assert_int_equal(a->lease_seconds, b->lease_seconds);
    assert_int_equal(a->requested_at_ms, b->requested_at_ms);
    assert_same_string(a->owner, b->owner);
    assert_int_equal(a->by_operator, b->by_operator);
    assert_same_string(a->denial, b->denial);
    assert_same_string(a->verify_token, b->verify_token);
    assert_same_location(&a->location, &b->location);
}

static void assert_same(const struct subscription_state *a, const struct subscription_state *b)
{
    assert_string_equal(a->id, b->id);
    assert_same_string(a->topic, b->topic);
    assert_same_string(a->callback, b->callback);
    assert_int_equal(a->status, b->status);
    assert_same_string(a->owner, b->owner);
    assert_same_secret(&a->secret, &b->secret);
    assert_int_equal(a->method, b->method);
    assert_int_equal(a->max_in_flight, b->max_in_flight);
    assert_int_equal(a->created_at_ms, b->created_at_ms);
    assert_int_equal(a->verified_at_ms, b->verified_at_ms);
    assert_int_equal(a->lease_seconds, b->lease_seconds);
    assert_int_equal(a->lease_end_ms, b->lease_end_ms);
    assert_int_equal(a->warned, b->warned);
    assert_int_equal(a->resumed, b->resumed);
    assert_int_equal(a->paused, b->paused);
    assert_int_equal(a->paused_at_ms, b->paused_at_ms);
    assert_same_string(a->paused_by, b->paused_by);
    assert_string_equal(a->command, b->command);
    assert_same_string(a->commanded_by, b->commanded_by);
    assert_int_equal(a->redeliver_count, b->redeliver_count);
    for (size_t i = 0; i < a->redeliver_count; i++) {
        assert_int_equal(a->redeliver[i].offset, b->redeliver[i].offset);
        assert_int_equal(a->redeliver[i].command, b->redeliver[i].command);
    }
    assert_int_equal(a->letters.settled, b->letters.settled);
    assert_int_equal(a->letters.marked, b->letters.marked);
    assert_int_equal(a->letters.wanted, b->letters.wanted);
    assert_same_string(a->reason, b->reason);
    assert_same_location(&a->location, &b->location);
    assert_int_equal(a->position.offset, b->position.offset);
    assert_int_equal(a->position.set, b->position.set);
    assert_int_equal(a->position.base, b->position.base);
    assert_int_equal(a->position.detached, b->position.detached);
    assert_int_equal(a->pending_count, b->pending_count);
    for (size_t i = 0; i < a->pending_count; i++)
        assert_same_request(&a->pending[i], &b->pending[i]);
}

/* --- encoding and decoding --- */

static char *encode(const struct subscription_state *s)
{
    size_t length;
    char *text = state_encode_subscription(s, &length);
    assert_int_equal(length, strlen(text));
    return text;
}

static char *encode_topic(const struct topic_state *topic)
{
    size_t length;
    char *text = state_encode_topic(topic, &length);
    assert_int_equal(length, strlen(text));
    return text;
}

static char *sample_key(void)
{
    char id[ID_HEX_SIZE];
    id_subscription(TOPIC, CALLBACK, id);
    return id_subscription_key(id);
}

static int decode(const char *key, const char *value, struct state_record *record,
                  struct error *error)
{
    return state_decode(key, strlen(key), value, value ? strlen(value) : 0, record, error);
}

static void assert_round_trip(const struct subscription_state *s)
{
    struct error error;
    struct state_record record;
    char *text = encode(s), *key = id_subscription_key(s->id);
    if (decode(key, text, &record, &error) != 0)
        fail_msg("%s: %s", error.message, text);
    assert_int_equal(record.kind, STATE_SUBSCRIPTION);
    assert_false(record.tombstone);
    assert_same(s, record.value.subscription);
    state_record_fini(&record);
    free(text);
    free(key);
}

static void assert_refused_bytes(const char *title, const char *key, size_t key_length,
                                 const char *value, size_t length)
{
    struct error error = {0};
    struct state_record record;
    if (state_decode(key, key_length, value, length, &record, &error) == 0)
        fail_msg("accepted (%s): %.*s", title, (int)length, value ? value : "");
    assert_int_equal(error.code, ERROR_INVALID);
    assert_false(error.retriable);
    assert_true(*error.message);
}

static void assert_refused(const char *title, const char *key, const char *value)
{
    assert_refused_bytes(title, key, strlen(key), value, value ? strlen(value) : 0);
}

static void assert_refused_with(const char *key, const char *record, const char *name,
                                const char *value)
{
    char *text = json_edit(record, name, value);
    assert_refused(name, key, text);
    free(text);
}

/* --- round trips --- */

static void test_subscriptions_of_every_status_come_back_as_they_were(void **state)
{
    (void)state;
    static const char *const names[] = {"requested", "active", "suspended",
                                        "lapsed",    "ending", "paused"};
    for (int status = 0; status < STATUS_COUNT; status++) {
        struct subscription_state s = sample(status);
        assert_string_equal(subscription_status_name(s.status), names[status]);
        assert_round_trip(&s);
        if (status == SUBSCRIPTION_REQUESTED)
            continue;
        s.pending_count = 0;
        s.reason = NULL;
        s.secret = (struct stored_secret){0};
        s.method = -1;
        assert_round_trip(&s);
    }
}

static void test_extreme_values_come_back_as_they_were(void **state)
{
    (void)state;
    char topic[TOPIC_MAX_LENGTH + 1], callback[URL_MAX_LENGTH + 1];
    memset(topic, 't', sizeof(topic) - 1);
    topic[sizeof(topic) - 1] = '\0';
    memset(callback, '\x01', sizeof(callback) - 1);
    callback[sizeof(callback) - 1] = '\0';
    struct subscription_state s = sample(SUBSCRIPTION_ACTIVE);
    struct pending_request requests[STATE_MAX_PENDING];
    for (int i = 0; i < STATE_MAX_PENDING; i++)
        requests[i] = sample_requests[0];
    s.topic = topic;
    s.callback = callback;
    id_subscription(topic, callback, s.id);
    s.position = (struct position){INT64_MAX, INT64_MAX, INT64_MAX, true};
    s.location.partition = INT32_MAX;
    s.pending = requests;
    s.pending_count = STATE_MAX_PENDING;
    assert_round_trip(&s);
    s.position = (struct position){0, 0, 0, false};
    s.created_at_ms = s.verified_at_ms = s.lease_end_ms = 0;
    assert_round_trip(&s);
}

static void assert_same_pings(const struct topic_pings *a, const struct topic_pings *b)
{
    assert_int_equal(a->oldest, b->oldest);
    assert_int_equal(a->oldest_at_ms, b->oldest_at_ms);
    assert_string_equal(a->trace.parent, b->trace.parent);
    assert_string_equal(a->trace.state, b->trace.state);
    assert_int_equal(a->fetching, b->fetching);
    assert_int_equal(a->again, b->again);
    assert_int_equal(a->again_at_ms, b->again_at_ms);
    assert_string_equal(a->again_trace.parent, b->again_trace.parent);
    assert_null(a->again_trace.state);
    assert_int_equal(a->disturbed, b->disturbed);
}

/* So that versions that do not know pauses read the record, and know where it stands. */
static void test_a_paused_one_is_written_as_a_suspended_one(void **state)
{
    (void)state;
    struct subscription_state s = sample(SUBSCRIPTION_PAUSED);
    char *text = encode(&s);
    assert_non_null(strstr(text, "\"status\":\"suspended\""));
    free(text);
    s = sample(SUBSCRIPTION_LAPSED);
    text = encode(&s);
    assert_non_null(strstr(text, "\"status\":\"lapsed\""));
    free(text);
}

static void test_topics_come_back_as_they_were(void **state)
{
    (void)state;
    char longest[TOPIC_MAX_LENGTH + 1];
    for (size_t i = 0; i + 1 < sizeof(longest); i += 4)
        memcpy(longest + i, "\xf0\x9f\x93\xac", 5);
    char *const names[] = {TEXT(TOPIC), TEXT("partner/CREDENTIAL_ISSUED"), TEXT(" "),
                           TEXT("\x01\n\"\\\x7f"), longest};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct topic_state topic = sample_topic;
        topic.topic = names[i];
        topic.location.partition = i == 0 ? INT32_MAX : 0;
        struct error error;
        struct state_record record;
        char *text = encode_topic(&topic), *key = id_topic_key(topic.topic);
        assert_int_equal(decode(key, text, &record, &error), 0);
        assert_int_equal(record.kind, STATE_TOPIC);
        assert_false(record.tombstone);
        assert_string_equal(record.value.topic->topic, topic.topic);
        assert_int_equal(record.value.topic->registered_at_ms, topic.registered_at_ms);
        assert_same_location(&record.value.topic->location, &topic.location);
        assert_same_pings(&record.value.topic->pings, &topic.pings);
        state_record_fini(&record);
        free(text);
        free(key);
    }
}

static void test_progress_comes_back_as_it_was(void **state)
{
    (void)state;
    static const int64_t offsets[] = {0, 1, 123456789012, INT64_MAX};
    for (size_t i = 0; i < ARRAY_COUNT(offsets); i++) {
        struct error error;
        struct state_record record;
        size_t length;
        char *text = state_encode_progress(offsets[i], (int32_t)i, &length);
        assert_int_equal(length, strlen(text));
        assert_int_equal(decode(STATE_PROGRESS_KEY, text, &record, &error), 0);
        assert_int_equal(record.kind, STATE_PROGRESS);
        assert_int_equal(record.value.progress.events, offsets[i]);
        assert_int_equal(record.value.progress.level, EVENT_LEVEL);
        assert_int_equal(record.value.progress.shards, i);
        state_record_fini(&record);
        free(text);
    }
}

static void test_progress_without_a_level_is_of_the_first(void **state)
{
    (void)state;
    struct error error;
    struct state_record record;
    assert_int_equal(decode(STATE_PROGRESS_KEY, "{\"v\":1,\"events\":5}", &record, &error), 0);
    assert_int_equal(record.value.progress.level, 1);
    assert_refused("level 0", STATE_PROGRESS_KEY, "{\"v\":1,\"events\":5,\"level\":0}");
    assert_refused("level", STATE_PROGRESS_KEY, "{\"v\":1,\"events\":5,\"level\":\"2\"}");
}

static void test_what_a_record_owned_can_be_kept(void **state)
{
    (void)state;
    struct subscription_state s = sample(SUBSCRIPTION_ACTIVE);
    struct error error;
    struct state_record record;
    char *text = encode(&s), *key = sample_key();
    assert_int_equal(decode(key, text, &record, &error), 0);
    struct subscription_state *kept = record.value.subscription;
    record.value.subscription = NULL;
    state_record_fini(&record);
    assert_same(&s, kept);
    subscription_state_free(kept);
    subscription_state_free(NULL);
    topic_state_free(NULL);
    free(text);
    free(key);
}

static void test_unknown_members_are_ignored(void **state)
{
    (void)state;
    struct subscription_state s = sample(SUBSCRIPTION_SUSPENDED);
    struct error error;
    struct state_record record;
    char *text = encode(&s), *key = sample_key();
    char *newer = json_edit(text, "added later", "{\"v\":2}");
    assert_int_equal(decode(key, newer, &record, &error), 0);
    assert_same(&s, record.value.subscription);
    state_record_fini(&record);
    free(newer);
    free(text);
    free(key);
}

/* --- keys --- */

static void test_tombstones_tell_by_their_key_what_is_gone(void **state)
{
    (void)state;
    char *subscription = sample_key();
    const struct {
        const char *key;
        enum state_kind kind;
    } cases[] = {
        {"topic:" TOPIC, STATE_TOPIC},
        {"topic:x", STATE_TOPIC},
        {subscription, STATE_SUBSCRIPTION},
        {STATE_PROGRESS_KEY, STATE_PROGRESS},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct error error;
        struct state_record record;
        assert_int_equal(decode(cases[i].key, NULL, &record, &error), 0);
        assert_true(record.tombstone);
        assert_int_equal(record.kind, cases[i].kind);
        state_record_fini(&record);
    }
    free(subscription);
}

static void test_unknown_keys_are_refused(void **state)
{
    (void)state;
    static const char *const keys[] = {"",
                                       "topic",
                                       "topic:",
                                       "Topic:x",
                                       "topic_x",
                                       "subscription",
                                       "subscription:",
                                       "progress:",
                                       "progres",
                                       "progress ",
                                       " topic:x",
                                       "lease:1",
                                       "\xff\xfe",
                                       "subscription;0123456789abcdef0123456789abcdef"};
    char *topic = encode_topic(&sample_topic);
    for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
        assert_refused(keys[i], keys[i], topic);
        assert_refused(keys[i], keys[i], NULL);
    }
    assert_refused_bytes("no key", NULL, 0, topic, strlen(topic));
    assert_refused_bytes("no key", NULL, 0, NULL, 0);
    free(topic);
}

static void test_a_subscription_key_whose_id_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const ids[] = {"0", "0123456789abcdef0123456789abcde",
                                      "0123456789abcdef0123456789abcdef0"};
    for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
        char *key = id_subscription_key(ids[i]);
        assert_refused("tombstone", key, NULL);
        free(key);
    }
}

static void test_a_key_that_names_another_entity_is_refused(void **state)
{
    (void)state;
    struct subscription_state s = sample(SUBSCRIPTION_ACTIVE);
    char *topic = encode_topic(&sample_topic), *subscription = encode(&s), *key = sample_key();
    assert_refused("other topic", "topic:" TOPIC "/", topic);
    assert_refused("other topic", "topic:https://registry.example/birth", topic);
    assert_refused("kind", key, topic);
    assert_refused("kind", STATE_PROGRESS_KEY, topic);
    key[strlen(key) - 1] ^= 1;
    assert_refused("other subscription", key, subscription);
    key[strlen(key) - 1] ^= 1;
    assert_refused_bytes("longer", key, strlen(key) + 1, subscription, strlen(subscription));
    assert_refused_bytes("shorter", key, strlen(key) - 1, subscription, strlen(subscription));
    assert_refused_with(key, subscription, "callback", "\"https://bank.example/hooks/2\"");
    assert_refused_with(key, subscription, "topic", "\"https://registry.example/deaths\"");
    free(key);
    free(subscription);
    free(topic);
}

/* --- what is refused --- */

static void test_what_a_record_must_carry_may_not_be_missing(void **state)
{
    (void)state;
    struct subscription_state s = sample(SUBSCRIPTION_ACTIVE);
    char *topic = encode_topic(&sample_topic), *subscription = encode(&s), *key = sample_key();
    static const char *const of_topic[] = {"v", "topic", "kafka_topic"};
    static const char *const of_subscription[] = {"v", "topic", "callback", "status",
                                                  "kafka_topic"};
    for (size_t i = 0; i < ARRAY_COUNT(of_topic); i++)
        assert_refused_with("topic:" TOPIC, topic, of_topic[i], NULL);
    for (size_t i = 0; i < ARRAY_COUNT(of_subscription); i++)
        assert_refused_with(key, subscription, of_subscription[i], NULL);
    assert_refused_with(STATE_PROGRESS_KEY, "{\"v\":1,\"events\":5}", "events", NULL);
    assert_refused_with(STATE_PROGRESS_KEY, "{\"v\":1,\"events\":5}", "v", NULL);
    free(key);
    free(subscription);
    free(topic);
}

static void test_badly_typed_members_are_refused(void **state)
{
    (void)state;
    static const char *const strings[] = {"topic",   "callback",     "status",      "secret",
                                          "method",  "reason",       "kafka_topic", "secret_key",
                                          "command", "commanded_by", "paused_by"};
    static const char *const integers[] = {
        "v",      "created_at", "verified_at", "lease_seconds", "lease_end",
        "offset", "set",        "base",        "partition",     "paused_at"};
    char *key = sample_key();
    for (int status = 0; status < STATUS_COUNT; status++) {
        struct subscription_state s = sample(status);
        char *text = encode(&s);
        for (size_t i = 0; i < ARRAY_COUNT(strings); i++)
            for (const char *const *bad = json_not_a_string(); *bad; bad++)
                assert_refused_with(key, text, strings[i], *bad);
        for (size_t i = 0; i < ARRAY_COUNT(integers); i++)
            for (const char *const *bad = json_not_an_integer(); *bad; bad++)
                assert_refused_with(key, text, integers[i], *bad);
        for (const char *const *bad = json_not_a_boolean(); *bad; bad++)
            assert_refused_with(key, text, "detached", *bad);
        free(text);
    }
    char *topic = encode_topic(&sample_topic);
    for (const char *const *bad = json_not_an_integer(); *bad; bad++) {
        assert_refused_with("topic:" TOPIC, topic, "registered_at", *bad);
        assert_refused_with("topic:" TOPIC, topic, "partition", *bad);
        assert_refused_with(STATE_PROGRESS_KEY, "{\"v\":1,\"events\":5}", "events", *bad);
    }
    free(topic);
    free(key);
}

static void test_values_out_of_range_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *value;
    } cases[] = {
        {"v", "0"},
        {"v", "2"},
        {"status", "\"\""},
        {"status", "\"Active\""},
        {"status", "\"gone\""},
        {"method", "\"md5\""},
        {"partition", "-1"},
        {"partition", "2147483648"},
        {"partition", "-4294967296"},
        {"pending", "null"},
        {"pending", "{}"},
        {"pending", "\"x\""},
        {"command", "\"\""},
        {"command", "\"01890a5d-ac96-774b-bcce-b302099a805\""},
        {"paused_at", "-1"},
        {"letters_settled", "-1"},
        {"letters_marked", "\"1\""},
        {"letters_wanted", "1.5"},
        {"redeliver", "null"},
        {"redeliver", "{}"},
        {"redeliver", "[]"},
        {"redeliver", "[1]"},
        {"redeliver", "[[1]]"},
        {"redeliver", "[[1,2,3]]"},
        {"redeliver", "[[1,\"2\"]]"},
        {"redeliver", "[[-1,2]]"},
        {"redeliver", "[[1,-2]]"},
        {"redeliver", "[[1,2],[1,3]]"},
        {"redeliver", "[[2,2],[1,3]]"},
    };
    char *key = sample_key();
    struct subscription_state s = sample(SUBSCRIPTION_ACTIVE);
    char *text = encode(&s);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_refused_with(key, text, cases[i].name, cases[i].value);
    assert_refused(STATE_PROGRESS_KEY, STATE_PROGRESS_KEY, "{\"v\":1,\"events\":-1}");
    assert_refused("shards", STATE_PROGRESS_KEY, "{\"v\":1,\"events\":1,\"shards\":-1}");
    assert_refused("shards", STATE_PROGRESS_KEY, "{\"v\":1,\"events\":1,\"shards\":4294967296}");
    free(text);
    free(key);
}

/* What is computed from them has to fit into 64 bits. */
static void test_times_without_end_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"lease_end", "lease_seconds"};
    char *key = sample_key();
    struct subscription_state s = sample(SUBSCRIPTION_ACTIVE);
    char *text = encode(&s);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        assert_refused_with(key, text, names[i], "9223372036854775807");
    free(text);
    free(key);
}

/** Refused with the first pending request changed. */
static void assert_refused_request(const char *name, const char *value)
{
    struct subscription_state s = sample(SUBSCRIPTION_ACTIVE);
    char *key = sample_key(), *text = encode(&s);
    json_t *object = json_loads(text, 0, NULL);
    char *request = json_dumps(json_array_get(json_object_get(object, "pending"), 0), 0);
    char *changed = json_edit(request, name, value);
    char *list = malloc(strlen(changed) + 3);
    sprintf(list, "[%s]", changed);
    assert_refused_with(key, text, "pending", list);
    json_decref(object);
    free(list);
    free(changed);
    free(request);
    free(text);
    free(key);
}

static void test_malformed_pending_requests_are_refused(void **state)
{
    (void)state;
    static const char *const strings[] = {"request", "mode",        "secret",
                                          "method",  "kafka_topic", "secret_key"};
    static const char *const integers[] = {"lease_seconds", "requested_at", "partition"};
    for (size_t i = 0; i < ARRAY_COUNT(strings); i++)
        for (const char *const *bad = json_not_a_string(); *bad; bad++)
            assert_refused_request(strings[i], *bad);
    for (size_t i = 0; i < ARRAY_COUNT(integers); i++)
        for (const char *const *bad = json_not_an_integer(); *bad; bad++)
            assert_refused_request(integers[i], *bad);
    assert_refused_request("request", NULL);
    assert_refused_request("request", "\"short\"");
    assert_refused_request("mode", NULL);
    assert_refused_request("mode", "\"publish\"");
    assert_refused_request("partition", "-1");
    /* One that is verified needs to know where the messages lie. */
    assert_refused_request("kafka_topic", NULL);
    /* at + lease in milliseconds has to fit into 64 bits. */
    assert_refused_request("lease_seconds", "9223372036854775807");
}

static void test_lists_of_pending_requests_that_are_none_are_refused(void **state)
{
    (void)state;
    struct subscription_state s = sample(SUBSCRIPTION_ACTIVE);
    char *key = sample_key(), *text = encode(&s);
    assert_refused_with(key, text, "pending", "[null]");
    assert_refused_with(key, text, "pending", "[1]");
    assert_refused_with(key, text, "pending", "[[]]");
    assert_refused_with(key, text, "pending", "[{}]");
    json_t *object = json_loads(text, 0, NULL);
    json_t *list = json_object_get(object, "pending");
    while (json_array_size(list) <= STATE_MAX_PENDING)
        json_array_append(list, json_array_get(list, 0));
    char *many = json_dumps(list, 0);
    assert_refused_with(key, text, "pending", many);
    free(many);
    json_decref(object);
    free(text);
    free(key);
}

/* --- operators' commands --- */

static void test_a_paused_one_without_a_pause_is_refused(void **state)
{
    (void)state;
    struct subscription_state s = sample(SUBSCRIPTION_PAUSED);
    struct error error;
    struct state_record record;
    char *text = encode(&s), *key = sample_key();
    char *named = json_edit(text, "status", "\"paused\"");
    assert_int_equal(decode(key, named, &record, &error), 0);
    assert_same(&s, record.value.subscription);
    state_record_fini(&record);
    assert_refused_with(key, named, "paused_at", NULL);
    free(named);
    free(text);
    free(key);
}

static void test_more_redeliveries_than_can_wait_are_refused(void **state)
{
    (void)state;
    static struct redelivery_request many[STATE_MAX_REDELIVERIES + 1];
    struct subscription_state s = sample(SUBSCRIPTION_ACTIVE);
    for (int i = 0; i <= STATE_MAX_REDELIVERIES; i++)
        many[i] = (struct redelivery_request){INT64_MAX - STATE_MAX_REDELIVERIES + i, INT64_MAX};
    s.redeliver = many;
    s.redeliver_count = STATE_MAX_REDELIVERIES;
    assert_round_trip(&s);
    s.redeliver_count++;
    char *text = encode(&s), *key = sample_key();
    assert_refused("too many", key, text);
    free(text);
    free(key);
}

/* --- damage --- */

static void test_truncated_records_are_refused(void **state)
{
    (void)state;
    char *key = sample_key();
    for (int status = 0; status < STATUS_COUNT; status++) {
        struct subscription_state s = sample(status);
        char *text = encode(&s);
        size_t length = strlen(text);
        for (size_t cut = 0; cut < length; cut++) {
            char *prefix = malloc(cut > 0 ? cut : 1);
            memcpy(prefix, text, cut);
            assert_refused_bytes("truncated", key, strlen(key), prefix, cut);
            free(prefix);
        }
        free(text);
    }
    free(key);
}

static void test_damaged_records_are_refused_or_still_make_sense(void **state)
{
    (void)state;
    enum { ROUNDS = 12000 };
    struct random random = {0xC0FFEE};
    unsigned accepted = 0;
    char *key = sample_key(), *texts[STATUS_COUNT];
    for (int status = 0; status < STATUS_COUNT; status++) {
        struct subscription_state s = sample(status);
        texts[status] = encode(&s);
    }
    for (int round = 0; round < ROUNDS; round++) {
        const char *text = texts[random_below(&random, STATUS_COUNT)];
        size_t length = strlen(text);
        char *damaged = malloc(length + 4 * MUTATE_GROWTH);
        memcpy(damaged, text, length);
        length = mutate(&random, damaged, length);
        struct error error;
        struct state_record record;
        if (state_decode(key, strlen(key), damaged, length, &record, &error) == 0) {
            struct subscription_state *s = record.value.subscription;
            assert_string_equal(s->topic, TOPIC);
            /* What is written of it is read as the same again. */
            char *once = encode(s);
            state_record_fini(&record);
            assert_int_equal(decode(key, once, &record, &error), 0);
            char *twice = encode(record.value.subscription);
            assert_string_equal(once, twice);
            free(once);
            free(twice);
            state_record_fini(&record);
            accepted++;
        } else {
            assert_int_equal(error.code, ERROR_INVALID);
        }
        free(damaged);
    }
    for (int status = 0; status < STATUS_COUNT; status++)
        free(texts[status]);
    free(key);
    assert_in_range(accepted, ROUNDS / 100, ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_subscriptions_of_every_status_come_back_as_they_were),
        cmocka_unit_test(test_extreme_values_come_back_as_they_were),
        cmocka_unit_test(test_a_paused_one_is_written_as_a_suspended_one),
        cmocka_unit_test(test_topics_come_back_as_they_were),
        cmocka_unit_test(test_progress_comes_back_as_it_was),
        cmocka_unit_test(test_progress_without_a_level_is_of_the_first),
        cmocka_unit_test(test_what_a_record_owned_can_be_kept),
        cmocka_unit_test(test_unknown_members_are_ignored),
        cmocka_unit_test(test_tombstones_tell_by_their_key_what_is_gone),
        cmocka_unit_test(test_unknown_keys_are_refused),
        cmocka_unit_test(test_a_subscription_key_whose_id_is_none_is_refused),
        cmocka_unit_test(test_a_key_that_names_another_entity_is_refused),
        cmocka_unit_test(test_what_a_record_must_carry_may_not_be_missing),
        cmocka_unit_test(test_badly_typed_members_are_refused),
        cmocka_unit_test(test_values_out_of_range_are_refused),
        cmocka_unit_test(test_times_without_end_are_refused),
        cmocka_unit_test(test_malformed_pending_requests_are_refused),
        cmocka_unit_test(test_lists_of_pending_requests_that_are_none_are_refused),
        cmocka_unit_test(test_a_paused_one_without_a_pause_is_refused),
        cmocka_unit_test(test_more_redeliveries_than_can_wait_are_refused),
        cmocka_unit_test(test_truncated_records_are_refused),
        cmocka_unit_test(test_damaged_records_are_refused_or_still_make_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
