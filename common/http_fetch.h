/**
 * HTTP requests to services that the operator configured (providers of authentication, the policy
 * service): asynchronous, a thread with libcurl's multi interface. Not for URLs that strangers
 * chose: there is no guard of addresses here (dispatcher/http_client.h has one).
 *
 * http and https only, no redirects, no proxy from the environment, certificates verified
 * against the system's authorities and security.extra_ca_file; answers bounded in size and time.
 * Connections are kept and shared.
 */
#ifndef WEBSUB_COMMON_HTTP_FETCH_H
#define WEBSUB_COMMON_HTTP_FETCH_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/** More of an answer is not read: the fetch fails. */
#define HTTP_FETCH_MAX_BYTES ((size_t)1 << 20)

struct http_fetcher;

struct http_fetch_result {
    /** NULL: there is an answer. Else why there is none: a short text without the URL, valid during
     * the call. */
    const char *problem;
    long status;
    int64_t retry_after_ms; /**< what the header Retry-After asks for; 0: nothing */
    const char
        *body; /**< NUL-terminated; valid during the call; never NULL when there is an answer */
    size_t length;
};

/** One request. Everything is copied by http_fetch_start. */
struct http_fetch_request {
    const char *url;
    const char *const *headers; /**< "Name: value", up to a NULL; or NULL */
    const char *body;           /**< NULL: GET; else POST */
    size_t length;
    const char *user, *password; /**< HTTP Basic, or NULL */
    int64_t timeout_ms;          /**< for all of it */
    /** Called exactly once, on the fetcher's thread, also when the fetcher is freed; must not
     * block. */
    void (*done)(void *context, const struct http_fetch_result *result);
    void *context;
};

/** @param extra_ca_file "" for none. NULL on failure: the file cannot be read (ERROR_CONFIG). */
struct http_fetcher *http_fetcher_new(const char *extra_ca_file, struct error *error);
/** Ends what is under way (a result with a problem), stops the thread, frees. NULL is allowed. */
void http_fetcher_free(struct http_fetcher *fetcher);

/** Thread-safe, never blocks. Beyond some hundreds under way at once, `done` is called with a
 * problem before it returns. */
void http_fetch_start(struct http_fetcher *fetcher, const struct http_fetch_request *request);

#endif
