/*
 * Invariant: a waiter is settled by the first fetch that brings its key or fails, and by the end of
 * the first one that began after it came. A fetch that was under way then may have been answered
 * before the issuer had the new key; but most often it brings the key, and then nobody should wait
 * for the next.
 *
 * One fetch at a time: the thread begins it, the fetcher's thread ends it (on_fetched) and wakes
 * the thread.
 */
#include "hub/auth/jwt_keys.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/clock.h"
#include "common/http_fetch.h"
#include "common/log.h"
#include "common/panic.h"
#include "hub/auth/jwk_file.h"

enum { MAX_WAITING = 1000, MAX_PAUSE_MS = 60000 };

struct jwt_keys {
    const struct config *config;
    struct auth_cache *cache;
    struct http_fetcher *fetcher; /* NULL: nothing is fetched */
    struct jwk_file *file;        /* the thread's own; NULL: there is none */
    pthread_t thread;
    pthread_cond_t changed;
    pthread_mutex_t lock; /* what follows; held for moments */
    struct jwt_key_sets sets;
    struct jwt_keys_wait *waiting; /* oldest first */
    size_t waiting_count;
    unsigned fetches; /* begun */
    bool under_way;
    unsigned failures; /* since the last success */
    int64_t begun_ms;  /* monotonic; of the last fetch */
    int64_t refresh_ms;
    bool stopping;
};

/* --- what is known --- */

struct jwt_key_sets jwt_keys_get(struct jwt_keys *keys)
{
    struct jwt_key_sets sets;
    pthread_mutex_lock(&keys->lock);
    sets.fetched = keys->sets.fetched ? jwk_set_ref(keys->sets.fetched) : NULL;
    sets.file = keys->sets.file ? jwk_set_ref(keys->sets.file) : NULL;
    pthread_mutex_unlock(&keys->lock);
    return sets;
}

void jwt_keys_release(struct jwt_key_sets *sets)
{
    jwk_set_unref(sets->fetched);
    jwk_set_unref(sets->file);
    *sets = (struct jwt_key_sets){0};
}

bool jwt_keys_may_bring(struct jwt_keys *keys, const struct jwt_key_sets *sets, const char *kid)
{
    return keys->fetcher && (!sets->fetched || (kid && !jwk_set_has(sets->fetched, kid)));
}

/** Puts `set` into `place`, which takes it over. */
static void replace(struct jwt_keys *keys, struct jwk_set **place, struct jwk_set *set,
                    const char *source)
{
    pthread_mutex_lock(&keys->lock);
    struct jwk_set *old = *place;
    bool changed = !jwk_set_equal(old, set);
    *place = set;
    pthread_mutex_unlock(&keys->lock);
    jwk_set_unref(old);
    if (!changed)
        return;
    auth_cache_clear(keys->cache);
    log_info("auth.keys_changed", LOG_STR("source", source), LOG_INT("keys", set->count),
             LOG_INT("passed_over", set->passed_over));
}

/* --- the file --- */

static void refresh_file(struct jwt_keys *keys)
{
    struct error error = {0};
    struct jwk_set *set = jwk_file_read_changed(keys->file, &error);
    if (set)
        replace(keys, &keys->sets.file, set, "auth.public_key_file");
    else if (error.code != ERROR_NONE)
        log_error("auth.keys_unreadable", LOG_STR("error", error.message));
}

/* --- those who wait --- */

/** With the lock. */
static bool is_there(const struct jwt_keys *keys, const struct jwt_keys_wait *wait)
{
    return wait->kid ? jwk_set_has(keys->sets.fetched, wait->kid) : keys->sets.fetched != NULL;
}

/** Takes out of the list whom the fetch settles that is over. With the lock. */
static struct jwt_keys_wait *take_settled(struct jwt_keys *keys, bool fetched)
{
    struct jwt_keys_wait *wait, *next, *settled = NULL;
    DL_FOREACH_SAFE(keys->waiting, wait, next)
    {
        if (fetched && wait->fetches == keys->fetches && !is_there(keys, wait))
            continue;
        DL_DELETE(keys->waiting, wait);
        DL_APPEND(settled, wait);
        keys->waiting_count--;
    }
    return settled;
}

static void settle(struct jwt_keys_wait *settled, bool fetched)
{
    while (settled) {
        struct jwt_keys_wait *wait = settled;
        DL_DELETE(settled, wait);
        wait->done(wait, fetched);
    }
}

bool jwt_keys_wait(struct jwt_keys *keys, struct jwt_keys_wait *wait)
{
    pthread_mutex_lock(&keys->lock);
    /* It came since the caller looked. */
    if (is_there(keys, wait)) {
        pthread_mutex_unlock(&keys->lock);
        wait->done(wait, true);
        return true;
    }
    bool just_failed = !keys->under_way && keys->failures > 0 &&
                       clock_monotonic_ms() < keys->begun_ms + JWT_KEYS_MIN_PAUSE_MS;
    bool accepted = !just_failed && !keys->stopping && keys->waiting_count < MAX_WAITING;
    if (accepted) {
        wait->fetches = keys->fetches;
        DL_APPEND(keys->waiting, wait);
        keys->waiting_count++;
        pthread_cond_signal(&keys->changed);
    }
    pthread_mutex_unlock(&keys->lock);
    return accepted;
}

/* --- fetches --- */

/** How long the keys are left alone now. With the lock. */
static int64_t pause_ms(const struct jwt_keys *keys)
{
    int64_t pause = JWT_KEYS_MIN_PAUSE_MS;
    int64_t interval = keys->config->auth.jwks_refresh_interval;
    if (keys->failures == 0)
        return interval;
    for (unsigned i = 1; i < keys->failures && pause < MAX_PAUSE_MS; i++)
        pause *= 2;
    if (pause > MAX_PAUSE_MS)
        pause = MAX_PAUSE_MS;
    return pause < interval ? pause : interval;
}

/** The answer's keys, or NULL and why there are none. */
static struct jwk_set *read_answer(const struct http_fetch_result *result, struct error *error)
{
    if (result->problem) {
        error_set(error, ERROR_UNAVAILABLE, true, "%s", result->problem);
        return NULL;
    }
    if (result->status != 200) {
        error_set(error, ERROR_UNAVAILABLE, true, "it answers with status %ld", result->status);
        return NULL;
    }
    return jwk_set_parse(result->body, result->length, error);
}

/* @locality fetcher's thread, or the caller's of http_fetch_start */
static void on_fetched(void *context, const struct http_fetch_result *result)
{
    struct jwt_keys *keys = context;
    struct error error;
    struct jwk_set *set = read_answer(result, &error);
    if (set)
        replace(keys, &keys->sets.fetched, set, "auth.jwks_url");
    pthread_mutex_lock(&keys->lock);
    bool stopping = keys->stopping;
    keys->under_way = false;
    keys->failures = set ? 0 : keys->failures + 1;
    keys->refresh_ms = clock_monotonic_ms() + pause_ms(keys);
    struct jwt_keys_wait *settled = take_settled(keys, set != NULL);
    pthread_cond_signal(&keys->changed);
    pthread_mutex_unlock(&keys->lock);
    if (!set && !stopping)
        log_warning("auth.keys_not_fetched", LOG_URL("url", keys->config->auth.jwks_url),
                    LOG_STR("error", error.message));
    settle(settled, set != NULL);
}

static void start_fetch(struct jwt_keys *keys)
{
    const char *const headers[] = {"Accept: application/jwk-set+json, application/json", NULL};
    const struct http_fetch_request request = {
        .url = keys->config->auth.jwks_url,
        .headers = headers,
        .timeout_ms = keys->config->auth.provider_timeout,
        .done = on_fetched,
        .context = keys,
    };
    http_fetch_start(keys->fetcher, &request);
}

/* --- the thread --- */

/** When there is something to do next. With the lock. */
static int64_t due_ms(const struct jwt_keys *keys)
{
    if (keys->under_way)
        return INT64_MAX;
    int64_t earliest_ms = keys->begun_ms + JWT_KEYS_MIN_PAUSE_MS;
    return keys->waiting && earliest_ms < keys->refresh_ms ? earliest_ms : keys->refresh_ms;
}

static void wait_until(struct jwt_keys *keys, int64_t due)
{
    if (due == INT64_MAX) {
        pthread_cond_wait(&keys->changed, &keys->lock);
        return;
    }
    struct timespec deadline = {.tv_sec = due / 1000, .tv_nsec = due % 1000 * 1000000};
    pthread_cond_timedwait(&keys->changed, &keys->lock, &deadline);
}

static void *keys_main(void *context)
{
    struct jwt_keys *keys = context;
    pthread_mutex_lock(&keys->lock);
    while (!keys->stopping) {
        int64_t due = due_ms(keys), now = clock_monotonic_ms();
        if (now < due) {
            wait_until(keys, due);
            continue;
        }
        keys->begun_ms = now;
        keys->under_way = keys->fetcher;
        keys->fetches += keys->under_way;
        keys->refresh_ms = now + keys->config->auth.jwks_refresh_interval;
        pthread_mutex_unlock(&keys->lock);
        if (keys->file)
            refresh_file(keys);
        if (keys->fetcher)
            start_fetch(keys);
        pthread_mutex_lock(&keys->lock);
    }
    pthread_mutex_unlock(&keys->lock);
    return NULL;
}

/* --- contract --- */

static int open_sources(struct jwt_keys *keys, struct error *error)
{
    const struct config *config = keys->config;
    if (config->auth.public_key_file[0]) {
        keys->file = jwk_file_new(config->auth.public_key_file);
        keys->sets.file = jwk_file_read_changed(keys->file, error);
        if (!keys->sets.file)
            return error_prefix(error, "auth.public_key_file");
    }
    if (config->auth.jwks_url[0]) {
        keys->fetcher = http_fetcher_new(config->security.extra_ca_file, error);
        if (!keys->fetcher)
            return error_prefix(error, "security.extra_ca_file");
    }
    return 0;
}

static void close_sources(struct jwt_keys *keys)
{
    /* Ends a fetch that is under way, which settles who waits for it. */
    http_fetcher_free(keys->fetcher);
    jwk_file_free(keys->file);
    jwt_keys_release(&keys->sets);
    free(keys);
}

struct jwt_keys *jwt_keys_new(const struct config *config, struct auth_cache *cache,
                              struct error *error)
{
    struct jwt_keys *keys = xcalloc(1, sizeof(*keys));
    pthread_condattr_t attributes;
    keys->config = config;
    keys->cache = cache;
    if (open_sources(keys, error) != 0) {
        close_sources(keys);
        return NULL;
    }
    pthread_mutex_init(&keys->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&keys->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    keys->refresh_ms = keys->begun_ms = clock_monotonic_ms();
    ENSURE(pthread_create(&keys->thread, NULL, keys_main, keys) == 0);
    return keys;
}

void jwt_keys_free(struct jwt_keys *keys)
{
    if (!keys)
        return;
    pthread_mutex_lock(&keys->lock);
    keys->stopping = true;
    struct jwt_keys_wait *settled = take_settled(keys, false);
    pthread_cond_signal(&keys->changed);
    pthread_mutex_unlock(&keys->lock);
    settle(settled, false);
    pthread_join(keys->thread, NULL);
    http_fetcher_free(keys->fetcher);
    keys->fetcher = NULL;
    pthread_cond_destroy(&keys->changed);
    pthread_mutex_destroy(&keys->lock);
    close_sources(keys);
}
