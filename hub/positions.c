/*
 * Invariant: a commit is only put together with a state at least as new as the one that it was made
 * with (common/position.h). So a question first gets its commit, then waits until the view has come
 * as far, and only then looks into the catalog.
 */
#include "hub/positions.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "common/clock.h"
#include "common/kafka_name.h"
#include "common/panic.h"
#include "hub/commit_reader.h"

enum { MAX_WAITING = 1000, REMEMBER_MS = 1000, POLL_MS = 5, PATIENCE_MS = 10000 };

/* A coordinator may be about to move, or to load: for so long it is asked again. */
enum { RIDE_OVER_MS = 3000, ASK_AGAIN_MS = 50 };

enum { KEY_SIZE = KAFKA_NAME_MAX + 32 };

struct known_commit {
    struct shard_commit commit;
    int64_t at_ms;
    UT_hash_handle hh;
    char key[KEY_SIZE];
};

struct positions {
    const struct kafka_layout *layout;
    struct catalog *catalog;
    struct view *view;
    pthread_t thread;
    struct commit_reader *reader; /* the thread's, as is what follows */
    struct known_commit *known;
    struct position_question *open; /* taken over from `asked` */

    pthread_mutex_t lock; /* what follows */
    pthread_cond_t work;
    bool stopping;
    struct position_question *asked;
    int count; /* of asked and open */
};

/* --- what was committed lately --- */

static void write_key(char key[KEY_SIZE], int32_t shard, const char *kafka_topic, int32_t partition)
{
    snprintf(key, KEY_SIZE, "%d/%d/%s", (int)shard, (int)partition, kafka_topic);
}

static const struct known_commit *find_known(struct positions *positions, int32_t shard,
                                             const struct location *location)
{
    char key[KEY_SIZE];
    struct known_commit *known;
    write_key(key, shard, location->kafka_topic, location->partition);
    HASH_FIND_STR(positions->known, key, known);
    return known && known->at_ms + REMEMBER_MS > clock_monotonic_ms() ? known : NULL;
}

/** They were added in the order of their times. */
static void forget_old(struct positions *positions, int64_t before_ms)
{
    struct known_commit *known, *next;
    HASH_ITER(hh, positions->known, known, next)
    {
        if (known->at_ms > before_ms)
            break;
        HASH_DEL(positions->known, known);
        free(known);
    }
}

static void on_found(void *context, const struct commit_request *request, const char *kafka_topic,
                     int32_t partition, const struct shard_commit *commit)
{
    struct positions *positions = context;
    char key[KEY_SIZE];
    struct known_commit *known;
    write_key(key, request->shard, kafka_topic, partition);
    HASH_FIND_STR(positions->known, key, known);
    if (known) {
        HASH_DEL(positions->known, known);
        free(known);
    }
    known = xcalloc(1, sizeof(*known));
    strcpy(known->key, key);
    known->commit = *commit;
    known->at_ms = clock_monotonic_ms(); /* not when it was asked for: answers can take long */
    HASH_ADD_STR(positions->known, key, known);
}

/* --- questions --- */

static void settle(struct positions *positions, struct position_question *question,
                   const struct error *error)
{
    DL_DELETE2(positions->open, question, previous, following);
    pthread_mutex_lock(&positions->lock);
    positions->count--;
    pthread_mutex_unlock(&positions->lock);
    question->done(question, error);
}

static void on_settled(void *context, const struct commit_request *request,
                       const struct error *error)
{
    struct positions *positions = context;
    struct position_question *question, *next;
    int64_t now = clock_monotonic_ms();
    bool may_pass = error && error->code == ERROR_UNAVAILABLE;
    DL_FOREACH_SAFE2(positions->open, question, next, following)
    {
        if (question->request != request)
            continue;
        question->request = NULL;
        if (may_pass && now - question->asked_ms < RIDE_OVER_MS)
            question->not_before_ms = now + ASK_AGAIN_MS;
        else if (error)
            settle(positions, question, error);
    }
}

static void refuse(struct positions *positions, struct position_question *question,
                   enum error_code code, const char *reason)
{
    struct error error;
    error_set(&error, code, code != ERROR_NOT_FOUND, "%s", reason);
    settle(positions, question, &error);
}

/** Copies from the catalog once more; a commit of another place than it is at now is dropped. */
static bool look_up(struct positions *positions, struct position_question *question)
{
    struct catalog_subscription *subscription = &question->subscription;
    struct location before = subscription->location;
    subscription->location.kafka_topic = NULL;
    catalog_subscription_fini(subscription);
    bool found = catalog_get(positions->catalog, question->id, subscription);
    question->has_commit = question->has_commit && location_equal(&before, &subscription->location);
    location_fini(&before);
    return found;
}

/** Whether only the record in the state tells where it stands. */
static bool stands_alone(const struct catalog_subscription *subscription)
{
    return subscription->position.detached || !subscription->location.kafka_topic;
}

static void find_commit(struct positions *positions, struct position_question *question)
{
    const struct known_commit *known =
        find_known(positions, question->shard, &question->subscription.location);
    question->has_commit = known != NULL;
    if (known)
        question->commit = known->commit;
}

/** Whether the answer is known now, and is filled in. */
static bool answer(struct positions *positions, struct position_question *question)
{
    const struct catalog_subscription *subscription = &question->subscription;
    if (stands_alone(subscription)) {
        question->next = subscription->position.offset;
        return true;
    }
    if (!question->has_commit)
        find_commit(positions, question);
    if (!question->has_commit ||
        view_folded(positions->view, question->shard) < question->commit.folded)
        return false;
    /* Once more: what was copied may be from before the view was new enough. */
    if (!look_up(positions, question) || !question->has_commit)
        return false;
    question->next = position_resume(&subscription->position, &question->commit);
    return true;
}

/** Takes the question as far as it goes without asking Kafka; may settle it. */
static void advance(struct positions *positions, struct position_question *question, int64_t now)
{
    if (!look_up(positions, question))
        refuse(positions, question, ERROR_NOT_FOUND, "no such subscription");
    else if (answer(positions, question))
        settle(positions, question, NULL);
    else if (now > question->deadline_ms)
        refuse(positions, question, ERROR_TIMEOUT, "the hub's state is not up to date yet");
}

static bool needs_commit(const struct position_question *question)
{
    return !question->has_commit && !question->request &&
           question->subscription.location.kafka_topic &&
           clock_monotonic_ms() >= question->not_before_ms;
}

/** Asks for the commits that the shard's questions need, in one request. */
static void ask_for_shard(struct positions *positions, int32_t shard)
{
    struct position_question *question, *next;
    struct error error;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    DL_FOREACH2(positions->open, question, following)
    {
        const struct location *at = &question->subscription.location;
        if (question->shard != shard || !needs_commit(question))
            continue;
        if (!rd_kafka_topic_partition_list_find(list, at->kafka_topic, at->partition))
            rd_kafka_topic_partition_list_add(list, at->kafka_topic, at->partition);
    }
    struct commit_request *request = commit_reader_ask(positions->reader, shard, list, &error);
    rd_kafka_topic_partition_list_destroy(list);
    DL_FOREACH_SAFE2(positions->open, question, next, following)
    {
        if (question->shard != shard || !needs_commit(question))
            continue;
        question->request = request;
        if (!request)
            settle(positions, question, &error);
    }
}

static const struct position_question *next_without_commit(const struct positions *positions)
{
    const struct position_question *question;
    DL_FOREACH2(positions->open, question, following)
    {
        if (needs_commit(question))
            return question;
    }
    return NULL;
}

static void serve(struct positions *positions)
{
    struct position_question *question, *next;
    const struct position_question *wanting;
    int64_t now = clock_monotonic_ms();
    DL_FOREACH_SAFE2(positions->open, question, next, following)
    {
        if (!question->request)
            advance(positions, question, now);
    }
    while ((wanting = next_without_commit(positions)))
        ask_for_shard(positions, wanting->shard);
    forget_old(positions, now - REMEMBER_MS);
}

/** Call with the lock held. */
static void open_asked(struct positions *positions)
{
    struct position_question *question, *next;
    DL_FOREACH_SAFE2(positions->asked, question, next, following)
    {
        DL_DELETE2(positions->asked, question, previous, following);
        DL_APPEND2(positions->open, question, previous, following);
    }
}

/** Waits for questions unless some are open; false: it is to stop. */
static bool take_asked(struct positions *positions)
{
    pthread_mutex_lock(&positions->lock);
    while (!positions->asked && !positions->open && !positions->stopping)
        pthread_cond_wait(&positions->work, &positions->lock);
    bool going_on = !positions->stopping;
    open_asked(positions);
    pthread_mutex_unlock(&positions->lock);
    return going_on;
}

/* @locality the positions' thread */
static void *run(void *context)
{
    struct positions *positions = context;
    while (take_asked(positions)) {
        serve(positions);
        if (positions->open)
            commit_reader_poll(positions->reader, POLL_MS);
    }
    return NULL;
}

struct positions *positions_new(const struct config *config, const struct kafka_names *names,
                                const struct kafka_layout *layout, struct catalog *catalog,
                                struct view *view)
{
    struct positions *positions = xcalloc(1, sizeof(*positions));
    positions->layout = layout;
    positions->catalog = catalog;
    positions->view = view;
    positions->reader =
        commit_reader_new(config, names->group_shard_prefix, on_found, on_settled, positions);
    pthread_mutex_init(&positions->lock, NULL);
    pthread_cond_init(&positions->work, NULL);
    if (pthread_create(&positions->thread, NULL, run, positions) != 0)
        PANIC("no thread for the positions");
    return positions;
}

void positions_free(struct positions *positions)
{
    struct position_question *question, *next;
    if (!positions)
        return;
    pthread_mutex_lock(&positions->lock);
    positions->stopping = true;
    pthread_cond_signal(&positions->work);
    pthread_mutex_unlock(&positions->lock);
    pthread_join(positions->thread, NULL);
    commit_reader_free(positions->reader);
    open_asked(positions);
    DL_FOREACH_SAFE2(positions->open, question, next, following)
    {
        refuse(positions, question, ERROR_UNAVAILABLE, "the hub is stopping");
    }
    forget_old(positions, INT64_MAX - 1);
    pthread_mutex_destroy(&positions->lock);
    pthread_cond_destroy(&positions->work);
    free(positions);
}

int positions_ask(struct positions *positions, struct position_question *question,
                  struct error *error)
{
    int result = 0;
    char *key = id_subscription_key(question->id);
    question->shard = id_partition(key, strlen(key), positions->layout->partitions);
    free(key);
    question->asked_ms = clock_monotonic_ms();
    question->deadline_ms = question->asked_ms + PATIENCE_MS;
    question->not_before_ms = 0;
    question->has_commit = false;
    question->request = NULL;
    memset(&question->subscription, 0, sizeof(question->subscription));
    pthread_mutex_lock(&positions->lock);
    if (positions->stopping) {
        result = error_set(error, ERROR_UNAVAILABLE, true, "the hub is stopping");
    } else if (positions->count == MAX_WAITING) {
        result = error_set(error, ERROR_RESOURCE, true, "too many ask for positions");
    } else {
        DL_APPEND2(positions->asked, question, previous, following);
        positions->count++;
        pthread_cond_signal(&positions->work);
    }
    pthread_mutex_unlock(&positions->lock);
    return result;
}
