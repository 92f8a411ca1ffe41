/* What a migration is to do: positions, what is to be copied, what is left alone. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "client/migration/plan.h"
#include "client/migration/report.h"

#define TOPIC    "partner-1/EVENT"
#define CALLBACK "http://127.0.0.1:8080/callback"

/** An old hub with one topic of two partitions, [10, 20) and [0, 5), and what is here. */
struct world {
    struct config config;
    struct old_hub old;
    struct old_topic topic;
    struct new_hub here;
    struct ledger ledger;
    struct plan plan;
    struct plan_options options;
    int64_t low[2], end[2];
};

static void add_subscription(struct world *world, const char *callback, int64_t first,
                             int64_t second)
{
    struct mosip_subscriptions *list = &world->old.subscriptions;
    list->items = realloc(list->items, (list->count + 1) * sizeof(*list->items));
    list->items[list->count] = (struct mosip_subscription){
        .topic = strdup(TOPIC), .callback = strdup(callback), .group = strdup("group")};
    world->old.committed =
        realloc(world->old.committed, (list->count + 1) * sizeof(*world->old.committed));
    int64_t *committed = calloc(2, sizeof(*committed));
    committed[0] = first;
    committed[1] = second;
    world->old.committed[list->count++] = committed;
}

static int make_world(void **state)
{
    static char name[] = "partner_1_EVENT";
    struct world *world = calloc(1, sizeof(*world));
    struct error error;
    assert_int_equal(config_load(&world->config, NULL, &error), 0);
    memcpy(world->low, (int64_t[]){10, 0}, sizeof(world->low));
    memcpy(world->end, (int64_t[]){20, 5}, sizeof(world->end));
    world->topic = (struct old_topic){
        .name = name, .partition_count = 2, .low = world->low, .end = world->end};
    HASH_ADD_KEYPTR(hh, world->old.by_name, name, strlen(name), &world->topic);
    world->old.topics.items = calloc(1, sizeof(char *));
    world->old.topics.items[world->old.topics.count++] = strdup(TOPIC);
    *state = world;
    return 0;
}

static int end_world(void **state)
{
    struct world *world = *state;
    plan_fini(&world->plan);
    HASH_CLEAR(hh, world->old.by_name);
    old_hub_fini(&world->old);
    new_hub_fini(&world->here);
    ledger_fini(&world->ledger);
    config_fini(&world->config);
    free(world);
    return 0;
}

static struct plan_topic *make_plan(struct world *world)
{
    struct plan_topic *topic;
    plan_fini(&world->plan);
    plan_make(&world->plan, &world->options, &world->config, NULL, &world->old, &world->here,
              &world->ledger);
    HASH_FIND_STR(world->plan.topics, TOPIC, topic);
    assert_non_null(topic);
    return topic;
}

static void register_here(struct world *world)
{
    struct new_topic *topic = calloc(1, sizeof(*topic));
    topic->topic = strdup(TOPIC);
    topic->location.kafka_topic = strdup("here");
    HASH_ADD_KEYPTR(hh, world->here.topics, topic->topic, strlen(topic->topic), topic);
}

static void subscribe_here(struct world *world, const char *callback)
{
    struct new_subscription *entry = calloc(1, sizeof(*entry));
    id_subscription(TOPIC, callback, entry->id);
    HASH_ADD_STR(world->here.subscriptions, id, entry);
}

/** An earlier run has copied [12, 18) and [1, 5). */
static void begin_ledger(struct world *world)
{
    struct ledger_topic *entry = ledger_get_topic(&world->ledger, TOPIC);
    entry->location.kafka_topic = strdup("here");
    entry->first = 0;
    entry->after = 10;
    entry->range_count = 2;
    entry->ranges = calloc(2, sizeof(*entry->ranges));
    entry->ranges[0] = (struct ledger_range){12, 18};
    entry->ranges[1] = (struct ledger_range){1, 5};
}

static void assert_range(const struct plan_topic *topic, int32_t partition, int64_t from,
                         int64_t next)
{
    assert_int_equal(topic->ranges[partition].from, from);
    assert_int_equal(topic->ranges[partition].next, next);
}

static void test_copies_begin_where_the_first_subscription_needs_them(void **state)
{
    struct world *world = *state;
    add_subscription(world, CALLBACK "/1", 15, 5);
    add_subscription(world, CALLBACK "/2", 18, 2);
    struct plan_topic *topic = make_plan(world);
    assert_int_equal(topic->fate, PLAN_NEW);
    assert_range(topic, 0, 15, 20);
    assert_range(topic, 1, 2, 5);
    assert_int_equal(topic->to_copy, 8);
    assert_int_equal(world->plan.subscriptions[0].waiting, 5);
    assert_int_equal(world->plan.subscriptions[1].waiting, 5);
    assert_false(report_has_problems(&(struct migration){.plan = world->plan}));
}

static void test_positions_outside_of_what_is_there(void **state)
{
    struct world *world = *state;
    add_subscription(world, CALLBACK "/expired", 4, 5);
    add_subscription(world, CALLBACK "/beyond", 99, 99);
    add_subscription(world, CALLBACK "/none", -1, -1);
    make_plan(world);
    const struct plan_subscription *s = world->plan.subscriptions;
    assert_int_equal(s[0].next[0], 10);
    assert_int_equal(s[0].expired, 6);
    assert_int_equal(s[1].next[0], 20);
    assert_int_equal(s[1].waiting, 0);
    assert_false(s[1].without_position);
    assert_true(s[2].without_position);
    assert_int_equal(s[2].next[0], 20);
    world->options.from_start = true;
    make_plan(world);
    assert_int_equal(world->plan.subscriptions[2].next[0], 10);
    assert_int_equal(world->plan.subscriptions[2].next[1], 0);
}

static void test_what_all_have_confirmed_is_not_copied(void **state)
{
    struct world *world = *state;
    add_subscription(world, CALLBACK, 20, 5);
    assert_int_equal(make_plan(world)->to_copy, 0);
}

static void test_what_is_here_is_left_alone(void **state)
{
    struct world *world = *state;
    register_here(world);
    subscribe_here(world, CALLBACK);
    add_subscription(world, CALLBACK, 10, 0);
    struct plan_topic *topic = make_plan(world);
    assert_int_equal(topic->fate, PLAN_HERE);
    assert_int_equal(world->plan.subscriptions[0].fate, PLAN_HERE);
    assert_int_equal(topic->to_copy, 0);
}

static void test_a_run_goes_on_where_the_last_one_ended(void **state)
{
    struct world *world = *state;
    register_here(world);
    begin_ledger(world);
    add_subscription(world, CALLBACK "/1", 14, 5);
    add_subscription(world, CALLBACK "/before", 11, 5);
    struct plan_topic *topic = make_plan(world);
    assert_int_equal(topic->fate, PLAN_MOVED);
    assert_range(topic, 0, 18, 20);
    assert_range(topic, 1, 5, 5);
    assert_int_equal(world->plan.subscriptions[0].fate, PLAN_NEW);
    assert_int_equal(world->plan.subscriptions[1].fate, PLAN_LEFT_OUT);
    assert_true(report_has_problems(&(struct migration){.plan = world->plan}));
}

static void test_after_a_whole_run_there_is_nothing_to_do(void **state)
{
    struct world *world = *state;
    char id[ID_HEX_SIZE];
    register_here(world);
    begin_ledger(world);
    world->end[0] = 18;
    id_subscription(TOPIC, CALLBACK, id);
    ledger_add_subscription(&world->ledger, id);
    add_subscription(world, CALLBACK, 12, 1);
    assert_int_equal(make_plan(world)->to_copy, 0);
    assert_int_equal(world->plan.subscriptions[0].fate, PLAN_MOVED);
    assert_string_equal(world->plan.subscriptions[0].reason, "it was ended here since");
    subscribe_here(world, CALLBACK);
    make_plan(world);
    assert_null(world->plan.subscriptions[0].reason);
    /* What came late is for those who are here, and only for them. */
    world->end[0] = 19;
    assert_int_equal(make_plan(world)->to_copy, 1);
    new_hub_fini(&world->here);
    register_here(world);
    assert_int_equal(make_plan(world)->to_copy, 0);
}

static void test_a_topic_that_was_ended_here_stays_so(void **state)
{
    struct world *world = *state;
    begin_ledger(world);
    add_subscription(world, CALLBACK, 14, 5);
    assert_string_equal(make_plan(world)->reason, "it was ended here since");
    assert_int_equal(world->plan.subscriptions[0].fate, PLAN_MOVED);
    register_here(world);
    world->here.topics->location.partition = 7;
    struct plan_topic *topic = make_plan(world);
    assert_string_equal(topic->reason, "it was ended here since, and registered again");
    assert_int_equal(topic->to_copy, 0);
    assert_int_equal(world->plan.subscriptions[0].fate, PLAN_MOVED);
}

static void assert_left_out(struct world *world, const char *reason)
{
    make_plan(world);
    assert_int_equal(world->plan.subscriptions[0].fate, PLAN_LEFT_OUT);
    assert_string_equal(world->plan.subscriptions[0].reason, reason);
}

static void test_what_cannot_be_taken_over_is_left_out(void **state)
{
    struct world *world = *state;
    add_subscription(world, "http://a.example/a-path-that-is-long-enough#y", 10, 0);
    assert_left_out(world, "its callback: must not have a fragment");
    strcpy(world->old.subscriptions.items[0].callback, CALLBACK);
    world->config.security.require_https_callbacks = true;
    assert_left_out(world, "its callback: this hub calls https URLs only");
    world->config.security.require_https_callbacks = false;
    world->old.subscriptions.items[0].secret = strdup("cipher{AAAA}");
    assert_left_out(world, "its secret is encrypted: give the old hub's key with --old-key-file");
    strcpy(world->old.subscriptions.items[0].secret, "cipher{AA!}");
    assert_left_out(world, "its secret is not of the form that MOSIP's hub encrypts to");
    free(world->old.subscriptions.items[0].secret);
    world->old.subscriptions.items[0].secret = NULL;
    add_subscription(world, CALLBACK, 10, 0);
    make_plan(world);
    assert_int_equal(world->plan.subscriptions[0].fate, PLAN_NEW);
    assert_string_equal(world->plan.subscriptions[1].reason,
                        "another one has the same topic and callback");
    free(world->old.topics.items[0]);
    world->old.topics.items[0] = strdup("another");
    plan_fini(&world->plan);
    plan_make(&world->plan, &world->options, &world->config, NULL, &world->old, &world->here,
              &world->ledger);
    assert_string_equal(world->plan.subscriptions[0].reason, "its topic is not registered there");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_world, end_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_copies_begin_where_the_first_subscription_needs_them),
        TEST(test_positions_outside_of_what_is_there),
        TEST(test_what_all_have_confirmed_is_not_copied),
        TEST(test_what_is_here_is_left_alone),
        TEST(test_a_run_goes_on_where_the_last_one_ended),
        TEST(test_after_a_whole_run_there_is_nothing_to_do),
        TEST(test_a_topic_that_was_ended_here_stays_so),
        TEST(test_what_cannot_be_taken_over_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
