/** What http_server.c and http_request.c share; nobody else includes it. */
#ifndef WEBSUB_COMMON_HTTP_SERVER_INTERNAL_H
#define WEBSUB_COMMON_HTTP_SERVER_INTERNAL_H

#include <microhttpd.h>
#include <stdatomic.h>

#include "common/http_connection.h"
#include "common/http_server.h"

struct http_server {
    struct MHD_Daemon *daemon;
    struct http_server_options options;
    struct tls_certificate *certificate; /* NULL: no TLS */
    struct http_connections *connections;
    char *transport_security; /* value of the header; NULL: not sent */
    atomic_int unanswered;
    atomic_int pending;
};

enum request_state { REQUEST_READING, REQUEST_HANDLING, REQUEST_SUSPENDED, REQUEST_ANSWERED };

struct http_request {
    struct http_server *server;
    struct MHD_Connection *connection;
    const char *method;
    char *target; /* path, cut at '?' */
    const char *query;
    struct buffer body;
    size_t drained;
    bool too_large;
    atomic_int state;
    struct MHD_Response *response;
    unsigned status;
    struct buffer headers; /* "name\0value\0" pairs for the response */
    char *client_name;
    void *context;
    void (*free_context)(void *context);
};

/** @locality server thread */
struct http_connection *http_request_connection(const struct http_request *request);
struct http_request *http_request_new(struct http_server *server, struct MHD_Connection *connection,
                                      const char *target);
void http_request_free(struct http_request *request);

#endif
