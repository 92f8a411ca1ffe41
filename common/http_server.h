/**
 * An HTTP server (libmicrohttpd, a pool of threads in poll mode) whose handlers never block: a
 * request that waits for something else is suspended and answered later from any thread.
 *
 * Poll, not epoll: the epoll mode of libmicrohttpd 0.9.75 leaves suspended connections hanging when
 * many are resumed at once, until something else wakes the thread.
 *
 * Clients are strangers: heads, bodies, connections, and the time that all of this takes are
 * bounded. Only while a request is with its handler there is no bound but the handler's own.
 */
#ifndef WEBSUB_COMMON_HTTP_SERVER_H
#define WEBSUB_COMMON_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/tls_files.h"

struct http_server;
struct http_request;

/**
 * Called once for each request, when its body has arrived. Must lead to exactly one http_respond:
 * before it returns, or later from any thread. `request` lives until it has been answered.
 *
 * @locality server thread
 */
typedef void (*http_handler_fn)(struct http_request *request, void *context);

struct http_server_options {
    const char *listen_address; /**< numeric IPv4 or IPv6 */
    uint16_t port;
    unsigned threads; /**< 0: one per core */
    unsigned connection_limit;
    unsigned connection_limit_per_address; /**< 0: no limit */
    unsigned idle_timeout_seconds;
    /** Bound on receiving a head: from when the connection was opened (TLS handshake included), and
     * later from the request line. 0: none */
    int64_t header_timeout_ms;
    int64_t body_timeout_ms; /**< bound on receiving a body, and on taking an answer; 0: none */
    /** Memory of a connection, for a request's head and the answer's; 431 or 414 above. 0: 32 KiB
     */
    size_t max_header_bytes;
    size_t max_body_bytes;   /**< more is answered 413 by the server itself, through `refuse` */
    struct tls_files tls;    /**< read now, and again when they change; copied */
    int64_t hsts_max_age_ms; /**< with TLS: Strict-Transport-Security; 0: not sent */
    http_handler_fn handler;
    /** Answers what the server refuses itself (413); same rules as for the handler. */
    void (*refuse)(struct http_request *request, unsigned status, const char *reason);
    void *context;
};

/** Binds and starts. @returns NULL on failure, e.g. ERROR_CONFIG when the port is taken, or the TLS
 * files cannot be used. */
struct http_server *http_server_new(const struct http_server_options *options, struct error *error);

/** With TLS: reads the files now, changed or not. Connections under way go on as they are; when the
 * files cannot be used, those that were read last stay in use. Blocks on files. Any thread. */
void http_server_reload_certificate(struct http_server *server);

/** Stops accepting connections; requests under way go on. */
void http_server_quiesce(struct http_server *server);
/** Requests whose answer has not been sent (or whose peer has not been found gone) yet. */
int http_server_pending(struct http_server *server);
/** Every request must have been answered; answers still being sent are cut off. Frees. */
void http_server_free(struct http_server *server);

/* What a handler can ask of its request; strings live as long as the request. */
const char *http_request_method(const struct http_request *request);
/** The path as it was sent: not percent-decoded. */
const char *http_request_path(const struct http_request *request);
/** What follows '?', as it was sent; "" when there is none. */
const char *http_request_query(const struct http_request *request);
struct sockaddr;
/** Where the request comes from; lives as long as the request. */
const struct sockaddr *http_request_client_address(const struct http_request *request);
/**
 * Who the client is by its TLS client certificate: the common name of its subject, or, when it does
 * not have exactly one, the subject as of RFC 4514. NULL when it showed none, or none that is good
 * by `tls.client_ca` (chain, time, purpose), as far as that is known from the last minute. Only on
 * the server thread, before answering.
 */
const char *http_request_client_name(struct http_request *request);
/** First value of a header; NULL when it is not there. Only on the server thread, before answering.
 */
const char *http_request_header(const struct http_request *request, const char *name);
/** All values of a header in their order, joined by commas (RFC 9110 section 5.3), for the caller
 * to free; NULL when it is not there. Likewise. */
char *http_request_header_all(const struct http_request *request, const char *name);
/** The body, not NUL-terminated; owned by the request. */
const char *http_request_body(const struct http_request *request, size_t *length);

/** Handlers' own data; `free_context` is called when the request has been answered or its peer
 * went. */
void http_request_set_context(struct http_request *request, void *context,
                              void (*free_context)(void *context));

/**
 * Adds a header to the answer; before http_respond. Answers in HTML and JSON get security headers
 * by themselves (http_security_headers.h), except those that were added here.
 */
void http_response_header(struct http_request *request, const char *name, const char *value);

/**
 * Answers; copies `body`. Call once, from any thread. After it the request must not be touched.
 * `content_type` NULL: no such header.
 */
void http_respond(struct http_request *request, unsigned status, const char *content_type,
                  const void *body, size_t length);

#endif
