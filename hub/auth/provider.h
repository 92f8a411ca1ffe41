/**
 * What the methods share that ask a provider about each token (introspection.c, mosip.c): the
 * fetcher, the waiting, and one question for all requests that show the same token meanwhile. A
 * busy publisher whose token falls out of the cache would otherwise flood the provider.
 */
#ifndef WEBSUB_HUB_AUTH_PROVIDER_H
#define WEBSUB_HUB_AUTH_PROVIDER_H

#include "common/http_fetch.h"
#include "hub/auth/method.h"

/** What an answer of the provider means. */
struct provider_verdict {
    enum auth_outcome outcome;
    struct identity *identity; /**< AUTH_GRANTED: one reference */
    int64_t expires_ms;        /**< AUTH_GRANTED: as of struct auth_check */
    /** AUTH_REFUSED: for the client. AUTH_UNAVAILABLE: for the log; the client is not told what is
     * the matter with a service of the operator's. A literal. */
    const char *reason;
};

/** How to ask, and what answers mean. */
struct provider_kind {
    const char *name; /**< as in auth.mode */
    /** Completes `request` (time-out and `done` are there) and starts it. `token` consists of the
     * characters that credentials_read lets through; it may be gone after the start. */
    void (*ask)(const struct config *config, const char *token, struct http_fetcher *fetcher,
                struct http_fetch_request *request);
    /** Pure. `result` is an answer: never with a problem. */
    struct provider_verdict (*judge)(const struct config *config,
                                     const struct http_fetch_result *result, int64_t now_ms);
};

/** A method for tokens; `kind` is a constant. Fails as makers of methods do. */
struct auth_method *provider_method_new(const struct provider_kind *kind,
                                        const struct config *config, struct error *error);

/* Verdicts. */
struct provider_verdict provider_refuses(const char *reason);
struct provider_verdict provider_fails(const char *reason);

#endif
