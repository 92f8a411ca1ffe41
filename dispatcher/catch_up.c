#include "dispatcher/catch_up.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/panic.h"
#include "dispatcher/loop.h"
#include "dispatcher/range_reader.h"

/* A request that continues where a reader stands may go before others for so long. */
enum { PREFERENCE_MS = 50, IDLE_MS = 50, MEMORY_POLL_MS = 5, MAX_READERS = 16 };

struct reader {
    struct catch_up *catch_up;
    struct range_reader *range;
    pthread_t thread;
    bool started;
    pthread_cond_t work;
    bool idle; /* guarded by the lock; then `range` is at rest */
};

struct catch_up {
    struct dispatcher *dispatcher;
    int reader_count;
    struct reader readers[MAX_READERS];
    atomic_bool stopping;
    pthread_mutex_t lock;
    /* guarded by the lock */
    struct chunk *queue;
    struct chunk *probes;
    size_t waiting;
};

struct chunk *chunk_new(size_t capacity)
{
    struct chunk *chunk = xcalloc(1, sizeof(*chunk) + capacity * sizeof(chunk->messages[0]));
    chunk->capacity = capacity;
    return chunk;
}

/** Behind the messages of a chunk, and freed with it. */
struct letters_channel {
    struct channel channel;
    char id[ID_HEX_SIZE];
};

struct chunk *chunk_new_letters(size_t capacity, struct message_partition *partition,
                                const char *subscription_id, const struct message_partition *origin)
{
    struct chunk *chunk = xcalloc(1, sizeof(*chunk) + capacity * sizeof(chunk->messages[0]) +
                                         sizeof(struct letters_channel));
    struct letters_channel *letters = (struct letters_channel *)&chunk->messages[capacity];
    memcpy(letters->id, subscription_id, ID_HEX_SIZE);
    letters->channel.partition = partition;
    letters->channel.topic = letters->id;
    chunk->channel = &letters->channel;
    chunk->capacity = capacity;
    chunk->origin = origin;
    return chunk;
}

/* @locality the loop's thread */
static void on_answered(struct task *task, void *owner)
{
    loop_on_chunk(owner, CONTAINER_OF(task, struct chunk, task));
}

static void answer(struct catch_up *catch_up, struct chunk *chunk)
{
    chunk->answered_ms = clock_monotonic_ms();
    chunk->task.run = on_answered;
    loop_post(catch_up->dispatcher->loops[chunk->loop], &chunk->task);
}

/* --- choosing what to read next; all with the lock --- */

/** The first request, or one that goes on where the reader stands if the first can wait. */
static struct chunk *choose(struct chunk *queue, const struct range_reader *range)
{
    struct chunk *chunk;
    if (!queue || clock_monotonic_ms() - queue->requested_ms > PREFERENCE_MS)
        return queue;
    LL_FOREACH(queue, chunk)
    {
        if (range_reader_stands_at(range, chunk->channel->partition, chunk->from))
            return chunk;
    }
    return queue;
}

static struct chunk *take_request(struct catch_up *catch_up, const struct range_reader *range)
{
    const struct memory_account *memory = &catch_up->dispatcher->catch_up_account;
    struct chunk *chunk = NULL;
    if (catch_up->queue && !memory_is_used_up(memory)) {
        chunk = choose(catch_up->queue, range);
        LL_DELETE(catch_up->queue, chunk);
    } else if (catch_up->probes && !memory_is_tight(memory)) {
        chunk = choose(catch_up->probes, range);
        LL_DELETE(catch_up->probes, chunk);
    }
    if (chunk)
        gauge_set(catch_up->dispatcher->metrics.catch_up_waiting, (int64_t)--catch_up->waiting);
    return chunk;
}

/* --- sharing what was read; with the lock --- */

/** Answers `request` with what has been read for `chunk`, as far as that goes. */
static void fill_from(struct chunk *request, const struct chunk *chunk)
{
    int64_t end = chunk->next_offset < request->to ? chunk->next_offset : request->to;
    for (size_t i = 0; i < chunk->count && chunk->messages[i]->offset < end; i++) {
        if (chunk->messages[i]->offset < request->from)
            continue;
        if (request->count == request->capacity) {
            end = chunk->messages[i]->offset;
            break;
        }
        request->messages[request->count++] = message_hold(chunk->messages[i]);
    }
    request->next_offset = end;
}

/**
 * Whoever waits for the same messages gets them, too: after a fail-over, or when a host with many
 * subscriptions is back, many continue at nearly the same place.
 */
static void share(struct catch_up *catch_up, struct chunk **queue, const struct chunk *chunk)
{
    struct chunk *request, *next;
    LL_FOREACH_SAFE(*queue, request, next)
    {
        if (request->channel != chunk->channel || request->from < chunk->from ||
            request->from >= chunk->next_offset)
            continue;
        LL_DELETE(*queue, request);
        catch_up->waiting--;
        fill_from(request, chunk);
        answer(catch_up, request);
    }
}

/* --- waiting --- */

/** False: nothing came. */
static bool wait_for_work(struct reader *reader, int64_t timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return pthread_cond_timedwait(&reader->work, &reader->catch_up->lock, &until) == 0;
}

/** Waits until there may be something to read. */
static void idle(struct reader *reader)
{
    struct catch_up *catch_up = reader->catch_up;
    reader->idle = true;
    if (catch_up->queue || catch_up->probes)
        wait_for_work(reader, MEMORY_POLL_MS); /* memory is freed by any thread */
    else if (!range_reader_is_open(reader->range))
        pthread_cond_wait(&reader->work, &catch_up->lock);
    else if (!wait_for_work(reader, IDLE_MS) && !catch_up->queue && !catch_up->probes)
        range_reader_close(reader->range);
    reader->idle = false;
}

/** Wakes an idle reader, the one that can simply go on if there is one. */
static void wake_reader_for(struct catch_up *catch_up, const struct chunk *chunk)
{
    struct reader *chosen = NULL;
    for (int i = 0; i < catch_up->reader_count; i++) {
        struct reader *reader = &catch_up->readers[i];
        if (!reader->idle)
            continue;
        if (!chosen || !range_reader_is_open(reader->range))
            chosen = reader;
        if (range_reader_stands_at(reader->range, chunk->channel->partition, chunk->from)) {
            chosen = reader;
            break;
        }
    }
    if (chosen)
        pthread_cond_signal(&chosen->work);
}

/* --- the pool --- */

static void *reader_main(void *context)
{
    struct reader *reader = context;
    struct catch_up *catch_up = reader->catch_up;
    pthread_mutex_lock(&catch_up->lock);
    while (!atomic_load(&catch_up->stopping)) {
        struct chunk *chunk = take_request(catch_up, reader->range);
        if (!chunk) {
            idle(reader);
            continue;
        }
        pthread_mutex_unlock(&catch_up->lock);
        range_reader_read(reader->range, chunk);
        pthread_mutex_lock(&catch_up->lock);
        share(catch_up, &catch_up->queue, chunk);
        share(catch_up, &catch_up->probes, chunk);
        answer(catch_up, chunk);
    }
    pthread_mutex_unlock(&catch_up->lock);
    return NULL;
}

void catch_up_request(struct catch_up *catch_up, struct chunk *chunk)
{
    chunk->next = NULL;
    chunk->requested_ms = clock_monotonic_ms();
    pthread_mutex_lock(&catch_up->lock);
    if (chunk->probing)
        LL_APPEND(catch_up->probes, chunk);
    else
        LL_APPEND(catch_up->queue, chunk);
    gauge_set(catch_up->dispatcher->metrics.catch_up_waiting, (int64_t)++catch_up->waiting);
    wake_reader_for(catch_up, chunk);
    pthread_mutex_unlock(&catch_up->lock);
}

static int start_reader(struct catch_up *catch_up, struct reader *reader, struct error *error)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&reader->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    reader->catch_up = catch_up;
    reader->range =
        range_reader_new(&catch_up->dispatcher->config, &catch_up->dispatcher->catch_up_account,
                         &catch_up->stopping, catch_up->dispatcher->metrics.malformed, error);
    if (!reader->range)
        return -1;
    if (pthread_create(&reader->thread, NULL, reader_main, reader) != 0)
        PANIC("no thread for a catch-up reader");
    reader->started = true;
    return 0;
}

struct catch_up *catch_up_new(struct dispatcher *dispatcher, struct error *error)
{
    struct catch_up *catch_up = xcalloc(1, sizeof(*catch_up));
    int64_t wanted = dispatcher->config.dispatcher.catch_up_readers;
    catch_up->dispatcher = dispatcher;
    pthread_mutex_init(&catch_up->lock, NULL);
    for (; catch_up->reader_count < wanted && catch_up->reader_count < MAX_READERS;
         catch_up->reader_count++) {
        if (start_reader(catch_up, &catch_up->readers[catch_up->reader_count], error) != 0) {
            catch_up_stop(catch_up);
            catch_up_free(catch_up);
            return NULL;
        }
    }
    return catch_up;
}

static void answer_failed(struct catch_up *catch_up, struct chunk *queue)
{
    struct chunk *chunk, *next;
    LL_FOREACH_SAFE(queue, chunk, next)
    {
        chunk->failed = true;
        answer(catch_up, chunk);
    }
}

void catch_up_stop(struct catch_up *catch_up)
{
    pthread_mutex_lock(&catch_up->lock);
    atomic_store(&catch_up->stopping, true);
    for (int i = 0; i < catch_up->reader_count; i++)
        pthread_cond_signal(&catch_up->readers[i].work);
    pthread_mutex_unlock(&catch_up->lock);
    for (int i = 0; i < catch_up->reader_count; i++)
        if (catch_up->readers[i].started)
            pthread_join(catch_up->readers[i].thread, NULL);
    answer_failed(catch_up, catch_up->queue);
    answer_failed(catch_up, catch_up->probes);
    catch_up->queue = catch_up->probes = NULL;
}

/** What was asked for after the stop: nobody waits any more. */
static void drop(struct chunk *queue)
{
    struct chunk *chunk, *next;
    LL_FOREACH_SAFE(queue, chunk, next)
    {
        free(chunk);
    }
}

void catch_up_free(struct catch_up *catch_up)
{
    if (!catch_up)
        return;
    drop(catch_up->queue);
    drop(catch_up->probes);
    for (int i = 0; i < catch_up->reader_count; i++) {
        range_reader_free(catch_up->readers[i].range);
        pthread_cond_destroy(&catch_up->readers[i].work);
    }
    pthread_mutex_destroy(&catch_up->lock);
    free(catch_up);
}
