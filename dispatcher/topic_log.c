#include "dispatcher/topic_log.h"

#include <stdlib.h>

#include "common/panic.h"

enum { INITIAL_CAPACITY = 16 };

struct topic_log *topic_log_new(struct channel *channel, char *link_header)
{
    struct topic_log *log = xcalloc(1, sizeof(*log));
    log->channel = channel;
    log->link_header = link_header;
    return log;
}

static struct log_entry *entry_at(const struct topic_log *log, uint64_t number)
{
    return &log->ring[number & (log->capacity - 1)];
}

static void drop_first(struct topic_log *log)
{
    struct log_entry *entry = entry_at(log, log->first);
    log->bytes -= entry->message->cost;
    log->base = entry->message->offset + 1;
    message_release(entry->message);
    entry->message = NULL;
    log->first++;
}

/** Entries are passed in order by each reader, so the oldest ones become free first. */
static void trim(struct topic_log *log)
{
    while (log->first < log->next && entry_at(log, log->first)->readers == 0)
        drop_first(log);
}

void topic_log_free(struct topic_log *log)
{
    while (log->first < log->next)
        drop_first(log);
    free(log->ring);
    free(log->link_header);
    free(log);
}

static void grow(struct topic_log *log)
{
    size_t capacity = log->capacity ? log->capacity * 2 : INITIAL_CAPACITY;
    struct log_entry *ring = xcalloc(capacity, sizeof(*ring));
    for (uint64_t i = log->first; i < log->next; i++)
        ring[i & (capacity - 1)] = *entry_at(log, i);
    free(log->ring);
    log->ring = ring;
    log->capacity = capacity;
}

void topic_log_append(struct topic_log *log, struct message *message)
{
    if (log->readers == 0) {
        log->base = message->offset + 1;
        message_release(message);
        log->first = ++log->next;
        return;
    }
    if (log->next - log->first == log->capacity)
        grow(log);
    struct log_entry *entry = entry_at(log, log->next++);
    entry->message = message;
    entry->readers = log->readers;
    log->bytes += message->cost;
}

uint64_t topic_log_join(struct topic_log *log, int64_t offset)
{
    uint64_t number = log->next;
    while (number > log->first && entry_at(log, number - 1)->message->offset >= offset)
        entry_at(log, --number)->readers++;
    log->readers++;
    return number;
}

struct message *topic_log_get(const struct topic_log *log, uint64_t number)
{
    ENSURE(number >= log->first);
    return number < log->next ? entry_at(log, number)->message : NULL;
}

void topic_log_pass(struct topic_log *log, uint64_t number)
{
    ENSURE(number >= log->first && number < log->next);
    entry_at(log, number)->readers--;
    trim(log);
}

void topic_log_leave(struct topic_log *log, uint64_t number)
{
    for (uint64_t i = number; i < log->next; i++)
        entry_at(log, i)->readers--;
    log->readers--;
    trim(log);
}
