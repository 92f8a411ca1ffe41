/*
 * Ids are evenly spread (SHA-256), so the first bits of one choose a bucket, in which a few entries
 * lie sorted: finding, adding and going through them in order cost next to nothing, and there is no
 * table that would have to be rebuilt while others wait.
 */
#include "hub/catalog.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/panic.h"
#include "common/url.h"
#include "hub/names.h"

enum { ID_DIGITS = ID_HEX_SIZE - 1, BUCKET_DIGITS = 3, BUCKETS = 1 << (4 * BUCKET_DIGITS) };

struct entry {
    char id[ID_DIGITS];
    uint8_t status;
    int8_t method;
    bool detached;
    bool has_secret;
    uint16_t max_in_flight;
    uint16_t pending_count;
    int32_t lease_seconds;
    int32_t partition;
    const struct name *topic, *kafka_topic, *owner, *reason, *secret_key;
    int64_t created_at_ms, verified_at_ms, lease_end_ms;
    int64_t offset, set, base; /* of the position */
    int64_t settled, marked;   /* dead letters */
    char callback[];           /* and its NUL, then the secret and its NUL, if there is one */
};

struct bucket {
    struct entry **entries; /* in the order of their ids */
    size_t count;
};

struct catalog {
    atomic_size_t count;
    pthread_rwlock_t lock; /* what follows */
    struct names names;
    struct bucket buckets[BUCKETS];
};

struct catalog *catalog_new(void)
{
    struct catalog *catalog = xcalloc(1, sizeof(*catalog));
    pthread_rwlock_init(&catalog->lock, NULL);
    return catalog;
}

/* --- entries --- */

static const char *secret_text(const struct entry *entry)
{
    return entry->has_secret ? entry->callback + strlen(entry->callback) + 1 : NULL;
}

static void entry_free(struct catalog *catalog, struct entry *entry)
{
    names_leave(&catalog->names, entry->topic);
    names_leave(&catalog->names, entry->kafka_topic);
    names_leave(&catalog->names, entry->owner);
    names_leave(&catalog->names, entry->reason);
    names_leave(&catalog->names, entry->secret_key);
    if (entry->has_secret)
        explicit_bzero(entry->callback + strlen(entry->callback) + 1, strlen(secret_text(entry)));
    free(entry);
}

static struct entry *entry_new(struct catalog *catalog, const struct subscription_state *state)
{
    size_t callback = strlen(state->callback) + 1;
    size_t secret = state->secret.text ? strlen(state->secret.text) + 1 : 0;
    struct entry *entry = xcalloc(1, sizeof(*entry) + callback + secret);
    memcpy(entry->id, state->id, ID_DIGITS);
    memcpy(entry->callback, state->callback, callback);
    if (secret > 0)
        memcpy(entry->callback + callback, state->secret.text, secret);
    entry->has_secret = secret > 0;
    entry->status = (uint8_t)state->status;
    entry->method = (int8_t)state->method;
    entry->detached = state->position.detached;
    entry->max_in_flight = (uint16_t)state->max_in_flight;
    entry->pending_count = (uint16_t)state->pending_count;
    entry->lease_seconds = (int32_t)state->lease_seconds;
    entry->partition = state->location.partition;
    entry->topic = names_take(&catalog->names, state->topic);
    entry->kafka_topic = names_take(&catalog->names, state->location.kafka_topic);
    entry->owner = names_take(&catalog->names, state->owner);
    entry->reason = names_take(&catalog->names, state->reason);
    entry->secret_key = names_take(&catalog->names, state->secret.key_id);
    entry->created_at_ms = state->created_at_ms;
    entry->verified_at_ms = state->verified_at_ms;
    entry->lease_end_ms = state->lease_end_ms;
    entry->offset = state->position.offset;
    entry->set = state->position.set;
    entry->base = state->position.base;
    entry->settled = state->letters.settled;
    entry->marked = state->letters.marked;
    return entry;
}

static void copy_out(const struct entry *entry, struct catalog_subscription *out)
{
    *out = (struct catalog_subscription){
        .topic = xstrdup(name_text(entry->topic)),
        .callback = xstrdup(entry->callback),
        .status = (enum subscription_status)entry->status,
        .secret = {xstrdup_or_null(name_text(entry->secret_key)),
                   xstrdup_or_null(secret_text(entry))},
        .method = entry->method,
        .max_in_flight = entry->max_in_flight,
        .created_at_ms = entry->created_at_ms,
        .verified_at_ms = entry->verified_at_ms,
        .lease_seconds = entry->lease_seconds,
        .lease_end_ms = entry->lease_end_ms,
        .reason = xstrdup_or_null(name_text(entry->reason)),
        .owner = xstrdup_or_null(name_text(entry->owner)),
        .location = {xstrdup_or_null(name_text(entry->kafka_topic)), entry->partition},
        .position = {entry->offset, entry->set, entry->base, entry->detached},
        .letters = {.settled = entry->settled, .marked = entry->marked},
        .pending_count = entry->pending_count,
    };
    memcpy(out->id, entry->id, ID_DIGITS);
}

void catalog_subscription_fini(struct catalog_subscription *subscription)
{
    free(subscription->topic);
    free(subscription->callback);
    free(subscription->reason);
    free(subscription->owner);
    stored_secret_fini(&subscription->secret);
    location_fini(&subscription->location);
    memset(subscription, 0, sizeof(*subscription));
}

/* --- finding; call with the lock held --- */

static size_t bucket_of(const char *id)
{
    char digits[BUCKET_DIGITS + 1] = "";
    for (int i = 0; i < BUCKET_DIGITS; i++)
        digits[i] = id[i] ? id[i] : '0'; /* of a shorter cursor, padded with NULs */
    return (size_t)strtoul(digits, NULL, 16) %
           BUCKETS; /* ids are hex; whatever is not, lies in 0 */
}

/** The first entry of the bucket that is not before the id. */
static size_t lower_bound(const struct bucket *bucket, const char *id)
{
    size_t low = 0, high = bucket->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(bucket->entries[middle]->id, id, ID_DIGITS) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct bucket *bucket, size_t index, const char *id)
{
    return index < bucket->count && memcmp(bucket->entries[index]->id, id, ID_DIGITS) == 0;
}

static const struct entry *find(const struct catalog *catalog, const char *id)
{
    if (strlen(id) != ID_DIGITS)
        return NULL;
    const struct bucket *bucket = &catalog->buckets[bucket_of(id)];
    size_t index = lower_bound(bucket, id);
    return is_at(bucket, index, id) ? bucket->entries[index] : NULL;
}

/* --- changing --- */

static void insert(struct bucket *bucket, size_t index, struct entry *entry)
{
    bucket->entries = xrealloc(bucket->entries, (bucket->count + 1) * sizeof(struct entry *));
    memmove(bucket->entries + index + 1, bucket->entries + index,
            (bucket->count - index) * sizeof(struct entry *));
    bucket->entries[index] = entry;
    bucket->count++;
}

void catalog_set(struct catalog *catalog, const struct subscription_state *state)
{
    struct bucket *bucket = &catalog->buckets[bucket_of(state->id)];
    pthread_rwlock_wrlock(&catalog->lock);
    struct entry *entry = entry_new(catalog, state);
    size_t index = lower_bound(bucket, state->id);
    if (is_at(bucket, index, state->id)) {
        entry_free(catalog, bucket->entries[index]);
        bucket->entries[index] = entry;
    } else {
        insert(bucket, index, entry);
        atomic_fetch_add(&catalog->count, 1);
    }
    pthread_rwlock_unlock(&catalog->lock);
}

void catalog_remove(struct catalog *catalog, const char *id)
{
    struct bucket *bucket = &catalog->buckets[bucket_of(id)];
    pthread_rwlock_wrlock(&catalog->lock);
    size_t index = lower_bound(bucket, id);
    if (is_at(bucket, index, id)) {
        entry_free(catalog, bucket->entries[index]);
        bucket->count--;
        memmove(bucket->entries + index, bucket->entries + index + 1,
                (bucket->count - index) * sizeof(struct entry *));
        atomic_fetch_sub(&catalog->count, 1);
    }
    pthread_rwlock_unlock(&catalog->lock);
}

void catalog_free(struct catalog *catalog)
{
    if (!catalog)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        struct bucket *bucket = &catalog->buckets[i];
        while (bucket->count > 0)
            entry_free(catalog, bucket->entries[--bucket->count]);
        free(bucket->entries);
    }
    pthread_rwlock_destroy(&catalog->lock);
    free(catalog);
}

/* --- asking --- */

size_t catalog_count(struct catalog *catalog)
{
    return atomic_load(&catalog->count);
}

bool catalog_is_anothers(struct catalog *catalog, const char *id, const char *name)
{
    pthread_rwlock_rdlock(&catalog->lock);
    const struct entry *entry = find(catalog, id);
    bool anothers = entry && entry->owner && strcmp(name_text(entry->owner), name) != 0;
    pthread_rwlock_unlock(&catalog->lock);
    return anothers;
}

bool catalog_get(struct catalog *catalog, const char *id, struct catalog_subscription *out)
{
    memset(out, 0, sizeof(*out));
    pthread_rwlock_rdlock(&catalog->lock);
    const struct entry *entry = find(catalog, id);
    if (entry)
        copy_out(entry, out);
    pthread_rwlock_unlock(&catalog->lock);
    return entry != NULL;
}

static bool has_host(const char *callback, const char *host)
{
    size_t length = strlen(host);
    const char *at = strstr(callback, "://");
    if (!at || strncasecmp(at + 3, host, length) != 0)
        return false;
    return strchr(":/?", at[3 + length]); /* or it ends here */
}

static bool passes(const struct entry *entry, const struct catalog_filter *filter)
{
    if (filter->statuses && !(filter->statuses & 1u << entry->status))
        return false;
    if (filter->owner && (!entry->owner || strcmp(name_text(entry->owner), filter->owner) != 0))
        return false;
    if (filter->topic && !strstr(name_text(entry->topic), filter->topic))
        return false;
    return !filter->callback_host || has_host(entry->callback, filter->callback_host);
}

/** Of one bucket, after the id (NULL: all). */
static size_t list_bucket(const struct bucket *bucket, const struct catalog_filter *filter,
                          const char *after, size_t limit, struct catalog_subscription *out)
{
    size_t index = after ? lower_bound(bucket, after) : 0, count = 0;
    if (after && is_at(bucket, index, after))
        index++;
    for (; index < bucket->count && count < limit; index++)
        if (passes(bucket->entries[index], filter))
            copy_out(bucket->entries[index], &out[count++]);
    return count;
}

size_t catalog_list(struct catalog *catalog, const struct catalog_filter *filter, const char *after,
                    size_t limit, struct catalog_subscription *out)
{
    char id[ID_HEX_SIZE] = ""; /* padded: a cursor may be any text */
    size_t first = 0, count = 0;
    if (after && *after) {
        strncpy(id, after, ID_DIGITS);
        first = bucket_of(id);
    }
    for (size_t i = first; i < BUCKETS && count < limit; i++) {
        pthread_rwlock_rdlock(&catalog->lock);
        count += list_bucket(&catalog->buckets[i], filter, i == first && *id ? id : NULL,
                             limit - count, out + count);
        pthread_rwlock_unlock(&catalog->lock);
    }
    return count;
}
