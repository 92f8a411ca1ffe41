#include "dispatcher/shard.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/panic.h"
#include "common/url.h"
#include "dispatcher/fetcher.h"
#include "dispatcher/loop.h"
#include "dispatcher/lost_messages.h"

/** A subscription of the shard: kept small, since there may be very many. */
struct shard_member {
    char id[ID_HEX_SIZE];
    bool in_loop;
    uint8_t loop;
    char job[ID_UUID_SIZE];           /* the request that a loop verifies, or denial_job */
    struct subscription_state *state; /* until the shard is live */
    UT_hash_handle hh;
};

static const char denial_job[] = "denial";

struct shard *shard_new(int32_t number)
{
    struct shard *shard = xcalloc(1, sizeof(*shard));
    shard->number = number;
    shard->phase = SHARD_LOADING;
    return shard;
}

static void remove_member(struct shard *shard, struct shard_member *member)
{
    HASH_DEL(shard->members, member);
    subscription_state_free(member->state);
    free(member);
}

void shard_free(struct shard *shard)
{
    struct shard_member *member, *next_member;
    struct shard_offset *offset, *next_offset;
    HASH_ITER(hh, shard->members, member, next_member)
    {
        remove_member(shard, member);
    }
    HASH_ITER(hh, shard->offsets, offset, next_offset)
    {
        HASH_DEL(shard->offsets, offset);
        free(offset);
    }
    free(shard);
}

struct shard_offset *shard_get_offset(struct shard *shard, struct message_partition *partition)
{
    struct shard_offset *offset;
    HASH_FIND_PTR(shard->offsets, &partition, offset);
    if (!offset) {
        offset = xcalloc(1, sizeof(*offset));
        offset->partition = partition;
        offset->commit.offset = offset->wanted.offset = offset->end = offset->back = -1;
        HASH_ADD_PTR(shard->offsets, partition, offset);
    }
    return offset;
}

/* --- passing on what state says --- */

/** Whoever shares an origin shares a loop: connections and per-host limits are then the loop's own.
 */
static uint8_t loop_of(const struct dispatcher *dispatcher, const char *callback)
{
    struct buffer origin = {0};
    unsigned hash = 0;
    if (url_origin(callback, &origin) == 0)
        HASH_JEN(origin.data, (unsigned)origin.length, hash);
    buffer_fini(&origin);
    return (uint8_t)(hash % (unsigned)dispatcher->loop_count);
}

static bool wants_messages(const struct subscription_state *state)
{
    /* A lapsed one stays with its loop until its position is in state. */
    return state->status == SUBSCRIPTION_ACTIVE || state->status == SUBSCRIPTION_SUSPENDED ||
           state->status == SUBSCRIPTION_PAUSED ||
           (state->status == SUBSCRIPTION_LAPSED && !state->position.detached);
}

static void start_job(struct shard *shard, struct shard_member *member,
                      struct dispatcher *dispatcher, struct channels *channels,
                      const struct subscription_state *state)
{
    struct loop *loop = dispatcher->loops[member->loop];
    const char *job = "";
    if (state->status == SUBSCRIPTION_ENDING)
        job = denial_job;
    else if (state->pending_count > 0)
        job = state->pending[0].request_id;
    if (*job && strcmp(job, member->job) != 0) {
        const struct location *location =
            state->pending_count > 0 ? &state->pending[0].location : &state->location;
        struct message_partition *partition =
            location->kafka_topic
                ? channels_get_partition(channels, location->kafka_topic, location->partition)
                : NULL;
        loop_verify(loop, shard->number, state, partition);
    } else if (*job && state->pending_count > 1) {
        loop_hurry(loop, member->id);
    }
    strcpy(member->job, job);
}

/** Frees what a loop knows by the channel: less to hand over, and freed where it was allocated. */
static void drop_names(struct subscription_state *state)
{
    free(state->topic);
    state->topic = NULL;
    location_fini(&state->location);
}

/** Makes the loops do what `state` (taken over) says. */
static void apply(struct shard *shard, struct shard_member *member, struct dispatcher *dispatcher,
                  struct channels *channels, struct subscription_state *state)
{
    member->loop = loop_of(dispatcher, state->callback);
    start_job(shard, member, dispatcher, channels, state);
    if (wants_messages(state)) {
        struct channel *channel = channels_get(channels, &state->location, state->topic);
        struct shard_offset *offset = shard_get_offset(shard, channel->partition);
        drop_names(state);
        loop_put(dispatcher->loops[member->loop], shard->number, channel, state,
                 position_resume(&state->position, &offset->commit));
        member->in_loop = true;
    } else {
        if (member->in_loop)
            loop_remove(dispatcher->loops[member->loop], member->id);
        member->in_loop = false;
        subscription_state_free(state);
    }
}

static struct shard_member *find_member(struct shard *shard, const char *id)
{
    struct shard_member *member;
    HASH_FIND(hh, shard->members, id, ID_HEX_SIZE - 1, member);
    return member;
}

static void take_tombstone(struct shard *shard, struct dispatcher *dispatcher, const char *id)
{
    struct shard_member *member = find_member(shard, id);
    if (!member)
        return;
    if (member->in_loop)
        loop_remove(dispatcher->loops[member->loop], member->id);
    remove_member(shard, member);
}

void shard_take_record(struct shard *shard, struct dispatcher *dispatcher,
                       struct channels *channels, const char *key, size_t key_length,
                       struct state_record *record)
{
    const size_t prefix = strlen("subscription:");
    if (record->kind == STATE_PROGRESS && !record->tombstone)
        shard->folded = record->value.progress.events;
    if (shard->phase == SHARD_REVOKED)
        return;
    fetcher_take_record(dispatcher->fetcher, shard->number, key, key_length, record);
    if (record->kind != STATE_SUBSCRIPTION)
        return;
    if (record->tombstone) {
        if (key_length == prefix + ID_HEX_SIZE - 1)
            take_tombstone(shard, dispatcher, key + prefix);
        return;
    }
    struct subscription_state *state = record->value.subscription;
    record->value.subscription = NULL;
    struct shard_member *member = find_member(shard, state->id);
    if (!member) {
        member = xcalloc(1, sizeof(*member));
        memcpy(member->id, state->id, sizeof(member->id));
        HASH_ADD(hh, shard->members, id, ID_HEX_SIZE - 1, member);
    }
    if (shard->phase == SHARD_LIVE) {
        apply(shard, member, dispatcher, channels, state);
    } else {
        subscription_state_free(member->state);
        member->state = state;
    }
}

void shard_needed_partitions(struct shard *shard, struct channels *channels)
{
    struct shard_member *member, *next;
    HASH_ITER(hh, shard->members, member, next)
    {
        const struct subscription_state *state = member->state;
        if (state && wants_messages(state))
            shard_get_offset(shard, channels_get_partition(channels, state->location.kafka_topic,
                                                           state->location.partition));
    }
}

/** Hands over the loaded ones that are detached, or those that are not. */
static void hand_over(struct shard *shard, struct dispatcher *dispatcher, struct channels *channels,
                      bool detached)
{
    struct shard_member *member, *next;
    HASH_ITER(hh, shard->members, member, next)
    {
        struct subscription_state *state = member->state;
        if (!state || state->position.detached != detached)
            continue;
        member->state = NULL;
        if (wants_messages(state))
            lost_messages_set_back(
                dispatcher,
                shard_get_offset(shard,
                                 channels_get_partition(channels, state->location.kafka_topic,
                                                        state->location.partition)),
                state);
        apply(shard, member, dispatcher, channels, state);
    }
}

void shard_go_live(struct shard *shard, struct dispatcher *dispatcher, struct channels *channels)
{
    shard->phase = SHARD_LIVE;
    /* The first of a channel says where it is read from: one that is at the tail, if possible. */
    hand_over(shard, dispatcher, channels, false);
    hand_over(shard, dispatcher, channels, true);
    fetcher_open_shard(dispatcher->fetcher, shard->number);
    log_info("dispatcher.shard_live", LOG_INT("shard", shard->number),
             LOG_INT("subscriptions", HASH_COUNT(shard->members)));
}
