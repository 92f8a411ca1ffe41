/* A request: what its handler can ask of it, and its answer. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/http_security_headers.h"
#include "common/http_server_internal.h"
#include "common/panic.h"

struct http_connection *http_request_connection(const struct http_request *request)
{
    return MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
        ->socket_context;
}

struct http_request *http_request_new(struct http_server *server, struct MHD_Connection *connection,
                                      const char *target)
{
    struct http_request *request = xcalloc(1, sizeof(*request));
    request->server = server;
    request->connection = connection;
    request->target = xstrdup(target);
    char *question_mark = strchr(request->target, '?');
    request->query = "";
    if (question_mark) {
        *question_mark = '\0';
        request->query = question_mark + 1;
    }
    atomic_init(&request->state, REQUEST_READING);
    return request;
}

void http_request_free(struct http_request *request)
{
    if (request->free_context)
        request->free_context(request->context);
    if (request->response)
        MHD_destroy_response(request->response);
    buffer_fini(&request->headers);
    buffer_fini(&request->body);
    free(request->client_name);
    free(request->target);
    free(request);
}

const char *http_request_method(const struct http_request *request)
{
    return request->method;
}

const char *http_request_path(const struct http_request *request)
{
    return request->target;
}

const char *http_request_query(const struct http_request *request)
{
    return request->query;
}

const struct sockaddr *http_request_client_address(const struct http_request *request)
{
    return MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)
        ->client_addr;
}

const char *http_request_client_name(struct http_request *request)
{
    if (!request->client_name)
        request->client_name =
            xstrdup_or_null(http_connection_client_name(http_request_connection(request)));
    return request->client_name;
}

const char *http_request_header(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

struct header_values {
    const char *name;
    struct buffer joined;
};

static enum MHD_Result join_value(void *context, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    struct header_values *values = context;
    (void)kind;
    if (strcasecmp(name, values->name) != 0)
        return MHD_YES;
    if (values->joined.data)
        buffer_append_string(&values->joined, ",");
    buffer_append_string(&values->joined, value ? value : "");
    return MHD_YES;
}

char *http_request_header_all(const struct http_request *request, const char *name)
{
    struct header_values values = {.name = name};
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, join_value, &values);
    return values.joined.data;
}

const char *http_request_body(const struct http_request *request, size_t *length)
{
    *length = request->body.length;
    return request->body.data ? request->body.data : "";
}

void http_request_set_context(struct http_request *request, void *context,
                              void (*free_context)(void *context))
{
    request->context = context;
    request->free_context = free_context;
}

void http_response_header(struct http_request *request, const char *name, const char *value)
{
    buffer_append(&request->headers, name, strlen(name) + 1);
    buffer_append(&request->headers, value, strlen(value) + 1);
}

static void add_headers(struct MHD_Response *response, const struct buffer *headers)
{
    for (size_t at = 0; at < headers->length;) {
        const char *name = headers->data + at;
        const char *value = name + strlen(name) + 1;
        MHD_add_response_header(response, name, value);
        at += strlen(name) + strlen(value) + 2;
    }
}

void http_respond(struct http_request *request, unsigned status, const char *content_type,
                  const void *body, size_t length)
{
    struct http_server *server = request->server;
    /* MHD copies; its API only forgot the const. */
    request->response =
        MHD_create_response_from_buffer(length, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
    ENSURE(request->response);
    if (content_type)
        MHD_add_response_header(request->response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    add_headers(request->response, &request->headers);
    http_security_headers_add(request->response, content_type);
    if (server->transport_security)
        MHD_add_response_header(request->response, MHD_HTTP_HEADER_STRICT_TRANSPORT_SECURITY,
                                server->transport_security);
    request->status = status;
    struct MHD_Connection *connection = request->connection;
    int before = atomic_exchange(&request->state, REQUEST_ANSWERED);
    ENSURE(before == REQUEST_HANDLING || before == REQUEST_SUSPENDED);
    if (before == REQUEST_SUSPENDED)
        MHD_resume_connection(connection);
    atomic_fetch_sub(&server->unanswered, 1);
}
