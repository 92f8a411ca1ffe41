#include "dispatcher/fetch_transfer.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/container.h"
#include "common/panic.h"
#include "common/url.h"
#include "dispatcher/http_reason.h"

/* --- what comes --- */

static bool on_head(struct http_exchange *exchange, const char *line, size_t length)
{
    struct fetch_transfer *transfer = CONTAINER_OF(exchange, struct fetch_transfer, exchange);
    fetch_head_take_line(&transfer->head, line, length);
    return true;
}

static bool on_body(struct http_exchange *exchange, const char *data, size_t length)
{
    struct fetch_transfer *transfer = CONTAINER_OF(exchange, struct fetch_transfer, exchange);
    size_t room = (size_t)transfer->config->fetch.max_bytes - transfer->body.length;
    transfer->too_large = length > room;
    if (!transfer->too_large)
        buffer_append(&transfer->body, data, length);
    return !transfer->too_large;
}

static const struct http_sink sink = {on_head, on_body};

/* --- hops --- */

static void on_done(struct http_exchange *exchange, const struct http_result *result);

static void add_header(struct fetch_transfer *transfer, const char *name, const char *value)
{
    char *line = xasprintf("%s: %s", name, value);
    transfer->headers = curl_slist_append(transfer->headers, line);
    ENSURE(transfer->headers);
    free(line);
}

/** A validator means something only to who gave it. */
static void add_conditions(struct fetch_transfer *transfer)
{
    const struct fetched *known = transfer->known;
    transfer->conditional = known->url && known->digest && strcmp(known->url, transfer->url) == 0;
    if (transfer->conditional && known->etag)
        add_header(transfer, "If-None-Match", known->etag);
    if (transfer->conditional && known->last_modified)
        add_header(transfer, "If-Modified-Since", known->last_modified);
}

static void forget_hop(struct fetch_transfer *transfer)
{
    if (transfer->exchange.host)
        host_release(transfer->exchange.host);
    curl_slist_free_all(transfer->headers);
    free(transfer->url);
    fetch_head_fini(&transfer->head);
    buffer_fini(&transfer->body);
    transfer->exchange.host = NULL;
    transfer->headers = NULL;
    transfer->url = NULL;
}

/** `url` is taken over. */
static void request(struct fetch_transfer *transfer, char *url)
{
    int64_t left = transfer->deadline_ms - clock_monotonic_ms();
    forget_hop(transfer);
    transfer->url = url;
    transfer->too_large = false;
    add_conditions(transfer);
    if (transfer->traceparent)
        add_header(transfer, "traceparent", transfer->traceparent);
    if (transfer->tracestate)
        add_header(transfer, "tracestate", transfer->tracestate);
    transfer->exchange = (struct http_exchange){
        .url = url,
        .host = host_get(transfer->hosts, url),
        .headers = transfer->headers,
        .timeout_ms = left > 1 ? left : 1,
        .sink = &sink,
        .done = on_done,
    };
    http_client_start(transfer->http, &transfer->exchange);
}

void fetch_transfer_start(struct fetch_transfer *transfer, const char *url)
{
    transfer->deadline_ms = clock_monotonic_ms() + transfer->config->fetch.timeout;
    transfer->hops = 0;
    request(transfer, xstrdup(url));
}

void fetch_transfer_cancel(struct fetch_transfer *transfer)
{
    http_client_cancel(transfer->http, &transfer->exchange);
}

void fetch_transfer_fini(struct fetch_transfer *transfer)
{
    forget_hop(transfer);
}

/* --- what it means --- */

static void end(struct fetch_transfer *transfer, enum fetch_outcome outcome, const char *reason,
                const struct http_result *result)
{
    const struct fetch_result ended = {
        .outcome = outcome,
        .reason = reason,
        .status = result->status,
        .retry_after_ms = result->retry_after_ms,
    };
    transfer->done(transfer, &ended);
}

/** Nobody may lead us from a URL that is proof against eavesdroppers to one that is not. */
static bool may_follow(const struct fetch_transfer *transfer, const char *to)
{
    return !url_is_https(transfer->url) || url_is_https(to);
}

static void follow(struct fetch_transfer *transfer, const struct http_result *result)
{
    struct error error;
    if (!result->redirect || topic_check(result->redirect, &error) != 0 ||
        ++transfer->hops > transfer->config->fetch.max_redirects)
        end(transfer, FETCH_FAILED, "redirects", result);
    else if (!may_follow(transfer, result->redirect))
        end(transfer, FETCH_FAILED, http_reason_name(HTTP_REASON_FORBIDDEN_URL), result);
    else
        request(transfer, xstrdup(result->redirect));
}

static void take_content(struct fetch_transfer *transfer, const struct http_result *result)
{
    if (result->complete)
        end(transfer, FETCH_CONTENT, NULL, result);
    else if (transfer->too_large)
        end(transfer, FETCH_FAILED, "too_large", result);
    else
        end(transfer, FETCH_FAILED_FOR_NOW,
            http_reason_name(clock_monotonic_ms() >= transfer->deadline_ms ? HTTP_REASON_TIMEOUT
                                                                           : HTTP_REASON_BROKEN),
            result);
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool is_transient(const struct http_result *result)
{
    switch (result->outcome) {
    case HTTP_FORBIDDEN:
    case HTTP_FORBIDDEN_PORT:
    case HTTP_FORBIDDEN_URL:
        return false;
    case HTTP_ANSWERED:
        return result->status >= 500 || result->status == 408 || result->status == 425 ||
               result->status == 429;
    default:
        return true;
    }
}

static void on_done(struct http_exchange *exchange, const struct http_result *result)
{
    struct fetch_transfer *transfer = CONTAINER_OF(exchange, struct fetch_transfer, exchange);
    bool answered = result->outcome == HTTP_ANSWERED;
    if (answered && result->status < 300)
        take_content(transfer, result);
    else if (answered && result->status == 304 && transfer->conditional)
        end(transfer, FETCH_NOT_MODIFIED, NULL, result);
    else if (answered && is_redirect(result->status))
        follow(transfer, result);
    else
        end(transfer, is_transient(result) ? FETCH_FAILED_FOR_NOW : FETCH_FAILED,
            http_reason_name(http_result_reason(result)), result);
}
