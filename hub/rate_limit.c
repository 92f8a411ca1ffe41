#include "hub/rate_limit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/panic.h"

enum { MAX_BUCKETS = 100000 };

/** Instead of counting tokens: when the bucket is full again. One token is worth `interval_us`. */
struct bucket {
    int64_t full_us;
    UT_hash_handle hh;
    char key[];
};

struct rate_limit {
    int64_t interval_us;
    int64_t depth_us; /* what a full bucket is worth */
    pthread_mutex_t lock;
    struct bucket *buckets; /* the one used longest ago first */
};

struct rate_limit *rate_limit_new(double per_second)
{
    struct rate_limit *limit = xcalloc(1, sizeof(*limit));
    limit->interval_us = (int64_t)(1e6 / per_second);
    if (limit->interval_us < 1)
        limit->interval_us = 1;
    limit->depth_us = limit->interval_us > 1000000 ? limit->interval_us : 1000000;
    pthread_mutex_init(&limit->lock, NULL);
    return limit;
}

static void remove_bucket(struct rate_limit *limit, struct bucket *bucket)
{
    HASH_DEL(limit->buckets, bucket);
    free(bucket);
}

void rate_limit_free(struct rate_limit *limit)
{
    if (!limit)
        return;
    while (limit->buckets)
        remove_bucket(limit, limit->buckets);
    pthread_mutex_destroy(&limit->lock);
    free(limit);
}

static struct bucket *add_bucket(struct rate_limit *limit, const char *key, int64_t now_us)
{
    while (limit->buckets &&
           (limit->buckets->full_us <= now_us || HASH_COUNT(limit->buckets) >= MAX_BUCKETS))
        remove_bucket(limit, limit->buckets);
    size_t length = strlen(key);
    struct bucket *bucket = xcalloc(1, sizeof(*bucket) + length + 1);
    memcpy(bucket->key, key, length);
    bucket->full_us = now_us;
    HASH_ADD_STR(limit->buckets, key, bucket);
    return bucket;
}

static int64_t take(struct rate_limit *limit, const char *key, int64_t now_us)
{
    struct bucket *bucket;
    HASH_FIND_STR(limit->buckets, key, bucket);
    if (!bucket) {
        bucket = add_bucket(limit, key, now_us);
    } else { /* to the end of the order of use */
        HASH_DEL(limit->buckets, bucket);
        HASH_ADD_STR(limit->buckets, key, bucket);
    }
    int64_t full_us = (bucket->full_us > now_us ? bucket->full_us : now_us) + limit->interval_us;
    int64_t missing_us = full_us - (now_us + limit->depth_us);
    if (missing_us > 0)
        return missing_us / 1000 + 1;
    bucket->full_us = full_us;
    return 0;
}

int64_t rate_limit_take(struct rate_limit *limit, const char *key, int64_t now_us)
{
    pthread_mutex_lock(&limit->lock);
    int64_t wait_ms = take(limit, key, now_us);
    pthread_mutex_unlock(&limit->lock);
    return wait_ms;
}
