/* Which notice a change is worth: every event in every status, what is in it, and that a repeated
 * event is not told of again. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "consolidator/partition.h"
#include "tests/unit/folding.h"

enum { NONE = -1, STATUS_COUNT = 6, BASE = 40, LEASE_END = 500 * 1000 };

static struct partition *partition;
static struct partition_effects effects;

static int on_changed(void *context, const char *key, const char *value, size_t length)
{
    (void)context, (void)key, (void)value, (void)length;
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    const struct fold_times times = {1000 * 1000, 50 * 1000};
    partition = partition_new(0, &times, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    partition_free(partition);
    return 0;
}

/** A verified subscription of "bank" in `status`, with a subscribe request that waits. */
static struct subscription_state *make_state(int status, bool waits)
{
    struct subscription_state *s = calloc(1, sizeof(*s));
    id_subscription(TOPIC, CALLBACK, s->id);
    s->topic = strdup(TOPIC);
    s->callback = strdup(CALLBACK);
    s->owner = strdup("bank");
    s->status = (enum subscription_status)status;
    s->method = -1;
    s->lease_seconds = 300;
    s->verified_at_ms = LEASE_END - 300 * 1000;
    s->lease_end_ms = LEASE_END;
    s->location.kafka_topic = strdup(KAFKA);
    s->paused = status == SUBSCRIPTION_PAUSED;
    s->position = (struct position){7, BASE, BASE, false};
    if (!waits)
        return s;
    s->pending = calloc(1, sizeof(*s->pending));
    s->pending_count = 1;
    strcpy(s->pending->request_id, request_id('p'));
    s->pending->method = -1;
    s->pending->lease_seconds = 100;
    s->pending->location.kafka_topic = strdup(KAFKA);
    return s;
}

static void put(int status, bool waits)
{
    char id[ID_HEX_SIZE];
    id_subscription(TOPIC, CALLBACK, id);
    entities_put_subscription(&partition->entities, id,
                              status == NONE ? NULL : make_state(status, waits));
}

static int fold(const struct event *event, int64_t sequence)
{
    return partition_fold(partition, event, sequence, on_changed, NULL, &effects);
}

static struct event fitting_event(enum event_type type)
{
    bool new_request =
        type == EVENT_SUBSCRIPTION_REQUESTED || type == EVENT_UNSUBSCRIPTION_REQUESTED;
    struct event event = make_request(type, new_request ? 'n' : 'p');
    event.base = BASE;
    event.offset = 10;
    event.deadline = LEASE_END;
    event.reason = (char *)(uintptr_t) "status_5xx";
    return event;
}

/**
 * For each type of event, of a subscription that is not there, requested, active, suspended,
 * lapsed, ending and paused, while a subscribe request waits:
 *   .  no notice   s suspended  r recovered  w lapsing  l lapsed  g gone
 */
static const char *const expected[EVENT_TYPE_COUNT] = {
    [EVENT_DELIVERY_SUSPENDED] = "..s....",    [EVENT_DELIVERY_RECOVERED] = "...r...",
    [EVENT_SUBSCRIPTION_VERIFIED] = "...r...", [EVENT_SUBSCRIPTION_LAPSING] = "..ww..w",
    [EVENT_SUBSCRIPTION_EXPIRED] = "..ll..l",  [EVENT_DELIVERY_GONE] = "..ggg.g",
};

static char letter_of(const struct notice *notice)
{
    return notice ? "srwlg"[notice->type] : '.';
}

static void test_every_event_in_every_status(void **state)
{
    (void)state;
    int wrong = 0;
    for (int type = EVENT_TOPIC_ENDED; type < EVENT_TYPE_COUNT; type++) {
        struct event event = fitting_event((enum event_type)type);
        for (int status = NONE; status < STATUS_COUNT; status++) {
            put(status, true);
            fold(&event, BASE + 5);
            char wanted = expected[type] ? expected[type][status + 1] : '.';
            char got = letter_of(effects.notice);
            if (got != wanted) {
                print_error(
                    "%s in status %s: expected '%c', got '%c'\n", event_type_name(event.type),
                    status == NONE ? "none" : subscription_status_name(status), wanted, got);
                wrong++;
            }
            fold(&event, BASE + 6);
            if (effects.notice) {
                print_error("%s is told of twice\n", event_type_name(event.type));
                wrong++;
            }
        }
    }
    assert_int_equal(wrong, 0);
}

static void test_what_belongs_to_an_earlier_life_is_not_told_of(void **state)
{
    (void)state;
    for (int type = EVENT_TOPIC_ENDED; type < EVENT_TYPE_COUNT; type++) {
        struct event event = fitting_event((enum event_type)type);
        event.request_id = request_id('x');
        event.base = BASE - 1;
        event.deadline = LEASE_END - 1;
        for (int status = NONE; status < STATUS_COUNT; status++) {
            put(status, false);
            fold(&event, BASE + 5);
            assert_null(effects.notice);
        }
    }
}

static void check_contents(enum event_type type, int status, enum notice_type notice,
                           const char *reason, int64_t lease_end)
{
    struct event event = fitting_event(type);
    event.at_ms = 123000;
    put(status, true);
    assert_int_equal(fold(&event, BASE + 5), 1);
    const struct notice *told = effects.notice;
    assert_non_null(told);
    assert_int_equal(told->type, notice);
    assert_int_equal(told->at_ms, 123000);
    assert_string_equal(told->topic, TOPIC);
    assert_string_equal(told->callback, CALLBACK);
    assert_string_equal(told->owner, "bank");
    assert_int_equal(told->lease_end_ms, lease_end);
    assert_int_equal(!told->reason, !reason);
    if (reason)
        assert_string_equal(told->reason, reason);
    assert_null(told->message);
    char id[ID_HEX_SIZE];
    id_subscription(TOPIC, CALLBACK, id);
    assert_string_equal(told->subscription, id);
}

static void test_what_is_in_them(void **state)
{
    (void)state;
    check_contents(EVENT_DELIVERY_SUSPENDED, SUBSCRIPTION_ACTIVE, NOTICE_SUSPENDED, "status_5xx",
                   LEASE_END);
    check_contents(EVENT_DELIVERY_RECOVERED, SUBSCRIPTION_SUSPENDED, NOTICE_RECOVERED, "delivered",
                   LEASE_END);
    check_contents(EVENT_SUBSCRIPTION_VERIFIED, SUBSCRIPTION_SUSPENDED, NOTICE_RECOVERED, "renewed",
                   223000);
    check_contents(EVENT_SUBSCRIPTION_LAPSING, SUBSCRIPTION_PAUSED, NOTICE_LAPSING, NULL,
                   LEASE_END);
    check_contents(EVENT_SUBSCRIPTION_EXPIRED, SUBSCRIPTION_SUSPENDED, NOTICE_LAPSED, NULL,
                   LEASE_END);
    check_contents(EVENT_DELIVERY_GONE, SUBSCRIPTION_LAPSED, NOTICE_GONE, "status_410", LEASE_END);
}

/** An aborted transaction is done again: who reads it too, as some do, must see that. */
static void test_folding_again_gives_the_same_id_and_another_event_another_one(void **state)
{
    (void)state;
    char first[ID_UUID_SIZE];
    struct event event = fitting_event(EVENT_DELIVERY_SUSPENDED);
    put(SUBSCRIPTION_ACTIVE, false);
    fold(&event, BASE + 5);
    memcpy(first, effects.notice->id, sizeof(first));
    put(SUBSCRIPTION_ACTIVE, false);
    fold(&event, BASE + 5);
    assert_string_equal(effects.notice->id, first);
    put(SUBSCRIPTION_ACTIVE, false);
    fold(&event, BASE + 6);
    assert_string_not_equal(effects.notice->id, first);
    event.at_ms++;
    put(SUBSCRIPTION_ACTIVE, false);
    fold(&event, BASE + 5);
    assert_string_not_equal(effects.notice->id, first);
    event.at_ms--;
    event.callback = (char *)(uintptr_t) "https://bank.example/hooks/2";
    struct event requested = make_request(EVENT_SUBSCRIPTION_REQUESTED, 'a');
    struct event verified = make_request(EVENT_SUBSCRIPTION_VERIFIED, 'a');
    requested.callback = verified.callback = event.callback;
    assert_int_equal(fold(&requested, BASE + 3), 1);
    assert_int_equal(fold(&verified, BASE + 4), 1);
    event.base = BASE + 4;
    fold(&event, BASE + 5);
    assert_string_not_equal(effects.notice->id, first);
}

/* --- about to lapse --- */

static void subscribe(int64_t at_ms, int64_t lease_seconds, int64_t sequence)
{
    struct event event = make_request(EVENT_SUBSCRIPTION_REQUESTED, 'a');
    event.at_ms = at_ms;
    event.lease_seconds = lease_seconds;
    assert_int_equal(fold(&event, sequence), 1);
    event.type = EVENT_SUBSCRIPTION_VERIFIED;
    assert_int_equal(fold(&event, sequence + 1), 1);
}

/** Folds what is due, if it is of `type`; '.' or the letter of its notice. */
static char take(int64_t now_ms, enum event_type type, int64_t sequence)
{
    struct event event;
    assert_true(partition_take_due(partition, now_ms, &event));
    assert_int_equal(event.type, type);
    assert_int_equal(fold(&event, sequence), 1);
    event_fini(&event);
    return letter_of(effects.notice);
}

static void assert_nothing_due(int64_t now_ms)
{
    struct event event;
    assert_false(partition_take_due(partition, now_ms, &event));
}

/** As after a crash: from what was written. */
static void reload(void)
{
    char id[ID_HEX_SIZE];
    struct error error;
    struct state_record record;
    id_subscription(TOPIC, CALLBACK, id);
    char *key = id_subscription_key(id);
    char *value = picture(entities_find_subscription(&partition->entities, id)->state);
    assert_int_equal(state_decode(key, strlen(key), value, strlen(value), &record, &error), 0);
    const struct fold_times times = partition->times;
    partition_free(partition);
    partition = partition_new(0, &times, NULL);
    partition_load(partition, key, strlen(key), &record);
    state_record_fini(&record);
    free(key);
    free(value);
}

static void test_each_lease_is_warned_of_once_and_a_renewal_arms_it_again(void **state)
{
    (void)state;
    subscribe(0, 200, 1);
    assert_nothing_due(149999);
    assert_int_equal(take(150000, EVENT_SUBSCRIPTION_LAPSING, 3), 'w');
    assert_nothing_due(199999);
    reload();
    assert_nothing_due(199999);
    subscribe(180000, 200, 4);
    assert_nothing_due(329999);
    reload();
    assert_int_equal(take(330000, EVENT_SUBSCRIPTION_LAPSING, 6), 'w');
    assert_int_equal(take(380000, EVENT_SUBSCRIPTION_EXPIRED, 7), 'l');
    subscribe(400000, 200, 8); /* within the resume window */
    assert_int_equal(take(550000, EVENT_SUBSCRIPTION_LAPSING, 10), 'w');
}

static void test_a_warning_that_a_renewal_overtook_is_none(void **state)
{
    (void)state;
    struct event event;
    subscribe(0, 200, 1);
    assert_true(partition_take_due(partition, 150000, &event));
    subscribe(150000, 200, 3);
    assert_int_equal(fold(&event, 5), 0);
    assert_null(effects.notice);
    event_fini(&event);
    assert_int_equal(take(300000, EVENT_SUBSCRIPTION_LAPSING, 6), 'w');
}

/** Nobody consolidated for a while. */
static void test_it_is_too_late_to_warn_of_a_lease_that_has_ended(void **state)
{
    (void)state;
    subscribe(0, 200, 1);
    assert_int_equal(take(200000, EVENT_SUBSCRIPTION_EXPIRED, 3), 'l');
}

static void test_a_warning_that_gets_lost_does_not_hold_up_the_end(void **state)
{
    (void)state;
    struct event event;
    subscribe(0, 40, 1);
    assert_true(partition_take_due(partition, 39000, &event));
    assert_int_equal(event.type, EVENT_SUBSCRIPTION_LAPSING);
    event_fini(&event);
    assert_nothing_due(39999);
    assert_int_equal(take(40000, EVENT_SUBSCRIPTION_EXPIRED, 3), 'l');
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_event_in_every_status),
        TEST(test_what_belongs_to_an_earlier_life_is_not_told_of),
        TEST(test_what_is_in_them),
        TEST(test_folding_again_gives_the_same_id_and_another_event_another_one),
        TEST(test_each_lease_is_warned_of_once_and_a_renewal_arms_it_again),
        TEST(test_a_warning_that_a_renewal_overtook_is_none),
        TEST(test_it_is_too_late_to_warn_of_a_lease_that_has_ended),
        TEST(test_a_warning_that_gets_lost_does_not_hold_up_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
