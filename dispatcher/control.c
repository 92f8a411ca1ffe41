/*
 * Taking over and handing over a shard.
 *
 *   assigned -> its state is read from the beginning to the end -> the offsets of its group are
 * fetched
 *   -> its subscriptions go to their loops, each at position_resume().
 *
 *   to be revoked -> loops start nothing new, wait for what is under way (bounded) and report
 * positions
 *   -> these are committed -> only then the partition is given back. So the next owner repeats
 * nothing.
 *
 *   lost (we were away for longer than the session time-out) -> everything of the shard is dropped
 * at once, nothing is committed: it has another owner already.
 *
 * A process that was stopped and wakes up does not know that it was away. Therefore loops start
 * deliveries only until dispatcher.member_until_ms, and that moves on only by an answer of the
 * group's coordinator that checks our generation (a commit in the dispatchers' own group).
 */
#include "dispatcher/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/log.h"
#include "common/panic.h"
#include "common/state_loader.h"
#include "dispatcher/loop.h"
#include "dispatcher/shard_offsets.h"

enum {
    POLL_MS = 100,
    BUSY_POLL_MS = 10,
    CLOSE_MS = 3000,
    REFETCH_MS = 1000,
    HOPE_MS = 2000,
    REFRESH_MS =
        3600 * 1000, /* commits that do not move are written again: Kafka forgets old ones */
};

/** Positions collected from all loops, and what the shards' state contained when they were asked.
 */
struct snapshot {
    struct collection collection;
    struct task task;
    struct control *control;
    uint64_t serial;
    bool final; /* of shards that are being handed over */
    int64_t folded[];
};

struct control {
    struct dispatcher *dispatcher;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    pthread_t thread;
    struct mailbox mailbox;
    atomic_bool stopping;
    atomic_bool ready;
    atomic_bool dead;

    struct channels channels;
    struct shard_offsets *offsets;
    uint32_t incarnations;
    int32_t shard_count;
    struct shard **shards; /* by number; NULL: not ours */
    uint64_t serial;
    bool collecting;
    int64_t next_collect_ms;
    int64_t next_check_ms;
    bool checking;
    bool closed; /* the thread has ended, or is about to */

    /* a handover that librdkafka waits for */
    rd_kafka_topic_partition_list_t *handover;
    bool handover_drained;
    int64_t handover_deadline_ms;
};

/* --- shards --- */

static struct shard *shard_of(struct control *control, int32_t number)
{
    return number >= 0 && number < control->shard_count ? control->shards[number] : NULL;
}

static void update_ready(struct control *control, bool joined)
{
    int64_t owned = 0;
    bool live = true;
    for (int32_t i = 0; i < control->shard_count; i++) {
        if (!control->shards[i])
            continue;
        owned++;
        live = live && control->shards[i]->phase == SHARD_LIVE;
    }
    gauge_set(control->dispatcher->metrics.shards, owned);
    if (joined || atomic_load(&control->ready))
        atomic_store(&control->ready, live);
    else if (live && owned > 0)
        atomic_store(&control->ready, true);
}

/**
 * A commit may have been made by a former owner that had seen more of the state than we have. It
 * must not be read with our older view (position.h): the shard waits until its state has come as
 * far.
 */
static void go_live(struct control *control, struct shard *shard)
{
    if (shard->folded < shard->await_folded ||
        (shard->folded < shard->hope_folded && clock_monotonic_ms() < shard->hope_until_ms))
        return;
    shard_go_live(shard, control->dispatcher, &control->channels);
    update_ready(control, false);
}

static void fetch_offsets(struct control *control, struct shard *shard)
{
    shard->phase = SHARD_RESOLVING;
    shard_needed_partitions(shard, &control->channels);
    if (shard_offsets_fetch(control->offsets, shard))
        return;
    go_live(control, shard);
}

static struct shard *find_shard(void *context, int32_t number)
{
    return shard_of(context, number);
}

/**
 * What the former owner wrote at last saves repetitions, but is not needed: it is waited for only
 * so long. (If the consolidator is away, delivering goes on without it.)
 */
static void hope_for_events(struct control *control, struct shard *shard)
{
    int64_t low, end;
    if (rd_kafka_query_watermark_offsets(kafka_producer_handle(control->dispatcher->producer),
                                         control->dispatcher->names.events, shard->number, &low,
                                         &end, HOPE_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    shard->hope_folded = end;
    shard->hope_until_ms = clock_monotonic_ms() + HOPE_MS;
}

static void on_offsets_fetched(void *context, struct shard *shard, const struct error *error)
{
    struct control *control = context;
    if (shard->phase != SHARD_RESOLVING)
        return;
    if (error) {
        log_warning("dispatcher.offsets_unknown", LOG_INT("shard", shard->number),
                    LOG_STR("reason", error->message));
        shard->refetch_ms = clock_monotonic_ms() + REFETCH_MS;
        return;
    }
    shard->await_folded = shard_offsets_folded(shard);
    hope_for_events(control, shard);
    go_live(control, shard);
}

static void continue_takeovers(struct control *control, int64_t now)
{
    for (int32_t i = 0; i < control->shard_count; i++) {
        struct shard *shard = control->shards[i];
        if (shard && shard->phase == SHARD_RESOLVING && shard->hope_until_ms > 0)
            go_live(control, shard);
        if (!shard || shard->refetch_ms == 0 || shard->refetch_ms > now)
            continue;
        shard->refetch_ms = 0;
        fetch_offsets(control, shard);
    }
}

/* --- state records --- */

static void on_record(void *context, int32_t partition, const char *key, size_t key_length,
                      struct state_record *record)
{
    struct control *control = context;
    struct shard *shard = shard_of(control, partition);
    if (shard)
        shard_take_record(shard, control->dispatcher, &control->channels, key, key_length, record);
}

static void on_fetch(struct control *control, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *message;
    while ((message = rd_kafka_event_message_next(event)))
        state_take_message(message, on_record, control,
                           control->dispatcher->metrics.malformed_state);
}

static void on_error(struct control *control, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        rd_kafka_topic_partition_t *at = rd_kafka_event_topic_partition(event);
        struct shard *shard = at ? shard_of(control, at->partition) : NULL;
        if (shard && shard->phase == SHARD_LOADING)
            fetch_offsets(control, shard);
        if (at)
            rd_kafka_topic_partition_destroy(at);
    } else if (code == RD_KAFKA_RESP_ERR__FATAL) {
        log_error("dispatcher.failed", LOG_STR("reason", rd_kafka_event_error_string(event)));
        atomic_store(&control->dead, true);
    } else {
        log_warning("dispatcher.kafka_error",
                    LOG_STR("reason", rd_kafka_event_error_string(event)));
    }
}

/* --- positions --- */

/* @locality control thread */
static void merge(struct control *control, const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->collection.count; i++) {
        const struct covered *item = &snapshot->collection.items[i];
        struct shard *shard = shard_of(control, item->shard);
        if (!shard || shard->born >= snapshot->serial)
            continue;
        struct shard_offset *offset = shard_get_offset(shard, item->partition);
        if (offset->serial != snapshot->serial) {
            offset->serial = snapshot->serial;
            offset->wanted = (struct shard_commit){item->offset, snapshot->folded[item->shard]};
        } else if (item->offset < offset->wanted.offset) {
            offset->wanted.offset = item->offset;
        }
    }
}

static void commit_shards(struct control *control, enum shard_phase phase)
{
    int64_t refresh_before = clock_monotonic_ms() - REFRESH_MS;
    for (int32_t i = 0; i < control->shard_count; i++) {
        struct shard *shard = control->shards[i];
        if (shard && shard->phase == phase)
            shard_offsets_commit(control->offsets, shard, refresh_before);
    }
}

/** The loops' part of a hand-over, while control waits for it. */
struct shard_release {
    struct release release;
    struct task task;
    struct control *control;
};

/* @locality control thread */
static void on_released(struct task *task, void *owner)
{
    struct shard_release *released = CONTAINER_OF(task, struct shard_release, task);
    struct control *control = owner;
    control->handover_drained = true;
    free(released->release.committed);
    free(released);
}

/* @locality the last loop's thread */
static void on_all_released(struct release *release)
{
    struct shard_release *released = CONTAINER_OF(release, struct shard_release, release);
    mailbox_post(&released->control->mailbox, &released->task);
}

static void add_wanted(struct release *release, const struct shard *shard)
{
    const struct shard_offset *offset, *next;
    HASH_ITER(hh, shard->offsets, offset, next)
    {
        if (offset->wanted.offset < 0)
            continue;
        release->committed =
            xrealloc(release->committed, (release->count + 1) * sizeof(*release->committed));
        release->committed[release->count++] =
            (struct covered){shard->number, offset->partition, offset->wanted.offset};
    }
}

/** Now that it is known what will be committed, lets the loops drop the shards that are revoked. */
static void release_shards(struct control *control)
{
    struct dispatcher *dispatcher = control->dispatcher;
    struct shard_release *released = xcalloc(1, sizeof(*released));
    released->control = control;
    released->task.run = on_released;
    released->release.done = on_all_released;
    atomic_init(&released->release.waiting, dispatcher->loop_count);
    for (int32_t i = 0; i < control->shard_count; i++)
        if (control->shards[i] && control->shards[i]->phase == SHARD_REVOKED)
            add_wanted(&released->release, control->shards[i]);
    commit_shards(control, SHARD_REVOKED);
    for (int i = 0; i < dispatcher->loop_count; i++)
        loop_release(dispatcher->loops[i], &released->release);
}

static void use_snapshot(struct control *control, const struct snapshot *snapshot)
{
    merge(control, snapshot);
    if (snapshot->final) {
        release_shards(control);
    } else {
        control->collecting = false;
        commit_shards(control, SHARD_LIVE);
    }
}

/* @locality control thread */
static void on_snapshot(struct task *task, void *owner)
{
    struct snapshot *snapshot = CONTAINER_OF(task, struct snapshot, task);
    struct control *control = owner;
    /* One that comes after control has stopped is only freed: the loops may be gone. */
    if (!control->closed)
        use_snapshot(control, snapshot);
    pthread_mutex_destroy(&snapshot->collection.lock);
    free(snapshot->collection.items);
    free(snapshot);
}

/* @locality the last loop's thread */
static void on_collected(struct collection *collection)
{
    struct snapshot *snapshot = CONTAINER_OF(collection, struct snapshot, collection);
    mailbox_post(&snapshot->control->mailbox, &snapshot->task);
}

static struct snapshot *snapshot_new(struct control *control, int answers)
{
    struct snapshot *snapshot =
        xcalloc(1, sizeof(*snapshot) + (size_t)control->shard_count * sizeof(snapshot->folded[0]));
    snapshot->control = control;
    snapshot->task.run = on_snapshot;
    snapshot->serial = ++control->serial;
    snapshot->collection.done = on_collected;
    atomic_init(&snapshot->collection.waiting, answers);
    pthread_mutex_init(&snapshot->collection.lock, NULL);
    for (int32_t i = 0; i < control->shard_count; i++)
        snapshot->folded[i] = control->shards[i] ? control->shards[i]->folded : 0;
    return snapshot;
}

static void collect(struct control *control)
{
    struct dispatcher *dispatcher = control->dispatcher;
    struct snapshot *snapshot = snapshot_new(control, dispatcher->loop_count);
    control->collecting = true;
    for (int i = 0; i < dispatcher->loop_count; i++)
        loop_collect(dispatcher->loops[i], &snapshot->collection);
}

static void on_committed(void *context, struct shard *shard, const struct error *error)
{
    struct control *control = context;
    counter_add(error ? control->dispatcher->metrics.commits_failed
                      : control->dispatcher->metrics.commits,
                1);
    if (error)
        log_warning("dispatcher.commit_failed", LOG_INT("shard", shard->number),
                    LOG_STR("reason", error->message));
}

/* --- membership --- */

static bool owns_shards(const struct control *control)
{
    for (int32_t i = 0; i < control->shard_count; i++)
        if (control->shards[i])
            return true;
    return false;
}

static void check_membership(struct control *control)
{
    char *member_id = owns_shards(control) ? rd_kafka_memberid(control->rk) : NULL;
    if (!member_id)
        return;
    shard_offsets_check_member(control->offsets, control->dispatcher->names.group_dispatchers,
                               member_id);
    control->checking = true;
    rd_kafka_mem_free(control->rk, member_id);
}

static void on_checked(void *context, int64_t sent_ms, const struct error *error)
{
    struct control *control = context;
    struct dispatcher *dispatcher = control->dispatcher;
    control->checking = false;
    if (error) {
        log_warning("dispatcher.membership_unconfirmed", LOG_STR("reason", error->message));
        return;
    }
    bool was_out = clock_monotonic_ms() >= atomic_load(&dispatcher->member_until_ms);
    atomic_store(&dispatcher->member_until_ms, sent_ms + dispatcher->config.kafka.session_timeout);
    if (was_out)
        for (int i = 0; i < dispatcher->loop_count; i++)
            loop_resume(dispatcher->loops[i]);
}

/* --- rebalances --- */

static void forget(rd_kafka_error_t *error, const char *what)
{
    if (!error)
        return;
    log_warning("dispatcher.rebalance_problem", LOG_STR("call", what),
                LOG_STR("reason", rd_kafka_error_string(error)));
    rd_kafka_error_destroy(error);
}

static void on_assigned(struct control *control, rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        int32_t number = list->elems[i].partition;
        list->elems[i].offset = RD_KAFKA_OFFSET_BEGINNING;
        if (number >= control->shard_count) {
            log_error("dispatcher.failed",
                      LOG_STR("reason", "the state topic got more partitions: restart"));
            atomic_store(&control->dead, true);
            continue;
        }
        ENSURE(!control->shards[number]);
        control->shards[number] = shard_new(number);
        control->shards[number]->born = control->serial;
        control->shards[number]->incarnation = ++control->incarnations;
    }
    forget(rd_kafka_incremental_assign(control->rk, list), "assign");
    control->next_check_ms = 0;
    update_ready(control, true);
}

static void drop_shards(struct control *control, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        int32_t number = list->elems[i].partition;
        if (!shard_of(control, number))
            continue;
        shard_free(control->shards[number]);
        control->shards[number] = NULL;
    }
}

/** Tells all loops to give up the shards of `list`; their positions come as a final snapshot. */
static void give_up_shards(struct control *control, const rd_kafka_topic_partition_list_t *list,
                           bool drain)
{
    struct dispatcher *dispatcher = control->dispatcher;
    struct snapshot *snapshot = snapshot_new(control, list->cnt * dispatcher->loop_count);
    snapshot->final = true;
    for (int i = 0; i < list->cnt; i++) {
        struct shard *shard = shard_of(control, list->elems[i].partition);
        if (shard)
            shard->phase = SHARD_REVOKED;
        for (int loop = 0; loop < dispatcher->loop_count; loop++)
            loop_revoke(dispatcher->loops[loop], list->elems[i].partition, drain,
                        &snapshot->collection);
    }
}

static void on_revoked(struct control *control, rd_kafka_topic_partition_list_t *list)
{
    bool lost = rd_kafka_assignment_lost(control->rk);
    log_info(lost ? "dispatcher.shards_lost" : "dispatcher.shards_revoked",
             LOG_INT("count", list->cnt));
    if (lost)
        atomic_store(&control->dispatcher->member_until_ms, 0);
    control->handover = rd_kafka_topic_partition_list_copy(list);
    control->handover_drained = list->cnt == 0;
    control->handover_deadline_ms =
        clock_monotonic_ms() + control->dispatcher->config.dispatcher.shutdown_grace;
    if (list->cnt > 0)
        give_up_shards(control, list, !lost);
    if (lost)
        drop_shards(control, list); /* so that what the loops report is not committed */
}

/** Whether all that the shards' next owners should know is in Kafka. */
static bool is_committed(struct control *control)
{
    if (rd_kafka_outq_len(kafka_producer_handle(control->dispatcher->producer)) > 0)
        return false; /* positions of those that are ahead of the commit */
    for (int i = 0; i < control->handover->cnt; i++) {
        const struct shard *shard = shard_of(control, control->handover->elems[i].partition);
        if (shard && (shard->committing || shard_offsets_pending(shard)))
            return false;
    }
    return true;
}

/** Gives the shards back: what librdkafka waits for. */
static void finish_handover(struct control *control)
{
    rd_kafka_topic_partition_list_t *list = control->handover;
    control->handover = NULL;
    drop_shards(control, list);
    forget(rd_kafka_incremental_unassign(control->rk, list), "unassign");
    rd_kafka_topic_partition_list_destroy(list);
    update_ready(control, false);
}

/** Gives the shards back once everything is committed, or time is up. */
static void continue_handover(struct control *control, int64_t now)
{
    if (!control->handover || !control->handover_drained)
        return;                            /* draining is bounded by the loops */
    commit_shards(control, SHARD_REVOKED); /* a commit that was under way may have been older */
    if (is_committed(control) || now >= control->handover_deadline_ms)
        finish_handover(control);
}

static void on_rebalance(struct control *control, rd_kafka_event_t *event)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
    counter_add(control->dispatcher->metrics.rebalances, 1);
    if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        log_info("dispatcher.shards_assigned", LOG_INT("count", list->cnt));
        on_assigned(control, list);
    } else {
        on_revoked(control, list);
    }
}

/* --- the thread --- */

static void on_event(struct control *control, rd_kafka_event_t *event)
{
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_FETCH:
        on_fetch(control, event);
        break;
    case RD_KAFKA_EVENT_REBALANCE:
        on_rebalance(control, event);
        break;
    case RD_KAFKA_EVENT_ERROR:
        on_error(control, event);
        break;
    default:
        break;
    }
}

static void serve(struct control *control, int timeout_ms)
{
    /* Answers about offsets come on a queue of their own. */
    if (shard_offsets_poll(control->offsets) > 0)
        timeout_ms = BUSY_POLL_MS;
    rd_kafka_event_t *event = rd_kafka_queue_poll(control->queue, timeout_ms);
    while (event) {
        on_event(control, event);
        rd_kafka_event_destroy(event);
        event = rd_kafka_queue_poll(control->queue, 0);
        if (event && control->mailbox.first)
            mailbox_run(&control->mailbox, control);
    }
    mailbox_run(&control->mailbox, control);
    continue_handover(control, clock_monotonic_ms());
}

static void run_timers(struct control *control)
{
    const struct config *config = &control->dispatcher->config;
    int64_t now = clock_monotonic_ms();
    continue_takeovers(control, now);
    if (now >= control->next_check_ms && !control->checking) {
        check_membership(control);
        control->next_check_ms = now + config->kafka.session_timeout / 4;
    }
    if (now >= control->next_collect_ms && !control->collecting) {
        collect(control);
        control->next_collect_ms = now + config->dispatcher.commit_interval;
    }
}

static void *control_main(void *context)
{
    struct control *control = context;
    while (!atomic_load(&control->stopping) && !atomic_load(&control->dead)) {
        serve(control, POLL_MS);
        run_timers(control);
    }
    /* Leaving the group revokes everything in the usual way. */
    int64_t deadline =
        clock_monotonic_ms() + control->dispatcher->config.dispatcher.shutdown_grace + CLOSE_MS;
    forget(rd_kafka_consumer_close_queue(control->rk, control->queue), "close");
    while (!rd_kafka_consumer_closed(control->rk) && clock_monotonic_ms() < deadline)
        serve(control, POLL_MS);
    /* librdkafka cannot be destroyed while it waits for an answer to a revocation. */
    if (control->handover)
        finish_handover(control);
    deadline = clock_monotonic_ms() + CLOSE_MS;
    while (!rd_kafka_consumer_closed(control->rk) && clock_monotonic_ms() < deadline)
        serve(control, POLL_MS);
    control->closed = true;
    return NULL;
}

static void wake(void *context)
{
    struct control *control = context;
    rd_kafka_queue_yield(control->queue);
}

static void configure(rd_kafka_conf_t *conf)
{
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_ERROR);
}

static int join(struct control *control, struct error *error)
{
    const struct config *config = &control->dispatcher->config;
    char session[24], heartbeat[24];
    snprintf(session, sizeof(session), "%" PRId64, config->kafka.session_timeout);
    snprintf(heartbeat, sizeof(heartbeat), "%" PRId64, config->kafka.session_timeout / 4);
    const struct kafka_property properties[] = {
        {"group.id", control->dispatcher->names.group_dispatchers},
        {"partition.assignment.strategy", "cooperative-sticky"},
        {"session.timeout.ms", session},
        {"heartbeat.interval.ms", heartbeat},
        {NULL, NULL},
    };
    control->rk =
        kafka_client_new(config, RD_KAFKA_CONSUMER, properties, configure, control, error);
    if (!control->rk)
        return -1;
    rd_kafka_poll_set_consumer(control->rk);
    control->queue = rd_kafka_queue_get_consumer(control->rk);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, control->dispatcher->names.state,
                                      RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(control->rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : kafka_error(error, code, "subscribe");
}

struct control *control_new(struct dispatcher *dispatcher, struct error *error)
{
    struct control *control = xcalloc(1, sizeof(*control));
    control->dispatcher = dispatcher;
    control->shard_count = dispatcher->layout.partitions;
    control->shards = xcalloc((size_t)control->shard_count, sizeof(*control->shards));
    mailbox_init(&control->mailbox, wake, control);
    const struct shard_offsets_callbacks callbacks = {
        .find = find_shard,
        .fetched = on_offsets_fetched,
        .committed = on_committed,
        .checked = on_checked,
        .context = control,
    };
    control->offsets = shard_offsets_new(&dispatcher->config, dispatcher->names.group_shard_prefix,
                                         &control->channels, &callbacks, error);
    if (!control->offsets || join(control, error) != 0) {
        control_free(control);
        return NULL;
    }
    if (pthread_create(&control->thread, NULL, control_main, control) != 0)
        PANIC("no control thread");
    return control;
}

bool control_is_ready(struct control *control)
{
    return atomic_load(&control->ready);
}

bool control_is_alive(struct control *control)
{
    return !atomic_load(&control->dead);
}

void control_stop(struct control *control)
{
    atomic_store(&control->stopping, true);
    wake(control);
    pthread_join(control->thread, NULL);
}

void control_free(struct control *control)
{
    if (!control)
        return;
    mailbox_run(&control->mailbox, control); /* a snapshot that came too late */
    mailbox_fini(&control->mailbox);
    if (control->queue)
        rd_kafka_queue_destroy(control->queue);
    if (control->rk)
        rd_kafka_destroy_flags(control->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    shard_offsets_free(control->offsets);
    if (control->handover)
        rd_kafka_topic_partition_list_destroy(control->handover);
    for (int32_t i = 0; i < control->shard_count; i++)
        if (control->shards[i])
            shard_free(control->shards[i]);
    free(control->shards);
    channels_fini(&control->channels);
    free(control);
}
