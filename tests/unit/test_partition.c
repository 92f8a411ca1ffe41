/* One partition of the consolidator: what it tells of changes, what is due, and that loading gives
 * it back. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/id.h"
#include "consolidator/partition.h"
#include "tests/unit/folding.h"
#include "tests/unit/random.h"

enum { RESUME_WINDOW_MS = 1000 * 1000 };

static struct fold_times times;

/* --- the state topic, as its compaction leaves it --- */

struct record {
    char *value;
    UT_hash_handle hh;
    char key[];
};

struct store {
    struct record *records;
    unsigned changes;    /**< since cleared */
    unsigned tombstones; /**< among them */
    bool refuses;
};

static struct partition *partition;
static struct store store;
static int64_t sequence;

static void store_put(const char *key, const char *value)
{
    struct record *record;
    HASH_FIND_STR(store.records, key, record);
    if (record) {
        HASH_DEL(store.records, record);
        free(record->value);
        free(record);
    }
    if (!value)
        return;
    record = calloc(1, sizeof(*record) + strlen(key) + 1);
    strcpy(record->key, key);
    record->value = strdup(value);
    HASH_ADD_STR(store.records, key, record);
}

static int on_changed(void *context, const char *key, const char *value, size_t length)
{
    assert_ptr_equal(context, &store);
    assert_int_equal(length, value ? strlen(value) : 0);
    if (store.refuses)
        return -1;
    store.changes++;
    store.tombstones += value == NULL;
    store_put(key, value);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    times = (struct fold_times){.resume_window_ms = RESUME_WINDOW_MS};
    partition = partition_new(3, &times, NULL);
    sequence = 100;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    struct record *record, *next;
    HASH_ITER(hh, store.records, record, next)
    {
        store_put(record->key, NULL);
    }
    memset(&store, 0, sizeof(store));
    partition_free(partition);
    return 0;
}

/* --- short ways --- */

static struct partition_effects effects;

static int fold(const struct event *event)
{
    store.changes = store.tombstones = 0;
    return partition_fold(partition, event, sequence++, on_changed, &store, &effects);
}

static struct event topic_event(enum event_type type, const char *topic)
{
    struct event event = make_event(type);
    event.topic = (char *)(uintptr_t)topic;
    event.callback = NULL;
    return event;
}

/** Requests and verifies; the lease ends `lease_seconds` after 0. */
static void subscribe(const char *topic, const char *callback, int64_t lease_seconds)
{
    struct event event = make_request(EVENT_SUBSCRIPTION_REQUESTED, 'a');
    event.topic = (char *)(uintptr_t)topic;
    event.callback = (char *)(uintptr_t)callback;
    event.lease_seconds = lease_seconds;
    assert_int_equal(fold(&event), 1);
    event.type = EVENT_SUBSCRIPTION_VERIFIED;
    event.at_ms = 0;
    assert_int_equal(fold(&event), 1);
}

static const struct subscription_state *find(const char *topic, const char *callback)
{
    char id[ID_HEX_SIZE];
    id_subscription(topic, callback, id);
    const struct subscription_entity *entity = entities_find_subscription(&partition->entities, id);
    return entity ? entity->state : NULL;
}

static unsigned count_subscriptions(const struct partition *of)
{
    return HASH_CNT(by_id, of->entities.subscriptions);
}

static unsigned count_topics(const struct partition *of)
{
    return HASH_CNT(by_topic, of->entities.topics);
}

/* --- loading --- */

static void load(struct partition *into, const char *key, const char *value)
{
    struct error error;
    struct state_record record;
    if (state_decode(key, strlen(key), value, value ? strlen(value) : 0, &record, &error) != 0)
        fail_msg("%s: %s", error.message, key);
    partition_load(into, key, strlen(key), &record);
    state_record_fini(&record);
}

static struct partition *load_all(void)
{
    struct record *record, *next;
    struct partition *loaded = partition_new(3, &times, NULL);
    HASH_ITER(hh, store.records, record, next)
    {
        load(loaded, record->key, record->value);
    }
    return loaded;
}

static void assert_same_subscriptions(struct partition *a, struct partition *b)
{
    struct subscription_entity *entity, *next;
    assert_int_equal(count_subscriptions(a), count_subscriptions(b));
    HASH_ITER(by_id, a->entities.subscriptions, entity, next)
    {
        const struct subscription_entity *other =
            entities_find_subscription(&b->entities, entity->id);
        assert_non_null(other);
        char *one = picture(entity->state), *two = picture(other->state);
        assert_string_equal(one, two);
        assert_int_equal(entity->due_ms, other->due_ms);
        free(one);
        free(two);
    }
}

static void assert_same_topics(struct partition *a, struct partition *b)
{
    struct topic_entity *entity, *next;
    assert_int_equal(count_topics(a), count_topics(b));
    HASH_ITER(by_topic, a->entities.topics, entity, next)
    {
        const struct topic_entity *other = entities_find_topic(&b->entities, entity->state->topic);
        assert_non_null(other);
        assert_true(location_equal(&entity->state->location, &other->state->location));
        assert_int_equal(entity->state->registered_at_ms, other->state->registered_at_ms);
    }
}

static void assert_loads_as_it_is(void)
{
    struct partition *loaded = load_all();
    assert_same_subscriptions(partition, loaded);
    assert_same_topics(partition, loaded);
    assert_memory_equal(partition->secrets, loaded->secrets,
                        secrets_count_size(NULL) * sizeof(*loaded->secrets));
    assert_int_equal(HASH_COUNT(store.records),
                     count_subscriptions(partition) + count_topics(partition));
    partition_free(loaded);
}

/* --- topics --- */

/* --- where folding begins --- */

static int begin(const char *progress, int64_t committed)
{
    struct error error;
    struct partition *loaded = partition_new(3, &times, NULL);
    if (progress)
        load(loaded, STATE_PROGRESS_KEY, progress);
    int result = partition_begin(loaded, committed, &error);
    if (result == 0)
        result = (int)loaded->folded;
    else
        assert_int_equal(error.code, ERROR_CONFIG);
    partition_free(loaded);
    return result;
}

static void test_folding_begins_where_the_state_says(void **state)
{
    (void)state;
    assert_int_equal(begin(NULL, -1), 0);
    assert_int_equal(begin("{\"v\":1,\"events\":77}", 77), 77);
    /* The group's offset expired, was set back, or the state is of a backup that is older. */
    assert_int_equal(begin("{\"v\":1,\"events\":77}", -1), 77);
    assert_int_equal(begin("{\"v\":1,\"events\":77}", 0), 77);
    assert_int_equal(begin("{\"v\":1,\"events\":77}", 90), 77);
}

static void test_state_that_was_lost_is_not_begun_anew(void **state)
{
    (void)state;
    assert_int_equal(begin(NULL, 90), -1);
    assert_int_equal(begin(NULL, 0), 0); /* to rebuild it from the events */
}

static void test_a_topic_is_told_once_and_its_end_is_to_be_spread(void **state)
{
    (void)state;
    struct event registered = topic_event(EVENT_TOPIC_REGISTERED, TOPIC);
    struct event deregistered = topic_event(EVENT_TOPIC_DEREGISTERED, TOPIC);
    assert_int_equal(fold(&deregistered), 0);
    assert_int_equal(store.changes, 0);
    assert_int_equal(fold(&registered), 1);
    assert_int_equal(store.changes, 1);
    assert_false(effects.topic_ended);
    assert_loads_as_it_is();
    assert_int_equal(fold(&registered), 0);
    assert_int_equal(store.changes, 0);
    assert_int_equal(fold(&deregistered), 1);
    assert_true(effects.topic_ended);
    assert_int_equal(store.tombstones, 1);
    assert_null(store.records);
    assert_int_equal(count_topics(partition), 0);
    assert_int_equal(fold(&deregistered), 0);
    assert_false(effects.topic_ended);
}

static void test_the_end_of_a_topic_reaches_all_its_subscriptions_and_no_others(void **state)
{
    (void)state;
    enum { EACH = 300 };
    char callback[EACH][32];
    for (int i = 0; i < EACH; i++) {
        snprintf(callback[i], sizeof(callback[i]), "https://s%d.example/", i);
        subscribe("a", callback[i], 100);
        subscribe("ab", callback[i], 100);
    }
    /* One has lapsed: no notice is owed, nothing stays. */
    struct event expired = make_event(EVENT_SUBSCRIPTION_EXPIRED);
    expired.topic = (char *)(uintptr_t) "a";
    expired.callback = callback[7];
    expired.deadline = 100 * 1000;
    assert_int_equal(fold(&expired), 1);

    struct event ended = topic_event(EVENT_TOPIC_ENDED, "a");
    assert_int_equal(fold(&ended), 1);
    assert_false(effects.topic_ended);
    assert_int_equal(store.changes, EACH);
    assert_int_equal(store.tombstones, 1);
    assert_int_equal(count_subscriptions(partition), 2 * EACH - 1);
    for (int i = 0; i < EACH; i++) {
        const struct subscription_state *s = find("a", callback[i]);
        assert_int_equal(!s, i == 7);
        if (s)
            assert_int_equal(s->status, SUBSCRIPTION_ENDING);
        assert_int_equal(find("ab", callback[i])->status, SUBSCRIPTION_ACTIVE);
    }
    assert_loads_as_it_is();
    assert_int_equal(fold(&ended), 0);
    assert_int_equal(store.changes, 0);

    struct event denied = make_event(EVENT_SUBSCRIPTION_DENIED);
    denied.topic = (char *)(uintptr_t) "a";
    for (int i = 0; i < EACH; i++) {
        denied.callback = callback[i];
        assert_int_equal(fold(&denied), i == 7 ? 0 : 1);
    }
    assert_int_equal(count_subscriptions(partition), EACH);
    assert_null(entities_of_topic(&partition->entities, "a"));
    ended = topic_event(EVENT_TOPIC_ENDED, "nobody's");
    assert_int_equal(fold(&ended), 0);
}

/* --- subscriptions --- */

static void test_every_change_is_told_and_nothing_else(void **state)
{
    (void)state;
    subscribe(TOPIC, CALLBACK, 100);
    assert_int_equal(store.changes, 1);
    struct event late = make_request(EVENT_SUBSCRIPTION_VERIFIED, 'a');
    assert_int_equal(fold(&late), 0);
    assert_int_equal(store.changes, 0);
    struct event gone = make_delivery(EVENT_DELIVERY_GONE, find(TOPIC, CALLBACK)->position.base, 0);
    assert_int_equal(fold(&gone), 1);
    assert_int_equal(store.tombstones, 1);
    assert_null(store.records);
    assert_int_equal(count_subscriptions(partition), 0);
    assert_int_equal(fold(&gone), 0);
}

static void test_folding_stops_when_it_cannot_be_told(void **state)
{
    (void)state;
    subscribe("a", "https://1.example/", 100);
    subscribe("a", "https://2.example/", 100);
    store.refuses = true;
    struct event ended = topic_event(EVENT_TOPIC_ENDED, "a");
    assert_int_equal(fold(&ended), -1);
    struct event registered = topic_event(EVENT_TOPIC_REGISTERED, "a");
    assert_int_equal(fold(&registered), -1);
    struct event requested = make_request(EVENT_SUBSCRIPTION_REQUESTED, 'a');
    assert_int_equal(fold(&requested), -1);
}

/* --- what is due --- */

static void assert_nothing_due(int64_t now_ms)
{
    struct event event;
    assert_false(partition_take_due(partition, now_ms, &event));
}

static void assert_due(int64_t now_ms, enum event_type type, const char *callback, int64_t deadline,
                       bool and_fold)
{
    struct event event;
    assert_true(partition_take_due(partition, now_ms, &event));
    assert_int_equal(event.type, type);
    assert_int_equal(event.at_ms, now_ms);
    assert_string_equal(event.topic, TOPIC);
    assert_string_equal(event.callback, callback);
    assert_int_equal(event.deadline, deadline);
    if (and_fold)
        assert_int_equal(fold(&event), 1);
    event_fini(&event);
}

static void test_leases_end_in_their_order_and_not_before_their_time(void **state)
{
    (void)state;
    assert_nothing_due(INT64_MAX);
    subscribe(TOPIC, "https://3.example/", 300);
    subscribe(TOPIC, "https://1.example/", 100);
    subscribe(TOPIC, "https://2.example/", 200);
    assert_nothing_due(99999);
    assert_due(100000, EVENT_SUBSCRIPTION_EXPIRED, "https://1.example/", 100000, true);
    assert_nothing_due(100000);
    assert_due(400000, EVENT_SUBSCRIPTION_EXPIRED, "https://2.example/", 200000, true);
    assert_due(400000, EVENT_SUBSCRIPTION_EXPIRED, "https://3.example/", 300000, true);
    assert_nothing_due(400000);
    assert_loads_as_it_is();
    int64_t window = RESUME_WINDOW_MS;
    assert_nothing_due(100000 + window - 1);
    assert_due(100000 + window, EVENT_SUBSCRIPTION_FORGOTTEN, "https://1.example/", 100000, true);
    assert_due(300000 + window, EVENT_SUBSCRIPTION_FORGOTTEN, "https://2.example/", 200000, true);
    assert_due(300000 + window, EVENT_SUBSCRIPTION_FORGOTTEN, "https://3.example/", 300000, true);
    assert_int_equal(count_subscriptions(partition), 0);
    assert_nothing_due(INT64_MAX);
}

static void test_what_is_due_is_not_taken_again_at_once_but_if_it_gets_lost(void **state)
{
    (void)state;
    subscribe(TOPIC, CALLBACK, 100);
    assert_due(100000, EVENT_SUBSCRIPTION_EXPIRED, CALLBACK, 100000, false);
    assert_nothing_due(100000);
    assert_nothing_due(100000 + 5000);
    assert_due(100000 + 60000, EVENT_SUBSCRIPTION_EXPIRED, CALLBACK, 100000, false);
    assert_nothing_due(100000 + 60000);
    assert_int_equal(find(TOPIC, CALLBACK)->status, SUBSCRIPTION_ACTIVE);
}

static void test_many_that_are_due_at_once_are_all_taken_once(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    char callback[32];
    for (int i = 0; i < COUNT; i++) {
        snprintf(callback, sizeof(callback), "https://%d.example/", i);
        subscribe(TOPIC, callback, 100);
    }
    struct event event;
    for (int i = 0; i < COUNT; i++) {
        assert_true(partition_take_due(partition, 100000, &event));
        assert_int_equal(fold(&event), 1);
        event_fini(&event);
    }
    assert_nothing_due(100000);
}

static void test_a_renewal_moves_what_is_due(void **state)
{
    (void)state;
    subscribe(TOPIC, CALLBACK, 100);
    struct event event;
    assert_true(partition_take_due(partition, 100000, &event)); /* on its way ... */
    subscribe(TOPIC, CALLBACK, 500);
    assert_int_equal(fold(&event), 0); /* ... and overtaken */
    event_fini(&event);
    assert_nothing_due(499999);
    assert_due(500000, EVENT_SUBSCRIPTION_EXPIRED, CALLBACK, 500000, true);
    assert_int_equal(find(TOPIC, CALLBACK)->status, SUBSCRIPTION_LAPSED);
}

static void test_what_waits_for_verification_or_for_its_notice_is_never_due(void **state)
{
    (void)state;
    struct event requested = make_request(EVENT_SUBSCRIPTION_REQUESTED, 'a');
    assert_int_equal(fold(&requested), 1);
    assert_nothing_due(INT64_MAX);
    subscribe("other", CALLBACK, 100);
    struct event ended = topic_event(EVENT_TOPIC_ENDED, "other");
    assert_int_equal(fold(&ended), 1);
    assert_nothing_due(INT64_MAX);
}

/* --- loading --- */

static void test_later_records_replace_and_tombstones_remove(void **state)
{
    (void)state;
    struct event registered = topic_event(EVENT_TOPIC_REGISTERED, TOPIC);
    assert_int_equal(fold(&registered), 1);
    struct event requested = make_request(EVENT_SUBSCRIPTION_REQUESTED, 'a');
    assert_int_equal(fold(&requested), 1);
    char *key = id_subscription_key(find(TOPIC, CALLBACK)->id);
    char *older = picture(find(TOPIC, CALLBACK));
    subscribe("other", CALLBACK, 100);
    struct event verified = make_request(EVENT_SUBSCRIPTION_VERIFIED, 'a');
    assert_int_equal(fold(&verified), 1);
    char *newer = picture(find(TOPIC, CALLBACK));
    char *topic_key = id_topic_key(TOPIC);
    size_t length;
    char *topic =
        state_encode_topic(entities_find_topic(&partition->entities, TOPIC)->state, &length);

    struct partition *loaded = partition_new(3, &times, NULL);
    load(loaded, key, NULL);
    load(loaded, topic_key, NULL);
    load(loaded, key, older);
    load(loaded, topic_key, topic);
    load(loaded, key, newer);
    load(loaded, topic_key, topic);
    assert_int_equal(loaded->level_known, EVENT_LEVEL);
    assert_int_equal(count_subscriptions(loaded), 1);
    assert_int_equal(count_topics(loaded), 1);
    assert_int_equal(entities_first_due(&loaded->entities)->due_ms, 101000);
    load(loaded, STATE_PROGRESS_KEY, "{\"v\":1,\"events\":77}");
    load(loaded, STATE_PROGRESS_KEY, NULL);
    assert_int_equal(loaded->progress_known, 77);
    assert_int_equal(loaded->level_known, 1);
    load(loaded, key, NULL);
    load(loaded, topic_key, NULL);
    load(loaded, "topic:never there", NULL);
    assert_int_equal(count_subscriptions(loaded), 0);
    assert_int_equal(count_topics(loaded), 0);
    assert_null(entities_first_due(&loaded->entities));
    assert_null(entities_of_topic(&loaded->entities, TOPIC));
    partition_free(loaded);
    free(key);
    free(topic_key);
    free(topic);
    free(older);
    free(newer);
}

/** An event that fits now and then. */
static int fold_random_event(struct random *random)
{
    static const char *const topics[] = {"a", "ab", "b", "https://registry.example/births"};
    static const char *const callbacks[] = {"https://1.example/", "https://2.example/",
                                            "https://3.example/", "https://4.example/"};
    struct event event = make_request((enum event_type)random_below(random, EVENT_TYPE_COUNT), 'a');
    event.topic = (char *)(uintptr_t)topics[random_below(random, ARRAY_COUNT(topics))];
    event.callback = (char *)(uintptr_t)callbacks[random_below(random, ARRAY_COUNT(callbacks))];
    event.at_ms = random_below(random, 1000);
    if (event.type <= EVENT_TOPIC_ENDED) {
        event.callback = NULL;
        if (!random_one_in(random, 4))
            return 0;
    }
    const struct subscription_state *s = event.callback ? find(event.topic, event.callback) : NULL;
    event.request_id = request_id((char)('a' + random_below(random, 26)));
    char request[ID_UUID_SIZE];
    if (s && s->pending_count > 0 && !random_one_in(random, 3) &&
        event.type != EVENT_SUBSCRIPTION_REQUESTED) {
        strcpy(request, s->pending[0].request_id);
        event.request_id = request;
    }
    event.base = s ? s->position.base : 0;
    event.deadline = s ? s->lease_end_ms : 0;
    event.offset = random_below(random, 1000);
    if (event.type == EVENT_SUBSCRIPTION_REQUESTED && random_one_in(random, 2))
        event.secret.text = (char *)(uintptr_t) "secret";
    if (event.secret.text && random_one_in(random, 3))
        event.secret.key_id = (char *)(uintptr_t) "unknown";
    return fold(&event);
}

static void test_what_was_told_loads_as_what_is_in_memory(void **state)
{
    (void)state;
    enum { ROUNDS = 12000 };
    struct random random = {0xABCDEF};
    unsigned changed = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int result = fold_random_event(&random);
        assert_in_range(result, 0, 1);
        changed += (unsigned)result;
        if (round % 50 == 0)
            assert_loads_as_it_is();
    }
    assert_in_range(changed, ROUNDS / 10, ROUNDS);
    assert_loads_as_it_is();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_topic_is_told_once_and_its_end_is_to_be_spread),
        TEST(test_the_end_of_a_topic_reaches_all_its_subscriptions_and_no_others),
        TEST(test_every_change_is_told_and_nothing_else),
        TEST(test_folding_stops_when_it_cannot_be_told),
        TEST(test_leases_end_in_their_order_and_not_before_their_time),
        TEST(test_what_is_due_is_not_taken_again_at_once_but_if_it_gets_lost),
        TEST(test_many_that_are_due_at_once_are_all_taken_once),
        TEST(test_a_renewal_moves_what_is_due),
        TEST(test_what_waits_for_verification_or_for_its_notice_is_never_due),
        TEST(test_later_records_replace_and_tombstones_remove),
        TEST(test_what_was_told_loads_as_what_is_in_memory),
        TEST(test_folding_begins_where_the_state_says),
        TEST(test_state_that_was_lost_is_not_begun_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
