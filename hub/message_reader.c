#include "hub/message_reader.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/clock.h"
#include "common/id.h"
#include "common/panic.h"
#include "hub/message_row.h"
#include "hub/message_scan.h"

enum { MAX_WAITING = 64, MAX_WAIT_MS = 5000 };

#define TOO_MANY "too many want to read messages"

struct message_reader {
    const struct config *config;
    pthread_t *threads;
    int thread_count;
    atomic_bool stopping;
    pthread_mutex_t lock; /* what follows */
    pthread_cond_t work;
    struct message_read *waiting; /* oldest first */
    int waiting_count;
};

void message_read_fini(struct message_read *read)
{
    for (size_t i = 0; i < read->count; i++)
        message_row_fini(&read->rows[i]);
    free(read->rows);
    read->rows = NULL;
    read->count = read->capacity = read->bytes = 0;
}

void message_read_dead_letters(struct message_read *read, const struct kafka_names *names,
                               const struct kafka_layout *layout,
                               const struct catalog_subscription *subscription)
{
    const char *id = subscription->id;
    read->kafka_topic = names->dead_letters;
    read->key = id;
    read->partition = id_partition(id, strlen(id), layout->dead_letters_partitions);
    read->origin = &subscription->location;
}

/** The next read, or NULL when the reader stops. */
static struct message_read *take_next(struct message_reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    while (!reader->waiting && !atomic_load(&reader->stopping))
        pthread_cond_wait(&reader->work, &reader->lock);
    struct message_read *read = atomic_load(&reader->stopping) ? NULL : reader->waiting;
    if (read) {
        DL_DELETE2(reader->waiting, read, previous, following);
        reader->waiting_count--;
    }
    pthread_mutex_unlock(&reader->lock);
    return read;
}

/* @locality a reader's thread */
static void *run(void *context)
{
    struct message_reader *reader = context;
    struct message_scanner *scanner = message_scanner_new(reader->config, &reader->stopping);
    struct message_read *read;
    while ((read = take_next(reader))) {
        struct error error;
        bool late = clock_monotonic_ms() - read->started_ms > MAX_WAIT_MS;
        bool failed = late ? error_set(&error, ERROR_RESOURCE, true, TOO_MANY) != 0
                           : message_scanner_read(scanner, read, &error) != 0;
        if (failed)
            message_read_fini(read);
        read->done(read, failed ? &error : NULL);
    }
    message_scanner_free(scanner);
    return NULL;
}

struct message_reader *message_reader_new(const struct config *config)
{
    struct message_reader *reader = xcalloc(1, sizeof(*reader));
    reader->config = config;
    pthread_mutex_init(&reader->lock, NULL);
    pthread_cond_init(&reader->work, NULL);
    reader->thread_count = (int)config->hub.readers;
    reader->threads = xcalloc((size_t)reader->thread_count, sizeof(*reader->threads));
    for (int i = 0; i < reader->thread_count; i++)
        if (pthread_create(&reader->threads[i], NULL, run, reader) != 0)
            PANIC("no threads for reading messages");
    return reader;
}

void message_reader_free(struct message_reader *reader)
{
    struct message_read *read, *next;
    if (!reader)
        return;
    pthread_mutex_lock(&reader->lock);
    atomic_store(&reader->stopping, true);
    pthread_cond_broadcast(&reader->work);
    pthread_mutex_unlock(&reader->lock);
    for (int i = 0; i < reader->thread_count; i++)
        pthread_join(reader->threads[i], NULL);
    DL_FOREACH_SAFE2(reader->waiting, read, next, following)
    {
        struct error error;
        DL_DELETE2(reader->waiting, read, previous, following);
        error_set(&error, ERROR_UNAVAILABLE, true, "the hub is stopping");
        read->done(read, &error);
    }
    pthread_mutex_destroy(&reader->lock);
    pthread_cond_destroy(&reader->work);
    free(reader->threads);
    free(reader);
}

int message_reader_start(struct message_reader *reader, struct message_read *read,
                         struct error *error)
{
    int result = 0;
    pthread_mutex_lock(&reader->lock);
    if (atomic_load(&reader->stopping)) {
        result = error_set(error, ERROR_UNAVAILABLE, true, "the hub is stopping");
    } else if (reader->waiting_count == MAX_WAITING) {
        result = error_set(error, ERROR_RESOURCE, true, TOO_MANY);
    } else {
        read->started_ms = clock_monotonic_ms();
        DL_APPEND2(reader->waiting, read, previous, following);
        reader->waiting_count++;
        pthread_cond_signal(&reader->work);
    }
    pthread_mutex_unlock(&reader->lock);
    return result;
}
