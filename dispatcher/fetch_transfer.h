/**
 * One resource fetched over HTTP: a conditional GET that follows redirects within bounds, each hop
 * through the guard of addresses. All of it takes at most fetch.timeout, and at most
 * fetch.max_bytes of content are kept, unpacked.
 *
 * @locality the fetcher's thread
 */
#ifndef WEBSUB_DISPATCHER_FETCH_TRANSFER_H
#define WEBSUB_DISPATCHER_FETCH_TRANSFER_H

#include "common/buffer.h"
#include "common/config.h"
#include "common/fetched.h"
#include "dispatcher/fetch_head.h"
#include "dispatcher/http_client.h"

enum fetch_outcome {
    FETCH_CONTENT,      /**< head, body and url of the transfer are those of the resource */
    FETCH_NOT_MODIFIED, /**< since it was known */
    FETCH_FAILED,       /**< asking again would not help */
    FETCH_FAILED_FOR_NOW,
};

struct fetch_result {
    enum fetch_outcome outcome;
    const char *reason; /**< of a failure: as of http_reason.h, or "redirects", "too_large" */
    long status;        /**< 0: no answer */
    int64_t retry_after_ms;
};

/** Embedded by the caller, who sets the first fields and keeps what they point to until `done`. */
struct fetch_transfer {
    struct http_client *http;
    struct host_limits *hosts;
    const struct config *config;
    const struct fetched *known; /**< its validators are sent to the URL that they are of */
    const char *traceparent, *tracestate; /**< sent as they are; NULL: not */
    void (*done)(struct fetch_transfer *transfer, const struct fetch_result *result);

    char *url; /**< of the hop that it is at */
    struct fetch_head head;
    struct buffer body;
    /* private */
    struct http_exchange exchange;
    struct curl_slist *headers;
    int64_t deadline_ms;
    int64_t hops;
    bool conditional;
    bool too_large;
};

/** `done` is called exactly once, never from within this call. Then, or after a cancel, the caller
 * calls fetch_transfer_fini. */
void fetch_transfer_start(struct fetch_transfer *transfer, const char *url);
void fetch_transfer_cancel(struct fetch_transfer *transfer);
/** Frees what was received. */
void fetch_transfer_fini(struct fetch_transfer *transfer);

#endif
