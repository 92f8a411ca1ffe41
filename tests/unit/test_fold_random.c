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

enum { ENTITIES = 3, EVENTS = 30000 };

struct entity {
    char callback[64];
    struct subscription_state *state;
    char *written;    /**< what it is written as; "" while there is none */
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
    if (!s && random_one_in(&source, 8))
        return EVENT_SUBSCRIPTION_IMPORTED;
    if (!s || random_one_in(&source, 4))
        return random_one_in(&source, 4) ? EVENT_UNSUBSCRIPTION_REQUESTED
                                         : EVENT_SUBSCRIPTION_REQUESTED;
    /* Ends would leave little else to see. */
    enum event_type type = (enum event_type)(
        EVENT_TOPIC_ENDED + random_below(&source, EVENT_TYPE_COUNT - EVENT_TOPIC_ENDED));
    bool ends = type == EVENT_TOPIC_ENDED || type == EVENT_DELIVERY_GONE ||
                type == EVENT_SUBSCRIPTION_DELETE || type == EVENT_UNSUBSCRIPTION_VERIFIED;
    return ends && !random_one_in(&source, 4) ? EVENT_SUBSCRIPTION_VERIFIED : type;
}

static struct event random_event(const struct entity *entity)
{
    static char *const secrets[] = {NULL, (char *)(uintptr_t) "one", (char *)(uintptr_t) "two"};
    const struct subscription_state *s = entity->state;
    struct event event = make_event(random_type(s));
    event.callback = (char *)(uintptr_t)entity->callback;
    event.request_id = random_request(s);
    event.secret.text = secrets[random_below(&source, 3)];
    if (event.secret.text)
        event.secret.key_id = secrets[random_below(&source, 3)];
    event.method = (int)random_below(&source, 5) - 1;
    event.lease_seconds = 1 + random_below(&source, 1000);
    event.at_ms = random_below(&source, 100000);
    event.location.partition = random_one_in(&source, 10) ? 1 : 0;
    event.offset = (s ? s->position.offset : 0) + random_below(&source, 20) - 5;
    if (event.offset < 0)
        event.offset = 0;
    event.base = s && !random_one_in(&source, 4) ? s->position.base : entity->old_base;
    if (event.type == EVENT_DELIVERY_REDELIVERED && s && s->redeliver_count > 0) {
        uint32_t which = random_below(&source, (uint32_t)s->redeliver_count);
        event.offset = s->redeliver[which].offset;
        event.base = s->redeliver[which].command + random_one_in(&source, 4);
    }
    if (event.type == EVENT_DELIVERY_REDELIVERED)
        event.marked = random_below(&source, 100);
    if (event.type == EVENT_DELIVERY_LETTERS_SETTLED && s)
        event.offset = s->letters.settled + random_below(&source, 10);
    event.deadline = s && !random_one_in(&source, 3) ? s->lease_end_ms : event.at_ms;
    return event;
}

/* --- what must hold --- */

static bool is_verified(const struct subscription_state *s)
{
    return s->status == SUBSCRIPTION_ACTIVE || s->status == SUBSCRIPTION_SUSPENDED ||
           s->status == SUBSCRIPTION_PAUSED || s->status == SUBSCRIPTION_LAPSED;
}

static void check_state(const struct subscription_state *s, int64_t sequence)
{
    assert_true(s->pending_count <= STATE_MAX_PENDING);
    assert_int_equal(s->pending_count == 0, s->pending == NULL);
    for (size_t i = 0; i < s->pending_count; i++)
        for (size_t other = 0; other < i; other++)
            assert_string_not_equal(s->pending[i].request_id, s->pending[other].request_id);
    assert_int_equal(s->redeliver_count == 0, s->redeliver == NULL);
    for (size_t i = 0; i < s->redeliver_count; i++) {
        assert_true(is_verified(s));
        assert_true(s->redeliver[i].command <= sequence);
        assert_true(i == 0 || s->redeliver[i - 1].offset < s->redeliver[i].offset);
    }
    assert_true(s->position.base <= s->position.set && s->position.set <= sequence);
    if (s->status == SUBSCRIPTION_REQUESTED) {
        assert_true(s->pending_count > 0);
        assert_null(s->secret.text);
        assert_null(s->secret.key_id);
        assert_null(s->reason);
        assert_null(s->location.kafka_topic);
        assert_int_equal(s->position.base, 0);
        assert_string_equal(s->command, "");
        assert_false(s->warned);
    }
    if (s->status == SUBSCRIPTION_LAPSED)
        assert_true(s->paused || !s->paused_by);
    else
        assert_int_equal(s->paused, s->status == SUBSCRIPTION_PAUSED);
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

static void assert_same_string(const char *a, const char *b)
{
    assert_int_equal(!a, !b);
    if (a)
        assert_string_equal(a, b);
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
        /* By a command, or as a new beginning where the topic lies now. */
        if (event->type == EVENT_DELIVERY_MOVE) {
            assert_true(is->detached);
            assert_int_equal(after->status, before->status);
        } else {
            assert_int_equal(event->type, EVENT_SUBSCRIPTION_VERIFIED);
        }
        assert_int_equal(event->type == EVENT_DELIVERY_MOVE,
                         location_equal(&before->location, &after->location));
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
    if (before->paused && event->type != EVENT_DELIVERY_RESUME)
        assert_true(after->paused);
    if (event->type != EVENT_SUBSCRIPTION_VERIFIED) {
        assert_int_equal(after->lease_end_ms, before->lease_end_ms);
        assert_true(after->warned == before->warned || event->type == EVENT_SUBSCRIPTION_LAPSING);
        assert_int_equal(after->method, before->method);
        assert_same_string(after->secret.text, before->secret.text);
        assert_same_string(after->secret.key_id, before->secret.key_id);
    }
}

/** Decodes what an entity was written as; "" is NULL. */
static struct subscription_state *reread(const struct entity *entity)
{
    if (!*entity->written)
        return NULL;
    struct error error;
    struct state_record record;
    char id[ID_HEX_SIZE];
    id_subscription(TOPIC, entity->callback, id);
    char *key = id_subscription_key(id);
    if (state_decode(key, strlen(key), entity->written, strlen(entity->written), &record, &error) !=
        0)
        fail_msg("%s: %s", error.message, entity->written);
    assert_int_equal(record.kind, STATE_SUBSCRIPTION);
    free(key);
    return record.value.subscription;
}

/** The same event once more changes nothing but when a position was last written. */
static void check_duplicate(struct entity *entity, const struct event *event, int64_t sequence)
{
    struct subscription_state *s = reread(entity);
    enum fold_outcome outcome = fold_subscription(&s, event, sequence);
    if (outcome == FOLD_CHANGED && entity->state) {
        assert_true(is_about_delivery(event->type));
        s->position.set = entity->state->position.set;
    }
    char *twice = picture(s);
    assert_string_equal(entity->written, twice);
    free(twice);
    subscription_state_free(s);
}

/** Folds into the state in memory and into one that was read again, which must not differ. */
static enum fold_outcome fold_both(struct entity *entity, const struct event *event,
                                   int64_t sequence)
{
    struct subscription_state *s = reread(entity);
    enum fold_outcome outcome = fold_subscription(&entity->state, event, sequence);
    assert_int_equal(fold_subscription(&s, event, sequence), outcome);
    char *after = picture(entity->state), *after_reading = picture(s);
    assert_string_equal(after, after_reading);
    assert_int_equal(outcome == FOLD_IGNORED, strcmp(entity->written, after) == 0);
    assert_int_equal(outcome == FOLD_REMOVED, *entity->written && !entity->state);
    free(entity->written);
    entity->written = after;
    free(after_reading);
    subscription_state_free(s);
    return outcome;
}

static void step(struct entity *entity, const struct event *event, int64_t sequence,
                 unsigned counts[EVENT_TYPE_COUNT])
{
    struct subscription_state *before = reread(entity);
    enum fold_outcome outcome = fold_both(entity, event, sequence);
    counts[event->type] += outcome != FOLD_IGNORED;
    if (entity->state)
        check_state(entity->state, sequence);
    if (before && entity->state)
        check_step(before, entity->state, event, sequence);
    if (before && entity->state && only_touches_pending(event->type)) {
        char *was = picture_of_verified(before), *is = picture_of_verified(entity->state);
        assert_string_equal(was, is);
        free(was);
        free(is);
    }
    if (random_one_in(&source, 8))
        check_duplicate(entity, event, sequence + 1);
    subscription_state_free(before);
}

static void run(uint64_t seed, unsigned counts[EVENT_TYPE_COUNT])
{
    struct entity entities[ENTITIES] = {0};
    source.state = seed;
    for (int i = 0; i < ENTITIES; i++) {
        snprintf(entities[i].callback, sizeof(entities[i].callback), "%s/%d", CALLBACK, i);
        entities[i].written = strdup("");
    }
    for (int64_t i = 1; i <= EVENTS; i++) {
        struct entity *entity = &entities[random_below(&source, ENTITIES)];
        struct event event = random_event(entity);
        char request[ID_UUID_SIZE]; /* it may be the state's own string */
        strcpy(request, event.request_id);
        event.request_id = request;
        step(entity, &event, 2 * i, counts);
        if (entity->state && random_one_in(&source, 20))
            entity->old_base = entity->state->position.base;
    }
    for (int i = 0; i < ENTITIES; i++) {
        subscription_state_free(entities[i].state);
        free(entities[i].written);
    }
}

static void test_invariants_hold_under_random_events(void **state)
{
    (void)state;
    unsigned counts[EVENT_TYPE_COUNT] = {0};
    run(0x9E3779B97F4A7C15ULL, counts);
    /* The test is worth nothing if the events do not get anywhere. */
    for (int type = EVENT_TOPIC_ENDED; type < EVENT_TYPE_COUNT; type++)
        if (counts[type] < 20)
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
