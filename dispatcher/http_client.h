/**
 * HTTP out, for one event loop: libcurl's multi-socket interface on libuv. Connections and handles
 * are reused. Used for everything that calls a URL that a stranger chose, so:
 *
 *  - only http and https (or https only), no redirects, no proxy from the environment, no cookies,
 *    no credentials of the URL or a .netrc, no Alt-Svc, no HSTS;
 *  - the address and port that are really dialled are judged after DNS (common/address_guard.h);
 *  - certificates are verified (common/trust.h), the host's name in them too;
 *  - connect and total time-outs, and a bound on what is read of the answer.
 *
 * HTTP/2 where a TLS callback offers it: exchanges with one host then share a connection.
 *
 * All functions: @locality the loop's thread.
 */
#ifndef WEBSUB_DISPATCHER_HTTP_CLIENT_H
#define WEBSUB_DISPATCHER_HTTP_CLIENT_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/address_guard.h"
#include "common/error.h"
#include "common/trust.h"
#include "dispatcher/host_limit.h"

struct http_client;
struct http_exchange;

struct http_client_options {
    uv_loop_t *loop;
    const struct address_guard *guard;
    const struct trust *trust;
    int64_t connect_timeout_ms;
    bool https_only;           /**< other URLs end as HTTP_FORBIDDEN_URL */
    const char *log_forbidden; /**< the log's event for a forbidden address */
    const char *log_url;       /**< and its field for the URL */
};

/** What became of an exchange. */
enum http_outcome {
    HTTP_ANSWERED, /**< there is a status; the rest of the answer may have been cut off */
    HTTP_DNS_FAILED,
    HTTP_REFUSED,        /**< no connection */
    HTTP_FORBIDDEN,      /**< the guard refused every address that there is */
    HTTP_FORBIDDEN_PORT, /**< likewise, the last one for its port */
    HTTP_FORBIDDEN_URL,  /**< not https where only that is allowed, another scheme, a user name */
    HTTP_TLS_FAILED,
    HTTP_CONNECT_TIMED_OUT, /**< no connection in time; finding the address and TLS included */
    HTTP_TIMED_OUT,         /**< a connection, but no answer in time */
    HTTP_BROKEN,   /**< the connection ended without an answer, or the answer was no HTTP */
    HTTP_NOT_SENT, /**< held back by the caller, since it cannot be signed: not from this client */
};

struct http_result {
    enum http_outcome outcome;
    long status;            /**< when HTTP_ANSWERED */
    int64_t retry_after_ms; /**< of the Retry-After header; 0: none */
    bool complete;          /**< the whole answer arrived */
    size_t received;        /**< bytes of the answer's body that arrived */
    const char *body;       /**< the first keep_bytes of them, NUL-terminated: any bytes */
    int64_t duration_us;
    const char *redirect; /**< where a 3xx leads, absolute; NULL: nowhere. Only with a sink */
};

/**
 * For those who want more of an answer than its beginning. Both return false to break it off: the
 * result is then not `complete`. Valid during the call; called while the exchange is under way.
 */
struct http_sink {
    /** A line of the head of an answer, with its line end; heads of informational answers too. */
    bool (*head)(struct http_exchange *exchange, const char *line, size_t length);
    /** Some of the body, unpacked where it was compressed. */
    bool (*body)(struct http_exchange *exchange, const char *data, size_t length);
};

/** One exchange; embedded by the caller, who keeps it, and all that it points to, until `done`. */
struct http_exchange {
    const char *url;
    struct host *host;     /**< whose limits it keeps to */
    const char *post_body; /**< NULL: GET */
    size_t post_length;
    struct curl_slist *headers; /**< or NULL */
    int64_t timeout_ms;         /**< from when it is its turn */
    size_t keep_bytes;          /**< how much of the answer's body to keep, at most HTTP_KEEP_MAX */
    const struct http_sink *sink; /**< or NULL: no more than a little of the body is read */
    void (*done)(struct http_exchange *exchange, const struct http_result *result);
    /* private */
    struct http_client *client;
    struct host_entry entry;
    struct http_transfer *transfer; /* NULL while it waits for its turn */
};

#define HTTP_KEEP_MAX 1024

struct http_client *http_client_new(const struct http_client_options *options);
/** No exchange may be under way. Closes the libuv handles; run the loop until they are closed. */
void http_client_free(struct http_client *client);

/** Starts as soon as the host's limits allow; `done` is called exactly once, never from within this
 * call. */
void http_client_start(struct http_client *client, struct http_exchange *exchange);
/** Gives an exchange up: `done` will not be called. */
void http_client_cancel(struct http_client *client, struct http_exchange *exchange);

#endif
