/**
 * The issuer's keys as they are now: fetched from auth.jwks_url by a thread of its own every
 * auth.jwks_refresh_interval, and when somebody comes with a key that is not known; read from
 * auth.public_key_file, again when that changes (looked at with each refresh). Thread-safe; nobody
 * waits for the network but those who ask to.
 *
 * Keys change by what is good only: a failed fetch or a broken file leaves the last keys as they
 * are. When they changed, the auth cache is cleared after the new ones are in place, so that
 * nothing lives on that was judged by keys which were withdrawn.
 *
 * What strangers send makes fetches begin every JWT_KEYS_MIN_PAUSE_MS at most. A failed one is
 * repeated after a pause that doubles from there, up to a minute or the refresh interval.
 */
#ifndef WEBSUB_HUB_AUTH_JWT_KEYS_H
#define WEBSUB_HUB_AUTH_JWT_KEYS_H

#include "common/config.h"
#include "common/error.h"
#include "hub/auth/cache.h"
#include "hub/auth/jwk.h"

#define JWT_KEYS_MIN_PAUSE_MS 5000

struct jwt_keys;

/** References of the caller's, for jwt_keys_release. Either may be NULL. */
struct jwt_key_sets {
    struct jwk_set *fetched; /**< NULL: none is configured, or none was fetched so far */
    struct jwk_set *file;
};

/** One who waits for a key; kept by the asker until `done`. */
struct jwt_keys_wait {
    const char *kid; /**< NULL: any key set will do */
    /** Called exactly once, before jwt_keys_wait returns or later on another thread; must not
     * block. False: the keys could not be fetched, so that nothing can be said. */
    void (*done)(struct jwt_keys_wait *wait, bool fetched);

    /* private */
    struct jwt_keys_wait *prev, *next;
    unsigned fetches; /* begun when it came: a later one decides */
};

/** Starts the first fetch, and does not wait for it. NULL: the file cannot be used, or
 * security.extra_ca_file (ERROR_CONFIG). Both must outlive it. */
struct jwt_keys *jwt_keys_new(const struct config *config, struct auth_cache *cache,
                              struct error *error);
/** Settles those who wait (false), and frees. NULL is allowed. */
void jwt_keys_free(struct jwt_keys *keys);

struct jwt_key_sets jwt_keys_get(struct jwt_keys *keys);
void jwt_keys_release(struct jwt_key_sets *sets);

/** Whether a fetch could bring the key: keys are fetched, and there is none of that name. */
bool jwt_keys_may_bring(struct jwt_keys *keys, const struct jwt_key_sets *sets, const char *kid);

/**
 * Has the keys fetched, and calls `done` when the key is there, a fetch has failed, or one that
 * began after this call is over: after JWT_KEYS_MIN_PAUSE_MS and auth.provider_timeout at most.
 *
 * @returns false, and forgets about it, when the last fetch failed a moment ago or too many wait.
 */
bool jwt_keys_wait(struct jwt_keys *keys, struct jwt_keys_wait *wait);

#endif
