/*
 * The fold under random events: some fit, some are late, some come twice. After each, the
 * invariants of fold.h are checked, and that a state that was written and read again behaves as the
 * one in memory.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/folding.h"
#include "tests/unit/random.h"

enum { ENTITIES = 3, EVENTS = 40000 };

/** A subscription, the same in memory and as it went through its codec after each event. */
struct entity {
    char callback[64];
    struct subscription_state *state;
    struct subscription_state *reread;
    int64_t old_base; /**< some base that it had */
};

/* --- random events --- */

static struct random source;

static char *random_request(const struct subscription_state *s)
{
    if (s && s->pending_count > 0 && !random_one_in(&source, 4)) {
        uint32_t last = (uint32_t)s->pending_count - 1;
        return (char *)(uintptr_t)s->pending[random_below(&source, last + 1)].request_id;
    }
    return request_id((char)('a' + random_below(&source, 20)));
}

static enum event_type random_type(const struct subscription_state *s)
{
    if (!s || random_one_in(&source, 4))
        return random_one_in(&source, 4) ? EVENT_UNSUBSCRIPTION_REQUESTED
                                         : EVENT_SUBSCRIPTION_REQUESTED;
    /* Ends would leave little else to see. */
    enum event_type type = (enum event_type)random_below(&source, EVENT_TYPE_COUNT);
    bool ends = type == EVENT_TOPIC_ENDED || type == EVENT_DELIVERY_GONE ||
                type == EVENT_UNSUBSCRIPTION_VERIFIED || type == EVENT_SUBSCRIPTION_FORGOTTEN;
    return ends && !random_one_in(&source, 4) ? EVENT_SUBSCRIPTION_VERIFIED : type;
}

static struct event random_event(const struct entity *entity)
{
    static char *const secrets[] = {NULL, (char *)(uintptr_t) "one", (char *)(uintptr_t) "two"};
    const struct subscription_state *s = entity->state;
    struct event event = make_event(random_type(s));
    event.callback = (char *)(uintptr_t)entity->callback;
    event.request_id = random_request(s);
    event.secret = secrets[random_below(&source, 3)];
    event.method = (int)random_below(&source, 5) - 1;
    event.lease_seconds = 1 + random_below(&source, 1000);
    event.at_ms = random_below(&source, 100000);
    event.location.partition = random_one_in(&source, 10) ? 1 : 0;
    event.offset = (s ? s->position.offset : 0) + random_below(&source, 20) - 5;
    if (event.offset < 0)
        event.offset = 0;
    event.base = s && !random_one_in(&source, 4) ? s->position.base : entity->old_base;
    event.deadline = s && !random_one_in(&source, 3) ? s->lease_end_ms : event.at_ms;
    return event;
}

/* --- what must hold --- */

static bool is_verified(const struct subscription_state *s)
{
    return s->status == SUBSCRIPTION_ACTIVE || s->status == SUBSCRIPTION_SUSPENDED ||
           s->status == SUBSCRIPTION_LAPSED;
}

static void check_state(const struct subscription_state *s, int64_t sequence)
{
    assert_true(s->pending_count <= STATE_MAX_PENDING);
    assert_int_equal(s->pending_count == 0, s->pending == NULL);
    for (size_t i = 0; i < s->pending_count; i++)
        for (size_t other = 0; other < i; other++)
            assert_string_not_equal(s->pending[i].request_id, s->pending[other].request_id);
    assert_true(s->position.base <= s->position.set && s->position.set <= sequence);
    if (s->status == SUBSCRIPTION_REQUESTED) {
        assert_true(s->pending_count > 0);
        assert_null(s->secret);
        assert_null(s->reason);
        assert_null(s->location.kafka_topic);
        assert_int_equal(s->position.base, 0);
    }
    if (is_verified(s)) {
        assert_non_null(s->location.kafka_topic);
        assert_int_equal(s->lease_end_ms, s->verified_at_ms + s->lease_seconds * 1000);
    }
}

/** Without the list of pending requests, which requests and refusals may change. */
static char *picture_of_verified(struct subscription_state *s)
{
    size_t count = s->pending_count;
    s->pending_count = 0;
    char *text = picture(s);
    s->pending_count = count;
    return text;
}

static bool only_touches_pending(enum event_type type)
{
    return type == EVENT_SUBSCRIPTION_REQUESTED || type == EVENT_UNSUBSCRIPTION_REQUESTED ||
           type == EVENT_SUBSCRIPTION_REFUSED;
}

static bool is_about_delivery(enum event_type type)
{
    return type >= EVENT_DELIVERY_DETACHED && type <= EVENT_DELIVERY_GONE;
}

/** What an event may do to one that was there before and is still there. */
static void check_step(const struct subscription_state *before,
                       const struct subscription_state *after, const struct event *event,
                       int64_t sequence)
{
    const struct position *was = &before->position, *is = &after->position;
    if (!is_verified(before) || !is_verified(after))
        return;
    if (is->base == was->base) {
        assert_true(is->offset >= was->offset);
    } else {
        /* A new beginning: only by a verification of a topic that lies elsewhere now. */
        assert_int_equal(event->type, EVENT_SUBSCRIPTION_VERIFIED);
        assert_false(location_equal(&before->location, &after->location));
        assert_int_equal(is->base, sequence);
        assert_int_equal(is->offset, event->offset);
    }
    if (is->set != was->set || is->detached != was->detached || is->offset != was->offset) {
        assert_int_equal(is->set, sequence);
        if (is->base == was->base) {
            assert_true(is_about_delivery(event->type));
            assert_int_equal(event->base, was->base);
        }
    }
    if (event->type != EVENT_SUBSCRIPTION_VERIFIED) {
        assert_int_equal(after->lease_end_ms, before->lease_end_ms);
        assert_int_equal(after->method, before->method);
        assert_int_equal(!after->secret, !before->secret);
        if (after->secret)
            assert_string_equal(after->secret, before->secret);
    }
}

/** Decodes what `s` is written as; NULL stays NULL. */
static struct subscription_state *reread(const struct subscription_state *s)
{
    if (!s)
        return NULL;
    struct error error;
    struct state_record record;
    size_t length;
    char *value = state_encode_subscription(s, &length);
    char *key = id_subscription_key(s->id);
    if (state_decode(key, strlen(key), value, length, &record, &error) != 0)
        fail_msg("%s: %s", error.message, value);
    assert_int_equal(record.kind, STATE_SUBSCRIPTION);
    free(key);
    free(value);
    return record.value.subscription;
}

/** Twice the same changes nothing but when a position was last written. */
static void check_duplicate(struct entity *entity, const struct event *event, int64_t sequence)
{
    struct subscription_state *s = reread(entity->state);
    enum fold_outcome outcome = fold_subscription(&s, event, sequence);
    if (outcome == FOLD_CHANGED && entity->state) {
        assert_true(is_about_delivery(event->type));
        s->position.set = entity->state->position.set;
    }
    char *once = picture(entity->state), *twice = picture(s);
    assert_string_equal(once, twice);
    free(once);
    free(twice);
    subscription_state_free(s);
}

static void step(struct entity *entity, const struct event *event, int64_t sequence,
                 unsigned counts[EVENT_TYPE_COUNT])
{
    struct subscription_state *before = reread(entity->state);
    char *before_text = picture(before);
    char *verified_text = before ? picture_of_verified(before) : NULL;
    bool existed = entity->state != NULL;

    enum fold_outcome outcome = fold_subscription(&entity->state, event, sequence);
    enum fold_outcome again = fold_subscription(&entity->reread, event, sequence);
    char *after_text = picture(entity->state), *reread_text = picture(entity->reread);
    assert_int_equal(outcome, again);
    assert_string_equal(after_text, reread_text);
    counts[event->type] += outcome != FOLD_IGNORED;

    if (outcome == FOLD_IGNORED)
        assert_string_equal(before_text, after_text);
    else
        assert_string_not_equal(before_text, after_text);
    assert_int_equal(outcome == FOLD_REMOVED, existed && !entity->state);
    if (entity->state) {
        check_state(entity->state, sequence);
        if (existed)
            check_step(before, entity->state, event, sequence);
    }
    if (existed && entity->state && only_touches_pending(event->type)) {
        char *still = picture_of_verified(entity->state);
        assert_string_equal(verified_text, still);
        free(still);
    }
    check_duplicate(entity, event, sequence + 1);

    subscription_state_free(before);
    free(before_text);
    free(verified_text);
    free(after_text);
    free(reread_text);
}

static void run(uint64_t seed, unsigned counts[EVENT_TYPE_COUNT])
{
    struct entity entities[ENTITIES] = {0};
    source.state = seed;
    for (int i = 0; i < ENTITIES; i++)
        snprintf(entities[i].callback, sizeof(entities[i].callback), "%s/%d", CALLBACK, i);
    for (int64_t sequence = 1; sequence <= EVENTS; sequence += 2) {
        struct entity *entity = &entities[random_below(&source, ENTITIES)];
        struct event event = random_event(entity);
        char request[ID_UUID_SIZE];
        if (event.request_id) {
            /* It may be the state's own string. */
            strcpy(request, event.request_id);
            event.request_id = request;
        }
        step(entity, &event, sequence, counts);
        struct subscription_state *next = reread(entity->reread);
        subscription_state_free(entity->reread);
        entity->reread = next;
        if (entity->state && random_one_in(&source, 20))
            entity->old_base = entity->state->position.base;
    }
    for (int i = 0; i < ENTITIES; i++) {
        subscription_state_free(entities[i].state);
        subscription_state_free(entities[i].reread);
    }
}

static void test_invariants_hold_under_random_events(void **state)
{
    (void)state;
    unsigned counts[EVENT_TYPE_COUNT] = {0};
    for (uint64_t seed = 1; seed <= 2; seed++)
        run(seed * 0x9E3779B97F4A7C15ULL, counts);
    /* The test is worth nothing if the events do not get anywhere. */
    for (int type = EVENT_TOPIC_ENDED; type < EVENT_TYPE_COUNT; type++)
        if (counts[type] < 50)
            fail_msg("%s took effect only %u times", event_type_name((enum event_type)type),
                     counts[type]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_invariants_hold_under_random_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
