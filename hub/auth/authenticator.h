/**
 * Finds out who makes a request: asks the methods of auth.mode, in their order, that judge what the
 * request offers; the first that finds it good decides. Thread-safe, never blocks.
 *
 * Invariant: a request goes on only after a method has granted it or the cache knows that one did,
 * for exactly these credentials. When no method grants it, but one cannot tell (its provider is
 * down), the answer is "not now" rather than "no": a client must not throw a good token away.
 */
#ifndef WEBSUB_HUB_AUTH_AUTHENTICATOR_H
#define WEBSUB_HUB_AUTH_AUTHENTICATOR_H

#include "common/metrics.h"
#include "hub/auth/cache.h"
#include "hub/auth/method.h"

struct authenticator;

/** One request's way through it, embedded by the asker, who keeps it until `done`. */
struct authentication {
    /** Called exactly once, before authenticator_start returns or later on any thread. */
    void (*done)(struct authentication *authentication, enum auth_outcome outcome);
    struct credentials credentials;

    struct identity *identity; /**< AUTH_GRANTED: the asker's reference */
    char reason[160];          /**< else */

    /* private */
    struct authenticator *authenticator;
    struct auth_check check;
    size_t next;      /* method to ask */
    bool unavailable; /* one of those that were asked cannot tell */
    unsigned generation;
    unsigned char key[AUTH_CACHE_KEY_SIZE];
};

struct authenticator_metrics {
    struct counter *granted;     /**< by a method */
    struct counter *cached;      /**< granted by the cache */
    struct counter *refused;     /**< missing ones too */
    struct counter *unavailable; /**< */
};

/** NULL on failure. `config` must outlive it. auth.mode must not be "none". */
struct authenticator *authenticator_new(const struct config *config,
                                        const struct authenticator_metrics *metrics,
                                        struct error *error);
/** Settles what is under way, and frees. Nothing is started any more. NULL is allowed. */
void authenticator_free(struct authenticator *authenticator);

/** Judges `authentication->credentials`, which were read by credentials_read. */
void authenticator_start(struct authenticator *authenticator,
                         struct authentication *authentication);

/**
 * The challenges for a 401 (RFC 9110, section 11.6.1; RFC 6750, section 3): calls `add` for each
 * value of WWW-Authenticate. `reason`: what is wrong with a token; NULL: there was none.
 */
void authenticator_challenge(const struct authenticator *authenticator, const char *reason,
                             void (*add)(void *context, const char *value), void *context);

#endif
