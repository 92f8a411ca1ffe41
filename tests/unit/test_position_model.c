/*
 * The claim of common/position.h, tried on random histories of one shard: resuming never skips
 * a message that a subscription has not confirmed.
 *
 * In the model are: the events partition of the shard (folded by the real fold), one message
 * partition, one commit (offset, folded) in Kafka, an owner, and former owners that do not know
 * that they were replaced: they go on reading state, delivering, writing events and committing, at
 * any later time. Requests, verifications, lease ends, suspensions, operators' commands and crashes
 * come in between.
 *
 * What the owner does here is what the dispatcher must do:
 *   - it commits the least position of the subscriptions that its view of the state says are
 * attached, together with how far that view was when it looked (coverage.c, control.c);
 *   - it goes live with a commit only when its view is at least as far as the view of that commit.
 * Otherwise the commit may cover what its view does not know to be detached.
 *
 * To know that the model would notice, wrong rules are tried too: each must be found to skip.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/position.h"
#include "tests/unit/folding.h"
#include "tests/unit/random.h"

enum { SUBSCRIPTIONS = 3, ZOMBIES = 2, STEPS = 250, MAX_EVENTS = 300, MAX_MESSAGES = 160 };

typedef int64_t resume_fn(const struct position *position, const struct shard_commit *commit);

/** What is to be tried: the rules as they are, or with a mistake in them. */
struct rules {
    resume_fn *resume;
    bool goes_live_with_an_old_view;
};

struct dispatcher {
    bool exists;
    bool live;
    int64_t folded; /**< its view: the state after this many events */
    struct subscription_state *view[SUBSCRIPTIONS];
    bool serves[SUBSCRIPTIONS];
    int64_t next[SUBSCRIPTIONS]; /**< the next message that it has not seen confirmed */
    int64_t end;                 /**< how far its tail reader is */
    struct shard_commit known;   /**< commit in Kafka, as far as it knows */
    struct shard_commit on_its_way;
    bool is_committing;
};

struct logged_event {
    struct event event;
    char request[ID_UUID_SIZE];
};

struct world {
    struct random random;
    const struct rules *rules;
    struct logged_event events[MAX_EVENTS];
    int64_t event_count;
    struct subscription_state *state[SUBSCRIPTIONS];
    int64_t start[SUBSCRIPTIONS]; /**< where its present life began */
    int64_t end;                  /**< of the message partition */
    bool wanted[SUBSCRIPTIONS][MAX_MESSAGES];
    bool confirmed[SUBSCRIPTIONS][MAX_MESSAGES];
    struct shard_commit commit;
    struct dispatcher owner;
    struct dispatcher zombies[ZOMBIES];
    unsigned requests;
    uint32_t patience; /**< how long it takes to go live */
    bool skipped;
};

static const char *const callbacks[SUBSCRIPTIONS] = {"https://0.example/", "https://1.example/",
                                                     "https://2.example/"};

/* --- what must hold --- */

static bool is_verified(const struct subscription_state *s)
{
    return s && (s->status == SUBSCRIPTION_ACTIVE || s->status == SUBSCRIPTION_SUSPENDED ||
                 s->status == SUBSCRIPTION_PAUSED || s->status == SUBSCRIPTION_LAPSED);
}

static int64_t first_unconfirmed(const struct world *world, int i)
{
    int64_t offset = world->start[i];
    while (offset < world->end && (!world->wanted[i][offset] || world->confirmed[i][offset]))
        offset++;
    return offset;
}

/** Whoever would take over now, and the owner itself, continue before what is not confirmed. */
static void check(struct world *world)
{
    const struct dispatcher *owner = &world->owner;
    for (int i = 0; i < SUBSCRIPTIONS; i++) {
        const struct subscription_state *s = world->state[i];
        if (!is_verified(s))
            continue;
        int64_t unconfirmed = first_unconfirmed(world, i);
        if (world->rules->resume(&s->position, &world->commit) > unconfirmed)
            world->skipped = true;
        if (owner->live && owner->serves[i] && owner->view[i]->position.base == s->position.base &&
            owner->next[i] > unconfirmed)
            world->skipped = true;
    }
}

/* --- events --- */

static void fold_into(struct subscription_state **states, const struct world *world, int64_t number)
{
    const struct event *event = &world->events[number].event;
    for (int i = 0; i < SUBSCRIPTIONS; i++)
        if (event->callback == callbacks[i])
            fold_subscription(&states[i], event, number);
}

static void append(struct world *world, int i, struct event event)
{
    if (world->event_count == MAX_EVENTS)
        return;
    struct logged_event *logged = &world->events[world->event_count];
    event.callback = (char *)(uintptr_t)callbacks[i];
    if (event.request_id) {
        memcpy(logged->request, event.request_id, sizeof(logged->request));
        event.request_id = logged->request;
    }
    logged->event = event;
    fold_into(world->state, world, world->event_count);
    if (is_verified(world->state[i]) && world->state[i]->position.base == world->event_count &&
        event.type == EVENT_SUBSCRIPTION_VERIFIED)
        world->start[i] = event.offset;
    world->event_count++;
}

/**
 * An operator's command. A move is a new beginning: what was confirmed from there on is to be
 * delivered again.
 */
static void command(struct world *world, int i)
{
    static const enum event_type types[] = {EVENT_DELIVERY_MOVE, EVENT_DELIVERY_MOVE,
                                            EVENT_DELIVERY_PAUSE, EVENT_DELIVERY_RESUME};
    char id[ID_UUID_SIZE];
    snprintf(id, sizeof(id), "%036u", ++world->requests);
    struct event event = make_event(types[random_below(&world->random, ARRAY_COUNT(types))]);
    event.request_id = id;
    event.offset = random_below(&world->random, (uint32_t)world->end + 1);
    int64_t number = world->event_count;
    append(world, i, event);
    const struct subscription_state *s = world->state[i];
    if (event.type != EVENT_DELIVERY_MOVE || !s || s->position.base != number)
        return;
    world->start[i] = event.offset;
    for (int64_t offset = event.offset; offset < world->end; offset++)
        world->confirmed[i][offset] = false;
}

static void request(struct world *world, int i)
{
    char id[ID_UUID_SIZE];
    snprintf(id, sizeof(id), "%036u", ++world->requests);
    bool unsubscribe = world->state[i] && random_one_in(&world->random, 5);
    struct event event =
        make_event(unsubscribe ? EVENT_UNSUBSCRIPTION_REQUESTED : EVENT_SUBSCRIPTION_REQUESTED);
    event.request_id = id;
    append(world, i, event);
}

static void pass_time(struct world *world, int i)
{
    const struct subscription_state *s = world->state[i];
    if (!is_verified(s))
        return;
    struct event event = make_event(s->status == SUBSCRIPTION_LAPSED ? EVENT_SUBSCRIPTION_FORGOTTEN
                                                                     : EVENT_SUBSCRIPTION_EXPIRED);
    event.deadline = s->lease_end_ms;
    append(world, i, event);
}

static void publish(struct world *world)
{
    if (world->end == MAX_MESSAGES)
        return;
    for (int i = 0; i < SUBSCRIPTIONS; i++)
        world->wanted[i][world->end] = !random_one_in(&world->random, 3);
    world->end++;
}

/* --- what a dispatcher does, whether it still owns the shard or not --- */

static bool wants_messages(const struct subscription_state *s)
{
    return is_verified(s) && (s->status != SUBSCRIPTION_LAPSED || !s->position.detached);
}

/** Its view of subscription `i` may have changed. */
static void apply(struct world *world, struct dispatcher *d, int i, int64_t base_before)
{
    if (!wants_messages(d->view[i])) {
        d->serves[i] = false;
    } else if (!d->serves[i]) {
        d->serves[i] = true;
        d->next[i] = world->rules->resume(&d->view[i]->position, &d->known);
    } else if (d->view[i]->position.base != base_before) {
        d->next[i] = d->view[i]->position.offset;
    }
}

static void read_state(struct world *world, struct dispatcher *d, int64_t upto)
{
    for (; d->folded < upto; d->folded++) {
        int64_t bases[SUBSCRIPTIONS];
        for (int i = 0; i < SUBSCRIPTIONS; i++)
            bases[i] = d->view[i] ? d->view[i]->position.base : -1;
        fold_into(d->view, world, d->folded);
        for (int i = 0; i < SUBSCRIPTIONS && d->live; i++)
            apply(world, d, i, bases[i]);
    }
}

static void go_live(struct world *world, struct dispatcher *d)
{
    d->known = world->commit;
    if (d->folded < d->known.folded && !world->rules->goes_live_with_an_old_view)
        read_state(world, d, d->known.folded);
    d->live = true;
    d->end = world->end;
    for (int i = 0; i < SUBSCRIPTIONS; i++)
        apply(world, d, i, -1);
}

static void deliver(struct world *world, struct dispatcher *d, int i)
{
    d->end = world->end;
    if (!d->serves[i] || d->view[i]->status == SUBSCRIPTION_LAPSED ||
        d->view[i]->status == SUBSCRIPTION_PAUSED)
        return;
    while (d->next[i] < d->end && !random_one_in(&world->random, 4)) {
        if (world->wanted[i][d->next[i]])
            world->confirmed[i][d->next[i]] = true;
        d->next[i]++;
    }
}

static void verify(struct world *world, struct dispatcher *d, int i)
{
    const struct subscription_state *s = d->view[i];
    if (!s || s->pending_count == 0)
        return;
    struct event event = make_event(EVENT_SUBSCRIPTION_REFUSED);
    if (!random_one_in(&world->random, 6))
        event.type =
            s->pending[0].unsubscribe ? EVENT_UNSUBSCRIPTION_VERIFIED : EVENT_SUBSCRIPTION_VERIFIED;
    event.request_id = (char *)(uintptr_t)s->pending[0].request_id;
    event.offset = world->end;
    event.at_ms = 1000 * world->event_count;
    append(world, i, event);
}

static void tell(struct world *world, struct dispatcher *d, int i)
{
    static const enum event_type types[] = {
        EVENT_DELIVERY_DETACHED,  EVENT_DELIVERY_DETACHED, EVENT_DELIVERY_PROGRESSED,
        EVENT_DELIVERY_ATTACHED,  EVENT_DELIVERY_ATTACHED, EVENT_DELIVERY_SUSPENDED,
        EVENT_DELIVERY_RECOVERED,
    };
    if (!d->serves[i])
        return;
    enum event_type type = types[random_below(&world->random, ARRAY_COUNT(types))];
    if (random_one_in(&world->random, 30))
        type = EVENT_DELIVERY_GONE;
    append(world, i, make_delivery(type, d->view[i]->position.base, d->next[i]));
}

/** The least position of those that the shard's offset is to cover, and what the view was. */
static void look(struct dispatcher *d)
{
    bool any = false;
    int64_t least = d->end;
    for (int i = 0; i < SUBSCRIPTIONS; i++) {
        if (!d->serves[i] || d->view[i]->position.detached)
            continue;
        any = true;
        if (d->next[i] < least)
            least = d->next[i];
    }
    if (!any || d->is_committing)
        return;
    d->on_its_way = (struct shard_commit){least, d->folded};
    d->is_committing = true;
}

static void commit(struct world *world, struct dispatcher *d)
{
    if (!d->is_committing)
        return;
    world->commit = d->known = d->on_its_way;
    d->is_committing = false;
}

static void act(struct world *world, struct dispatcher *d)
{
    int i = (int)random_below(&world->random, SUBSCRIPTIONS);
    if (!d->live) {
        if (random_one_in(&world->random, world->patience))
            go_live(world, d);
        return;
    }
    switch (random_below(&world->random, 10)) {
    case 0:
    case 1:
    case 2:
        deliver(world, d, i);
        break;
    case 3:
    case 4:
        read_state(world, d,
                   d->folded + random_below(&world->random,
                                            (uint32_t)(world->event_count - d->folded) + 1));
        break;
    case 5:
        verify(world, d, i);
        break;
    case 6:
        tell(world, d, i);
        break;
    case 7:
    case 8:
        look(d);
        break;
    case 9:
        commit(world, d);
        break;
    }
}

/* --- owners come and go --- */

static void forget(struct dispatcher *d)
{
    for (int i = 0; i < SUBSCRIPTIONS; i++)
        subscription_state_free(d->view[i]);
    memset(d, 0, sizeof(*d));
}

/** Reads all the state that there is; the commit is fetched later. */
static void take_over(struct world *world)
{
    memset(&world->owner, 0, sizeof(world->owner));
    world->owner.exists = true;
    read_state(world, &world->owner, world->event_count);
}

static void crash(struct world *world)
{
    forget(&world->owner);
    take_over(world);
}

static void freeze(struct world *world)
{
    struct dispatcher *zombie = &world->zombies[random_below(&world->random, ZOMBIES)];
    if (!world->owner.live)
        return;
    if (zombie->exists)
        forget(zombie);
    *zombie = world->owner;
    take_over(world);
}

static void step(struct world *world)
{
    struct dispatcher *zombie = &world->zombies[random_below(&world->random, ZOMBIES)];
    if (!zombie->exists)
        zombie = &world->zombies[0];
    int i = (int)random_below(&world->random, SUBSCRIPTIONS);
    switch (random_below(&world->random, 16)) {
    case 0:
    case 1:
        publish(world);
        break;
    case 2:
        request(world, i);
        break;
    case 3:
        if (random_one_in(&world->random, 4))
            pass_time(world, i);
        else if (random_one_in(&world->random, 4))
            command(world, i);
        break;
    case 4:
    case 5:
    case 6:
    case 7:
    case 9:
    case 10:
        if (zombie->exists)
            act(world, zombie);
        break;
    case 8:
        if (random_one_in(&world->random, 4))
            crash(world);
        else if (random_one_in(&world->random, 2))
            freeze(world);
        break;
    default:
        act(world, &world->owner);
    }
}

/** Whether a message would ever have been skipped. */
static bool history_skips(uint64_t seed, const struct rules *rules, unsigned *confirmations)
{
    struct world *world = calloc(1, sizeof(*world));
    world->random.state = seed;
    world->rules = rules;
    world->patience = random_one_in(&world->random, 2) ? 2 : 30;
    world->commit.offset = -1;
    take_over(world);
    go_live(world, &world->owner);
    for (int i = 0; i < SUBSCRIPTIONS; i++) {
        request(world, i);
        read_state(world, &world->owner, world->event_count);
        verify(world, &world->owner, i);
    }
    for (int i = 0; i < STEPS && !world->skipped; i++) {
        step(world);
        check(world);
    }
    bool skipped = world->skipped;
    for (int i = 0; i < SUBSCRIPTIONS; i++)
        for (int64_t offset = 0; offset < world->end; offset++)
            *confirmations += world->confirmed[i][offset];
    forget(&world->owner);
    for (int i = 0; i < ZOMBIES; i++)
        forget(&world->zombies[i]);
    for (int i = 0; i < SUBSCRIPTIONS; i++)
        subscription_state_free(world->state[i]);
    free(world);
    return skipped;
}

/** The first of `histories` in which a message is skipped, or 0. */
static unsigned find_skip(const struct rules *rules, unsigned histories)
{
    unsigned confirmations = 0;
    for (unsigned i = 1; i <= histories; i++)
        if (history_skips(i * 0x9E3779B97F4A7C15ULL, rules, &confirmations))
            return i;
    assert_true(confirmations > 3 * histories);
    return 0;
}

/* --- the rules, and mistakes in them --- */

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t resume_at_the_greater(const struct position *position,
                                     const struct shard_commit *shard)
{
    return greater(position->offset, shard->offset);
}

static int64_t resume_whatever_was_folded(const struct position *position,
                                          const struct shard_commit *shard)
{
    return position->detached ? position->offset : greater(position->offset, shard->offset);
}

static int64_t resume_whether_detached_or_not(const struct position *position,
                                              const struct shard_commit *shard)
{
    bool covered = shard->offset >= 0 && shard->folded > position->set;
    return covered ? greater(position->offset, shard->offset) : position->offset;
}

static int64_t resume_one_event_too_early(const struct position *position,
                                          const struct shard_commit *shard)
{
    bool covered = shard->offset >= 0 && !position->detached && shard->folded >= position->set;
    return covered ? greater(position->offset, shard->offset) : position->offset;
}

static int64_t resume_by_the_base(const struct position *position, const struct shard_commit *shard)
{
    bool covered = shard->offset >= 0 && !position->detached && shard->folded > position->base;
    return covered ? greater(position->offset, shard->offset) : position->offset;
}

static int64_t resume_at_the_shard(const struct position *position,
                                   const struct shard_commit *shard)
{
    return shard->offset >= 0 ? shard->offset : position->offset;
}

static void test_resuming_never_skips_what_is_not_confirmed(void **state)
{
    (void)state;
    static const struct rules rules = {position_resume, false};
    assert_int_equal(find_skip(&rules, 4000), 0);
}

static void test_the_model_notices_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *title;
        struct rules rules;
    } mistakes[] = {
        {"the greater of both", {resume_at_the_greater, false}},
        {"the shard's offset", {resume_at_the_shard, false}},
        {"folded is not looked at", {resume_whatever_was_folded, false}},
        {"detached is not looked at", {resume_whether_detached_or_not, false}},
        {"folded >= set", {resume_one_event_too_early, false}},
        {"base in place of set", {resume_by_the_base, false}},
        {"a commit that knew more than the view", {position_resume, true}},
    };
    for (size_t i = 0; i < ARRAY_COUNT(mistakes); i++) {
        unsigned found = find_skip(&mistakes[i].rules, 20000);
        print_message("%s: found in history %u\n", mistakes[i].title, found);
        assert_int_not_equal(found, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resuming_never_skips_what_is_not_confirmed),
        cmocka_unit_test(test_the_model_notices_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
