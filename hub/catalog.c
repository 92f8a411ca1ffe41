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

#include "common/clock.h"
#include "common/panic.h"
#include "hub/catalog_entry.h"

enum { BUCKET_DIGITS = 3, BUCKETS = 1 << (4 * BUCKET_DIGITS) };

struct bucket {
    struct entry **entries; /* in the order of their ids */
    size_t count;
};

struct catalog {
    atomic_size_t count;
    pthread_rwlock_t lock; /* what follows */
    struct names names;
    struct early_reports early_reports;
    size_t statuses[SUBSCRIPTION_STATUS_COUNT];
    catalog_measure_fn measure; /* or NULL */
    void *measure_context;
    struct bucket buckets[BUCKETS];
};

struct catalog *catalog_new(void)
{
    struct catalog *catalog = xcalloc(1, sizeof(*catalog));
    pthread_rwlock_init(&catalog->lock, NULL);
    return catalog;
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

static struct entry *find(const struct catalog *catalog, const char *id)
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

/** Takes over the report of the one that is replaced, or one that came early. */
static void replace(struct catalog *catalog, struct bucket *bucket, struct entry *entry)
{
    size_t index = lower_bound(bucket, entry->id);
    if (is_at(bucket, index, entry->id)) {
        struct entry *before = bucket->entries[index];
        entry->report = before->report;
        before->report = NULL;
        catalog->statuses[before->status]--;
        entry_free(before, &catalog->names);
        bucket->entries[index] = entry;
    } else {
        entry->report = early_reports_take(&catalog->early_reports, entry->id);
        insert(bucket, index, entry);
        atomic_fetch_add(&catalog->count, 1);
    }
    catalog->statuses[entry->status]++;
}

void catalog_set(struct catalog *catalog, int32_t shard, const struct subscription_state *state)
{
    pthread_rwlock_wrlock(&catalog->lock);
    replace(catalog, &catalog->buckets[bucket_of(state->id)],
            entry_new(&catalog->names, shard, state));
    pthread_rwlock_unlock(&catalog->lock);
}

void catalog_remove(struct catalog *catalog, const char *id)
{
    struct bucket *bucket = &catalog->buckets[bucket_of(id)];
    pthread_rwlock_wrlock(&catalog->lock);
    size_t index = lower_bound(bucket, id);
    if (is_at(bucket, index, id)) {
        catalog->statuses[bucket->entries[index]->status]--;
        entry_free(bucket->entries[index], &catalog->names);
        bucket->count--;
        memmove(bucket->entries + index, bucket->entries + index + 1,
                (bucket->count - index) * sizeof(struct entry *));
        atomic_fetch_sub(&catalog->count, 1);
    }
    pthread_rwlock_unlock(&catalog->lock);
}

void catalog_report(struct catalog *catalog, const struct subscription_report *report)
{
    pthread_rwlock_wrlock(&catalog->lock);
    struct entry *entry = find(catalog, report->id);
    if (entry)
        entry->report = kept_report_update(entry->report, &catalog->names, report);
    else
        early_reports_put(&catalog->early_reports, &catalog->names, report, clock_monotonic_ms());
    pthread_rwlock_unlock(&catalog->lock);
}

void catalog_free(struct catalog *catalog)
{
    if (!catalog)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        struct bucket *bucket = &catalog->buckets[i];
        while (bucket->count > 0)
            entry_free(bucket->entries[--bucket->count], &catalog->names);
        free(bucket->entries);
    }
    early_reports_fini(&catalog->early_reports, &catalog->names);
    pthread_rwlock_destroy(&catalog->lock);
    free(catalog);
}

/* --- asking --- */

size_t catalog_count(struct catalog *catalog)
{
    return atomic_load(&catalog->count);
}

void catalog_count_statuses(struct catalog *catalog, size_t counts[SUBSCRIPTION_STATUS_COUNT])
{
    pthread_rwlock_rdlock(&catalog->lock);
    memcpy(counts, catalog->statuses, sizeof(catalog->statuses));
    pthread_rwlock_unlock(&catalog->lock);
}

bool catalog_is_anothers(struct catalog *catalog, const char *id, const char *name)
{
    pthread_rwlock_rdlock(&catalog->lock);
    const struct entry *entry = find(catalog, id);
    bool anothers = entry && entry->owner && strcmp(name_text(entry->owner), name) != 0;
    pthread_rwlock_unlock(&catalog->lock);
    return anothers;
}

/** Call with the lock held. */
static void measure_entry(const struct catalog *catalog, const struct entry *entry,
                          struct lag_figure *figure)
{
    struct catalog_sight sight;
    *figure = LAG_UNKNOWN;
    entry_see(entry, &sight);
    if (catalog->measure && sight.verified)
        catalog->measure(catalog->measure_context, &sight, figure);
}

static void copy_out(const struct catalog *catalog, const struct entry *entry,
                     struct catalog_subscription *out)
{
    entry_copy_out(entry, out);
    measure_entry(catalog, entry, &out->lag);
    if (!entry->report || !lag_is_further(&out->lag, &entry->report->lag, entry->base))
        return;
    /* It was reported by a dispatcher that has died since: the failures have ended. */
    out->failures = 0;
    out->next_attempt_ms = 0;
}

bool catalog_get(struct catalog *catalog, const char *id, struct catalog_subscription *out)
{
    memset(out, 0, sizeof(*out));
    pthread_rwlock_rdlock(&catalog->lock);
    const struct entry *entry = find(catalog, id);
    if (entry)
        copy_out(catalog, entry, out);
    pthread_rwlock_unlock(&catalog->lock);
    return entry != NULL;
}

static bool passes(const struct catalog *catalog, const struct entry *entry,
                   const struct catalog_filter *filter)
{
    struct lag_figure figure;
    if (!entry_passes(entry, filter))
        return false;
    if (filter->min_lag_messages <= 0 && filter->min_lag_ms <= 0)
        return true;
    measure_entry(catalog, entry, &figure);
    return figure.messages >= filter->min_lag_messages &&
           (filter->min_lag_ms <= 0 || figure.age_ms >= filter->min_lag_ms);
}

/** Of one bucket, after the id (NULL: all). */
static size_t list_bucket(const struct catalog *catalog, size_t number,
                          const struct catalog_filter *filter, const char *after, size_t limit,
                          struct catalog_subscription *out)
{
    const struct bucket *bucket = &catalog->buckets[number];
    size_t index = after ? lower_bound(bucket, after) : 0, count = 0;
    if (after && is_at(bucket, index, after))
        index++;
    for (; index < bucket->count && count < limit; index++)
        if (passes(catalog, bucket->entries[index], filter))
            copy_out(catalog, bucket->entries[index], &out[count++]);
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
        count += list_bucket(catalog, i, filter, i == first && *id ? id : NULL, limit - count,
                             out + count);
        pthread_rwlock_unlock(&catalog->lock);
    }
    return count;
}

/* --- how far behind they are --- */

void catalog_measure_with(struct catalog *catalog, catalog_measure_fn measure, void *context)
{
    pthread_rwlock_wrlock(&catalog->lock);
    catalog->measure = measure;
    catalog->measure_context = context;
    pthread_rwlock_unlock(&catalog->lock);
}

void catalog_look(struct catalog *catalog, catalog_look_fn look, void *context)
{
    struct catalog_sight sight;
    for (size_t i = 0; i < BUCKETS; i++) {
        const struct bucket *bucket = &catalog->buckets[i];
        pthread_rwlock_rdlock(&catalog->lock);
        for (size_t at = 0; at < bucket->count; at++) {
            entry_see(bucket->entries[at], &sight);
            look(context, &sight);
        }
        pthread_rwlock_unlock(&catalog->lock);
    }
}
