/*
 * The life of a request, and the race between its handler and its answer:
 *
 *   HANDLING --http_respond--> ANSWERED              (answered before the handler returned)
 *   HANDLING --handler returned--> SUSPENDED --http_respond--> ANSWERED, connection resumed
 *
 * The answer may come from another thread while the server thread is about to suspend the
 * connection. So the server thread suspends first and then moves HANDLING to SUSPENDED atomically;
 * when it finds ANSWERED there instead, it resumes the connection itself. Whoever moves the state
 * last resumes: exactly one does.
 */
#include "common/http_server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/log.h"
#include "common/panic.h"

/* How much of a chunked body above the limit is read to be able to answer 413 before we hang up. */
enum { DRAIN_LIMIT = 8 << 20, CONNECTION_MEMORY = 32 << 10, CONTENT_LENGTH_UNKNOWN = -1 };

struct http_server {
    struct MHD_Daemon *daemon;
    struct http_server_options options;
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
    void *context;
    void (*free_context)(void *context);
};

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

const char *http_request_header(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
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
    request->status = status;
    struct MHD_Connection *connection = request->connection;
    int before = atomic_exchange(&request->state, REQUEST_ANSWERED);
    ENSURE(before == REQUEST_HANDLING || before == REQUEST_SUSPENDED);
    if (before == REQUEST_SUSPENDED)
        MHD_resume_connection(connection);
    atomic_fetch_sub(&server->unanswered, 1);
}

/* @locality server thread; called for each request line, before anything else */
static void *on_request_line(void *context, const char *target, struct MHD_Connection *connection)
{
    struct http_request *request = xcalloc(1, sizeof(*request));
    request->server = context;
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

/* @locality server thread */
static void on_request_completed(void *context, struct MHD_Connection *connection, void **slot,
                                 enum MHD_RequestTerminationCode code)
{
    (void)context;
    (void)connection;
    (void)code;
    struct http_request *request = *slot;
    if (!request)
        return;
    *slot = NULL;
    if (atomic_load(&request->state) != REQUEST_READING)
        atomic_fetch_sub(&request->server->pending, 1);
    if (request->free_context)
        request->free_context(request->context);
    if (request->response)
        MHD_destroy_response(request->response);
    buffer_fini(&request->headers);
    buffer_fini(&request->body);
    free(request->target);
    free(request);
}

static long long content_length(const struct http_request *request)
{
    const char *text = http_request_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return text ? strtoll(text, NULL, 10) : CONTENT_LENGTH_UNKNOWN;
}

static void begin_handling(struct http_request *request)
{
    atomic_store(&request->state, REQUEST_HANDLING);
    atomic_fetch_add(&request->server->unanswered, 1);
    atomic_fetch_add(&request->server->pending, 1);
}

static enum MHD_Result queue_answer(struct http_request *request)
{
    return MHD_queue_response(request->connection, request->status, request->response);
}

static enum MHD_Result refuse(struct http_request *request, unsigned status, const char *reason)
{
    begin_handling(request);
    request->server->options.refuse(request, status, reason);
    ENSURE(atomic_load(&request->state) == REQUEST_ANSWERED);
    return queue_answer(request);
}

static enum MHD_Result refuse_too_large(struct http_request *request)
{
    return refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, "the body is larger than this hub accepts");
}

static enum MHD_Result count_framing(void *context, enum MHD_ValueKind kind, const char *name,
                                     const char *value)
{
    (void)kind;
    (void)value;
    *(int *)context += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0 ||
                       strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
    return MHD_YES;
}

/* A proxy before us may believe another of two lengths, and see other requests than we do
 * (smuggling). */
static bool has_one_framing(const struct http_request *request)
{
    int count = 0;
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, count_framing, &count);
    return count <= 1;
}

/* First call: only the headers are there. An announced body that is too large is refused unread. */
static enum MHD_Result begin(struct http_request *request)
{
    long long announced = content_length(request);
    if (!has_one_framing(request))
        return refuse(request, MHD_HTTP_BAD_REQUEST, "more than one length of the body is given");
    if (announced > (long long)request->server->options.max_body_bytes)
        return refuse_too_large(request);
    if (announced > 0)
        buffer_reserve(&request->body, (size_t)announced);
    return MHD_YES;
}

static enum MHD_Result take_body(struct http_request *request, const char *data, size_t *size)
{
    size_t length = *size;
    *size = 0;
    if (!request->too_large &&
        request->body.length + length <= request->server->options.max_body_bytes) {
        buffer_append(&request->body, data, length);
        return MHD_YES;
    }
    request->too_large = true;
    request->drained += length;
    return request->drained > DRAIN_LIMIT ? MHD_NO : MHD_YES;
}

static enum MHD_Result handle(struct http_request *request)
{
    struct MHD_Connection *connection = request->connection;
    begin_handling(request);
    request->server->options.handler(request, request->server->options.context);
    if (atomic_load(&request->state) == REQUEST_ANSWERED)
        return queue_answer(request);

    MHD_suspend_connection(connection);
    int expected = REQUEST_HANDLING;
    if (!atomic_compare_exchange_strong(&request->state, &expected, REQUEST_SUSPENDED))
        MHD_resume_connection(connection);
    return MHD_YES;
}

/* @locality server thread */
static enum MHD_Result on_access(void *context, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *upload_data,
                                 size_t *upload_data_size, void **slot)
{
    (void)context;
    (void)connection;
    (void)url;
    (void)version;
    struct http_request *request = *slot;
    if (atomic_load(&request->state) == REQUEST_ANSWERED)
        return queue_answer(request);
    if (!request->method) {
        request->method = method;
        return begin(request);
    }
    if (*upload_data_size > 0)
        return take_body(request, upload_data, upload_data_size);
    return request->too_large ? refuse_too_large(request) : handle(request);
}

static void on_mhd_log(void *context, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void on_mhd_log(void *context, const char *format, va_list arguments)
{
    (void)context;
    char text[512];
    vsnprintf(text, sizeof(text), format, arguments);
    text[strcspn(text, "\n")] = '\0';
    log_warning("http.server", LOG_STR("message", text));
}

static int parse_address(const char *text, uint16_t port, struct sockaddr_storage *address,
                         struct error *error)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    memset(address, 0, sizeof(*address));
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
    } else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
    } else {
        return error_set(error, ERROR_CONFIG, false,
                         "listen_address: expected a numeric IPv4 or IPv6 address, got \"%s\"",
                         text);
    }
    return 0;
}

struct http_server *http_server_new(const struct http_server_options *options, struct error *error)
{
    struct sockaddr_storage address;
    if (parse_address(options->listen_address, options->port, &address, error) != 0)
        return NULL;
    struct http_server *server = xcalloc(1, sizeof(*server));
    server->options = *options;
    unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    if (address.ss_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = options->threads ? options->threads : (unsigned)(cores > 0 ? cores : 1);
    if (threads > options->connection_limit)
        threads = options->connection_limit;
    /* MHD warns about a pool of one: then the option is left out. */
    struct MHD_OptionItem pool[] = {
        {threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    server->daemon = MHD_start_daemon(
        flags, options->port, NULL, NULL, on_access, NULL,
        /* first, so that complaints about the others are seen */
        MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address, MHD_OPTION_ARRAY, pool,
        MHD_OPTION_CONNECTION_LIMIT, options->connection_limit, MHD_OPTION_CONNECTION_TIMEOUT,
        options->idle_timeout_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_LISTEN_BACKLOG_SIZE, 1024u,
        MHD_OPTION_URI_LOG_CALLBACK, on_request_line, server, MHD_OPTION_NOTIFY_COMPLETED,
        on_request_completed, NULL, MHD_OPTION_END);
    if (!server->daemon) {
        error_set(error, ERROR_CONFIG, false, "cannot listen on %s port %u",
                  options->listen_address, (unsigned)options->port);
        free(server);
        return NULL;
    }
    return server;
}

void http_server_quiesce(struct http_server *server)
{
    MHD_socket socket = MHD_quiesce_daemon(server->daemon);
    if (socket != MHD_INVALID_SOCKET)
        close(socket);
}

int http_server_pending(struct http_server *server)
{
    /* The answering thread may still be on its way out of http_respond when the answer has been
     * sent. */
    int pending = atomic_load(&server->pending), unanswered = atomic_load(&server->unanswered);
    return pending > unanswered ? pending : unanswered;
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    ENSURE(atomic_load(&server->unanswered) == 0);
    MHD_stop_daemon(server->daemon);
    free(server);
}
